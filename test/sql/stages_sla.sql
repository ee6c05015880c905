--
-- sla, sla_report, stale: stays held against a limit
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = postgres;
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

-- An MQL is to be accepted or sent back within two days, an SAL to become something within ten.
SELECT FROM funnel.create_pipeline('sla', '{mql,sal,"on hold",won}', '{lost}');
UPDATE funnel.stage SET sla = '2 days', owner = 'marketing' WHERE pipeline = 'sla' AND stage = 'mql';
UPDATE funnel.stage SET sla = '10 days', owner = 'sales' WHERE pipeline = 'sla' AND stage = 'sal';
UPDATE funnel.stage SET sla = '1 mon' WHERE pipeline = 'sla' AND stage = 'on hold';

CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, ref text);
INSERT INTO crm VALUES
  ('ann', 'mql', '2024-01-01', NULL), ('ann', 'sal', '2024-01-03', NULL), ('ann', 'won', '2024-01-08', NULL),  -- mql: 2 days, to the microsecond: met; sal: 5, met
  ('ben', 'mql', '2024-01-01', NULL), ('ben', 'sal', '2024-01-03 00:00:00.000001', NULL),                       -- mql: breached; sal: open for longer: breached
  ('cat', 'mql', '2024-01-10', NULL), ('cat', 'mql', '2024-01-11', NULL), ('cat', 'lost', '2024-01-15', NULL),  -- mql: 5, breached; lost has no SLA
  ('dan', 'mql', '2024-01-02', NULL), ('dan', 'sal', '2024-01-02', NULL), ('dan', 'mql', '2024-01-20', NULL),   -- mql: 0, met; sal: 18, breached; mql again: open, breached
  ('eve', 'mql', '2024-01-30', NULL),                                                                           -- mql: open for 2 days at 1 February: pending
  ('fay', 'sal', '2024-01-20', 'A'), ('fay', 'sal', '2024-01-28', 'B'),                                         -- sal: 8, met; sal of record B: open for 4: pending
  ('gus', 'demo', '2023-01-01', NULL);                                                                          -- in a stage that the pipeline does not have
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) FROM crm)
       || (SELECT funnel.touches(lead, 'mail', timestamptz '2024-01-12') FROM unnest('{ben,cat,hal}'::text[]) lead) AS c;

--
-- sla: one stage
--
SELECT s.* FROM crm_cohort, funnel.sla(c, 'mql', '2 days', as_of => '2024-02-01') s;
SELECT s.* FROM crm_cohort, funnel.sla(c, 'sal', '10 days', as_of => '2024-02-01') s;
-- The limit belongs to what is allowed, on both sides; a microsecond later eve is late.
SELECT allowed, as_of, s.* FROM crm_cohort, unnest('{48:00:00,47:59:59.999999,48:00:00.000001,1 microsecond,1 year}'::interval[]) WITH ORDINALITY a(allowed, n),
     unnest('{2024-02-01,2024-02-01 00:00:00.000001}'::timestamptz[]) as_of, funnel.sla(c, 'mql', allowed, as_of => as_of) s ORDER BY n, as_of;
-- Months have 30 days and days 24 hours, as PostgreSQL compares intervals; longer than all of time is a limit too.
SELECT allowed, s.met, s.breached, s.pending FROM (SELECT funnel.cohort(1, stage, at) FROM (VALUES ('a', timestamptz '2024-02-01'), ('b', '2024-03-02')) v(stage, at)) t(c),
     unnest('{1 mon,30 days,720:00:00,29 days 23:59:59.999999,-1 mon 60 days,178000000 years}'::interval[]) WITH ORDINALITY a(allowed, n), funnel.sla(c, 'a', allowed) s ORDER BY n;
-- The period is that of the entry.
SELECT period, s.* FROM crm_cohort, unnest('{"[2024-01-01,2024-01-02)","[2024-01-02,2024-01-20]",empty}'::tstzrange[]) WITH ORDINALITY p(period, n), funnel.sla(c, 'mql', '2 days', period, '2024-02-01') s ORDER BY n;
-- As of any moment: nothing to judge is NULL.
SELECT as_of, s.* FROM crm_cohort, unnest('{2024-01-01,2024-01-02,2024-01-03,2024-01-03 00:00:00.000001,2024-01-21,infinity,-infinity}'::timestamptz[]) WITH ORDINALITY a(as_of, n), funnel.sla(c, 'mql', '2 days', as_of => as_of) s ORDER BY n;
-- Sums agree, with stages() and among themselves.
SELECT count(*), bool_and(s.met + s.breached + s.pending = s.entries AND s.entries = t.entries AND s.pending <= t.current)
FROM crm_cohort, unnest('{2024-01-04,2024-01-16,2024-02-01}'::timestamptz[]) as_of, unnest('{"(,)","[2024-01-02,2024-01-28)"}'::tstzrange[]) period, unnest('{1 day,2 days,10 days}'::interval[]) allowed,
     LATERAL funnel.stages(c, period, as_of) t, LATERAL funnel.sla(c, t.stage, allowed, period, as_of) s;
-- Without arguments: all of time, as of now.
SELECT (SELECT s FROM crm_cohort, funnel.sla(c, 'mql', '2 days') s) = (SELECT s FROM crm_cohort, funnel.sla(c, 'mql', '2 days', NULL, now(), NULL) s) AS defaults;
-- By month, in one query.
SELECT m::date, s.entries, s.met, s.compliance FROM crm_cohort, generate_series(timestamptz '2024-01-01', '2024-02-01', '1 month') m, funnel.sla(c, 'mql', '2 days', tstzrange(m, m + interval '1 month'), '2024-03-01') s ORDER BY m;
-- A stage that does not occur: a warning, once, and nothing.
SELECT s.* FROM crm_cohort, generate_series(1, 2), funnel.sla(c, 'MQL', '2 days', as_of => '2024-02-01') s;

--
-- sla_report: the stages of a pipeline that have one, by position
--
SELECT s.* FROM crm_cohort, funnel.sla_report(c, 'sla', '2024-02-01') s;
SELECT bool_and((s.entries, s.met, s.breached, s.pending, s.compliance) IS NOT DISTINCT FROM (o.entries, o.met, o.breached, o.pending, o.compliance)) AS as_sla
FROM crm_cohort, funnel.sla_report(c, 'sla', '2024-02-01') s, LATERAL funnel.sla(c, s.stage, s.sla, as_of => '2024-02-01') o WHERE s.stage <> 'on hold';
SELECT (SELECT array_agg(s) FROM crm_cohort, funnel.sla_report(c, 'sla') s) = (SELECT array_agg(s) FROM crm_cohort, funnel.sla_report(c, 'sla', now(), NULL) s) AS defaults;

--
-- stale: who is late, the longest first
--
SELECT s.* FROM crm_cohort, funnel.stale(c, 'sla', '2024-02-01') s;
SELECT s.* FROM crm_cohort, funnel.stale(c, 'sla', '2024-02-01 12:00') s;
-- It lists the open leads that sla_report counts as breached.
SELECT as_of, (SELECT sum(r.breached) FROM funnel.sla_report(c, 'sla', as_of) r) AS breached, (SELECT count(*) FROM funnel.stale(c, 'sla', as_of)) AS stale,
       (SELECT count(*) FROM funnel.stays(c, as_of => as_of) y JOIN funnel.stage p ON p.pipeline = 'sla' AND p.stage = y.stage WHERE NOT y.is_open AND y.days > extract(epoch FROM p.sla) / 86400) AS left_late
FROM crm_cohort, unnest('{2024-01-03,2024-01-04,2024-01-16,2024-02-01,2024-02-02}'::timestamptz[]) as_of ORDER BY as_of;
-- Those of one age by lead, in the order in which events() shows leads: numbers as numbers.
SELECT s.lead, s.days FROM (SELECT funnel.cohort(lead, 'mql', timestamptz '2024-01-01' + lead::int % 2 * interval '1 day') FROM unnest('{10,9,100,-1}'::text[]) lead) t(c), funnel.stale(c, 'sla', '2024-02-01') s;
SELECT string_agg(s.lead, ' ' ORDER BY n) FROM (SELECT funnel.cohort(lead, 'mql', timestamptz '2024-01-01') FROM unnest('{"no. 2","no. 10",b,ab,7}'::text[]) lead) t(c), funnel.stale(c, 'sla', '2024-02-01') WITH ORDINALITY s(lead, a, b, d, e, f, g, n)
HAVING string_agg(s.lead, ' ' ORDER BY n) = (SELECT string_agg(e.lead, ' ' ORDER BY n) FROM (SELECT funnel.cohort(lead, 'mql', timestamptz '2024-01-01') FROM unnest('{"no. 2","no. 10",b,ab,7}'::text[]) lead) t(c), funnel.events(c) WITH ORDINALITY e(lead, a, b, d, f, g, n));
-- To the end of time; before everything.
SELECT s.* FROM crm_cohort, funnel.stale(c, 'sla', 'infinity') s;
SELECT count(*) FROM crm_cohort, funnel.stale(c, 'sla', '2024-01-01') s;
-- Many: keys long and short, all forms of a cohort.
CREATE TEMP TABLE many AS SELECT CASE n % 3 WHEN 0 THEN n::text WHEN 1 THEN 'L' || n ELSE 'lead number ' || n END AS lead, CASE n % 2 WHEN 0 THEN 'mql' ELSE 'sal' END AS stage, timestamptz '2024-01-01' + n % 500 * interval '1 hour' AS at FROM generate_series(1, 5000) n;
SELECT count(*), bool_and(s.days = extract(epoch FROM timestamptz '2024-01-20' - m.at) / 86400 AND abs(s.over_days - (s.days - s.allowed_days)) < 1e-9 AND s.over_days > 0 AND s.entered_at = m.at AND s.stage = m.stage) AS right,
       count(*) = (SELECT count(*) FROM many WHERE timestamptz '2024-01-20' - at > CASE stage WHEN 'mql' THEN interval '2 days' ELSE '10 days' END) AS all_of_them,
       (array_agg(s.days ORDER BY n)) = array_agg(s.days ORDER BY s.days DESC) AS in_order
FROM (SELECT funnel.cohort(lead, stage, at) FROM many) t(c), funnel.stale(c, 'sla', '2024-01-20') WITH ORDINALITY s(lead, stage, owner, entered_at, days, allowed_days, over_days, n) JOIN many m USING (lead);
SELECT (SELECT array_agg(s) FROM (SELECT funnel.merge(c) FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM many GROUP BY length(lead), at) p) t(c), funnel.stale(c, 'sla', '2024-01-20') s)
       = (SELECT array_agg(s) FROM (SELECT funnel.cohort(lead, stage, at) FROM many) t(c), funnel.stale(c, 'sla', '2024-01-20') s) AS merged;

--
-- The pipeline is read as it stands: a change is seen at once; it need not be sound
--
BEGIN;
UPDATE funnel.stage SET sla = '4 days', owner = NULL WHERE pipeline = 'sla' AND stage = 'mql';
UPDATE funnel.stage SET sla = NULL WHERE pipeline = 'sla' AND stage = 'sal';
UPDATE funnel.stage SET sla = '1 hour', position = 0 WHERE pipeline = 'sla' AND stage = 'lost';
SELECT s.* FROM crm_cohort, funnel.sla_report(c, 'sla', '2024-02-01') s;
SELECT s.* FROM crm_cohort, funnel.stale(c, 'sla', '2024-02-01') s;
INSERT INTO funnel.pipeline VALUES ('sla draft');
SELECT count(*) FROM crm_cohort, funnel.sla_report(c, 'sla draft') s;
SELECT count(*) FROM crm_cohort, funnel.stale(c, 'sla draft') s;
INSERT INTO funnel.stage (pipeline, stage, position, sla) VALUES ('sla draft', 'mql', 1, '1 day');
SELECT s.* FROM crm_cohort, funnel.sla_report(c, 'sla draft', '2024-02-01') s;
ROLLBACK;
SELECT s.stage, s.owner, s.sla FROM crm_cohort, funnel.sla_report(c, 'sla', '2024-02-01') s;

--
-- Nothing to tell, and what is refused
--
SELECT count(*) FROM funnel.sla(NULL, 'mql', '2 days');
SELECT count(*) FROM funnel.sla_report(NULL, 'no such pipeline');
SELECT count(*) FROM funnel.stale(NULL, NULL);
SELECT s.* FROM crm_cohort, funnel.sla(funnel.only(c, '{}'), 'mql', '2 days') s;
SELECT s.* FROM crm_cohort, funnel.sla_report(funnel.as_of(c, '-infinity'), 'sla') s;
SELECT call, r.*
FROM (VALUES ('sla(c, NULL, ''2 days'')'), ('sla(c, ''mql'', NULL)'), ('sla(c, ''mql'', ''0'')'), ('sla(c, ''mql'', ''-2 days'')'), ('sla(c, ''mql'', ''1 mon -30 days'')'), ('sla(c, ''mql'', ''2 days'', as_of => NULL)'),
             ('sla_report(c, NULL)'), ('sla_report(c, ''sla'', NULL)'), ('stale(c, NULL)'), ('stale(c, ''sla'', NULL)')) v(call),
     pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.%s', call)) r;
SELECT call, r.state, r.message FROM (VALUES ('sla_report(c, ''no such pipeline'')'), ('stale(c, ''SLA'')')) v(call), pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.%s', call)) r;
SELECT proname, provolatile, proparallel FROM pg_proc WHERE pronamespace = 'funnel'::regnamespace AND proname IN ('sla', 'sla_report', 'stale') ORDER BY proname;

-- Everybody may ask.
CREATE ROLE regress_sla_reader;
SET ROLE regress_sla_reader;
SET search_path = '';
SELECT * FROM funnel.sla_report((SELECT funnel.cohort(1, 'mql', '2024-01-01')), 'sla', '2024-01-04');
SELECT lead, stage, owner, days FROM funnel.stale((SELECT funnel.cohort(1, 'mql', '2024-01-01')), 'sla', '2024-01-04');
RESET search_path;
RESET ROLE;
DROP ROLE regress_sla_reader;

DELETE FROM funnel.pipeline WHERE name = 'sla';
DELETE FROM funnel.pipeline_version WHERE pipeline LIKE 'sla%';
