--
-- guard_misuse: triggers that cannot work, and what becomes of them when columns, tables or pipelines change
--
-- A mistake is named by the first statement that meets it, with what to do about it.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE SCHEMA guard_misuse;
SET search_path = guard_misuse, public;
SELECT FROM funnel.create_pipeline('guard misuse', '{mql,sal,won}', '{lost}');
CREATE TABLE leads (id int, stage text, why text);
-- Creates a trigger, or tries; then what a new lead in an entry stage comes to.
CREATE FUNCTION with_trigger(ddl text, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE replace(ddl, 'GUARD', 'EXECUTE FUNCTION funnel.guard(''guard misuse'', ''stage'', ''id'')');
    EXECUTE 'INSERT INTO guard_misuse.leads VALUES (1, ''mql'')';
    RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = 'passed';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
\x on

--
-- Timing, level and event
--
SELECT * FROM with_trigger('CREATE TRIGGER t BEFORE INSERT OR UPDATE ON leads FOR EACH ROW GUARD');
SELECT * FROM with_trigger('CREATE TRIGGER t AFTER INSERT ON leads FOR EACH STATEMENT GUARD');
SELECT * FROM with_trigger('CREATE TRIGGER t BEFORE INSERT ON leads GUARD');
SELECT * FROM with_trigger('CREATE TRIGGER t AFTER INSERT OR UPDATE OF stage OR DELETE ON leads FOR EACH ROW GUARD');
SELECT * FROM with_trigger('CREATE TRIGGER t AFTER TRUNCATE ON leads GUARD; INSERT INTO leads VALUES (0, ''mql''); TRUNCATE leads');
SELECT message FROM with_trigger('CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON leads FOR EACH ROW GUARD');
-- not called by a trigger
SELECT funnel.guard();
SELECT funnel.track();
-- as a trigger of events
CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION funnel.guard();

--
-- Arguments
--
SELECT a.arguments, t.state, t.message, t.detail FROM (VALUES (''), ('''guard misuse'''), ('''guard misuse'', ''stage'', ''id'''), ('''id'', ''stage'', ''guard misuse'''), ('''no such pipeline'''), ('''Guard Misuse'''), ('''mode=warn'''),
        ('''guard misuse'', ''mode=Enforce'''), ('''guard misuse'', ''mode='''), ('''guard misuse'', ''modes=warn'''), ('''guard misuse'', ''=''') , ('''guard misuse'', ''stage'', ''id'', ''why'', ''no'''),
        ('''pipeline=guard misuse'', ''key=id'', ''stage=stage'''), ('''pipeline='''), ('''guard misuse'', ''stage='''), ('''guard misuse'', ''nothing'''), ('''guard misuse'', ''stage'', ''nothing'''), ('''guard misuse'', ''key=Id'''),
        ('''guard misuse'', ''stage'', ''ctid'''), ('''guard misuse'', ''stage=tableoid'''), ('''guard misuse'', ''history=nowhere'''), ('''guard misuse'', ''history='''), ('''guard misuse'', ''history=pg_class'''), ('''guard misuse'', ''history=leads'''),
        ('1, 2')) a(arguments),
     with_trigger(format('CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON leads FOR EACH ROW EXECUTE FUNCTION funnel.guard(%s)', a.arguments)) t;
-- track records, and needs to know where; it judges nothing, but needs to know the pipeline all the same
SELECT a.arguments, t.state, t.message, t.hint FROM (VALUES ('''guard misuse'', ''stage'', ''id'''), (''), ('''no such pipeline'', ''history=leads_history''')) a(arguments),
     with_trigger(format('CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON leads FOR EACH ROW EXECUTE FUNCTION funnel.track(%s)', a.arguments)) t;

--
-- Tables that cannot be guarded
--
CREATE VIEW a_view AS SELECT * FROM leads;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM leads;
CREATE TYPE a_type AS (id int, stage text);
CREATE SEQUENCE a_sequence;
SELECT a.name, t.* FROM unnest('{a_view,a_matview,a_type,a_sequence,leads_pkey,no_such_table,leads}'::text[]) a(name), with_trigger(format('SELECT funnel.attach(%L, ''guard misuse'')', a.name)) t;
SELECT message FROM unnest('{funnel.attach(NULL\, ''guard misuse''),funnel.attach(''leads''\, NULL),funnel.detach(NULL)}'::text[]) call, with_trigger('SELECT ' || call);
SELECT * FROM with_trigger('CREATE TRIGGER t AFTER INSERT ON a_view FOR EACH ROW GUARD');
SELECT message FROM with_trigger('SELECT funnel.detach(''leads'')');
\x off
DROP MATERIALIZED VIEW a_matview;
DROP VIEW a_view;

--
-- Columns that go after the trigger was made
--
SELECT funnel.attach('leads', 'guard misuse', reason => 'why');
INSERT INTO leads VALUES (1, 'mql'), (2, 'mql');
ALTER TABLE leads RENAME stage TO status;
UPDATE leads SET status = 'sal';
DELETE FROM leads;
ALTER TABLE leads RENAME id TO no;
SELECT funnel.attach('leads', 'guard misuse', stage => 'status', reason => 'why');
SELECT funnel.attach('leads', 'guard misuse', stage => 'status', key => 'no', reason => 'why');
UPDATE leads SET status = 'sal' WHERE no = 1;
ALTER TABLE leads DROP why;
UPDATE leads SET status = 'sal' WHERE no = 2;
UPDATE leads SET status = status;    -- nothing to record, nothing to miss
ALTER TABLE leads ADD why text;
UPDATE leads SET status = 'sal' WHERE no = 2;
-- the stage of another type
ALTER TABLE leads ALTER status TYPE varchar(12);
UPDATE leads SET status = 'lost' WHERE no = 2;
ALTER TABLE leads ALTER status TYPE money USING 1;
UPDATE leads SET status = 2;
ALTER TABLE leads ALTER status TYPE text USING 'sal';
SELECT lead, from_stage, to_stage FROM leads_history ORDER BY lead, at;
-- a column that comes to be required
INSERT INTO leads VALUES (3, 'mql'), (4, 'mql');
UPDATE funnel.stage SET requires = '{budget}' WHERE pipeline = 'guard misuse' AND stage = 'lost';
\set VERBOSITY terse
UPDATE leads SET status = 'lost' WHERE no = 3;
\set VERBOSITY default
UPDATE leads SET status = 'sal' WHERE no = 4;
ALTER TABLE leads ADD budget numeric;
UPDATE leads SET status = 'lost' WHERE no = 3;
UPDATE leads SET status = 'lost', budget = 0 WHERE no = 3;

--
-- Pipelines that change, break and go
--
-- a stage is renamed: the leads in the old one are in none that is known, until they are moved
UPDATE funnel.stage SET stage = 'accepted' WHERE pipeline = 'guard misuse' AND stage = 'sal';
UPDATE leads SET status = 'won' WHERE no = 4;
UPDATE leads SET status = 'accepted' WHERE no = 4;
INSERT INTO leads VALUES (5, 'mql');
UPDATE leads SET status = 'sal' WHERE no = 5;
UPDATE leads SET status = 'accepted' WHERE no = 5;
BEGIN;
SELECT funnel.override('renamed');
UPDATE leads SET status = 'accepted' WHERE status = 'sal';
COMMIT;
UPDATE leads SET status = 'won' WHERE no = 4;
SET client_min_messages = notice;
SELECT funnel.attach('leads', 'guard misuse', stage => 'status', key => 'no');
UPDATE funnel.stage SET stage = 'offered' WHERE pipeline = 'guard misuse' AND stage = 'accepted';
SELECT funnel.attach('leads', 'guard misuse', stage => 'status', key => 'no');
SET client_min_messages = warning;
-- a stage and its transitions go
BEGIN;
DELETE FROM funnel.stage WHERE pipeline = 'guard misuse' AND stage = 'lost';
INSERT INTO leads VALUES (6, 'mql');
UPDATE leads SET status = 'lost', budget = 1 WHERE no = 6;
ROLLBACK;
-- no lead can enter, or get to some stage: nothing is judged by such a pipeline, also no change of something else
BEGIN;
DELETE FROM funnel.transition WHERE pipeline = 'guard misuse' AND to_stage = 'won';
SAVEPOINT a;
INSERT INTO leads VALUES (6, 'mql');
ROLLBACK TO a;
UPDATE leads SET budget = 2;
ROLLBACK TO a;
DELETE FROM leads WHERE no = 5;
ROLLBACK;
BEGIN;
DELETE FROM funnel.transition WHERE pipeline = 'guard misuse' AND from_stage IS NULL;
INSERT INTO leads VALUES (6, 'mql');
ROLLBACK;
BEGIN;
DELETE FROM funnel.stage WHERE pipeline = 'guard misuse';
INSERT INTO leads VALUES (6, 'mql');
ROLLBACK;
INSERT INTO funnel.pipeline (name) VALUES ('guard misuse empty');
SELECT funnel.attach('leads', 'guard misuse empty', stage => 'status', key => 'no');
\set VERBOSITY terse
SELECT funnel.attach('leads', 'no such pipeline', stage => 'status', key => 'no');
\set VERBOSITY default
-- the pipeline is renamed, and gone
UPDATE funnel.pipeline SET name = 'guard misuse 2' WHERE name = 'guard misuse';
INSERT INTO leads VALUES (6, 'mql');
SELECT funnel.attach('leads', 'guard misuse 2', stage => 'status', key => 'no');
INSERT INTO leads VALUES (6, 'mql');
DELETE FROM funnel.pipeline WHERE name = 'guard misuse 2';
INSERT INTO leads VALUES (7, 'mql');
DELETE FROM leads WHERE no = 6;
SELECT DISTINCT table_name, pipeline FROM funnel.attached WHERE table_schema = 'guard_misuse';
-- a new one of that name is in force at once
SELECT FROM funnel.create_pipeline('guard misuse 2', '{start,end}');
INSERT INTO leads VALUES (7, 'mql');
INSERT INTO leads VALUES (7, 'start');
SELECT version FROM leads_history WHERE lead = 7;
-- detach, and all is possible
SELECT funnel.detach('leads');
SELECT funnel.detach('leads');
INSERT INTO leads VALUES (8, 'anything');
UPDATE leads SET status = NULL;

SET client_min_messages = error;
DROP SCHEMA guard_misuse CASCADE;
DELETE FROM funnel.pipeline WHERE name LIKE 'guard misuse%';
