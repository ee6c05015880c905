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

--
-- Who could write the history through a partition, or through a table that inherits
--
GRANT CREATE, USAGE ON SCHEMA guard_rights TO regress_funnel_kim;
SET ROLE regress_funnel_eve;
CREATE TABLE parts (id int, region text, stage text, who text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE parts_b_1 PARTITION OF parts_b FOR VALUES FROM (0) TO (100);
-- attach warns of roles that may make triggers, wherever that is
GRANT ALL ON parts_b_1 TO regress_funnel_kim;
GRANT TRIGGER ON parts_a TO PUBLIC;
SELECT funnel.attach('parts', 'guard rights');
REVOKE TRIGGER ON parts_a FROM PUBLIC;
SELECT funnel.attach('parts', 'guard rights');
REVOKE TRIGGER ON parts_b_1 FROM regress_funnel_kim;
SELECT funnel.attach('parts', 'guard rights');
CREATE TABLE parent (id int, stage text);
CREATE TABLE child () INHERITS (parent);
GRANT TRIGGER ON child TO regress_funnel_kim;
SELECT funnel.attach('parent', 'guard rights');
-- The owner of one partition only writes no history through it, neither by the guard nor by a trigger made for that.
RESET ROLE;
ALTER TABLE parts_b_1 OWNER TO regress_funnel_kim;
SET ROLE regress_funnel_kim;
INSERT INTO parts_b_1 VALUES (1, 'b', 'mql');
ALTER TABLE parts_b_1 DISABLE TRIGGER funnel_guard;
CREATE TRIGGER forge AFTER INSERT ON parts_b_1 FOR EACH ROW EXECUTE FUNCTION funnel.track('guard rights', 'stage', 'id', 'history=parts_history', 'actor=who');
INSERT INTO parts_b_1 VALUES (7, 'b', 'won', 'the boss');
RESET ROLE;
DROP TRIGGER forge ON parts_b_1;
ALTER TABLE parts_b_1 OWNER TO regress_funnel_eve;
-- ... nor the owner of one that has partitions in turn, or will have them
ALTER TABLE parts_b OWNER TO regress_funnel_kim;
ALTER TABLE parts_b DETACH PARTITION parts_b_1;
SET ROLE regress_funnel_kim;
CREATE TRIGGER forge AFTER INSERT ON parts_b FOR EACH ROW EXECUTE FUNCTION funnel.track('guard rights', 'stage', 'id', 'history=parts_history', 'actor=who');
RESET ROLE;
ALTER TABLE parts_b ATTACH PARTITION parts_b_1 FOR VALUES FROM (0) TO (100);
SET ROLE regress_funnel_kim;
INSERT INTO parts_b VALUES (7, 'b', 'won', 'the boss');
RESET ROLE;
SELECT count(*) FROM parts_history;
-- attach says so at once
SELECT funnel.attach('parts', 'guard rights');
DROP TRIGGER forge ON parts_b;
ALTER TABLE parts_b OWNER TO regress_funnel_eve;
SELECT funnel.attach('parts', 'guard rights');
INSERT INTO parts VALUES (1, 'b', 'mql');
SELECT lead, to_stage FROM parts_history;
-- a guard without a history has none that could be written
CREATE TABLE judged (id int, stage text) PARTITION BY LIST (id);
CREATE TABLE judged_1 PARTITION OF judged FOR VALUES IN (1);
ALTER TABLE judged_1 OWNER TO regress_funnel_kim;
CREATE TRIGGER g AFTER INSERT OR UPDATE ON judged FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard rights');
INSERT INTO judged VALUES (1, 'won');
INSERT INTO judged VALUES (1, 'mql');

SET client_min_messages = error;
DROP SCHEMA guard_rights CASCADE;
DROP TABLE scratch, scratch_history;
DELETE FROM funnel.pipeline WHERE name = 'guard rights';
DROP ROLE regress_funnel_eve, regress_funnel_kim;
