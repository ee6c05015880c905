--
-- Parallel plans: partial aggregation, really in workers, and the same bytes
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
\pset null '(null)'

-- 60,000 rows of all kinds of keys, with amounts and refs, ties and repeats, and some without a lead.
CREATE TYPE parallel_stage AS ENUM ('mql', 'sal', 'sql', 'won', 'lost');
CREATE TABLE parallel_row (n int, team int, lead text, stage text, step parallel_stage, at timestamptz, amount numeric, ref text);
ALTER TABLE parallel_row SET (parallel_workers = 2);
INSERT INTO parallel_row
SELECT n, n % 50,
       CASE WHEN n % 997 = 0 THEN NULL
            WHEN n % 4 = 0 THEN (n % 7919)::text
            WHEN n % 4 = 1 THEN 'crm_' || n % 7919
            WHEN n % 4 = 2 THEN md5((n % 7919)::text)::uuid::text
            ELSE 'lead no. ' || n % 7919 END,
       stage, stage::parallel_stage, timestamptz '2024-01-01' + (n * 31 % 1009) * interval '1 hour',
       CASE WHEN n % 3 = 0 THEN (n % 17 - 4) / 4.0 WHEN n % 1000 = 1 THEN 1e30 END, CASE WHEN n % 5 = 0 THEN 'opp ' || n % 2 END
FROM (SELECT n, (ARRAY['mql', 'sal', 'sql', 'won', 'lost'])[1 + n * 13 / 7 % 5] FROM generate_series(1, 60000) n) g(n, stage);
ANALYZE parallel_row;

--
-- The plan
--
EXPLAIN (COSTS OFF) SELECT funnel.cohort(lead, stage, at) FROM parallel_row;
EXPLAIN (COSTS OFF) SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won') FROM parallel_row;
-- Workers that a query really ran with.
CREATE FUNCTION pg_temp.workers(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
    RETURN (jsonb_path_query_first(plan::jsonb, '$.**."Workers Launched"'))::int;
END $$;
SELECT pg_temp.workers('SELECT funnel.cohort(lead, stage, at) FROM parallel_row') > 0 AS launched;
-- Everything that only answers may run in workers, but for what reads a view that may not, or catches an error.
SELECT count(*) AS not_parallel_safe FROM pg_proc
WHERE pronamespace = 'funnel'::regnamespace AND proparallel <> 's' AND provolatile <> 'v' AND proname NOT IN ('unmapped', 'find_relation');

--
-- The same answer with and without
--
CREATE FUNCTION pg_temp.compare(query text) RETURNS TABLE (workers boolean, same boolean, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
    alone text;
    together text;
    digest text := format('SELECT md5(string_agg(r::text, E''\n'' ORDER BY r::text)), count(*) FROM (%s) r', query);
BEGIN
    SET LOCAL max_parallel_workers_per_gather = 0;
    EXECUTE digest INTO alone, rows;
    SET LOCAL max_parallel_workers_per_gather = 2;
    EXECUTE digest INTO together, rows;
    workers := pg_temp.workers(digest) > 0;
    same := alone = together;
    RETURN NEXT;
END $$;
CREATE TABLE parallel_query (what text, query text);
INSERT INTO parallel_query VALUES
  ('cohort',                   'SELECT funnel.cohort(lead, stage, at)::text FROM parallel_row'),
  ('... with amounts',         'SELECT funnel.cohort(lead, stage, at, amount)::text FROM parallel_row'),
  ('... and refs',             'SELECT funnel.cohort(lead, stage, at, amount, ref)::text FROM parallel_row'),
  ('... of an enum',           'SELECT funnel.cohort(lead, step, at)::text FROM parallel_row'),
  ('... of integer keys',      'SELECT funnel.cohort(n % 5003, stage, at)::text FROM parallel_row'),
  ('... of lead_stages',       'SELECT funnel.cohort(n, stage::funnel.lead_stage, at)::text FROM parallel_row'),
  ('touches',                  'SELECT funnel.touches(lead, stage, at)::text FROM parallel_row'),
  ('by group',                 'SELECT team, funnel.cohort(lead, stage, at, amount, ref)::text FROM parallel_row GROUP BY team'),
  ('by many groups',           'SELECT n % 10000, funnel.cohort(lead, stage, at)::text FROM parallel_row GROUP BY 1'),
  ('rows for some groups only', 'SELECT team, funnel.cohort(lead, stage, at) FILTER (WHERE team < 10)::text FROM parallel_row GROUP BY team'),
  ('no rows at all',           'SELECT funnel.cohort(lead, stage, at)::text FROM parallel_row WHERE n < 0'),
  ('rows for one worker',      'SELECT funnel.cohort(lead, stage, at)::text FROM parallel_row WHERE n = 1'),
  ('only rows to be ignored',  'SELECT funnel.cohort(lead, stage, at)::text FROM parallel_row WHERE lead IS NULL'),
  ('steps',                    'SELECT s.* FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM parallel_row) t(c), funnel.steps(c, ''{mql,sal,won}'', ''10 days'', as_of => ''2024-02-01'') s'),
  ('conversion_rate',          'SELECT funnel.conversion_rate(lead, stage, at, ''mql'', ''won'') FROM parallel_row'),
  ('velocity',                 'SELECT funnel.velocity(lead, stage, at, ''mql'', ''won'') FROM parallel_row'),
  ('... by group',             'SELECT team, funnel.velocity(lead, stage, at, ''mql'', ''won''), funnel.conversion_rate(lead, stage, at, ''mql'', ''won'') FROM parallel_row GROUP BY team');
SELECT what, c.* FROM parallel_query, pg_temp.compare(query) c;
-- Sorted and hashed groups, and without the leader's help.
SET enable_hashagg = off;
SELECT what, c.* FROM parallel_query, pg_temp.compare(query) c WHERE what LIKE '%group%';
RESET enable_hashagg;
SET parallel_leader_participation = off;
SELECT what, c.* FROM parallel_query, pg_temp.compare(query) c WHERE what IN ('cohort', 'by group', '... by group');
RESET parallel_leader_participation;

-- Stored cohorts: merged in workers, and read there.
CREATE TABLE parallel_cohort (team int, c funnel.cohort);
ALTER TABLE parallel_cohort SET (parallel_workers = 2);
INSERT INTO parallel_cohort SELECT team, funnel.cohort(lead, stage, at, amount, ref) FROM parallel_row GROUP BY team, n % 8;
ANALYZE parallel_cohort;
EXPLAIN (COSTS OFF) SELECT funnel.merge(c) FROM parallel_cohort;
SELECT what, c.*
FROM (VALUES ('merge',          'SELECT funnel.merge(c)::text FROM parallel_cohort'),
             ('... by group',   'SELECT team, funnel.merge(c)::text FROM parallel_cohort GROUP BY team'),
             ('conversion_rate', 'SELECT team, funnel.conversion_rate(c, ''mql'', ''won'', as_of => ''2025-01-01'') FROM parallel_cohort OFFSET 0'),
             ('reached',        'SELECT funnel.merge(funnel.reached(c, ''won''))::text FROM parallel_cohort'),
             ('describe',       'SELECT team, d.* FROM parallel_cohort, funnel.describe(c) d')) q(what, query), pg_temp.compare(query) c;
SELECT funnel.merge(c)::text = (SELECT funnel.cohort(lead, stage, at, amount, ref)::text FROM parallel_row) AS same_bytes FROM parallel_cohort;
-- Equal or not, and by hash.
SET enable_mergejoin = off;
SELECT count(*) FROM parallel_cohort a JOIN parallel_cohort b ON a.c = b.c;
RESET enable_mergejoin;
-- An error in a worker is an error.
\set VERBOSITY terse
SELECT funnel.cohort(lead, stage, CASE WHEN n = 59999 THEN 'infinity' ELSE at END) FROM parallel_row;
\set VERBOSITY default
-- A warning comes once, from where the answer is put together.
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'closed') FROM parallel_row;

DROP TABLE parallel_row, parallel_query, parallel_cohort;
DROP TYPE parallel_stage;
