--
-- stages and transitions: every column, on seven leads that a reader can count
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END $$;

CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, ref text);
INSERT INTO crm VALUES
  -- ann: mql 2 days, sal 8, won since 21 days (as of 1 February)
  ('ann', 'mql', '2024-01-01', NULL), ('ann', 'sal', '2024-01-03', NULL), ('ann', 'won', '2024-01-11', NULL),
  -- ben: mql 4, sal since 27
  ('ben', 'mql', '2024-01-01', NULL), ('ben', 'sal', '2024-01-05', NULL),
  -- cat: mql 6 (seen there again on the 4th), lost 12, mql again since 12
  ('cat', 'mql', '2024-01-02', NULL), ('cat', 'mql', '2024-01-04', NULL), ('cat', 'lost', '2024-01-08', NULL), ('cat', 'mql', '2024-01-20', NULL),
  -- dan: mql 0, for he is accepted at once; sal 5, handed back: mql 1, sal 10, lost since 6
  ('dan', 'mql', '2024-01-10', NULL), ('dan', 'sal', '2024-01-10', NULL), ('dan', 'mql', '2024-01-15', NULL),
  ('dan', 'sal', '2024-01-16', NULL), ('dan', 'lost', '2024-01-26', NULL),
  -- eve: mql since 2
  ('eve', 'mql', '2024-01-30', NULL),
  -- fay: sal of record A 10, sal of record B since 10: two stays
  ('fay', 'sal', '2024-01-12', 'A'), ('fay', 'sal', '2024-01-22', 'B'),
  -- gus: mql since 12; that he will be accepted in February and won in March nobody knows yet
  ('gus', 'mql', '2024-01-20', NULL), ('gus', 'sal', '2024-02-05', NULL), ('gus', 'customer', '2024-03-01', NULL);
-- Touches in between end no stay, and a channel called won is no stage.
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) FROM crm)
       || (SELECT funnel.touches(lead, channel, timestamptz '2024-01-03') FROM unnest('{ann,cat,hal}'::text[]) lead, unnest('{mail,won}'::text[]) channel) AS c;

--
-- stages
--
-- mql: 2 4 6 0 1 days, and 12 2 12 open; sal: 8 5 10 10, and 27 10 open; lost: 12, and 6 open; won: 21 open
SELECT s.stage, s.leads, s.entries, s.current, s.mean_days, s.median_days, s.p90_days
FROM crm_cohort, funnel.stages(c, as_of => '2024-02-01') s;
SELECT s.stage, s.current, round(s.mean_age_days::numeric, 4) AS mean_age_days, s.median_age_days, s.p90_age_days, s.oldest_days
FROM crm_cohort, funnel.stages(c, as_of => '2024-02-01') s;
-- Without arguments: all of time, as of now.
SELECT (SELECT array_agg(s) FROM crm_cohort, funnel.stages(c) s)
       = (SELECT array_agg(s) FROM crm_cohort, funnel.stages(c, NULL, now(), NULL) s) AS defaults;
-- The state of every stage at any moment: the events at as_of and later do not exist, and open stays are measured to it.
SELECT as_of, s.stage, s.leads, s.entries, s.current, s.median_days, s.oldest_days
FROM crm_cohort, unnest('{2024-01-01,2024-01-01 00:00:00.000001,2024-01-10,2024-01-10 12:00,2024-03-01 00:00:00.000001}'::timestamptz[]) as_of,
     funnel.stages(c, as_of => as_of) s ORDER BY as_of, s.stage;
-- The period is that of the entry, whenever the stay ends; a lead counts once a stage, however often it came.
SELECT period, s.stage, s.leads, s.entries, s.current, s.mean_days, s.mean_age_days
FROM crm_cohort, unnest('{"[2024-01-01,2024-01-02)","(2024-01-01,2024-01-10]","[2024-01-15,2024-02-01)",empty,"[2030-01-01,)"}'::tstzrange[]) WITH ORDINALITY p(period, n),
     funnel.stages(c, period, '2024-02-01') s ORDER BY n, s.stage;
-- Each month's entries and what became of them: the months add up to the whole.
SELECT s.stage, sum(s.entries) AS entries, sum(s.current) AS current
FROM crm_cohort, generate_series(timestamptz '2024-01-01', '2024-03-01', '1 month') m,
     funnel.stages(c, tstzrange(m, m + interval '1 month'), '2024-04-01') s GROUP BY s.stage ORDER BY s.stage;
SELECT s.stage, s.entries, s.current FROM crm_cohort, funnel.stages(c, as_of => '2024-04-01') s;

-- The rows come in the order of the stages: that of their type, or that which in_order gives; else by name.
SELECT string_agg(s.stage, ' ' ORDER BY n) FROM (SELECT funnel.cohort(1, stage::funnel.lead_stage, now() - interval '1 day') FROM unnest('{won,lost,mql,inquiry,sal}'::text[]) stage) t(c),
     funnel.stages(c) WITH ORDINALITY s(stage, a, b, d, e, f, g, h, i, j, k, n);
SELECT string_agg(s.stage, ' ' ORDER BY n) FROM (SELECT funnel.cohort(1, stage, now() - interval '1 day') FROM unnest('{10,9,-1,100}'::int[]) stage) t(c),
     funnel.stages(c) WITH ORDINALITY s(stage, a, b, d, e, f, g, h, i, j, k, n);
SELECT string_agg(s.stage, ' ' ORDER BY n) FROM (SELECT funnel.in_order(funnel.cohort(1, stage, now() - interval '1 day'), '{new,open,won}') FROM unnest('{won,lost,new,Open,open}'::text[]) stage) t(c),
     funnel.stages(c) WITH ORDINALITY s(stage, a, b, d, e, f, g, h, i, j, k, n);

--
-- transitions
--
-- A row for each way: from NULL the first stay of a lead, to NULL an open one; the days are those in from_stage. The
-- change of fay's record is a transition from sal to sal.
SELECT s.* FROM crm_cohort, funnel.transitions(c, as_of => '2024-02-01') s;
-- The lead that goes the same way again is one lead.
SELECT s.* FROM (SELECT funnel.cohort(lead, stage, timestamptz '2024-01-01' + day * interval '1 day')
                 FROM (VALUES (1, 'a', 0), (1, 'b', 1), (1, 'a', 3), (1, 'b', 6), (2, 'a', 0), (2, 'b', 8)) v(lead, stage, day)) t(c), funnel.transitions(c, as_of => '2024-01-31') s;
SELECT (SELECT array_agg(s) FROM crm_cohort, funnel.transitions(c) s) = (SELECT array_agg(s) FROM crm_cohort, funnel.transitions(c, NULL, now()) s) AS defaults;
-- The period is that of the entry into from_stage; of a lead's first stay, of the entry into it.
SELECT s.* FROM crm_cohort, funnel.transitions(c, '[2024-01-10,2024-01-16)', '2024-02-01') s;
SELECT s.* FROM crm_cohort, funnel.transitions(c, 'empty', '2024-02-01') s;
SELECT s.* FROM crm_cohort, funnel.transitions(c, as_of => '2024-01-01') s;
-- So they share the stays out with stages(): what enters a stage goes on or stays.
CREATE FUNCTION pg_temp.balance(c funnel.cohort, period tstzrange, as_of timestamptz)
RETURNS TABLE (stages bigint, entries bigint, went_on bigint, stayed bigint, balanced boolean) LANGUAGE sql AS $$
    SELECT count(*), sum(s.entries), sum(t.went_on), sum(s.current), coalesce(bool_and(s.entries = t.went_on + t.stayed AND s.current = t.stayed AND s.entries = t.entries), true)
    FROM funnel.stages(c, period, as_of) s
    LEFT JOIN (SELECT from_stage AS stage, coalesce(sum(transitions) FILTER (WHERE to_stage IS NOT NULL), 0) AS went_on,
                      coalesce(sum(transitions) FILTER (WHERE to_stage IS NULL), 0) AS stayed, sum(transitions) AS entries
               FROM funnel.transitions(c, period, as_of) WHERE from_stage IS NOT NULL GROUP BY from_stage) t USING (stage)
$$;
SELECT b.* FROM crm_cohort, pg_temp.balance(c, NULL, '2024-02-01') b;
SELECT b.* FROM crm_cohort, pg_temp.balance(c, '[2024-01-05,2024-01-20)', '2024-02-01') b;
-- Without a period, what enters a stage comes from another or from nowhere.
SELECT s.stage, s.entries, sum(t.transitions) AS came
FROM crm_cohort, funnel.stages(c, as_of => '2024-02-01') s, funnel.transitions(c, as_of => '2024-02-01') t
WHERE t.to_stage = s.stage GROUP BY s.stage, s.entries ORDER BY s.stage;

-- The order: nowhere first, then that of the stages, open stays last.
SELECT t.from_stage, t.to_stage, t.transitions
FROM (SELECT funnel.cohort(lead, stage::funnel.lead_stage, timestamptz '2024-01-01' + n * interval '1 day')
      FROM unnest('{inquiry mql won,mql lost,won lost,lost mql inquiry}'::text[]) WITH ORDINALITY h(history, lead),
           unnest(string_to_array(history, ' ')) WITH ORDINALITY s(stage, n)) r(c), funnel.transitions(c) t;

--
-- The drill-down: both are counts over funnel.stays
--
CREATE FUNCTION pg_temp.by_stays(c funnel.cohort, period tstzrange, as_of timestamptz)
RETURNS TABLE (stages boolean, transitions boolean) LANGUAGE sql AS $$
    WITH stay AS MATERIALIZED (SELECT * FROM funnel.stays(c, period, as_of)),
    stage AS (SELECT stage, count(DISTINCT lead), count(*), count(*) FILTER (WHERE is_open) AS current,
                     percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT is_open),
                     percentile_cont(0.9) WITHIN GROUP (ORDER BY days) FILTER (WHERE is_open),
                     max(days) FILTER (WHERE is_open) FROM stay GROUP BY stage),
    way AS (SELECT stage, next_stage, count(*), count(DISTINCT lead), percentile_cont(0.9) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT is_open) FROM stay GROUP BY stage, next_stage)
    SELECT NOT EXISTS (SELECT stage, leads, entries, current, median_days, p90_age_days, oldest_days FROM funnel.stages(c, period, as_of) EXCEPT ALL TABLE stage)
           AND NOT EXISTS (TABLE stage EXCEPT ALL SELECT stage, leads, entries, current, median_days, p90_age_days, oldest_days FROM funnel.stages(c, period, as_of)),
           NOT EXISTS (SELECT from_stage, to_stage, transitions, leads, p90_days FROM funnel.transitions(c, period, as_of) WHERE from_stage IS NOT NULL EXCEPT ALL TABLE way)
           AND NOT EXISTS (TABLE way EXCEPT ALL SELECT from_stage, to_stage, transitions, leads, p90_days FROM funnel.transitions(c, period, as_of) WHERE from_stage IS NOT NULL)
$$;
SELECT b.* FROM crm_cohort, pg_temp.by_stays(c, NULL, '2024-02-01') b;
SELECT b.* FROM crm_cohort, pg_temp.by_stays(c, '[2024-01-05,2024-01-20)', '2024-02-01') b;

--
-- Any form of a cohort; many stages; long histories; leads without stages
--
CREATE TEMP TABLE piece AS SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) AS c FROM crm GROUP BY lead, stage;
SELECT (SELECT array_agg(s) FROM crm_cohort, funnel.stages(c, as_of => '2024-02-01') s) = (SELECT array_agg(s) FROM (SELECT funnel.merge(c) FROM piece) m(c), funnel.stages(c, as_of => '2024-02-01') s) AS stages,
       (SELECT array_agg(s) FROM crm_cohort, funnel.transitions(c, as_of => '2024-02-01') s) = (SELECT array_agg(s) FROM (SELECT funnel.merge(c) FROM piece) m(c), funnel.transitions(c, as_of => '2024-02-01') s) AS transitions;
SELECT (SELECT array_agg(s) FROM crm_cohort, funnel.stages(c, as_of => '2024-02-01') s) = (SELECT array_agg(s) FROM crm_cohort, funnel.stages(funnel.as_of(c, '2024-02-01'), as_of => '2024-02-01') s) AS stages,
       (SELECT array_agg(s) FROM crm_cohort, funnel.transitions(c, as_of => '2024-02-01') s) = (SELECT array_agg(s) FROM crm_cohort, funnel.transitions(funnel.as_of(c, '2024-02-01'), as_of => '2024-02-01') s) AS transitions;
-- 6,000 leads, each through 7 of 3,000 stages, a day in each but the last: 14 enter each stage, of which 2 begin and 2 end there.
CREATE TEMP TABLE wide AS
SELECT funnel.cohort(n, 'stage ' || (n + s) % 3000, timestamptz '2024-01-01' + s * interval '1 day') AS c FROM generate_series(1, 6000) n, generate_series(1, 7) s;
SELECT count(*) AS stages, min(s.entries), max(s.entries), min(s.current), max(s.current), min(s.mean_days), max(s.p90_days), max(s.oldest_days) FROM wide, funnel.stages(c, as_of => '2024-01-10') s;
SELECT t.from_stage IS NULL AS first, t.to_stage IS NULL AS open, count(*), min(t.transitions), max(t.transitions), min(t.leads), max(t.mean_days)
FROM wide, funnel.transitions(c, as_of => '2024-01-10') t GROUP BY 1, 2 ORDER BY 1, 2;
SELECT bool_and(b.stages AND b.transitions) FROM wide, pg_temp.by_stays(c, '[2024-01-03,2024-01-06)', '2024-01-10') b;
-- Sixty-three, sixty-four and sixty-five stages, one lead through them all and back to the first.
SELECT n, count(*) AS ways, count(*) FILTER (WHERE t.from_stage IS NULL) AS first, count(*) FILTER (WHERE t.to_stage IS NULL) AS open,
       count(*) FILTER (WHERE t.to_stage::int = t.from_stage::int % n + 1) AS next_stage
FROM unnest('{1,2,63,64,65}'::int[]) n, LATERAL (SELECT funnel.cohort(1, 1 + (s - 1) % n, timestamptz '2024-01-01' + s * interval '1 day') FROM generate_series(1, n + 1) s) r(c), funnel.transitions(c) t GROUP BY n ORDER BY n;
-- One lead of 100,000 days: every day the next of four stages, touched every day.
SELECT s.stage, s.leads, s.entries, s.current, s.mean_days, s.p90_days, s.oldest_days
FROM (SELECT funnel.cohort(1, (ARRAY['mql', 'sal', 'won', 'lost'])[1 + n % 4], timestamptz '2024-01-01' + n * interval '1 day') || funnel.touches(1, 'mail', timestamptz '2024-01-01' + n * interval '1 day')
      FROM generate_series(0, 99999) n) t(c), funnel.stages(c, as_of => timestamptz '2024-01-01' + 100000 * interval '1 day') s;
-- Times at both ends of what there is.
SELECT s.stage, s.entries, round(s.mean_days) AS mean_days, round(s.oldest_days) AS oldest_days
FROM (SELECT funnel.cohort(lead, stage, at) FROM (VALUES (1, 'a', timestamptz '4713-01-02 00:00+00 BC'), (1, 'b', '294276-12-31'), (2, 'a', '294276-12-31'), (3, 'a', '4713-01-02 00:00+00 BC')) v(lead, stage, at)) t(c),
     funnel.stages(c, as_of => '294276-12-31 23:59:59.999999') s;
-- To the end of time everything is open for ever; what has ended has ended.
SELECT s.stage, s.current, s.mean_days, s.mean_age_days, s.median_age_days, s.p90_age_days, s.oldest_days FROM crm_cohort, funnel.stages(c, as_of => 'infinity') s;
SELECT count(*) FROM crm_cohort, funnel.stages(c, as_of => '-infinity') s;

--
-- Nothing to tell, and what is refused
--
SELECT count(*) FROM funnel.stages(NULL);
SELECT count(*) FROM funnel.transitions(NULL, NULL, NULL);
SELECT count(*) FROM crm_cohort, funnel.stages(funnel.as_of(c, '-infinity'));
SELECT count(*) FROM crm_cohort, funnel.transitions(funnel.only(c, '{}'));
SELECT call, r.* FROM (VALUES ('stages(c, as_of => NULL)'), ('transitions(c, as_of => NULL)'), ('stages(c, calendar => ''no such calendar'')')) v(call),
     pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.%s', call)) r;

-- stages may read a calendar, transitions reads the cohort only.
SELECT proname, provolatile, proparallel FROM pg_proc WHERE pronamespace = 'funnel'::regnamespace AND proname IN ('stages', 'transitions') ORDER BY proname;
