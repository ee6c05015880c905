--
-- steps in its four modes, every column, against the oracle: of whole cohorts, of every lead
-- alone (so that no two mistakes cancel out), of cohorts straight from rows, and of filtered
-- ones; and conversion_rate and velocity. Needs oracle_stays.
--
-- A difference is printed with the cohort and the arguments it was found with:
--   SELECT * FROM oracle.argument WHERE cohort = ... AND arg = ...;
--   SELECT * FROM oracle.timeline(cohort, true) WHERE lead = ... ORDER BY pos;
--
SET client_min_messages = error;    -- 'nowhere' occurs nowhere, and steps warns
SET timezone = 'UTC';
SET jit = off;    -- many small calls

-- The histories worked by hand first.
SELECT w.id, w.why, got.*
FROM oracle.worked w
CROSS JOIN LATERAL (
    SELECT funnel.merge(c) AS c
    FROM (SELECT funnel.cohort(lead, label, at, amount, ref) AS c FROM oracle.event WHERE cohort = 1000 + w.id AND kind = 'stage'
          UNION ALL
          SELECT funnel.touches(lead, label, at) FROM oracle.event WHERE cohort = 1000 + w.id AND kind = 'touch') x) made
CROSS JOIN LATERAL (
    SELECT oracle.noted(array_agg(s.leads ORDER BY s.step)) AS leads,
           oracle.noted(array_agg(s.mean_days ORDER BY s.step)) AS days,
           oracle.noted(array_agg(s.pending ORDER BY s.step)) AS pending,
           oracle.noted(array_agg(s.mature_leads ORDER BY s.step)) AS mature,
           (array_agg(s.amount ORDER BY s.step DESC) FILTER (WHERE s.leads > 0))[1] AS amount
    FROM funnel.steps(made.c, w.steps, w.within, w.mode, w.period, w.until) s) got
WHERE (got.leads, got.days, got.pending, got.mature, got.amount)
      IS DISTINCT FROM (w.leads, w.days, w.pending, w.mature, w.amount)
ORDER BY w.id;

-- What is asked: every argument of whole cohorts in every mode (any knows no window), fewer
-- of every lead alone.
CREATE TEMP TABLE question AS
SELECT 'whole' AS what, a.cohort, a.arg, m.mode, a.steps,
       CASE WHEN m.mode <> 'any' THEN a.within END AS within, a.period, a.until
FROM oracle.argument a, unnest('{ordered,strict,any,implied}'::text[]) m(mode)
UNION ALL
SELECT 'alone', a.cohort, a.arg, m.mode, a.steps,
       CASE WHEN m.mode <> 'any' THEN a.within END, a.period, a.until
FROM oracle.argument a, unnest('{ordered,strict,any,implied}'::text[]) m(mode)
WHERE a.arg <= CASE WHEN m.mode IN ('ordered', 'strict') THEN 3 ELSE 1 END;

CREATE TEMP TABLE want AS
SELECT q.what, q.cohort, q.arg, q.mode, s.*
FROM question q, LATERAL oracle.steps(q.cohort, q.what = 'alone', q.steps, q.within, q.mode, q.period, q.until) s;

CREATE TEMP TABLE got AS
SELECT q.what, q.cohort, q.arg, q.mode, coalesce(c.lead, '') AS lead, s.*
FROM question q
JOIN oracle.cohort c ON c.cohort = q.cohort AND (c.lead IS NULL) = (q.what = 'whole')
CROSS JOIN LATERAL funnel.steps(c.c, q.steps, q.within, q.mode, q.period, q.until) s;

-- Straight from rows. (Touches make no difference.)
INSERT INTO want
SELECT 'rows', cohort, arg, mode, lead, step, stage, leads, ever, amount, from_previous, from_first, low, high,
       pending, mature_leads, mature_rate, mean_days, median_days, p90_days
FROM want WHERE what = 'whole' AND cohort IN (2, 6);
INSERT INTO got
SELECT 'rows', q.cohort, q.arg, q.mode, '', s.*
FROM (SELECT cohort, funnel.cohort(lead, label::funnel.lead_stage, at, amount, ref) AS c
      FROM oracle.event WHERE cohort = 2 AND kind = 'stage' GROUP BY cohort
      UNION ALL
      SELECT cohort, funnel.cohort(lead::bigint, label, at, amount, ref)
      FROM oracle.event WHERE cohort = 6 AND kind = 'stage' GROUP BY cohort) c
JOIN question q USING (cohort)
CROSS JOIN LATERAL funnel.steps(c.c, q.steps, q.within, q.mode, q.period, q.until) s
WHERE q.what = 'whole';

-- Straight from rows, a cohort a lead.
INSERT INTO want
SELECT 'rows, alone', w.cohort, w.arg, w.mode, w.lead, step, stage, leads, ever, amount, from_previous, from_first, low, high,
       pending, mature_leads, mature_rate, mean_days, median_days, p90_days
FROM want w
WHERE w.what = 'alone' AND w.cohort = 1
  AND EXISTS (SELECT FROM oracle.event e WHERE e.cohort = 1 AND e.lead = w.lead AND e.kind = 'stage');
INSERT INTO got
SELECT 'rows, alone', q.cohort, q.arg, q.mode, c.lead, s.*
FROM (SELECT lead, funnel.cohort(lead::int, label, at, amount, ref::int) AS c
      FROM oracle.event WHERE cohort = 1 AND kind = 'stage' GROUP BY lead) c
CROSS JOIN question q
CROSS JOIN LATERAL funnel.steps(c.c, q.steps, q.within, q.mode, q.period, q.until) s
WHERE q.what = 'alone' AND q.cohort = 1;

-- Filtered cohorts; and whole ones to this very moment. Mode, window and period by default.
BEGIN;
INSERT INTO want
SELECT 'filtered', f.id, a.arg, 'ordered', s.*
FROM oracle.filtered f
JOIN oracle.argument a ON a.cohort = f.cohort AND a.arg = f.arg + 2
CROSS JOIN LATERAL oracle.steps(f.id, false, a.steps, NULL, 'ordered', NULL, '2025-01-01') s
WHERE f.filter <> 'relabel' OR f.cohort IN (1, 6, 8);
INSERT INTO got
SELECT 'filtered', f.id, a.arg, 'ordered', '', s.*
FROM oracle.filtered f
JOIN oracle.argument a ON a.cohort = f.cohort AND a.arg = f.arg + 2
CROSS JOIN LATERAL funnel.steps(f.narrowed, a.steps, as_of => '2025-01-01') s
WHERE (f.filter <> 'relabel' OR f.cohort IN (1, 6, 8)) AND EXISTS (SELECT FROM oracle.event e WHERE e.cohort = f.id);
INSERT INTO want
SELECT 'whole, now', a.cohort, a.arg, 'ordered', s.*
FROM oracle.argument a, LATERAL oracle.steps(a.cohort, false, a.steps, NULL, 'ordered', NULL, now()) s
WHERE a.arg = 3;
INSERT INTO got
SELECT 'whole, now', a.cohort, a.arg, 'ordered', '', s.*
FROM oracle.argument a JOIN oracle.cohort c ON c.cohort = a.cohort AND c.lead IS NULL, LATERAL funnel.steps(c.c, a.steps) s
WHERE a.arg = 3;
COMMIT;

-- Counts and amounts exactly, floating point but for rounding.
CREATE TEMP TABLE difference AS
SELECT what, cohort, arg, mode, lead, step, v."column", v.funnel, v.oracle
FROM got g
FULL JOIN want w USING (what, cohort, arg, mode, lead, step)
CROSS JOIN LATERAL (VALUES
    ('stage', g.stage, w.stage, g.stage IS NOT DISTINCT FROM w.stage),
    ('leads', g.leads::text, w.leads::text, g.leads IS NOT DISTINCT FROM w.leads),
    ('ever', g.ever::text, w.ever::text, g.ever IS NOT DISTINCT FROM w.ever),
    ('amount', g.amount::text, w.amount::text, g.amount IS NOT DISTINCT FROM w.amount),
    ('from_previous', g.from_previous::text, w.from_previous::text, oracle.same(g.from_previous, w.from_previous)),
    ('from_first', g.from_first::text, w.from_first::text, oracle.same(g.from_first, w.from_first)),
    ('low', g.low::text, w.low::text, oracle.same(g.low, w.low)),
    ('high', g.high::text, w.high::text, oracle.same(g.high, w.high)),
    ('pending', g.pending::text, w.pending::text, g.pending IS NOT DISTINCT FROM w.pending),
    ('mature_leads', g.mature_leads::text, w.mature_leads::text, g.mature_leads IS NOT DISTINCT FROM w.mature_leads),
    ('mature_rate', g.mature_rate::text, w.mature_rate::text, oracle.same(g.mature_rate, w.mature_rate)),
    ('mean_days', g.mean_days::text, w.mean_days::text, oracle.same(g.mean_days, w.mean_days)),
    ('median_days', g.median_days::text, w.median_days::text, oracle.same(g.median_days, w.median_days)),
    ('p90_days', g.p90_days::text, w.p90_days::text, oracle.same(g.p90_days, w.p90_days))
) v("column", funnel, oracle, same)
WHERE ROW(g.*) IS DISTINCT FROM ROW(w.*)    -- (spares looking closely at equal rows)
  AND NOT v.same;

SELECT w.what, w.mode, format('%s differences', coalesce(d.differences, 0)) AS steps, w.rows
FROM (SELECT what, mode, count(*) AS rows FROM want GROUP BY what, mode) w
LEFT JOIN (SELECT what, mode, count(*) AS differences FROM difference GROUP BY what, mode) d USING (what, mode)
ORDER BY w.what COLLATE "C", w.mode COLLATE "C";

SELECT d.*, a.steps, a.within, a.period, a.until
FROM difference d LEFT JOIN oracle.argument a USING (cohort, arg)
ORDER BY d.what COLLATE "C", d.cohort, d.arg, d.mode, d.lead, d.step LIMIT 10;

-- That the comparison has something to compare: what the oracle's answers about whole
-- cohorts add up to.
SELECT mode, sum(leads) FILTER (WHERE step >= 3) AS at_steps_3_to_5, sum(pending) AS pending, sum(mature_leads) AS mature,
       count(*) FILTER (WHERE mature_leads > 0 AND mature_leads < previous) AS partly_mature,
       count(*) FILTER (WHERE median_days > 0 AND median_days <> mean_days) AS skewed_days,
       count(DISTINCT amount) AS amounts
FROM (SELECT *, lag(leads) OVER (PARTITION BY cohort, arg, mode ORDER BY step) AS previous FROM want WHERE what = 'whole') w
GROUP BY mode ORDER BY mode COLLATE "C";

--
-- conversion_rate is from_previous of the second of two steps.
--
CREATE TEMP TABLE pair AS
SELECT q.cohort, q.arg, q.mode, q.steps[1] AS from_stage, q.steps[2] AS to_stage, q.within, q.period, q.until
FROM question q
WHERE q.what = 'whole' AND cardinality(q.steps) >= 2 AND q.arg <= 7;

SELECT format('%s differences', count(*) FILTER (WHERE NOT oracle.same(f.rate, o.from_previous))) AS conversion_rate,
       count(*) AS compared, count(*) FILTER (WHERE o.from_previous > 0 AND o.from_previous < 1) AS between_0_and_1
FROM pair p
JOIN oracle.cohort c ON c.cohort = p.cohort AND c.lead IS NULL
CROSS JOIN LATERAL funnel.conversion_rate(c.c, p.from_stage, p.to_stage, p.within, p.mode, p.period, p.until) f(rate)
JOIN LATERAL oracle.steps(p.cohort, false, ARRAY[p.from_stage, p.to_stage], p.within, p.mode, p.period, p.until) o ON o.step = 2;

--
-- velocity: the mean and the quantiles of the days between two steps.
--
SELECT coalesce(quantile::text, 'mean') AS quantile,
       format('%s differences', count(*) FILTER (WHERE NOT oracle.same(f.days, o.days))) AS velocity,
       count(*) AS compared, count(*) FILTER (WHERE o.days > 0) AS not_zero
FROM pair p
JOIN oracle.cohort c ON c.cohort = p.cohort AND c.lead IS NULL
CROSS JOIN unnest('{NULL,0,0.1,0.5,0.9,0.99,1}'::float8[]) quantile
CROSS JOIN LATERAL funnel.velocity(c.c, p.from_stage, p.to_stage, quantile, p.within, p.period, p.until) f(days)
CROSS JOIN LATERAL oracle.velocity(p.cohort, p.from_stage, p.to_stage, quantile, p.within, p.period, p.until) o(days)
WHERE p.mode = 'ordered'
GROUP BY quantile ORDER BY quantile NULLS FIRST;

--
-- The same straight from rows, where there are no refs: every ordered pair of stages, of the
-- whole and of every lead.
--
WITH label AS (
    SELECT p.cohort, l FROM oracle.plan p, unnest(p.labels) l
), from_rows AS (
    SELECT e.cohort, e.lead, x.l AS from_stage, y.l AS to_stage,
           funnel.conversion_rate(e.lead, e.label, e.at, x.l, y.l) AS rate,
           funnel.velocity(e.lead, e.label, e.at, x.l, y.l) AS days
    FROM oracle.event e JOIN label x USING (cohort) JOIN label y USING (cohort)
    WHERE e.cohort = 8 AND e.kind = 'stage'
    GROUP BY GROUPING SETS ((e.cohort, x.l, y.l), (e.cohort, x.l, y.l, e.lead))
  UNION ALL
    SELECT e.cohort, NULL, x.l, y.l,
           funnel.conversion_rate(e.lead, e.label::int, e.at, x.l, y.l),
           funnel.velocity(e.lead, e.label::int, e.at, x.l, y.l)
    FROM oracle.event e JOIN label x USING (cohort) JOIN label y USING (cohort)
    WHERE e.cohort = 5 AND e.kind = 'stage'
    GROUP BY e.cohort, x.l, y.l
), reference AS (
    SELECT x.cohort, nullif(o.lead, '') AS lead, x.l AS from_stage, y.l AS to_stage, o.from_previous AS rate, o.mean_days AS days
    FROM label x JOIN label y USING (cohort)
    CROSS JOIN unnest('{f,t}'::boolean[]) alone
    CROSS JOIN LATERAL oracle.steps(x.cohort, alone, ARRAY[x.l, y.l], NULL, 'ordered', NULL, '2025-01-01') o
    WHERE (x.cohort = 8 OR x.cohort = 5 AND NOT alone) AND o.step = 2
)
SELECT f.cohort, f.lead IS NOT NULL AS alone,
       format('%s differences', count(*) FILTER (WHERE NOT oracle.same(f.rate, r.rate))) AS conversion_rate,
       format('%s differences', count(*) FILTER (WHERE NOT oracle.same(f.days, r.days))) AS velocity,
       count(*) AS compared
FROM from_rows f
LEFT JOIN reference r ON (r.cohort, r.from_stage, r.to_stage, coalesce(r.lead, ''))
                         = (f.cohort, f.from_stage, f.to_stage, coalesce(f.lead, ''))
GROUP BY 1, 2 ORDER BY 1, 2;
