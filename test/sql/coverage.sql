--
-- reasons and coverage: what a history says of why leads were given up, and what is not filled in
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
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

-- A guarded table in mode audit: what is missing is let in. New leads need a campaign.
SELECT FROM funnel.create_pipeline_from('coverage', 'b2b_waterfall');
UPDATE funnel.transition SET requires = '{campaign}' WHERE pipeline = 'coverage' AND from_stage IS NULL;
CREATE TABLE lead (id int PRIMARY KEY, stage funnel.lead_stage, campaign int, owner varchar(20), source text, reason text, amount numeric(9,2), since timestamptz);
SELECT funnel.attach('lead', 'coverage', mode => 'audit', at => 'since', reason => 'reason', amount => 'amount', keep => '{campaign,owner,source}');
INSERT INTO lead VALUES
  (1, 'mql', 7, 'kim', 'web', NULL, NULL, '2024-01-01'), (2, 'mql', NULL, 'kim', 'web', NULL, NULL, '2024-01-02'), (3, 'mql', 8, 'lou', 'fair', NULL, NULL, '2024-01-03'),
  (4, 'inquiry', 7, '  ', 'web', NULL, NULL, '2024-01-04'), (5, 'mql', 8, 'lou', NULL, NULL, NULL, '2024-02-01'), (6, 'inquiry', NULL, NULL, 'web', NULL, NULL, '2024-02-02');
UPDATE lead SET stage = 'disqualified', reason = 'too small', since = '2024-01-10' WHERE id IN (1, 3);
UPDATE lead SET stage = 'disqualified', reason = '', since = '2024-01-11' WHERE id = 2;
UPDATE lead SET stage = 'mql', reason = NULL, since = '2024-01-20' WHERE id = 1;
UPDATE lead SET stage = 'disqualified', reason = 'too small', since = '2024-02-10' WHERE id = 1;
UPDATE lead SET stage = 'opportunity', amount = 500, since = '2024-02-11' WHERE id = 5;
UPDATE lead SET stage = 'lost', reason = 'price', since = '2024-02-12' WHERE id = 5;
DELETE FROM lead WHERE id = 4;
-- A requirement that the table cannot meet yet.
UPDATE funnel.stage SET requires = '{"deal no"}' WHERE pipeline = 'coverage' AND stage = 'opportunity';

--
-- reasons
--
SELECT * FROM funnel.reasons('lead_history', 'coverage', 'source', 'owner');
-- Without columns: all together. Any column of the history will do; numbers are shown as text.
SELECT stage, reason, times, leads, share FROM funnel.reasons('lead_history', 'coverage');
SELECT stage, source AS campaign, owner AS given_up_in, reason, times FROM funnel.reasons('lead_history', 'coverage', 'campaign', 'from_stage', kinds => '{disqualified}');
-- In January; as known then.
SELECT stage, reason, times FROM funnel.reasons('lead_history', 'coverage', period => '[2024-01-01,2024-02-01)');
SELECT stage, reason, times FROM funnel.reasons('lead_history', 'coverage', as_of => '2024-01-11');
SELECT count(*) FROM funnel.reasons('lead_history', 'coverage', period => 'empty');
-- A view of it, for those who read with a tool.
CREATE VIEW why AS SELECT 'lead' AS "table", r.* FROM funnel.reasons('lead_history', 'coverage', 'source', 'owner') AS r;
SELECT source, sum(times) AS times, sum(times) FILTER (WHERE reason IS NULL) AS without_reason FROM why WHERE kind = 'disqualified' GROUP BY source ORDER BY source;

--
-- coverage: of a history
--
SELECT * FROM funnel.coverage('lead_history', 'coverage', campaign_column => 'campaign', reason_column => 'reason', owner_column => 'owner');
SELECT fact, stage, total, filled, missing FROM funnel.coverage('lead_history', 'coverage', 'campaign', 'reason', 'owner', period => '[2024-02-01,)');
-- What the pipeline requires is always shown; "deal no" is in no column, so nobody can tell.
SELECT * FROM funnel.coverage('lead_history', 'coverage');
-- Of a table: as it is now.
SELECT * FROM funnel.coverage('lead', 'coverage', 'campaign', 'reason', 'owner');
SELECT fact, stage, total, filled FROM funnel.coverage('lead', 'coverage', 'campaign', owner_column => 'owner', at_column => 'since', period => '[2024-02-02,2024-02-11)');
-- By a view: a column of another name, and of a date.
CREATE VIEW contact AS SELECT id, stage::text AS state, owner, since::date AS day FROM lead;
SELECT fact, stage, total, filled FROM funnel.coverage('contact', 'coverage', owner_column => 'owner', stage_column => 'state', at_column => 'day', period => '[2024-02-02,2024-02-11)') WHERE fact = 'lead';
-- Nothing there; nothing asked.
CREATE TEMP TABLE nothing (stage text, owner text, campaign text);
SELECT * FROM funnel.coverage('nothing', 'coverage', 'campaign', owner_column => 'owner');
INSERT INTO funnel.pipeline VALUES ('coverage draft');
SELECT count(*) FROM funnel.coverage('nothing', 'coverage draft');
SELECT count(*) FROM funnel.reasons('lead_history', 'coverage draft');

-- Who owns a lead now, says its last row; of rows of the same time that of the stage further on, in whatever order they lie. No time is before any.
CREATE TEMP TABLE forth (lead int, from_stage text, to_stage text, at timestamptz, owner text);
INSERT INTO forth VALUES
  (1, NULL, 'inquiry', '2024-01-01', NULL), (1, 'inquiry', 'mql', '2024-01-01', 'kim'),   -- owned
  (2, NULL, 'inquiry', '2024-01-01', 'kim'), (2, 'inquiry', 'mql', '2024-01-01', NULL),   -- not
  (3, NULL, 'mql', NULL, 'kim'), (3, 'mql', 'sal', '2024-01-01', NULL),                   -- not
  (4, NULL, 'mql', '2024-01-01', 'kim'), (4, 'mql', NULL, '2024-01-01', 'kim'),           -- gone
  (5, NULL, 'demo', '2024-01-01', 'kim'), (5, 'demo', 'test', '2024-01-01', NULL),        -- not
  (6, 'mql', 'mql', '2024-01-01', 'kim'), (6, 'mql', 'mql', '2024-01-01', NULL);          -- owned: one of the two says by whom
CREATE TEMP TABLE back AS SELECT * FROM forth ORDER BY ctid DESC;
SELECT f.total, f.filled, b.total, b.filled FROM funnel.coverage('forth', 'coverage', owner_column => 'owner') f JOIN funnel.coverage('back', 'coverage', owner_column => 'owner') b USING (fact) WHERE fact = 'lead';

-- Rights are those of the caller.
CREATE ROLE regress_coverage_reader;
SET ROLE regress_coverage_reader;
SELECT (pg_temp.refused($$SELECT * FROM funnel.coverage('lead_history', 'coverage', 'campaign')$$)).message;
SELECT (pg_temp.refused($$SELECT * FROM funnel.reasons('lead_history', 'coverage')$$)).message;
RESET ROLE;
DROP ROLE regress_coverage_reader;

SELECT q AS query, r.* FROM unnest('{
  "reasons(NULL, ''coverage'')", "reasons(''lead_history'', NULL)", "reasons(''lead_history'', ''deals'')", "reasons(''lead'', ''coverage'')", "reasons(''lead_history'', ''coverage'', ''src'')",
  "reasons(''lead_history'', ''coverage'', owner_column => ''boss'')", "reasons(''lead_history'', ''coverage'', as_of => NULL)", "reasons(''lead_history'', ''coverage'', kinds => NULL)",
  "coverage(NULL, ''coverage'')", "coverage(''lead'', NULL)", "coverage(''lead'', ''deals'')", "coverage(''lead'', ''coverage'', ''camp'')", "coverage(''lead'', ''coverage'', stage_column => ''state'')",
  "coverage(''lead'', ''coverage'', ''campaign'', period => ''(,)'')", "coverage(''contact'', ''coverage'')"
}'::text[]) WITH ORDINALITY AS u (q, n), pg_temp.refused('SELECT * FROM funnel.' || q) AS r ORDER BY n;

--
-- A larger history against plain SQL
--
CREATE TEMP TABLE past AS
SELECT n % 700 AS lead, s[1 + n % 9] AS from_stage, s[1 + (n * 7 + n / 9) % 10] AS to_stage, timestamptz '2024-01-01' + n * interval '1 hour' AS at,
       ('{price,NULL," ",time}'::text[])[1 + n * n % 13 % 4] AS reason, (n % 5)::numeric AS amount, ('{a,b,NULL}'::text[])[1 + n % 3] AS campaign, CASE WHEN n % 11 > 3 THEN n % 4 END AS owner
FROM generate_series(1, 5000) AS n, (SELECT '{NULL,inquiry,mql,sal,sql,disqualified,lost,recycled,NULL,demo}'::text[]) AS t (s);
CREATE TEMP TABLE want AS
SELECT to_stage AS stage, nullif(reason, ' ') AS reason, campaign AS source, owner::text AS owner, count(*) AS times, count(DISTINCT lead) AS leads, sum(amount) AS amount
FROM past WHERE to_stage IN ('disqualified', 'lost', 'recycled') AND from_stage IS DISTINCT FROM to_stage AND at < '2024-05-01' AND at >= '2024-02-01' GROUP BY 1, 2, 3, 4;
SELECT count(*) AS "rows", sum(times), (SELECT count(*) FROM (SELECT stage, reason, source, owner, times, leads, amount FROM funnel.reasons('past', 'coverage', 'campaign', 'owner', '[2024-02-01,)', '2024-05-01') EXCEPT ALL TABLE want) AS d) AS only_in_funnel,
       (SELECT count(*) FROM (TABLE want EXCEPT ALL SELECT stage, reason, source, owner, times, leads, amount FROM funnel.reasons('past', 'coverage', 'campaign', 'owner', '[2024-02-01,)', '2024-05-01')) AS d) AS only_in_oracle FROM want;
SELECT bool_and(abs(sum - 1) < 1e-9) AS shares FROM (SELECT sum(share) FROM funnel.reasons('past', 'coverage', 'campaign', 'owner') GROUP BY stage, source, owner) AS s;
SELECT c.fact, c.stage, c.column_name, c.total, c.filled, c.missing, c.coverage, c.total = w.total AND c.filled = w.filled AS right FROM funnel.coverage('past', 'coverage', 'campaign', 'reason', 'owner') WITH ORDINALITY AS c
LEFT JOIN (SELECT 'response', NULL, count(*), count(campaign) FROM past WHERE from_stage IS NULL AND to_stage IS NOT NULL
           UNION ALL SELECT to_stage, to_stage, count(*), count(nullif(reason, ' ')) FROM past WHERE to_stage IN ('disqualified', 'lost', 'recycled') AND from_stage IS DISTINCT FROM to_stage GROUP BY to_stage
           UNION ALL SELECT 'lead', NULL, count(*), count(owner) FROM past AS p WHERE to_stage IS NOT NULL AND NOT EXISTS (SELECT FROM past AS l WHERE l.lead = p.lead AND l.at > p.at)
           UNION ALL SELECT 'required', to_stage, count(*), count(campaign) FROM past WHERE from_stage IS NULL AND to_stage IN ('inquiry', 'mql') GROUP BY to_stage) AS w (fact, stage, total, filled)
       ON w.fact = c.fact AND w.stage IS NOT DISTINCT FROM c.stage ORDER BY c.ordinality;

DROP TABLE lead, lead_history CASCADE;
DELETE FROM funnel.pipeline WHERE name LIKE 'coverage%';
DELETE FROM funnel.pipeline_version WHERE pipeline LIKE 'coverage%';
DELETE FROM funnel.violation_log;
