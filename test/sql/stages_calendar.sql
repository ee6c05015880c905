--
-- With a calendar: stages, sla, sla_report, stale and velocity in working days
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = postgres;
SET search_path = public, funnel;
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT context text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    context := split_part(context, E'\n', 1);
END $$;

-- business_week: Monday to Friday, 9 to 17. The 1st of March 2024 was a Friday.
CREATE TEMP TABLE crm (lead text, stage text, at timestamptz);
INSERT INTO crm VALUES
  -- ann arrives on Friday evening and is accepted on Monday at 11: 2 hours, a quarter of a day; won on Tuesday at 11: 1 day
  ('ann', 'mql', '2024-03-01 20:00'), ('ann', 'sal', '2024-03-04 11:00'), ('ann', 'won', '2024-03-05 11:00'),
  -- ben: Friday at 9 to Tuesday at 9: 2 days; then open
  ('ben', 'mql', '2024-03-01 09:00'), ('ben', 'sal', '2024-03-05 09:00'),
  -- cat: Friday at 9 to Tuesday at 10: 2 days and an hour; lost during the weekend: 3 days and 7 hours later
  ('cat', 'mql', '2024-03-01 09:00'), ('cat', 'sal', '2024-03-05 10:00'), ('cat', 'lost', '2024-03-09 12:00'),
  -- dan arrives on a Saturday and is sent away on the same Saturday: no time at all
  ('dan', 'mql', '2024-03-02 10:00'), ('dan', 'lost', '2024-03-02 15:00'),
  -- eve arrives on Friday the 8th at 16
  ('eve', 'mql', '2024-03-08 16:00');
CREATE TEMP TABLE crm_cohort AS SELECT funnel.cohort(lead, stage, at) AS c FROM crm;

-- As of Monday the 11th, at 10. mql: 0.25 2 2.125 0 days, and eve since 2 hours.
SELECT s.stage, s.entries, s.current, s.mean_days, s.median_days, s.p90_days, s.mean_age_days, s.oldest_days
FROM crm_cohort, funnel.stages(c, as_of => '2024-03-11 10:00', calendar => 'business_week') s;
SELECT s.stage, s.entries, s.current, s.mean_days, s.median_days, s.p90_days, s.mean_age_days, s.oldest_days
FROM crm_cohort, funnel.stages(c, as_of => '2024-03-11 10:00') s;

-- Two days are two working days: ben makes it, cat is an hour late. Who arrives on Friday evening is not late on Monday.
SELECT calendar, allowed, s.* FROM crm_cohort, unnest('{2 days,16:00:00,15:59:59.999999,2 days 01:00,1 microsecond}'::interval[]) WITH ORDINALITY a(allowed, n), unnest('{business_week,NULL}'::text[]) calendar,
     funnel.sla(c, 'mql', allowed, as_of => '2024-03-11 10:00', calendar => calendar) s ORDER BY n, calendar;
-- eve is pending until Tuesday at 16, to the microsecond.
SELECT as_of, s.breached, s.pending FROM crm_cohort, unnest('{2024-03-12 16:00,2024-03-12 16:00:00.000001}'::timestamptz[]) as_of, funnel.sla(c, 'mql', '2 days', '[2024-03-08,)', as_of, 'business_week') s ORDER BY as_of;
-- A month has no fixed number of working days.
SELECT r.* FROM pg_temp.refused('SELECT s.* FROM crm_cohort, funnel.sla(c, ''mql'', ''1 mon'', calendar => ''business_week'') s') r;

SELECT FROM funnel.create_pipeline('working', '{mql,sal,won}', '{lost}');
UPDATE funnel.stage SET sla = '4 hours', owner = 'marketing' WHERE pipeline = 'working' AND stage = 'mql';
UPDATE funnel.stage SET sla = '3 days', owner = 'sales' WHERE pipeline = 'working' AND stage = 'sal';
SELECT s.* FROM crm_cohort, funnel.sla_report(c, 'working', '2024-03-11 10:00', 'business_week') s;
SELECT s.* FROM crm_cohort, funnel.sla_report(c, 'working', '2024-03-11 10:00') s;
SELECT s.* FROM crm_cohort, funnel.stale(c, 'working', '2024-03-11 14:00', 'business_week') s;
SELECT s.* FROM crm_cohort, funnel.stale(c, 'working', '2024-03-11 14:00') s;
SELECT s.* FROM crm_cohort, funnel.stale(c, 'working', 'infinity', 'business_week') s;
-- At the end of time everybody is late, however much is allowed, and that is what is shown.
UPDATE funnel.stage SET sla = '2000000000 days' WHERE pipeline = 'working' AND stage = 'mql';
SELECT calendar, s.lead, s.days, s.allowed_days, s.over_days FROM crm_cohort, unnest('{business_week,NULL}'::text[]) calendar, funnel.stale(c, 'working', 'infinity', calendar) s WHERE s.stage = 'mql';
-- Nobody is where it is infinite, which intervals can be since PostgreSQL 17: forever is not longer than that.
CREATE FUNCTION pg_temp.since_17(query text, before text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE query INTO before;
    END IF;
    RETURN before;
END $$;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        UPDATE funnel.stage SET sla = 'infinity' WHERE pipeline = 'working' AND stage = 'mql';
    END IF;
END $$;
SELECT calendar, as_of,
       pg_temp.since_17(format($$SELECT string_agg(concat_ws(' ', s.entries, s.met, s.breached, s.pending), ', ') FROM crm_cohort, funnel.sla(c, 'mql', 'infinity', as_of => %L, calendar => %L) s$$, as_of, calendar), '5 4 0 1') AS "entries met breached pending",
       pg_temp.since_17(format($$SELECT string_agg(concat_ws(' ', s.sla, s.entries, s.met, s.breached, s.pending), ', ') FROM crm_cohort, funnel.sla_report(c, 'working', %L, %L) s WHERE s.stage = 'mql'$$, as_of, calendar), 'infinity 5 4 0 1') AS report,
       pg_temp.since_17(format($$SELECT count(*) FROM crm_cohort, funnel.stale(c, 'working', %L, %L) s WHERE s.stage = 'mql'$$, as_of, calendar), '0') AS stale
FROM unnest('{business_week,NULL}'::text[]) calendar, unnest('{2024-03-11 10:00,infinity}'::text[]) as_of;
SELECT calendar, pg_temp.since_17(format('SELECT message FROM pg_temp.refused($$SELECT funnel.sla(c, ''mql'', ''-infinity'', calendar => %L) FROM crm_cohort$$)', calendar), 'argument "allowed" must be a positive interval') FROM unnest('{business_week,NULL}'::text[]) calendar;
UPDATE funnel.stage SET sla = '4 hours' WHERE pipeline = 'working' AND stage = 'mql';
-- Before, the same numbers are months and days.
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'A month has no fixed number of working days.'
            ELSE (pg_temp.refused('SELECT funnel.sla(c, ''mql'', ''178956970 years 7 mons 2147483647 days 2562047788:00:54.775807'', calendar => ''business_week'') FROM crm_cohort')).detail END;
-- What is wrong with an SLA says with which.
UPDATE funnel.stage SET sla = '1 mon' WHERE pipeline = 'working' AND stage = 'sal';
SELECT call, r.* FROM unnest('{sla_report,stale}'::text[]) call, pg_temp.refused(format('SELECT s.* FROM crm_cohort, funnel.%s(c, ''working'', calendar => ''business_week'') s', call)) r;
UPDATE funnel.stage SET sla = '3 days' WHERE pipeline = 'working' AND stage = 'sal';

-- velocity: to sal 0.25 2 2.125 days; from mql to won ann alone: 1.25
SELECT funnel.velocity(c, 'mql', 'sal', as_of => '2024-03-11', calendar => 'business_week') AS mean, funnel.velocity(c, 'mql', 'sal', 0.5, as_of => '2024-03-11', calendar => 'business_week') AS median,
       funnel.velocity(c, 'mql', 'sal', 0.75, as_of => '2024-03-11', calendar => 'business_week') AS p75, funnel.velocity(c, 'mql', 'won', as_of => '2024-03-11', calendar => 'business_week') AS to_won,
       funnel.velocity(c, 'mql', 'won', as_of => '2024-03-11') AS elapsed FROM crm_cohort;
-- The window is elapsed time: it says which leads, the calendar says how long.
SELECT funnel.velocity(c, 'mql', 'sal', within => '3 days', as_of => '2024-03-11', calendar => 'business_week') FROM crm_cohort;

--
-- Another calendar: its zone, its days of unequal length, its holidays
--
-- In New York, Mondays 8 to 12 and 13 to 18, Tuesdays 9 to 16: 9 and 7 hours, so that a day is 8. The clock was set forward on 10 March.
INSERT INTO funnel.calendar (name, time_zone) VALUES ('ny', 'America/New_York');
INSERT INTO funnel.calendar_hours (calendar, weekday, opens, closes) VALUES ('ny', 1, '08:00', '12:00'), ('ny', 1, '13:00', '18:00'), ('ny', 2, '09:00', '16:00');
INSERT INTO funnel.calendar_holiday (calendar, day) VALUES ('ny', '2024-03-19');
-- Monday the 4th, 8:00 there, to Monday the 11th, 8:30 there, which is an hour less away: 9 + 7 + 0.5 hours. To Wednesday the 20th: 9 + 7 on the 11th and 12th, 9 on the 18th; the 19th is a holiday.
SELECT s.stage, s.mean_days * 8 AS hours, s.oldest_days * 8 AS open_hours
FROM (SELECT funnel.cohort(1, stage, at) FROM (VALUES ('a', timestamptz '2024-03-04 08:00 America/New_York'), ('b', '2024-03-11 08:30 America/New_York')) v(stage, at)) t(c),
     funnel.stages(c, as_of => '2024-03-20 00:00 America/New_York', calendar => 'ny') s;

--
-- Against working_days(), one stay at a time
--
CREATE TEMP TABLE history AS
SELECT n % 500 AS lead, (ARRAY['mql', 'sal', 'lost'])[1 + n * 7 % 3] AS stage, timestamptz '2024-01-01' + (n * 7919 % 100003) * interval '2 minutes' + n * interval '1 microsecond' AS at FROM generate_series(1, 5000) n;
CREATE TEMP TABLE history_cohort AS SELECT funnel.cohort(lead, stage, at) AS c FROM history;
CREATE TEMP TABLE stay AS
SELECT k.calendar, y.*, funnel.working_days(k.calendar, y.entered_at, coalesce(y.left_at, '2024-06-15 12:00')) AS worked
FROM unnest('{business_week,ny}'::text[]) k(calendar), history_cohort, funnel.stays(c, as_of => '2024-06-15 12:00') y;
CREATE FUNCTION pg_temp.same(a float8, b float8) RETURNS boolean LANGUAGE sql AS 'SELECT a IS NULL AND b IS NULL OR coalesce(abs(a - b) <= 1e-9, false)';
SELECT calendar, s.stage, s.entries, s.entries = w.entries AND s.current = w.current AS counts,
       pg_temp.same(s.mean_days, w.mean_days) AND pg_temp.same(s.median_days, w.median_days) AND pg_temp.same(s.p90_days, w.p90_days) AS days,
       pg_temp.same(s.mean_age_days, w.mean_age_days) AND pg_temp.same(s.median_age_days, w.median_age_days) AND pg_temp.same(s.p90_age_days, w.p90_age_days) AND pg_temp.same(s.oldest_days, w.oldest_days) AS ages
FROM (SELECT calendar, stage, count(*) AS entries, count(*) FILTER (WHERE is_open) AS current, avg(worked) FILTER (WHERE NOT is_open) AS mean_days,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY worked) FILTER (WHERE NOT is_open) AS median_days, percentile_cont(0.9) WITHIN GROUP (ORDER BY worked) FILTER (WHERE NOT is_open) AS p90_days,
             avg(worked) FILTER (WHERE is_open) AS mean_age_days, percentile_cont(0.5) WITHIN GROUP (ORDER BY worked) FILTER (WHERE is_open) AS median_age_days,
             percentile_cont(0.9) WITHIN GROUP (ORDER BY worked) FILTER (WHERE is_open) AS p90_age_days, max(worked) FILTER (WHERE is_open) AS oldest_days
      FROM stay GROUP BY calendar, stage) w, history_cohort, funnel.stages(c, as_of => '2024-06-15 12:00', calendar => w.calendar) s WHERE s.stage = w.stage ORDER BY calendar, s.stage;
SELECT k.calendar, allowed, s.met, s.met = w.met AND s.breached = w.breached AND s.pending = w.pending AS right
FROM unnest('{1,5,20}'::int[]) allowed, unnest('{business_week,ny}'::text[]) k(calendar), history_cohort, funnel.sla(c, 'mql', make_interval(days => allowed), as_of => '2024-06-15 12:00', calendar => k.calendar) s,
     LATERAL (SELECT count(*) FILTER (WHERE NOT y.is_open AND y.worked <= allowed), count(*) FILTER (WHERE y.worked > allowed), count(*) FILTER (WHERE y.is_open AND y.worked <= allowed)
              FROM stay y WHERE y.calendar = k.calendar AND y.stage = 'mql') w(met, breached, pending)
ORDER BY k.calendar, allowed;
SELECT k.calendar, count(*) AS stale, bool_and(pg_temp.same(s.days, y.worked) AND s.allowed_days = 3 AND pg_temp.same(s.over_days, y.worked - 3)) AS right,
       count(*) = (SELECT count(*) FROM stay o WHERE o.calendar = k.calendar AND o.is_open AND o.stage = 'sal' AND o.worked > 3) AS all_of_them
FROM unnest('{business_week,ny}'::text[]) k(calendar), history_cohort, funnel.stale(c, 'working', '2024-06-15 12:00', k.calendar) s JOIN stay y ON y.lead = s.lead AND y.is_open
WHERE y.calendar = k.calendar AND s.stage = 'sal' GROUP BY k.calendar ORDER BY k.calendar;

-- Month after month and group after group, the calendar is opened where it is needed; and a change of it is seen.
SELECT count(*), bool_and(pg_temp.same(s.mean_days, w.days)) AS right
FROM (SELECT lead % 50 AS team, funnel.cohort(lead, stage, at) AS c FROM history GROUP BY lead % 50) t, LATERAL funnel.stages(c, as_of => '2024-06-15 12:00', calendar => 'ny') s,
     LATERAL (SELECT avg(y.worked) FROM stay y WHERE y.calendar = 'ny' AND y.lead::int % 50 = t.team AND y.stage = s.stage AND NOT y.is_open) w(days);
-- From Monday the 18th, 4:00 UTC, for two days, of which the second is a holiday, and then none.
CREATE TEMP TABLE two_days AS SELECT funnel.cohort(1, s, timestamptz '2024-03-18 04:00+00' + d * interval '2 days') AS c FROM (VALUES ('a', 0), ('b', 1)) v(s, d);
SELECT funnel.velocity(c, 'a', 'b', calendar => 'ny') * 8 AS hours FROM two_days;
CREATE FUNCTION pg_temp.hours_with_and_without() RETURNS TABLE (hours float8) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..2 LOOP
        hours := (SELECT funnel.velocity(c, 'a', 'b', calendar => 'ny') * 8 FROM two_days);
        RETURN NEXT;
        DELETE FROM funnel.calendar_holiday WHERE calendar = 'ny';
    END LOOP;
END $$;
SELECT * FROM pg_temp.hours_with_and_without();

--
-- What is refused; a cohort without events; the end of time; warnings beside a calendar
--
SELECT call, r.state, r.message
FROM (VALUES ('stages(c, calendar => ''no such calendar'')'), ('sla(c, ''mql'', ''1 day'', calendar => '''')'), ('sla_report(c, ''working'', calendar => ''Business_week'')'), ('stale(c, ''working'', calendar => ''no'')'),
             ('velocity(c, ''mql'', ''sal'', calendar => ''no'')'), ('stages(funnel.as_of(c, ''-infinity''), calendar => ''no'')'), ('stages(c, as_of => ''9999-01-01'', calendar => ''ny'')')) v(call),
     pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.%s', call)) r;
-- A calendar without hours, and one whose zone is unknown, as a restore may bring it.
BEGIN;
INSERT INTO funnel.calendar (name, time_zone, definition) SELECT 'abroad', 'Atlantis/Capital', definition FROM funnel.calendar WHERE name = 'ny';
INSERT INTO funnel.calendar (name, time_zone) VALUES ('bare', 'UTC');
SELECT calendar, call, r.state, r.message
FROM unnest('{abroad,bare}'::text[]) calendar, unnest('{stages(c,"sla(c, ''mql'', ''1 day''","sla_report(c, ''working''","stale(c, ''working''","velocity(c, ''mql'', ''sal''"}'::text[]) call,
     pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.%s, calendar => %L)', call, calendar)) r;
ROLLBACK;
SELECT count(*) FROM crm_cohort, funnel.stages(funnel.as_of(c, '-infinity'), calendar => 'ny');
SELECT count(*) FROM crm_cohort, funnel.stages(c, as_of => '2000-01-01', calendar => 'ny');
SELECT s.stage, s.current, s.mean_days, s.mean_age_days, s.oldest_days FROM crm_cohort, funnel.stages(c, as_of => 'infinity', calendar => 'business_week') s;
SELECT s.entries FROM crm_cohort, generate_series(1, 2), funnel.sla(c, 'MQL', '1 day', as_of => '2024-03-11', calendar => 'ny') s;

DELETE FROM funnel.calendar WHERE name = 'ny';
DELETE FROM funnel.pipeline WHERE name = 'working';
DELETE FROM funnel.pipeline_version WHERE pipeline = 'working';
