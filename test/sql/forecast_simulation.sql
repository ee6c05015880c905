-- Are forecasts right? Many worlds are made by one known process, each with leads that are open on the day of the
-- question, whose future is known here and hidden there. Chance is md5 of names, the same everywhere.
SET timezone = 'UTC';
CREATE SCHEMA simulation;
SET search_path = simulation;
SELECT funnel.create_pipeline('sales', '{mql,sal,won}', '{lost}', true);
CREATE FUNCTION roll(name text, part int) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS $$ SELECT ((('x' || substr(md5(name), 8 * part - 7, 8))::bit(32)::bigint) + 0.5) / 4294967296.0::float8 $$;
CREATE FUNCTION day(days float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    AS $$ SELECT timestamptz '2025-01-01 00:00Z' + floor(days * 86400) * interval '1 second' $$;

-- A lead stays an MQL for 20 days in the mean, exponentially; half are accepted. Then 10 to 50 days, and two of five are
-- won. Deals are of 50 to 370. There are worlds of 400 leads, and poor ones of 50.
CREATE TABLE event AS
WITH lead AS MATERIALIZED (
    SELECT w, i, 420 * roll(w || ' ' || i, 1) AS begin, -20 * ln(roll(w || ' ' || i, 2)) AS as_mql, roll(w || ' ' || i, 3) < 0.5 AS accepted,
           10 + 40 * roll(w || ' ' || i, 4) AS as_sal, roll('b' || w || ' ' || i, 1) < 0.4 AS won,
           round((50 * exp(2 * roll('b' || w || ' ' || i, 2)))::numeric) AS amount
    FROM generate_series(1, 240) AS w, generate_series(1, CASE WHEN w <= 120 THEN 400 ELSE 50 END) AS i)
SELECT w, i, e.stage, day(e.days) AS at, e.amount
FROM lead, LATERAL (VALUES ('mql', begin, true, NULL),
                           (CASE WHEN accepted THEN 'sal' ELSE 'lost' END, begin + as_mql, true, CASE WHEN accepted THEN amount END),
                           (CASE WHEN won THEN 'won' ELSE 'lost' END, begin + as_mql + as_sal, accepted, CASE WHEN won THEN amount END))
               AS e(stage, days, happens, amount)
WHERE happens;
CREATE TABLE world AS SELECT w, CASE WHEN w <= 120 THEN 'large' ELSE 'poor' END AS kind, funnel.cohort(i, stage, at, amount) AS c FROM event GROUP BY w;

CREATE TABLE forecast AS
SELECT w, kind, f.* FROM world, funnel.forecast(c, 'sales', '60 days', as_of => day(360)) AS f;
-- what came of the leads that were open
CREATE TABLE future AS
SELECT w, stage, count(*) FILTER (WHERE won IS NOT NULL) AS deals, sum(won) AS amount
FROM (SELECT w, i, (array_agg(stage ORDER BY at DESC) FILTER (WHERE at < day(360)))[1] AS stage,
             sum(amount) FILTER (WHERE stage = 'won' AND at BETWEEN day(360) AND day(420)) AS won
      FROM event GROUP BY w, i) AS l
WHERE stage IN ('mql', 'sal')
GROUP BY GROUPING SETS ((w, stage), (w));

-- On average what is expected comes: the mean error is within 3 of its standard errors. And it lies in the interval of
-- 90% about that often: 85% to 100%, since deals are whole.
SELECT kind, stage, unit, count(*) AS forecasts,
       abs(avg(expected - came)) < 3 * stddev(expected - came) / sqrt(count(*)) AS right_on_average,
       avg((came BETWEEN low AND high)::int) BETWEEN 0.85 AND 1 AS covered,
       avg((came < low)::int) < 0.1 AND avg((came > high)::int) < 0.1 AS on_both_sides
FROM (SELECT f.*, coalesce(CASE f.unit WHEN 'deals' THEN t.deals ELSE t.amount END, 0) AS came
      FROM forecast AS f LEFT JOIN future AS t ON t.w = f.w AND t.stage IS NOT DISTINCT FROM f.stage
      WHERE expected IS NOT NULL) AS x
GROUP BY kind, stage, unit ORDER BY kind, stage, unit;

-- The chances of single leads, by stage and age.
SELECT stage, age, count(*) > 100 AS many, abs(avg(probability) - avg(came::int)) < 3 * stddev(came::int) / sqrt(count(*)) + 0.01 AS right_on_average
FROM (SELECT f.stage, width_bucket(age_days, '{10,25}'::float8[]) AS age, f.probability, e.w IS NOT NULL AS came
      FROM world CROSS JOIN funnel.forecast_leads(c, 'sales', '60 days', as_of => day(360)) AS f
      LEFT JOIN event AS e ON e.w = world.w AND e.i = f.lead::int AND e.stage = 'won' AND e.at BETWEEN day(360) AND day(420)
      WHERE kind = 'large') AS x
GROUP BY stage, age ORDER BY stage, age;

-- How many leads suffice for 10 deals, says each world. If so many enter, how probable is it really that 10 are won?
-- One lead in five is; 90% of those within t days, where the shares of wins that are faster are counted in all worlds.
CREATE FUNCTION at_least(k int, n bigint, p float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    point float8 := (1 - p) ^ n;
    below float8 := 0;
BEGIN
    FOR i IN 0 .. k - 1 LOOP
        below := below + point;
        point := point * (n - i) / (i + 1) * p / (1 - p);
    END LOOP;
    RETURN 1 - below;
END
$$;
CREATE TABLE delay AS
SELECT days, percent_rank() OVER (ORDER BY days) AS faster
FROM (SELECT extract(epoch FROM max(at) - min(at)) / 86400 AS days FROM event GROUP BY w, i HAVING bool_or(stage = 'won')) AS d;
CREATE INDEX ON delay (days);
SELECT kind, due IS NOT NULL AS in_time, avg(reached) BETWEEN 0.87 AND 0.97 AS confident,
       avg(leads_expected) < avg(leads_needed) AS more_than_expected
FROM (SELECT kind, due, r.*, at_least(10, leads_needed, 0.2 * CASE WHEN due IS NULL THEN 1 ELSE
                 (SELECT faster FROM delay AS d WHERE d.days <= r.days ORDER BY d.days DESC LIMIT 1) END) AS reached
      FROM world, unnest(ARRAY[NULL, day(720)]) AS due,
           funnel.required_leads(c, '{mql,sal,won}', 10, due => due, as_of => day(360)) AS r
      WHERE step = 1) AS x
GROUP BY kind, due ORDER BY kind, due;

DELETE FROM funnel.pipeline WHERE name = 'sales';
SET client_min_messages = warning;
DROP SCHEMA simulation CASCADE;
