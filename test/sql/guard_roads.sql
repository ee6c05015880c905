--
-- guard_roads: the ways that somebody might think of to get around the guard
--
-- A sales person may read and write the table of leads and nothing else. Lead 1 is in mql; it shall be in won, which the
-- pipeline does not allow. Each attempt is refused, or is judged as what it is.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset null '-'
CREATE ROLE regress_funnel_owner;
CREATE ROLE regress_funnel_sales;
CREATE SCHEMA guard_roads AUTHORIZATION regress_funnel_owner;
CREATE SCHEMA guard_hostile AUTHORIZATION regress_funnel_sales;
GRANT USAGE ON SCHEMA guard_roads TO regress_funnel_sales;
SELECT FROM funnel.create_pipeline('guard roads', '{mql,sal,won}', '{lost}');
SET SESSION AUTHORIZATION regress_funnel_owner;
CREATE TABLE guard_roads.leads (id int PRIMARY KEY, stage text, agent name DEFAULT current_user);
SELECT funnel.attach('guard_roads.leads', 'guard roads');
INSERT INTO guard_roads.leads SELECT n, 'mql' FROM generate_series(1, 9) n;
UPDATE guard_roads.leads SET stage = 'sal' WHERE id = 2;
UPDATE guard_roads.leads SET stage = 'lost' WHERE id = 3;
GRANT SELECT, INSERT, UPDATE, DELETE ON guard_roads.leads TO regress_funnel_sales;
SET SESSION AUTHORIZATION regress_funnel_sales;
SET search_path = guard_roads, guard_hostile;

--
-- Plain SQL
--
UPDATE leads SET stage = 'won' WHERE id = 1;
UPDATE leads SET stage = NULL WHERE id = 1;
UPDATE leads SET stage = '' WHERE id = 1;
UPDATE leads SET stage = 'Won' WHERE id = 1;
UPDATE leads SET stage = U&'w\043En' WHERE id = 1;    -- a Cyrillic o
-- deleted, and inserted again in a later stage
BEGIN; DELETE FROM leads WHERE id = 1; INSERT INTO leads VALUES (1, 'won'); ROLLBACK;
WITH d AS (DELETE FROM leads WHERE id = 1 RETURNING id) INSERT INTO leads SELECT id, 'won' FROM d;
INSERT INTO leads VALUES (1, 'won') ON CONFLICT (id) DO UPDATE SET stage = excluded.stage;
-- the place of a lead that is further on: by its key, also by exchanging two
UPDATE leads SET id = 10 WHERE id = 2;
UPDATE leads SET id = id + 100;
UPDATE leads SET id = -id WHERE id = 1;
BEGIN; DELETE FROM leads WHERE id = 2; UPDATE leads SET id = 2 WHERE id = 1; ROLLBACK;
-- several steps at once: a row is changed once in a statement, and each step is judged
WITH a AS (UPDATE leads SET stage = 'sal' WHERE id = 1) UPDATE leads SET stage = 'won' WHERE id = 1;
WITH a AS (UPDATE leads SET stage = 'sal' WHERE id = 4 RETURNING *) SELECT id, stage FROM a;
WITH a AS (UPDATE leads SET stage = 'won' WHERE id = 1 RETURNING *) SELECT id, stage FROM a;
COPY leads (id, stage) FROM STDIN;
11	won
\.
-- swallowing the error undoes the change
DO $$ BEGIN UPDATE guard_roads.leads SET stage = 'won' WHERE id = 1; EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END $$;
SELECT stage FROM leads WHERE id = 1;
-- prepared, with a parameter of whatever type
PREPARE p (text) AS UPDATE leads SET stage = $1 WHERE id = 1;
EXECUTE p ('won');
PREPARE q (name) AS UPDATE leads SET stage = $1 WHERE id = 1;
EXECUTE q ('won');
DEALLOCATE ALL;
-- a cursor
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM leads WHERE id = 1 FOR UPDATE;
FETCH c;
UPDATE leads SET stage = 'won' WHERE CURRENT OF c;
ROLLBACK;
-- views
CREATE VIEW guard_hostile.v AS SELECT id AS lead, stage AS wish FROM leads;
UPDATE guard_hostile.v SET wish = 'won' WHERE lead = 1;
INSERT INTO guard_hostile.v VALUES (11, 'won');
CREATE FUNCTION guard_hostile.v() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE guard_roads.leads SET stage = NEW.wish WHERE id = NEW.lead; RETURN NEW; END $$;
CREATE TRIGGER t INSTEAD OF UPDATE ON guard_hostile.v FOR EACH ROW EXECUTE FUNCTION guard_hostile.v();
UPDATE guard_hostile.v SET wish = 'won' WHERE lead = 1;
CREATE RULE r AS ON INSERT TO guard_hostile.v DO INSTEAD UPDATE leads SET stage = NEW.wish WHERE id = NEW.lead;
INSERT INTO guard_hostile.v VALUES (1, 'won');
-- functions, also such of the owner's
CREATE FUNCTION guard_hostile.f(int) RETURNS void LANGUAGE sql AS $$UPDATE guard_roads.leads SET stage = 'won' WHERE id = $1$$;
SELECT guard_hostile.f(1);
SET SESSION AUTHORIZATION regress_funnel_owner;
CREATE FUNCTION guard_roads.f(int) RETURNS void SECURITY DEFINER LANGUAGE sql AS $$UPDATE guard_roads.leads SET stage = 'won' WHERE id = $1$$;
SET SESSION AUTHORIZATION regress_funnel_sales;
SELECT guard_roads.f(1);

--
-- Types and casts of one's own
--
CREATE DOMAIN guard_hostile.text AS pg_catalog.text;
CREATE TYPE guard_hostile.stage AS ENUM ('won');
CREATE FUNCTION guard_hostile.to_stage(guard_hostile.stage) RETURNS pg_catalog.text LANGUAGE sql AS $$SELECT 'won'::pg_catalog.text$$;
CREATE CAST (guard_hostile.stage AS pg_catalog.text) WITH FUNCTION guard_hostile.to_stage(guard_hostile.stage) AS ASSIGNMENT;
UPDATE leads SET stage = 'won'::guard_hostile.text WHERE id = 1;
UPDATE leads SET stage = 'won'::guard_hostile.stage WHERE id = 1;

--
-- Names that stand before those that the guard looks for: operators, functions, types, tables
--
CREATE FUNCTION guard_hostile.yes(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'asked'; RETURN true; END $$;
CREATE OPERATOR guard_hostile.= (FUNCTION = guard_hostile.yes, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text);
CREATE OPERATOR guard_hostile.<> (FUNCTION = guard_hostile.yes, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text);
CREATE FUNCTION guard_hostile.pg_has_role(name, pg_catalog.text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION guard_hostile.format(pg_catalog.text, name, name) RETURNS pg_catalog.text LANGUAGE sql AS $$SELECT 'guard_hostile.leads'::pg_catalog.text$$;
CREATE TABLE guard_hostile.pipeline AS TABLE funnel.pipeline;
CREATE TABLE guard_hostile.stage_table AS TABLE funnel.stage;
CREATE TEMP TABLE pipeline AS TABLE funnel.pipeline;
CREATE TEMP TABLE stage AS TABLE funnel.stage;
CREATE TEMP TABLE transition AS SELECT 'guard roads'::pg_catalog.text AS pipeline, f AS from_stage, 'won'::pg_catalog.text AS to_stage, '{}'::pg_catalog.text[] AS requires FROM unnest(ARRAY[NULL, 'mql', 'sal']) f;
CREATE TEMP TABLE leads_history (LIKE guard_hostile.pipeline);
CREATE TEMP TABLE violation_log (x int);
CREATE TABLE funnel.violation (x int);
SET search_path = guard_hostile, pg_temp, funnel, pg_catalog;
UPDATE guard_roads.leads SET stage = 'won' WHERE id OPERATOR(pg_catalog.=) 1;
UPDATE guard_roads.leads SET stage = 'sal' WHERE id OPERATOR(pg_catalog.=) 1;
SET search_path = '';
UPDATE guard_roads.leads SET stage = 'won' WHERE id = 5;
UPDATE guard_roads.leads SET stage = 'sal' WHERE id = 5;
SET search_path = guard_roads, guard_hostile;
SELECT count(*) FROM pg_temp.leads_history;
DROP TABLE pg_temp.pipeline, pg_temp.stage, pg_temp.transition, pg_temp.leads_history, pg_temp.violation_log;

--
-- What belongs to others: 42501, insufficient privilege, in other words in each version of the server
--
\set VERBOSITY sqlstate
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('guard roads', 'mql', 'won');
UPDATE funnel.transition SET from_stage = 'mql' WHERE pipeline = 'guard roads' AND to_stage = 'won';
UPDATE funnel.stage SET stage = 'won' WHERE pipeline = 'guard roads' AND stage = 'sal';
DELETE FROM funnel.pipeline WHERE name = 'guard roads';
TRUNCATE funnel.transition;
INSERT INTO funnel.pipeline_version (pipeline, version, valid_from, changed_by, definition) VALUES ('guard roads', 99, now(), 'me', '{"stages": [], "transitions": []}');
SELECT funnel.create_pipeline('guard roads 2', '{won}');
ALTER TABLE leads DISABLE TRIGGER ALL;
ALTER TABLE leads DISABLE TRIGGER funnel_guard;
DROP TRIGGER funnel_guard ON leads;
ALTER TRIGGER funnel_guard ON leads RENAME TO x;
CREATE TRIGGER zz_later BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION guard_hostile.v();
CREATE RULE r AS ON UPDATE TO leads DO INSTEAD NOTHING;
ALTER TABLE leads ADD COLUMN x int;
ALTER TABLE leads ALTER stage TYPE varchar;
TRUNCATE leads;
CREATE TABLE guard_hostile.child () INHERITS (leads);
CREATE OR REPLACE FUNCTION funnel.guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
ALTER FUNCTION funnel.guard() SET search_path = guard_hostile;
DROP FUNCTION funnel.guard();
DROP EXTENSION funnel CASCADE;
ALTER EXTENSION funnel DROP FUNCTION funnel.guard();
UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname = 'funnel_guard';
UPDATE pg_class SET relhastriggers = false WHERE relname = 'leads';
SET ROLE funnel_arbiter;
GRANT funnel_arbiter TO regress_funnel_sales;
SELECT funnel.override('please');
SELECT funnel.attach('leads', 'guard roads', mode => 'audit');
SELECT funnel.detach('leads');
SELECT funnel.backfill('leads', 'leads_history', 'guard roads', 'stage', '{id}', NULL, NULL, NULL, NULL, '{}');
CREATE TABLE guard_hostile.past AS SELECT 1 AS lead, 'won'::pg_catalog.text AS stage, now() - interval '1 year' AS at;
SELECT funnel.import_history('leads', 'guard_hostile.past');
SELECT funnel.run_as_owner('leads', 'SELECT 1');
SELECT funnel.detach_as_owner('leads');
INSERT INTO leads_history SELECT * FROM leads_history;
UPDATE leads_history SET to_stage = 'won';
DELETE FROM leads_history;
TRUNCATE leads_history;
BEGIN; LOCK TABLE leads_history IN ACCESS EXCLUSIVE MODE; ROLLBACK;
\set VERBOSITY terse
-- the history of others as that of a table of one's own: only beside a table of the same owner
CREATE TABLE guard_hostile.leads (id int, stage pg_catalog.text);
CREATE TRIGGER forge AFTER INSERT OR UPDATE OR DELETE ON guard_hostile.leads FOR EACH ROW EXECUTE FUNCTION funnel.track('guard roads', 'stage', 'id', 'history=leads_history');
INSERT INTO guard_hostile.leads VALUES (1, 'won');
RESET SESSION AUTHORIZATION;
GRANT CREATE ON SCHEMA guard_roads TO regress_funnel_sales;
SET SESSION AUTHORIZATION regress_funnel_sales;
CREATE TABLE guard_roads.mine (id int, stage pg_catalog.text);
CREATE TRIGGER forge AFTER INSERT OR UPDATE OR DELETE ON guard_roads.mine FOR EACH ROW EXECUTE FUNCTION funnel.track('guard roads', 'stage', 'id', 'history=leads_history');
INSERT INTO guard_roads.mine VALUES (1, 'won');
-- its table given away
\set VERBOSITY sqlstate
ALTER TABLE guard_roads.mine OWNER TO regress_funnel_owner;
-- the cache is told of changes by a trigger that others cannot make
CREATE TRIGGER tell AFTER INSERT ON guard_hostile.leads FOR EACH ROW EXECUTE FUNCTION funnel.definition_changed();
CREATE TRIGGER tell AFTER INSERT ON guard_hostile.leads FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();


--
-- Settings
--
SET session_replication_role = replica;
SELECT set_config('session_replication_role', 'replica', false);
SET funnel.override = 'mine';
SET row_security = off;
SET constraint_exclusion = on;
SET default_transaction_isolation = 'serializable';
SET datestyle = 'German';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET standard_conforming_strings = off;
SET quote_all_identifiers = on;
SET array_nulls = off;
SET transform_null_equals = on;
BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE leads SET stage = 'won' WHERE id = 6; COMMIT;
UPDATE leads SET stage = 'sal' WHERE id = 6;
RESET ALL;
\set VERBOSITY terse
SET client_min_messages = warning;
SET search_path = guard_roads, guard_hostile;

--
-- By way of another table: what a foreign key carries over is judged too
--
SET SESSION AUTHORIZATION regress_funnel_owner;
CREATE TABLE stages (name text PRIMARY KEY);
INSERT INTO stages VALUES ('mql'), ('sal'), ('won'), ('lost');
CREATE TABLE linked (id int PRIMARY KEY, stage text REFERENCES stages ON UPDATE CASCADE ON DELETE SET NULL);
SELECT funnel.attach('linked', 'guard roads');
INSERT INTO linked VALUES (1, 'mql');
GRANT SELECT, INSERT, UPDATE, DELETE ON stages TO regress_funnel_sales;
SET SESSION AUTHORIZATION regress_funnel_sales;
DELETE FROM stages WHERE name = 'won';
UPDATE stages SET name = 'won' WHERE name = 'mql';
DELETE FROM stages WHERE name = 'mql';
UPDATE stages SET name = 'won it' WHERE name = 'mql';
SET SESSION AUTHORIZATION regress_funnel_owner;
SELECT * FROM linked;

--
-- Row-level security: the guard sees what is changed, whatever the writer sees
--
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON leads USING (agent = current_user);
INSERT INTO leads VALUES (21, 'mql', 'regress_funnel_sales'), (22, 'mql', 'regress_funnel_owner');
SET SESSION AUTHORIZATION regress_funnel_sales;
UPDATE leads SET stage = 'won';
UPDATE leads SET stage = 'sal';
SELECT id, stage FROM leads;
-- write-only: not even what was written can be read
SET SESSION AUTHORIZATION regress_funnel_owner;
CREATE POLICY blind ON leads AS RESTRICTIVE FOR SELECT USING (false);
SET SESSION AUTHORIZATION regress_funnel_sales;
UPDATE leads SET stage = 'won';
INSERT INTO leads VALUES (23, 'won', 'regress_funnel_sales');
INSERT INTO leads VALUES (23, 'mql', 'regress_funnel_sales');
RESET SESSION AUTHORIZATION;
ALTER TABLE leads DISABLE ROW LEVEL SECURITY;
-- no right to read the definitions, not even to use their schema
BEGIN;
REVOKE SELECT ON funnel.pipeline, funnel.stage, funnel.transition, funnel.pipeline_version FROM PUBLIC;
REVOKE USAGE ON SCHEMA funnel FROM PUBLIC;
SET LOCAL ROLE regress_funnel_sales;
UPDATE leads SET stage = 'sal' WHERE id = 7;
SAVEPOINT a;
UPDATE leads SET stage = 'mql' WHERE id = 7;
ROLLBACK TO a;
SELECT count(*) FROM funnel.transition;
ROLLBACK TO a;
RESET ROLE;
GRANT USAGE ON SCHEMA funnel TO PUBLIC;
GRANT SELECT ON funnel.pipeline, funnel.stage, funnel.transition, funnel.pipeline_version TO PUBLIC;
COMMIT;

--
-- What a superuser can: a session that plays the replica fires no ordinary trigger, but one that is always enabled
--
SET session_replication_role = replica;
BEGIN; UPDATE leads SET stage = 'won' WHERE id = 8; ROLLBACK;
ALTER TABLE leads ENABLE ALWAYS TRIGGER funnel_guard;
UPDATE leads SET stage = 'won' WHERE id = 8;
UPDATE leads SET stage = 'sal' WHERE id = 8;
SELECT enabled FROM funnel.attached WHERE table_schema = 'guard_roads' AND table_name = 'leads';
RESET session_replication_role;

--
-- After all that: every lead is where its history ends, which goes unbroken from entry to there, by allowed steps only
--
SELECT count(*) AS leads, count(*) FILTER (WHERE l.stage = h.to_stage) AS where_history_ends FROM leads l LEFT JOIN LATERAL (SELECT to_stage FROM leads_history WHERE lead = l.id ORDER BY at DESC LIMIT 1) h ON true;
SELECT count(*) FILTER (WHERE from_stage IS NOT DISTINCT FROM before) AS unbroken, count(*) FILTER (WHERE to_stage IS NULL OR funnel.is_allowed('guard roads', from_stage, to_stage)) AS allowed, count(*)
  FROM (SELECT *, lag(to_stage) OVER (PARTITION BY lead ORDER BY at) AS before FROM leads_history) h;
SELECT id, stage, changed_by FROM leads JOIN leads_history ON lead = id AND to_stage = stage WHERE id <> 8 ORDER BY id;
SELECT count(*) FROM funnel.violation WHERE table_schema IN ('guard_roads', 'guard_hostile');

SET client_min_messages = error;
DROP SCHEMA guard_roads, guard_hostile CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'guard roads';
DROP ROLE regress_funnel_owner, regress_funnel_sales;
