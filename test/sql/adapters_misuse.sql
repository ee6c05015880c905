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

-- Tools that have no integer for what is missing write 12 as 12.0. Beside numbers, and of vendors who number what they have,
-- keys in text are read as numbers; of lists the numbers, whatever stands between them.
CREATE TABLE float_change (lead text, old_value text, new_value text, changed_at text, ref float8);
CREATE TABLE float_person (id bigint, created_at text, stage text, merged_into float8);
INSERT INTO float_change VALUES ('12.0', 'lead', 'mql', '2024-01-05', 3), (' 13', 'lead', 'won', '2024-01-06', 0.1);
INSERT INTO float_person VALUES (12, '2024-01-01', 'mql', 14), (13, '2024-01-02', 'won', NULL), (14, '2024-01-03', 'lead', NULL);
SELECT funnel.create_adapter('field_history', 'floats', '{"history": "float_change", "record": "float_person"}', 'misuse');
SELECT lead, stage, at, ref, record FROM floats ORDER BY at;
-- ... the same in every session
SET extra_float_digits = -15;
SELECT DISTINCT ref FROM floats WHERE ref IS NOT NULL ORDER BY ref;
RESET extra_float_digits;
SELECT v, funnel.read_key(v) FROM unnest('{12,12.0,12.000," 12 ",12.5,1.2.0,v1.0,.0,0.0,-12.0,12.," ",""}'::text[]) v;
SELECT v, funnel.read_key(v) FROM unnest('{12,-0,9007199254740991,1e18,1e300,0.1,NaN,-Infinity}'::float8[]) v;
CREATE TABLE tracking (id text, mail_message_id text, field text, old_value_integer text, new_value_integer text, old_value_char text, new_value_char text);
CREATE TABLE message (id text, model text, res_id text, date text);
CREATE TABLE crm_stage (id text, name text);
CREATE TABLE crm_lead (id text, create_date text, stage_id text);
INSERT INTO message VALUES ('1', 'crm.lead', '7.0', '2024-01-02'), ('2', 'crm.lead', '7.0', '2024-01-03');
INSERT INTO tracking VALUES ('1', '1', 'stage_id', '1.0', '2.0', 'Neu', 'Qualifiziert'), ('2', '2', 'active', '1.0', '0.0', NULL, NULL);
INSERT INTO crm_stage VALUES ('1', '{"en_US": "lead", "de_DE": "Neu"}'), ('2', '{"en_US": "mql", "de_DE": "Qualifiziert"}');
INSERT INTO crm_lead VALUES ('7', '2024-01-01', '2.0');
SELECT funnel.create_adapter('odoo_tracking', 'odoo', '{"tracking": "tracking", "message": "message", "stage": "crm_stage", "lead": "crm_lead"}', 'misuse');
SELECT lead, stage, at FROM odoo ORDER BY at;
CREATE TABLE activity (id text, lead_id text, activity_date text, activity_type_id text, primary_attribute_value text, old_value text, new_value text);
CREATE TABLE merge (lead_id text, merge_ids text);
INSERT INTO activity VALUES ('1', '5.0', '2024-01-02', '13.0', 'Status', 'lead', 'mql'), ('2', '6', '2024-01-03', '13', 'Status', 'lead', 'won'),
  ('3', '6', '2024-01-04', '12', 'Status', 'lead', 'lost');
INSERT INTO merge VALUES ('6.0', '[''5'']');
SELECT funnel.create_adapter('marketo_change_data', 'marketo', '{"activity": "activity", "merge": "merge"}', 'misuse', '{"field": "Status"}');
SELECT lead, stage, record FROM marketo ORDER BY at;
-- A label in braces is one, unless it is JSON by language.
INSERT INTO event VALUES (3, '{x}', '2024-01-01'), (3, '{"x"}', '2024-01-02'), (3, '{"en_US": "won"}', '2024-01-03');
SELECT funnel.create_adapter('events', 'braces', '"event"', 'misuse');
SELECT stage FROM braces WHERE lead = 3 ORDER BY at;
DELETE FROM event WHERE lead = 3;
-- A list of merged records can have a number that a column of integers has not.
CREATE TABLE deal_stage (deal_id int, value text, date_entered timestamptz);
CREATE TABLE deal (deal_id int, merged_ids text);
CREATE TABLE deal_stages (stage_id text, label text);
INSERT INTO deal_stage VALUES (1, 'mql', '2024-01-01'), (2, 'won', '2024-01-02');
INSERT INTO deal VALUES (1, '2;30000000000');
SELECT funnel.create_adapter('hubspot_deal_stage', 'deals', '{"deal_stage": "deal_stage", "stage": "deal_stages", "deal": "deal"}', 'misuse', '{"deal.merged_ids": "merged_ids"}');
SELECT lead, stage, record FROM deals ORDER BY at;
UPDATE deal SET merged_ids = '9223372036854775807;9223372036854775808';
SELECT pg_temp.try('SELECT count(lead) FROM deals');

-- Keys. Without being told, the key of a record is not the first column that could be one.
CREATE TABLE opp_change (record_id int, old_value text, new_value text, changed_at date);
CREATE TABLE opp (id int, lead_id int, created_at date, stage text);
INSERT INTO opp_change VALUES (7, 'lead', 'mql', '2024-01-05');
INSERT INTO opp VALUES (7, 1, '2024-01-01', 'mql'), (1, 7, '2023-01-01', 'won');
SELECT funnel.create_adapter('field_history', 'opp_stages', '{"history": "opp_change", "record": "opp"}', 'misuse');
SELECT lead, stage, at FROM opp_stages ORDER BY at;
-- ... it is named as that of the history is, if a column is
ALTER TABLE opp_change RENAME record_id TO lead_id;
SELECT funnel.create_adapter('field_history', 'opp_stages', '{"history": "opp_change", "record": "opp"}', 'misuse');
SELECT lead, stage, at FROM opp_stages ORDER BY at;
CREATE TABLE contact_history (contact_id bigint, name text, value text, timestamp timestamptz);
CREATE TABLE contact (id bigint, company_id bigint, is_deleted boolean);
INSERT INTO contact_history VALUES (1, 'lifecyclestage', 'mql', '2024-01-01'), (2, 'lifecyclestage', 'won', '2024-01-02');
INSERT INTO contact VALUES (1, 2, true), (2, 3, false);
SELECT funnel.create_adapter('hubspot_property_history', 'contacts', '{"history": "contact_history", "record": "contact"}', 'misuse');
SELECT lead, stage, is_deleted FROM contacts ORDER BY lead;
-- The day on which a lead became one is no key, also in text, if there is another column for it.
CREATE TABLE text_days (id text, lead text, mql text);
INSERT INTO text_days VALUES ('a', '2024-01-01', '2024-01-02'), ('b', '2024-01-01', '');
SELECT funnel.create_adapter('stage_dates', 'text_day_stages', '"text_days"', 'misuse');
SELECT lead, stage, at FROM text_day_stages ORDER BY lead, at;
-- ... and a column of times that is named so goes before it
CREATE TABLE text_keys (id text, lead text, lead_at text);
INSERT INTO text_keys VALUES ('a', 'Q1', '2024-01-01');
SELECT funnel.create_adapter('stage_dates', 'text_day_stages', '"text_keys"', 'misuse');
SELECT lead, stage, at FROM text_day_stages;

-- What was modified last, as times: 9:05 was before 10:00, and a second before its half.
CREATE TABLE modified (id int, created_at date, stage text, updated_at text);
INSERT INTO modified VALUES (1, '2024-01-01', 'mql', '2024-01-07 9:05:00'), (1, '2024-01-01', 'won', '2024-01-07 10:00:00Z'),
  (2, '2024-01-01', 'mql', '2024-01-07T10:00:00Z'), (2, '2024-01-01', 'won', '2024-01-07T10:00:00.5Z');
SELECT funnel.create_adapter('field_history', 'last_modified', '{"history": "change", "record": "modified"}', 'misuse', '{"record.stage": "stage"}');
SELECT lead, stage FROM last_modified ORDER BY lead;

-- The ref of an event is the caller's, also where it looks like the lead.
CREATE TABLE refs (lead int, stage text, day date, ref int, merged_into int);
INSERT INTO refs VALUES (12, 'mql', '2024-01-01', 12, 99);
SELECT funnel.create_adapter('snapshots', 'ref_days', '"refs"', 'misuse');
SELECT lead, ref, record FROM ref_days;
SELECT funnel.create_adapter('snapshots', 'ref_days', '"refs"', 'misuse', '{"ref": "lead"}');
SELECT lead, ref, record FROM ref_days;
-- What every session writes in its own way is no text.
SELECT pg_temp.try($$SELECT funnel.create_adapter('snapshots', 'x', '"refs"', 'misuse', '{"ref": "day"}')$$);
SELECT pg_temp.try($$SELECT funnel.create_adapter('snapshots', 'x', '"refs"', 'misuse', '{"stage": "day"}')$$);

-- An alias of another spelling says nothing of stages that differ in case only. Spellings of a label are one, and so is their alias.
INSERT INTO event VALUES (5, 'mql', '2024-01-02'), (5, 'MQL', '2024-01-03'), (5, 'Mql', '2024-01-04'), (5, 'mQl', '2024-01-05'), (5, ' mQl ', '2024-01-06');
SELECT label, events, leads, first_at, last_at FROM funnel.unmapped('twins');
INSERT INTO funnel.stage_alias (pipeline, alias, stage) SELECT 'misuse case', label, 'mql' FROM funnel.unmapped('twins');
SELECT label, stage, is_mapped FROM twins WHERE lead = 5 ORDER BY at;
CREATE TABLE spellings (lead int, stage text, at date);
INSERT INTO spellings VALUES (1, 'Closed Lost', '2024-01-01'), (2, 'CLOSED LOST', '2024-01-02'), (3, 'closed lost', '2024-01-03'), (4, 'CLOSED LOST', '2024-01-04');
SELECT funnel.create_adapter('events', 'spelt', '"spellings"', 'misuse');
INSERT INTO funnel.stage_alias (pipeline, alias, stage) SELECT 'misuse', label, suggestion FROM funnel.unmapped('spelt') RETURNING alias, stage;
SELECT stage, count(*) FROM spelt GROUP BY stage;

-- One column said twice; a table that bears the comment of an adapter; nothing.
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'x', '"number"', columns => '{"at": "exact", "AT": "rough"}')$$);
SELECT funnel.create_adapter('events', 'numbers', '"number"', columns => '{"events.at": "rough", "at": "exact"}');
SELECT at FROM numbers;
CREATE TABLE taken (n int);
COMMENT ON TABLE taken IS 'adapter of funnel: events, version 0';
SELECT pg_temp.try($$SELECT funnel.create_adapter('events', 'taken', '"event"')$$);
SELECT pg_temp.try('SELECT * FROM funnel.unmapped(NULL)');

SET client_min_messages = warning;
DROP SCHEMA misuse, shared CASCADE;
DROP ROLE adapter_member, adapter_owner;
DELETE FROM funnel.pipeline WHERE name IN ('misuse', 'misuse case', U&'misuse \00E4');
DELETE FROM funnel.stage_alias WHERE pipeline IN ('misuse', 'misuse case');
