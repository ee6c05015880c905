--
-- Adapters over what sources have by mistake: columns that look like others, values that could be read in two ways, views
-- of other roles
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE SCHEMA misuse;
SET search_path = misuse, public;
SELECT funnel.create_pipeline('misuse', '{lead,mql,won}', exits => '{lost}', allow_skips => true);
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
CREATE TABLE event (lead int, stage text, at timestamptz);
INSERT INTO event VALUES (1, 'mql', '2024-01-01');

-- A view of another role is left alone, also by those who could replace it: it would read with that role's rights.
CREATE ROLE adapter_owner;
CREATE ROLE adapter_member IN ROLE adapter_owner;
CREATE SCHEMA shared;
GRANT ALL ON SCHEMA shared TO adapter_owner, adapter_member;
GRANT USAGE ON SCHEMA misuse TO adapter_owner, adapter_member;
GRANT SELECT ON event TO adapter_owner, adapter_member;
SET ROLE adapter_owner;
SELECT funnel.create_adapter('events', 'shared.stages', '"misuse.event"', 'misuse');
RESET ROLE;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'shared.stages', '"misuse.event"')$$);
SET ROLE adapter_member;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'shared.stages', '"misuse.event"')$$);
SET ROLE adapter_owner;
SELECT funnel.create_adapter('events', 'shared.stages', '"misuse.event"');
RESET ROLE;
SELECT viewowner, (SELECT count(*) FROM shared.stages WHERE pipeline IS NULL) FROM pg_views WHERE schemaname = 'shared';

-- The day of a stage is in a column of times that is nothing else: neither the key "lead" nor the flag "mql".
CREATE TABLE dates (lead int, mql int, mql_at date, won boolean, lost date);
INSERT INTO dates VALUES (1, 1, '2024-01-02', false, NULL), (2, 0, NULL, true, '2024-01-03');
SELECT funnel.create_adapter('stage_dates', 'date_stages', '"dates"', 'misuse');
SELECT lead, stage, at FROM date_stages ORDER BY lead;
SELECT pg_temp.try($$SELECT funnel.create_adapter('stage_dates', 'x', '"dates"', columns => '{"stages": {"mql": "mql"}}')$$);
-- A key is no time: here "lead" is when a lead became one, and who it is stands in "id".
CREATE TABLE days (lead date, mql date, mql_on date, id int);
INSERT INTO days VALUES ('2024-01-01', '2023-01-01', '2024-01-02', 7);
SELECT funnel.create_adapter('stage_dates', 'day_stages', '"days"', 'misuse');
SELECT lead, stage, at FROM day_stages ORDER BY at;
-- Types below domains, and of no precision: a view can be replaced by one over another.
CREATE DOMAIN moment AS timestamptz;
CREATE DOMAIN late_moment AS moment;
CREATE TABLE exact (lead int, stage varchar(10), at timestamptz(0), amount numeric(10,2));
CREATE TABLE domains (lead int, stage text, at late_moment, amount numeric);
INSERT INTO domains VALUES (1, 'mql', '2024-07-01 10:00+00', 1);
SELECT funnel.create_adapter('events', 'replaced', '"exact"');
SELECT funnel.create_adapter('events', 'replaced', '"domains"');
SET datestyle = 'German';
SELECT count(*) FROM replaced WHERE at = '2024-07-01 10:00+00'::timestamptz;
SET datestyle = 'ISO, YMD';

-- Numbers are milliseconds since 1970 and nothing else: no day, no second, no microsecond. The end of 9999 is open.
CREATE TABLE number (lead int, stage text, at bigint, small int, exact numeric, rough float8);
INSERT INTO number VALUES (1, 'mql', 1706695200000, 1, 1706695200000.5, 1706695200123.25);
SELECT funnel.create_adapter('events', 'numbers', '"number"');
SELECT at FROM numbers;
SELECT funnel.create_adapter('events', 'numbers', '"number"', columns => '{"at": "exact"}');
SELECT at FROM numbers;
SELECT funnel.create_adapter('events', 'numbers', '"number"', columns => '{"at": "rough"}');
SELECT at FROM numbers;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"number"', columns => '{"at": "small"}')$$);
SELECT v, split_part(pg_temp.try(format('SELECT funnel.read_time(%L::float8)', v)), E'\n', 1) AS number,
       split_part(pg_temp.try(format('SELECT funnel.read_time(%L, %L, %L)', v, 'UTC', 'UTC')), E'\n', 1) AS digits
FROM unnest('{0,45322,20240131,1706695200,NaN,-Infinity,202401311000,999999999999,1000000000000,9999999999999,10000000000000,20240131100000,253370764799999,253370764800000,253402300799999,253402300800000,1706695200000000}'::text[]) v;
SELECT pg_temp.try('SELECT funnel.read_time(20240131::float8)');
-- What is wrong may be long.
SELECT split_part(pg_temp.try(format('SELECT funnel.read_time(%L, %L, %L)', repeat('x', 1000000), 'UTC', 'UTC')), E'\n', 1);
SELECT split_part(pg_temp.try(format('SELECT funnel.read_time(%L, %L, %L)', '2024-01-01', repeat('x', 3000), 'UTC')), E'\n', 1);

-- A zone that is named like an abbreviation would have no summer in some columns.
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', time_zone => 'CET')$$);
SELECT z, pg_temp.try(format('SELECT funnel.create_adapter(%L, %L, %L, time_zone => %L)', 'events', 'zones', '"event"', z)) = 'ok' AS is_taken
FROM unnest('{cet,EET,MET,WET,EST,HST,MST,UTC,GMT,Europe/Berlin,america/new_york,EST5EDT}'::text[]) z;

-- Letters of any alphabet tell names apart; a byte-order mark that was read as three letters does not.
CREATE TABLE letters (U&"\00EF\00BB\00BFlead-id" int, U&"Gr\00F6\00DFe" text, "Gre" text, at timestamptz);
INSERT INTO letters VALUES (1, 'right', 'wrong', '2024-01-01');
SELECT funnel.create_adapter('events', 'lettered', '"letters"', columns => U&'{"stage": "gr\00F6\00DFe"}');
SELECT lead, stage FROM lettered;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"letters"', columns => '{"stage": "grde"}')$$) ~ 'the stage, "grde"' AS is_missing;
SELECT funnel.create_pipeline(U&'misuse \00E4', ARRAY[U&'phase \00E4', U&'phase \00F6', 'won']);
CREATE TABLE phases (id int, U&"phase_\00F6" date);
INSERT INTO phases VALUES (1, '2024-01-02');
SELECT funnel.create_adapter('stage_dates', 'phase_stages', '"phases"', U&'misuse \00E4');
SELECT stage = U&'phase \00F6' AS is_second FROM phase_stages;

-- Amounts, flags and lists in text: what cannot be read is named, with its column.
CREATE TABLE written (lead int, stage text, at timestamptz, amount text, is_deleted text);
SELECT funnel.create_adapter('events', 'read', '"written"');
INSERT INTO written VALUES (1, 'mql', '2024-01-01', ' 1200.50 ', ' Yes '), (2, 'mql', '2024-01-01', '-1e3', '0'), (3, 'mql', '2024-01-01', ' ', ' ');
SELECT lead, amount, is_deleted FROM read ORDER BY lead;
SELECT v, split_part(pg_temp.try(format('SELECT funnel.read_amount(%L, %L)', v, 'amount')), E'\n', 1) FROM unnest('{"1,200.50",1.200,.5,5.,+5,1e,-,.,12a,NaN,$5,1 000}'::text[]) v;
SELECT v, split_part(pg_temp.try(format('SELECT funnel.read_flag(%L, %L)', v, 'is_deleted')), E'\n', 1) FROM unnest('{TRUE,f,1,n,1.0,deleted}'::text[]) v;
CREATE TABLE flags (lead int, stage text, at timestamptz, is_deleted float8);
INSERT INTO flags VALUES (1, 'mql', '2024-01-01', 1), (2, 'mql', '2024-01-01', 0), (3, 'mql', '2024-01-01', NULL);
SELECT funnel.create_adapter('events', 'flagged', '"flags"');
SELECT lead, is_deleted FROM flagged ORDER BY lead;
CREATE TABLE wrong (lead int, stage text, at timestamptz, amount boolean);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"wrong"')$$);
SELECT v, funnel.read_ids(v, 'merged', true) AS numbers, funnel.read_ids(v, 'merged', false) AS texts
FROM unnest(ARRAY['12;13;', E'[12,\n 13]', '{12,13}', '["12"]', '12:1706695200000;13:1706695200001', '12.0;13.00', '[null]', ' ; ', '']) v;
SELECT pg_temp.try(format('SELECT funnel.read_ids(%L, %L, true)', v, 'merged')) FROM unnest('{n/a,12.5,-12,12:a}'::text[]) v;
SELECT funnel.read_ids('a-1:2, 006A:1706695200000, 1.0', 'merged', false);

-- Merged into 0 or nothing is not merged. Long chains end where they end; a circle stays apart. Of two claims one counts.
CREATE TABLE merged (lead int, stage text, valid_from date, valid_to date, merged_into int);
INSERT INTO merged VALUES (1, 'mql', '2024-01-01', NULL, 0), (2, 'mql', '2024-01-01', NULL, NULL), (3, 'mql', '2024-01-01', NULL, 2);
SELECT funnel.create_adapter('scd2', 'merges', '"merged"');
SELECT lead, record FROM merges ORDER BY record;
DROP VIEW merges;
ALTER TABLE merged ALTER lead TYPE text, ALTER merged_into TYPE text;
SELECT funnel.create_adapter('scd2', 'merges', '"merged"');
SELECT lead, record FROM merges ORDER BY record;
SELECT count(*), count(DISTINCT survivor), min(survivor) FROM (SELECT array_agg(i) AS a, array_agg(i + 1) AS b FROM generate_series(1, 20000) i) m, funnel.survivors(a, b);
SELECT * FROM funnel.survivors('{1,2,3,4,5,5,6}'::int[], '{2,1,1,9,4,8,5}'::int[]) ORDER BY merged;
SELECT count(*) FROM funnel.survivors('{}'::text[], '{}');

CREATE TABLE change (lead int, old_value text, new_value text, changed_at timestamptz);

-- Two stages that differ in case only are both known.
SELECT funnel.create_pipeline('misuse case', '{mql,MQL,won}');
INSERT INTO event VALUES (1, 'MQL', '2024-01-02'), (1, 'Mql', '2024-01-03');
SELECT funnel.create_adapter('events', 'twins', '"event"', 'misuse case');
SELECT stage, is_mapped FROM twins ORDER BY at;
SELECT label, events FROM funnel.unmapped('twins');
DELETE FROM event WHERE at > '2024-01-01';

-- Names of sources and of views that are none, and values that are no names.
SELECT pg_temp.try(format('SELECT funnel.create_adapter(%L, %L, %L)', 'events', 'x', s))
FROM unnest(ARRAY['"Lead History"', '""', '"a.b.c.d"', '{"events": ["event"]}', '{"events": 1}', '{"events": null}']) s;
SELECT pg_temp.try(format('SELECT funnel.create_adapter(%L, %L, %L)', 'events', v, '"event"')) FROM unnest(ARRAY['', 'a b', 'a.']) v;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"event"', columns => '[1]')$$);
SELECT pg_temp.try(format('SELECT funnel.create_adapter(%L, %L, %L, columns => %L)', 'field_history', 'x', '"change"', c))
FROM unnest(ARRAY['{"field": [null]}', '{"field": ["a", " "]}', '{"field": [["stage"]]}']) c;
SELECT pg_temp.try(format('SELECT funnel.create_adapter(%L, %L, %L, columns => %L)', 'stage_dates', 'x', '"dates"', c))
FROM unnest(ARRAY['{"stages": {"": "won"}}', '{"stages": {"won": 1}}', '{"stages": {}}', '{"stages": "won"}', '{"security_invoker": "yes"}']) c;

-- A view of temporary tables is temporary.
CREATE TEMP TABLE passing (lead int, stage text, at timestamptz);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'misuse.passing_stages', '"passing"')$$);
SELECT funnel.create_adapter('events', 'pg_temp.passing_stages', '"passing"');
-- A view cannot read itself, nor a view that does.
SELECT funnel.create_adapter('events', 'outer_stages', '"event"', 'misuse');
CREATE VIEW between_them AS SELECT lead, stage, at FROM outer_stages;
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'outer_stages', '"outer_stages"', 'misuse')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'outer_stages', '"between_them"', 'misuse')$$);
SELECT funnel.create_adapter('events', 'inner_stages', '"between_them"', 'misuse');
SELECT lead, stage FROM inner_stages;
-- Its comment tells that a view is an adapter: one that has lost it is left alone.
COMMENT ON VIEW inner_stages IS 'our deals';
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'inner_stages', '"event"')$$);
CREATE TABLE "My Touch" (lead int, channel text, at date);
SELECT funnel.create_adapter('events', '"My View"', '"\"My Touch\""');
SELECT pg_temp.try($$SELECT * FROM funnel.unmapped('"My View"')$$);

SET client_min_messages = warning;
DROP SCHEMA misuse, shared CASCADE;
DROP ROLE adapter_member, adapter_owner;
DELETE FROM funnel.pipeline WHERE name IN ('misuse', 'misuse case', U&'misuse \00E4');
