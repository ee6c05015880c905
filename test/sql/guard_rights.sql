--
-- guard_rights: with whose rights the owner's code runs, and who could write a history without the guard
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE ROLE regress_funnel_eve;
CREATE ROLE regress_funnel_kim;
CREATE SCHEMA guard_rights AUTHORIZATION regress_funnel_eve;
SET search_path = guard_rights, public;
SELECT FROM funnel.create_pipeline('guard rights', '{mql,sal,won}');

--
-- A superuser attaches Eve's table. Code of Eve's runs as Eve, and leaves nothing behind that would run as a superuser
--
-- Each case: an index expression, a trigger of the history or a view of Eve's that does something, but for Eve herself.
SET SESSION AUTHORIZATION regress_funnel_eve;
CREATE TABLE did (what text, as_role name DEFAULT current_user);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO guard_rights.did VALUES (TG_NAME); RETURN NULL; END $$;
CREATE TABLE armed (n int);
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON armed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION held() RETURNS int LANGUAGE sql AS $$INSERT INTO guard_rights.did VALUES ('held cursor') RETURNING 1$$;
-- what is done is in the comment on the schema, so that each case can choose
CREATE FUNCTION act() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF session_user <> 'regress_funnel_eve' THEN
        EXECUTE obj_description('guard_rights'::regnamespace);
    END IF;
    RETURN 1;
END $$;
CREATE FUNCTION act_once(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * guard_rights.act(); END';
CREATE FUNCTION act_on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM guard_rights.act(); RETURN NEW; END';
CREATE TABLE leads (id int PRIMARY KEY, stage text);
INSERT INTO leads VALUES (1, 'mql');
SELECT funnel.attach('leads', 'guard rights');
CREATE TRIGGER act BEFORE INSERT ON leads_history FOR EACH ROW EXECUTE FUNCTION act_on_row();
CREATE TABLE indexed (id int PRIMARY KEY, stage text);
INSERT INTO indexed VALUES (1, 'mql');
CREATE INDEX ON indexed ((id + act_once(1)));
CREATE VIEW past AS SELECT 9 AS lead, 'mql'::text AS stage, timestamptz '2020-01-01' AS at WHERE act() = 1;
RESET SESSION AUTHORIZATION;

-- an insertion that a deferred trigger follows at COMMIT
COMMENT ON SCHEMA guard_rights IS 'INSERT INTO guard_rights.armed VALUES (1)';
SELECT funnel.attach('leads', 'guard rights', backfill => true);
SELECT funnel.attach('indexed', 'guard rights');
SELECT funnel.import_history('leads', 'past');
-- a cursor that is read at COMMIT
COMMENT ON SCHEMA guard_rights IS 'DECLARE c CURSOR WITH HOLD FOR SELECT guard_rights.held()';
SELECT funnel.attach('leads', 'guard rights', backfill => true);
-- a temporary table that stands before one of the superuser's
COMMENT ON SCHEMA guard_rights IS 'CREATE TEMP TABLE todo (x int)';
SELECT funnel.attach('leads', 'guard rights', backfill => true);
-- a prepared statement under a name that the superuser uses
COMMENT ON SCHEMA guard_rights IS 'PREPARE report AS SELECT guard_rights.held()';
SELECT funnel.import_history('leads', 'past');
SELECT count(*) FROM pg_prepared_statements;
-- none of them was there to run
SELECT * FROM did;

-- What does nothing of the kind does not notice.
COMMENT ON SCHEMA guard_rights IS 'INSERT INTO guard_rights.did VALUES (''at once'')';
SELECT funnel.attach('leads', 'guard rights', backfill => true);
SELECT funnel.import_history('leads', 'past');
SELECT DISTINCT * FROM did;
SELECT lead, to_stage FROM leads_history ORDER BY at;
-- And the owner, whose session it is, may do all that.
SET SESSION AUTHORIZATION regress_funnel_eve;
DROP TRIGGER act ON leads_history;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON leads_history DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO leads VALUES (2, 'mql');
DELETE FROM leads_history WHERE lead = 2;
SELECT funnel.attach('leads', 'guard rights', backfill => true);
SELECT what, as_role, count(*) FROM did WHERE what = 'later' GROUP BY 1, 2;
RESET SESSION AUTHORIZATION;
-- A temporary table is its owner's to attach.
SET ROLE regress_funnel_eve;
CREATE TEMP TABLE scratch (id int, stage text);
RESET ROLE;
SELECT funnel.attach('scratch', 'guard rights');
SET ROLE regress_funnel_eve;
SELECT funnel.attach('scratch', 'guard rights');
RESET ROLE;
SELECT funnel.detach('scratch');

SET client_min_messages = error;
DROP SCHEMA guard_rights CASCADE;
DROP TABLE scratch, scratch_history;
DELETE FROM funnel.pipeline WHERE name = 'guard rights';
DROP ROLE regress_funnel_eve, regress_funnel_kim;
