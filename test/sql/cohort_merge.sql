--
-- merge: the aggregate, the function and the operator; any split of the rows, united again, is the cohort of all rows
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
\pset null '(null)'

--
-- Two cohorts
--
CREATE TEMP TABLE two AS
SELECT (SELECT funnel.cohort(lead, stage, at::timestamptz)
        FROM (VALUES (1, 'mql', '2024-01-01'), (1, 'won', '2024-01-09'), (2, 'mql', '2024-01-02')) v(lead, stage, at)) AS a,
       (SELECT funnel.cohort(lead, stage, at::timestamptz)
        FROM (VALUES (1, 'sql', '2024-01-05'), (3, 'mql', '2024-01-03'), (2, 'mql', '2024-01-02')) v(lead, stage, at)) AS b;
-- Leads of both are one, their events in order; an event that both have is there twice.
SELECT e.lead, e.label, e.at::date FROM two, funnel.events(a || b) e;
SELECT a || b = b || a AS either_way, (a || b)::text = funnel.merge(a, b)::text AS same_as_function,
       (a || b)::text = (SELECT funnel.merge(x)::text FROM unnest(ARRAY[a, b]) x) AS same_as_aggregate,
       a || a = a AS twice_is_once, funnel.deduplicate(a || a) = a AS without_repeats
FROM two;
SELECT (a || b) || a = a || (b || a) AS any_grouping FROM two;
-- Times of the two that have nothing in common: whole days, and microseconds before 1900.
SELECT e.lead, e.at FROM two, (SELECT funnel.cohort(1, 'mql', '1899-12-31 23:59:59.999999')) m(c), funnel.events(a || c) e WHERE e.lead = '1';
SELECT (a || c)::text = (c || a)::text AS same_bytes, funnel.as_of(a || c, '1900-01-01')::text = c::text AS taken_apart
FROM two, (SELECT funnel.cohort(1, 'mql', '1899-12-31 23:59:59.999999')) m(c);
-- One with amounts and refs, one without: those of the other have none.
SELECT e.lead, e.label, e.amount, e.ref FROM two, (SELECT funnel.cohort(1, 'won', '2024-01-09', 5.0, 'x')) m(c), funnel.events(a || c) e;
-- At one time, amounts and refs of both sort together.
SELECT e.amount, e.ref
FROM (SELECT funnel.cohort(1, 'won', '2024-01-01', amount, ref) FROM (VALUES (1, 'b'), (3, 'a')) v(amount, ref)) a(c),
     (SELECT funnel.cohort(1, 'won', '2024-01-01', amount, ref) FROM (VALUES (2, 'z'), (1, 'a'), (NULL, NULL)) v(amount, ref)) b(c),
     funnel.events(a.c || b.c) e;

--
-- Any split
--
-- 2,000 rows of all kinds: 97 leads of four kinds of keys, ranked and unranked stages, touches, amounts, refs, ties,
-- repeats and rows to be ignored.
CREATE TEMP TABLE row_of_all AS
SELECT n,
       CASE WHEN n % 83 = 0 THEN NULL
            WHEN n % 4 = 0 THEN (n % 97)::text
            WHEN n % 4 = 1 THEN 'crm_' || n % 97
            WHEN n % 4 = 2 THEN '00000000-0000-0000-0000-0000000000' || lpad((n % 97)::text, 2, '0')
            ELSE 'lead no. ' || n % 97 END AS lead,
       (ARRAY['mql', 'sal', 'sql', 'won', 'lost', 'demo', 'call'])[1 + n * 31 % 7] AS stage,
       timestamptz '2024-01-01' + (n * 7919 % 50) * interval '1 day' AS at,
       CASE WHEN n % 3 = 0 THEN n * 13 % 17 / 4.0 END AS amount,
       CASE WHEN n % 5 = 0 THEN 'opp ' || n % 2 WHEN n % 5 = 1 THEN (n % 3)::text END AS ref
FROM generate_series(1, 2000) n;
CREATE FUNCTION pg_temp.split(parts int) RETURNS TABLE (part int, c funnel.cohort) LANGUAGE sql AS $$
    SELECT n * 31 % parts, funnel.cohort(lead, stage, at, amount, ref) FROM row_of_all WHERE n % 2 = 0 GROUP BY 1
    UNION ALL
    SELECT n * 31 % parts, funnel.cohort(lead, stage, at) FROM row_of_all WHERE n % 2 = 1 AND stage NOT IN ('mql', 'won') GROUP BY 1
    UNION ALL
    SELECT n * 31 % parts, funnel.cohort(lead, stage::funnel.lead_stage, at) FROM row_of_all WHERE n % 2 = 1 AND stage IN ('mql', 'won') GROUP BY 1
    UNION ALL
    SELECT n * 31 % parts, funnel.touches(lead, stage, at) FROM row_of_all GROUP BY 1
$$;
CREATE TEMP TABLE whole AS SELECT funnel.merge(c) AS c FROM pg_temp.split(1);
SELECT d.leads, d.events, d.stages, d.channels, d.ignored FROM whole, funnel.describe(c) d;
SELECT count(*) FILTER (WHERE lead IS NOT NULL) AS leads, sum(events) AS events, sum(ignored) AS ignored
FROM (SELECT lead, count(lead) * 2 AS events, count(*) FILTER (WHERE lead IS NULL) * 2 AS ignored FROM row_of_all GROUP BY lead) r;
-- More pieces than are merged at once (16), and about as many.
SELECT parts, count(c) AS pieces, funnel.merge(c)::text = (SELECT c::text FROM whole) AS same_bytes
FROM unnest('{1,2,3,4,5,16,17,100,1999}'::int[]) parts, pg_temp.split(parts) GROUP BY parts ORDER BY parts;
-- In any order.
SELECT funnel.merge(s.c ORDER BY part)::text = min(w.c::text) AS up, funnel.merge(s.c ORDER BY part DESC)::text = min(w.c::text) AS down,
       funnel.merge(s.c ORDER BY part * 7 % 25, part)::text = min(w.c::text) AS mixed
FROM whole w, pg_temp.split(25) s(part, c);
-- Step by step, in plpgsql: as an operator, and from both ends.
DO $$
DECLARE
    piece funnel.cohort;
    front funnel.cohort;
    back  funnel.cohort;
BEGIN
    FOR piece IN SELECT c FROM pg_temp.split(20) ORDER BY part LOOP
        front := CASE WHEN front IS NULL THEN piece ELSE front OPERATOR(funnel.||) piece END;
        back := CASE WHEN back IS NULL THEN piece ELSE funnel.merge(piece, back) END;
    END LOOP;
    RAISE INFO 'front: %, back: %', front::text = (SELECT c::text FROM whole), back::text = (SELECT c::text FROM whole);
END $$;
-- Merges of merges.
SELECT funnel.merge(c)::text = (SELECT c::text FROM whole) AS same_bytes
FROM (SELECT funnel.merge(c) FROM (SELECT part, funnel.merge(c) FROM pg_temp.split(300) GROUP BY part) p(part, c) GROUP BY part % 18) h(c);
-- Read without being stored: a function of a merge is that of the cohort.
SELECT (SELECT count(*) FROM (SELECT funnel.merge(c) FROM pg_temp.split(40)) m(c), funnel.events(c)) = d.events AS events,
       (SELECT funnel.conversion_rate(funnel.merge(c), 'mql', 'won') FROM pg_temp.split(40)) = funnel.conversion_rate(w.c, 'mql', 'won') AS rate,
       (SELECT funnel.merge(c) FROM pg_temp.split(40)) = w.c AS equal,
       (SELECT funnel.cohort_hash(funnel.merge(c)) FROM pg_temp.split(40)) = funnel.cohort_hash(w.c) AS hash,
       (SELECT (funnel.describe(funnel.merge(c))).bytes FROM pg_temp.split(40)) = d.bytes AS bytes
FROM whole w, funnel.describe(w.c) d;

-- FILTER, and windows.
SELECT funnel.merge(c) FILTER (WHERE part < 7) = (SELECT funnel.merge(c) FROM pg_temp.split(20) WHERE part < 7) AS filter,
       funnel.merge(c) FILTER (WHERE part < 0) IS NULL AS none
FROM pg_temp.split(20);
-- Running total: the value at each row is of its own, and the later ones do not change it.
CREATE TEMP TABLE running AS
SELECT part, funnel.merge(c) OVER (ORDER BY part) AS c FROM (SELECT part, funnel.merge(c) FROM pg_temp.split(30) GROUP BY part) s(part, c);
SELECT count(*) AS rows, bool_and(r.c::text = (SELECT funnel.merge(s.c)::text FROM pg_temp.split(30) s WHERE s.part <= r.part)) AS right_at_each
FROM running r;
-- A sliding one starts over at each row.
SELECT bool_and(c::text = (SELECT funnel.merge(s.c)::text FROM pg_temp.split(12) s WHERE s.part BETWEEN w.part - 1 AND w.part + 1)) AS right_at_each
FROM (SELECT part, funnel.merge(c) OVER (ORDER BY part ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS c
      FROM (SELECT part, funnel.merge(c) FROM pg_temp.split(12) GROUP BY part) s(part, c)) w;
