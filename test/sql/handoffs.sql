--
-- Hand-offs: handoff_points, handoffs, purgatory, recyclable
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = postgres;
SET search_path = public, funnel;
SET jit = off;
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- Marketing hands mqls to sales, who are to answer within two days.
SELECT FROM funnel.create_pipeline_from('handoffs', 'b2b_waterfall');

CREATE TEMP TABLE crm (lead text, stage funnel.lead_stage, at timestamptz, amount numeric, ref text);
INSERT INTO crm VALUES
  ('ann', 'inquiry', '2024-01-01'), ('ann', 'mql', '2024-01-02'), ('ann', 'sal', '2024-01-04'), ('ann', 'won', '2024-02-20'),  -- accepted after 2 days: within the SLA
  ('ben', 'mql', '2024-01-02'), ('ben', 'sal', '2024-01-05'), ('ben', 'sql', '2024-01-08'),                                     -- accepted after 3: late;
  ('ben', 'recycled', '2024-01-20'), ('ben', 'mql', '2024-02-26'),                                                              -- handed back, and offered again: no response
  ('cat', 'mql', '2024-01-02'), ('cat', 'disqualified', '2024-01-03'),                                                          -- rejected within the SLA
  ('dan', 'mql', '2024-01-02'), ('dan', 'inquiry', '2024-01-12'), ('dan', 'sql', '2024-01-13'),                                 -- rejected late; then past the hand-off
  ('eve', 'mql', '2024-02-29'),                                                                                                 -- pending
  ('fay', 'mql', '2024-01-10'), ('fay', 'won', '2024-01-11'), ('fay', 'inquiry', '2024-02-10'),                                 -- accepted, won; a customer who asks again is not handed back
  ('gus', 'opportunity', '2024-01-10');                                                                                         -- never offered
INSERT INTO crm VALUES
  ('hal', 'mql', '2024-01-10', 5, 'A'), ('hal', 'mql', '2024-01-11', 7, 'B'), ('hal', 'sal', '2024-01-13', NULL, 'B');           -- one wait of 3 days, whatever the record
CREATE TEMP TABLE touch (lead text, channel text, at timestamptz);
INSERT INTO touch VALUES
  ('ben', 'call', '2024-01-06'),
  ('dan', 'mail', '2024-01-05'),                                                                        -- before they had it
  ('dan', 'call', '2024-01-13'), ('dan', 'mail', '2024-01-20'), ('dan', 'newsletter', '2024-02-25'),
  ('gus', 'call', '2024-01-11'), ('gus', 'call', '2024-01-12'), ('gus', 'call', '2024-01-13'),
  ('iva', 'call', '2024-01-11');
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM crm) || (SELECT funnel.touches(lead, channel, at) FROM touch) AS c;

--
-- handoff_points: where does a pipeline hand over?
--
SELECT * FROM funnel.handoff_points('handoffs');
-- Skips do not count: mql comes before the sql that an inquiry may also go to.
BEGIN;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('handoffs', 'inquiry', 'sql'), ('handoffs', 'inquiry', 'sal'), ('handoffs', 'mql', 'won');
SELECT * FROM funnel.handoff_points('handoffs');
-- Without the way by mql they do.
DELETE FROM funnel.transition WHERE pipeline = 'handoffs' AND to_stage = 'mql';
SELECT * FROM funnel.handoff_points('handoffs');
ROLLBACK;
-- Three teams, two of them to choose from; customers are handed on after the deal. Won is no hand-off, whoever owns it.
SELECT FROM funnel.create_pipeline('handoffs teams', '{new,call,"offer EU","offer US",won,onboarding,live}', '{lost,pool}', allow_skips => true);
UPDATE funnel.stage AS s SET owner = v.owner, kind = coalesce(v.kind, s.kind), sla = v.sla
  FROM (VALUES ('new', 'marketing', NULL, NULL), ('call', 'sdr', NULL, interval '1 day'), ('offer EU', 'EU', NULL, NULL), ('offer US', 'US', NULL, NULL), ('won', 'finance', 'won', '3 days'),
               ('onboarding', 'success', NULL, NULL), ('live', 'success', NULL, NULL), ('lost', 'sdr', NULL, NULL), ('pool', 'marketing', 'recycled', NULL)) AS v (stage, owner, kind, sla)
 WHERE s.pipeline = 'handoffs teams' AND s.stage = v.stage;
DELETE FROM funnel.transition WHERE pipeline = 'handoffs teams' AND from_stage = 'offer EU' AND to_stage = 'offer US';
SELECT * FROM funnel.handoff_points('handoffs teams');
-- Nobody owns the stages: there is no hand-off. A draft has none yet.
SELECT FROM funnel.create_pipeline('handoffs unowned', '{mql,sal,won}', '{lost}');
INSERT INTO funnel.pipeline VALUES ('handoffs draft');
SELECT count(*) FROM funnel.handoff_points('handoffs unowned');
SELECT count(*) FROM funnel.handoff_points('handoffs draft');

--
-- handoffs
--
\x on
SELECT f.* FROM crm_cohort, funnel.handoffs(c, 'handoffs', '2024-03-01') f;
-- As of an earlier day ben was not handed back yet, and dan and cat had no answer; as of the end of time eve has none.
SELECT f.* FROM crm_cohort, funnel.handoffs(c, 'handoffs', '2024-01-06') f;
SELECT f.* FROM crm_cohort, funnel.handoffs(c, 'handoffs', 'infinity') f;
-- Working time: the 6th and 7th of January are a weekend.
SELECT f.* FROM (SELECT funnel.cohort(1, stage, at) FROM (VALUES ('mql', timestamptz '2024-01-05 16:00'), ('sal', '2024-01-08 11:00')) AS v (stage, at)) t(c),
       funnel.handoffs(c, 'handoffs', '2024-02-01', 'business_week') f;
-- Without an SLA nobody is late: who has not answered is pending.
BEGIN;
UPDATE funnel.stage SET sla = NULL WHERE pipeline = 'handoffs';
SELECT f.* FROM crm_cohort, funnel.handoffs(c, 'handoffs', '2024-03-01') f;
ROLLBACK;
-- Nobody was offered.
SELECT f.* FROM crm_cohort, funnel.handoffs(c, 'handoffs', '2023-01-01') f;
SELECT f.* FROM (SELECT funnel.cohort(1, 'demo', timestamptz '2024-01-01')) t(c), funnel.handoffs(c, 'handoffs') f;
\x off
-- What a lead goes to that the pipeline does not have, or that nobody owns, is no answer; nor is a step within the team.
BEGIN;
UPDATE funnel.stage SET owner = NULL WHERE pipeline = 'handoffs' AND stage = 'opportunity';
UPDATE funnel.stage SET owner = 'marketing' WHERE pipeline = 'handoffs' AND stage = 'sql';
SELECT next, offered, accepted, rejected, pending, no_response, sla_met FROM unnest('{sal,sql,opportunity,won,inquiry,lost,demo}'::text[]) WITH ORDINALITY AS n (next, n),
       LATERAL (SELECT funnel.cohort(1, stage, at) FROM (VALUES ('mql', timestamptz '2024-01-01'), (next, '2024-01-02')) AS v (stage, at)) t(c), LATERAL funnel.handoffs(c, 'handoffs', '2024-02-01') f WHERE stage = 'mql' ORDER BY n;
ROLLBACK;
-- Several teams: a row for each stage; who goes to either team has been accepted.
SELECT stage, from_owner, to_owner, offered, accepted, rejected, pending, no_response, handed_back, sla_met, sla_breached
FROM (SELECT funnel.cohort(lead, stage, timestamptz '2024-01-01' + day * interval '1 day') FROM (VALUES
        (1, 'new', 0), (1, 'call', 1), (1, 'offer EU', 2), (1, 'won', 9), (1, 'onboarding', 11), (1, 'live', 12),
        (2, 'new', 0), (2, 'call', 1), (2, 'offer US', 4), (2, 'call', 5), (2, 'lost', 6),
        (3, 'new', 0), (3, 'offer US', 4), (3, 'pool', 5), (3, 'new', 6), (3, 'won', 7)) AS v (lead, stage, day)) t(c), funnel.handoffs(c, 'handoffs teams', '2024-02-01');
SELECT count(*) FROM crm_cohort, funnel.handoffs(c, 'handoffs unowned') f;
SELECT count(*) FROM crm_cohort, funnel.handoffs(c, 'handoffs draft') f;
SELECT count(*) FROM funnel.handoffs(NULL, 'handoffs');

--
-- purgatory: accepted, and then hardly touched
--
SELECT f.* FROM crm_cohort, funnel.purgatory(c, 'handoffs', as_of => '2024-03-01') f;
-- Calls and mails only: the newsletter is no contact, but the stage a lead enters is a sign of life.
SELECT f.* FROM crm_cohort, funnel.purgatory(c, 'handoffs', '{call,mail}', as_of => '2024-03-01') f;
SELECT lead, touch_count, idle_days FROM crm_cohort, funnel.purgatory(c, 'handoffs', '{call,mail}', 3, '41 days', '2024-03-01');
SELECT lead, touch_count, idle_days FROM crm_cohort, funnel.purgatory(c, 'handoffs', '{call,mail}', 3, '41 days 00:00:00.000001', '2024-03-01');
-- Not touched at all; at an earlier time; to the end of time.
SELECT lead, stage, accepted_at FROM crm_cohort, funnel.purgatory(c, 'handoffs', most_touches => 0, as_of => '2024-03-01');
SELECT lead, stage, accepted_at, touch_count, idle_days FROM crm_cohort, funnel.purgatory(c, 'handoffs', idle => '0 days', as_of => '2024-01-10 00:00:00.000001');
SELECT lead, idle_days FROM crm_cohort, funnel.purgatory(c, 'handoffs', most_touches => 2147483647, idle => '100000 years', as_of => 'infinity');
SELECT count(*) FROM crm_cohort, funnel.purgatory(c, 'handoffs', as_of => '-infinity') f;
-- No channels: nothing counts. One that does not occur: a warning.
SELECT lead, touch_count FROM crm_cohort, funnel.purgatory(c, 'handoffs', '{}', as_of => '2024-03-01');
SELECT count(*) FROM crm_cohort, funnel.purgatory(c, 'handoffs', '{phone}', as_of => '2024-03-01') f;
-- Each team counts from when it took the lead over.
SELECT lead, stage, owner, accepted_at, entered_at, touch_count, idle_days
FROM (SELECT funnel.merge((SELECT funnel.cohort(lead, stage, timestamptz '2024-01-01' + day * interval '1 day') FROM (VALUES
        (1, 'new', 0), (1, 'call', 1), (2, 'new', 0), (2, 'call', 1), (2, 'offer EU', 2), (3, 'onboarding', 2), (3, 'live', 4), (4, 'new', 0), (5, 'call', 1), (5, 'demo', 2), (5, 'call', 3)) AS v (lead, stage, day)),
        (SELECT funnel.touches(lead, 'call', timestamptz '2024-01-02 12:00') FROM generate_series(1, 5) AS lead))) t(c),
     funnel.purgatory(c, 'handoffs teams', as_of => '2024-02-01');
SELECT count(*) FROM crm_cohort, funnel.purgatory(c, 'handoffs unowned') f;
SELECT count(*) FROM funnel.purgatory(NULL, 'handoffs');

--
-- recyclable: lost and disqualified, due for another try
--
INSERT INTO crm VALUES
  ('ida', 'opportunity', '2024-01-05', 900), ('ida', 'lost', '2024-01-25', NULL),
  ('jon', 'opportunity', '2023-06-05', 400), ('jon', 'lost', '2023-06-25', NULL), ('jon', 'recycled', '2023-07-25', NULL), ('jon', 'mql', '2023-10-01', NULL),
  ('jon', 'disqualified', '2023-10-05', NULL);
TRUNCATE crm_cohort;
INSERT INTO crm_cohort SELECT (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM crm) || (SELECT funnel.touches(lead, channel, at) FROM (TABLE touch UNION ALL VALUES ('ida', 'call', timestamptz '2024-01-06'), ('ida', 'newsletter', '2024-02-01')) AS t);
SELECT f.* FROM crm_cohort, funnel.recyclable(c, 'handoffs', '30 days', '2024-03-01') f;
-- Due on the day itself, not a microsecond before.
SELECT as_of, array_agg(lead ORDER BY lead) FROM crm_cohort, unnest('{2024-02-24,2024-02-23 23:59:59.999999}'::timestamptz[]) AS as_of, funnel.recyclable(c, 'handoffs', '30 days', as_of) GROUP BY as_of ORDER BY as_of DESC;
SELECT lead, stage, kind, days FROM crm_cohort, funnel.recyclable(c, 'handoffs', '0 days', '2024-01-21', '{recycled,lost}');
SELECT lead, touch_count FROM crm_cohort, funnel.recyclable(c, 'handoffs', '30 days', '2024-03-01', touches => '{newsletter}');
SELECT lead, days FROM crm_cohort, funnel.recyclable(c, 'handoffs', as_of => 'infinity');
-- With reasons of a history: the last one of that stage before as_of; a blank one is none. Any table with these columns will do.
CREATE TEMP TABLE past (lead varchar(10), to_stage funnel.lead_stage, at timestamptz, reason varchar(20));
INSERT INTO past VALUES ('ida', 'opportunity', '2024-01-05', 'wrong'), ('ida', 'lost', '2024-01-25', 'price'), ('ida', 'lost', '2024-04-25', 'later'), ('ida', NULL, '2024-02-01', 'deleted'),
  ('jon', 'disqualified', '2023-10-05', E' \t'), ('jon', 'lost', '2023-06-25', 'no budget'), ('cat', 'disqualified', '2023-10-05', 'first'), ('cat', 'disqualified', '2024-01-03', 'second'), ('zoe', 'lost', '2024-01-01', 'no lead');
SELECT lead, stage, reason FROM crm_cohort, funnel.recyclable(c, 'handoffs', '30 days', '2024-03-01', history => 'past');
ALTER TABLE past ALTER at TYPE text USING to_char(at, 'YYYY-MM-DD');
SELECT lead, stage, reason FROM crm_cohort, funnel.recyclable(c, 'handoffs', '30 days', '2024-03-01', history => 'past');
-- A history as funnel.attach() makes it, of numbers.
CREATE TABLE handoff_leads (id numeric PRIMARY KEY, stage text, reason text);
SELECT funnel.attach('handoff_leads', 'handoffs', reason => 'reason');
INSERT INTO handoff_leads VALUES (1.50, 'mql'), (20, 'mql');
UPDATE handoff_leads SET stage = 'disqualified', reason = 'too small';
SELECT lead, stage, from_stage, reason FROM (SELECT funnel.cohort(lead, to_stage, at) FROM handoff_leads_history) t(c), funnel.recyclable(c, 'handoffs', '0 days', 'infinity', history => 'handoff_leads_history');
SELECT count(*) FROM crm_cohort, funnel.recyclable(c, 'handoffs draft') f;
SELECT count(*) FROM funnel.recyclable(NULL, 'no such pipeline');

--
-- Refused
--
SELECT q AS query, r.* FROM unnest('{
  "handoff_points(NULL)", "handoff_points(''deals'')",
  "handoffs(c, NULL)", "handoffs(c, ''deals'')", "handoffs(c, ''handoffs'', NULL)", "handoffs(c, ''handoffs unowned'', NULL)", "handoffs(c, ''handoffs'', now(), ''tuesdays'')",
  "purgatory(c, ''deals'')", "purgatory(c, ''handoffs'', most_touches => NULL)", "purgatory(c, ''handoffs'', most_touches => -1)",
  "purgatory(c, ''handoffs'', idle => NULL)", "purgatory(c, ''handoffs'', idle => ''-1 day'')", "purgatory(c, ''handoffs'', as_of => NULL)", "purgatory(c, ''handoffs draft'', as_of => NULL)", "purgatory(c, ''handoffs'', ''{a,NULL}'')",
  "recyclable(c, ''deals'')", "recyclable(c, ''handoffs'', NULL)", "recyclable(c, ''handoffs'', ''-1 day'')", "recyclable(c, ''handoffs'', as_of => NULL)",
  "recyclable(c, ''handoffs'', kinds => NULL)", "recyclable(c, ''handoffs'', kinds => ''{lost,won}'')", "recyclable(c, ''handoffs'', history => ''crm'')"
}'::text[]) WITH ORDINALITY AS u (q, n), pg_temp.refused('SELECT * FROM crm_cohort, funnel.' || q) AS r ORDER BY n;

--
-- Random histories against plain SQL: ties, repeats, records, stages the pipelines do not know, ways they forbid
--
CREATE FUNCTION pg_temp.pick(seed text, n int) RETURNS int
IMMUTABLE LANGUAGE sql AS $$ SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n $$;
CREATE TEMP TABLE event AS
SELECT p.pipeline, n AS lead, stage, timestamptz '2024-01-01' + pg_temp.pick(seed || ' at', 60) * interval '5 hours' AS at,
       CASE pg_temp.pick(seed || ' amount', 3) WHEN 0 THEN pg_temp.pick(seed || ' value', 4) END AS amount, ('{NULL,NULL,A,B}'::text[])[1 + pg_temp.pick(seed || ' ref', 4)] AS ref
FROM (VALUES ('handoffs', '{inquiry,mql,mql,mql,sal,sal,sql,opportunity,won,lost,disqualified,recycled,demo}'::text[]),
             ('handoffs teams', '{new,call,call,"offer EU","offer US",won,onboarding,live,lost,pool,demo}')) AS p (pipeline, stages),
     generate_series(1, 800) AS n, generate_series(1, 1 + pg_temp.pick(format('%s %s', p.pipeline, n), 9)) AS e, LATERAL (SELECT format('%s %s %s', p.pipeline, n, e)) AS s (seed),
     LATERAL (SELECT stages[1 + pg_temp.pick(seed || ' stage', cardinality(stages))]) AS t (stage);
CREATE TEMP TABLE event_touch AS
SELECT pipeline, lead, ('{call,mail,newsletter}'::text[])[1 + pg_temp.pick(format('%s %s %s', pipeline, lead, n), 3)] AS channel,
       at + (n - 2) * interval '5 hours' AS at FROM event, generate_series(1, 3) AS n WHERE pg_temp.pick(format('%s %s touch %s', pipeline, lead, n), 2) = 0;
CREATE TEMP TABLE sample AS
SELECT p.pipeline, (SELECT funnel.in_order(funnel.cohort(lead, stage, at, amount, ref), (SELECT array_agg(stage ORDER BY position) FROM funnel.stage AS s WHERE s.pipeline = p.pipeline)) FROM event AS e WHERE e.pipeline = p.pipeline)
       || (SELECT funnel.touches(lead, channel, at) FROM event_touch AS t WHERE t.pipeline = p.pipeline) AS c,
       (SELECT funnel.in_order(funnel.cohort(lead, stage, at, amount), (SELECT array_agg(stage ORDER BY position) FROM funnel.stage AS s WHERE s.pipeline = p.pipeline)) FROM event AS e WHERE e.pipeline = p.pipeline)
       || (SELECT funnel.touches(lead, channel, at) FROM event_touch AS t WHERE t.pipeline = p.pipeline) AS without_refs
FROM (VALUES ('handoffs'), ('handoffs teams')) AS p (pipeline);
CREATE TEMP TABLE question AS SELECT pipeline, as_of FROM sample, unnest('{2024-01-03,2024-01-09 01:00,2024-01-12,2024-03-01}'::timestamptz[]) AS as_of;
-- The hand-offs, found by looking at the pipelines.
CREATE TEMP TABLE point (pipeline text, stage text, from_owner text, to_owner text);
INSERT INTO point VALUES ('handoffs', 'mql', 'marketing', 'sales'), ('handoffs teams', 'new', 'marketing', 'sdr'), ('handoffs teams', 'call', 'sdr', 'EU, US'), ('handoffs teams', 'won', 'finance', 'success');

-- Runs of one stage, whatever the record; what comes next.
CREATE TEMP TABLE run AS
WITH known AS (
    SELECT q.*, e.lead, e.stage, e.at, lag(e.stage) OVER w AS previous, row_number() OVER w AS n
    FROM question AS q JOIN event AS e ON e.pipeline = q.pipeline AND e.at < q.as_of LEFT JOIN funnel.stage AS s ON s.pipeline = e.pipeline AND s.stage = e.stage
    WINDOW w AS (PARTITION BY q.pipeline, q.as_of, e.lead ORDER BY e.at, s.position NULLS LAST, e.stage COLLATE "C", e.amount, e.ref COLLATE "C")
)
SELECT k.pipeline, k.as_of, k.lead, k.stage, k.at, k.n, lead(k.at) OVER w AS left_at, lead(k.stage) OVER w AS next, s.owner, s.kind, s.position, s.sla
FROM known AS k LEFT JOIN funnel.stage AS s ON s.pipeline = k.pipeline AND s.stage = k.stage
WHERE k.stage IS DISTINCT FROM k.previous WINDOW w AS (PARTITION BY k.pipeline, k.as_of, k.lead ORDER BY k.n);
CREATE INDEX ON run (pipeline, as_of, lead);
ANALYZE run;

CREATE TEMP TABLE wait AS
SELECT r.*, p.from_owner, p.to_owner, extract(epoch FROM coalesce(r.left_at, r.as_of) - r.at)::float8 / 86400 AS days,
       CASE WHEN r.next IS NULL THEN CASE WHEN r.as_of - r.at > r.sla THEN 'no response' ELSE 'pending' END
            WHEN t.kind IN ('open', 'won') AND t.position > r.position THEN CASE WHEN t.owner <> p.from_owner THEN 'accepted' END
            WHEN t.stage IS NOT NULL THEN 'rejected' END AS answer,
       EXISTS (SELECT FROM run AS b WHERE (b.pipeline, b.as_of, b.lead) = (r.pipeline, r.as_of, r.lead) AND b.n > r.n AND b.owner = p.from_owner AND b.kind IN ('open', 'recycled')
                  AND NOT EXISTS (SELECT FROM run AS o WHERE (o.pipeline, o.as_of, o.lead) = (r.pipeline, r.as_of, r.lead) AND o.n > r.n AND o.n < b.n AND o.kind = 'won')) AS came_back
FROM run AS r JOIN point AS p USING (pipeline, stage) LEFT JOIN funnel.stage AS t ON t.pipeline = r.pipeline AND t.stage = r.next;

CREATE TEMP TABLE want AS
SELECT pipeline, as_of, stage, from_owner, to_owner, count(*) AS offered, count(*) FILTER (WHERE answer = 'accepted') AS accepted, count(*) FILTER (WHERE answer = 'rejected') AS rejected,
       count(*) FILTER (WHERE answer = 'pending') AS pending, count(*) FILTER (WHERE answer = 'no response') AS no_response,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE answer = 'accepted') AS p50_days, percentile_cont(0.9) WITHIN GROUP (ORDER BY days) FILTER (WHERE answer = 'accepted') AS p90_days,
       count(*) FILTER (WHERE answer = 'accepted' AND came_back) AS handed_back,
       CASE WHEN min(sla) IS NOT NULL THEN count(*) FILTER (WHERE answer IN ('accepted', 'rejected') AND left_at - at <= sla) END AS sla_met,
       CASE WHEN min(sla) IS NOT NULL THEN count(*) FILTER (WHERE answer = 'no response' OR answer IN ('accepted', 'rejected') AND left_at - at > sla) END AS sla_breached
FROM wait WHERE answer IS NOT NULL GROUP BY pipeline, as_of, stage, from_owner, to_owner;
SELECT q.pipeline, g.stage, sum(g.offered) AS offered, sum(g.accepted) AS accepted, sum(g.rejected) AS rejected, sum(g.pending) AS pending, sum(g.no_response) AS no_response, sum(g.handed_back) AS handed_back,
       count(*) AS questions, count(*) FILTER (WHERE (g.offered, g.accepted, g.rejected, g.pending, g.no_response, g.handed_back) = (w.offered, w.accepted, w.rejected, w.pending, w.no_response, w.handed_back)
           AND (g.from_owner, g.to_owner, g.sla_met, g.sla_breached) IS NOT DISTINCT FROM (w.from_owner, w.to_owner, w.sla_met, w.sla_breached)
           AND coalesce(abs(g.p50_days - w.p50_days) < 1e-9 AND abs(g.p90_days - w.p90_days) < 1e-9, g.p50_days IS NULL AND w.p50_days IS NULL)
           AND g.offered = g.accepted + g.rejected + g.pending + g.no_response AND abs(g.accept_rate - g.accepted / g.offered::float8) < 1e-12 AND abs(g.reject_rate - g.rejected / g.offered::float8) < 1e-12
           AND g.no_response_rate IS NOT DISTINCT FROM CASE WHEN w.sla_met IS NOT NULL THEN w.no_response / w.offered::float8 END) AS right
FROM question AS q JOIN sample AS s USING (pipeline) CROSS JOIN LATERAL funnel.handoffs(s.c, q.pipeline, q.as_of) AS g JOIN want AS w ON (w.pipeline, w.as_of, w.stage) = (q.pipeline, q.as_of, g.stage)
GROUP BY q.pipeline, g.stage ORDER BY q.pipeline, min(g.offered);
SELECT count(*) AS "rows", (SELECT count(*) FROM question JOIN sample USING (pipeline), LATERAL funnel.handoffs(c, pipeline, as_of)) AS found FROM want;
-- A cohort in pieces, and one that is read as it is aggregated.
SELECT pipeline, (SELECT array_agg(f ORDER BY f) FROM (SELECT funnel.merge(c) FROM (SELECT funnel.cohort(lead, stage, at) FROM event AS e WHERE e.pipeline = q.pipeline GROUP BY at) AS p (c)) AS m (c), LATERAL funnel.handoffs(c, q.pipeline, as_of) AS f)
    = (SELECT array_agg(f ORDER BY f) FROM (SELECT funnel.cohort(lead, stage, at) FROM event AS e WHERE e.pipeline = q.pipeline) AS m (c), LATERAL funnel.handoffs(c, q.pipeline, as_of) AS f) AS same FROM question AS q WHERE as_of = '2024-03-01' ORDER BY pipeline;

-- purgatory and recyclable, where a lead has one record: a stay is a run then
CREATE TEMP TABLE accepted (pipeline text, stage text);
INSERT INTO accepted VALUES ('handoffs', 'sal'), ('handoffs', 'sql'), ('handoffs', 'opportunity'), ('handoffs teams', 'call'), ('handoffs teams', 'offer EU'), ('handoffs teams', 'offer US'), ('handoffs teams', 'onboarding'), ('handoffs teams', 'live');
CREATE TEMP TABLE want_purgatory AS
WITH open AS (
    SELECT r.*, coalesce((SELECT max(o.left_at) FROM run AS o LEFT JOIN accepted AS x ON (x.pipeline, x.stage) = (o.pipeline, o.stage)
                           WHERE (o.pipeline, o.as_of, o.lead) = (r.pipeline, r.as_of, r.lead) AND o.n < r.n AND (x.stage IS NULL OR o.owner <> r.owner)),
                         (SELECT min(o.at) FROM run AS o WHERE (o.pipeline, o.as_of, o.lead) = (r.pipeline, r.as_of, r.lead))) AS accepted_at
    FROM run AS r JOIN accepted USING (pipeline, stage) WHERE r.next IS NULL
), touched AS (
    SELECT o.pipeline, o.as_of, o.lead, o.stage, o.owner, o.accepted_at, o.at AS entered_at,
           count(t.at) AS touch_count, max(t.at) AS last_touch_at
    FROM open AS o LEFT JOIN event_touch AS t ON t.pipeline = o.pipeline AND t.lead = o.lead AND t.at >= o.accepted_at AND t.at < o.as_of AND t.channel <> 'newsletter'
    GROUP BY o.pipeline, o.as_of, o.lead, o.stage, o.owner, o.accepted_at, o.at
)
SELECT pipeline, as_of, lead::text, stage, owner, accepted_at, entered_at, touch_count, last_touch_at
FROM touched WHERE touch_count <= 1 AND as_of - greatest(entered_at, last_touch_at) >= interval '50 hours';
CREATE TEMP TABLE got_purgatory AS
SELECT q.pipeline, q.as_of, f.lead, f.stage, f.owner, f.accepted_at, f.entered_at, f.touch_count, f.last_touch_at, f.idle_days, f.ordinality
FROM question AS q JOIN sample USING (pipeline), LATERAL funnel.purgatory(without_refs, pipeline, '{mail,call}', 1, '50 hours', as_of) WITH ORDINALITY AS f;
SELECT pipeline, count(*), count(*) FILTER (WHERE touch_count = 1) AS touched_once FROM want_purgatory GROUP BY pipeline ORDER BY pipeline;
(SELECT 'funnel' AS only_in, pipeline, as_of, lead, stage, owner, accepted_at, entered_at, touch_count, last_touch_at FROM got_purgatory EXCEPT ALL SELECT 'funnel', * FROM want_purgatory)
UNION ALL
(SELECT 'oracle', * FROM want_purgatory EXCEPT ALL SELECT 'oracle', pipeline, as_of, lead, stage, owner, accepted_at, entered_at, touch_count, last_touch_at FROM got_purgatory) LIMIT 5;
SELECT bool_and(abs(idle_days - extract(epoch FROM as_of - greatest(entered_at, last_touch_at)) / 86400) < 1e-9) AS days,
       bool_and(ordinality = place) AS in_order
FROM (SELECT *, row_number() OVER (PARTITION BY pipeline, as_of ORDER BY idle_days DESC, lead::int) AS place FROM got_purgatory) AS g;

CREATE TEMP TABLE want_recyclable AS
SELECT r.pipeline, r.as_of, r.lead::text, r.stage, r.kind, r.at AS entered_at, o.stage AS from_stage,
       (SELECT count(*) FROM event_touch AS t WHERE t.pipeline = r.pipeline AND t.lead = r.lead AND t.at < r.at) AS touch_count
FROM run AS r LEFT JOIN LATERAL (SELECT stage FROM run AS o WHERE (o.pipeline, o.as_of, o.lead) = (r.pipeline, r.as_of, r.lead) AND o.n < r.n ORDER BY o.n DESC LIMIT 1) AS o ON true
WHERE r.next IS NULL AND r.kind IN ('lost', 'disqualified') AND r.as_of - r.at >= interval '50 hours';
CREATE TEMP TABLE got_recyclable AS
SELECT q.pipeline, q.as_of, f.lead, f.stage, f.kind, f.entered_at, f.from_stage, f.touch_count, f.times, f.amount, f.ordinality FROM question AS q JOIN sample USING (pipeline), LATERAL funnel.recyclable(without_refs, pipeline, '50 hours', as_of) WITH ORDINALITY AS f;
SELECT pipeline, count(*), count(DISTINCT stage) FROM want_recyclable GROUP BY pipeline ORDER BY pipeline;
(SELECT 'funnel' AS only_in, pipeline, as_of, lead, stage, kind, entered_at, from_stage, touch_count FROM got_recyclable EXCEPT ALL SELECT 'funnel', * FROM want_recyclable)
UNION ALL
(SELECT 'oracle', * FROM want_recyclable EXCEPT ALL SELECT 'oracle', pipeline, as_of, lead, stage, kind, entered_at, from_stage, touch_count FROM got_recyclable) LIMIT 5;
-- How often, of which amount: as the stays say.
SELECT count(*) AS leads, count(*) FILTER (WHERE g.times > 1) AS repeatedly, count(g.amount) AS with_amount, bool_and(g.times = y.times AND g.amount IS NOT DISTINCT FROM y.amount) AS right
FROM got_recyclable AS g JOIN (
    SELECT q.pipeline, q.as_of, f.lead, count(*) FILTER (WHERE f.stage IN ('lost', 'disqualified')) AS times, (array_agg(f.amount ORDER BY f.ordinality DESC) FILTER (WHERE f.amount IS NOT NULL))[1] AS amount
    FROM question AS q JOIN sample USING (pipeline), LATERAL funnel.stays(without_refs, as_of => q.as_of) WITH ORDINALITY AS f GROUP BY q.pipeline, q.as_of, f.lead) AS y USING (pipeline, as_of, lead);
SELECT bool_and(ordinality = place) AS in_order FROM (SELECT *, row_number() OVER (PARTITION BY pipeline, as_of ORDER BY entered_at, lead::int) AS place FROM got_recyclable) AS g;

-- Everybody may ask, whatever the search_path.
CREATE ROLE regress_handoffs_reader;
GRANT SELECT ON sample TO regress_handoffs_reader;
SET ROLE regress_handoffs_reader;
SET search_path = '';
SELECT count(*) FROM pg_temp.sample, funnel.handoffs(c, pipeline, '2024-03-01') AS f;
SELECT count(*) FROM pg_temp.sample, funnel.purgatory(c, pipeline, as_of => '2024-03-01') AS f;
RESET search_path;
RESET ROLE;
DROP OWNED BY regress_handoffs_reader;
DROP ROLE regress_handoffs_reader;

DROP TABLE handoff_leads, handoff_leads_history;
DELETE FROM funnel.pipeline WHERE name LIKE 'handoffs%';
DELETE FROM funnel.pipeline_version WHERE pipeline LIKE 'handoffs%';
