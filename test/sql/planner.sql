--
-- What the planner is told: how many rows functions return, what they cost, of how many rows a condition is true; and
-- the setting that tells what became of cohorts.
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
\pset null '(null)'

-- The rows that the planner expects of the function a query calls, or of the whole query.
CREATE FUNCTION pg_temp.plan(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan';
END $$;
CREATE FUNCTION pg_temp.scan_rows(query text) RETURNS numeric LANGUAGE sql AS $$
    SELECT (jsonb_path_query_first(pg_temp.plan(query), 'strict $.** ? (@."Node Type" == "Function Scan")."Plan Rows"') #>> '{}')::numeric
$$;
CREATE FUNCTION pg_temp.all_rows(query text) RETURNS numeric LANGUAGE sql AS $$ SELECT (pg_temp.plan(query) ->> 'Plan Rows')::numeric $$;
CREATE FUNCTION pg_temp.scan_cost(query text) RETURNS numeric LANGUAGE sql AS $$
    SELECT (jsonb_path_query_first(pg_temp.plan(query), 'strict $.** ? (@."Node Type" == "Function Scan")."Total Cost"') #>> '{}')::numeric
$$;
-- Rows that a query returns.
CREATE FUNCTION pg_temp.true_rows(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO n;
    RETURN n;
END $$;

-- 3 leads, 7 stage events of 4 stages, 2 touches of 2 channels.
CREATE TABLE plan_event (lead int, stage text, at timestamptz, is_touch boolean);
INSERT INTO plan_event VALUES
    (1, 'mql', '2025-01-01', false), (1, 'sal', '2025-01-02', false), (1, 'won', '2025-01-05', false),
    (2, 'mql', '2025-01-03', false), (2, 'lost', '2025-01-04', false),
    (3, 'mql', '2025-01-03', false), (3, 'sal', '2025-01-09', false),
    (1, 'ads', '2024-12-31', true), (2, 'mail', '2025-01-02', true);
CREATE TABLE plan_cohort (c funnel.cohort);
INSERT INTO plan_cohort
SELECT funnel.merge(funnel.cohort(lead, stage, at) FILTER (WHERE NOT is_touch), funnel.touches(lead, stage, at) FILTER (WHERE is_touch))
FROM plan_event;
SELECT c FROM plan_cohort \gset

--
-- Steps that are constant are counted, whatever the cohort is
--
SELECT what, pg_temp.scan_rows(format('SELECT * FROM plan_cohort, funnel.%s', call)) AS expected
FROM (VALUES ('a literal',            'steps(c, ''{mql,sal,won}'')'),
             ('an array expression',  'steps(c, ARRAY[''mql'', ''sal''])'),
             ('... with a column',    'steps(c, ARRAY[''mql'', c::text, ''won'', ''lost''])'),
             ('by name',              'steps(steps => ''{mql,sal}'', cohort => c)'),
             ('a stable expression',  'steps(c, string_to_array(concat(''mql,sal,won,'', ''x''), '',''))'),
             ('no steps',             'steps(c, ''{}'')'),
             ('two dimensions',       'steps(c, ''{{mql,sal},{won,lost}}'')'),
             ('NULL',                 'steps(c, NULL)'),
             ('not known: 5',         'steps(c, (SELECT ARRAY[''mql'']))'),
             ('nor here: 5',          'steps(c, string_to_array(left(c::text, 9), ''0''))'),
             ('aging: 10 stages x 4', 'aging(c)'),
             ('... x 2',              'aging(c, ''{7 days}'')'),
             ('trace: leads x 3',     'trace(c, ''{mql,sal,won}'')'),
             ('variants: 20',         'variants(c)'),
             ('... 7',                'variants(c, 7)'),
             ('... not known',        'variants(c, (SELECT 7))'),
             ('... an error',         'variants(c, -1)'),
             ('touch_paths: 20 and 1', 'touch_paths(c, ''won'')'),
             ('... 3 and 1',          'touch_paths(c, ''won'', most => 3)'),
             ('sourced: 4',           'sourced(c, ''won'', ''{ads}'', ''{}'')'),
             ('describe: 1',          'describe(c)')) q(what, call);

--
-- Of a cohort that is a constant the header is read
--
CREATE FUNCTION pg_temp.estimates(cohort text) RETURNS TABLE (call text, expected numeric, found bigint) LANGUAGE sql AS $$
    SELECT q, pg_temp.scan_rows(query), pg_temp.true_rows(query)
    FROM unnest('{events(%s),stays(%s),stages(%s),"steps(%s, ''{mql,won}'')","trace(%s, ''{mql,won}'')","attribution(%s, ''won'')",
                  transitions(%s),aging(%s),variants(%s),"touch_paths(%s, ''won'')","credits(%s, ''won'')","outcomes(%s, ''mql'', ''{won,lost}'')",
                  describe(%s)}'::text[]) AS q,
         LATERAL (SELECT 'SELECT * FROM funnel.' || format(q, cohort)) AS f (query)
$$;
SELECT * FROM pg_temp.estimates(quote_literal(:'c'));
SELECT call, expected FROM pg_temp.estimates('NULL');
-- One that is empty.
SELECT call, expected, found FROM pg_temp.estimates(quote_literal(funnel.as_of(:'c', '2000-01-01'))) WHERE call !~ '''';
-- In the target list.
SELECT pg_temp.all_rows(format('SELECT funnel.events(%L)', :'c')) AS events, pg_temp.all_rows(format('SELECT (funnel.steps(%L, ''{mql}'')).*', :'c')) AS steps;

-- As a parameter, when its value is planned for, and when it is not.
PREPARE of_cohort(funnel.cohort, text[], int) AS SELECT FROM funnel.events($1), funnel.steps($1, $2), funnel.variants($1, $3);
CREATE FUNCTION pg_temp.scans(query text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', n -> 'Function Name', n -> 'Plan Rows'), ', ' ORDER BY n ->> 'Function Name')
    FROM jsonb_path_query(pg_temp.plan(query), 'strict $.** ? (@."Node Type" == "Function Scan")') n
$$;
SET plan_cache_mode = force_custom_plan;
SELECT pg_temp.scans(format('EXECUTE of_cohort(%L, ''{mql,sal}'', 2)', :'c'));
SELECT pg_temp.scans('EXECUTE of_cohort(NULL, NULL, NULL)');
EXECUTE of_cohort(NULL, '{mql,sal}', 2);
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.scans(format('EXECUTE of_cohort(%L, ''{mql,sal}'', 2)', :'c'));
RESET plan_cache_mode;
DEALLOCATE of_cohort;
-- In a variable; one that is large lies in TOAST.
CREATE TABLE plan_large AS SELECT funnel.cohort(n, 'mql', timestamptz '2025-01-01' + n * interval '1 second') AS c FROM generate_series(1, 20000) n;
DO $$
DECLARE
    c funnel.cohort;
    plan jsonb;
BEGIN
    SELECT l.c INTO c FROM plan_large l;
    EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM funnel.events($1)' INTO plan USING c;
    RAISE INFO '% events', plan #> '{0,Plan,Plan Rows}';
END $$;

--
-- Of a column the width tells roughly, if it is small; a large one lies in TOAST, where it is taken for 10,000 events
--
CREATE TABLE plan_column AS SELECT funnel.cohort(n, stage, at + n * interval '1 hour') AS c
FROM generate_series(1, 1000) g, LATERAL (SELECT n, stage, timestamptz '2025-01-01' + g * interval '1 day' FROM generate_series(1, 20) n, unnest('{mql,won}'::text[]) stage) e(n, stage, at)
GROUP BY g;
SELECT pg_temp.scan_rows('SELECT * FROM plan_column, funnel.events(c)') AS before_analyze;
ANALYZE plan_column;
SELECT pg_temp.scan_rows('SELECT * FROM plan_column, funnel.events(c)') AS after_analyze, (SELECT max(events) FROM plan_column, funnel.describe(c)) AS found,
       pg_temp.scan_rows('SELECT * FROM plan_column, funnel.steps(c, ''{mql,won}'')') AS steps;
ANALYZE plan_large;
SELECT pg_temp.scan_rows('SELECT * FROM plan_large, funnel.events(c)') AS large;
-- Through a subquery, an outer join, of the row as a whole: not known.
SELECT pg_temp.scan_rows('SELECT * FROM (SELECT c FROM plan_column OFFSET 0) s, funnel.events(c)') AS subquery,
       pg_temp.scan_rows('SELECT (SELECT count(*) FROM funnel.events(o.c)) FROM plan_column o') AS outer_reference,
       pg_temp.scan_rows('SELECT * FROM (SELECT funnel.cohort(lead, stage, at) FROM plan_event) s(c), funnel.stays(c)') AS aggregate;

--
-- What a call costs goes by the number of events
--
SELECT round((pg_temp.scan_cost(format('SELECT * FROM funnel.steps(%L, ''{mql}'')', funnel.as_of(c, '2025-01-01 05:33:21')))
            / pg_temp.scan_cost(format('SELECT * FROM funnel.steps(%L, ''{mql}'')', funnel.as_of(c, '2025-01-01 00:33:21'))))) AS ten_times_as_many
FROM plan_large;
-- A condition that is cheap comes before one that reads a cohort.
EXPLAIN (COSTS OFF) SELECT FROM plan_cohort WHERE funnel.conversion_rate(c, 'mql', 'won') > 0.1 AND random() > 0.5;

--
-- Conditions
--
CREATE TABLE plan_stage (n int, stage funnel.lead_stage);
INSERT INTO plan_stage
SELECT n, CASE WHEN n <= 5000 THEN 'mql' WHEN n <= 7000 THEN 'sql' WHEN n <= 8000 THEN 'lost' WHEN n <= 8500 THEN 'won' WHEN n <= 9000 THEN 'recycled' END::funnel.lead_stage
FROM generate_series(1, 10000) n;
ANALYZE plan_stage;
SELECT condition, pg_temp.all_rows('SELECT FROM plan_stage WHERE ' || condition) AS expected, pg_temp.true_rows('SELECT FROM plan_stage WHERE ' || condition) AS found
FROM unnest('{funnel.is_open(stage),funnel.is_won(stage)}'::text[]) condition;
-- Where nothing is known: six stages of nine are open, one is won.
SELECT pg_temp.all_rows('SELECT FROM plan_stage WHERE funnel.is_open(try_lead_stage(n::text))') AS open, pg_temp.all_rows('SELECT FROM plan_stage WHERE funnel.is_won(try_lead_stage(n::text))') AS won;
SELECT pg_temp.all_rows('SELECT FROM plan_stage a LEFT JOIN plan_stage b ON a.n = b.n AND funnel.is_won(b.stage) WHERE funnel.is_won(a.stage)') AS joined;
-- The function forms of equality are planned as the operators.
EXPLAIN (COSTS OFF) SELECT FROM plan_column a JOIN plan_column b ON funnel.cohort_eq(a.c, b.c);
EXPLAIN (COSTS OFF) SELECT FROM plan_column WHERE funnel.cohort_ne(c, NULL) OR funnel.cohort_ne(c, c);
SELECT count(*) FROM plan_column a JOIN plan_column b ON funnel.cohort_eq(a.c, b.c);

--
-- The support function of a function that has the name, but is about no cohort
--
CREATE FUNCTION public.events(a text) RETURNS SETOF int LANGUAGE plpgsql IMMUTABLE ROWS 77 AS 'BEGIN END';
ALTER FUNCTION public.events(text) SUPPORT funnel.cohort_support;
SELECT pg_temp.scan_rows('SELECT * FROM public.events(''abc'')') AS text, pg_temp.scan_rows('SELECT * FROM public.events(repeat(''x'', 100))') AS more;
DROP FUNCTION public.events(text);
-- Every function in C that reads a cohort has a cost and is supported.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE pronamespace = 'funnel'::regnamespace AND prokind = 'f' AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AND proargtypes[0] = 'funnel.cohort'::regtype AND proname !~ '^cohort_|fn$|^merge$'
  AND (procost < 1000 OR prosupport::oid <> ALL (ARRAY['funnel.cohort_support'::regproc::oid])) ORDER BY 1;

--
-- A parallel plan is chosen where it pays: one group of many rows, not many groups of few
--
SET max_parallel_workers_per_gather = 1;
CREATE TABLE plan_many AS SELECT n AS lead, 'mql' AS stage, timestamptz '2025-01-01' + n * interval '1 second' AS at FROM generate_series(1, 150000) n;
ALTER TABLE plan_many SET (parallel_workers = 1);
ANALYZE plan_many;
EXPLAIN (COSTS OFF) SELECT funnel.cohort(lead, stage, at) FROM plan_many;
EXPLAIN (COSTS OFF) SELECT lead, funnel.cohort(lead, stage, at) FROM plan_many GROUP BY lead;
-- Many stored cohorts, one question of each: it is asked for each row, and costs that.
INSERT INTO plan_large SELECT c FROM plan_large, generate_series(1, 99);
ALTER TABLE plan_large SET (parallel_workers = 1);
ANALYZE plan_large;
EXPLAIN (COSTS OFF) SELECT s.* FROM plan_large, funnel.steps(c, '{mql,won}') s;
SET max_parallel_workers_per_gather = 0;

--
-- funnel.trace_cohorts: what is gathered, read, spilled and handed over
--
SHOW funnel.trace_cohorts;
SET client_min_messages = log;
SET funnel.trace_cohorts = on;
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won') FROM (TABLE plan_event UNION ALL SELECT NULL, 'mql', now(), false) e WHERE NOT is_touch;
SELECT step, leads FROM plan_cohort, funnel.steps(c, '{mql,won}');
SELECT leads FROM (SELECT funnel.merge(c) FROM (SELECT c FROM plan_cohort UNION ALL SELECT c FROM plan_cohort) two) m(c), funnel.describe(c);
SET funnel.trace_cohorts = off;
SELECT count(*) FROM plan_cohort, funnel.steps(c, '{mql,won}');
RESET client_min_messages;
SET funnel.trace_cohorts = 'much';

DROP TABLE plan_event, plan_cohort, plan_large, plan_column, plan_stage, plan_many;
