--
-- guard_override: an arbiter's ruling lets forbidden changes pass, in that transaction, and is on record
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE ROLE regress_funnel_arbiter;
CREATE ROLE regress_funnel_arbiters;
CREATE ROLE regress_funnel_noinherit NOINHERIT;
CREATE ROLE regress_funnel_app;
GRANT funnel_arbiter TO regress_funnel_arbiter, regress_funnel_arbiters;
GRANT regress_funnel_arbiters TO regress_funnel_noinherit;
CREATE SCHEMA guard_override;
GRANT USAGE ON SCHEMA guard_override TO PUBLIC;
SET search_path = guard_override, public;
SELECT FROM funnel.create_pipeline('guard override', '{mql,sal,won}', '{lost}');
UPDATE funnel.stage SET requires = '{note}' WHERE pipeline = 'guard override' AND stage = 'lost';
CREATE TABLE leads (id int PRIMARY KEY, stage text, note text, synced_by text);
SELECT funnel.attach('leads', 'guard override', actor => 'synced_by', reason => 'note');
GRANT SELECT, INSERT, UPDATE, DELETE ON leads TO PUBLIC;
GRANT SELECT ON leads_history TO PUBLIC;
INSERT INTO leads SELECT n, 'mql' FROM generate_series(1, 30) n;
-- What is on record of a lead after its first entry.
CREATE FUNCTION told(key int) RETURNS TABLE (lead int, from_stage text, to_stage text, changed_by text, override text, override_by text) STABLE
    LANGUAGE sql AS 'SELECT lead, from_stage, to_stage, changed_by, override, override_by FROM guard_override.leads_history WHERE lead = key AND (from_stage IS NOT NULL OR override IS NOT NULL) ORDER BY at';
-- Whether the lead can go on, which the pipeline does not allow; back again with the savepoint.
CREATE FUNCTION can_win(key int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE guard_override.leads SET stage = 'won' WHERE id = key;
    RAISE EXCEPTION 'passed';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;

--
-- Who may: members of funnel_arbiter, directly or not, and superusers
--
SET ROLE regress_funnel_app;
\set VERBOSITY sqlstate
SELECT funnel.override('I know better');
\set VERBOSITY default
SELECT funnel.override('I know better');
SET ROLE regress_funnel_arbiter;
BEGIN; SELECT funnel.override('signed in person'); UPDATE leads SET stage = 'won' WHERE id = 1; COMMIT;
SET ROLE regress_funnel_noinherit;
BEGIN; SELECT funnel.override('a member of a member'); UPDATE leads SET stage = 'won' WHERE id = 2; COMMIT;
SET ROLE funnel_arbiter;
BEGIN; SELECT funnel.override('the role itself'); UPDATE leads SET stage = 'won' WHERE id = 3; COMMIT;
RESET ROLE;
SELECT t.* FROM generate_series(1, 3) n, told(n) t;
BEGIN; SELECT funnel.override('superuser'); UPDATE leads SET stage = 'won' WHERE id = 4; COMMIT;
-- without that role nobody may, not even a superuser
BEGIN; ALTER ROLE funnel_arbiter RENAME TO regress_funnel_no_arbiter; SELECT funnel.override('superuser'); ROLLBACK;
SELECT lead, to_stage, override, override_by = current_user AS by_me FROM told(4);
-- A ruling has a reason.
SELECT funnel.override(NULL);
SELECT funnel.override('');
SELECT funnel.override(E' \t\r\n ');
-- Whatever the reason is, it is on record to the letter.
BEGIN;
SELECT funnel.override(E'O''Brien said: "yes"\\\n$1 ' || repeat('x', 10000));
UPDATE leads SET stage = 'won' WHERE id = 5;
COMMIT;
SELECT left(override, 30), length(override) FROM told(5);

--
-- What it lets pass: every rule. What the pipeline allows needs no ruling, and is recorded without
--
SET ROLE regress_funnel_arbiter;
BEGIN;
SELECT funnel.override('merged');
INSERT INTO leads (id, stage, synced_by) VALUES (101, 'won', 'crm sync');
UPDATE leads SET stage = 'mql' WHERE id = 101;
UPDATE leads SET stage = 'sal' WHERE id = 101;
UPDATE leads SET stage = 'lost' WHERE id = 101;
UPDATE leads SET stage = 'demo' WHERE id = 101;
UPDATE leads SET stage = NULL WHERE id = 101;
UPDATE leads SET stage = 'won' WHERE id = 101;
UPDATE leads SET id = 102 WHERE id = 101;
UPDATE leads SET id = 103, stage = 'mql' WHERE id = 102;
DELETE FROM leads WHERE id = 103;
COMMIT;
SELECT t.* FROM generate_series(101, 103) n, told(n) t;
RESET ROLE;
-- A change that no history can hold is refused all the same.
CREATE TABLE keyless (id int, stage text, note text);
SELECT funnel.attach('keyless', 'guard override', mode => 'warn');
BEGIN;
SELECT funnel.override('no key yet');
INSERT INTO keyless VALUES (NULL, 'won');
ROLLBACK;
-- In mode warn a ruling keeps the warning and the violation away too.
BEGIN;
SELECT funnel.override('agreed');
INSERT INTO keyless VALUES (1, 'won');
SELECT lead, to_stage, override FROM keyless_history;
SELECT count(*) FROM funnel.violation WHERE table_name = 'keyless';
ROLLBACK;
-- What is only tracked shows whether a ruling was needed.
CREATE TABLE tracked (id int, stage text);
CREATE TABLE tracked_history (LIKE leads_history INCLUDING ALL);
CREATE TRIGGER track AFTER INSERT OR UPDATE OR DELETE ON tracked FOR EACH ROW EXECUTE FUNCTION funnel.track('guard override', 'stage', 'id', 'history=tracked_history');
BEGIN;
SELECT funnel.override('tracked');
INSERT INTO tracked VALUES (1, 'won'), (2, 'mql');
COMMIT;
SELECT lead, to_stage, override FROM tracked_history ORDER BY lead;

--
-- It ends with its transaction, however that ends
--
SET ROLE regress_funnel_arbiter;
SELECT funnel.override('alone');
SELECT can_win(10);
BEGIN; SELECT funnel.override('rolled back'); SELECT can_win(10), current_setting('funnel.override'); ROLLBACK;
SELECT can_win(10), current_setting('funnel.override');
BEGIN; SELECT funnel.override('committed'); COMMIT;
SELECT can_win(10), current_setting('funnel.override');
BEGIN; SELECT funnel.override('chained'); COMMIT AND CHAIN;
SELECT can_win(10), current_setting('funnel.override');
ROLLBACK;
BEGIN; SELECT funnel.override('failed'); SELECT 1/0; ROLLBACK;
SELECT can_win(10), current_setting('funnel.override');
-- Statements sent together are one transaction.
\set SHOW_ALL_RESULTS off
SELECT funnel.override('together')\; SELECT can_win(10);
SELECT can_win(10);
RESET ROLE;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM funnel.override('before commit');
    RAISE WARNING 'before: %', guard_override.can_win(10);
    COMMIT;
    RAISE WARNING 'after: %', guard_override.can_win(10);
    PERFORM funnel.override('before rollback');
    ROLLBACK;
    RAISE WARNING 'after: %', guard_override.can_win(10);
END $$;
CALL commits();

--
-- Savepoints: it goes back to what it was
--
SET ROLE regress_funnel_arbiter;
BEGIN;
SAVEPOINT a;
SELECT funnel.override('within');
SELECT can_win(10);
ROLLBACK TO a;
SELECT can_win(10), current_setting('funnel.override');
SELECT funnel.override('outer');
SAVEPOINT b;
SELECT funnel.override('inner');
UPDATE leads SET stage = 'won' WHERE id = 11;
ROLLBACK TO b;
UPDATE leads SET stage = 'won' WHERE id = 12;
SAVEPOINT c;
SELECT funnel.override('released');
RELEASE c;
UPDATE leads SET stage = 'won' WHERE id = 13;
DO $$ BEGIN
    PERFORM funnel.override('in a block that fails');
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    UPDATE guard_override.leads SET stage = 'won' WHERE id = 14;
END $$;
COMMIT;
SELECT t.* FROM generate_series(10, 14) n, told(n) t;

--
-- It is the role that counts, at the moment of the change
--
BEGIN;
SELECT funnel.override('mine');
SET LOCAL ROLE regress_funnel_app;
SELECT can_win(10);
SELECT funnel.override('mine too');
ROLLBACK;
BEGIN;
SELECT funnel.override('mine');
SET LOCAL ROLE regress_funnel_noinherit;    -- another arbiter, who did not rule
UPDATE leads SET stage = 'won' WHERE id = 15;
COMMIT;
SELECT t.* FROM told(15) t;
RESET ROLE;
BEGIN;
SET LOCAL ROLE regress_funnel_arbiter;
SELECT funnel.override('until it is taken away');
SELECT can_win(10);
RESET ROLE;
REVOKE funnel_arbiter FROM regress_funnel_arbiter;
SET LOCAL ROLE regress_funnel_arbiter;
SELECT can_win(10);
ROLLBACK;
-- A function of an arbiter's rules for its caller, within it and no longer.
CREATE FUNCTION ruled(key int, why text) RETURNS text SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE plpgsql AS $$
BEGIN
    PERFORM funnel.override(why);
    UPDATE guard_override.leads SET stage = 'won' WHERE id = key;
    RETURN current_setting('funnel.override');
END $$;
ALTER FUNCTION ruled(int, text) OWNER TO regress_funnel_arbiter;
SET ROLE regress_funnel_app;
BEGIN;
SELECT ruled(16, 'desk decision');
SELECT can_win(10), current_setting('funnel.override');
COMMIT;
SELECT t.* FROM told(16) t;
RESET ROLE;
-- A function of somebody else's does not rule for an arbiter.
CREATE FUNCTION not_ruled(key int) RETURNS void SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    LANGUAGE sql AS $$UPDATE guard_override.leads SET stage = 'won' WHERE id = key$$;
ALTER FUNCTION not_ruled(int) OWNER TO regress_funnel_app;
SET ROLE regress_funnel_arbiter;
BEGIN; SELECT funnel.override('for all I call'); SELECT not_ruled(10); ROLLBACK;
-- What a function with settings of its own rules holds after it, unless it sets this one.
RESET ROLE;
CREATE FUNCTION rules() RETURNS void SET search_path = pg_catalog, pg_temp SET work_mem = '1MB' LANGUAGE sql AS $$SELECT funnel.override('by function')$$;
CREATE FUNCTION rules_within() RETURNS text SET funnel.override = '' LANGUAGE sql AS $$SELECT funnel.override('by function'); SELECT guard_override.can_win(10)$$;
SET ROLE regress_funnel_arbiter;
BEGIN; SELECT rules(); SELECT can_win(10); ROLLBACK;
BEGIN; SELECT rules_within(); SELECT can_win(10); ROLLBACK;
BEGIN; SELECT rules(); SELECT rules_within(); SELECT can_win(10); ROLLBACK;
-- A deferred guard hears of it at the end.
RESET ROLE;
CREATE TABLE deferred (id int, stage text, note text);
CREATE CONSTRAINT TRIGGER guard_at_commit AFTER INSERT OR UPDATE OR DELETE ON deferred DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard override', 'stage', 'id');
GRANT ALL ON deferred TO PUBLIC;
SET ROLE regress_funnel_arbiter;
BEGIN; INSERT INTO deferred VALUES (1, 'won'); SELECT funnel.override('in time'); COMMIT;
BEGIN; SELECT funnel.override('ended early'); INSERT INTO deferred VALUES (2, 'won'); SET funnel.override = ''; COMMIT;
SELECT id, stage FROM deferred;

--
-- The setting cannot be set, only cleared
--
SET funnel.override = 'forged';
\set VERBOSITY sqlstate
SET SESSION funnel.override = 'forged';
SELECT set_config('funnel.override', 'forged', false);
SELECT set_config('funnel.override', 'forged', true);
UPDATE pg_settings SET setting = 'forged' WHERE name = 'funnel.override';
CREATE FUNCTION pg_temp.f() RETURNS void SET funnel.override = 'forged' LANGUAGE sql AS '';
RESET ROLE;
ALTER ROLE regress_funnel_arbiter SET funnel.override = 'forged';
ALTER DATABASE :"DBNAME" SET funnel.override = 'forged';
CREATE FUNCTION forges() RETURNS text SET funnel.override = 'forged' LANGUAGE sql AS $$SELECT guard_override.can_win(10)$$;
SET ROLE regress_funnel_arbiter;
-- ... nor changed after a ruling
BEGIN; SELECT funnel.override('ruled'); SAVEPOINT a; SET LOCAL funnel.override = 'forged'; ROLLBACK TO a; SELECT current_setting('funnel.override'), can_win(10); ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT funnel.override('cleared'); SET funnel.override = ''; SELECT can_win(10); COMMIT;
BEGIN; SELECT funnel.override('reset'); RESET funnel.override; SELECT can_win(10); COMMIT;
BEGIN; SELECT funnel.override('reset'); RESET ALL; SELECT guard_override.can_win(10); COMMIT;
BEGIN; SELECT funnel.override('default'); SET LOCAL funnel.override TO DEFAULT; SELECT guard_override.can_win(10); COMMIT;
SELECT guard_override.can_win(10), current_setting('funnel.override');
-- Nor can a ruling be saved as a function's setting.
RESET ROLE;
SET search_path = guard_override, public;
BEGIN; SELECT funnel.override('saved'); CREATE FUNCTION replays() RETURNS text SET funnel.override FROM CURRENT LANGUAGE sql AS $$SELECT guard_override.can_win(10)$$; ROLLBACK;

--
-- Before the module is loaded anybody can set anything of that name: it counts for nothing
--
\c -
SET client_min_messages = error;    -- the server warns of each value that it drops, in words of its own
\set SHOW_CONTEXT never
\pset null '-'
SET funnel.override = 'forged';
SHOW funnel.override;
SET ROLE regress_funnel_arbiter;
SELECT guard_override.can_win(10), current_setting('funnel.override');
\c -
SET client_min_messages = error;
BEGIN;
SET LOCAL funnel.override = 'forged';
SET LOCAL ROLE regress_funnel_arbiter;
SAVEPOINT a;
SET LOCAL funnel.override = 'forged twice';
SELECT guard_override.can_win(10), current_setting('funnel.override');
ROLLBACK TO a;
SELECT guard_override.can_win(10), current_setting('funnel.override');
SELECT funnel.override('and now really');
SELECT guard_override.can_win(10), current_setting('funnel.override');
COMMIT;
SELECT guard_override.can_win(10), current_setting('funnel.override');
-- a function that brings its own value, made before the module is loaded, and called then and later
\c -
SET client_min_messages = error;
CREATE FUNCTION guard_override.forges() RETURNS text SET funnel.override = 'forged' LANGUAGE sql AS $$SELECT guard_override.can_win(10) || ', ' || current_setting('funnel.override')$$;
SET ROLE regress_funnel_arbiter;
SELECT guard_override.forges();
SELECT guard_override.can_win(10), current_setting('funnel.override');
SELECT guard_override.forges();
-- settings of the database and of the role
\c -
SET client_min_messages = error;
ALTER DATABASE :"DBNAME" SET funnel.override = 'forged by database';
\c -
SET client_min_messages = error;
SELECT guard_override.can_win(10), current_setting('funnel.override');
BEGIN; SELECT funnel.override('ruled'); SELECT guard_override.can_win(10); COMMIT;
SELECT guard_override.can_win(10), current_setting('funnel.override');
ALTER DATABASE :"DBNAME" RESET funnel.override;
\c -
SET client_min_messages = error;
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" SET funnel.override = 'forged by role';
\c -
SET client_min_messages = error;
SELECT guard_override.can_win(10), current_setting('funnel.override');
ALTER ROLE CURRENT_USER IN DATABASE :"DBNAME" RESET funnel.override;

--
-- A parallel query after a ruling: its workers know the value, and the ruling holds
--
\c -
SET client_min_messages = warning;
SET search_path = guard_override, public;
CREATE TABLE many AS SELECT n FROM generate_series(1, 10000) n;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
BEGIN;
SELECT funnel.override('in parallel');
EXPLAIN (COSTS off) SELECT count(*), min(current_setting('funnel.override')), min(funnel.try_lead_stage('won')::text) FROM many;
SELECT count(*), min(current_setting('funnel.override')), min(funnel.try_lead_stage('won')::text) FROM many;
UPDATE leads SET stage = 'won' WHERE id = 20;
COMMIT;
SELECT lead, from_stage, to_stage, override FROM told(20);

SET client_min_messages = error;
DROP SCHEMA guard_override CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'guard override';
DROP ROLE regress_funnel_arbiter, regress_funnel_arbiters, regress_funnel_noinherit, regress_funnel_app;
