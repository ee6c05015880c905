--
-- stages, transitions, aging, sla, sla_report and stale against the oracle: of whole cohorts, of
-- every lead alone (so that no two mistakes cancel out), of filtered cohorts, and aging straight
-- from rows. Needs oracle_0_reference, oracle_1_histories and oracle_cohort; is faster after oracle_stays.
--
-- A difference is printed with what was asked:
--   SELECT * FROM oracle.argument WHERE cohort = ... AND arg = ...;
--   SELECT * FROM oracle.timeline(cohort, true) WHERE lead = ... ORDER BY pos;
--
SET client_min_messages = error;    -- stages that occur nowhere, and sla warns
SET timezone = 'UTC';
SET jit = off;    -- many small calls

-- A pipeline for each cohort, all of whose stages but some have an SLA.
INSERT INTO funnel.pipeline (name) SELECT 'oracle ' || cohort FROM oracle.plan;
INSERT INTO funnel.stage (pipeline, stage, position, owner, sla)
SELECT 'oracle ' || cohort, l, oracle.pick(cohort || l || ' position', 1000) * 10 + row_number() OVER (), nullif('team ' || oracle.pick(cohort || l || ' owner', 3), 'team 0'),
       ('{NULL,1 microsecond,1 day,23:59:59.999999,36 hours,30 days,1 mon,1 mon 1 day}'::interval[])[1 + oracle.pick(cohort || l || ' sla', 8)]
FROM (SELECT DISTINCT cohort, unnest(labels || '{nowhere}'::text[]) FROM oracle.plan) p(cohort, l);

-- What is asked: the arguments of the step funnel, with bounds and exits for aging and a stage and a limit for sla.
CREATE TEMP TABLE question AS
SELECT w.what, a.cohort, a.arg, a.period, a.until,
       (ARRAY['{7 days,30 days,90 days}', '{}', '{1 day}', '{1 microsecond,24:00:00,1 day 1 microsecond,30 days,1 mon 1 day,32 days}', '{23:59:59.999999,2 days,1 year}'])[1 + oracle.pick(seed || ' bounds', 5)]::interval[] AS bounds,
       (ARRAY['{won,lost,disqualified}', '{}', '{nowhere}', p.labels[1:2]::text, p.labels[4:4]::text])[1 + oracle.pick(seed || ' exits', 5)]::text[] AS exits,
       a.steps[1] AS stage, coalesce(a.within, '36 hours') AS allowed
FROM oracle.argument a JOIN oracle.plan p USING (cohort), unnest('{whole,alone}'::text[]) w(what), LATERAL (SELECT format('stages %s %s', a.cohort, a.arg)) s(seed)
WHERE a.arg <= CASE w.what WHEN 'whole' THEN 12 ELSE 2 END;
INSERT INTO question
SELECT 'filtered', id, 0, NULL, '2025-01-01', '{1 day,31 days}', '{won,lost,disqualified}', 'mql', '1 day' FROM oracle.filtered WHERE arg = 1 AND (filter <> 'relabel' OR cohort IN (1, 6, 8));

-- One form for all answers: what a row is about, its counts, its days and rates.
CREATE TEMP TABLE got (fn text, what text, cohort int, arg int, lead text, row_of text, counts bigint[], numbers float8[]);
CREATE TEMP TABLE want (LIKE got);

CREATE TEMP TABLE asked AS
SELECT q.*, coalesce(c.lead, '') AS lead, c.c FROM question q JOIN oracle.cohort c ON c.cohort = q.cohort AND (c.lead IS NULL) = (q.what = 'whole') WHERE q.what <> 'filtered'
UNION ALL
SELECT q.*, '', f.narrowed FROM question q JOIN oracle.filtered f ON f.id = q.cohort WHERE q.what = 'filtered';
ANALYZE question, asked;

INSERT INTO got
SELECT 'stages', what, cohort, arg, lead, s.stage, ARRAY[s.leads, s.entries, s.current],
       ARRAY[s.mean_days, s.median_days, s.p90_days, s.mean_age_days, s.median_age_days, s.p90_age_days, s.oldest_days]
FROM asked, LATERAL funnel.stages(c, period, until) s
UNION ALL
SELECT 'transitions', what, cohort, arg, lead, format('%s > %s', coalesce('"' || s.from_stage || '"', 'nowhere'), coalesce('"' || s.to_stage || '"', 'nowhere')), ARRAY[s.transitions, s.leads],
       ARRAY[s.mean_days, s.median_days, s.p90_days]
FROM asked, LATERAL funnel.transitions(c, period, until) s
UNION ALL
SELECT 'aging', what, cohort, arg, lead, format('%s %s', s.stage, s.bucket), ARRAY[s.leads], ARRAY[s.at_least_days, s.below_days, s.share]
FROM asked, LATERAL funnel.aging(c, bounds, exits, until) s
UNION ALL
SELECT 'sla', what, cohort, arg, lead, '', ARRAY[s.entries, s.met, s.breached, s.pending], ARRAY[s.compliance]
FROM asked, LATERAL funnel.sla(c, stage, allowed, period, until) s
UNION ALL
SELECT 'sla_report', what, cohort, arg, lead, format('%s %s %s %s', s.n, s.stage, s.owner, s.sla), ARRAY[s.entries, s.met, s.breached, s.pending], ARRAY[s.compliance]
FROM asked, LATERAL funnel.sla_report(c, 'oracle ' || cohort, until) WITH ORDINALITY s(stage, owner, sla, entries, met, breached, pending, compliance, n) WHERE what <> 'filtered'
UNION ALL
SELECT 'stale', what, cohort, arg, asked.lead, format('%s %s %s %s', s.lead, s.stage, s.owner, s.entered_at), '{}', ARRAY[s.days, s.allowed_days, s.over_days]
FROM asked, LATERAL funnel.stale(c, 'oracle ' || cohort, until) s WHERE what <> 'filtered';

-- The oracle's: all of it counts of stays.
CREATE TEMP TABLE stay AS
SELECT q.what, q.cohort, q.arg, CASE WHEN q.what = 'alone' THEN s.lead ELSE '' END AS grp, q.until, s.*, oracle.in_period(s.entered_at, q.period) AS counts
FROM question q, LATERAL oracle.known_stays(q.cohort, q.what = 'alone', q.until) s;
ANALYZE stay;
-- Of an interval as PostgreSQL compares it: months of 30 days.
CREATE FUNCTION pg_temp.days(interval) RETURNS float8 IMMUTABLE LANGUAGE sql AS $$
    SELECT (extract(year FROM $1) * 360 + extract(month FROM $1) * 30 + extract(day FROM $1))::float8 + extract(epoch FROM $1 - date_trunc('day', $1))::float8 / 86400
$$;

INSERT INTO want
SELECT 'stages', what, cohort, arg, grp, stage, ARRAY[count(DISTINCT lead), count(*), count(*) FILTER (WHERE is_open)],
       ARRAY[avg(days) FILTER (WHERE NOT is_open), percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT is_open), percentile_cont(0.9) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT is_open),
             avg(days) FILTER (WHERE is_open), percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE is_open), percentile_cont(0.9) WITHIN GROUP (ORDER BY days) FILTER (WHERE is_open), max(days) FILTER (WHERE is_open)]
FROM stay WHERE counts GROUP BY what, cohort, arg, grp, stage
UNION ALL
SELECT 'transitions', what, cohort, arg, grp, format('%s > %s', coalesce('"' || from_stage || '"', 'nowhere'), coalesce('"' || to_stage || '"', 'nowhere')), ARRAY[count(*), count(DISTINCT lead)],
       ARRAY[avg(took), percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.9) WITHIN GROUP (ORDER BY took)]
FROM (SELECT what, cohort, arg, grp, lead, stage AS from_stage, next_stage AS to_stage, CASE WHEN NOT is_open THEN days END AS took FROM stay WHERE counts
      UNION ALL SELECT what, cohort, arg, grp, lead, NULL, stage, NULL FROM stay WHERE counts AND stay = 1) t GROUP BY what, cohort, arg, grp, from_stage, to_stage
UNION ALL
SELECT 'aging', what, cohort, arg, grp, format('%s %s', stage, b), ARRAY[(SELECT count(*) FROM unnest(ages) age WHERE age >= low AND (age >= high) IS NOT TRUE)],
       ARRAY[low, high, (SELECT count(*) FROM unnest(ages) age WHERE age >= low AND (age >= high) IS NOT TRUE)::float8 / cardinality(ages)]
FROM (SELECT s.what, s.cohort, s.arg, s.grp, s.stage, array_agg(s.days) AS ages, q.bounds
      FROM stay s JOIN question q ON (q.what, q.cohort, q.arg) = (s.what, s.cohort, s.arg) WHERE s.is_open AND s.stage <> ALL (q.exits) GROUP BY s.what, s.cohort, s.arg, s.grp, s.stage, q.bounds) a,
     generate_series(1, cardinality(bounds) + 1) b, LATERAL (SELECT CASE b WHEN 1 THEN 0 ELSE pg_temp.days(bounds[b - 1]) END, pg_temp.days(bounds[b])) l(low, high);

-- Held against limits; of cohorts too that have no stay in the stage.
CREATE TEMP TABLE verdict AS
SELECT what, cohort, arg, lead, fn, row_of, count(stay) AS entries, count(stay) FILTER (WHERE NOT is_open AND took <= allowed) AS met, count(stay) FILTER (WHERE took > allowed) AS breached, count(stay) FILTER (WHERE is_open AND took <= allowed) AS pending
FROM (SELECT a.what, a.cohort, a.arg, a.lead, 'sla' AS fn, '' AS row_of, a.allowed, s.stay, s.is_open, coalesce(s.left_at, s.until) - s.entered_at AS took
      FROM asked a LEFT JOIN stay s ON (s.what, s.cohort, s.arg, s.grp, s.stage) = (a.what, a.cohort, a.arg, a.lead, a.stage) AND s.counts
      UNION ALL
      SELECT a.what, a.cohort, a.arg, a.lead, 'sla_report', format('%s %s %s %s', p.n, p.stage, p.owner, p.sla), p.sla, s.stay, s.is_open, coalesce(s.left_at, s.until) - s.entered_at
      FROM asked a JOIN (SELECT *, row_number() OVER (PARTITION BY pipeline ORDER BY position) AS n FROM funnel.stage WHERE sla IS NOT NULL) p ON p.pipeline = 'oracle ' || a.cohort
      LEFT JOIN stay s ON (s.what, s.cohort, s.arg, s.grp, s.stage) = (a.what, a.cohort, a.arg, a.lead, p.stage) WHERE a.what <> 'filtered') v
GROUP BY what, cohort, arg, lead, fn, row_of;
INSERT INTO want
SELECT fn, what, cohort, arg, lead, row_of, ARRAY[entries, met, breached, pending], ARRAY[met::float8 / nullif(met + breached, 0)] FROM verdict
UNION ALL
SELECT 'stale', s.what, s.cohort, s.arg, s.grp, format('%s %s %s %s', s.lead, s.stage, p.owner, s.entered_at), '{}', ARRAY[s.days, pg_temp.days(p.sla), pg_temp.days(s.until - s.entered_at - p.sla)]
FROM stay s JOIN funnel.stage p ON p.pipeline = 'oracle ' || s.cohort AND p.stage = s.stage WHERE s.what <> 'filtered' AND s.is_open AND s.until - s.entered_at > p.sla;

CREATE TEMP TABLE difference AS
SELECT fn, what, cohort, arg, lead, row_of, g.counts AS funnel_counts, w.counts AS oracle_counts, g.numbers AS funnel_numbers, w.numbers AS oracle_numbers
FROM got g FULL JOIN want w USING (fn, what, cohort, arg, lead, row_of)
WHERE g.counts IS DISTINCT FROM w.counts OR NOT (SELECT coalesce(bool_and(oracle.same(a, b)), true) FROM unnest(g.numbers, w.numbers) n(a, b));
SELECT w.fn, w.what, format('%s differences', (SELECT count(*) FROM difference d WHERE (d.fn, d.what) = (w.fn, w.what))) AS answers, count(*) AS rows,
       count(*) FILTER (WHERE w.counts[1] > 0) AS not_empty, count(*) FILTER (WHERE w.numbers[1] > 0) AS with_days
FROM want w GROUP BY w.fn, w.what ORDER BY w.fn, w.what;
SELECT * FROM difference ORDER BY fn, what, cohort, arg, lead, row_of LIMIT 6;

-- The longest open come first, those of one age in the order of the leads.
SELECT count(*) AS lists, count(*) FILTER (WHERE rows > 1) AS longer, bool_and(in_order) AS in_order
FROM (SELECT a.cohort, a.arg, count(*) AS rows, array_agg(s.lead ORDER BY s.n) = array_agg(s.lead ORDER BY s.days DESC, e.place) AS in_order
      FROM asked a, LATERAL funnel.stale(a.c, 'oracle ' || a.cohort, a.until) WITH ORDINALITY s(lead, stage, owner, entered_at, days, allowed_days, over_days, n)
      JOIN (SELECT c.cohort, e.lead, min(e.n) AS place FROM oracle.cohort c, LATERAL funnel.events(c.c) WITH ORDINALITY e(lead, kind, label, at, amount, ref, n) WHERE c.lead IS NULL GROUP BY c.cohort, e.lead) e ON e.lead = s.lead
      WHERE a.what = 'whole' AND e.cohort = a.cohort GROUP BY a.cohort, a.arg) l;

-- The sums that must agree, in each answer: entries = those that went on + open; open = aging and exits; met + breached + pending = entries.
SELECT count(*) AS answers, count(*) FILTER (WHERE entries <> went_on + open) AS entries_differ, count(*) FILTER (WHERE NOT aging_fits) AS aging_differs
FROM (SELECT (SELECT coalesce(sum(s.entries), 0) FROM funnel.stages(c, period, until) s) AS entries,
             (SELECT count(*) FROM funnel.stays(c, period, until) y WHERE NOT y.is_open) AS went_on,
             (SELECT coalesce(sum(t.transitions), 0) FROM funnel.transitions(c, period, until) t WHERE t.to_stage IS NULL) AS open,
             (SELECT coalesce(sum(a.leads), 0) FROM funnel.aging(c, bounds, exits, until) a) + (SELECT coalesce(sum(s.current), 0) FROM funnel.stages(c, NULL, until) s WHERE s.stage = ANY (exits))
             = (SELECT count(*) FROM funnel.stays(c, NULL, until) y WHERE y.is_open) AS aging_fits
      FROM asked WHERE what = 'whole') s;
SELECT count(*), count(*) FILTER (WHERE counts[2] + counts[3] + counts[4] <> counts[1]) AS differ FROM got WHERE fn IN ('sla', 'sla_report');

-- aging straight from rows, as a whole and lead by lead.
WITH from_rows AS (
    SELECT e.cohort, coalesce(e.lead, '') AS lead, q.arg, l.l AS stage, funnel.aging(e.lead, e.label, e.at, l.l, q.until) AS days
    FROM oracle.event e JOIN question q USING (cohort) JOIN (SELECT cohort, unnest(labels) AS l FROM oracle.plan) l USING (cohort)
    WHERE e.cohort = 8 AND e.kind = 'stage' AND q.what = 'whole' AND q.arg <= 2 GROUP BY GROUPING SETS ((e.cohort, q.arg, q.until, l.l), (e.cohort, q.arg, q.until, l.l, e.lead))
  UNION ALL
    SELECT e.cohort, '', q.arg, l.l, funnel.aging(e.lead, e.label::int, e.at, l.l, q.until)
    FROM oracle.event e JOIN question q USING (cohort) JOIN (SELECT cohort, unnest(labels) AS l FROM oracle.plan) l USING (cohort)
    WHERE e.cohort = 5 AND e.kind = 'stage' AND q.what = 'whole' GROUP BY e.cohort, q.arg, q.until, l.l
), reference AS (
    SELECT what, cohort, arg, grp AS lead, stage, avg(days) AS days FROM stay WHERE is_open GROUP BY what, cohort, arg, grp, stage
)
SELECT f.cohort, f.lead <> '' AS alone, count(*) AS compared, count(f.days) AS with_days,
       format('%s differences', count(*) FILTER (WHERE NOT oracle.same(f.days, r.days))) AS aging
FROM from_rows f LEFT JOIN reference r ON (r.cohort, r.arg, r.lead, r.stage) = (f.cohort, f.arg, f.lead, f.stage) AND r.what = CASE f.lead WHEN '' THEN 'whole' ELSE 'alone' END
GROUP BY 1, 2 ORDER BY 1, 2;

DELETE FROM funnel.pipeline WHERE name LIKE 'oracle %';
DELETE FROM funnel.pipeline_version WHERE pipeline LIKE 'oracle %';
