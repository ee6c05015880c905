-- Calendars: when people work, as tables; with a calendar, durations are working days.
--
-- Everybody may read them. The role that creates the extension may edit them, also where it is no superuser and a
-- superuser owns the tables.

CREATE TABLE funnel.calendar (
    name text PRIMARY KEY CHECK (name ~ '[^[:space:]]'),
    time_zone text NOT NULL,
    description text,
    definition jsonb NOT NULL CHECK ((jsonb_typeof(definition -> 'hours') = 'array'
                                      AND jsonb_typeof(definition -> 'holidays') = 'array') IS TRUE)
);
COMMENT ON TABLE funnel.calendar IS 'calendars of working time; their hours and holidays are in tables of their own';
COMMENT ON COLUMN funnel.calendar.name IS 'name of the calendar';
COMMENT ON COLUMN funnel.calendar.time_zone IS
    'where its hours are and its days begin: a name of pg_timezone_names, such as Europe/Berlin';
COMMENT ON COLUMN funnel.calendar.description IS 'whose time it is';
COMMENT ON COLUMN funnel.calendar.definition IS
    'its hours and holidays, as dumps save them; kept by the extension; a new calendar that has it begins with these';

CREATE TABLE funnel.calendar_hours (
    calendar text NOT NULL REFERENCES funnel.calendar ON UPDATE CASCADE ON DELETE CASCADE,
    weekday int NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens time NOT NULL,
    closes time NOT NULL,
    PRIMARY KEY (calendar, weekday, opens),
    CHECK (opens < closes)
);
COMMENT ON TABLE funnel.calendar_hours IS 'the hours of a week that are worked; several of a day must not overlap';
COMMENT ON COLUMN funnel.calendar_hours.calendar IS 'the calendar that they belong to';
COMMENT ON COLUMN funnel.calendar_hours.weekday IS '1 is Monday, 7 is Sunday';
COMMENT ON COLUMN funnel.calendar_hours.opens IS 'when work begins, by the clock of the time zone';
COMMENT ON COLUMN funnel.calendar_hours.closes IS
    'when it ends, on the same day; 24:00 is the end of it, and the next day may go on at 00:00';

CREATE TABLE funnel.calendar_holiday (
    calendar text NOT NULL REFERENCES funnel.calendar ON UPDATE CASCADE ON DELETE CASCADE,
    day date NOT NULL CHECK (isfinite(day)),
    description text,
    PRIMARY KEY (calendar, day)
);
COMMENT ON TABLE funnel.calendar_holiday IS 'days without work, whatever their weekday';
COMMENT ON COLUMN funnel.calendar_holiday.calendar IS 'the calendar that it belongs to';
COMMENT ON COLUMN funnel.calendar_holiday.day IS 'the day, from 00:00 to 24:00 by the clock of the time zone';
COMMENT ON COLUMN funnel.calendar_holiday.description IS 'what is celebrated';

GRANT SELECT ON funnel.calendar, funnel.calendar_hours, funnel.calendar_holiday TO PUBLIC;
GRANT INSERT, UPDATE (name, time_zone, description), DELETE ON funnel.calendar TO @extowner@ WITH GRANT OPTION;
GRANT INSERT, UPDATE, DELETE ON funnel.calendar_hours, funnel.calendar_holiday TO @extowner@ WITH GRANT OPTION;

-- Dumps save funnel.calendar only, whose column definition has the rest: pg_restore with workers loads the tables of an
-- extension in any order and at once, which their foreign keys would not bear. The ready-made calendar is dumped once it
-- was edited, and then takes the place of the one that CREATE EXTENSION has made.

CREATE FUNCTION funnel.calendar_definition(calendar text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'hours', (SELECT coalesce(jsonb_agg(jsonb_build_object('weekday', h.weekday, 'opens', h.opens, 'closes', h.closes)
                                            ORDER BY h.weekday, h.opens), '[]')
                    FROM funnel.calendar_hours AS h WHERE h.calendar = calendar_definition.calendar),
        'holidays', (SELECT coalesce(jsonb_agg(jsonb_build_object('day', d.day, 'description', d.description)
                                               ORDER BY d.day), '[]')
                       FROM funnel.calendar_holiday AS d WHERE d.calendar = calendar_definition.calendar));
END;
COMMENT ON FUNCTION funnel.calendar_definition(text) IS 'hours and holidays of a calendar, as its column definition has them';

CREATE FUNCTION funnel.is_ready_made(calendar funnel.calendar) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (calendar).name = 'business_week' AND (calendar).time_zone = 'UTC'
           AND (calendar).description IS NOT DISTINCT FROM 'Monday to Friday, 9 to 17'
           AND (calendar).definition IS NOT DISTINCT FROM '{
               "hours": [{"weekday": 1, "opens": "09:00:00", "closes": "17:00:00"},
                         {"weekday": 2, "opens": "09:00:00", "closes": "17:00:00"},
                         {"weekday": 3, "opens": "09:00:00", "closes": "17:00:00"},
                         {"weekday": 4, "opens": "09:00:00", "closes": "17:00:00"},
                         {"weekday": 5, "opens": "09:00:00", "closes": "17:00:00"}],
               "holidays": []}'::jsonb;
COMMENT ON FUNCTION funnel.is_ready_made(funnel.calendar) IS 'is it the calendar that comes with the extension, unchanged';

SELECT pg_catalog.pg_extension_config_dump('funnel.calendar', 'WHERE NOT funnel.is_ready_made(calendar)');

-- View pg_timezone_names would read the files of all zones.
CREATE FUNCTION funnel.is_time_zone(name text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'funnel_is_time_zone' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.is_time_zone(text) IS 'does view pg_timezone_names have it, in upper or lower case';

-- What is stored always has a definition: a dump must tell a calendar without hours from one that is typed in.
CREATE FUNCTION funnel.check_calendar() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_given boolean := TG_OP = 'INSERT' AND NEW.definition IS NOT NULL;
    advice text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.definition := funnel.calendar_definition(OLD.name);
    ELSIF is_given THEN
        NEW.definition := jsonb_build_object('hours', NEW.definition -> 'hours',
                                             'holidays', NEW.definition -> 'holidays');
    ELSE
        NEW.definition := '{"hours": [], "holidays": []}';
    END IF;
    IF is_given AND NEW.name = 'business_week' THEN
        DELETE FROM funnel.calendar AS c WHERE c.name = NEW.name AND funnel.is_ready_made(c);
    END IF;
    IF NEW.time_zone IS NULL OR TG_OP = 'UPDATE' AND NEW.time_zone IS NOT DISTINCT FROM OLD.time_zone
       OR funnel.is_time_zone(NEW.time_zone) THEN
        RETURN NEW;
    END IF;
    SELECT format('Did you mean %s? ', string_agg(quote_literal(s.name), ' or ')) INTO advice
      FROM (SELECT z.name FROM pg_timezone_names AS z
             WHERE strpos(lower(z.name), lower(replace(NEW.time_zone, ' ', '_'))) > 0 AND NEW.time_zone <> ''
               AND z.name !~ '^(posix|right)/'
             ORDER BY length(z.name), z.name COLLATE "C" LIMIT 3) AS s
    HAVING count(*) > 0;
    advice := coalesce(advice, '') || 'View pg_timezone_names lists what there is.';
    -- A restore must not fail for want of a time zone on the new machine: using the calendar will.
    IF is_given THEN
        RAISE WARNING USING
            MESSAGE = format('time zone "%s" of calendar "%s" does not exist', NEW.time_zone, NEW.name), HINT = advice;
        RETURN NEW;
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('time zone "%s" of calendar "%s" does not exist', NEW.time_zone, NEW.name), HINT = advice,
        SCHEMA = 'funnel', TABLE = 'calendar', COLUMN = 'time_zone';
END
$$;
COMMENT ON FUNCTION funnel.check_calendar() IS
    'trigger of funnel.calendar: refuse unknown time zones, keep the definition true, let the ready-made calendar give way';
REVOKE EXECUTE ON FUNCTION funnel.check_calendar() FROM PUBLIC;

CREATE FUNCTION funnel.import_calendar() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- at once, so that hours and holidays are both there when the definition is compared with them
    WITH hours AS (
        INSERT INTO funnel.calendar_hours (calendar, weekday, opens, closes)
        SELECT NEW.name, h.weekday, h.opens, h.closes
          FROM jsonb_to_recordset(NEW.definition -> 'hours') AS h(weekday int, opens time, closes time))
    INSERT INTO funnel.calendar_holiday (calendar, day, description)
    SELECT NEW.name, d.day, d.description
      FROM jsonb_to_recordset(NEW.definition -> 'holidays') AS d(day date, description text);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION funnel.import_calendar() IS
    'trigger of funnel.calendar: a new row that has hours or holidays, as in a restore, has them made of its definition';
REVOKE EXECUTE ON FUNCTION funnel.import_calendar() FROM PUBLIC;

-- As the owner of the tables: who edits holidays may not be allowed to edit calendars. The calendars are locked before
-- their hours are looked at, so that two sessions cannot add hours that overlap.
CREATE FUNCTION funnel.record_calendar() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    touched text[];
    problem record;
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN SELECT array_agg(DISTINCT r.calendar) INTO touched FROM new_rows AS r;
        WHEN 'DELETE' THEN SELECT array_agg(DISTINCT r.calendar) INTO touched FROM old_rows AS r;
        WHEN 'UPDATE' THEN
            SELECT array_agg(DISTINCT r.calendar) INTO touched
              FROM (SELECT n.calendar FROM new_rows AS n UNION ALL SELECT o.calendar FROM old_rows AS o) AS r;
        WHEN 'TRUNCATE' THEN SELECT array_agg(c.name) INTO touched FROM funnel.calendar AS c;
    END CASE;
    IF touched IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM FROM funnel.calendar AS c WHERE c.name = ANY (touched) ORDER BY c.name FOR NO KEY UPDATE;
    -- funnel.check_calendar() takes the definition from the tables
    UPDATE funnel.calendar AS c SET definition = NULL
     WHERE c.name = ANY (touched) AND c.definition IS DISTINCT FROM funnel.calendar_definition(c.name);
    SELECT a.calendar, a.weekday, a.opens, a.closes, b.opens AS next_opens, b.closes AS next_closes INTO problem
      FROM funnel.calendar_hours AS a
      JOIN funnel.calendar_hours AS b ON b.calendar = a.calendar AND b.weekday = a.weekday
     WHERE a.calendar = ANY (touched) AND a.opens < b.opens AND b.opens < a.closes
     ORDER BY a.calendar, a.weekday, a.opens, b.opens LIMIT 1;
    IF FOUND THEN
        RAISE exclusion_violation USING
            MESSAGE = format('hours of calendar "%s" overlap', problem.calendar),
            DETAIL = format('On weekday %s there are %s to %s and %s to %s.', problem.weekday,
                            problem.opens, problem.closes, problem.next_opens, problem.next_closes),
            HINT = 'Let hours end before others of the day begin, or when they do.',
            SCHEMA = 'funnel', TABLE = 'calendar_hours';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION funnel.record_calendar() IS
    'trigger of hours and holidays: keep the definition of their calendar, refuse hours that overlap';
REVOKE EXECUTE ON FUNCTION funnel.record_calendar() FROM PUBLIC;

CREATE TRIGGER check_calendar BEFORE INSERT OR UPDATE ON funnel.calendar
    FOR EACH ROW EXECUTE FUNCTION funnel.check_calendar();
CREATE TRIGGER import_calendar AFTER INSERT ON funnel.calendar
    FOR EACH ROW WHEN (NEW.definition <> '{"hours": [], "holidays": []}') EXECUTE FUNCTION funnel.import_calendar();
-- A trigger that sees the rows of a statement is one of one event.
CREATE TRIGGER record_insert AFTER INSERT ON funnel.calendar_hours REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_update AFTER UPDATE ON funnel.calendar_hours
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_delete AFTER DELETE ON funnel.calendar_hours REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_truncate AFTER TRUNCATE ON funnel.calendar_hours
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_insert AFTER INSERT ON funnel.calendar_holiday REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_update AFTER UPDATE ON funnel.calendar_holiday
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_delete AFTER DELETE ON funnel.calendar_holiday REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();
CREATE TRIGGER record_truncate AFTER TRUNCATE ON funnel.calendar_holiday
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_calendar();

-- It must be as funnel.is_ready_made() has it.
INSERT INTO funnel.calendar (name, time_zone, description) VALUES ('business_week', 'UTC', 'Monday to Friday, 9 to 17');
INSERT INTO funnel.calendar_hours (calendar, weekday, opens, closes)
SELECT 'business_week', n, '09:00', '17:00' FROM generate_series(1, 5) AS n;

CREATE FUNCTION funnel.working_days(calendar text, from_at timestamptz, to_at timestamptz) RETURNS float8
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.working_days(text, timestamptz, timestamptz) IS
    'working days of a calendar between two times; 0 if the second is not later';
