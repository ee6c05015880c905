--
-- guard_history: what the history beside a guarded table says, who writes it, and what its owner may do with it
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
SET jit = off;    -- many small statements
\set SHOW_CONTEXT never
\pset null '-'
CREATE ROLE regress_funnel_owner;
CREATE ROLE regress_funnel_writer;
CREATE ROLE regress_funnel_reader;
CREATE SCHEMA guard_history AUTHORIZATION regress_funnel_owner;
GRANT USAGE ON SCHEMA guard_history TO PUBLIC;
SET search_path = guard_history, public;
CREATE FUNCTION refused(query text) RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE query; RETURN 'passed'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM; END $$;
SELECT FROM funnel.create_pipeline('guard history', '{mql,sal,won}', '{lost}');
SET ROLE regress_funnel_owner;

--
-- The table
--
CREATE TABLE plain (id bigint PRIMARY KEY, stage text);
SELECT funnel.attach('plain', 'guard history');
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull FROM pg_attribute WHERE attrelid = 'plain_history'::regclass AND attnum > 0 ORDER BY attnum;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'plain_history'::regclass AND contype = 'p';
SELECT relowner::regrole, obj_description(oid, 'pg_class') FROM pg_class WHERE oid = 'plain_history'::regclass;
-- With everything: columns that supply what is recorded, and columns that are copied as they are.
CREATE TABLE leads (id int PRIMARY KEY, stage text, changed timestamptz, agent text, why text, value numeric(10,2), campaign varchar(20), tags text[]);
SELECT funnel.attach('leads', 'guard history', at => 'changed', actor => 'agent', reason => 'why', amount => 'value', keep => '{campaign,tags}');
SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'leads_history'::regclass AND attnum > 5 AND NOT attname IN ('override', 'override_by', 'pipeline', 'version') ORDER BY attnum;
INSERT INTO leads VALUES (1, 'mql', '2024-01-01 10:00+00', 'web form', 'white paper', 100, 'spring', '{a,b}');
UPDATE leads SET stage = 'sal', changed = '2024-01-02 10:00+01', agent = 'jo', why = NULL, value = 120.5 WHERE id = 1;
-- A change of anything else is none of the history's business.
UPDATE leads SET campaign = 'summer', value = 7, changed = '2024-02-01';
UPDATE leads SET stage = 'won' WHERE id = 1;
DELETE FROM leads WHERE id = 1;
SELECT lead, from_stage, to_stage, CASE WHEN to_stage IS NULL THEN 'by the clock' ELSE at::text END AS at, changed_by, reason, amount, campaign, tags FROM leads_history ORDER BY leads_history.at;
SELECT DISTINCT override, override_by, pipeline, version FROM leads_history;
-- The version is the one by which it was judged.
RESET ROLE;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('guard history', 'lost', 'mql');
SET ROLE regress_funnel_owner;
INSERT INTO leads (id, stage, changed) VALUES (2, 'mql', '2024-01-01');
SELECT version FROM leads_history WHERE lead = 2;
-- It is what funnel.cohort takes, as it is; a deletion is no stage.
SELECT s.* FROM funnel.stays((SELECT funnel.cohort(lead, to_stage, at, amount) FROM leads_history WHERE lead = 1), as_of => '2024-03-01') s;

--
-- Times: those of the column, or the clock's where it is NULL; always later than what is on record of the lead
--
INSERT INTO leads (id, stage, changed) VALUES (3, 'mql', '2024-01-01 10:00');
UPDATE leads SET stage = 'sal' WHERE id = 3;                               -- the same time
UPDATE leads SET stage = 'lost', changed = '2023-01-01' WHERE id = 3;      -- an earlier one
UPDATE leads SET stage = 'mql', changed = '2024-01-01 10:00:00.000003' WHERE id = 3;
DELETE FROM leads WHERE id = 3;
SELECT from_stage, to_stage, CASE WHEN to_stage IS NULL THEN 'by the clock' ELSE at::text END AS at FROM leads_history WHERE lead = 3 ORDER BY leads_history.at;
INSERT INTO leads (id, stage) VALUES (4, 'mql');
UPDATE leads SET stage = 'sal' WHERE id = 4;
\set VERBOSITY sqlstate
UPDATE leads SET stage = 'won', changed = now() + interval '400 days' WHERE id = 4;
\set VERBOSITY default
UPDATE leads SET stage = 'won', changed = now() + interval '100 days' WHERE id = 4;
UPDATE leads SET stage = NULL WHERE id = 4;
DELETE FROM leads WHERE id = 4;
SELECT to_stage, at >= now() + interval '99 days' AS ahead, at BETWEEN now() - interval '1 hour' AND clock_timestamp() AS just_now FROM leads_history WHERE lead = 4 ORDER BY at;
-- The clock's time is that of the change, not of the transaction.
BEGIN;
SELECT FROM pg_sleep(0.01);
INSERT INTO plain VALUES (1, 'mql');
SELECT at > now() AS later_than_now, at <= clock_timestamp() AS before_this FROM plain_history;
-- Many leads, many changes, in one transaction.
INSERT INTO plain SELECT n, 'mql' FROM generate_series(2, 100) n;
UPDATE plain SET stage = 'sal';
UPDATE plain SET stage = 'lost' WHERE id % 2 = 0;
UPDATE plain SET stage = 'won' WHERE id % 2 = 1;
DELETE FROM plain;
COMMIT;
SELECT stages, count(*) FROM (SELECT lead, string_agg(coalesce(from_stage, '-') || '>' || coalesce(to_stage, '-'), ' ' ORDER BY at) AS stages FROM plain_history GROUP BY lead) t GROUP BY stages ORDER BY stages;
-- No infinite times.
INSERT INTO leads (id, stage, changed) VALUES (5, 'mql', 'infinity');
INSERT INTO leads (id, stage, changed) VALUES (5, 'mql', '-infinity');

--
-- Who changed it: the current role, whatever rights it has on the history (none)
--
GRANT SELECT, INSERT, UPDATE, DELETE ON plain, leads TO regress_funnel_writer;
CREATE FUNCTION moved_by_owner(key bigint) RETURNS void SECURITY DEFINER LANGUAGE sql AS $$UPDATE guard_history.plain SET stage = 'sal' WHERE id = key$$;
SET ROLE regress_funnel_writer;
INSERT INTO plain VALUES (201, 'mql'), (202, 'mql');
SELECT moved_by_owner(201);
UPDATE plain SET stage = 'sal' WHERE id = 202;
DELETE FROM plain WHERE id = 201;
INSERT INTO leads (id, stage, changed, agent) VALUES (6, 'mql', '2024-01-01', NULL), (7, 'mql', '2024-01-01', 'named');
SELECT * FROM plain_history;
INSERT INTO plain_history SELECT * FROM plain_history;
DELETE FROM plain_history;
TRUNCATE plain_history;
DROP TABLE plain_history;
ALTER TABLE plain_history ADD COLUMN x int;
CREATE TRIGGER t BEFORE INSERT ON plain_history FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT has_table_privilege('plain_history', p) AS may FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p GROUP BY 1;
SET ROLE regress_funnel_owner;
SELECT lead, to_stage, changed_by FROM plain_history WHERE lead > 200 ORDER BY lead, at;
SELECT lead, changed_by FROM leads_history WHERE lead IN (6, 7) ORDER BY lead;

--
-- Who may read it: those who may read the table whole when it is attached. What default privileges give is taken away
--
ALTER DEFAULT PRIVILEGES IN SCHEMA guard_history GRANT ALL ON TABLES TO PUBLIC, regress_funnel_writer;
CREATE TABLE granted (id int, stage text);
ALTER DEFAULT PRIVILEGES IN SCHEMA guard_history REVOKE ALL ON TABLES FROM PUBLIC, regress_funnel_writer;
REVOKE ALL ON granted FROM PUBLIC;
REVOKE SELECT ON granted FROM regress_funnel_writer;
GRANT SELECT (id, stage) ON granted TO regress_funnel_writer;
GRANT SELECT ON granted TO regress_funnel_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA guard_history GRANT ALL ON TABLES TO PUBLIC, regress_funnel_writer;
SELECT funnel.attach('granted', 'guard history');
ALTER DEFAULT PRIVILEGES IN SCHEMA guard_history REVOKE ALL ON TABLES FROM PUBLIC, regress_funnel_writer;
SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee, string_agg(a.privilege_type, ',' ORDER BY a.privilege_type) FILTER (WHERE a.grantee <> relowner) AS privileges, bool_or(a.is_grantable) AS grantable
  FROM pg_class, aclexplode(relacl) a WHERE oid = 'granted_history'::regclass GROUP BY a.grantee ORDER BY 1;
-- PUBLIC may read what PUBLIC may read.
CREATE TABLE public_one (id int, stage text);
GRANT SELECT ON public_one TO PUBLIC;
SELECT funnel.attach('public_one', 'guard history');
SET ROLE regress_funnel_writer;
SELECT count(*) FROM public_one_history;
SET ROLE regress_funnel_owner;
-- With row-level security nobody is given anything, and that is said.
CREATE TABLE secret (id int, stage text);
GRANT SELECT ON secret TO regress_funnel_reader;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
SET client_min_messages = notice;
SELECT funnel.attach('secret', 'guard history');
SET client_min_messages = warning;
SELECT has_table_privilege('regress_funnel_reader', 'secret_history', 'SELECT');

--
-- It outlives the leads, the guard and the table
--
CREATE TABLE short_lived (id int PRIMARY KEY, stage text);
SELECT funnel.attach('short_lived', 'guard history');
INSERT INTO short_lived VALUES (1, 'mql'), (2, 'mql');
-- TRUNCATE fires no trigger of a row: it is for those who may do it, and the history does not say so.
TRUNCATE short_lived;
SELECT lead, to_stage FROM short_lived_history ORDER BY lead;
SELECT funnel.detach('short_lived');
INSERT INTO short_lived VALUES (3, 'won');
SELECT funnel.attach('short_lived', 'guard history');
UPDATE short_lived SET stage = 'lost';
DELETE FROM short_lived;
DROP TABLE short_lived;
SELECT lead, from_stage, to_stage FROM short_lived_history ORDER BY lead, at;
-- A new table of that name goes on with it if the key has the same type, and cannot if not.
CREATE TABLE short_lived (id text PRIMARY KEY, stage text);
SELECT funnel.attach('short_lived', 'guard history');
DROP TABLE short_lived;
CREATE TABLE short_lived (id int PRIMARY KEY, stage text, owner text);
SELECT funnel.attach('short_lived', 'guard history', keep => '{owner}');
INSERT INTO short_lived VALUES (1, 'mql', 'jo');
SELECT lead, from_stage, to_stage, owner FROM short_lived_history ORDER BY lead, at;
-- A renamed table keeps its history, and attach finds it.
ALTER TABLE short_lived RENAME TO long_lived;
SELECT funnel.attach('long_lived', 'guard history', keep => '{owner}');
UPDATE long_lived SET stage = 'sal';
SELECT lead, from_stage, to_stage, owner FROM short_lived_history WHERE lead = 1 ORDER BY at;

--
-- What else has been done to it by its owner. Whatever an INSERT would do is done: triggers, constraints, defaults, all kinds of indexes
--
CREATE TABLE adorned (id int PRIMARY KEY, stage text, why text);
SELECT funnel.attach('adorned', 'guard history', reason => 'why');
ALTER TABLE adorned_history ADD COLUMN noted timestamptz NOT NULL DEFAULT now(), ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY, ADD COLUMN shout text GENERATED ALWAYS AS (upper(to_stage)) STORED,
    ADD COLUMN free int, ADD CHECK (reason <> 'forbidden');
CREATE INDEX ON adorned_history (at);
CREATE INDEX ON adorned_history USING hash (changed_by);
CREATE INDEX ON adorned_history (to_stage) WHERE to_stage IS NOT NULL;
CREATE INDEX ON adorned_history (lower(to_stage));
CREATE TABLE echo (role text, lead int, to_stage text);
CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO guard_history.echo VALUES (current_user, NEW.lead, NEW.to_stage); RETURN NEW; END $$;
CREATE TRIGGER echo AFTER INSERT ON adorned_history FOR EACH ROW EXECUTE FUNCTION echo();
GRANT ALL ON adorned TO regress_funnel_writer;
SET ROLE regress_funnel_writer;
INSERT INTO adorned VALUES (1, 'mql'), (2, 'mql');
UPDATE adorned SET stage = 'sal' WHERE id = 1;
\set VERBOSITY terse
UPDATE adorned SET stage = 'lost', why = 'forbidden' WHERE id = 2;
\set VERBOSITY default
UPDATE adorned SET stage = 'won' WHERE id = 2;
UPDATE adorned SET stage = 'lost', why = 'no budget' WHERE id = 2;
SELECT current_user;
SET ROLE regress_funnel_owner;
SELECT lead, from_stage, to_stage, changed_by, reason, noted IS NOT NULL AS noted, n, shout, free FROM adorned_history ORDER BY lead, at;
SELECT * FROM echo ORDER BY lead, to_stage;
-- the indexes have every row
SET enable_seqscan = off;
SELECT count(*) FROM adorned_history WHERE at > '2020-01-01';
SELECT count(*) FROM adorned_history WHERE changed_by = 'regress_funnel_writer';
SELECT count(*) FROM adorned_history WHERE lower(to_stage) = 'mql';
RESET enable_seqscan;
-- Each of them alone, and what is written directly: an index that is used finds both rows.
CREATE FUNCTION kept_with(ddl text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    answer text;
BEGIN
    CREATE TABLE guard_history.one (id int PRIMARY KEY, stage text);
    PERFORM funnel.attach('guard_history.one', 'guard history');
    EXECUTE ddl;
    INSERT INTO guard_history.one VALUES (1, 'mql'), (2, 'mql');
    EXECUTE 'SELECT string_agg(lead || to_stage, '' '' ORDER BY lead) FROM guard_history.one_history WHERE at > ''2020-01-01''' INTO answer;
    DROP TABLE guard_history.one, guard_history.one_history;
    RETURN answer;
END $$;
SELECT ddl, kept_with(replace(ddl, '@', 'guard_history.one_history')) FROM unnest(ARRAY['', 'CREATE INDEX ON @ (at)', 'CREATE INDEX ON @ (to_stage, at DESC)', 'CREATE UNIQUE INDEX ON @ (at, lead)', 'CREATE INDEX ON @ USING brin (at)',
    'CREATE INDEX ON @ USING hash (at)', 'CREATE INDEX ON @ (at) WHERE lead > 0', 'CREATE INDEX ON @ ((lead + 1))', 'ALTER TABLE @ ADD EXCLUDE USING btree (lead WITH =, at WITH =)', 'ALTER TABLE @ ADD UNIQUE (lead, version, at) DEFERRABLE',
    'ALTER TABLE @ ADD extra int', 'ALTER TABLE @ ADD extra int NOT NULL DEFAULT 5', 'ALTER TABLE @ ADD extra serial', 'ALTER TABLE @ ADD extra int DEFAULT 5; ALTER TABLE @ ALTER extra DROP DEFAULT', 'ALTER TABLE @ ADD extra int; ALTER TABLE @ DROP extra',
    'ALTER TABLE @ ADD extra int GENERATED ALWAYS AS (lead + 1) STORED', 'ALTER TABLE @ ADD FOREIGN KEY (lead) REFERENCES guard_history.one', 'CREATE RULE r AS ON UPDATE TO @ DO INSTEAD NOTHING',
    'ALTER TABLE @ SET (fillfactor = 50)', 'ALTER TABLE @ SET UNLOGGED', 'ALTER TABLE @ REPLICA IDENTITY FULL', 'ALTER TABLE @ ALTER override SET STORAGE EXTERNAL']) ddl;
-- But a change that it does not store does not happen, be it for a trigger or for a rule.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER nothing BEFORE INSERT ON adorned_history FOR EACH ROW WHEN (NEW.lead = 3) EXECUTE FUNCTION nothing();
INSERT INTO adorned VALUES (3, 'mql');
INSERT INTO adorned VALUES (4, 'mql');
DROP TRIGGER nothing ON adorned_history;
CREATE RULE nothing AS ON INSERT TO adorned_history DO INSTEAD NOTHING;
INSERT INTO adorned VALUES (5, 'mql');
CREATE OR REPLACE RULE nothing AS ON INSERT TO adorned_history DO INSTEAD INSERT INTO echo VALUES ('rule', NEW.lead, NEW.to_stage);
INSERT INTO adorned VALUES (5, 'mql');
CREATE OR REPLACE RULE nothing AS ON INSERT TO adorned_history DO ALSO INSERT INTO echo VALUES ('rule', NEW.lead, NEW.to_stage);
INSERT INTO adorned VALUES (5, 'mql');
DROP RULE nothing ON adorned_history;
SELECT id, lead FROM adorned LEFT JOIN adorned_history ON lead = id WHERE id > 2 ORDER BY id;
-- Columns of the history to which the server alone gives values: no value that the guard has is lost, it is an error.
CREATE FUNCTION given(ddl text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE ddl;
    INSERT INTO guard_history.valued VALUES (6, 'mql', 'why');
    RAISE EXCEPTION 'reason "%", version %', (SELECT reason FROM guard_history.valued_history WHERE lead = 6), (SELECT version FROM guard_history.valued_history WHERE lead = 6);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
CREATE TABLE valued (id int PRIMARY KEY, stage text, why text);
SELECT funnel.attach('valued', 'guard history', reason => 'why');
SELECT ddl, given(replace(replace(ddl, '@', 'guard_history.valued_history'), 'VIRTUAL', CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END))
  FROM unnest(ARRAY['ALTER TABLE @ ALTER version ADD GENERATED BY DEFAULT AS IDENTITY', 'ALTER TABLE @ ALTER version ADD GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE @ DROP reason, ADD reason text GENERATED ALWAYS AS (upper(to_stage)) STORED', 'ALTER TABLE @ DROP reason, ADD reason text GENERATED ALWAYS AS (upper(to_stage)) VIRTUAL']) AS ddl;
-- A domain that takes no NULL, in a column that has none to take.
CREATE DOMAIN sum AS numeric NOT NULL;
CREATE TABLE priced (id int PRIMARY KEY, stage text, price sum);
SELECT funnel.attach('priced', 'guard history', amount => 'price');
INSERT INTO priced VALUES (1, 'mql', 5);
SELECT funnel.attach('priced', 'guard history');
INSERT INTO priced VALUES (2, 'mql', 5);
SELECT lead, amount FROM priced_history;
-- Rows that it cannot take: the change does not happen.
ALTER TABLE plain_history ADD COLUMN must int NOT NULL DEFAULT 1;
ALTER TABLE plain_history ALTER must DROP DEFAULT;
\set VERBOSITY terse
INSERT INTO plain VALUES (301, 'mql');
\set VERBOSITY default
ALTER TABLE plain_history DROP must;
CREATE UNIQUE INDEX one_mql ON plain_history (lead) WHERE to_stage = 'won';
CREATE UNIQUE INDEX one_time ON plain_history (lead, to_stage);
INSERT INTO plain VALUES (302, 'mql');
DELETE FROM plain WHERE id = 302;
INSERT INTO plain VALUES (302, 'mql');
DROP INDEX one_mql, one_time;
SELECT * FROM plain WHERE id > 300;
-- Row-level security on it does not keep changes off the record, not even forced.
ALTER TABLE plain_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_funnel_writer;
INSERT INTO plain VALUES (303, 'mql');
SET ROLE regress_funnel_owner;
ALTER TABLE plain_history ADD CHECK (lead > 0);
SET ROLE regress_funnel_writer;
INSERT INTO plain VALUES (304, 'mql');
SET ROLE regress_funnel_owner;
ALTER TABLE plain_history DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
SELECT lead, to_stage FROM plain_history WHERE lead > 302 ORDER BY lead;

--
-- What breaks it: an error says what, and nothing changes unrecorded
--
CREATE TABLE broken (id int PRIMARY KEY, stage text);
SELECT funnel.attach('broken', 'guard history');
INSERT INTO broken VALUES (1, 'mql');
ALTER TABLE broken_history RENAME TO elsewhere;
UPDATE broken SET stage = 'sal';
UPDATE broken SET stage = 'won';    -- judged first
CREATE VIEW broken_history AS SELECT * FROM elsewhere;
UPDATE broken SET stage = 'sal';
DROP VIEW broken_history;
ALTER TABLE elsewhere RENAME TO broken_history;
ALTER TABLE broken_history DROP CONSTRAINT broken_history_pkey;
UPDATE broken SET stage = 'sal';
ALTER TABLE broken_history ADD PRIMARY KEY (at, lead);
UPDATE broken SET stage = 'sal';
ALTER TABLE broken_history DROP CONSTRAINT broken_history_pkey, ADD PRIMARY KEY (lead, at) DEFERRABLE;
UPDATE broken SET stage = 'sal';
ALTER TABLE broken_history DROP CONSTRAINT broken_history_pkey, ADD PRIMARY KEY (lead, at) INCLUDE (to_stage);
ALTER TABLE broken_history RENAME to_stage TO stage;
UPDATE broken SET stage = 'sal';
ALTER TABLE broken_history RENAME stage TO to_stage;
RESET ROLE;
ALTER TABLE broken_history OWNER TO regress_funnel_writer;
UPDATE broken SET stage = 'sal';
ALTER TABLE broken_history OWNER TO regress_funnel_owner;
SET ROLE regress_funnel_owner;
-- the key's type changed
ALTER TABLE broken ALTER id TYPE text;
UPDATE broken SET stage = 'sal';
ALTER TABLE broken_history ALTER lead TYPE text;
UPDATE broken SET stage = 'sal';
SELECT lead, from_stage, to_stage FROM broken_history ORDER BY at;
DROP TABLE broken_history;
UPDATE broken SET stage = 'won';
SELECT funnel.attach('broken', 'guard history');
UPDATE broken SET stage = 'won';
SELECT lead, from_stage, to_stage FROM broken_history ORDER BY at;
-- A kept column, and the amount's, of another type.
ALTER TABLE leads ALTER campaign TYPE int USING 0;
INSERT INTO leads (id, stage, changed) VALUES (8, 'mql', '2024-01-01');
ALTER TABLE leads_history ALTER campaign TYPE int USING 0;
ALTER TABLE leads ALTER value TYPE float8;
INSERT INTO leads (id, stage, changed) VALUES (8, 'mql', '2024-01-01');
ALTER TABLE leads ALTER value TYPE numeric;    -- without the modifier: that makes no difference
INSERT INTO leads (id, stage, changed) VALUES (8, 'mql', '2024-01-01');
ALTER TABLE leads DROP tags;
INSERT INTO leads (id, stage, changed) VALUES (9, 'mql', '2024-01-01');
SELECT funnel.attach('leads', 'guard history', at => 'changed', keep => '{campaign}');
INSERT INTO leads (id, stage, changed) VALUES (9, 'mql', '2024-01-01');

--
-- What attach refuses to take for a history, or to keep
--
CREATE TABLE taken (id int, stage text);
CREATE TABLE taken_history (id int);
SELECT funnel.attach('taken', 'guard history');
DROP TABLE taken_history;
SELECT funnel.attach('taken', 'guard history', keep => '{at}');
SELECT funnel.attach('taken', 'guard history', keep => '{nothing}');
SELECT funnel.attach('taken', 'guard history', at => 'nothing');
SELECT funnel.attach('taken', 'guard history', reason => 'nothing');
SELECT funnel.attach('taken', 'guard history', actor => 'nothing');
SELECT funnel.attach('taken', 'guard history', amount => 'nothing');
SELECT funnel.attach('taken', 'guard history', key => 'nothing');
SELECT funnel.attach('taken', 'guard history', key => '{id,nothing}');
SELECT funnel.attach('taken', 'guard history', stage => 'nothing');
SELECT funnel.attach('taken', 'guard history', stage => 'ctid');
SELECT to_regclass('taken_history');
-- Another role's table under the history's name, one with columns of other types, a view.
RESET ROLE;
GRANT CREATE ON SCHEMA guard_history TO regress_funnel_writer;
SET ROLE regress_funnel_writer;
CREATE TABLE taken_history (lead int, from_stage text, to_stage text, at timestamptz, changed_by text, reason text, amount numeric, override text, override_by text, pipeline text, version int, PRIMARY KEY (lead, at));
GRANT ALL ON taken_history TO regress_funnel_owner;
SET ROLE regress_funnel_owner;
SELECT funnel.attach('taken', 'guard history');
RESET ROLE;
ALTER TABLE taken_history OWNER TO regress_funnel_owner;
ALTER TABLE taken_history ALTER version TYPE text;
SET ROLE regress_funnel_owner;
SELECT funnel.attach('taken', 'guard history');
DROP TABLE taken_history;
CREATE VIEW taken_history AS SELECT * FROM plain_history;
SELECT funnel.attach('taken', 'guard history');
DROP VIEW taken_history;
-- Keys and kept columns that are none.
SELECT key, keep, message FROM (VALUES ('{}', '{}'), ('{NULL}', '{}'), ('{id,id}', '{}'), (' ', '{}'), ('id', '{NULL}'), ('id', '{stage,stage}'), ('id', '{{stage}}')) v(key, keep),
     refused(format('SELECT funnel.attach(''taken'', ''guard history'', key => %L, keep => %L)', key, keep)) message;
SELECT to_regclass('taken_history');

--
-- Names: the history's is the table's and "_history", as far as names go; those that begin alike have histories of their own
--
CREATE TABLE a_name_of_forty_six_bytes_and_not_one_more____ (id int, stage text);
CREATE TABLE a_name_of_fifty_five_bytes_to_which_history_just_fits__ (id int, stage text);
CREATE TABLE a_name_of_sixty_three_bytes_that_begins_like_another_name__one1 (id int, stage text);
CREATE TABLE a_name_of_sixty_three_bytes_that_begins_like_another_name__two2 (id int, stage text);
CREATE TABLE "リードの段階を記録する表の名前はとても長い" (id int, stage text);
SELECT octet_length(relname) AS bytes, octet_length(funnel.attach(oid, 'guard history')::text) AS bytes_of_history, funnel.attach(oid, 'guard history') AS history
  FROM pg_class WHERE relnamespace = 'guard_history'::regnamespace AND (relname LIKE 'a_name%' OR relname LIKE 'リ%') ORDER BY relname COLLATE "C";
INSERT INTO a_name_of_sixty_three_bytes_that_begins_like_another_name__one1 VALUES (1, 'mql');
INSERT INTO "リードの段階を記録する表の名前はとても長い" VALUES (1, 'mql');
SELECT count(*) FROM (SELECT funnel.attach('a_name_of_sixty_three_bytes_that_begins_like_another_name__one1', 'guard history')) a;
CREATE TABLE long_key ("a column of a key that has a name of sixty-three bytes, no less" int, id int, stage text);
SELECT funnel.attach('long_key', 'guard history', key => '{"a column of a key that has a name of sixty-three bytes, no less",id}');
SELECT funnel.attach('long_key', 'guard history', key => 'a column of a key that has a name of sixty-three bytes, no less');
INSERT INTO long_key VALUES (1, 1, 'mql');

--
-- What others have guarded, in schemas that are closed to this role, is no concern of its
--
RESET ROLE;
CREATE SCHEMA guard_history_closed;
CREATE TABLE guard_history_closed.leads (id int, stage text);
SELECT funnel.attach('guard_history_closed.leads', 'guard history');
SET ROLE regress_funnel_owner;
CREATE TABLE open_one (id int, stage text);
SELECT funnel.attach('open_one', 'guard history');
SELECT funnel.attach('open_one', 'guard history', mode => 'warn');
CREATE TABLE open_log (lead int, stage text, at timestamptz);
SELECT funnel.import_history('open_one', 'open_log');
SELECT funnel.detach('open_one');

--
-- Temporary and unlogged tables have such a history
--
CREATE UNLOGGED TABLE fast (id int PRIMARY KEY, stage text);
SELECT funnel.attach('fast', 'guard history');
CREATE TEMP TABLE scratch (id int PRIMARY KEY, stage text);
SELECT funnel.attach('scratch', 'guard history');
INSERT INTO fast VALUES (1, 'mql');
INSERT INTO scratch VALUES (1, 'mql');
UPDATE scratch SET stage = 'won';
UPDATE scratch SET stage = 'sal';
SELECT 'fast' AS name, relpersistence, lead, to_stage FROM fast_history, pg_class WHERE oid = 'fast_history'::regclass
UNION ALL SELECT 'scratch', relpersistence, lead, to_stage FROM scratch_history, pg_class WHERE oid = 'scratch_history'::regclass ORDER BY 1, to_stage;
-- A temporary table of the same name as a guarded one is another table.
CREATE TEMP TABLE plain (id bigint, stage text);
CREATE TEMP TABLE plain_history (LIKE guard_history.plain_history);
INSERT INTO guard_history.plain VALUES (401, 'mql');
SELECT count(*) FROM plain_history;
SELECT count(*) FROM guard_history.plain_history WHERE lead = 401;

RESET ROLE;
SET client_min_messages = error;
DROP SCHEMA guard_history, guard_history_closed CASCADE;
DROP TABLE plain, plain_history, scratch, scratch_history;
DELETE FROM funnel.pipeline WHERE name = 'guard history';
DROP ROLE regress_funnel_owner, regress_funnel_writer, regress_funnel_reader;

-- The key of a lead that has several columns, as a history has it.
SELECT funnel.lead_key('north', 7) AS plain, funnel.lead_key('a,b', 'say "x"', '') AS quoted, funnel.lead_key('x', NULL::int) AS none;
