--
-- compare: does one cohort convert better than another?
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

-- n leads that became an mql on 1 January, of which k were accepted ten days later.
CREATE FUNCTION pg_temp.some(k int, n int) RETURNS funnel.cohort LANGUAGE sql AS $$
    SELECT funnel.cohort(lead, stage, at)
    FROM (SELECT lead, 'mql', timestamptz '2024-01-01' FROM generate_series(1, n) lead
          UNION ALL SELECT lead, 'sal', '2024-01-11' FROM generate_series(1, k) lead) e(lead, stage, at)
$$;

-- 20 of 100, and 30 of 100. The pooled rate is 0.25, so z = 0.1 / sqrt(0.25 * 0.75 * (1/100 + 1/100)) = 1.633.
SELECT c.* FROM funnel.compare(pg_temp.some(20, 100), pg_temp.some(30, 100), 'mql', 'sal') c;
-- The other way round: what was b - a is a - b.
SELECT c.* FROM funnel.compare(pg_temp.some(30, 100), pg_temp.some(20, 100), 'mql', 'sal') c;
-- Ten times as many leads at the same rates leave no doubt.
SELECT c.* FROM funnel.compare(pg_temp.some(200, 1000), pg_temp.some(300, 1000), 'mql', 'sal') c;

--
-- The interval, as published: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
-- eleven methods", Statistics in Medicine 17 (1998) 873-890, table II, method 10 (his difference is first - second)
--
-- where nobody converts there is no sal, and a warning
SET client_min_messages = error;
SELECT first, second, round(c.difference::numeric, 4) AS difference, round(c.low::numeric, 4) AS low, round(c.high::numeric, 4) AS high,
       (round(c.low::numeric, 4), round(c.high::numeric, 4)) = (n.low, n.high) AS as_published
FROM (VALUES ('56/70', '48/80',  0.0524, 0.3339), ('9/10', '3/10',   0.1705, 0.8090), ('6/7', '2/7',    0.0582, 0.8062),
             ('5/56', '0/29',   -0.0381, 0.1926), ('0/10', '0/20',  -0.1611, 0.2775), ('0/10', '0/10', -0.2775, 0.2775),
             ('10/10', '0/20',   0.6791, 1.0000), ('10/10', '0/10',  0.6075, 1.0000)) n(first, second, low, high),
     LATERAL (SELECT string_to_array(first, '/')::int[], string_to_array(second, '/')::int[]) r(b, a),
     funnel.compare(pg_temp.some(a[1], a[2]), pg_temp.some(b[1], b[2]), 'mql', 'sal') c;
-- It is symmetric, includes the difference, and stays within -1 and 1, where it may end.
SELECT bool_and(c.low <= c.difference AND c.difference <= c.high) AS includes, min(c.low) >= -1 AND max(c.high) <= 1 AS within,
       max(abs(c.low + d.high)) < 1e-15 AND max(abs(c.high + d.low)) < 1e-15 AS symmetric,
       bool_and((c.p_value IS NULL) = (c.a_converted + c.b_converted IN (0, c.a_leads + c.b_leads))) AS no_p_value_without_variance,
       max(abs(c.p_value - d.p_value)) AS p_values_differ, count(*)
FROM unnest('{1,2,7,40}'::int[]) na, unnest('{1,3,30}'::int[]) nb, LATERAL (SELECT DISTINCT least(k, na) FROM unnest('{0,1,5,39,40}'::int[]) k) a(ka),
     LATERAL (SELECT DISTINCT least(k, nb) FROM unnest('{0,1,15,30}'::int[]) k) b(kb),
     funnel.compare(pg_temp.some(ka, na), pg_temp.some(kb, nb), 'mql', 'sal') c, funnel.compare(pg_temp.some(kb, nb), pg_temp.some(ka, na), 'mql', 'sal') d;
RESET client_min_messages;

--
-- The p-value: of 800 and 800 leads, 400 - 10 z and 400 + 10 z are z standard errors apart. Twice the normal
-- distribution below -z, to 12 digits however small (worked out with 60 digits). What float8 cannot hold is 0.
--
SELECT z, c.p_value, abs(c.p_value / p - 1) < 1e-12 AS right
FROM (VALUES (0, 1::float8), (1, 3.1731050786291410283e-1), (2, 4.5500263896358414401e-2), (3, 2.6997960632601890533e-3), (6, 1.9731752900753962814e-9),
             (10, 1.5239706048321052132e-23), (20, 5.5072482372124673902e-89), (30, 9.8134278542963741191e-198), (36, 8.3652481315945666635e-284)) v(z, p),
     funnel.compare(pg_temp.some(400 - 10 * z, 800), pg_temp.some(400 + 10 * z, 800), 'mql', 'sal') c;
SELECT c.p_value FROM funnel.compare(pg_temp.some(0, 800), pg_temp.some(800, 800), 'mql', 'sal') c;
-- The square of z is Pearson's chi-square of the two by two table. Of 15 of 60 and 48 of 120 that is 360/91, which one
-- degree of freedom exceeds with probability 0.0467033407493306...
SELECT c.p_value, abs(c.p_value - 0.04670334074933064) < 1e-15 AS right FROM funnel.compare(pg_temp.some(15, 60), pg_temp.some(48, 120), 'mql', 'sal') c;
-- Where the rates differ in the ninth digit only, the difference has all its digits: it is -1 / 899,970,000.
SELECT c.difference, abs(c.difference * -899970000 - 1) < 1e-15 AS right FROM funnel.compare(pg_temp.some(29999, 30000), pg_temp.some(29998, 29999), 'mql', 'sal') c;

--
-- Which leads converted is for conversion_rate() to say, with the same arguments
--
CREATE TEMP TABLE crm AS
SELECT funnel.cohort(lead, stage, at) FILTER (WHERE campaign = 'old') AS old, funnel.cohort(lead, stage, at) FILTER (WHERE campaign = 'new') AS new
FROM (VALUES ('old', 1, 'mql', '2024-01-01'::timestamptz), ('old', 1, 'sal', '2024-01-05'), ('old', 2, 'mql', '2024-01-02'), ('old', 2, 'sal', '2024-02-20'),
             ('old', 3, 'mql', '2024-02-03'), ('old', 4, 'sal', '2024-01-04'), ('old', 4, 'mql', '2024-01-06'), ('old', 5, 'sal', '2024-02-01'),
             ('new', 1, 'mql', '2024-01-01'), ('new', 1, 'demo', '2024-01-02'), ('new', 1, 'sal', '2024-01-09'), ('new', 2, 'mql', '2024-02-20'),
             ('new', 3, 'mql', '2024-02-21'), ('new', 3, 'sal', '2024-02-22'), ('new', 4, 'mql', '2024-03-10'), ('new', 5, 'sal', '2024-01-01')) e(campaign, lead, stage, at);
SELECT mode, within, period, c.a_converted || ' of ' || c.a_leads AS old, c.b_converted || ' of ' || c.b_leads AS new,
       c.a_rate IS NOT DISTINCT FROM funnel.conversion_rate(old, 'mql', 'sal', within, mode, period, '2024-03-01')
       AND c.b_rate IS NOT DISTINCT FROM funnel.conversion_rate(new, 'mql', 'sal', within, mode, period, '2024-03-01') AS as_conversion_rate,
       abs(c.difference - (c.b_rate - c.a_rate)) < 1e-15 AS difference
FROM crm, unnest('{ordered,strict,any,implied}'::text[]) WITH ORDINALITY m(mode, n), (VALUES (NULL::interval), ('30 days')) w(within),
     (VALUES (NULL::tstzrange), ('[2024-01-01,2024-02-01)')) p(period), funnel.compare(old, new, 'mql', 'sal', within, mode, period, '2024-03-01') c
WHERE mode <> 'any' OR within IS NULL
ORDER BY n, within NULLS FIRST, period NULLS FIRST;
SELECT (SELECT c FROM funnel.compare(old, new, 'mql', 'sal') c) = (SELECT c FROM funnel.compare(old, new, 'mql', 'sal', NULL, 'ordered', NULL, now()) c) AS defaults FROM crm;
-- A cohort is no better than itself, also while it has just been built.
SELECT c.a_leads, c.b_leads, c.difference, c.p_value
FROM (SELECT funnel.cohort(lead, stage, timestamptz '2024-01-01' + n * interval '1 day') FROM generate_series(1, 3000) lead, unnest('{mql,sal}'::text[]) WITH ORDINALITY s(stage, n) WHERE lead % 3 = 0 OR n = 1) t(c),
     funnel.compare(t.c, t.c, 'mql', 'sal') c;

--
-- Where there is nothing to compare: NULL
--
SET client_min_messages = error;
SELECT what, c.* FROM (VALUES
    ('none in a',        funnel.only(pg_temp.some(1, 2), '{sal}'), pg_temp.some(1, 2)),
    ('none in b',        pg_temp.some(1, 2), funnel.only(pg_temp.some(1, 2), '{sal}')),
    ('none in either',   funnel.only(pg_temp.some(1, 2), '{sal}'), funnel.only(pg_temp.some(1, 2), '{sal}')),
    ('all of both',      pg_temp.some(3, 3), pg_temp.some(2, 2)),
    ('b has no events',  pg_temp.some(1, 2), funnel.only(pg_temp.some(1, 2), '{}'))) v(what, a, b),
    LATERAL funnel.compare(a, b, 'mql', 'sal') c;
RESET client_min_messages;
SELECT count(*) FROM funnel.compare(NULL, pg_temp.some(1, 2), 'mql', 'sal');
SELECT count(*) FROM funnel.compare(pg_temp.some(1, 2), NULL, 'mql', 'sal');
-- A stage that occurs in one of them only is normal: a campaign that won nobody. In neither: a warning.
SELECT c.a_converted, c.b_converted FROM funnel.compare(pg_temp.some(0, 2), pg_temp.some(1, 2), 'mql', 'sal') c;
SELECT c.a_converted, c.b_converted FROM funnel.compare(pg_temp.some(1, 2), pg_temp.some(0, 2), 'mql', 'sal') c;
SELECT c.a_converted, c.b_converted FROM funnel.compare(pg_temp.some(1, 2), pg_temp.some(0, 2), 'mql', 'SAL') c;
SELECT c.a_converted, c.b_converted FROM funnel.compare(funnel.only(pg_temp.some(1, 2), '{}'), pg_temp.some(0, 2), 'MQL', 'mql') c;

SELECT call, r.* FROM (VALUES
    ('compare(old, new, NULL, ''sal'')'), ('compare(old, new, ''mql'', NULL)'), ('compare(old, new, ''mql'', ''sal'', ''-1 day'')'),
    ('compare(old, new, ''mql'', ''sal'', ''1 day'', ''any'')'), ('compare(old, new, ''mql'', ''sal'', mode => ''loose'')'),
    ('compare(old, new, ''mql'', ''sal'', as_of => NULL)')) v(call),
    pg_temp.refused(format('SELECT funnel.%s FROM crm', call)) r;
