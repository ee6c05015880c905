--
-- One answer in every kind of plan and wherever a cohort is used
--
-- Parallel plans: parallel.sql.
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
\pset null '(null)'

-- 30,000 rows in 20 teams and 4 regions: large groups and, by the day, many small ones. What to compare with is built
-- team by team and day by day, each by itself.
CREATE TABLE plan_row AS
SELECT n, n * 31 % 20 AS team, n % 4 AS region, n * 7919 % 1499 AS lead, (ARRAY['mql', 'sal', 'sql', 'won', 'lost'])[1 + n * 13 % 5] AS stage,
       timestamptz '2024-01-01' + (n * 4729 % 700) * interval '1 hour' AS at, n % 11 AS day
FROM generate_series(1, 30000) n;
INSERT INTO plan_row VALUES (0, 3, 3, NULL, 'mql', '2024-01-01', 3);
ANALYZE plan_row;
CREATE TEMP TABLE by_team (team int, form text);
DO $$
BEGIN
    FOR t IN 0..19 LOOP
        INSERT INTO by_team SELECT t, funnel.cohort(lead, stage, at)::text FROM plan_row WHERE team = t;
    END LOOP;
END $$;
CREATE TEMP TABLE of_all AS SELECT funnel.cohort(lead, stage, at)::text AS form FROM plan_row;
SELECT count(DISTINCT form) AS teams, min(length(form)) > 1000 AS large FROM by_team;
-- Rows of by_team that a query, giving team and text, differs from; 0 is right.
CREATE FUNCTION pg_temp.differ(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) q(team, form) FULL JOIN by_team b USING (team) WHERE q.form IS DISTINCT FROM b.form', query) INTO n;
    RETURN n;
END $$;
-- The kinds of aggregation and of scans in a plan.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Aggregate|WindowAgg' THEN
            RETURN NEXT btrim(line, ' ->');
        END IF;
    END LOOP;
END $$;
SET max_parallel_workers_per_gather = 0;

--
-- Grouping: hashed, sorted, spilled, several sets at once
--
SELECT pg_temp.plan('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY team');
SELECT pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY team') AS hashed;
SET enable_hashagg = off;
SELECT pg_temp.plan('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY team');
SELECT pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY team') AS sorted;
RESET enable_hashagg;
-- 30,000 groups that do not fit into memory, and are written out and read again; then put together.
SET work_mem = '64kB';
SET enable_sort = off;
SELECT pg_temp.plan('SELECT team, lead, day, funnel.cohort(lead, stage, at) FROM plan_row GROUP BY team, lead, day');
CREATE FUNCTION pg_temp.batches(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
    RETURN (jsonb_path_query_first(plan::jsonb, '$.**."HashAgg Batches"'))::int;
END $$;
SELECT pg_temp.batches('SELECT team, lead, day, funnel.cohort(lead, stage, at) FROM plan_row GROUP BY team, lead, day') > 1 AS spilled;
SELECT pg_temp.differ('SELECT team, funnel.merge(c)::text
                       FROM (SELECT team, funnel.cohort(lead, stage, at) FROM plan_row GROUP BY team, lead, day) s(team, c) GROUP BY team') AS spilled;
RESET enable_sort;
RESET work_mem;
-- Grouping sets: of the teams in any company, and all of it.
SELECT pg_temp.plan('SELECT team, region, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY GROUPING SETS (team, (team, region), region, ())');
SELECT pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row
                       GROUP BY GROUPING SETS (team, (team, region), region, ()) HAVING GROUPING(team, region) = 1') AS hashed_sets;
SELECT pg_temp.differ('SELECT team, funnel.merge(c)::text
                       FROM (SELECT team, region, GROUPING(team, region), funnel.cohort(lead, stage, at) FROM plan_row
                             GROUP BY CUBE (team, region)) s(team, region, g, c) WHERE g = 0 GROUP BY team') AS cube;
SET enable_hashagg = off;
SELECT pg_temp.plan('SELECT team, region, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY ROLLUP (team, region)');
SELECT pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row GROUP BY ROLLUP (team, region)
                       HAVING GROUPING(team, region) = 1') AS sorted_sets;
SELECT funnel.cohort(lead, stage, at)::text = (SELECT form FROM of_all) AS grand_total FROM plan_row
GROUP BY ROLLUP (team, region) HAVING GROUPING(team, region) = 3;
RESET enable_hashagg;
-- Partition by partition, and the parts combined.
CREATE TABLE plan_part (LIKE plan_row) PARTITION BY LIST (region);
CREATE TABLE plan_part_0 PARTITION OF plan_part FOR VALUES IN (0, 1);
CREATE TABLE plan_part_1 PARTITION OF plan_part FOR VALUES IN (2, 3);
INSERT INTO plan_part TABLE plan_row;
ANALYZE plan_part;
SET enable_partitionwise_aggregate = on;
SELECT pg_temp.plan('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_part GROUP BY team');
SELECT pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_part GROUP BY team') AS partial;
SELECT funnel.merge(c)::text = (SELECT form FROM of_all) AS full_aggregation
FROM (SELECT region, funnel.cohort(lead, stage, at) FROM plan_part GROUP BY region) s(region, c);
RESET enable_partitionwise_aggregate;

--
-- Inside the aggregate: FILTER, DISTINCT, ORDER BY
--
SELECT pg_temp.differ('SELECT t, funnel.cohort(lead, stage, at) FILTER (WHERE team = t)::text FROM plan_row, generate_series(0, 19) t GROUP BY t') AS filter;
SELECT pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at ORDER BY n DESC)::text FROM plan_row GROUP BY team') AS descending,
       pg_temp.differ('SELECT team, funnel.cohort(lead, stage, at ORDER BY stage, lead)::text FROM plan_row GROUP BY team') AS by_stage;
SELECT bool_and(once = deduplicated) AS distinct, count(*) AS teams
FROM (SELECT funnel.cohort(DISTINCT lead, stage, at)::text, funnel.deduplicate(funnel.cohort(lead, stage, at))::text
      FROM (TABLE plan_row UNION ALL TABLE plan_row) t WHERE lead IS NOT NULL GROUP BY team) s(once, deduplicated);

--
-- Several aggregates in one query share their input, and their state where their arguments are equal
--
SELECT pg_temp.differ('SELECT team, CASE WHEN a = b AND c = d THEN a END
                       FROM (SELECT team, funnel.cohort(lead, stage, at)::text, funnel.cohort(lead, stage, at ORDER BY n)::text,
                                    funnel.touches(lead, stage, at)::text, funnel.touches(lead, stage, at)::text
                             FROM plan_row GROUP BY team) s(team, a, b, c, d)') AS four;
SELECT d.leads, r.leads AS reached, r.ignored
FROM (SELECT funnel.cohort(lead, stage, at), funnel.reached(funnel.cohort(lead, stage, at), 'won') FROM plan_row) s(a, b),
     funnel.describe(a) d, funnel.describe(b) r;

--
-- Windows
--
SELECT pg_temp.plan('SELECT team, funnel.cohort(lead, stage, at) OVER (PARTITION BY team) FROM plan_row');
SELECT pg_temp.differ('SELECT team, c::text FROM (SELECT n, team, funnel.cohort(lead, stage, at) OVER (PARTITION BY team) FROM plan_row) w(n, team, c)
                       WHERE n BETWEEN 1 AND 20') AS partitions;
-- Running: each row has the cohort of the rows so far, which later rows leave alone. 40 steps of 750 rows each.
CREATE TEMP TABLE running AS
SELECT n / 750 AS step, c FROM (SELECT n, funnel.cohort(lead, stage, at) OVER (ORDER BY n / 750) AS c FROM plan_row) w WHERE n % 750 = 0;
SELECT count(*) AS rows, bool_and(c::text = (SELECT funnel.cohort(lead, stage, at)::text FROM plan_row p WHERE p.n / 750 <= r.step)) AS right_at_each
FROM running r WHERE step % 8 = 0;
-- Row by row, read at once.
SELECT bool_and(events = n) AS right_at_each
FROM (SELECT n, (SELECT events FROM funnel.describe(c))
      FROM (SELECT n, funnel.cohort(n, stage, at) OVER (ORDER BY n) AS c FROM plan_row WHERE n BETWEEN 1 AND 1500) w) r(n, events);
-- Sliding.
SELECT bool_and(c::text = (SELECT funnel.cohort(lead, stage, at)::text FROM plan_row p WHERE p.n BETWEEN w.n - 5 AND w.n + 5 AND p.n BETWEEN 1 AND 300)) AS right_at_each
FROM (SELECT n, funnel.cohort(lead, stage, at) OVER (ORDER BY n ROWS BETWEEN 5 PRECEDING AND 5 FOLLOWING) AS c FROM plan_row WHERE n BETWEEN 1 AND 300) w;
SELECT bool_and(rate IS NOT DISTINCT FROM (SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won') FROM plan_row p WHERE p.n <= w.n AND n > 0)) AS right_at_each
FROM (SELECT n, funnel.conversion_rate(lead, stage, at, 'mql', 'won') OVER (ORDER BY n) AS rate FROM plan_row WHERE n BETWEEN 1 AND 200) w
WHERE n >= 5;

--
-- Subqueries that run again and again
--
SELECT pg_temp.differ('SELECT t, (SELECT funnel.cohort(lead, stage, at)::text FROM plan_row WHERE team = t) FROM generate_series(0, 19) t') AS correlated;
SELECT pg_temp.differ('SELECT t, c::text FROM generate_series(0, 19) t, LATERAL (SELECT funnel.cohort(lead, stage, at) FROM plan_row WHERE team = t) s(c)') AS lateral;
SELECT pg_temp.differ('SELECT t, c::text FROM generate_series(0, 19) t, LATERAL (SELECT team, funnel.cohort(lead, stage, at) FROM plan_row WHERE team = t GROUP BY team) s(team, c)') AS lateral_grouped;
-- Hashed groups are read a second time where the inner side of a join is.
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT pg_temp.differ('SELECT g.team, max(g.c::text)
                       FROM generate_series(1, 3) n LEFT JOIN (SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row GROUP BY team OFFSET 0) g ON n >= 0
                       GROUP BY g.team HAVING count(DISTINCT g.c::text) = 1 AND count(*) = 3') AS rescanned;
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;

--
-- A cohort that is used more than once
--
SELECT a.events, b.leads, s.leads AS won, r.rate, c::text = (SELECT form FROM of_all) AS same_bytes
FROM (SELECT funnel.cohort(lead, stage, at) FROM plan_row) t(c), funnel.describe(c) a, LATERAL funnel.describe(c) b,
     LATERAL funnel.steps(c, '{mql,won}', as_of => '2030-01-01') s, LATERAL (SELECT funnel.conversion_rate(c, 'mql', 'won', as_of => '2030-01-01')) r(rate)
WHERE s.step = 2;
WITH w AS MATERIALIZED (SELECT funnel.cohort(lead, stage, at) AS c FROM plan_row)
SELECT (SELECT events FROM w, funnel.describe(c)), (SELECT leads FROM w, funnel.steps(c, '{mql,won}', as_of => '2030-01-01') WHERE step = 2),
       (SELECT c::text FROM w) = form AS same_bytes FROM of_all;
WITH w AS NOT MATERIALIZED (SELECT funnel.cohort(lead, stage, at) AS c FROM plan_row)
SELECT (SELECT events FROM w, funnel.describe(c)), (SELECT leads FROM w, funnel.steps(c, '{mql,won}', as_of => '2030-01-01') WHERE step = 2),
       (SELECT c::text FROM w) = form AS same_bytes FROM of_all;
-- Twice in one call, in a row, in an array, in a CASE, and sorted or hashed on its way.
SELECT c || c = c || c::text::funnel.cohort AS united, funnel.deduplicate(c || c) = funnel.deduplicate(c) AS deduplicated, (r.pair).f1 = (r.pair).f2 AS in_a_row,
       (SELECT count(DISTINCT x::text) FROM unnest(ARRAY[c, c]) x) AS in_an_array, CASE WHEN c IS NOT NULL THEN c END = coalesce(NULL, c) AS chosen
FROM (SELECT funnel.cohort(lead, stage, at) FROM plan_row) t(c), LATERAL (SELECT ROW(c, c)) x(pair), LATERAL (SELECT c AS f1, c AS f2) r1,
     LATERAL (SELECT r1 AS pair) r;
SELECT pg_temp.differ('SELECT team, (SELECT x::text FROM unnest(cs) x) FROM (SELECT team, array_agg(c) FROM (SELECT team, funnel.cohort(lead, stage, at) FROM plan_row GROUP BY team) s(team, c) GROUP BY team) a(team, cs)') AS array_agg,
       pg_temp.differ('SELECT team, c::text FROM (SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row GROUP BY team) s ORDER BY team DESC') AS sorted,
       pg_temp.differ('(SELECT team, funnel.cohort(lead, stage, at)::text FROM plan_row WHERE team < 5 GROUP BY team) UNION ALL SELECT team, c::text FROM (SELECT team, funnel.cohort(lead, stage, at) FROM plan_row WHERE team >= 5 GROUP BY team) s(team, c)') AS united,
       pg_temp.differ('SELECT a.team, b.c::text FROM (SELECT DISTINCT team FROM plan_row) a JOIN (SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row GROUP BY team) b USING (team)') AS joined;
-- In the target list.
SELECT (funnel.describe(funnel.cohort(lead, stage, at))).events, (funnel.describe(funnel.cohort(lead, stage, at))).leads FROM plan_row;
SELECT count(*) FROM (SELECT funnel.events(funnel.cohort(lead, stage, at)) FROM plan_row) e;

--
-- Stored by INSERT, by a materialized view, kept in a cursor, in variables, in prepared statements
--
CREATE TEMP TABLE kept (team int, c funnel.cohort);
INSERT INTO kept SELECT team, funnel.cohort(lead, stage, at) FROM plan_row GROUP BY team;
SELECT pg_temp.differ('SELECT team, c::text FROM kept') AS inserted;
CREATE MATERIALIZED VIEW plan_view AS SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row GROUP BY team;
SELECT pg_temp.differ('SELECT team, c::text FROM plan_view') AS materialized_view;

BEGIN;
DECLARE cur SCROLL CURSOR FOR SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row GROUP BY team ORDER BY team;
CREATE FUNCTION pg_temp.fetched(cur refcursor, direction text) RETURNS TABLE (team int, same boolean) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    EXECUTE format('FETCH %s FROM %s', direction, cur) INTO r;
    RETURN QUERY SELECT r.team, b.form = r.c::text FROM by_team b WHERE b.team = r.team;
END $$;
SELECT direction, f.* FROM unnest('{NEXT,NEXT,PRIOR,LAST,ABSOLUTE 7}'::text[]) direction, pg_temp.fetched('cur', direction) f;
DECLARE held CURSOR WITH HOLD FOR SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row GROUP BY team ORDER BY team;
COMMIT;
SELECT f.* FROM pg_temp.fetched('held', 'FORWARD 1') f;
CLOSE held;

DO $$
DECLARE
    a funnel.cohort;
    b funnel.cohort;
    r record;
    found_events bigint;
BEGIN
    SELECT funnel.cohort(lead, stage, at) INTO a FROM plan_row WHERE team = 1;
    b := a;
    a := a OPERATOR(funnel.||) (SELECT funnel.cohort(lead, stage, at) FROM plan_row WHERE team = 2);
    RAISE INFO 'the copy is what it was: %', b::text = (SELECT form FROM by_team WHERE team = 1);
    RAISE INFO 'the other is both: %', a::text = (SELECT funnel.cohort(lead, stage, at)::text FROM plan_row WHERE team IN (1, 2));
    -- a cohort outlives an error and a loop that uses it
    FOR i IN 1..3 LOOP
        BEGIN
            SELECT leads INTO found_events FROM funnel.steps(a, '{mql,won}', within => '-1 day');
        EXCEPTION WHEN invalid_parameter_value THEN
            SELECT events INTO found_events FROM funnel.describe(a);
        END;
        RAISE INFO '% events', found_events;
    END LOOP;
    -- an aggregate that fails half way, and one that works
    BEGIN
        PERFORM funnel.cohort(lead, stage, CASE WHEN n = 20000 THEN 'infinity' ELSE at END) FROM plan_row;
    EXCEPTION WHEN datetime_field_overflow THEN
        RAISE INFO 'refused';
    END;
    FOR r IN SELECT team, funnel.cohort(lead, stage, at) AS c FROM plan_row WHERE team < 2 GROUP BY team ORDER BY team LOOP
        RAISE INFO 'team %: %', r.team, r.c::text = (SELECT form FROM by_team b WHERE b.team = r.team);
    END LOOP;
END $$;

PREPARE of_team(int) AS SELECT funnel.cohort(lead, stage, at)::text = (SELECT form FROM by_team WHERE team = $1) AS same FROM plan_row WHERE team = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE of_team(1);
EXECUTE of_team(2);
SET plan_cache_mode = force_custom_plan;
EXECUTE of_team(3);
RESET plan_cache_mode;
PREPARE labelled(text, text[]) AS
    SELECT d.stages, s.leads FROM (SELECT funnel.cohort(1, $1, '2024-01-01')) t(c), funnel.describe(c) d, funnel.steps(c, $2) s;
EXECUTE labelled('mql', '{mql}');
EXECUTE labelled('won', '{won}');

DROP MATERIALIZED VIEW plan_view;
DROP TABLE plan_row, plan_part;
