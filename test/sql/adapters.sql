--
-- Adapters for histories of one's own: stage_dates, scd2, snapshots, field_history, events; labels, times, and misuse
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE SCHEMA crm;
SET search_path = crm, public;
SELECT funnel.create_pipeline('adapters', '{new,mql,sql,won}', exits => '{lost}', allow_skips => true);

-- stage_dates: days are days of the time zone; what is open (NULL, 9999-12-31, 2050-01-01, infinity) has not happened.
CREATE TABLE deal (id int, mql_on date, "SQL_at" timestamptz, won date, lost date, amount text);
INSERT INTO deal VALUES
  (1, '2024-03-01', '2024-03-05 10:00+00', '2024-03-31', NULL, '1200.50'),
  (2, '2024-03-02', '2024-03-06 10:00+00', '9999-12-31', '2050-01-01', NULL),
  (3, '2024-03-03', 'infinity', 'infinity', '2024-04-01', '');
SELECT funnel.create_adapter('stage_dates', 'deal_stages', '{"rows": "deal"}', 'adapters', time_zone => 'Europe/Berlin');
SELECT lead, stage, at, amount, ref, is_mapped FROM deal_stages ORDER BY lead, at;
SELECT step, stage, leads, amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM deal_stages) s,
  funnel.steps(c, '{mql,sql,won}', as_of => '2025-01-01');
-- ... with columns named, and without a pipeline
SELECT funnel.create_adapter('stage_dates', 'deal_dates', '"deal"',
  columns => '{"lead": "id", "stages": {"qualified": "mql_on", "Closed Won": "won"}}');
SELECT lead, stage, at, is_mapped FROM deal_dates ORDER BY lead, at;

-- scd2: versions that repeat a stage change nothing; one that ends as it begins was never in force, unless it is of a day.
CREATE TABLE version (lead_id text, stage text, valid_from timestamp, valid_to timestamp, amount numeric);
INSERT INTO version VALUES
  ('a', 'new', '2024-01-01 08:00', '2024-01-03 09:00', 10), ('a', 'new', '2024-01-03 09:00', '2024-01-04 09:00', 20),
  ('a', 'lost', '2024-01-04 09:00', '2024-01-04 09:00', 20), ('a', 'mql', '2024-01-04 09:00', '9999-12-31 23:59:59', 20),
  ('b', 'new', '2024-01-02 00:00', '2024-01-02 00:00', NULL), ('b', 'mql', '2024-01-03 00:00', '2024-02-01 00:00', NULL);
SELECT funnel.create_adapter('scd2', 'versions', '"version"', 'adapters');
SELECT lead, stage, at, amount FROM versions ORDER BY lead, at;
SELECT lead, stage, entered_at, left_at, amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM versions) s, funnel.stays(c, as_of => '2025-01-01');
-- The last version of b has ended, and nothing came after it.
SELECT funnel.create_adapter('scd2', 'versions', '"version"', 'adapters', '{"ended": "lost"}', 'America/New_York');
SELECT lead, stage, at FROM versions WHERE lead = 'b' ORDER BY at;

-- snapshots
CREATE TABLE daily (lead uuid, snapshot_date text, stage text, amount float8, deleted int);
INSERT INTO daily VALUES
  ('11111111-1111-1111-1111-111111111111', '2024-01-01', ' New', 5, 0), ('11111111-1111-1111-1111-111111111111', '2024-01-02', 'new', 5, 0),
  ('11111111-1111-1111-1111-111111111111', '2024-01-03', 'MQL', 6.5, 0), ('22222222-2222-2222-2222-222222222222', '2024-01-03', NULL, NULL, 1);
SELECT funnel.create_adapter('snapshots', 'snapshots', '"daily"', 'adapters', time_zone => 'Asia/Tokyo');
SELECT lead, stage, at, amount, label, is_deleted, is_mapped FROM snapshots ORDER BY lead, at;
SELECT pg_typeof(lead) FROM snapshots LIMIT 1;
SELECT funnel.create_adapter('snapshots', 'snapshots', '"daily"', 'adapters', '{"deleted": "omit"}', 'Asia/Tokyo');
SELECT count(*) FROM snapshots;

-- field_history: the first old value was there since the lead was created, before the first change in any case. Who has no
-- change is what he is today since he was created. No label is a stage, too. A lead that nobody knows when it was created
-- (5) begins with its first change.
CREATE TABLE change (id int, lead int, field text, old_value text, new_value text, changed_at timestamptz);
CREATE TABLE person (id int, created_at timestamptz, stage text, merged_into int, is_deleted boolean);
INSERT INTO change VALUES
  (10, 1, 'Stage', 'new', 'mql', '2024-01-05'), (11, 1, 'Stage', 'mql', 'won', '2024-01-09'), (12, 1, 'owner', 'ann', 'ben', '2024-01-06'),
  (13, 2, 'stage', NULL, 'mql', '2024-01-07'),
  (15, 3, 'stage', 'mql', 'sql', '2024-01-03 10:00'), (14, 3, 'stage', 'new', 'mql', '2024-01-03 10:00'),
  (16, 5, 'stage', 'new', 'mql', '2024-01-08');
INSERT INTO person VALUES (1, '2024-01-01', 'won', NULL, false), (2, '2024-01-02', 'mql', NULL, false), (3, '2024-01-03 10:00', 'sql', NULL, false),
  (4, '2024-01-04', 'new', NULL, false), (6, '2024-01-04', NULL, NULL, false);
SELECT funnel.create_adapter('field_history', 'history', '{"history": "change", "record": "person"}', 'adapters', '{"field": "stage"}');
SELECT lead, stage, at FROM history ORDER BY lead, at, stage;
SELECT funnel.create_adapter('field_history', 'history', '{"history": "change", "record": "person"}', 'adapters', '{"field": "stage", "null_label": "new"}');
SELECT lead, stage, at FROM history WHERE lead IN (2, 6) ORDER BY lead, at;
-- ... without knowing the leads
SELECT funnel.create_adapter('field_history', 'history_alone', '"change"', 'adapters', '{"field": ["stage"]}');
SELECT lead, stage, at FROM history_alone ORDER BY lead, at, stage;

-- Merged leads: 7 became 8, 8 became 1; 9 and 10 claim to be each other. What was merged is deleted, and stays.
INSERT INTO person VALUES (7, '2023-12-01', 'new', 8, true), (8, '2023-12-02', 'mql', 1, true), (9, '2023-12-03', 'new', 10, true),
  (10, '2023-12-04', 'new', 9, false), (11, '2023-12-05', 'lost', NULL, true);
SELECT lead, stage, at, record, is_deleted FROM history WHERE at < '2024-01-02' ORDER BY at, record;
SELECT funnel.create_adapter('field_history', 'history', '{"history": "change", "record": "person"}', 'adapters', '{"field": "stage", "deleted": "omit"}');
SELECT lead, stage, at, record FROM history WHERE at < '2024-01-01' ORDER BY at;

-- events: of stages, and of touches where there is a channel and no stage
CREATE TABLE event (lead_id bigint, stage text, timestamp bigint, ref int);
INSERT INTO event VALUES (1, 'mql', 1706695200000, 7), (NULL, 'mql', 1706695200000, 7), (2, 'won', NULL, NULL);
SELECT funnel.create_adapter('events', 'event_stages', '"event"', 'adapters');
SELECT lead, stage, at, amount, ref FROM event_stages ORDER BY lead;
SELECT leads, events, ignored FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM event_stages) s, funnel.describe(c);
CREATE TABLE touch (lead_id bigint, channel text, at timestamptz);
INSERT INTO touch VALUES (1, 'web', '2024-01-01'), (1, '', '2024-01-02');
SELECT funnel.create_adapter('events', 'touches', '"touch"');
SELECT * FROM touches ORDER BY at;
SELECT channels FROM (SELECT funnel.touches(lead, channel, at) AS c FROM touches) s, funnel.describe(c);
SELECT obj_description('touches'::regclass), obj_description('event_stages'::regclass);

-- Labels: the pipeline's own stages, in any case, then funnel.stage_alias, the most specific source first. What means no
-- stage is shown as it is, and reported.
CREATE TABLE labelled (lead int, stage text, at timestamptz);
INSERT INTO labelled VALUES (1, 'Marketing Qualified', '2024-01-01'), (1, ' CLOSED WON ', '2024-01-02'), (2, 'WON', '2024-01-03'),
  (2, 'Closed Lost', '2024-01-04'), (3, 'Closed lost', '2024-01-05'), (3, 'Demo', '2024-01-06'), (4, 'Demo', '2024-01-07'), (4, 'Trial', '2024-01-08');
SELECT funnel.create_adapter('events', 'labels', '"labelled"', 'adapters', '{"source": "our crm"}');
SELECT * FROM funnel.unmapped('labels');
INSERT INTO funnel.stage_alias (pipeline, source, alias, stage) VALUES
  ('adapters', '*', 'marketing qualified', 'mql'), ('adapters', '*', 'closed won ', 'won'), ('adapters', '*', 'demo', 'new'),
  ('adapters', 'events', 'Demo', 'mql'), ('adapters', 'our crm', 'DEMO', 'sql'), ('adapters', 'other crm', 'Trial', 'sql'), ('adapters', '*', 'Trial', 'gone');
SELECT lead, stage, label, is_mapped FROM labels ORDER BY lead, at;
SELECT * FROM funnel.unmapped('labels');
-- what is suggested can be taken over
INSERT INTO funnel.stage_alias SELECT 'adapters', '*', min(label), suggestion FROM funnel.unmapped('labels') WHERE suggestion IS NOT NULL GROUP BY suggestion;
SELECT label FROM funnel.unmapped('labels');
-- An alias is one, however it is written.
INSERT INTO funnel.stage_alias VALUES ('adapters', '*', ' TRIAL', 'mql');
-- Two stages whose names differ in case only keep apart.
SELECT funnel.create_pipeline('case', '{mql,MQL,won}');
INSERT INTO labelled VALUES (5, 'mql', '2024-01-01'), (5, 'MQL', '2024-01-02'), (5, 'Won', '2024-01-03');
SELECT funnel.create_adapter('events', 'case_labels', '"labelled"', 'case');
SELECT stage FROM case_labels WHERE lead = 5 ORDER BY at;
SELECT label FROM funnel.unmapped('case_labels') WHERE label ILIKE 'mql';

-- Times in text columns: a day is of the time zone, also where clocks change; a time without offset is, too, in these kinds.
CREATE TABLE written (n int, at text);
INSERT INTO written VALUES (1, '2024-01-31'), (2, '2024-07-31'), (3, '2024-01-31 10:00'), (4, '2024-01-31T10:00:00.123+0000'), (5, '2024-01-31T10:00:00Z'),
  (6, '2024-01-31 10:00:00 UTC'), (7, '2024-01-31 10:00:00.123456789-05:30'), (8, '2024-01-31 9:05:07+01'), (9, '1706695200000'), (10, ' '), (11, NULL);
SELECT n, at, funnel.read_time(at, 'Europe/Berlin', 'UTC'), funnel.read_time(at, 'UTC', 'Europe/Berlin') FROM written ORDER BY n;
SELECT funnel.create_adapter('events', 'written_events', '"written"', columns => '{"lead": "n", "stage": "at"}', time_zone => 'Europe/Berlin');
SET timezone = 'America/New_York';
SET datestyle = 'SQL, DMY';
SELECT bool_and(at AT TIME ZONE 'UTC' = funnel.read_time(label, 'Europe/Berlin', 'Europe/Berlin') AT TIME ZONE 'UTC') FROM written_events WHERE lead < 10;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SELECT funnel.read_time('infinity', 'UTC', 'UTC'), funnel.read_time('9999-12-31 23:59:59', 'UTC', 'UTC');
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', state || ' ' || message, nullif(detail, ''), 'HINT ' || nullif(hint, ''));
END $$;
SELECT pg_temp.try($$SELECT funnel.read_time('31/01/2024', 'UTC', 'UTC')$$);
SELECT split_part(pg_temp.try(format('SELECT funnel.read_time(%L, %L, %L)', v, 'UTC', 'UTC')), E'\n', 1)
FROM unnest('{2024-02-30,20240131,1706695200,2024-01-31 25:00,2024-01-31T10,2024-01-31 10:00 CET,soon,2024-13-01,2024-01-31x,2024-01-31 10:00:00.}'::text[]) v;
SELECT pg_temp.try($$SELECT funnel.read_time('2024-01-31', 'Mars/Olympus', 'UTC')$$);
-- The view of such a source says which value it is.
INSERT INTO written VALUES (12, '01/31/2024');
SELECT pg_temp.try('SELECT count(at) FROM written_events');

-- Names of columns: case, underscores and a byte-order mark do not matter; an exact name comes first.
CREATE TABLE export (U&"\FEFFLead ID" int, "Stage" text, stage_ text, "AT" timestamptz);
INSERT INTO export VALUES (1, 'won', 'no', '2024-01-01');
SELECT funnel.create_adapter('events', 'exported', '"export"');
SELECT lead, stage, at FROM exported;
SELECT funnel.create_adapter('events', 'exported', '"export"', columns => '{"Stage": "STAGE_"}');
SELECT lead, stage, at FROM exported;
CREATE TABLE twice (lead int, "STAGE" text, "Stage" text, at timestamptz);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"twice"')$$);

-- Names that are made to do harm are names.
CREATE SCHEMA "a b";
CREATE TABLE "a b"."t""; DROP TABLE crm.deal; --" ("lead'" int, "st{lead}age" text, "at;" timestamptz);
INSERT INTO "a b"."t""; DROP TABLE crm.deal; --" VALUES (1, 'x', '2024-01-01');
SELECT funnel.create_pipeline('p''{events}', '{x}');
SELECT funnel.create_adapter('events', '"a b"."v""{at}"', '{"events": "\"a b\".\"t\"\"; DROP TABLE crm.deal; --\""}', 'p''{events}',
  '{"lead": "lead''", "stage": "st{lead}age", "at": "at;", "null_label": "'' || {merges} --", "source": "{x}''"}');
SELECT lead, stage, at, pipeline, is_mapped FROM "a b"."v""{at}";
SELECT count(*) FROM deal;

-- Made again, a view is replaced; what is no adapter is left alone.
CREATE VIEW mine AS SELECT 1 AS n;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'mine', '"event"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'deal', '"event"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'event_stages', '"touch"')$$);
-- Of temporary tables it is temporary.
CREATE TEMP TABLE passing (lead int, stage text, at timestamptz);
SELECT funnel.create_adapter('events', 'passing_stages', '"passing"');
SELECT count(*) FROM pg_temp.passing_stages;

-- All that is missing in one error.
SELECT pg_temp.try($$SELECT funnel.create_adapter('evnts', 'x', '"event"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '{"event": "event"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('field_history', 'x', '{"record": "nowhere"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('field_history', 'x', '{"history": "deal", "record": "touch"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('field_history', 'x', '"change"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '{"lead": "no such", "at": "neither"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '{"leed": "lead_id"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '{"lead": 1}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '{"deleted": "maybe"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '{"deleted": "omit"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '{"null_label": " "}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('field_history', 'x', '"change"', columns => '{"field": []}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('field_history', 'x', '"change"', columns => '{"field": null}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"deal"', columns => '{"lead": "id", "stage": "amount", "at": "is_deleted"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"person"', columns => '{"lead": "id", "at": "is_deleted"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('stage_dates', 'x', '"deal"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('stage_dates', 'x', '"touch"', 'adapters', '{"lead": "lead_id"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('stage_dates', 'x', '"deal"', columns => '{"stages": {"mql": "mql_on", "sql": "sql_on"}}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', 'no such pipeline')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"touch"', 'adapters')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', time_zone => 'Mars')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'a.b.c', '"event"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '["event"]')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', NULL)$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => NULL)$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', NULL, '"event"')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter(NULL, 'x', '"event"')$$);
SELECT pg_temp.try($$SELECT * FROM funnel.unmapped('touches')$$);

-- Rights: the view is its maker's, who needs no right on anything else than his sources.
CREATE ROLE adapter_maker;
CREATE ROLE adapter_reader;
CREATE SCHEMA makers AUTHORIZATION adapter_maker;
GRANT USAGE ON SCHEMA crm, makers TO adapter_maker, adapter_reader;
GRANT SELECT ON labelled TO adapter_maker;
SET ROLE adapter_maker;
SELECT funnel.create_adapter('events', 'makers.labels', '"labelled"', 'adapters');
SELECT funnel.create_adapter('events', 'makers.deals', '"deal"', 'adapters', '{"lead": "id", "stage": "amount", "at": "won"}');
SELECT count(*) FROM makers.labels;
SELECT pg_temp.try('SELECT count(*) FROM makers.deals');
GRANT SELECT ON makers.labels TO adapter_reader;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'crm.theirs', '"labelled"', 'adapters')$$);
SET ROLE adapter_reader;
SELECT count(*), count(*) FILTER (WHERE is_mapped) FROM makers.labels;
SELECT count(*) FROM funnel.unmapped('makers.labels');
RESET ROLE;
-- ... unless it is to be the reader's, where the server has that.
SELECT current_setting('server_version_num')::int < 150000
       OR set_config('role', 'adapter_maker', false) = 'adapter_maker'
          AND pg_temp.try($$SELECT funnel.create_adapter('events', 'makers.labels', '"crm.labelled"', 'adapters', '{"security_invoker": true}')$$) = 'ok'
          AND set_config('role', 'adapter_reader', false) = 'adapter_reader'
          AND pg_temp.try('SELECT count(*) FROM makers.labels') = '42501 permission denied for table labelled' AS is_refused;
RESET ROLE;

-- A hostile search_path changes nothing but where names are looked up.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.lie(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
SET search_path = hostile, crm, pg_catalog;
SELECT funnel.create_adapter('events', 'crm.hostile_labels', '"labelled"', 'adapters');
SELECT count(*) FROM crm.hostile_labels WHERE is_mapped;
RESET search_path;

-- What there is, as tables.
SELECT kind, vendor, is_touch FROM funnel.adapter_kind WHERE kind !~ ':' ORDER BY vendor NULLS FIRST, kind;
SELECT (SELECT count(*) FROM funnel.adapter_column AS c WHERE NOT EXISTS (SELECT FROM funnel.adapter_kind AS k WHERE k.kind = c.kind)) AS lost_columns,
       (SELECT count(*) FROM funnel.adapter_option AS o WHERE o.kind <> '*' AND NOT EXISTS (SELECT FROM funnel.adapter_kind AS k WHERE k.kind = o.kind)) AS lost_options;

SET client_min_messages = warning;
DROP SCHEMA crm, makers, hostile, "a b" CASCADE;
DROP ROLE adapter_maker, adapter_reader;
DELETE FROM funnel.pipeline WHERE name IN ('adapters', 'case', 'p''{events}');
DELETE FROM funnel.stage_alias;
