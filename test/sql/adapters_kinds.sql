--
-- Adapters: versions, first values, deletion and duplicates, where sources leave something open
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE SCHEMA adapters_kinds;
SET search_path = adapters_kinds, public;
SELECT funnel.create_pipeline('adapters_kinds', '{new,mql,sql,won}', exits => '{lost}', allow_skips => true);

-- field_history without a column for the field: every row is of the field, which names the column of today's value, too.
CREATE TABLE change (lead int, old_value text, new_value text, changed_at timestamptz);
INSERT INTO change VALUES (1, 'new', 'mql', '2024-01-05'), (1, 'mql', 'won', '2024-01-09');
CREATE TABLE person (id int, created_at timestamptz, pipeline_stage text);
INSERT INTO person VALUES (1, '2024-01-01', 'won'), (2, '2024-01-02', 'sql');
SELECT funnel.create_adapter('field_history', 'one_field', '{"history": "change", "record": "person"}', 'adapters_kinds', '{"field": "pipeline_stage"}');
SELECT lead, stage, at FROM one_field ORDER BY lead, at;
-- The option names a field, not the column that names fields.
CREATE TABLE mixed (lead int, prop text, old_value text, new_value text, changed_at timestamptz);
INSERT INTO mixed VALUES (1, 'stage', 'new', 'mql', '2024-01-05'), (1, 'owner', 'ann', 'ben', '2024-01-06');
\set SHOW_CONTEXT never
SELECT funnel.create_adapter('field_history', 'one_of_many', '"mixed"', 'adapters_kinds', '{"field": "prop"}');
SELECT funnel.create_adapter('field_history', 'one_of_many', '"mixed"', 'adapters_kinds', '{"field": "stage", "history.field": "prop"}');
SELECT lead, stage, at FROM one_of_many;

-- What a lead began with, of changes of one time: the value that none of them made, however the rows lie. Lead 3 went in a
-- circle, where the order of changes tells: 9 comes before 10.
CREATE TABLE tied (lead int, id text, old_value text, new_value text, changed_at timestamptz, created_at timestamptz DEFAULT '2024-01-01');
INSERT INTO tied VALUES
  (1, '3', 'new', 'mql', '2024-01-05'), (1, '2', 'mql', 'sql', '2024-01-05'), (1, '1', 'sql', 'won', '2024-01-05'), (1, '0', 'won', 'new', '2024-01-06'),
  (2, '7', NULL, 'mql', '2024-01-05'), (2, '6', 'new', NULL, '2024-01-05'),
  (3, '9', 'new', 'mql', '2024-01-05'), (3, '11', 'new', 'mql', '2024-01-05'), (3, '10', 'mql', 'new', '2024-01-05'),
  (NULL, '8', 'new', 'mql', '2024-01-05');
SELECT funnel.create_adapter('field_history', 'first_values', '"tied"', 'adapters_kinds');
SELECT lead, stage FROM first_values WHERE at < '2024-01-05' ORDER BY lead;
CREATE TABLE turned AS SELECT * FROM tied ORDER BY id COLLATE "C", lead DESC;
SELECT funnel.create_adapter('field_history', 'first_turned', '"turned"', 'adapters_kinds');
SELECT count(*) AS differ FROM ((TABLE first_values EXCEPT ALL TABLE first_turned) UNION ALL (TABLE first_turned EXCEPT ALL TABLE first_values)) x;

-- scd2 of days, whose ends are last days: 1 left on the 9th, 2 after one day, 3 is still there.
CREATE TABLE by_day (lead int, stage text, valid_from date, valid_to date);
INSERT INTO by_day VALUES (1, 'new', '2024-01-01', '2024-01-04'), (1, 'mql', '2024-01-05', '2024-01-08'),
  (2, 'new', '2024-01-03', '2024-01-03'), (3, 'new', '2024-01-04', '2024-01-06'), (3, 'won', '2024-01-07', NULL);
SELECT funnel.create_adapter('scd2', 'days', '"by_day"', 'adapters_kinds', '{"ended": "lost"}');
SELECT lead, stage, at FROM days ORDER BY lead, at;
-- ... whose ends are the first days of what follows: 1 left on the 8th
UPDATE by_day SET valid_to = valid_to + 1 WHERE (lead, stage) IN ((1, 'new'), (3, 'new'));
SELECT lead, stage, at FROM days WHERE stage = 'lost' ORDER BY lead;

-- A version of one day where that day has no midnight: clocks went from 23:59 to 01:00 on 2018-11-04 in Brazil, and on
-- 2022-03-27 in Lebanon.
CREATE TABLE no_midnight (lead int, stage text, valid_from date, valid_to text);
INSERT INTO no_midnight VALUES
  (1, 'new', '2018-11-01', '2018-11-03'), (1, 'mql', '2018-11-04', '2018-11-04'), (1, 'sql', '2018-11-05', '2018-11-05'),
  (2, 'new', '2022-03-25', '2022-03-26'), (2, 'mql', '2022-03-27', '2022-03-27');
SELECT funnel.create_adapter('scd2', 'brazil', '"no_midnight"', 'adapters_kinds', '{"ended": "lost"}', 'America/Sao_Paulo');
SELECT stage, at AT TIME ZONE 'America/Sao_Paulo' AS "there" FROM brazil WHERE lead = 1 ORDER BY at;
SELECT funnel.create_adapter('scd2', 'lebanon', '"no_midnight"', 'adapters_kinds', '{"ended": "lost"}', 'Asia/Beirut');
SELECT stage, at AT TIME ZONE 'Asia/Beirut' AS "there" FROM lebanon WHERE lead = 2 ORDER BY at;

-- Versions that end: 1 became 2, which goes on; the last version of 3 is the one in force, not what ended as it began, nor,
-- of two that began together, the one that ended first. A version that began nobody knows when is a row all the same.
CREATE TABLE version (lead int, stage text, valid_from timestamptz, valid_to timestamptz, merged_into int);
INSERT INTO version VALUES
  (1, 'mql', '2024-01-01 10:00', '2024-01-10 10:00', 2), (2, 'mql', '2024-01-05 10:00', NULL, NULL),
  (3, 'new', '2024-01-01 10:00', '2024-01-05 10:00', NULL), (3, 'won', '2024-01-05 10:00', '2024-03-05 10:00', NULL),
  (3, 'sql', '2024-01-05 10:00', '2024-01-05 10:00', NULL), (3, 'mql', '2024-01-05 10:00', '2024-02-05 10:00', NULL),
  (4, 'new', NULL, '2024-01-05 10:00', NULL);
SELECT funnel.create_adapter('scd2', 'versions', '"version"', 'adapters_kinds', '{"ended": "lost"}');
SELECT lead, stage, at FROM versions ORDER BY lead, at, stage;

-- A merged lead is deleted if what it has become is: 1 became 2, which is deleted; 3 became 4, which is not.
CREATE TABLE merged (id int, created_at timestamptz DEFAULT '2024-01-01', stage text DEFAULT 'new', merged_into int, is_deleted boolean);
INSERT INTO merged (id, merged_into, is_deleted) VALUES (1, 2, true), (2, NULL, true), (3, 4, true), (4, NULL, false), (5, NULL, true);
CREATE TABLE merged_change (lead int, old_value text, new_value text, changed_at timestamptz);
INSERT INTO merged_change SELECT id, 'new', 'mql', '2024-01-05' FROM merged;
SELECT funnel.create_adapter('field_history', 'merged_records', '{"history": "merged_change", "record": "merged"}', 'adapters_kinds');
SELECT lead, record, bool_and(is_deleted) AS is_deleted FROM merged_records GROUP BY lead, record ORDER BY record;
SELECT funnel.create_adapter('stage_dates', 'merged_dates', '"merged"', 'adapters_kinds', '{"stages": {"new": "created_at"}}');
SELECT lead, record, is_deleted FROM merged_dates ORDER BY record;
-- Of versions the last one tells, of each record that a lead has: lead 3 was restored, and one of the two deals of lead 4 is deleted.
CREATE TABLE versions_of_deals (lead int, ref text, stage text, valid_from timestamptz, valid_to timestamptz, merged_into int, is_deleted boolean);
INSERT INTO versions_of_deals VALUES
  (1, 'a', 'new', '2024-01-01 10:00', '2024-01-02 10:00', NULL, false), (1, 'a', 'new', '2024-01-02 10:00', NULL, 2, true),
  (2, 'b', 'new', '2024-01-01 10:00', '2024-01-03 10:00', NULL, false), (2, 'b', 'mql', '2024-01-03 10:00', NULL, NULL, true),
  (3, 'c', 'new', '2024-01-01 10:00', '2024-01-02 10:00', NULL, true), (3, 'c', 'mql', '2024-01-02 10:00', NULL, NULL, false),
  (4, 'd', 'new', '2024-01-01 10:00', NULL, NULL, true), (4, 'e', 'new', '2024-01-01 10:00', NULL, NULL, false), (5, 'f', 'new', '2024-01-02 10:00', NULL, 4, true);
SELECT funnel.create_adapter('scd2', 'merged_versions', '"versions_of_deals"', 'adapters_kinds');
SELECT lead, ref, stage, is_deleted FROM merged_versions ORDER BY ref, at;
SELECT funnel.create_adapter('snapshots', 'merged_days', '"versions_of_deals"', 'adapters_kinds', '{"day": "valid_from", "deleted": "omit"}');
SELECT lead, ref, stage FROM merged_days ORDER BY ref, at;

-- A sync that adds rows has several of one record: the last that was modified counts, once.
CREATE TABLE added (id int, created_at timestamptz, stage text, amount numeric, is_deleted boolean, updated_at timestamptz);
INSERT INTO added VALUES (1, '2024-01-01', 'won', 30, false, '2024-01-10'), (1, '2024-01-01', 'mql', 20, true, '2024-01-05'), (1, '2024-01-01', 'new', 10, false, '2024-01-01'),
  (2, '2024-01-02', 'new', 5, false, '2024-01-02'), (2, '2024-01-02', 'mql', 6, true, '2024-01-03');
SELECT funnel.create_adapter('field_history', 'once', '{"history": "change", "record": "added"}', 'adapters_kinds');
SELECT lead, stage, at, amount, is_deleted FROM once ORDER BY lead, at;
-- Without such a time any of them, but one, and always the same.
ALTER TABLE added DROP COLUMN updated_at CASCADE;
SELECT funnel.create_adapter('field_history', 'once', '{"history": "change", "record": "added"}', 'adapters_kinds');
SELECT count(*) FROM once;
CREATE TABLE added_turned AS SELECT * FROM added ORDER BY amount DESC, id;
SELECT funnel.create_adapter('field_history', 'once_turned', '{"history": "change", "record": "added_turned"}', 'adapters_kinds');
SELECT count(*) AS differ FROM ((TABLE once EXCEPT ALL TABLE once_turned) UNION ALL (TABLE once_turned EXCEPT ALL TABLE once)) x;

-- Of merged records the amount of today is that of what they have become: 1 and 4 became 2.
-- Amounts of the history stay what they were.
CREATE TABLE worth (id int, created_at timestamptz DEFAULT '2024-01-01', stage text DEFAULT 'new', amount numeric, merged_into int);
INSERT INTO worth (id, amount, merged_into) VALUES (1, 100, 2), (2, 250, NULL), (4, 7, 2);
CREATE TABLE worth_change (lead int, old_value text, new_value text, changed_at timestamptz, amount numeric);
INSERT INTO worth_change VALUES (1, 'new', 'won', '2024-03-01', NULL), (2, 'new', 'won', '2024-02-01', 200);
SELECT funnel.create_adapter('field_history', 'worth_today', '{"history": "worth_change", "record": "worth"}', 'adapters_kinds');
SELECT record, lead, stage, amount FROM worth_today ORDER BY record, at;

-- Rows that repeat a stage are not events where a lead has several records: 1 became 2, and 3 has two deals, one of which moves on and
-- one of which grows. A row without a time says nothing of those that have one.
CREATE TABLE daily (lead int, ref text, stage text, day date, amount numeric, merged_into int);
INSERT INTO daily SELECT 1, 'a', 'mql', d, NULL, CASE WHEN d = '2024-01-04' THEN 2 END FROM generate_series('2024-01-01', '2024-01-04', interval '1 day') AS d;
INSERT INTO daily SELECT 2, 'b', 'new', d FROM generate_series('2024-01-01', '2024-01-04', interval '1 day') AS d;
INSERT INTO daily SELECT 3, 'c', CASE WHEN d < '2024-01-03' THEN 'new' ELSE 'mql' END, d, 5 FROM generate_series('2024-01-01', '2024-01-04', interval '1 day') AS d;
INSERT INTO daily SELECT 3, 'd', 'sql', d, CASE WHEN d < '2024-01-04' THEN 6 ELSE 7 END FROM generate_series('2024-01-02', '2024-01-04', interval '1 day') AS d;
INSERT INTO daily VALUES (4, 'e', NULL, NULL), (4, 'e', NULL, '2024-01-01'), (4, 'e', NULL, '2024-01-02');
SELECT funnel.create_adapter('snapshots', 'dailies', '"daily"', 'adapters_kinds');
SELECT lead, ref, stage, at, amount FROM dailies ORDER BY lead, at, stage;
SELECT from_stage, to_stage, transitions FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM dailies WHERE lead = 2) s, funnel.transitions(c);
CREATE TABLE daily_versions AS SELECT *, day AS valid_from, day + 1 AS valid_to FROM daily;
SELECT funnel.create_adapter('scd2', 'daily_stages', '"daily_versions"', 'adapters_kinds', '{"ended": "lost"}');
SELECT lead, ref, stage, at, amount FROM daily_stages WHERE lead = 3 ORDER BY lead, at, stage, ref;

-- A version that nobody knows the beginning of was before all others: lead 1 was deleted then, and restored.
CREATE TABLE ever (lead int, stage text, valid_from date, valid_to date, is_deleted boolean);
INSERT INTO ever VALUES (1, 'new', NULL, '2024-01-01', true), (1, 'won', '2024-01-01', NULL, false), (2, 'new', NULL, '2024-01-01', false), (2, 'won', '2024-01-01', NULL, true);
SELECT funnel.create_adapter('scd2', 'restored', '"ever"', 'adapters_kinds', '{"deleted": "omit"}');
SELECT lead, stage FROM restored ORDER BY at;
CREATE TABLE ever_changed (lead int, old_value text, new_value text, changed_at date, is_deleted boolean);
INSERT INTO ever_changed SELECT lead, NULL, stage, valid_from, is_deleted FROM ever;
SELECT funnel.create_adapter('field_history', 'restored_change', '"ever_changed"', 'adapters_kinds', '{"deleted": "omit"}');
SELECT lead, stage FROM restored_change ORDER BY at;

-- Many changes of one record on one day.
CREATE TABLE busy (lead int, old_value text, new_value text, changed_at date, created_at date DEFAULT '2024-01-01');
INSERT INTO busy SELECT 1, 'v' || i, 'v' || i + 1, '2024-01-02' FROM generate_series(1, 40000) AS i;
SELECT funnel.create_adapter('field_history', 'busy_day', '"busy"');
SET statement_timeout = '15s';
SELECT count(*), min(stage) FILTER (WHERE at < '2024-01-02') AS began_as FROM busy_day;
RESET statement_timeout;

-- Snapshots of one time: the cohort says which stage is the last of the day, so the next day's is no repetition.
CREATE TABLE twice_a_day (lead int, stage text, day date, ref text);
INSERT INTO twice_a_day VALUES (6, 'sql', '2024-01-02', 'r'), (6, 'opportunity', '2024-01-02', 'r'), (6, 'sql', '2024-01-03', 'r'), (6, 'sql', '2024-01-04', 'r');
SELECT funnel.create_adapter('snapshots', 'twice', '"twice_a_day"');
SELECT at::date, stage FROM twice ORDER BY at, stage;

-- JSON by language, and labels that only look like it.
CREATE TABLE told (lead int, stage text, at date);
INSERT INTO told VALUES (1, '{"en_US": "New", "de_DE": "Neu"}', '2024-01-01'), (2, '{"en_US":"Old"}', '2024-01-01'), (3, '{"en_US": null, "de_DE": "Neu"}', '2024-01-01'), (4, '{"a": "b" or "c": "d"}', '2024-01-01'),
  (5, '{"a": "\u"}', '2024-01-01'), (6, '{x}', '2024-01-01');
SELECT funnel.create_adapter('events', 'told_stages', '"told"');
SELECT lead, stage FROM told_stages ORDER BY lead;

-- When a record was modified is asked only of a column that can say so.
CREATE TABLE property (object_id int, name text, value text, "timestamp" timestamptz);
CREATE TABLE deal (id int, amount numeric, updated_at int);
CREATE TABLE merged_deal (id int, deal_id int, merged_deal_id int);
INSERT INTO property VALUES (10, 'dealstage', 'won', '2024-01-02'), (20, 'dealstage', 'new', '2024-01-01');
INSERT INTO deal VALUES (10, 500, 7), (20, 9, 8);
INSERT INTO merged_deal VALUES (1, 10, 20);
SELECT funnel.create_adapter('hubspot_property_history', 'properties', '{"history": "property", "record": "deal", "merged": "merged_deal"}', columns => '{"field": "dealstage"}');
-- A number of its own is no key of the merges.
SELECT lead, stage, amount FROM properties ORDER BY at;

SET client_min_messages = warning;
DROP SCHEMA adapters_kinds CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'adapters_kinds';
