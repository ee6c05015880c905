--
-- outcomes and conversion_at against plain SQL: the estimates written as the sums and products that textbooks give,
-- over the oracle's stays of thousands of random histories. Needs oracle_0_reference and oracle_1_histories; is faster
-- after oracle_stays.
--
-- A difference is printed with the cohort and the arguments it was found with.
--
SET client_min_messages = error;    -- 'nowhere' occurs nowhere, and outcomes warns
SET timezone = 'UTC';
SET jit = off;    -- many small calls

CREATE FUNCTION pg_temp.microseconds(from_at timestamptz, to_at timestamptz) RETURNS numeric
IMMUTABLE LANGUAGE sql AS $$ SELECT extract(epoch FROM to_at - from_at) * 1000000 $$;

-- What is known of each lead: at risk from joins to leaves, in microseconds since its entry; there with an outcome, or
-- still open (NULL).
CREATE FUNCTION pg_temp.watched(in_cohort int, from_stage text, outcomes text[], period tstzrange, until timestamptz, since timestamptz)
RETURNS TABLE (lead text, joins numeric, leaves numeric, outcome text)
STABLE LANGUAGE sql AS $$
    WITH s AS MATERIALIZED (
        SELECT * FROM oracle.known_stays(in_cohort, false, until)
    ), entry AS (
        SELECT DISTINCT ON (s.lead) s.lead, s.stay, s.entered_at FROM s WHERE s.stage = from_stage ORDER BY s.lead, s.stay
    ), first_outcome AS (
        SELECT DISTINCT ON (s.lead) s.lead, s.stage, s.entered_at
        FROM entry e JOIN s ON s.lead = e.lead AND s.stage = ANY (outcomes) AND s.entered_at >= e.entered_at AND s.stay <> e.stay
        ORDER BY s.lead, s.stay
    )
    SELECT e.lead, greatest(pg_temp.microseconds(e.entered_at, since), 0),
           pg_temp.microseconds(e.entered_at, coalesce(o.entered_at, until)), o.stage
    FROM entry e LEFT JOIN first_outcome o USING (lead)
    WHERE oracle.in_period(e.entered_at, period)
      AND (since IS NULL OR since <= e.entered_at OR since < until AND coalesce(o.entered_at >= since, true))
$$;

-- What is asked: from the first of the argument's steps to the others, with all records and with those since some moment;
-- and of two more kinds of cohorts: one of 400 leads whose outcomes come at times that few share, and fifty of five leads,
-- where all may be through, and late ones join after that.
INSERT INTO oracle.event (cohort, lead, kind, label, at)
SELECT CASE WHEN l <= 400 THEN 6000 ELSE 6001 + l % 50 END, l::text, 'stage', e.label, e.at
FROM generate_series(1, 650) l,
     LATERAL (SELECT 'outcomes ' || l) s(seed),
     LATERAL (SELECT timestamptz '2024-01-01' + oracle.pick(seed || ' entry', 200) * interval '24 hours') a(entered),
     LATERAL (VALUES ('in', entered),
                     (CASE WHEN oracle.pick(seed || ' outcome', 3) = 0 THEN 'won' ELSE 'lost' END,
                      entered + oracle.pick(seed || ' took', 150) * CASE oracle.pick(seed || ' unit', 3) WHEN 0 THEN interval '24 hours' ELSE interval '26 hours 0.000007 s' END),
                     ('recycled', entered + oracle.pick(seed || ' more', 300) * interval '24 hours')) e(label, at)
WHERE e.label NOT IN ('won', 'lost') OR l > 400 OR oracle.pick(seed || ' decided', 3) > 0;
ANALYZE oracle.event;

CREATE TEMP TABLE question AS
SELECT a.cohort, a.arg * 10 + n AS arg, a.steps[1] AS from_stage,
       CASE WHEN cardinality(a.steps) > 1 THEN a.steps[2:] ELSE p.labels[1:2] END AS outcomes, a.period, a.until,
       CASE n WHEN 1 THEN oracle.moment(oracle.pick(format('since %s %s', a.cohort, a.arg), 6)) END AS since
FROM oracle.argument a JOIN oracle.plan p USING (cohort), generate_series(0, 1) n
UNION ALL
SELECT c.cohort, row_number() OVER (PARTITION BY c.cohort), 'in', outcomes::text[], period::tstzrange, until::timestamptz, since::timestamptz
FROM generate_series(6000, 6050) c(cohort),
     (VALUES ('{won}'), ('{won,lost}'), ('{lost,recycled,won}')) o(outcomes),
     (VALUES (NULL), ('[2024-02-01,2024-05-01)')) p(period),
     (VALUES ('2024-06-01', NULL), ('2025-12-31', NULL), ('2024-06-01', '2024-03-01'), ('2024-09-01 12:34:56.789', '2024-04-01 00:00:00.000001')) u(until, since);

-- The stays of these, and what is known of the leads for each question, are worked out once.
INSERT INTO oracle.stay
SELECT q.*, s.*
FROM (SELECT DISTINCT cohort, false, until FROM question WHERE cohort BETWEEN 6000 AND 6050) q(cohort, alone, until), LATERAL oracle.stays(q.cohort, q.alone, q.until) s;
ANALYZE oracle.stay;
CREATE TEMP TABLE watched AS
SELECT q.cohort, q.arg, w.*
FROM question q, LATERAL pg_temp.watched(q.cohort, q.from_stage, q.outcomes, q.period, q.until, q.since) w;
CREATE INDEX ON watched (cohort, arg, leaves);
ANALYZE watched;

-- Kaplan-Meier of any outcome (s: the share open before), and the sum of Aalen and Johansen for each (f). At a time t are
-- at risk those that joined at t or before and leave at t or later.
CREATE AGGREGATE pg_temp.product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = 1);
CREATE TEMP TABLE incidence AS
WITH at AS (
    SELECT t.cohort, t.arg, t.elapsed, r.n, r.d
    FROM (SELECT DISTINCT cohort, arg, leaves FROM watched WHERE outcome IS NOT NULL) t(cohort, arg, elapsed)
    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE w.joins <= t.elapsed AND w.leaves >= t.elapsed),
                               count(*) FILTER (WHERE w.leaves = t.elapsed AND w.outcome IS NOT NULL)
                        FROM watched w WHERE (w.cohort, w.arg) = (t.cohort, t.arg)) r(n, d)
), open AS (
    SELECT a.*, coalesce(pg_temp.product(1 - a.d::float8 / a.n)
                             OVER (PARTITION BY a.cohort, a.arg ORDER BY a.elapsed ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS s
    FROM at a
)
SELECT o.cohort, o.arg, o.elapsed, k.outcome, o.n, o.d, o.s, c.dk,
       sum(o.s * c.dk / o.n) OVER (PARTITION BY o.cohort, o.arg, k.outcome ORDER BY o.elapsed) AS f
FROM open o
JOIN (SELECT DISTINCT cohort, arg, outcome FROM watched WHERE outcome IS NOT NULL) k USING (cohort, arg)
CROSS JOIN LATERAL (SELECT count(*) FROM watched w WHERE (w.cohort, w.arg, w.leaves, w.outcome) = (o.cohort, o.arg, o.elapsed, k.outcome)) c(dk);
CREATE INDEX ON incidence (cohort, arg, outcome, elapsed);
ANALYZE incidence;

-- The variance by the delta method, as a sum over all times up to that of the row; the interval.
CREATE TEMP TABLE want AS
SELECT i.cohort, i.arg, i.elapsed, i.outcome, i.n AS at_risk, i.dk AS events, p.probability, v.variance,
       1 - (1 - p.probability) ^ exp(-b.width) AS low, 1 - (1 - p.probability) ^ exp(b.width) AS high
FROM incidence i
CROSS JOIN LATERAL (SELECT CASE WHEN abs(i.f - 1) < 1e-12 THEN 1 ELSE i.f END) p(probability)
CROSS JOIN LATERAL (SELECT CASE WHEN p.probability = 1 THEN 0
                                ELSE sum(coalesce((i.f - j.f) ^ 2 * j.d / (j.n::float8 * nullif(j.n - j.d, 0)), 0)
                                         + j.s ^ 2 * j.dk * (j.n - j.dk) / j.n::float8 ^ 3
                                         - 2 * (i.f - j.f) * j.s * j.dk / j.n::float8 ^ 2) END
                    FROM incidence j WHERE (j.cohort, j.arg, j.outcome) = (i.cohort, i.arg, i.outcome) AND j.elapsed <= i.elapsed) v(variance)
CROSS JOIN LATERAL (SELECT CASE WHEN p.probability NOT IN (0, 1)
                                THEN 1.959963984540054 * sqrt(v.variance) / ((1 - p.probability) * -ln(1 - p.probability)) END) b(width)
WHERE i.dk > 0;

CREATE TEMP TABLE source AS
SELECT cohort, c FROM oracle.cohort WHERE lead IS NULL
UNION ALL
SELECT cohort, funnel.cohort(lead, label, at) FROM oracle.event WHERE cohort BETWEEN 6000 AND 6050 GROUP BY cohort;
CREATE TEMP TABLE got AS
SELECT q.cohort, q.arg, round(o.elapsed_days::numeric * 86400000000) AS elapsed, o.*
FROM question q JOIN source USING (cohort), LATERAL funnel.outcomes(source.c, q.from_stage, q.outcomes, q.period, q.until, q.since) o;

-- Counts exactly, floating point but for rounding.
CREATE TEMP TABLE difference AS
SELECT cohort, arg, elapsed, outcome, v."column", v.funnel, v.oracle
FROM got g
FULL JOIN want w USING (cohort, arg, elapsed, outcome)
CROSS JOIN LATERAL (VALUES
    ('at_risk', g.at_risk::text, w.at_risk::text, g.at_risk IS NOT DISTINCT FROM w.at_risk),
    ('events', g.events::text, w.events::text, g.events IS NOT DISTINCT FROM w.events),
    ('probability', g.probability::text, w.probability::text, oracle.same(g.probability, w.probability)),
    ('variance', (g.se * g.se)::text, w.variance::text, oracle.same(g.se * g.se, w.variance)),
    ('low', g.low::text, w.low::text, oracle.same(g.low, w.low)),
    ('high', g.high::text, w.high::text, oracle.same(g.high, w.high))) v("column", funnel, oracle, same)
WHERE NOT v.same;

SELECT w.kind AS cohort, format('%s differences', count(d.cohort)) AS outcomes, count(*) AS rows, count(*) FILTER (WHERE w.since IS NOT NULL) AS since,
       count(*) FILTER (WHERE w.several) AS several_at_a_time, count(*) FILTER (WHERE w.probability = 0) AS probability_0,
       count(*) FILTER (WHERE w.probability = 1) AS probability_1
FROM (SELECT w.*, q.since, least(w.cohort, 6001) AS kind, count(*) OVER (PARTITION BY w.cohort, w.arg, w.elapsed) > 1 AS several FROM want w JOIN question q USING (cohort, arg)) w
LEFT JOIN (SELECT DISTINCT cohort, arg, elapsed, outcome FROM difference) d USING (cohort, arg, elapsed, outcome)
GROUP BY w.kind ORDER BY w.kind;
SELECT count(*) AS rows_of_funnel, (SELECT count(*) FROM want) AS rows_of_oracle FROM got;
SELECT d.*, q.from_stage, q.outcomes, q.period, q.until, q.since
FROM difference d JOIN question q USING (cohort, arg) ORDER BY cohort, arg, elapsed, outcome LIMIT 10;

-- What is certain is exactly so, and only that has no interval.
SELECT count(*) FILTER (WHERE probability IN (0, 1)) AS certain, count(*) FILTER (WHERE (low IS NULL OR high IS NULL) <> (probability IN (0, 1))) AS wrong,
       count(*) FILTER (WHERE probability IN (0, 1) AND se <> 0) AS not_quite
FROM got;

-- Rows come in the order of time, then of the outcomes as they are asked for.
SELECT count(*) AS out_of_order
FROM (SELECT (o.elapsed_days, array_position(q.outcomes, o.outcome)) < lag((o.elapsed_days, array_position(q.outcomes, o.outcome))) OVER (PARTITION BY q.cohort, q.arg ORDER BY o.ordinality) AS back
      FROM question q JOIN source USING (cohort), LATERAL funnel.outcomes(source.c, q.from_stage, q.outcomes, q.period, q.until, q.since) WITH ORDINALITY o) r
WHERE back;

--
-- conversion_at, of the first outcome, the others being exits: the last row of it so far; 0 before; NULL where no lead was
-- watched for so long, unless they are all through. Exactly the row of outcomes.
--
CREATE INDEX ON got (cohort, arg, outcome, elapsed);
ANALYZE got;
CREATE TEMP TABLE rate AS
WITH w AS MATERIALIZED (
    SELECT cohort, arg, max(leaves) AS longest, bool_and(outcome IS NOT NULL) AS through
    FROM watched GROUP BY cohort, arg
)
SELECT q.cohort, q.arg, e.elapsed, funnel.conversion_at(source.c, q.from_stage, q.outcomes[1], e.elapsed, q.outcomes[2:], q.period, q.until) AS funnel,
       CASE WHEN w.longest >= u.microseconds OR w.through
            THEN coalesce((SELECT g.probability FROM got g
                           WHERE g.cohort = q.cohort AND g.arg = q.arg AND g.outcome = q.outcomes[1] AND g.elapsed <= u.microseconds
                           ORDER BY g.elapsed DESC LIMIT 1), 0) END AS oracle
FROM question q
JOIN source USING (cohort)
LEFT JOIN w USING (cohort, arg)
CROSS JOIN unnest('{0,1 microsecond,12:00,24:00,24:00:00.000001,36:00,60:00,660:00,744:00,30 days 36:00,800 days,2000 years}'::interval[]) e(elapsed)
CROSS JOIN LATERAL (SELECT extract(epoch FROM e.elapsed) * 1000000) u(microseconds)
WHERE q.since IS NULL;
SELECT format('%s differences', count(*) FILTER (WHERE funnel IS DISTINCT FROM oracle)) AS conversion_at, count(*) AS compared,
       count(*) FILTER (WHERE oracle IS NULL) AS unknown, count(*) FILTER (WHERE oracle = 0) AS none_yet, count(*) FILTER (WHERE oracle > 0 AND oracle < 1) AS uncertain
FROM rate;
SELECT r.*, q.from_stage, q.outcomes, q.period, q.until
FROM rate r JOIN question q USING (cohort, arg) WHERE r.funnel IS DISTINCT FROM r.oracle ORDER BY cohort, arg, elapsed LIMIT 10;

--
-- Sums that must agree
--
-- The probabilities and the share still open are 1, at every time; with one outcome, its rows count the leads that the
-- step funnel counts, since a lead's first start gets as far as any.
SELECT count(*) AS times, count(*) FILTER (WHERE abs(total + open - 1) > 1e-12) AS do_not_add_up
FROM (SELECT DISTINCT cohort, arg, elapsed, sum(increment) OVER t AS total, pg_temp.product(1 - part) OVER t AS open
      FROM (SELECT g.*, g.probability - coalesce(lag(g.probability) OVER (PARTITION BY cohort, arg, outcome ORDER BY elapsed), 0) AS increment,
                   -- of those left by the rows before, of the same time
                   g.events::float8 / (g.at_risk - (sum(g.events) OVER (PARTITION BY cohort, arg, elapsed ORDER BY outcome COLLATE "C") - g.events))::float8 AS part
            FROM got g) g
      WINDOW t AS (PARTITION BY cohort, arg ORDER BY elapsed)) s;
SELECT count(*) AS compared, count(*) FILTER (WHERE o.leads <> s.leads) AS differences
FROM (SELECT DISTINCT cohort, from_stage, outcomes[1] AS outcome, until FROM question) q
JOIN source USING (cohort)
CROSS JOIN LATERAL (SELECT coalesce(sum(events), 0) FROM funnel.outcomes(source.c, q.from_stage, ARRAY[q.outcome], as_of => q.until)) o(leads)
CROSS JOIN LATERAL (SELECT leads FROM funnel.steps(source.c, ARRAY[q.from_stage, q.outcome], as_of => q.until) WHERE step = 2) s;

DELETE FROM oracle.event WHERE cohort BETWEEN 6000 AND 6050;
DELETE FROM oracle.stay WHERE cohort BETWEEN 6000 AND 6050;
