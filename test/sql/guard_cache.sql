--
-- guard_cache: a changed definition is in force from the next statement on, and goes back with its transaction
--
-- The guard keeps what it has read of a pipeline until it hears of a change. In a database of its own, which may lose the extension.
SET client_min_messages = warning;
SELECT current_database() AS back \gset
CREATE DATABASE regression_funnel_guard_cache;
\c regression_funnel_guard_cache
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset null '-'
CREATE EXTENSION funnel;
SELECT FROM funnel.create_pipeline('sales', '{mql,sal,won}', '{lost}');
CREATE TABLE leads (id int PRIMARY KEY, stage text);
SELECT funnel.attach('leads', 'sales');
INSERT INTO leads SELECT n, 'mql' FROM generate_series(1, 40) n;
-- Whether a lead may go straight to won, by which version; back again with the savepoint.
CREATE FUNCTION can_win() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.leads SET stage = 'won' WHERE id = 1;
    RAISE EXCEPTION 'yes, by version %', (SELECT version FROM public.leads_history WHERE lead = 1 AND to_stage = 'won');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SELECT can_win();

--
-- Transactions and savepoints
--
BEGIN;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
SELECT can_win();
ROLLBACK;
SELECT can_win();
BEGIN;
SAVEPOINT a;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
SELECT can_win();
SAVEPOINT b;
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND from_stage = 'mql' AND to_stage = 'won';
SELECT can_win();
ROLLBACK TO b;
SELECT can_win();
ROLLBACK TO a;
SELECT can_win();
SAVEPOINT c;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
RELEASE c;
COMMIT;
SELECT can_win();
-- changed and not used before it is rolled back
BEGIN;
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND from_stage = 'mql' AND to_stage = 'won';
ROLLBACK;
SELECT can_win();
-- used, and changed in a function that fails
DO $$ BEGIN
    DELETE FROM funnel.transition WHERE pipeline = 'sales' AND to_stage = 'won' AND from_stage = 'mql';
    RAISE WARNING '%', can_win();
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    RAISE WARNING '%', can_win();
END $$;
-- changed and changed back in one transaction: a definition that something was judged by remains a version of its own
BEGIN;
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND to_stage = 'won' AND from_stage = 'mql';
SELECT can_win();
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
SELECT can_win();
COMMIT;
SELECT can_win();
-- within one function, statement by statement
DO $$ BEGIN FOR i IN 1..2 LOOP
    DELETE FROM funnel.transition WHERE pipeline = 'sales' AND to_stage = 'won' AND from_stage = 'mql';
    RAISE WARNING '%', can_win();
    INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
    RAISE WARNING '%', can_win();
END LOOP; END $$;
-- at whatever isolation
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT can_win();
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND to_stage = 'won' AND from_stage = 'mql';
SELECT can_win();
COMMIT;
SELECT can_win();
-- what a stage requires, and a stage's name
BEGIN;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
ALTER TABLE leads ADD amount int;
UPDATE funnel.stage SET requires = '{amount}' WHERE pipeline = 'sales' AND stage = 'won';
SELECT can_win();
UPDATE funnel.stage SET requires = '{}' WHERE pipeline = 'sales' AND stage = 'won';
SELECT can_win();
UPDATE funnel.stage SET stage = 'closed' WHERE pipeline = 'sales' AND stage = 'won';
SELECT can_win();
ROLLBACK;
SELECT can_win();
-- soundness too
BEGIN;
INSERT INTO funnel.stage (pipeline, stage, position) VALUES ('sales', 'island', 9);
SELECT can_win();
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'island');
SELECT can_win();
ROLLBACK;
SELECT can_win();
-- the tables emptied
BEGIN;
TRUNCATE funnel.transition;
SELECT can_win();
ROLLBACK;
BEGIN;
TRUNCATE funnel.pipeline CASCADE;
SELECT can_win();
ROLLBACK;
SELECT can_win();
-- by a session that plays the replica, as logical replication does
SET session_replication_role = replica;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
RESET session_replication_role;
SELECT left(can_win(), 3);
SET session_replication_role = replica;
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND to_stage = 'won' AND from_stage = 'mql';
RESET session_replication_role;
SELECT can_win();

--
-- Statements that are prepared, that change both, and that are changed under their feet
--
PREPARE win(int) AS UPDATE leads SET stage = 'won' WHERE id = $1;
EXECUTE win(2);
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won');
EXECUTE win(2);
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND to_stage = 'won' AND from_stage = 'mql';
EXECUTE win(3);
-- one statement that changes the definition and a lead: what was in force when it began
WITH d AS (INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'mql', 'won')) UPDATE leads SET stage = 'won' WHERE id = 3;
SELECT can_win();
-- a trigger that changes it after the first row: the statement goes on with the one it began with
CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    IF NEW.id = 11 THEN EXECUTE TG_ARGV[0]; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER z_edit AFTER UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION edit($$INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', 'sal', 'mql'), ('sales', 'lost', 'mql')$$);
UPDATE leads SET stage = 'sal' WHERE id IN (11, 12);
SELECT lead, from_stage, to_stage, version FROM leads_history WHERE lead IN (11, 12) ORDER BY at;
UPDATE leads SET stage = 'mql' WHERE id = 12;
DROP TRIGGER z_edit ON leads;
CREATE TRIGGER z_edit AFTER UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION edit('DELETE FROM funnel.pipeline');
BEGIN;
UPDATE leads SET stage = CASE id WHEN 11 THEN 'mql' ELSE 'sal' END WHERE id IN (11, 12, 13);
UPDATE leads SET stage = 'sal' WHERE id = 14;
ROLLBACK;
UPDATE leads SET stage = 'sal' WHERE id = 14;
DROP TRIGGER z_edit ON leads;
-- a deferred guard judges by what is in force when it is asked
CREATE TABLE deferred (id int, stage text);
CREATE CONSTRAINT TRIGGER guard_at_commit AFTER INSERT OR UPDATE OR DELETE ON deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION funnel.guard('sales');
BEGIN;
INSERT INTO deferred VALUES (1, 'sal');
INSERT INTO funnel.transition (pipeline, from_stage, to_stage) VALUES ('sales', NULL, 'sal');
COMMIT;
BEGIN;
INSERT INTO deferred VALUES (2, 'sal');
DELETE FROM funnel.transition WHERE pipeline = 'sales' AND from_stage IS NULL AND to_stage = 'sal';
COMMIT;
SELECT * FROM deferred;

--
-- Pipelines that come, go, and change their names
--
BEGIN;
SELECT FROM funnel.create_pipeline('draft', '{mql,won}');
SELECT funnel.attach('leads', 'draft');
SELECT can_win();
ROLLBACK;
SELECT can_win() ~ '^yes';
SELECT funnel.attach('leads', 'draft');
BEGIN;
UPDATE funnel.pipeline SET name = 'old sales' WHERE name = 'sales';
SELECT can_win();
SELECT FROM funnel.create_pipeline('sales', '{mql,sal}');
SELECT can_win();
ROLLBACK;
SELECT can_win() ~ '^yes';
-- more of them than fit anywhere, and a name that is too long to be kept
SELECT count(funnel.create_pipeline('p' || n, '{mql,sal}')) FROM generate_series(1, 40) n;
SELECT FROM funnel.create_pipeline(repeat('long ', 100), '{mql,sal}');
CREATE FUNCTION attached_to(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM funnel.attach('public.leads', name);
    RETURN public.can_win();
END $$;
SELECT count(*), count(DISTINCT attached_to('p' || n)) FROM generate_series(1, 40) n;
SELECT length(attached_to(repeat('long ', 100))), length(can_win());
SELECT attached_to('sales') ~ '^yes';

--
-- The extension goes and comes back, in the same session
--
BEGIN;
DROP EXTENSION funnel CASCADE;
UPDATE leads SET stage = 'anything' WHERE id = 20;
ROLLBACK;
SELECT can_win() ~ '^yes';
UPDATE leads SET stage = 'anything' WHERE id = 20;
BEGIN;
DROP EXTENSION funnel CASCADE;
CREATE EXTENSION funnel;
SELECT FROM funnel.create_pipeline('sales', '{mql,offer}');
SELECT funnel.attach('leads', 'sales');
UPDATE leads SET stage = 'sal' WHERE id = 20;
ROLLBACK;
UPDATE leads SET stage = 'sal' WHERE id = 20;
UPDATE leads SET stage = 'offer' WHERE id = 21;
DROP EXTENSION funnel CASCADE;
UPDATE leads SET stage = 'anything' WHERE id = 22;
DELETE FROM leads WHERE id = 22;
CREATE EXTENSION funnel;
SELECT count(*) FROM funnel.attached;
SELECT FROM funnel.create_pipeline('sales', '{mql,offer}');
SELECT funnel.attach('leads', 'sales');
EXECUTE win(23);
INSERT INTO leads VALUES (22, 'sal');
INSERT INTO leads VALUES (22, 'mql');
UPDATE leads SET stage = 'offer' WHERE id = 22;
BEGIN;
SELECT funnel.override('still works');
UPDATE leads SET stage = 'mql' WHERE id = 22;
COMMIT;
SELECT from_stage, to_stage, override, version FROM leads_history WHERE lead = 22 ORDER BY at;
-- ... and without its history it lets nothing pass
BEGIN;
DROP TABLE leads_history;
UPDATE leads SET stage = 'offer' WHERE id = 22;
ROLLBACK;
UPDATE leads SET stage = 'offer' WHERE id = 22;

\c :back
DROP DATABASE regression_funnel_guard_cache;
