--
-- conformance: what leads did that a pipeline forbids
--
-- First on a few leads that a reader can check by hand, then against plain SQL over the rows of random histories.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET client_min_messages = warning;
SET jit = off;    -- many small calls
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END $$;

-- Allowed: to enter in mql; mql > sal > won; lost from mql and sal; and back from lost to mql.
SELECT FROM funnel.create_pipeline('conformance', '{mql,sal,won}', '{lost}');
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('conformance', 'lost', 'mql');

CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, ref text);
INSERT INTO crm VALUES
  -- ann and bob do what they may, bob on his second pass
  ('ann', 'mql', '2024-01-01', NULL), ('ann', 'sal', '2024-01-02', NULL), ('ann', 'won', '2024-01-03', NULL),
  ('bob', 'mql', '2024-01-01', NULL), ('bob', 'lost', '2024-01-02', NULL), ('bob', 'mql', '2024-01-03', NULL),
  ('bob', 'sal', '2024-01-04', NULL), ('bob', 'lost', '2024-01-05', NULL),
  -- cat skips sal, twice, and falls back from won in between
  ('cat', 'mql', '2024-01-01', NULL), ('cat', 'won', '2024-01-02', NULL), ('cat', 'mql', '2024-01-03', NULL), ('cat', 'won', '2024-01-04', NULL),
  -- and so does dan, once
  ('dan', 'mql', '2024-01-01', NULL), ('dan', 'won', '2024-02-02', NULL),
  -- eve begins in sal
  ('eve', 'sal', '2024-01-01', NULL), ('eve', 'won', '2024-01-02', NULL),
  -- fay goes through a stage that the pipeline does not have; gus begins in one, and stays
  ('fay', 'mql', '2024-01-01', NULL), ('fay', 'demo', '2024-01-02', NULL), ('fay', 'sal', '2024-01-03', NULL),
  ('gus', 'MQL', '2024-01-01', NULL),
  -- hal is seen in one stage again and again: no transition
  ('hal', 'mql', '2024-01-01', NULL), ('hal', 'mql', '2024-01-02', NULL), ('hal', 'mql', '2024-01-02', NULL), ('hal', 'sal', '2024-01-03', NULL),
  -- ivy has two deals in sal, and a demo for each: another deal in the same stage is no transition
  ('ivy', 'mql', '2024-01-01', NULL), ('ivy', 'sal', '2024-01-02', 'A'), ('ivy', 'sal', '2024-01-03', 'B'),
  ('ivy', 'demo', '2024-01-04', 'A'), ('ivy', 'demo', '2024-01-05', 'B');
-- jim was touched only, over a channel called like a stage; so were dan and eve in between.
CREATE TEMP TABLE touch (lead text, channel text, at timestamptz);
INSERT INTO touch VALUES ('jim', 'won', '2024-01-01'), ('dan', 'sal', '2024-01-15'), ('eve', 'mql', '2023-12-31'), ('ann', 'mql', '2024-01-02 12:00');
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) FROM crm) || (SELECT funnel.touches(lead, channel, at) FROM touch) AS c;

-- mql > won three times, by cat and dan; sal > demo once, for ivy. No row for what is allowed.
SELECT f.* FROM crm_cohort, funnel.conformance(c, 'conformance', '2024-03-01') f;
-- as_of now is the default; what comes at as_of or later does not exist: dan's won on 2 February, cat's second one.
SELECT count(*), sum(f.transitions) FROM crm_cohort, funnel.conformance(c, 'conformance') f;
SELECT as_of, count(f) AS rows, sum(f.transitions) AS transitions, max(f.leads) FILTER (WHERE f.to_stage = 'won') AS won
FROM crm_cohort, unnest('{-infinity,2024-01-01,2024-01-01 00:00:00.000001,2024-01-03,2024-01-04,2024-01-05,2024-02-02,2024-02-02 00:00:00.000001,infinity}'::timestamptz[]) as_of
     LEFT JOIN LATERAL funnel.conformance(c, 'conformance', as_of) f ON true
GROUP BY as_of ORDER BY as_of;

--
-- A stage that the pipeline does not have: every transition into it and out of it, also to and from another such
--
SELECT f.* FROM (SELECT funnel.cohort(1, stage, timestamptz '2024-01-01' + n * interval '1 day')
                 FROM unnest('{x,mql,x,y,sal,y}'::text[]) WITH ORDINALITY s(stage, n)) t(c), funnel.conformance(c, 'conformance') f;
-- Names are compared as they are written.
SELECT f.* FROM (SELECT funnel.cohort(1, stage, timestamptz '2024-01-01' + n * interval '1 day')
                 FROM unnest('{mql,"mql ","",Sal,sál}'::text[]) WITH ORDINALITY s(stage, n)) t(c), funnel.conformance(c, 'conformance') f;

--
-- What is allowed is what the tables say at the moment of the question
--
BEGIN;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('conformance', 'mql', 'won'), ('conformance', NULL, 'sal');
SELECT f.* FROM crm_cohort, funnel.conformance(c, 'conformance', '2024-03-01') f WHERE f.from_stage IS DISTINCT FROM 'demo' AND f.to_stage <> 'demo';
-- Without the stage sal nothing may go through it. The deletion takes its transitions along.
DELETE FROM funnel.stage WHERE pipeline = 'conformance' AND stage = 'sal';
SELECT f.* FROM crm_cohort, funnel.conformance(c, 'conformance', '2024-03-01') f WHERE 'sal' IN (f.from_stage, f.to_stage);
ROLLBACK;
SELECT count(*) FROM crm_cohort, funnel.conformance(c, 'conformance', '2024-03-01') f;
-- A pipeline need not be sound, or have any transition: then all that leads did is listed, ready to be looked through.
BEGIN;
INSERT INTO funnel.pipeline (name) VALUES ('conformance draft');
SELECT f.* FROM crm_cohort, funnel.conformance(funnel.only(c, '{mql,sal,won}'), 'conformance draft', '2024-03-01') f;
INSERT INTO funnel.stage (pipeline, stage, position) SELECT 'conformance draft', s, n FROM unnest('{mql,sal,won}'::text[]) WITH ORDINALITY t(s, n);
INSERT INTO funnel.transition (pipeline, from_stage, to_stage)
SELECT 'conformance draft', f.from_stage, f.to_stage FROM crm_cohort, funnel.conformance(funnel.only(c, '{mql,sal,won}'), 'conformance draft', '2024-03-01') f;
SELECT f.* FROM crm_cohort, funnel.conformance(funnel.only(c, '{mql,sal,won}'), 'conformance draft', '2024-03-01') f;
ROLLBACK;

--
-- Order of rows: transitions, then from_stage bytewise, NULL first, then to_stage bytewise; not by rank
--
SELECT f.from_stage, f.to_stage, f.transitions
FROM (SELECT funnel.in_order(funnel.cohort(lead, stage, timestamptz '2024-01-01' + n * interval '1 day'), '{z,é,a,Z,aa,won}')
      FROM unnest('{z won a,won é,a é aa Z,a é,won a,aa,won a}'::text[]) WITH ORDINALITY h(history, lead),
           unnest(string_to_array(history, ' ')) WITH ORDINALITY s(stage, n)) t(c),
     funnel.conformance(c, 'conformance') f;
-- ... and of events at one time: the cohort's. As text alphabetical, lost before mql before sal; in order it is no violation.
SELECT f.* FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{sal,mql,lost}'::text[]) stage) t(c), funnel.conformance(c, 'conformance') f;
SELECT f.* FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{sal,mql,lost}'::text[]) stage) t(c),
     funnel.conformance(funnel.in_order(c, '{mql,sal,lost}'), 'conformance') f;

--
-- The example is the first lead in the order that funnel.events shows
--
SELECT kind, f.example, f.leads
FROM (SELECT kind, funnel.cohort(lead, 'won', '2024-01-01')
      FROM (VALUES ('integers by value', '{10,9,-1,30000000000}'::text[]), ('uuids by bytes', '{b0000000-0000-0000-0000-000000000000,a0000000-0000-0000-0000-000000000001}'),
                   ('short codes as text', '{b,ab,B,a}'), ('integers before codes', '{a,A1,7}'), ('an empty key', '{b,""}')) v(kind, leads), unnest(leads) lead
      GROUP BY kind) t(kind, c), funnel.conformance(c, 'conformance') f ORDER BY kind;
SELECT f.example = (SELECT e.lead FROM funnel.events(c) WITH ORDINALITY e ORDER BY e.ordinality LIMIT 1) AS the_first, f.leads
FROM (SELECT funnel.cohort('lead no. ' || n, 'won', '2024-01-01') FROM generate_series(1, 1000) n) t(c), funnel.conformance(c, 'conformance') f;

--
-- Any form of a cohort, and many stages
--
CREATE TEMP TABLE piece AS SELECT lead, funnel.cohort(lead, stage, at, NULL::numeric, ref) AS c FROM crm GROUP BY lead, stage;
SELECT (SELECT array_agg(f) FROM crm_cohort, funnel.conformance(c, 'conformance', '2024-03-01') f) =
       (SELECT array_agg(f) FROM (SELECT funnel.merge(c) FROM piece) m(c), funnel.conformance(c, 'conformance', '2024-03-01') f) AS merged,
       (SELECT array_agg(f) FROM crm_cohort, funnel.conformance(c, 'conformance', '2024-03-01') f) =
       (SELECT array_agg(f) FROM (SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) FROM crm) m(c), funnel.conformance(c, 'conformance', '2024-03-01') f) AS just_aggregated;
-- 6,000 leads, each through 7 of 3,000 stages: two of them begin in each, and twelve go from each to the next.
SELECT f.from_stage IS NULL AS entries, count(*), count(DISTINCT f.to_stage) AS stages, min(f.transitions), max(f.transitions), min(f.leads), max(f.leads)
FROM (SELECT funnel.cohort(n, 'stage ' || (n + s) % 3000, timestamptz '2024-01-01' + s * interval '1 day')
      FROM generate_series(1, 6000) n, generate_series(1, 7) s) t(c), funnel.conformance(c, 'conformance') f
GROUP BY 1 ORDER BY 1;

-- One lead of 100,000 events: every day the next of mql, sal, won and lost, touched every day, and won is followed by lost.
SELECT f.*
FROM (SELECT funnel.cohort(1, (ARRAY['mql', 'sal', 'won', 'lost'])[1 + n % 4], timestamptz '2024-01-01' + n * interval '1 day') || funnel.touches(1, 'mail', timestamptz '2024-01-01' + n * interval '1 day')
      FROM generate_series(0, 99999) n) t(c), funnel.conformance(c, 'conformance', 'infinity') f;

--
-- Nothing to tell, and what is refused
--
SELECT count(*) FROM funnel.conformance(NULL, 'conformance');
SELECT count(*) FROM funnel.conformance(NULL, NULL, NULL);
SELECT count(*) FROM crm_cohort, funnel.conformance(funnel.as_of(c, '-infinity'), 'conformance');
SELECT count(*) FROM (SELECT funnel.touches(lead, channel, at) FROM touch) t(c), funnel.conformance(c, 'conformance');
SELECT call, r.* FROM (VALUES ('NULL'), ('''no such pipeline'''), ('''Conformance'''), (''''''), ('''conformance'', NULL')) v(call),
     pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.conformance(c, %s)', call)) r;
-- What is wrong does not depend on the data.
SELECT r.* FROM pg_temp.refused('SELECT * FROM crm_cohort, funnel.conformance(funnel.as_of(c, ''-infinity''), ''no such pipeline'')') r;

-- Definitions change, so the answer is not immutable; workers may ask, and give the same answer.
SELECT provolatile, proparallel, proisstrict FROM pg_proc WHERE oid = 'funnel.conformance'::regproc;
CREATE TABLE conformance_piece AS SELECT lead, c FROM piece;
ALTER TABLE conformance_piece SET (parallel_workers = 2);
CREATE FUNCTION pg_temp.answers(OUT workers boolean, OUT answer text) LANGUAGE plpgsql AS $$
DECLARE
    query text := 'SELECT md5(string_agg(lead || f::text, '','' ORDER BY lead, f)) FROM conformance_piece, LATERAL funnel.conformance(c, ''conformance'', ''2024-03-01'') f';
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
    workers := coalesce((jsonb_path_query_first(plan::jsonb, '$.**."Workers Launched"'))::int > 0, false);
    EXECUTE query INTO answer;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE answer AS SELECT 'before' AS asked, a.* FROM pg_temp.answers() a;
RESET max_parallel_workers_per_gather;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
BEGIN;
-- A worker sees what this transaction has changed and not yet committed.
INSERT INTO answer SELECT 'in workers', a.* FROM pg_temp.answers() a;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('conformance', NULL, 'won');
INSERT INTO answer SELECT 'changed, in workers', a.* FROM pg_temp.answers() a;
SET max_parallel_workers_per_gather = 0;
INSERT INTO answer SELECT 'changed', a.* FROM pg_temp.answers() a;
SELECT asked, workers, answer = (SELECT answer FROM answer WHERE asked = 'before') AS as_before, answer = (SELECT answer FROM answer WHERE asked = 'changed') AS as_changed FROM answer;
ROLLBACK;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
DROP TABLE conformance_piece;

-- Everybody may ask.
CREATE ROLE regress_conformance_reader;
SET ROLE regress_conformance_reader;
SET search_path = '';
SELECT * FROM funnel.conformance((SELECT funnel.cohort(1, 'won', '2024-01-01')), 'conformance');
RESET search_path;
RESET ROLE;
DROP ROLE regress_conformance_reader;
SET search_path = public, funnel;

--
-- Random histories: 3,000 leads in 6 cohorts, as wholes and in teams of five or six, held against 40 pipelines
--
CREATE FUNCTION pg_temp.pick(seed text, n int) RETURNS int
IMMUTABLE LANGUAGE sql AS $$ SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n $$;
CREATE TYPE pg_temp.track AS ENUM ('won', 'mql', 'sal', 'lost', 'demo');

-- ranks: the order of the stages where their type has one
CREATE TEMP TABLE plan (cohort int, about text, labels text[], ranks int[]);
INSERT INTO plan VALUES
  (1, 'int leads, text stages, refs',               '{mql,sal,sql,won,lost}', NULL),
  (2, 'codes, lead_stage, refs',                    '{mql,sql,opportunity,won,lost}', '{2,4,5,6,7}'),
  (3, 'uuid leads, enum stages',                    '{mql,sal,won,lost,demo}', '{2,3,1,4,5}'),
  (4, 'long text leads, three stages put in order', '{mql,sal,won,lost,demo}', '{3,2,1,NULL,NULL}'),
  (5, 'bigint leads, int stages, merged by hour',   '{10,9,2,-1,100}', '{10,9,2,-1,100}'),
  (6, 'int leads, two stages at three times, refs', '{a,b,a,b,a}', NULL);
-- Few times, so that many events fall together. Every other lead goes forward; one event in six comes twice.
CREATE TEMP TABLE event AS
SELECT p.cohort, n, n % 97 AS team,
       CASE p.cohort WHEN 1 THEN (n * 37 - 5000)::text WHEN 2 THEN 'L' || n WHEN 3 THEN md5('lead ' || n)::uuid::text
                     WHEN 4 THEN 'lead no. ' || n WHEN 5 THEN (n * 10000000019)::text ELSE n::text END AS lead,
       p.labels[label] AS stage, p.ranks[label] AS rank,
       timestamptz '2024-01-01' + interval '1 hour' * CASE WHEN n % 2 = 0 THEN e * 2 / 3 ELSE pg_temp.pick(seed || ' at', CASE WHEN p.cohort = 6 THEN 3 ELSE 6 END) END AS at,
       CASE WHEN p.cohort IN (1, 2, 6) THEN ('{NULL,NULL,7,8}'::int[])[1 + pg_temp.pick(seed || ' ref', 4)] END AS ref
FROM plan p, generate_series(1, 500) n, generate_series(1, 1 + pg_temp.pick(format('%s %s events', p.cohort, n), 8)) e,
     LATERAL (SELECT format('%s %s %s', p.cohort, n, e)) s(seed), LATERAL (SELECT 1 + pg_temp.pick(seed || ' stage', 5)) t(label),
     generate_series(0, (pg_temp.pick(seed || ' twice', 6) = 0)::int) twice;
-- Touches at these times and between them, over channels called like the stages.
CREATE TEMP TABLE event_touch AS
SELECT cohort, team, lead, stage AS channel, at - n % 3 * interval '30 minutes' AS at FROM event WHERE pg_temp.pick(format('%s %s touch', n, at), 3) = 0;

-- The cohorts; team NULL is the whole.
CREATE TEMP TABLE sample (cohort int, team int, c funnel.cohort);
INSERT INTO sample SELECT 1, team, funnel.cohort(lead::int, stage, at, NULL::numeric, ref) FROM event WHERE cohort = 1 GROUP BY GROUPING SETS ((), (team));
INSERT INTO sample SELECT 2, team, funnel.cohort(lead, stage::funnel.lead_stage, at, n * 1.5, ref::text) FROM event WHERE cohort = 2 GROUP BY GROUPING SETS ((), (team));
INSERT INTO sample SELECT 3, team, funnel.cohort(lead::uuid, stage::pg_temp.track, at) FROM event WHERE cohort = 3 GROUP BY GROUPING SETS ((), (team));
INSERT INTO sample SELECT 4, team, funnel.in_order(funnel.cohort(lead, stage, at), '{won,sal,mql}') FROM event WHERE cohort = 4 GROUP BY GROUPING SETS ((), (team));
INSERT INTO sample SELECT 5, team, funnel.cohort(lead::bigint, stage::int, at) FROM event WHERE cohort = 5 GROUP BY GROUPING SETS ((at), (team, at));
INSERT INTO sample SELECT 6, team, funnel.cohort(lead::int, stage, at, NULL::numeric, ref) FROM event WHERE cohort = 6 GROUP BY GROUPING SETS ((), (team));
INSERT INTO sample SELECT cohort, team, funnel.touches(lead, channel, at) FROM event_touch GROUP BY GROUPING SETS ((cohort), (cohort, team));
CREATE TEMP TABLE merged AS SELECT cohort, team, funnel.merge(c) AS c FROM sample GROUP BY cohort, team;

-- The pipelines: from none to all of the stages, and two or three fifths of the transitions between them.
INSERT INTO funnel.pipeline (name) SELECT 'conformance ' || p FROM generate_series(1, 40) p;
INSERT INTO funnel.stage (pipeline, stage, position)
SELECT 'conformance ' || p, stage, row_number() OVER (PARTITION BY p ORDER BY stage COLLATE "C")
FROM generate_series(1, 40) p, (SELECT DISTINCT unnest(labels) FROM plan) l(stage) WHERE pg_temp.pick(p || stage, 6) < p % 7;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage)
SELECT t.pipeline, f.stage, t.stage
FROM funnel.stage t JOIN (SELECT pipeline, stage FROM funnel.stage UNION ALL SELECT name, NULL FROM funnel.pipeline) f USING (pipeline)
WHERE t.pipeline LIKE 'conformance %' AND f.stage IS DISTINCT FROM t.stage
      AND pg_temp.pick(format('%s: %s > %s', t.pipeline, f.stage, t.stage), 5) < 2 + length(t.pipeline) % 2;

CREATE TEMP TABLE question AS
SELECT row_number() OVER () AS id, cohort, team, 'conformance ' || 1 + pg_temp.pick(seed || ' pipeline', 40) AS pipeline,
       timestamptz '2024-01-01' + pg_temp.pick(seed || ' as of', 8) * interval '1 hour' AS as_of
FROM merged, generate_series(1, CASE WHEN team IS NULL THEN 20 ELSE 5 END) q, LATERAL (SELECT format('%s %s %s', cohort, team, q)) s(seed);
ANALYZE event, question, merged;

CREATE TEMP TABLE got AS
SELECT q.id, f.ordinality AS place, f.from_stage, f.to_stage, f.transitions, f.leads, f.example
FROM question q JOIN merged m ON m.cohort = q.cohort AND m.team IS NOT DISTINCT FROM q.team,
     LATERAL funnel.conformance(m.c, q.pipeline, q.as_of) WITH ORDINALITY f;

-- The order of leads: by value, by bytes, and that of long texts as it is.
CREATE TEMP TABLE lead_place AS
SELECT cohort, lead, row_number() OVER (PARTITION BY cohort ORDER BY CASE WHEN cohort IN (1, 5, 6) THEN lead::bigint END, lead COLLATE "C") AS place
FROM event WHERE cohort <> 4 GROUP BY cohort, lead
UNION ALL
SELECT 4, e.lead, min(e.ordinality) FROM merged m, LATERAL funnel.events(m.c) WITH ORDINALITY e WHERE m.cohort = 4 AND m.team IS NULL GROUP BY e.lead;

-- A lead's events in their order; where the stage differs from that before there is a transition, and refs do not matter.
CREATE TEMP TABLE want AS
WITH known AS (
    SELECT q.id, q.pipeline, e.cohort, e.lead, e.stage,
           lag(e.stage) OVER (PARTITION BY q.id, e.lead ORDER BY e.at, e.rank NULLS LAST, e.stage COLLATE "C") AS previous
    FROM question q JOIN event e ON e.cohort = q.cohort AND e.team = coalesce(q.team, e.team) AND e.at < q.as_of
), forbidden AS (
    SELECT k.id, k.previous AS from_stage, k.stage AS to_stage, count(*) AS transitions, count(DISTINCT k.lead) AS leads,
           (array_agg(k.lead ORDER BY p.place))[1] AS example
    FROM known k JOIN lead_place p ON p.cohort = k.cohort AND p.lead = k.lead
    WHERE k.previous IS DISTINCT FROM k.stage
          AND NOT EXISTS (SELECT FROM funnel.transition t WHERE t.pipeline = k.pipeline AND t.from_stage IS NOT DISTINCT FROM k.previous AND t.to_stage = k.stage)
    GROUP BY k.id, k.previous, k.stage
)
SELECT id, row_number() OVER (PARTITION BY id ORDER BY transitions DESC, from_stage COLLATE "C" NULLS FIRST, to_stage COLLATE "C") AS place,
       from_stage, to_stage, transitions, leads, example
FROM forbidden;

CREATE TEMP TABLE difference AS
(SELECT 'funnel' AS only_in, * FROM (TABLE got EXCEPT ALL TABLE want) d)
UNION ALL
(SELECT 'oracle', * FROM (TABLE want EXCEPT ALL TABLE got) d);
SELECT p.about, count(DISTINCT q.id) AS questions, count(DISTINCT q.id) FILTER (WHERE w.id IS NULL) AS all_conform, count(w.id) AS rows,
       count(w.id) FILTER (WHERE w.from_stage IS NULL) AS entries, count(w.id) FILTER (WHERE w.transitions > w.leads) AS repeated,
       (SELECT count(*) FROM difference d JOIN question USING (id) WHERE cohort = p.cohort) AS differences
FROM plan p JOIN question q USING (cohort) LEFT JOIN want w USING (id) GROUP BY p.cohort, p.about ORDER BY p.cohort;
SELECT * FROM difference d JOIN question q USING (id) ORDER BY d.id, d.only_in, d.place LIMIT 6;

DELETE FROM funnel.pipeline WHERE name LIKE 'conformance%';
DELETE FROM funnel.pipeline_version WHERE pipeline LIKE 'conformance%';
