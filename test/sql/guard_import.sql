--
-- guard_import: histories of leads that were there before the guard, and notifications of changes
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE ROLE regress_funnel_owner;
CREATE ROLE regress_funnel_writer;
CREATE SCHEMA guard_import AUTHORIZATION regress_funnel_owner;
GRANT USAGE ON SCHEMA guard_import TO PUBLIC;
SET search_path = guard_import, public;
SELECT FROM funnel.create_pipeline('guard import', '{mql,sal,won}', '{lost}');
SET ROLE regress_funnel_owner;

--
-- backfill: the present stage of each lead, at the time that a column tells, or now
--
CREATE TABLE leads (id int PRIMARY KEY, stage text, changed timestamptz, agent text, why text, value numeric, campaign text);
INSERT INTO leads VALUES (1, 'mql', '2024-01-01', 'jo', 'form', 10, 'spring'), (2, 'sal', '2024-01-02', NULL, NULL, NULL, NULL), (3, NULL, '2024-01-03', NULL, NULL, NULL, NULL), (4, 'demo', '2024-01-04', 'al', '', 0, 'x');
-- without it nothing is on record, and the guard goes from what it finds
SELECT funnel.attach('leads', 'guard import');
SELECT count(*) FROM leads_history;
UPDATE leads SET stage = 'won' WHERE id = 1;
SET client_min_messages = notice;
SELECT funnel.attach('leads', 'guard import', at => 'changed', actor => 'agent', reason => 'why', amount => 'value', keep => '{campaign}', backfill => true);
SET client_min_messages = warning;
SELECT lead, from_stage, to_stage, at, changed_by, reason, amount, override, pipeline, version, campaign FROM leads_history ORDER BY lead;
-- Again: nothing new. After changes that the guard did not see, what is new: from what the history says to what is the case.
SELECT funnel.attach('leads', 'guard import', at => 'changed', backfill => true);
SELECT count(*) FROM leads_history;
ALTER TABLE leads DISABLE TRIGGER funnel_guard;
UPDATE leads SET stage = 'won', changed = '2024-02-01' WHERE id = 1;
UPDATE leads SET stage = 'won', changed = '2023-01-01' WHERE id = 2;    -- a time before what is on record
UPDATE leads SET stage = NULL WHERE id = 4;
INSERT INTO leads VALUES (5, 'mql', NULL);
ALTER TABLE leads ENABLE TRIGGER funnel_guard;
SELECT funnel.attach('leads', 'guard import', at => 'changed', backfill => true);
SELECT lead, from_stage, to_stage, CASE WHEN at < '2025-01-01' THEN at::text WHEN at <= clock_timestamp() THEN 'now' END AS at FROM leads_history ORDER BY lead, leads_history.at;
-- What is guarded from then on goes on from there.
UPDATE leads SET stage = 'sal', changed = NULL WHERE id = 5;
SELECT lead, from_stage, to_stage FROM leads_history WHERE lead = 5 ORDER BY at;
-- A time that is none is taken for not known.
CREATE TABLE timeless (id int PRIMARY KEY, stage text, changed timestamptz);
INSERT INTO timeless VALUES (1, 'mql', 'infinity'), (2, 'mql', '-infinity');
SELECT funnel.attach('timeless', 'guard import', at => 'changed', backfill => true);
UPDATE timeless SET stage = 'sal', changed = NULL;
SELECT lead, from_stage, to_stage, at BETWEEN now() - interval '1 hour' AND clock_timestamp() AS just_now FROM timeless_history ORDER BY lead, at;
-- All kinds of keys: what backfill writes is what the guard writes.
CREATE TYPE region AS ENUM ('eu', 'us');
CREATE FUNCTION backfilled(type text, key text, OUT lead text, OUT changes text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE guard_import.keyed (a %s, b int, stage text)', type);
    EXECUTE format('INSERT INTO guard_import.keyed VALUES (%L, 1, ''mql'')', key);
    PERFORM funnel.attach('guard_import.keyed', 'guard import', key => '{a,b}', backfill => true);
    EXECUTE 'UPDATE guard_import.keyed SET stage = ''sal''';
    PERFORM funnel.attach('guard_import.keyed', 'guard import', key => '{a,b}', backfill => true);
    RETURN QUERY EXECUTE 'SELECT lead, string_agg(concat_ws(''>'', from_stage, to_stage), '' '' ORDER BY at) FROM guard_import.keyed_history GROUP BY lead';
    DROP TABLE guard_import.keyed, guard_import.keyed_history;
END $$;
SELECT b.* FROM (VALUES ('text', 'a'), ('text', ''), ('text', 'a"b\c,(d) é'), ('text', E' \t\n'), ('char(5)', 'a'), ('varchar', 'a b'), ('int', '-1'), ('bigint', '9223372036854775807'), ('numeric', '1.500'), ('boolean', 'yes'),
    ('uuid', '6ecd8c99-4036-403d-bf84-cf8400f67836'), ('date', '2024-01-31'), ('timestamp', '2024-01-31 12:00'), ('interval', '1 day -02:00'), ('region', 'us'), ('inet', '10.0.0.0/8'), ('jsonb', '{"a": 1}'), ('name', 'x y')) v(type, key), backfilled(v.type, v.key) b;
-- ... whatever the session prints dates like
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SELECT b.* FROM (VALUES ('date', '2024-01-31'), ('timestamp', '2024-01-31 12:00'), ('interval', '1 day -02:00')) v(type, key), backfilled(v.type, v.key) b;
SET datestyle = 'ISO, YMD';
RESET intervalstyle;
-- A table with many leads, and partitions.
CREATE TABLE parts (id int, stage text) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT n, 'mql' FROM generate_series(1, 1000) n;
SELECT funnel.attach('parts', 'guard import', backfill => true);
UPDATE parts SET stage = 'sal';
SELECT from_stage, to_stage, count(*), count(DISTINCT lead) FROM parts_history GROUP BY 1, 2 ORDER BY 1 NULLS FIRST;
-- Only the owner, or who may become it; what is written belongs to the table's owner all the same.
RESET ROLE;
CREATE TABLE theirs (id int, stage text);
ALTER TABLE theirs OWNER TO regress_funnel_owner;
INSERT INTO theirs VALUES (1, 'mql');
SELECT funnel.attach('theirs', 'guard import', backfill => true);
SELECT current_user = session_user AS still_me, relowner::regrole AS owner, changed_by FROM pg_class, theirs_history WHERE oid = 'theirs_history'::regclass;
SET ROLE regress_funnel_writer;
SELECT funnel.attach('theirs', 'guard import', backfill => true);
SELECT funnel.import_history('theirs', 'leads_history', stage => 'to_stage');
SET ROLE regress_funnel_owner;

--
-- import_history: changes of before the guard, with their own times
--
CREATE TABLE crm (id int PRIMARY KEY, stage text, changed timestamptz);
SELECT funnel.attach('crm', 'guard import', at => 'changed');
INSERT INTO crm VALUES (1, 'mql', '2024-06-01'), (2, 'mql', '2024-06-01'), (4, 'mql', '2024-06-01');
CREATE TABLE log (lead int, stage text, at timestamptz, who text, note text, worth int);
INSERT INTO log VALUES
  -- in any order; a stage that repeats is no change; steps that the pipeline forbids have happened all the same
  (1, 'won', '2024-03-01', 'jo', 'signed', 5), (1, 'mql', '2024-01-01', 'web', NULL, NULL), (1, 'mql', '2024-01-15', 'web', NULL, NULL), (1, 'demo', '2024-02-01', NULL, NULL, 1),
  -- several at one time: in the order of the pipeline
  (2, 'won', '2024-01-01', NULL, NULL, NULL), (2, 'sal', '2024-01-01', NULL, NULL, NULL), (2, 'mql', '2024-01-01', NULL, NULL, NULL),
  -- a lead that is no longer there, and rows without a stage or a time, which are left out
  (3, 'lost', '2024-01-01', NULL, NULL, NULL), (3, NULL, '2024-01-02', NULL, NULL, NULL), (3, 'mql', NULL, NULL, NULL, NULL),
  -- just before the first that is on record
  (4, 'mql', '2024-05-31 23:59:59.999999', NULL, NULL, NULL);
SELECT funnel.import_history('crm', 'log', actor => 'who', reason => 'note', amount => 'worth');
SELECT lead, from_stage, to_stage, at, changed_by, reason, amount, pipeline, version FROM crm_history ORDER BY lead, at;
-- It is a history like any other.
SELECT s.lead, s.stage, s.entered_at, s.days FROM funnel.stays((SELECT funnel.cohort(lead, to_stage, at) FROM crm_history WHERE lead = 1), as_of => '2024-07-01') s;
UPDATE crm SET stage = 'sal', changed = '2024-06-02' WHERE id = 1;
SELECT from_stage, to_stage, at FROM crm_history WHERE lead = 1 ORDER BY at DESC LIMIT 2;
-- Nothing goes in among what is on record, or after it, or into the future: one such row, and nothing is imported.
SELECT count(*) FROM crm_history;
SELECT funnel.import_history('crm', 'log');
CREATE TABLE late (lead int, stage text, at timestamptz);
CREATE FUNCTION imported(lead text, stage text, at text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE guard_import.late;
    INSERT INTO guard_import.late VALUES (lead::int, stage, at::timestamptz);
    RETURN funnel.import_history('guard_import.crm', 'guard_import.late')::text || ' imported';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT v.*, imported(v.lead, v.stage, v.at) FROM (VALUES ('4', 'sal', '2024-06-01'), ('4', 'sal', '2024-05-31 23:59:59.999999'), ('4', 'mql', '2024-05-31'), ('4', 'mql', '2024-05-31'), ('9', 'mql', '-infinity'), ('9', 'mql', 'infinity'), (NULL, 'mql', '2024-01-01')) v(lead, stage, at);
SELECT count(*) FROM crm_history;
-- Other names of columns, and several for the key.
CREATE TABLE wide (region text, id int, stage text);
SELECT funnel.attach('wide', 'guard import', key => '{region,id}');
CREATE TABLE wide_log ("Region" text, no int, "New Stage" text, "When" timestamptz);
INSERT INTO wide_log VALUES ('eu, west', 1, 'mql', '2024-01-01'), ('eu, west', 1, 'sal', '2024-01-02');
SELECT funnel.import_history('wide', 'wide_log', lead => '{Region,no}', stage => 'New Stage', at => 'When');
INSERT INTO wide VALUES ('eu, west', 1, 'mql');
SELECT lead, key_region, key_id, from_stage, to_stage FROM wide_history ORDER BY at;
-- Columns of other types are converted, or cannot be.
CREATE TABLE text_log (lead text, stage text, at text, amount text);
INSERT INTO text_log VALUES ('901', 'mql', '2024-01-01 10:00+00', NULL);
SELECT funnel.import_history('crm', 'text_log');
UPDATE text_log SET lead = 'nine';
SELECT funnel.import_history('crm', 'text_log');
UPDATE text_log SET lead = '902', at = 'yesterday, or so';
SELECT funnel.import_history('crm', 'text_log');
CREATE VIEW wide_view AS SELECT 'eu' AS region, '7' AS id, lower('MQL') AS stage, date '2024-01-01' AS at;
SELECT funnel.import_history('wide', 'wide_view', lead => '{region,id}');
SELECT lead, to_stage, at FROM crm_history WHERE lead > 900 UNION ALL SELECT key_id, to_stage, at FROM wide_history WHERE key_id > 1;
-- What is asked for that is not there.
SELECT funnel.import_history(NULL, 'log');
SELECT funnel.import_history('crm', 'log', stage => NULL);
SELECT funnel.import_history('wide', 'wide_log', lead => 'no', stage => 'New Stage', at => 'When');
SELECT funnel.import_history('wide', 'wide_log', lead => '{Region,no}', at => 'When');
SELECT funnel.import_history('wide', 'wide_log', lead => '{Region,nothing}', stage => 'New Stage', at => 'When');
SELECT funnel.import_history('wide', 'wide_log', lead => '{Region,no}', stage => 'New Stage', at => 'When', amount => 'worth');
SELECT funnel.import_history('log', 'log');
SELECT count(*) FROM wide_history;

--
-- NOTIFY: off unless asked for; a channel that the application listens to, and a text in JSON that always fits
--
CREATE TABLE told (id text PRIMARY KEY, stage text, changed timestamptz DEFAULT '2024-01-01', agent text);
SELECT funnel.attach('told', 'guard import', at => 'changed', actor => 'agent', notify => 'stage changes');
LISTEN "stage changes";
LISTEN funnel;
\o |sed 's/ received from .*//'
INSERT INTO told VALUES ('A-1', 'mql');
UPDATE told SET stage = 'won' WHERE id = 'A-1';
UPDATE told SET stage = 'sal', agent = E'"jo" \\ \u00e9 \n' WHERE id = 'A-1';
UPDATE told SET agent = NULL WHERE id = 'A-1';
BEGIN;
UPDATE told SET stage = 'lost' WHERE id = 'A-1';
ROLLBACK;
BEGIN;
INSERT INTO told VALUES ('A-2', 'mql');
UPDATE told SET stage = 'lost' WHERE id = 'A-2';
COMMIT;
\o
-- Texts that would not fit are cut: keys, names of stages, whoever did it.
RESET ROLE;
SELECT FROM funnel.create_pipeline('guard import long', ARRAY['mql', repeat('long ', 2000)]);
SET ROLE regress_funnel_owner;
SELECT funnel.attach('told', 'guard import long', at => 'changed', actor => 'agent', notify => 'stage changes');
\o |LC_ALL=C sed -e 's/ received from .*//' -e 's/.*payload "\(.*\)"$/\1/' | LC_ALL=C awk '{ print (length($0) < 8000 ? "fits" : "too long") ": " substr($0, 1, 46) "..." }'
INSERT INTO told (id, stage) VALUES (repeat('k', 2000), 'mql');
UPDATE told SET stage = repeat('long ', 2000) WHERE id = repeat('k', 2000);
INSERT INTO told (id, stage, agent) VALUES (repeat(E'\x01', 2000), 'mql', repeat(E'\\"', 3000));
UPDATE told SET stage = repeat('long ', 2000), agent = repeat(E'\x02', 5000) WHERE id = repeat(E'\x01', 2000);
INSERT INTO told (id, stage, agent) VALUES (repeat('é', 1000), 'mql', repeat('€', 3000));
\o
UNLISTEN *;
-- A channel that there cannot be.
SELECT funnel.attach('told', 'guard import', notify => '');
SELECT funnel.attach('told', 'guard import', notify => repeat('x', 64));
SELECT length(notify) FROM funnel.attached WHERE table_schema = 'guard_import' AND table_name = 'told';

RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA guard_import CASCADE;
DELETE FROM funnel.pipeline WHERE name LIKE 'guard import%';
DROP ROLE regress_funnel_owner, regress_funnel_writer;
