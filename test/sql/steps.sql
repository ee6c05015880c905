--
-- steps: the funnel, every column of it, on nine leads that a reader can count
--
-- How each mode searches is shown case by case in steps_modes.
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

CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, amount numeric);
INSERT INTO crm VALUES
  -- ann goes straight through
  ('ann', 'mql',  '2024-01-01', NULL), ('ann', 'sal', '2024-01-03', 100), ('ann', 'won', '2024-01-11', 120.50),
  -- ben is still accepted only
  ('ben', 'mql',  '2024-01-01', NULL), ('ben', 'sal', '2024-01-05', 80),
  -- cat was accepted before she was qualified
  ('cat', 'sal',  '2024-01-02', 40), ('cat', 'mql', '2024-01-04', NULL), ('cat', 'won', '2024-01-08', 60),
  -- dan is lost, and buys on his second pass
  ('dan', 'mql',  '2024-01-01', NULL), ('dan', 'lost', '2024-01-06', NULL),
  ('dan', 'mql',  '2024-02-10', NULL), ('dan', 'sal', '2024-02-12', NULL), ('dan', 'won', '2024-02-20', 50.25),
  -- eve has just come
  ('eve', 'mql',  '2024-02-20', NULL),
  -- fay was never accepted, and gus never qualified
  ('fay', 'mql',  '2024-01-02', NULL), ('fay', 'won', '2024-01-09', NULL),
  ('gus', 'sal',  '2024-02-01', 7),
  -- hal takes 35 days to be accepted
  ('hal', 'mql',  '2024-01-01', NULL), ('hal', 'sal', '2024-02-05', NULL), ('hal', 'won', '2024-02-06', 10),
  -- ivy saw a demo in between
  ('ivy', 'mql',  '2024-01-01', NULL), ('ivy', 'demo', '2024-01-02', NULL), ('ivy', 'sal', '2024-01-03', NULL), ('ivy', 'won', '2024-01-04', NULL);
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, amount) FROM crm) || (SELECT funnel.touches(lead, 'mail', at) FROM crm) AS c;

-- All of it as of 1 March, with the columns in two lines.
CREATE FUNCTION pg_temp.counts(mode text, within interval)
RETURNS TABLE (step int, stage text, leads bigint, ever bigint, amount numeric, from_previous float8, from_first float8,
               pending bigint, mature_leads bigint, mature_rate float8) LANGUAGE sql AS $$
    SELECT s.step, s.stage, s.leads, s.ever, s.amount, s.from_previous, s.from_first, s.pending, s.mature_leads, s.mature_rate
    FROM crm_cohort, funnel.steps(c, '{mql,sal,won}', within, mode, as_of => '2024-03-01') s
$$;
CREATE FUNCTION pg_temp.days(mode text, within interval)
RETURNS TABLE (step int, stage text, mean_days float8, median_days float8, p90_days float8) LANGUAGE sql AS $$
    SELECT s.step, s.stage, s.mean_days, s.median_days, s.p90_days
    FROM crm_cohort, funnel.steps(c, '{mql,sal,won}', within, mode, as_of => '2024-03-01') s
$$;

-- ordered: accepted after they were qualified are ann, ben, dan, hal, ivy; won after that all but ben. cat counts as
-- qualified only, with the 40 she had by then.
SELECT * FROM pg_temp.counts('ordered', NULL);
-- to sal: 2 2 4 35 42 days; to won: 1 1 8 8
SELECT * FROM pg_temp.days('ordered', NULL);
-- Within 30 days of the first step hal does not get there, and dan does on his second pass only. eve still may: she is
-- pending. Closed are all windows but those of eve and of dan's second pass, which is the one that counts for him.
SELECT * FROM pg_temp.counts('ordered', '30 days');
-- to sal: 2 2 2 4; to won: 1 8 8
SELECT * FROM pg_temp.days('ordered', '30 days');

-- strict: ivy's demo comes in between. dan's second pass is his only one.
SELECT * FROM pg_temp.counts('strict', NULL);
-- to sal: 2 2 4 35; to won: 1 8 8
SELECT * FROM pg_temp.days('strict', NULL);

-- any: each step for itself. Of the 8 that were qualified 6 were accepted and 6 won; of the 7 accepted 5 won.
SELECT * FROM pg_temp.counts('any', NULL);
SELECT * FROM pg_temp.days('any', NULL);

-- implied: whoever won was accepted and qualified. gus counts as qualified; fay and cat go all the way.
SELECT * FROM pg_temp.counts('implied', NULL);
-- only where both steps have times of their own, in order; to sal: 2 2 4 35 42; to won: 1 1 6 8 8
SELECT * FROM pg_temp.days('implied', NULL);
-- Within 30 days of their first entry into any step: dan and hal stay qualified; gus, from 1 February, may still win.
SELECT * FROM pg_temp.counts('implied', '30 days');

-- ordered is the default, without a window or a period, as of now.
SELECT (SELECT array_agg(s) FROM crm_cohort, funnel.steps(c, '{mql,sal,won}') s)
       = (SELECT array_agg(s) FROM crm_cohort, funnel.steps(c, '{mql,sal,won}', NULL, 'ordered', NULL, now()) s) AS defaults;
-- A stage that is added behind changes nothing before it.
SELECT s.step, s.leads FROM crm_cohort, funnel.steps(c, '{mql,sal,won,lost}', as_of => '2024-03-01') s;
SELECT s.step, s.leads, s.ever, s.from_previous, s.from_first, s.pending FROM crm_cohort, funnel.steps(c, '{lost}', '1 day', as_of => '2024-03-01') s;

--
-- period: of the first step
--
SELECT mode, p.period, (SELECT string_agg(s.leads::text, ' ' ORDER BY s.step) FROM crm_cohort, funnel.steps(c, '{mql,sal,won}', NULL, mode, p.period::tstzrange, '2024-03-01') s) AS leads
FROM unnest('{ordered,strict,any,implied}'::text[]) mode,
     -- January; ann's day; the days after it; February: dan's second pass, and eve; for sal and won, what comes first counts
     unnest('{"[2024-01-01,2024-02-01)","[2024-01-01,2024-01-01]","(2024-01-01,2024-02-01)","[2024-02-01,2024-03-01)",empty}'::text[]) WITH ORDINALITY p(period, n)
ORDER BY array_position('{ordered,strict,any,implied}', mode), p.n;
-- ever does not look at it.
SELECT s.step, s.leads, s.ever FROM crm_cohort, funnel.steps(c, '{mql,sal,won}', period => 'empty', as_of => '2024-03-01') s;

--
-- as_of: what comes then or later does not exist
--
SELECT as_of, string_agg(s.leads::text, ' ' ORDER BY s.step) AS leads, string_agg(s.ever::text, ' ' ORDER BY s.step) AS ever,
       string_agg(coalesce(s.pending::text, '-'), ' ' ORDER BY s.step) AS pending,
       string_agg(coalesce(s.mature_leads::text, '-'), ' ' ORDER BY s.step) AS mature_leads
FROM crm_cohort, unnest('{2024-01-01,2024-01-01 00:00:00.000001,2024-01-03,2024-01-05,2024-01-31,2024-02-03,2024-03-20 23:59:59.999999,2024-03-21,infinity}'::timestamptz[]) as_of,
     funnel.steps(c, '{mql,sal,won}', '30 days', as_of => as_of) s
GROUP BY as_of ORDER BY as_of;

--
-- low, high: the 95% Wilson interval of from_previous
--
SELECT k, n, round(s.low::numeric, 4) AS low, round(s.high::numeric, 4) AS high
FROM (VALUES (0, 1), (1, 1), (0, 10), (1, 10), (5, 10), (9, 10), (10, 10), (50, 100), (1, 1000)) v(k, n),
     LATERAL (SELECT funnel.cohort(lead, stage, '2024-01-01')
              FROM (SELECT lead, 'a' FROM generate_series(1, n) lead UNION ALL SELECT lead, 'b' FROM generate_series(1, k) lead
                    UNION ALL SELECT 0, 'b') r(lead, stage)) t(c),
     funnel.steps(c, '{a,b}') s
WHERE s.step = 2;
SELECT max(abs(s.low - (p + z * z / (2 * n) - z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n))) < 1e-12 AS low,
       max(abs(s.high - (p + z * z / (2 * n) + z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n))) < 1e-12 AS high
FROM generate_series(1, 40) n, generate_series(0, n) k, LATERAL (SELECT k::float8 / n, 1.959963984540054) c(p, z),
     LATERAL (SELECT funnel.cohort(lead, stage, '2024-01-01')
              FROM (SELECT lead, 'a' FROM generate_series(1, n) lead UNION ALL SELECT lead, 'b' FROM generate_series(1, k) lead
                    UNION ALL SELECT 0, 'b') r(lead, stage)) t(cohort),
     funnel.steps(cohort, '{a,b}') s
WHERE s.step = 2;

--
-- Durations: those that percentile_cont and avg find
--
CREATE TEMP TABLE speed AS SELECT n AS lead, (n * 7919 % 1009) * interval '37 minutes 1 microsecond' AS took FROM generate_series(1, 500) n;
SELECT abs(s.mean_days - r.mean) < 1e-9 AS mean, abs(s.median_days - r.median) < 1e-9 AS median, abs(s.p90_days - r.p90) < 1e-9 AS p90
FROM (SELECT funnel.cohort(lead, stage, at)
      FROM (SELECT lead, 'a', timestamptz '2024-01-01' + lead * interval '1 hour' FROM speed
            UNION ALL SELECT lead, 'b', timestamptz '2024-01-01' + lead * interval '1 hour' + took FROM speed) e(lead, stage, at)) t(c),
     funnel.steps(c, '{a,b}') s,
     (SELECT extract(epoch FROM avg(took)) / 86400, extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)) / 86400,
             extract(epoch FROM percentile_cont(0.9) WITHIN GROUP (ORDER BY took)) / 86400 FROM speed) r(mean, median, p90)
WHERE s.step = 2;

--
-- conversion_rate and velocity: one number of it
--
SELECT funnel.conversion_rate(c, 'mql', 'sal', as_of => '2024-03-01') AS to_sal,
       funnel.conversion_rate(c, 'mql', 'sal', '30 days', as_of => '2024-03-01') AS in_30_days,
       funnel.conversion_rate(c, 'mql', 'sal', mode => 'strict', as_of => '2024-03-01') AS directly,
       funnel.conversion_rate(c, 'mql', 'won', mode => 'any', as_of => '2024-03-01') AS won_ever,
       funnel.conversion_rate(c, 'mql', 'sal', mode => 'implied', as_of => '2024-03-01') AS implied,
       funnel.conversion_rate(c, 'mql', 'sal', period => '[2024-02-01,2024-03-01)', as_of => '2024-03-01') AS of_february,
       funnel.conversion_rate(c, 'mql', 'sal', period => 'empty') AS of_none
FROM crm_cohort;
SELECT funnel.velocity(c, 'mql', 'sal', as_of => '2024-03-01') AS mean,
       funnel.velocity(c, 'mql', 'sal', 0.5, as_of => '2024-03-01') AS median,
       funnel.velocity(c, 'mql', 'sal', 0.9, as_of => '2024-03-01') AS p90,
       funnel.velocity(c, 'mql', 'sal', 0, as_of => '2024-03-01') AS fastest,
       funnel.velocity(c, 'mql', 'sal', 1, as_of => '2024-03-01') AS slowest,
       funnel.velocity(c, 'mql', 'sal', NULL, '30 days', as_of => '2024-03-01') AS in_30_days,
       funnel.velocity(c, 'mql', 'sal', period => '[2024-02-01,2024-03-01)', as_of => '2024-03-01') AS of_february,
       funnel.velocity(c, 'won', 'mql', as_of => '2024-03-01') AS of_none
FROM crm_cohort;

--
-- Arguments that make no sense
--
SELECT call, r.*
FROM (VALUES
    ('steps(c, NULL)'),
    ('steps(c, ''{}'')'),
    ('steps(c, ''{mql,NULL}'')'),
    ('steps(c, ''{{mql,sal},{sql,won}}'')'),
    ('steps(c, array_fill(''mql''::text, ''{65}''))'),
    ('steps(c, ''{mql,won}'', ''0'')'),
    ('steps(c, ''{mql,won}'', ''-1 day'')'),
    ('steps(c, ''{mql,won}'', ''1 mon -30 days'')'),
    ('steps(c, ''{mql,won}'', mode => ''fuzzy'')'),
    ('steps(c, ''{mql,won}'', mode => ''ORDERED'')'),
    ('steps(c, ''{mql,won}'', mode => '''')'),
    ('steps(c, ''{mql,won}'', mode => NULL)'),
    ('steps(c, ''{mql,won}'', ''30 days'', ''any'')'),
    ('steps(c, ''{mql,won}'', as_of => NULL)'),
    ('conversion_rate(c, NULL, ''won'')'),
    ('conversion_rate(c, ''mql'', NULL)'),
    ('conversion_rate(c, ''mql'', ''won'', ''0'')'),
    ('conversion_rate(c, ''mql'', ''won'', mode => ''fuzzy'')'),
    ('conversion_rate(c, ''mql'', ''won'', ''1 day'', ''any'')'),
    ('conversion_rate(c, ''mql'', ''won'', as_of => NULL)'),
    ('velocity(c, NULL, ''won'')'),
    ('velocity(c, ''mql'', ''won'', -0.1)'),
    ('velocity(c, ''mql'', ''won'', 1.5)'),
    ('velocity(c, ''mql'', ''won'', ''NaN'')'),
    ('velocity(c, ''mql'', ''won'', within => ''-1 day'')'),
    ('velocity(c, ''mql'', ''won'', as_of => NULL)')) v(call),
    pg_temp.refused(format('SELECT funnel.%s FROM crm_cohort', call)) r;
-- The same of an empty cohort: what is wrong does not depend on the data.
SELECT call, r.state
FROM (SELECT funnel.as_of(c, '-infinity') FROM crm_cohort) e(c),
     (VALUES ('steps(%L, ''{}'')'), ('steps(%L, ''{a}'', ''0'')'), ('steps(%L, ''{a}'', mode => ''x'')'), ('steps(%L, ''{a}'', as_of => NULL)'),
             ('steps(%L, array_fill(''mql''::text, ''{65}''))'), ('steps(%L, ''{a,b}'', ''1 day'', ''any'')')) v(call),
     pg_temp.refused('SELECT funnel.' || format(call, c)) r;
-- 64 steps are possible: x0, x1 ... x63, each a day after the other.
SELECT count(*), sum(s.leads), min(s.stage COLLATE "C"), max(s.mean_days)
FROM (SELECT funnel.cohort(1, 'x' || n, timestamptz '2024-01-01' + n * interval '1 day') FROM generate_series(0, 63) n) t(c),
     funnel.steps(c, ARRAY(SELECT 'x' || n FROM generate_series(0, 63) n)) s;
SELECT mode, count(*), sum(s.leads)
FROM (SELECT funnel.cohort(1, CASE WHEN n % 2 = 0 THEN 'x' ELSE 'y' END, timestamptz '2024-01-01' + n * interval '1 day') FROM generate_series(0, 127) n) t(c),
     unnest('{ordered,strict,any}'::text[]) mode, funnel.steps(c, array_fill('x'::text, '{64}'), mode => mode) s GROUP BY mode ORDER BY mode;

-- Stages that occur nowhere: a warning each, and nobody is there.
SELECT s.step, s.stage, s.leads, s.ever FROM crm_cohort, funnel.steps(c, '{MQL,sal,"closed won"}', as_of => '2024-03-01') s;
SELECT funnel.conversion_rate(c, 'mql', 'win', as_of => '2024-03-01') FROM crm_cohort;
-- A channel is not a stage.
SELECT s.step, s.leads FROM crm_cohort, funnel.steps(c, '{mail}', as_of => '2024-03-01') s;
-- It occurs, if only later: no warning.
SELECT s.step, s.leads FROM crm_cohort, funnel.steps(c, '{won}', as_of => '2023-01-01') s;

--
-- A trend, as plain SQL
--
SELECT m::date AS month, s.leads, s.from_previous, s.pending, s.mature_leads, s.mature_rate
FROM generate_series(timestamptz '2024-01-01', '2024-02-01', '1 month') m, crm_cohort,
     funnel.steps(c, '{mql,won}', '30 days', period => tstzrange(m, m + interval '1 month'), as_of => '2024-03-01') s
WHERE s.step = 2;
