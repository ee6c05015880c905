--
-- Calendars: working days between two times, what the tables accept, who may edit; and against plain SQL that counts
-- minutes, and days
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET jit = off;
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

-- The length of a working day, in microseconds: weekly hours by weekdays that have hours.
CREATE FUNCTION pg_temp.day_length(calendar text) RETURNS numeric STABLE LANGUAGE sql AS $$
    SELECT sum(extract(epoch FROM closes - opens)::numeric) * 1000000 / count(DISTINCT weekday)
      FROM funnel.calendar_hours h WHERE h.calendar = $1
$$;
-- Working days times that length, from a call site of its own each time.
CREATE FUNCTION pg_temp.working_time(calendar text, from_at timestamptz, to_at timestamptz) RETURNS interval
STABLE LANGUAGE plpgsql AS $$
DECLARE
    days float8;
BEGIN
    EXECUTE 'SELECT funnel.working_days($1, $2, $3)' INTO days USING calendar, from_at, to_at;
    RETURN round(days::numeric * pg_temp.day_length(calendar))::float8 * interval '1 microsecond';
END $$;

--
-- The ready-made calendar: Monday to Friday, 9 to 17, UTC
--
SELECT name, time_zone, description, funnel.is_ready_made(c) FROM funnel.calendar c;
TABLE funnel.calendar_hours;
TABLE funnel.calendar_holiday;

-- 5 January 2024 is a Friday.
SELECT what, funnel.working_days('business_week', from_at, to_at) FROM (VALUES
    ('a working day',                        timestamptz '2024-01-05 09:00', timestamptz '2024-01-05 17:00'),
    ('as long as anybody works that day',    '2024-01-05 00:00', '2024-01-06 00:00'),
    ('two hours',                            '2024-01-05 10:15', '2024-01-05 12:15'),
    ('an hour on Friday, one on Monday',     '2024-01-05 16:00', '2024-01-08 10:00'),
    ('from Friday evening to Monday morning', '2024-01-05 18:30', '2024-01-08 09:00'),
    ('a weekend',                            '2024-01-06 10:00', '2024-01-07 16:00'),
    ('one minute of Monday',                 '2024-01-06 10:00', '2024-01-08 09:01'),
    ('a week',                               '2024-01-05 12:00', '2024-01-12 12:00'),
    ('2024 has 262 days from Monday to Friday', '2024-01-01 00:00', '2025-01-01 00:00'),
    ('no time',                              '2024-01-05 12:00', '2024-01-05 12:00'),
    ('backwards',                            '2024-01-12 12:00', '2024-01-05 12:00'),
    ('one microsecond',                      '2024-01-05 16:59:59.999999', '2024-01-08 09:00'),
    ('before 1970',                          '1969-12-29 00:00', '1970-01-05 00:00'),
    ('before Christ',                        '0001-12-29 12:00 BC', '0001-01-05 12:00 AD'),
    ('1,000 years',                          '2000-01-01 00:00', '3000-01-01 00:00'),
    ('366,000 days',                         '2000-01-01 00:00', timestamptz '2000-01-01 00:00' + interval '366000 days'),
    ('the first days there are',             '4714-11-24 00:00 BC', '4714-12-01 00:00 BC'),
    ('the last days there are',              '294276-12-25 00:00', '294276-12-31 23:59:59.999999'),
    ('NULL',                                 NULL, '2024-01-05 12:00')
) v(what, from_at, to_at);
SELECT funnel.working_days(NULL, '2024-01-05 12:00', '2024-01-08 12:00');

--
-- Hours of other kinds
--
INSERT INTO funnel.calendar (name, time_zone, description) VALUES
    ('night', 'Europe/Berlin', 'Monday to Friday, 22 to 6'),
    ('always', 'Europe/Berlin', NULL),
    ('one hour', 'Europe/Berlin', 'Wednesday, 11 to 12'),
    ('kathmandu', 'Asia/Kathmandu', 'is 5:45 ahead of UTC'),
    ('apia', 'pacific/apia', 'had no 30 December 2011, a Friday'),
    ('none', 'UTC', 'nobody works');
INSERT INTO funnel.calendar_hours
SELECT 'night', day, time '22:00', time '24:00' FROM generate_series(1, 5) day UNION ALL
SELECT 'night', day + 1, '00:00', '06:00' FROM generate_series(1, 5) day UNION ALL
SELECT 'always', day, '00:00', '24:00' FROM generate_series(1, 7) day UNION ALL
SELECT 'one hour', 3, '11:00', '12:00' UNION ALL
SELECT name, day, opens, closes
  FROM unnest('{kathmandu,apia}'::text[]) name, generate_series(1, 5) day,
       (VALUES (time '09:00', time '12:30'), ('13:15', '17:45')) t(opens, closes);

-- the night from Monday to Tuesday; from Friday to Saturday; the day after; two nights' ends
SELECT pg_temp.working_time('night', '2024-01-08 12:00+01', '2024-01-09 12:00+01'),
       pg_temp.working_time('night', '2024-01-12 12:00+01', '2024-01-13 12:00+01'),
       pg_temp.working_time('night', '2024-01-13 12:00+01', '2024-01-14 12:00+01'),
       pg_temp.working_time('night', '2024-01-08 23:59+01', '2024-01-09 22:01+01');
-- A day is what a weekday with hours has on average, here 40 hours by six of them.
SELECT pg_temp.day_length('night'), funnel.working_days('night', '2024-01-08 12:00+01', '2024-01-15 12:00+01');
-- With all hours a day has 24; but a calendar day may have 23 or 25.
SELECT funnel.working_days('always', '2024-01-08 12:00+01', '2024-01-10 18:00+01') AS two_and_a_quarter,
       pg_temp.working_time('always', '2024-03-31 00:00+01', '2024-04-01 00:00+02') AS spring,
       pg_temp.working_time('always', '2024-10-27 00:00+02', '2024-10-28 00:00+01') AS autumn;
-- the one hour of the week is the day
SELECT funnel.working_days('one hour', '2024-01-08 00:00+01', '2024-01-22 00:00+01'),
       funnel.working_days('one hour', '2024-01-10 11:15+01', '2024-01-17 11:45+01');
-- a lunch break; Friday is over at 12:00 UTC
SELECT pg_temp.working_time('kathmandu', '2024-01-12 12:15+05:45', '2024-01-12 13:45+05:45'),
       pg_temp.working_time('kathmandu', '2024-01-12 11:59:59+00', '2024-01-15 03:15:01+00');

-- Holidays go by the date in the time zone, whatever the hours are. Nights end and begin in them.
INSERT INTO funnel.calendar_holiday VALUES ('night', '2024-01-10', 'Wednesday'), ('kathmandu', '2024-01-10', NULL), ('kathmandu', '2024-01-13', 'a Saturday');
SELECT pg_temp.working_time('night', '2024-01-09 12:00+01', '2024-01-11 12:00+01'),
       pg_temp.working_time('kathmandu', '2024-01-09 00:00+05:45', '2024-01-12 00:00+05:45'),
       pg_temp.working_time('kathmandu', '2024-01-12 00:00+05:45', '2024-01-16 00:00+05:45');
DELETE FROM funnel.calendar_holiday;

--
-- Clocks that are set: real time between opening and closing
--
-- Spring, 31 March 2024 at 2:00, is an hour short, and autumn, 27 October at 3:00, an hour long. Both are Sundays.
INSERT INTO funnel.calendar_hours SELECT 'night', 7, '00:00', '06:00';
SELECT pg_temp.working_time('night', '2024-03-31 00:00+01', '2024-03-31 12:00+02') AS spring,
       pg_temp.working_time('night', '2024-10-27 00:00+02', '2024-10-27 12:00+01') AS autumn,
       pg_temp.working_time('night', '2024-10-27 02:30+02', '2024-10-27 02:30+01') AS from_230_to_230;

-- Hours that begin or end in the hour that is skipped, or shown twice. What is skipped is not worked. Of an hour that is
-- shown twice, the clock's 2:30 is the second one, as for AT TIME ZONE.
INSERT INTO funnel.calendar (name, time_zone) VALUES ('set', 'Europe/Berlin');
CREATE FUNCTION pg_temp.on_sundays(opens time, closes time, OUT usual interval, OUT spring interval, OUT autumn interval)
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM funnel.calendar_hours WHERE calendar = 'set';
    INSERT INTO funnel.calendar_hours VALUES ('set', 7, opens, closes);
    usual := pg_temp.working_time('set', '2024-03-24 00:00+01', '2024-03-25 00:00+01');
    spring := pg_temp.working_time('set', '2024-03-31 00:00+01', '2024-04-01 00:00+02');
    autumn := pg_temp.working_time('set', '2024-10-27 00:00+02', '2024-10-28 00:00+01');
END $$;
SELECT opens, closes, h.* FROM (VALUES
    (time '00:00', time '02:00'),
    ('00:00', '02:30'),
    ('00:00', '03:00'),
    ('02:00', '03:00'),
    ('02:15', '02:45'),
    ('02:30', '06:00'),
    ('03:00', '06:00')
) v(opens, closes), pg_temp.on_sundays(opens, closes) h;
-- Lord Howe goes back from 2:00 to 1:30 on 7 April, and from 2:00 to 2:30 on 6 October.
UPDATE funnel.calendar SET time_zone = 'Australia/Lord_Howe' WHERE name = 'set';
DELETE FROM funnel.calendar_hours WHERE calendar = 'set';
INSERT INTO funnel.calendar_hours VALUES ('set', 7, '01:00', '04:00');
SELECT pg_temp.working_time('set', '2024-03-31 00:00+11', '2024-04-01 00:00+11') AS usual,
       pg_temp.working_time('set', '2024-04-07 00:00+11', '2024-04-08 00:00+10:30') AS back,
       pg_temp.working_time('set', '2024-10-06 00:00+10:30', '2024-10-07 00:00+11') AS forward;
-- In Apia Thursday went over into Saturday.
SELECT pg_temp.working_time('apia', '2011-12-19 00:00-10', '2011-12-26 00:00-10') AS week_before,
       pg_temp.working_time('apia', '2011-12-26 00:00-10', '2012-01-02 00:00+14') AS week,
       pg_temp.working_time('apia', '2011-12-29 17:45-10', '2012-01-02 09:00+14') AS in_between;
-- All hours are all of the time, whatever clocks do.
SELECT time_zone, funnel.working_days('always', '2011-12-29 12:34:56.789', '2012-01-02 12:34:56.789')
  FROM unnest('{UTC,Pacific/Apia,Asia/Kathmandu}'::text[]) time_zone,
       pg_temp.refused(format('UPDATE funnel.calendar SET time_zone = %L WHERE name = ''always''', time_zone))
 WHERE message = 'accepted';

--
-- What using a calendar refuses
--
SELECT r.* FROM (VALUES
    ($$SELECT funnel.working_days('Business_Week', now(), now())$$),
    ($$SELECT funnel.working_days('', now(), now())$$),
    ($$SELECT funnel.working_days('none', now(), now())$$),
    ($$SELECT funnel.working_days('business_week', '1900-01-01', '2910-01-01')$$),
    ($$SELECT funnel.working_days('business_week', '2000-01-01', timestamptz '2000-01-01' + interval '366000 days 0.000001 seconds')$$),
    ($$SELECT funnel.working_days('business_week', '-infinity', '2024-01-01')$$),
    ($$SELECT funnel.working_days('business_week', '2024-01-01', 'infinity')$$)
) q(query), pg_temp.refused(query) r;
-- A hint has room for 20 names.
BEGIN;
INSERT INTO funnel.calendar (name, time_zone) SELECT 'team ' || lpad(n::text, 2, '0'), 'UTC' FROM generate_series(1, 20) n;
SELECT * FROM pg_temp.refused($$SELECT funnel.working_days('mine', now(), now())$$);
TRUNCATE funnel.calendar CASCADE;
SELECT * FROM pg_temp.refused($$SELECT funnel.working_days('mine', now(), now())$$);
ROLLBACK;

--
-- Intervals as working time: a day is the length of a working day, exactly, and hours are hours
--
-- 8 hours by seven weekdays: a day is 4114 seconds and 285714 2/7 microseconds.
BEGIN;
INSERT INTO funnel.calendar (name, time_zone) VALUES ('sevenths', 'UTC');
INSERT INTO funnel.calendar_hours SELECT 'sevenths', day, '09:00'::time, '10:00'::time FROM generate_series(1, 6) day UNION ALL SELECT 'sevenths', 7, '09:00', '11:00';
SELECT allowed, met - breached AS "1: met", after
  FROM (VALUES (interval '1 day', interval '1 day 00:08:34.285714'), ('1 day', '1 day 00:08:34.285715'), ('7 days', '7 days'), ('7 days', '7 days 00:00:00.000001'),
               ('2 days -01:00', '1 day 00:17:08.571428'), ('2 days -01:00', '1 day 00:17:08.571429'),
               ('01:00:00', '1 day'), ('00:59:59.999999', '1 day'), ('2000000000 days', '9999 days'), ('2500000:00:00', '9999 days')) v(allowed, after),
       funnel.sla((SELECT funnel.cohort(1, stage, at) FROM (VALUES ('mql', timestamptz '2024-01-01 09:00'), ('sal', timestamptz '2024-01-01 09:00' + after)) c(stage, at)),
                  'mql', allowed, as_of => '2060-01-01', calendar => 'sevenths');
SELECT r.* FROM unnest('{1 day -02:00,1 day -01:08:34.285715,1 mon,1 year -11 mons 1 day}'::text[]) allowed,
    pg_temp.refused(format($$SELECT funnel.sla(funnel.cohort(1, 'mql', '2024-01-01'), 'mql', %L, calendar => 'sevenths')$$, allowed)) r;
-- An hour of working time, but no time at all by the clock, like what a pipeline does not take for an SLA.
SELECT r.state, r.message, r.detail FROM pg_temp.refused($$SELECT funnel.sla(funnel.cohort(1, 'mql', '2024-01-01'), 'mql', '-1 day 9 hours', calendar => 'business_week')$$) r;
ROLLBACK;

--
-- What the tables refuse
--
SELECT r.* FROM (VALUES
    ($$INSERT INTO funnel.calendar VALUES ('new', 'Berlin')$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', 'Salt Lake')$$),
    -- by the rule for such names, that would be two hours behind UTC
    ($$INSERT INTO funnel.calendar VALUES ('new', 'UTC+2')$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', '+02:00')$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', '')$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', '%')$$),
    ($$UPDATE funnel.calendar SET time_zone = 'Mars' WHERE name = 'night'$$)
) q(query), pg_temp.refused(query) r;
-- A time zone is what the view has, in upper or lower case.
SELECT count(*) > 100 AS many, bool_and(funnel.is_time_zone(name) AND funnel.is_time_zone(lower(name)) AND funnel.is_time_zone(upper(name))) AS all_of_them FROM pg_timezone_names;
SELECT string_agg(name, ' ') FROM unnest('{utc,:UTC,UTC+2,<+02>-2,+02:00,EST5EDU,Etc/GMT+2,Etc/GMT+99,PST,Europe,Europe/,/UTC,Europe//Berlin,../UTC,right/UTC}'::text[]) name WHERE funnel.is_time_zone(name);
SELECT query, state, message FROM (VALUES
    ($$INSERT INTO funnel.calendar VALUES ('new')$$),
    ($$INSERT INTO funnel.calendar VALUES (NULL, 'UTC')$$),
    ($$INSERT INTO funnel.calendar VALUES (' ', 'UTC')$$),
    ($$INSERT INTO funnel.calendar VALUES ('night', 'UTC')$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', 'UTC', NULL, '{}')$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', 'UTC', NULL, '{"hours": [{"weekday": 9, "opens": "09:00", "closes": "10:00"}], "holidays": []}')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('new', 1, '09:00', '17:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 0, '09:00', '17:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 8, '09:00', '17:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', NULL, '09:00', '17:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 1, '22:00', '06:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 1, '09:00', '09:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 1, '24:00', '24:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 1, '09:00', '12:00'), ('none', 1, '09:00', '13:00')$$),
    ($$INSERT INTO funnel.calendar_holiday VALUES ('new', '2024-12-25')$$),
    ($$INSERT INTO funnel.calendar_holiday VALUES ('none', 'infinity')$$),
    ($$INSERT INTO funnel.calendar_holiday VALUES ('none', '2024-12-25'), ('none', '2024-12-25')$$)
) q(query), pg_temp.refused(query) r;
SELECT r.* FROM (VALUES
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 1, '09:00', '12:00'), ('none', 1, '11:59:59', '17:00')$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('kathmandu', 2, '08:00', '24:00')$$),
    ($$UPDATE funnel.calendar_hours SET closes = '13:20' WHERE calendar = 'kathmandu' AND weekday = 2 AND opens = '09:00'$$),
    ($$UPDATE funnel.calendar_hours SET calendar = 'business_week' WHERE calendar = 'kathmandu'$$),
    ($$INSERT INTO funnel.calendar VALUES ('new', 'UTC', NULL,
        '{"hours": [{"weekday": 1, "opens": "09:00", "closes": "10:00"}, {"weekday": 1, "opens": "08:00", "closes": "11:00"}], "holidays": []}')$$),
    -- written as the extension writes it
    ($$INSERT INTO funnel.calendar VALUES ('old', 'UTC', NULL, NULL), ('new', 'UTC', NULL,
        '{"hours": [{"weekday": 1, "opens": "09:00:00", "closes": "17:00:00"}, {"weekday": 1, "opens": "10:00:00", "closes": "18:00:00"}], "holidays": []}')$$)
) q(query), pg_temp.refused(query) r;
-- What touches does not overlap, and what matters is how it is at the end of the statement.
BEGIN;
INSERT INTO funnel.calendar_hours VALUES ('none', 1, '09:00', '12:00'), ('none', 1, '12:00', '17:00'), ('none', 2, '09:00', '24:00');
UPDATE funnel.calendar_hours SET opens = opens + interval '2:59', closes = closes + interval '2:59' WHERE calendar = 'none' AND weekday = 1;
SELECT * FROM funnel.calendar_hours WHERE calendar = 'none' ORDER BY weekday, opens;
ROLLBACK;

--
-- The definition of a calendar follows its tables, whatever changes them
--
CREATE VIEW pg_temp.differing AS
SELECT name FROM funnel.calendar WHERE definition IS DISTINCT FROM funnel.calendar_definition(name);
BEGIN;
INSERT INTO funnel.calendar VALUES ('new', 'Asia/Tokyo', 'first');
SELECT definition FROM funnel.calendar WHERE name = 'new';
INSERT INTO funnel.calendar_hours VALUES ('new', 1, '09:00', '12:00'), ('new', 1, '13:00', '17:30:00.5'), ('new', 5, '22:00', '24:00');
INSERT INTO funnel.calendar_holiday VALUES ('new', '2024-12-25', 'Christmas'), ('new', '0044-03-15 BC', NULL);
SELECT definition FROM funnel.calendar WHERE name = 'new';
UPDATE funnel.calendar_hours SET weekday = 2 WHERE calendar = 'new' AND opens = '13:00';
DELETE FROM funnel.calendar_hours WHERE calendar = 'new' AND weekday = 1;
UPDATE funnel.calendar_holiday SET description = NULL WHERE calendar = 'new';
DELETE FROM funnel.calendar_holiday WHERE calendar = 'new' AND day < '2000-01-01';
SELECT definition FROM funnel.calendar WHERE name = 'new';
UPDATE funnel.calendar SET name = 'renamed', description = 'second' WHERE name = 'new';
SELECT * FROM funnel.calendar WHERE name = 'renamed';
SELECT * FROM funnel.calendar_hours WHERE calendar = 'renamed';
SELECT * FROM funnel.calendar_holiday WHERE calendar = 'renamed';
UPDATE funnel.calendar_hours SET calendar = 'none' WHERE calendar = 'renamed';
-- it cannot be set
UPDATE funnel.calendar SET definition = '{"hours": [], "holidays": []}';
TABLE pg_temp.differing;
TRUNCATE funnel.calendar_hours;
TABLE pg_temp.differing;
SELECT name, definition FROM funnel.calendar WHERE name IN ('night', 'renamed') ORDER BY name;
DELETE FROM funnel.calendar WHERE name = 'renamed';
TABLE funnel.calendar_holiday;
ROLLBACK;

-- A new one that has a definition begins with it: a copy.
INSERT INTO funnel.calendar_holiday VALUES ('night', '2024-05-01', '"May" \day'), ('night', '2024-12-25', NULL);
INSERT INTO funnel.calendar SELECT 'late', 'Europe/London', 'as in Berlin', definition FROM funnel.calendar WHERE name = 'night';
SELECT count(*), max(opens), max(closes) FROM funnel.calendar_hours WHERE calendar = 'late';
SELECT * FROM funnel.calendar_holiday WHERE calendar = 'late';
TABLE pg_temp.differing;
-- However it was written, it is kept as dumps have it.
BEGIN;
INSERT INTO funnel.calendar VALUES
    ('a', 'UTC', NULL, '{"hours": [], "holidays": [], "more": 1}'),
    ('b', 'UTC', NULL, '{"holidays": [{"day": "20241225", "more": 1}, {"day": "2024-05-01", "description": "x"}], "hours": []}'),
    ('c', 'UTC', NULL, '{"hours": [{"weekday": 2, "opens": "9:00", "closes": "05:00 pm"}, {"weekday": 1, "opens": "09:00:00", "closes": "17:00:00"}], "holidays": []}');
SELECT name, definition FROM funnel.calendar WHERE name IN ('a', 'b', 'c') ORDER BY name;
TABLE pg_temp.differing;
ROLLBACK;

-- An edit looks at the calendars that it changes, and a restore once at each: also with many, neither takes long.
BEGIN;
SET LOCAL track_functions = 'all';
CREATE FUNCTION pg_temp.definitions_made() RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE schemaname = 'funnel' AND funcname = 'calendar_definition'
$$;
INSERT INTO funnel.calendar SELECT 'team ' || n, time_zone, NULL, definition FROM generate_series(1, 50) n, funnel.calendar WHERE name = 'night';
SELECT pg_temp.definitions_made() AS made \gset
SELECT :made BETWEEN 50 AND 200 AS restored;
INSERT INTO funnel.calendar_holiday VALUES ('team 1', '2030-01-01');
UPDATE funnel.calendar_holiday SET day = '2030-01-02' WHERE day = '2030-01-01';
DELETE FROM funnel.calendar_holiday WHERE day = '2030-01-02';
INSERT INTO funnel.calendar_hours VALUES ('team 1', 7, '12:00', '13:00');
UPDATE funnel.calendar_hours SET opens = '12:30' WHERE calendar = 'team 1' AND opens = '12:00';
DELETE FROM funnel.calendar_hours WHERE calendar = 'team 1' AND opens = '12:30';
SELECT pg_temp.definitions_made() - :made BETWEEN 6 AND 24 AS edited;
TABLE pg_temp.differing;
TRUNCATE funnel.calendar_holiday, funnel.calendar_hours;
SELECT DISTINCT definition FROM funnel.calendar;
ROLLBACK;

-- What a restore does: a dump has only what differs from the ready-made calendar, which gives way. A time zone that is
-- unknown on the new machine does not stop it.
BEGIN;
SELECT extcondition[array_position(extconfig, 'funnel.calendar'::regclass)] FROM pg_extension WHERE extname = 'funnel';
UPDATE funnel.calendar SET time_zone = 'Europe/Paris' WHERE name = 'business_week';
DELETE FROM funnel.calendar_hours WHERE calendar = 'business_week' AND weekday = 5;
INSERT INTO funnel.calendar_holiday VALUES ('business_week', '2024-07-14', 'quatorze juillet');
CREATE TEMP TABLE dump AS SELECT * FROM funnel.calendar WHERE NOT funnel.is_ready_made(calendar);
SELECT count(*) FROM dump;
ROLLBACK;
BEGIN;
CREATE TEMP TABLE dump (name text, time_zone text, description text, definition jsonb);
INSERT INTO dump VALUES
    ('business_week', 'Atlantis/Capital', NULL, '{"hours": [{"weekday": 1, "opens": "08:00:00", "closes": "24:00:00"}], "holidays": [{"day": "2024-07-14", "description": "x"}]}'),
    ('empty', 'UTC', NULL, NULL),
    ('closed', 'Atlantis/Capital', NULL, '{"hours": [], "holidays": []}'),
    -- no zone of the view's, so not the one that PostgreSQL would take it for
    ('behind', 'UTC+2', NULL, '{"hours": [{"weekday": 1, "opens": "08:00:00", "closes": "24:00:00"}], "holidays": []}');
INSERT INTO funnel.calendar TABLE dump;
SELECT name, time_zone, description, funnel.is_ready_made(c) FROM funnel.calendar c WHERE name IN (SELECT name FROM dump) ORDER BY name;
SELECT * FROM funnel.calendar_hours WHERE calendar = 'business_week';
SELECT * FROM funnel.calendar_holiday WHERE calendar = 'business_week';
TABLE pg_temp.differing;
SELECT r.* FROM unnest('{business_week,behind}'::text[]) name, pg_temp.refused(format('SELECT funnel.working_days(%L, now(), now())', name)) r;
-- an edited one does not give way
SELECT state, message FROM pg_temp.refused($$INSERT INTO funnel.calendar SELECT * FROM dump WHERE name = 'business_week'$$);
ROLLBACK;
-- A calendar that has no hours yet has a definition, so that a restore knows it for a row of a dump.
BEGIN;
DELETE FROM funnel.calendar WHERE name = 'business_week';
INSERT INTO funnel.calendar VALUES ('business_week', 'Europe/Paris'), ('new', 'UTC');
SELECT name, definition FROM funnel.calendar WHERE name IN ('business_week', 'new') ORDER BY name;
ROLLBACK;
-- The ready-made one gives way before ON CONFLICT can find it. Without a definition, and once it was edited, ON CONFLICT does what it says.
BEGIN;
INSERT INTO funnel.calendar VALUES ('business_week', 'Europe/Paris') ON CONFLICT (name) DO UPDATE SET description = 'edited';
SELECT time_zone, description FROM funnel.calendar WHERE name = 'business_week';
INSERT INTO funnel.calendar SELECT name, 'Europe/Paris', 'new', definition FROM funnel.calendar WHERE name = 'business_week' ON CONFLICT DO NOTHING;
SELECT time_zone, description FROM funnel.calendar WHERE name = 'business_week';
ROLLBACK;
BEGIN;
INSERT INTO funnel.calendar SELECT name, 'Europe/Paris', 'new', definition FROM funnel.calendar WHERE name = 'business_week' ON CONFLICT DO NOTHING;
SELECT time_zone, description FROM funnel.calendar WHERE name = 'business_week';
ROLLBACK;

--
-- A change is seen at once, also by a call site in a loop, and when a subtransaction is undone
--
DO $$
DECLARE
    working float8;
BEGIN
    FOR i IN 1..3 LOOP
        working := funnel.working_days('business_week', '2024-01-08', '2024-01-13');
        RAISE NOTICE 'with % holidays: %', i - 1, working;
        INSERT INTO funnel.calendar_holiday VALUES ('business_week', date '2024-01-07' + i);
    END LOOP;
    DELETE FROM funnel.calendar_holiday WHERE calendar = 'business_week';
END $$;
DO $$
DECLARE
    working float8;
BEGIN
    FOR i IN 1..3 LOOP
        BEGIN
            INSERT INTO funnel.calendar_holiday VALUES ('business_week', date '2024-01-07' + i);
            working := funnel.working_days('business_week', '2024-01-08', '2024-01-13');
            RAISE NOTICE 'with a holiday more: %', working;
            IF i = 2 THEN
                RAISE EXCEPTION 'undone';
            END IF;
        EXCEPTION WHEN raise_exception THEN
            NULL;
        END;
        working := funnel.working_days('business_week', '2024-01-08', '2024-01-13');
        RAISE NOTICE 'after that: %', working;
    END LOOP;
END $$;
DELETE FROM funnel.calendar_holiday WHERE calendar = 'business_week';
-- An error leaves a call site as it was.
DO $$
DECLARE
    names text[] := '{business_week,none,business_week,always,nobody,always}';
    from_at timestamptz[] := '{2024-01-08,2024-01-08,1990-01-01,1990-01-01,1990-01-01,0100-01-01}';
    working float8;
BEGIN
    FOR i IN 1..6 LOOP
        BEGIN
            working := funnel.working_days(names[i], from_at[i], from_at[i] + interval '7 days');
            RAISE NOTICE '%: %', names[i], working;
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE '%', sqlerrm;
        END;
    END LOOP;
END $$;

--
-- Rights: everybody reads, editors edit; who may edit holidays need not be able to edit calendars
--
CREATE ROLE regress_funnel_reader;
CREATE ROLE regress_funnel_editor;
CREATE ROLE regress_funnel_hr;
GRANT INSERT, UPDATE (name, time_zone, description), DELETE ON funnel.calendar TO regress_funnel_editor;
GRANT INSERT, UPDATE, DELETE ON funnel.calendar_hours, funnel.calendar_holiday TO regress_funnel_editor;
GRANT INSERT, DELETE ON funnel.calendar_holiday TO regress_funnel_hr;
SET ROLE regress_funnel_reader;
SELECT funnel.working_days('business_week', '2024-01-08', '2024-01-13');
SELECT count(*) > 0 FROM funnel.calendar JOIN funnel.calendar_hours ON calendar = name;
SELECT query, state, message FROM (VALUES
    ($$INSERT INTO funnel.calendar VALUES ('mine', 'UTC')$$),
    ($$UPDATE funnel.calendar SET time_zone = 'Europe/Paris'$$),
    ($$DELETE FROM funnel.calendar_hours$$),
    ($$INSERT INTO funnel.calendar_holiday VALUES ('night', '2025-01-01')$$),
    ($$CREATE TEMP TABLE t (calendar text); CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION funnel.record_calendar()$$)
) q(query), pg_temp.refused(query) r;
SET ROLE regress_funnel_hr;
INSERT INTO funnel.calendar_holiday VALUES ('night', '2025-01-01');
DELETE FROM funnel.calendar_holiday WHERE calendar = 'night';
SELECT query, state, message FROM (VALUES
    ($$UPDATE funnel.calendar SET time_zone = 'Europe/Paris'$$),
    ($$INSERT INTO funnel.calendar_hours VALUES ('none', 1, '09:00', '17:00')$$)
) q(query), pg_temp.refused(query) r;
SET ROLE regress_funnel_editor;
INSERT INTO funnel.calendar SELECT 'theirs', time_zone, description, definition FROM funnel.calendar WHERE name = 'night';
UPDATE funnel.calendar SET name = 'ours' WHERE name = 'theirs';
DELETE FROM funnel.calendar WHERE name = 'ours';
SELECT query, state, message FROM (VALUES
    ($$UPDATE funnel.calendar SET definition = NULL$$),
    ($$TRUNCATE funnel.calendar_holiday$$)
) q(query), pg_temp.refused(query) r;
RESET ROLE;
-- A new calendar takes INSERT; with hours and holidays, INSERT on their tables; and DELETE where the ready-made one gives way.
CREATE ROLE regress_funnel_adder;
GRANT INSERT ON funnel.calendar TO regress_funnel_adder;
SET ROLE regress_funnel_adder;
INSERT INTO funnel.calendar VALUES ('bare', 'UTC', NULL, NULL), ('closed', 'UTC', NULL, '{"hours": [], "holidays": []}');
SELECT state FROM pg_temp.refused($$INSERT INTO funnel.calendar SELECT 'copy', time_zone, NULL, definition FROM funnel.calendar WHERE name = 'night'$$);
RESET ROLE;
GRANT INSERT ON funnel.calendar_hours, funnel.calendar_holiday TO regress_funnel_adder;
SET ROLE regress_funnel_adder;
INSERT INTO funnel.calendar SELECT 'copy', time_zone, NULL, definition FROM funnel.calendar WHERE name = 'night';
SELECT state, message FROM pg_temp.refused($$INSERT INTO funnel.calendar SELECT name, 'Europe/Paris', NULL, definition FROM funnel.calendar WHERE name = 'business_week'$$);
RESET ROLE;
TABLE pg_temp.differing;
REVOKE ALL ON funnel.calendar, funnel.calendar_hours, funnel.calendar_holiday FROM regress_funnel_editor, regress_funnel_hr, regress_funnel_adder;
DROP ROLE regress_funnel_reader, regress_funnel_editor, regress_funnel_hr, regress_funnel_adder;
DELETE FROM funnel.calendar WHERE name <> 'business_week';
SELECT name, funnel.is_ready_made(c) FROM funnel.calendar c;

--
-- Against plain SQL
--
-- Weeks of several kinds in zones with rules of several kinds. Sao Paulo set its clocks at midnight; Kiritimati lost the
-- last day of 1994.
INSERT INTO funnel.calendar (name, time_zone)
SELECT week || ' ' || zone, zone
  FROM unnest('{UTC,Europe/Berlin,America/New_York,Australia/Lord_Howe,Asia/Kathmandu,Pacific/Apia,America/Sao_Paulo,Pacific/Kiritimati}'::text[]) zone,
       unnest('{week,night,always,odd}'::text[]) week;
INSERT INTO funnel.calendar_hours
SELECT name, weekday, opens, closes
  FROM funnel.calendar, (VALUES
    ('week', 1, 5, time '09:00', time '12:30'), ('week', 1, 5, '13:15', '17:00'), ('week', 6, 6, '10:00', '12:00'),
    ('night', 1, 5, '22:00', '24:00'), ('night', 2, 6, '00:00', '06:00'), ('night', 7, 7, '00:00', '06:00'),
    ('always', 1, 7, '00:00', '24:00'),
    -- within the hours that clocks skip or show twice
    ('odd', 1, 7, '00:20', '01:40'), ('odd', 1, 7, '01:45', '02:10'), ('odd', 1, 7, '02:15', '02:45'), ('odd', 1, 7, '02:45', '03:15'),
    ('odd', 1, 6, '23:40', '23:59:59.999999')
  ) v(week, first, last, opens, closes), generate_series(first, last) weekday
 WHERE split_part(name, ' ', 1) = week;
-- every 17th day around the times that follow, but for all hours of Kathmandu
INSERT INTO funnel.calendar_holiday
SELECT name, day FROM funnel.calendar, unnest('{1967,1985,1994,2011,2018,2024,2099,2420}'::text[]) year,
       generate_series((year || '-01-01')::date, (year || '-12-31')::date, '17 days') day
 WHERE name <> 'business_week' AND name <> 'always Asia/Kathmandu';
ANALYZE funnel.calendar, funnel.calendar_hours, funnel.calendar_holiday;

CREATE FUNCTION pg_temp.pick(seed text, n int) RETURNS int IMMUTABLE LANGUAGE sql AS $$
    SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n
$$;

-- Minutes. In the two days around each change of the clock, and elsewhere, a minute is worked if the clock on the wall
-- shows an hour of that weekday and the date is no holiday. This knows nothing of opening and closing as moments, so not
-- for the odd hours.
CREATE TEMP TABLE place AS
SELECT row_number() OVER () AS place, zone, middle::timestamptz - interval '24:00' AS from_at
  FROM (VALUES ('UTC', '2024-02-29 00:00+00'), ('UTC', '1969-12-31 00:00+00'),
               ('Europe/Berlin', '2024-03-31 01:00+00'), ('Europe/Berlin', '2024-10-27 01:00+00'), ('Europe/Berlin', '2150-03-29 01:00+00'),
               ('America/New_York', '2024-03-10 07:00+00'), ('America/New_York', '2024-11-03 06:00+00'), ('America/New_York', '1967-04-30 07:00+00'),
               ('Australia/Lord_Howe', '2024-04-06 15:00+00'), ('Australia/Lord_Howe', '2024-10-05 15:30+00'),
               ('Asia/Kathmandu', '2024-03-31 00:00+00'), ('Asia/Kathmandu', '1985-12-31 18:30+00'),
               ('Pacific/Apia', '2011-12-30 10:00+00'), ('Pacific/Apia', '2012-03-31 14:00+00'), ('Pacific/Apia', '2011-09-24 14:00+00'),
               ('America/Sao_Paulo', '2018-02-18 02:00+00'), ('America/Sao_Paulo', '2018-11-04 03:00+00'),
               ('Pacific/Kiritimati', '1994-12-31 10:00+00')) v(zone, middle);
CREATE TEMP TABLE clock AS
SELECT place, zone, minute, extract(isodow FROM shown)::int AS weekday, shown::time AS shown_time, shown::date AS shown_day
  FROM (SELECT place, zone, minute, minute AT TIME ZONE zone AS shown
          FROM place, LATERAL (SELECT from_at + i * interval '1 minute' AS minute FROM generate_series(0, 2880) i) m OFFSET 0) s;
ANALYZE clock;
CREATE TEMP TABLE minute AS
SELECT place, name, minute,
       (sum(worked) OVER (PARTITION BY place, name ORDER BY minute) - worked)::int AS worked_before
  FROM (SELECT place, name, minute, CASE WHEN max(opens) IS NOT NULL AND max(day) IS NULL THEN 1 ELSE 0 END AS worked
          FROM clock JOIN funnel.calendar ON time_zone = zone AND name !~ '^(odd|business_week)'
          LEFT JOIN funnel.calendar_hours h
            ON h.calendar = name AND h.weekday = clock.weekday AND shown_time >= opens AND shown_time < closes
          LEFT JOIN funnel.calendar_holiday f ON f.calendar = name AND day = shown_day
         GROUP BY place, name, minute) w;
CREATE INDEX ON minute (place, name, minute);
ANALYZE minute;
-- 30 spans for each; those that touch a change come out as well
SELECT count(*) AS spans, count(DISTINCT b.name) AS calendars,
       count(*) FILTER (WHERE pg_temp.working_time(b.name, a.minute, b.minute)
                        IS DISTINCT FROM (b.worked_before - a.worked_before) * interval '1 minute') AS wrong,
       count(*) FILTER (WHERE b.worked_before > a.worked_before) > 700 AS many_worked
  FROM place p
  JOIN funnel.calendar c ON c.time_zone = zone AND name !~ '^(odd|business_week)'
  CROSS JOIN generate_series(1, 30) n
  CROSS JOIN LATERAL (SELECT pg_temp.pick(p.place || name || n, 2881) AS i, pg_temp.pick(p.place || name || n || 'to', 2881) AS j) r
  JOIN minute a ON a.place = p.place AND a.name = c.name AND a.minute = from_at + least(i, j) * interval '1 minute'
  JOIN minute b ON b.place = p.place AND b.name = c.name AND b.minute = from_at + greatest(i, j) * interval '1 minute';

-- Days. Each has the time between opening and closing, as moments by AT TIME ZONE; a time that the clock skips is the
-- first moment after, which is looked for second by second.
CREATE FUNCTION pg_temp.moment(day date, "time" time, zone text) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN at AT TIME ZONE zone = day + "time" THEN at
                ELSE (SELECT min(t) FROM generate_series(date_trunc('minute', at - ((at AT TIME ZONE zone) - (day + "time"))), at, '1 second') t
                       WHERE t AT TIME ZONE zone >= day + "time") END
      FROM (SELECT (day + "time") AT TIME ZONE zone AS at) a
$$;
SELECT pg_temp.moment('2024-03-31', '02:30', 'Europe/Berlin'), pg_temp.moment('2024-10-27', '02:30', 'Europe/Berlin'),
       pg_temp.moment('2011-12-30', '09:00', 'Pacific/Apia'), pg_temp.moment('1994-12-31', '24:00', 'Pacific/Kiritimati');
CREATE TEMP TABLE span AS
SELECT row_number() OVER () AS span, name, time_zone, from_at,
       from_at + pg_temp.pick('length' || key, days) * interval '1 day' + pg_temp.pick('us' || key, 86400000) * interval '1001 microseconds' AS to_at
  FROM (SELECT name, time_zone, name || n AS key,
               ('{1910-01-01,1955-01-01,1967-01-01,1985-11-01,1994-11-20,2011-11-20,2018-02-01,2018-10-15,2024-03-01,2024-10-01,2099-10-01,2420-03-01}'::timestamptz[])[n]
               + pg_temp.pick(name || n || 'from', 40 * 86400) * interval '1.000001 seconds' AS from_at,
               ('{40,3,20,30,15}'::int[])[1 + n % 5] AS days
          FROM funnel.calendar, generate_series(1, 12) n WHERE name !~ '^(always|business_week)') s;
CREATE TEMP TABLE by_days AS
SELECT span, sum(least(closed, to_at) - greatest(opened, from_at)) AS worked
  FROM (SELECT s.*, pg_temp.moment(date(midnight), h.opens, time_zone) AS opened, pg_temp.moment(date(midnight), h.closes, time_zone) AS closed
          FROM span s, generate_series((from_at AT TIME ZONE time_zone)::date - 1, (to_at AT TIME ZONE time_zone)::date + 1, '1 day') midnight
          JOIN funnel.calendar_hours h ON h.weekday = extract(isodow FROM midnight)
         WHERE h.calendar = s.name
           AND NOT EXISTS (SELECT FROM funnel.calendar_holiday f WHERE f.calendar = s.name AND f.day = date(midnight))) o
 WHERE opened < to_at AND closed > from_at AND opened < closed
 GROUP BY span;
SELECT count(*) AS spans, count(*) FILTER (WHERE pg_temp.working_time(name, from_at, to_at) IS DISTINCT FROM coalesce(worked, '0')) AS wrong,
       count(*) FILTER (WHERE worked > '0') > 200 AS many_worked
  FROM span LEFT JOIN by_days USING (span);

-- In any order, by one call site or many, and in parallel: the same.
CREATE TABLE spans AS
SELECT name, from_at + n * interval '7 days 1:23:45' AS from_at, to_at + n * interval '8 days' AS to_at
  FROM span, generate_series(1, 40) n WHERE from_at > '2011-01-01' AND from_at < '2050-01-01';
ANALYZE spans;
CREATE TEMP TABLE answer AS SELECT name, from_at, to_at, funnel.working_days(name, from_at, to_at) AS working FROM spans ORDER BY name, from_at;
SELECT count(*) FILTER (WHERE funnel.working_days(name, from_at, to_at) IS DISTINCT FROM working) AS other_order
  FROM (SELECT * FROM answer ORDER BY md5(name || from_at) OFFSET 0) a;
SELECT count(*) FILTER (WHERE pg_temp.working_time(name, from_at, to_at)
                              IS DISTINCT FROM round(working::numeric * pg_temp.day_length(name))::float8 * interval '1 microsecond') AS own_site
  FROM answer WHERE pg_temp.pick(name || from_at, 10) = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT count(*) FROM spans WHERE funnel.working_days(name, from_at, to_at) > 1;
SELECT count(*) = (SELECT count(*) FROM answer WHERE working > 1) AS parallel FROM spans WHERE funnel.working_days(name, from_at, to_at) > 1;
DROP TABLE spans;

-- Leave the ready-made one only.
DELETE FROM funnel.calendar WHERE name <> 'business_week';
