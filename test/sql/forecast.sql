-- What open leads will bring: the example of the documentation by hand, the edges, and random histories against plain
-- SQL.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA forecast;
SET search_path = forecast;
SELECT funnel.create_pipeline('sales', '{mql,opportunity,won}', '{lost}', true);

CREATE TABLE history (lead int, stage text, at timestamptz, amount numeric);
INSERT INTO history VALUES
  ( 1, 'opportunity', '2025-01-01', NULL), ( 1, 'won',  '2025-01-21', 10000),
  ( 2, 'opportunity', '2025-01-01', NULL), ( 2, 'won',  '2025-02-10', 30000),
  ( 3, 'opportunity', '2025-01-01', NULL), ( 3, 'won',  '2025-02-10', 20000),
  ( 4, 'opportunity', '2025-01-01', NULL), ( 4, 'won',  '2025-03-02', 20000),
  ( 5, 'opportunity', '2025-01-01', NULL), ( 5, 'lost', '2025-01-11', NULL),
  ( 6, 'opportunity', '2025-01-01', NULL), ( 6, 'lost', '2025-01-31', NULL),
  ( 7, 'opportunity', '2025-01-01', NULL), ( 7, 'lost', '2025-02-20', NULL),
  ( 8, 'opportunity', '2025-01-01', NULL), ( 8, 'lost', '2025-02-20', NULL),
  ( 9, 'opportunity', '2025-01-01', NULL), ( 9, 'lost', '2025-03-12', NULL),
  (10, 'opportunity', '2025-01-01', NULL), (10, 'lost', '2025-03-12', NULL),
  (11, 'opportunity', '2025-03-22', 40000),
  (12, 'opportunity', '2025-02-25', NULL),
  (13, 'opportunity', '2025-01-01', 15000);
CREATE TABLE c AS SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history;

-- 11: of eleven one after 20 days, 12 out of sight after 35, of nine two after 40: 1 - 10/11 x 7/9 = 0.2929;
-- 12: of eight two after 40 days, of six one after 60: 1 - 6/8 x 5/6 = 0.375, worth the mean of 80000 / 4;
-- 13: as the three at 60 days
SELECT f.lead, f.ref, f.stage, f.entered_at, age_days, f.amount, round(probability::numeric, 4) AS probability, rests_on, expected_amount
FROM c, funnel.forecast_leads(c, 'sales', '30 days', '2025-04-01') AS f;

SELECT f.* FROM c, funnel.forecast(c, 'sales', '30 days', '2025-04-01') AS f;

-- the variance of 4 leads judged by 20 stays watched through, 5 of them won: 4^2 x 1/4 x 3/4 / 20 = 0.15, more than half a
-- win and half a failure added would make it; the mean moves to 4 x 5.5/21
SELECT stage, leads, wins, round(wins_moments[1]::numeric, 6) AS moved, round(wins_moments[3]::numeric, 6) AS variance
FROM (SELECT funnel.cohort(n, s, at) AS c
      FROM (SELECT n, 'mql' AS s, timestamptz '2025-01-01' AS at FROM generate_series(1, 20) AS n
            UNION ALL SELECT n, CASE WHEN n <= 5 THEN 'won' ELSE 'lost' END, '2025-01-11' FROM generate_series(1, 20) AS n
            UNION ALL SELECT n, 'mql', '2025-03-31' FROM generate_series(21, 24) AS n) AS h) AS h,
     funnel.forecast_sums(c, c, '{mql}', '{won}', '30 days', '2025-04-01', NULL, NULL, 0.9);

-- nothing within no time; nothing known of a year
SELECT f.stage, unit, leads, unjudged, open, expected, low, high
FROM c, unnest('{0,1 year}'::interval[]) AS horizon, funnel.forecast(c, 'sales', horizon, '2025-04-01') AS f WHERE leads > 0;
-- another history: 12 as there
SELECT f.lead, round(probability::numeric, 4) AS probability, rests_on
FROM c, (SELECT funnel.cohort(lead, stage, at) AS open FROM history WHERE lead = 12) AS o,
     funnel.forecast_leads(open, 'sales', '30 days', '2025-04-01', history => c) AS f;
-- learning from stays since February only, which are those of 11 and 12
SELECT f.lead, probability, rests_on
FROM c, funnel.forecast_leads(c, 'sales', '30 days', '2025-04-01', period => '[2025-02-01,)') AS f;
-- nobody was won yet: nothing is expected, and something possible
SELECT f.stage, unit, leads, expected, low, high
FROM (SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history WHERE stage <> 'won') AS c,
     funnel.forecast(c, 'sales', '30 days', '2025-04-01') AS f WHERE f.stage IS NULL;
-- all were won: p = 1
SELECT f.stage, unit, leads, expected, low, high
FROM (SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history WHERE lead IN (1, 2, 3, 4, 11)) AS c,
     funnel.forecast(c, 'sales', '80 days', '2025-04-01') AS f WHERE f.stage IS NULL;
-- none of a hundred was won: of 2000 leads some may be, but what is expected is in the interval; and if all were
SELECT unit, stage_then, leads, expected, low, high
FROM unnest('{lost,won}'::text[]) AS stage_then,
     LATERAL (SELECT funnel.cohort(n, s, at) AS history
              FROM generate_series(1, 100) AS n, LATERAL (VALUES ('mql', timestamptz '2024-01-01'), (stage_then, '2024-01-11')) AS e(s, at)) AS h,
     (SELECT funnel.cohort(n, 'mql', timestamptz '2025-01-01') AS open FROM generate_series(1, 2000) AS n) AS o,
     funnel.forecast(open, 'sales', '30 days', '2025-01-02', history => history, confidence => 0.5) AS f
WHERE f.stage IS NULL AND unit = 'deals' ORDER BY stage_then;
-- Half are won. What takes money back is counted as such: 100 more, or 90 less, or both or nothing; and only less.
SELECT a, open, expected, low, high
FROM (SELECT funnel.cohort(n, s, at, 50) AS history
      FROM generate_series(1, 100) AS n, LATERAL (VALUES ('mql', timestamptz '2024-01-01'), (CASE WHEN n <= 50 THEN 'won' ELSE 'lost' END, '2024-01-11')) AS e(s, at)) AS h,
     (VALUES (1, '{100,-90}'::numeric[]), (2, '{-10,-90}')) AS v(i, a),
     LATERAL (SELECT funnel.cohort(n, 'mql', timestamptz '2025-01-01', amount) AS open_leads FROM unnest(a) WITH ORDINALITY AS u(amount, n)) AS o,
     funnel.forecast(open_leads, 'sales', '30 days', '2025-01-02', history => history) AS f
WHERE f.stage IS NULL AND unit = 'amount' ORDER BY i;
-- leads without an amount of their own, where one win brought 110 and the next took back 100
SELECT expected, low < 0 AS may_cost, low < expected AND expected < high AS inside
FROM (SELECT funnel.cohort(n, s, at, CASE WHEN s = 'won' THEN CASE WHEN n % 4 = 0 THEN 110 ELSE -100 END END) AS history
      FROM generate_series(1, 100) AS n, LATERAL (VALUES ('mql', timestamptz '2024-01-01'), (CASE WHEN n % 2 = 0 THEN 'won' ELSE 'lost' END, '2024-01-11')) AS e(s, at)) AS h,
     (SELECT funnel.cohort(n, 'mql', timestamptz '2025-01-01') AS open FROM generate_series(1, 10) AS n) AS o,
     funnel.forecast(open, 'sales', '30 days', '2025-01-02', history => history) AS f
WHERE f.stage IS NULL AND unit = 'amount';
-- wins without amounts: no amount can be expected
SELECT f.stage, unit, open, expected, low, high
FROM (SELECT funnel.cohort(lead, stage, at, CASE WHEN lead = 11 THEN amount END) AS c FROM history) AS c,
     funnel.forecast(c, 'sales', '30 days', '2025-04-01') AS f WHERE f.stage IS NULL;
-- nobody was won yet, and no amount is known: what is possible nobody knows, unless all open leads have one
SELECT unit, own, leads, expected, low, high
FROM unnest('{0,1,2}'::int[]) AS own,
     LATERAL (SELECT funnel.cohort(n, 'mql', timestamptz '2025-01-01' + n * interval '1 hour', CASE WHEN n % 2 < own THEN 500 END) AS c
              FROM generate_series(1, 40) AS n) AS c,
     funnel.forecast(c, 'sales', '5 days', '2025-01-10') AS f WHERE f.stage IS NULL;
-- amounts whose squares are too large for a number have no interval, and those too large themselves are none. Half are won;
-- an open lead of 1, one without an amount
SELECT name, expected::float8, low::float8, high::float8
FROM (VALUES (1, 'squares fit', '{1e150,3e150}'::numeric[]), (2, 'not', '{1e200,3e200}'), (3, 'nor here', '{1e300,1e300}'), (4, 'with both signs', '{1e307,-2e306}'),
             (5, 'sum to more', '{1e308,1e308}'), (6, 'differ by more', '{1.7e308,-1.7e308}'), (7, 'more than a number', '{1e400,1e400}')) AS v(i, name, a),
     LATERAL (SELECT funnel.cohort(n, s, at, CASE WHEN s = 'won' THEN a[1 + n / 2 % 2] END) AS history
              FROM generate_series(1, 100) AS n, LATERAL (VALUES ('mql', timestamptz '2024-01-01'), ('won', '2024-01-11')) AS e(s, at)
              WHERE s = 'mql' OR n % 2 = 0) AS h,
     (SELECT funnel.cohort(n, 'mql', timestamptz '2025-01-01', CASE WHEN n < 5 THEN 1 END) AS open FROM generate_series(1, 8) AS n) AS o,
     funnel.forecast(open, 'sales', '30 days', '2025-01-02', history => history) AS f
WHERE f.stage IS NULL AND unit = 'amount' ORDER BY i;
SELECT round(log(open)) AS open, round(log(expected)) AS expected, low, high
FROM c, (SELECT funnel.cohort(n, 'opportunity', timestamptz '2025-03-31', '1e300'::numeric) AS open_leads FROM generate_series(1, 3) AS n) AS o,
     funnel.forecast(open_leads, 'sales', '60 days', '2025-04-01', history => c) AS f WHERE f.stage IS NULL AND unit = 'amount';
-- one lead, no leads, no open leads, nobody yet
SELECT f.stage, unit, leads, unjudged, expected, low, high
FROM (SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history WHERE lead = 13) AS c,
     funnel.forecast(c, 'sales', '30 days', '2025-04-01') AS f WHERE f.stage IS NULL;
SELECT count(*) FROM funnel.forecast(NULL, 'sales', '30 days');
SELECT f.stage, unit, leads, unjudged, expected, low, high
FROM (SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history WHERE lead = 1) AS c,
     funnel.forecast(c, 'sales', '30 days', '2025-04-01') AS f WHERE f.stage IS NULL;
SELECT f.stage, unit, leads, unjudged, expected, low, high FROM c, funnel.forecast(c, 'sales', '30 days', '2024-04-01') AS f WHERE f.stage IS NULL;
-- a stage that the pipeline does not know stands by itself
SELECT f.stage, unit, leads, expected FROM (SELECT funnel.relabel(c, '{"opportunity": "Opportunity"}') AS c FROM c) AS c,
     funnel.forecast(c, 'sales', '30 days', '2025-04-01') AS f WHERE unit = 'deals';

-- the target: of those for now the one that ends most nearly with the horizon, and what its period has brought so far
INSERT INTO funnel.target (pipeline, kpi, period, value) VALUES
  ('sales', 'won_deals', '[2025-01-01,2026-01-01)', 8), ('sales', 'revenue', '[2025-01-01,2026-01-01)', 160000),
  ('sales', 'won_deals', '[2025-04-01,2025-07-01)', 2), ('sales', 'won_deals', '[2025-01-01,2025-04-01)', 5),
  ('other', 'won_deals', '[2025-04-01,2025-05-01)', 9);
SELECT horizon, unit, expected, so_far, target, round(coverage::numeric, 4) AS coverage
FROM c, unnest('{30 days,275 days}'::interval[]) AS horizon,
     funnel.forecast(c, 'sales', horizon, '2025-04-01') AS f WHERE f.stage IS NULL;
SELECT unit, so_far, target, round(coverage::numeric, 4) AS coverage FROM c, funnel.forecast(c, 'sales', '19 days', '2025-02-10') AS f WHERE f.stage IS NULL;
-- a horizon beyond all time
SELECT unit, leads, unjudged, so_far, target FROM c, funnel.forecast(c, 'sales', '300000 years', '2025-04-01') AS f WHERE f.stage IS NULL;
-- a year is a year, not 360 days nor 365.25
INSERT INTO funnel.target (pipeline, kpi, period, value) VALUES
  ('sales', 'won_deals', '[2024-01-01,2024-12-26)', 360), ('sales', 'won_deals', '[2024-01-01,2024-12-31)', 365),
  ('sales', 'won_deals', '[2024-01-01,2025-01-01)', 366), ('sales', 'won_deals', '[2024-01-01,2024-03-31)', 90);
SELECT horizon, target
FROM c, unnest('{1 year,12 months,366 days,365 days 06:00,365 days,360 days,3 months,178000000 years}'::interval[]) AS horizon,
     funnel.forecast(c, 'sales', horizon, '2024-01-01') AS f
WHERE f.stage IS NULL AND unit = 'deals';
-- a coverage that is no number
SELECT unit, round(log(so_far)) AS so_far, target, coverage
FROM (SELECT funnel.cohort(lead, stage, at, amount * '1e396'::numeric) AS c FROM history WHERE lead < 11) AS c,
     funnel.forecast(c, 'sales', '270 days', '2025-04-01') AS f WHERE f.stage IS NULL;
-- many wins of one lead, whose only amount is its first: 5 each
SET statement_timeout = '20s';
SELECT unit, so_far
FROM (SELECT funnel.cohort(1, CASE WHEN n % 2 = 0 THEN 'mql' ELSE 'won' END, timestamptz '2025-01-01' + n * interval '1 second', CASE WHEN n = 0 THEN 5 END) AS c
      FROM generate_series(0, 400000) AS n) AS c, funnel.forecast(c, 'sales', '275 days', '2025-04-01') AS f WHERE f.stage IS NULL;
RESET statement_timeout;
DELETE FROM funnel.target WHERE pipeline IN ('sales', 'other');

-- errors
\set SHOW_CONTEXT never
SELECT funnel.forecast(c, 'nobody', '30 days') FROM c;
SELECT funnel.forecast(c, NULL, '30 days') FROM c;
SELECT funnel.forecast(c, 'sales', '-1 day') FROM c;
SELECT funnel.forecast(c, 'sales', NULL) FROM c;
SELECT funnel.forecast(c, 'sales', '30 days', 'infinity') FROM c;
SELECT funnel.forecast(c, 'sales', '30 days', NULL) FROM c;
SELECT funnel.forecast(c, 'sales', '30 days', confidence => 1) FROM c;
SELECT funnel.forecast(c, 'sales', '30 days', confidence => NULL) FROM c;
SELECT funnel.create_pipeline('endless', '{mql,opportunity}');
SELECT funnel.forecast(c, 'endless', '30 days') FROM c;
SELECT funnel.forecast_leads(c, 'sales', '-1 day') FROM c;

-- Random histories with ties, re-entries, refs, amounts and NULLs, against plain SQL over their rows.
CREATE FUNCTION roll(name text) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('x' || substr(md5(name), 1, 8))::bit(32)::bigint / 4294967296.0::float8 $$;
CREATE TABLE random AS
SELECT world, n % (40 * world) AS lead,
       (ARRAY['mql', 'opportunity', 'won', 'lost', NULL])[1 + floor(4.06 * roll('s' || world || n))::int] AS stage,
       timestamptz '2025-01-01' + floor(120 * roll('t' || world || n)) * interval '1 day' AS at,
       CASE WHEN roll('a' || world || n) < 0.5 THEN floor(1000 * roll('b' || world || n)) END::numeric AS amount,
       CASE WHEN roll('r' || world || n) < 0.4 THEN floor(2 * roll('q' || world || n)) END::int AS ref
FROM generate_series(1, 4) AS world, generate_series(1, 160 * world) AS n;

CREATE VIEW stay AS
WITH e AS (
    SELECT *, row_number() OVER o AS i,
           lag(stage) OVER o IS DISTINCT FROM stage OR lag(ref) OVER o IS DISTINCT FROM ref AS begins,
           lag(ref) OVER o IS DISTINCT FROM ref AS turns
    FROM random WHERE stage IS NOT NULL AND at < '2025-04-15'
    WINDOW o AS (PARTITION BY world, lead ORDER BY at, stage COLLATE "C", amount, ref)
), numbered AS (
    SELECT *, sum(begins::int) OVER (PARTITION BY world, lead ORDER BY i) AS s,
           sum(turns::int) OVER (PARTITION BY world, lead ORDER BY i) AS r FROM e
), filled AS (
    SELECT *, (array_agg(amount) FILTER (WHERE amount IS NOT NULL) OVER (PARTITION BY world, lead, r ORDER BY i)) AS amounts
    FROM numbered
)
SELECT world, lead, s, min(stage) AS stage, min(at) AS entered_at, lead(min(at)) OVER w AS left_at, max(i) AS i,
       (SELECT f.amounts[cardinality(f.amounts)] FROM filled AS f
        WHERE f.world = filled.world AND f.lead = filled.lead AND f.i = max(filled.i)) AS amount
FROM filled GROUP BY world, lead, s WINDOW w AS (PARTITION BY world, lead ORDER BY s);

-- seconds stayed, and to the next win or the end
CREATE TABLE spell AS
SELECT s.world, s.lead, s.s, s.stage, extract(epoch FROM coalesce(s.left_at, '2025-04-15') - s.entered_at)::bigint AS stayed,
       extract(epoch FROM coalesce(w.entered_at, '2025-04-15') - s.entered_at)::bigint AS until,
       extract(epoch FROM '2025-04-15' - s.entered_at)::bigint AS watched,
       w.entered_at IS NOT NULL AS won, w.amount AS won_amount, s.left_at IS NULL AS open, s.amount
FROM stay AS s LEFT JOIN LATERAL (
    SELECT w.entered_at, w.amount FROM stay AS w WHERE w.world = s.world AND w.lead = s.lead AND w.s > s.s AND w.stage = 'won'
    ORDER BY w.s LIMIT 1) AS w ON true
WHERE s.stage IN ('mql', 'opportunity');

-- the oldest age, in microseconds, that enough stays have been watched through: those that are older than it by one
CREATE FUNCTION oldest(in_world int, in_stage text, horizon bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT (array_agg(l ORDER BY l DESC))[greatest(1, least(greatest(10, ceil(sqrt(count(*)))), count(*) / 4))::int] - 1
    FROM (SELECT CASE WHEN watched < horizon THEN 0
                      ELSE least(1000000 * stayed, 1000000 * (watched - horizon) + 1) END AS l
          FROM spell WHERE world = in_world AND stage = in_stage) AS x $$;
CREATE FUNCTION chance(in_world int, in_stage text, age bigint, horizon bigint) RETURNS float8 LANGUAGE sql AS $$
    SELECT 1 - coalesce(exp(sum(ln((1 - d::float8 / y)::numeric)) FILTER (WHERE d < y)) * min((d < y)::int), 1)::float8
    FROM (SELECT until, count(*) FILTER (WHERE won) AS d,
                 sum(count(*)) OVER (ORDER BY until DESC) AS y
          FROM spell WHERE world = in_world AND stage = in_stage AND 1000000 * stayed > age GROUP BY until) AS x
    WHERE d > 0 AND 1000000 * until <= age + 1000000 * horizon $$;

CREATE TABLE expected AS
SELECT world, lead::text, stage, days, amount, CASE WHEN oldest >= 0 THEN chance(world, stage, least(1000000 * stayed, oldest), 86400 * days) END AS p,
       coalesce(amount, (SELECT avg(won_amount) FROM spell AS w WHERE w.world = spell.world AND w.stage = spell.stage AND won)) AS worth
FROM spell, unnest('{5,30,90}'::bigint[]) AS days, oldest(world, stage, 86400 * days) WHERE open;
CREATE TABLE worlds AS SELECT world, funnel.cohort(lead, stage, at, amount, ref) AS c FROM random GROUP BY world;
CREATE TABLE got AS SELECT w.world, days, f.* FROM worlds AS w, unnest('{5,30,90}'::bigint[]) AS days,
    funnel.forecast_leads(c, 'sales', days * interval '1 day', '2025-04-15') AS f;
SELECT count(*) AS leads, count(e.p) AS judged, count(*) FILTER (WHERE e.p > 0 AND e.p < 1) AS uncertain,
       count(*) FILTER (WHERE e.stage <> g.stage OR e.amount IS DISTINCT FROM g.amount) AS wrong_amounts,
       count(*) FILTER (WHERE abs(e.p - g.probability) > 1e-9 OR (e.p IS NULL) <> (g.probability IS NULL)) AS wrong_chances,
       count(*) FILTER (WHERE abs(e.p * e.worth - g.expected_amount) > 0.006) AS wrong_expected
FROM expected AS e FULL JOIN got AS g USING (world, lead, days);

-- the sums are the sums
SELECT count(*) AS rows, count(*) FILTER (WHERE leads <> n OR unjudged <> u OR abs(expected - p) > 0.0051
                                             OR open IS DISTINCT FROM o) AS wrong
FROM (SELECT w.world, days, f.* FROM worlds AS w, unnest('{5,30,90}'::bigint[]) AS days,
             funnel.forecast(c, 'sales', days * interval '1 day', '2025-04-15') AS f WHERE f.unit = 'amount') AS f
JOIN LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE probability IS NULL) AS u, sum(probability * coalesce(e.worth, 0)) AS p, sum(g.amount) AS o
              FROM got AS g JOIN expected AS e USING (world, lead, days)
              WHERE g.world = f.world AND g.days = f.days AND (g.stage = f.stage OR f.stage IS NULL)) AS s ON true
WHERE expected IS NOT NULL;

DELETE FROM funnel.pipeline WHERE name IN ('sales', 'endless');
SET client_min_messages = warning;
DROP SCHEMA forecast CASCADE;
