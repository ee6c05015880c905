--
-- conversion_rate and velocity straight from rows, as aggregates
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET extra_float_digits = 0;
\pset null '(null)'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- Of four leads that were qualified three are won: after 4, 10 and 4 days.
CREATE TEMP TABLE crm (lead int, source text, stage text, at timestamptz);
INSERT INTO crm VALUES
  (1, 'web',  'mql',  '2024-01-01'), (1, 'web', 'won', '2024-01-05'),
  (2, 'web',  'mql',  '2024-01-02'),
  (3, 'fair', 'mql',  '2024-01-03'), (3, 'fair', 'lost', '2024-01-04'), (3, 'fair', 'won', '2024-01-13'),
  (4, 'fair', 'mql',  '2024-01-04'), (4, 'fair', 'won', '2024-01-08'),
  (5, 'fair', 'won',  '2024-01-01');

SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won') FROM crm;
SELECT source, funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won')
FROM crm GROUP BY source ORDER BY source;
-- The cohort says the same.
SELECT source, funnel.conversion_rate(c, 'mql', 'won'), funnel.velocity(c, 'mql', 'won')
FROM (SELECT source, funnel.cohort(lead, stage, at) AS c FROM crm GROUP BY source) s ORDER BY source;
-- Any type of lead and stage; names of stages from anywhere, as long as they are the same in all rows of a group.
SELECT funnel.conversion_rate('only one', 'mql', at, 'mql', 'won') FROM crm;
SELECT funnel.conversion_rate(lead::text, stage::funnel.lead_stage, at, 'mql', 'won') AS lead_stage,
       funnel.conversion_rate(md5(lead::text)::uuid, stage::varchar, at, 'mql'::varchar, 'w' || 'on') AS varchar,
       funnel.conversion_rate(lead, length(stage), at, '3', '4') AS int
FROM crm;
SELECT wanted, funnel.conversion_rate(lead, stage, at, 'mql', wanted), funnel.velocity(lead, stage, at, 'mql', wanted)
FROM crm, unnest('{won,lost}'::text[]) wanted GROUP BY wanted ORDER BY wanted;
-- FILTER, windows, and grouping sets.
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won') FILTER (WHERE source = 'web') AS web,
       funnel.conversion_rate(lead, stage, at, 'mql', 'won') FILTER (WHERE source = 'none') AS none FROM crm;
SELECT lead, stage, at::date, funnel.conversion_rate(lead, stage, at, 'mql', 'won') OVER w AS rate, funnel.velocity(lead, stage, at, 'mql', 'won') OVER w AS days
FROM crm WHERE source = 'fair' WINDOW w AS (ORDER BY at, lead) ORDER BY at, lead;
SELECT source, funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won')
FROM crm GROUP BY ROLLUP (source) ORDER BY source;
SELECT source FROM crm GROUP BY source HAVING funnel.conversion_rate(lead, stage, at, 'mql', 'won') > 0.6;
-- Rows twice, and rows without lead, stage or time: the same answer.
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won')
FROM (TABLE crm UNION ALL TABLE crm UNION ALL VALUES (NULL, '', 'won', now()), (2, '', NULL, now()), (2, '', 'won', NULL)) r;
-- What is still to come does not exist: the aggregates answer as of now.
SELECT funnel.conversion_rate(1, stage, at, 'mql', 'won') AS to_come, funnel.conversion_rate(1, stage, at - interval '2 days', 'mql', 'won') AS come
FROM (VALUES ('mql', now() - interval '1 day'), ('won', now() + interval '1 day')) v(stage, at);

-- Nothing, nobody: NULL.
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won') FROM crm WHERE false;
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won') FROM crm WHERE lead IS NULL;
SELECT funnel.conversion_rate(NULL::int, stage, at, 'mql', 'won'), funnel.velocity(lead, NULL::text, at, 'mql', 'won') FROM crm;
SELECT funnel.conversion_rate(lead, stage, at, 'lost', 'mql'), funnel.velocity(lead, stage, at, 'lost', 'mql') FROM crm;

-- A stage that does not occur: a warning where there is one answer, none where there are groups.
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'win') FROM crm;
SELECT source, funnel.conversion_rate(lead, stage, at, 'mql', 'lost') FROM crm GROUP BY source ORDER BY source;

SELECT query, r.*
FROM (VALUES
    ('SELECT funnel.conversion_rate(lead, stage, at, source, ''won'') FROM crm'),
    ('SELECT funnel.velocity(lead, stage, at, ''mql'', source) FROM crm'),
    ('SELECT funnel.conversion_rate(lead, stage, at, source, ''won'') FROM crm GROUP BY lead, source'),
    ('SELECT funnel.conversion_rate(lead, stage, at, NULL, ''won'') FROM crm'),
    ('SELECT funnel.velocity(lead, stage, at, ''mql'', NULL) FROM crm'),
    ('SELECT funnel.velocity(lead, stage, at, ''mql'', NULL) FROM crm WHERE false'),
    ('SELECT funnel.velocity(lead, stage, at, ''mql'', CASE WHEN lead = 3 THEN NULL ELSE ''won'' END) FROM crm'),
    ('SELECT funnel.conversion_rate(lead, stage, ''infinity'', ''mql'', ''won'') FROM crm')) q(query),
    pg_temp.refused(query) r;

--
-- With equal arguments they share one state: a row goes through the transition once
--
-- Counted by builds with assertions only; the others take it on trust.
CREATE FUNCTION pg_temp.transitions(query text, expected bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    counted bigint;
BEGIN
    PERFORM set_config('max_parallel_workers_per_gather', '0', true);
    before := funnel._transitions();
    EXECUTE query;
    counted := funnel._transitions() - before;
    IF coalesce(counted, expected) = expected THEN
        RETURN 'as expected';
    END IF;
    RETURN counted || ', not ' || expected;
END $$;
SELECT what, expected, pg_temp.transitions('SELECT ' || what || ' FROM crm', expected)
FROM (VALUES
    ('funnel.conversion_rate(lead, stage, at, ''mql'', ''won'')', 9),
    ('funnel.conversion_rate(lead, stage, at, ''mql'', ''won''), funnel.velocity(lead, stage, at, ''mql'', ''won'')', 9),
    ('funnel.velocity(lead, stage, at, ''mql'', ''won''), funnel.velocity(lead, stage, at, ''mql'', ''won''), funnel.conversion_rate(lead, stage, at, ''mql'', ''won'')', 9),
    ('funnel.conversion_rate(lead, stage, at, ''mql'', ''won''), funnel.velocity(lead, stage, at, ''mql'', ''lost'')', 18),
    ('funnel.conversion_rate(lead, stage, at, ''mql'', ''won''), funnel.velocity(lead, stage, at, ''mql'', ''won'') FILTER (WHERE lead > 0)', 18),
    ('funnel.cohort(lead, stage, at)', 9),
    ('funnel.cohort(lead, stage, at), funnel.cohort(lead, stage, at)', 9),
    ('funnel.cohort(lead, stage, at), funnel.conversion_rate(funnel.cohort(lead, stage, at), ''mql'', ''won'')', 9),
    ('funnel.cohort(lead, stage, at), funnel.touches(lead, stage, at)', 18)) v(what, expected);
SELECT what, expected, pg_temp.transitions('SELECT ' || what || ' FROM crm GROUP BY source', expected)
FROM (VALUES ('source, funnel.conversion_rate(lead, stage, at, ''mql'', ''won''), funnel.velocity(lead, stage, at, ''mql'', ''won'')', 9)) v(what, expected);
-- Shared or not, the answers are the same: each of the two is read from the state, and leaves it as it was.
CREATE TEMP TABLE many AS
SELECT n % 100 AS team, n % 37 AS lead, (ARRAY['mql', 'sal', 'won'])[1 + n * 7 % 3] AS stage,
       timestamptz '2024-01-01' + (n * 31 % 997) * interval '1 hour' AS at
FROM generate_series(1, 40000) n;
SELECT count(*) AS teams, count(a.days) AS velocities, bool_and(a.rate = b.rate AND a.days = c.days) AS same
FROM (SELECT team, funnel.conversion_rate(lead, stage, at, 'mql', 'won') AS rate, funnel.velocity(lead, stage, at, 'mql', 'won') AS days FROM many GROUP BY team) a
JOIN (SELECT team, funnel.conversion_rate(lead, stage, at, 'mql', 'won') AS rate FROM many GROUP BY team) b USING (team)
JOIN (SELECT team, funnel.velocity(lead, stage, at, 'mql', 'won') AS days FROM many GROUP BY team) c USING (team);
SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won') = (SELECT funnel.conversion_rate(lead, stage, at, 'mql', 'won') FROM many) AS rate,
       funnel.velocity(lead, stage, at, 'mql', 'won') = (SELECT funnel.velocity(lead, stage, at, 'mql', 'won') FROM many) AS days
FROM many;
-- Workers hand a shared state over once for each of those who share it. 20,000 leads enter a; of those two thirds enter
-- b a day later. (The function keeps the rate out of the sort, so that it is read after the velocity.)
CREATE TABLE handed_over AS
SELECT i / 2 AS lead, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END AS stage, timestamptz '2024-01-01' + (i % 2) * interval '1 day' AS at
FROM generate_series(0, 39999) i WHERE i % 6 <> 1;
ANALYZE handed_over;
CREATE FUNCTION as_it_is(float8) RETURNS float8 LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS 'BEGIN RETURN $1; END';
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL enable_hashagg = off;
SELECT as_it_is(funnel.conversion_rate(lead, stage, at, 'a', 'b')) AS rate, funnel.velocity(lead, stage, at, 'a', 'b') AS days
FROM handed_over ORDER BY days;
COMMIT;
DROP TABLE handed_over;
DROP FUNCTION as_it_is;
