--
-- guard_transfer: what can come between a row's leaving one partition and its arriving in another
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset null '-'
CREATE ROLE regress_funnel_kim;
CREATE SCHEMA guard_transfer;
CREATE SCHEMA guard_transfer_2;
GRANT USAGE ON SCHEMA guard_transfer, guard_transfer_2 TO regress_funnel_kim;
SET search_path = guard_transfer, public;
SELECT FROM funnel.create_pipeline('guard transfer', '{mql,sal,won}');
-- The stages of each lead in the order of its history; / where it began, ! where a row does not go on from the one before.
CREATE FUNCTION told(history regclass, OUT lead text, OUT stages text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT lead::text, string_agg(CASE WHEN from_stage IS NULL THEN ''/'' WHEN from_stage IS DISTINCT FROM previous THEN ''!'' ELSE ''>'' END || coalesce(to_stage, ''-''), '''' ORDER BY at)
                                   FROM (SELECT *, lag(to_stage) OVER (PARTITION BY lead ORDER BY at) AS previous FROM %s) AS h
                                  GROUP BY lead ORDER BY lead::text COLLATE "C"', history);
END $$;

--
-- A deferred guard, and partitions in two schemas, so that SET CONSTRAINTS can name the trigger of one of them
--
CREATE TABLE leads (id int, region text, stage text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE leads_a PARTITION OF leads FOR VALUES IN ('a');
CREATE TABLE guard_transfer_2.leads_b PARTITION OF leads FOR VALUES IN ('b');
GRANT SELECT, UPDATE ON leads TO regress_funnel_kim;
SELECT funnel.attach('leads', 'guard transfer');
SELECT funnel.detach('leads');
CREATE CONSTRAINT TRIGGER g AFTER INSERT OR UPDATE OR DELETE ON leads DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard transfer', 'stage', 'id', 'history=leads_history');
CREATE SCHEMA guard_transfer_1;
GRANT USAGE ON SCHEMA guard_transfer_1 TO regress_funnel_kim;
ALTER TABLE leads_a SET SCHEMA guard_transfer_1;
INSERT INTO leads VALUES (1, 'a', 'mql'), (2, 'a', 'mql'), (3, 'a', 'mql'), (4, 'a', 'mql');
UPDATE leads SET stage = 'sal' WHERE id IN (1, 3);
UPDATE leads SET stage = 'won' WHERE id = 1;

SET ROLE regress_funnel_kim;
-- Lead 1 is won, and goes back. Its arrival is judged in a savepoint, and refused; rolled back, it has not arrived.
BEGIN;
SET CONSTRAINTS guard_transfer_1.g IMMEDIATE;
UPDATE leads SET region = 'b', stage = 'mql' WHERE id = 1;
SAVEPOINT s;
SET CONSTRAINTS guard_transfer_2.g IMMEDIATE;
ROLLBACK TO s;
COMMIT;
-- The same with the error caught,
BEGIN;
SET CONSTRAINTS guard_transfer_1.g IMMEDIATE;
UPDATE leads SET region = 'b', stage = 'mql' WHERE id = 1;
DO $$ BEGIN SET CONSTRAINTS guard_transfer_2.g IMMEDIATE; EXCEPTION WHEN check_violation THEN RAISE WARNING 'refused: %', SQLERRM; END $$;
COMMIT;
-- ... from a savepoint within that, which was released,
BEGIN;
SET CONSTRAINTS guard_transfer_1.g IMMEDIATE;
UPDATE leads SET region = 'b', stage = 'mql' WHERE id = 1;
SAVEPOINT s;
UPDATE leads SET region = 'b', stage = 'sal' WHERE id = 2;
SAVEPOINT t;
DO $$ BEGIN SET CONSTRAINTS guard_transfer_2.g IMMEDIATE; EXCEPTION WHEN check_violation THEN RAISE WARNING 'refused: %', SQLERRM; END $$;
RELEASE t;
ROLLBACK TO s;
COMMIT;
SELECT tableoid::regclass, * FROM leads ORDER BY id;
-- What is allowed arrives, also the second time.
BEGIN;
SET CONSTRAINTS guard_transfer_1.g IMMEDIATE;
UPDATE leads SET region = 'b', stage = 'sal' WHERE id = 2;
SAVEPOINT s;
SET CONSTRAINTS guard_transfer_2.g IMMEDIATE;
ROLLBACK TO s;
SAVEPOINT s;
SET CONSTRAINTS guard_transfer_2.g IMMEDIATE;
RELEASE s;
COMMIT;
SELECT tableoid::regclass, * FROM leads ORDER BY id;
-- Two leave before the first arrives: each is judged by its own stage.
BEGIN;
SET CONSTRAINTS guard_transfer_1.g IMMEDIATE;
UPDATE leads SET region = 'b', stage = CASE id WHEN 3 THEN 'won' ELSE 'sal' END WHERE id IN (3, 4);
COMMIT;
BEGIN;
SET CONSTRAINTS guard_transfer_2.g IMMEDIATE;
UPDATE leads SET region = 'a', stage = CASE id WHEN 3 THEN 'sal' ELSE 'won' END WHERE id IN (3, 4);
COMMIT;
RESET ROLE;
SELECT tableoid::regclass, * FROM leads ORDER BY id;
SELECT * FROM told('leads_history');

--
-- Keys as they are, not as their text says they are
--
-- The key's type runs code of the owner's when a text is made a key. A row that arrives under another key ends the
-- history of the old one without asking it.
CREATE FUNCTION meddle(bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('guard.meddle', true) = 'on' AND $1 = 1 THEN
        CREATE INDEX stage_lead ON guard_transfer.odd_history (to_stage, lead);
    END IF;
    RETURN true;
END $$;
CREATE DOMAIN odd_key AS bigint CHECK (guard_transfer.meddle(VALUE));
CREATE TABLE odd (id odd_key, region text, stage text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE odd_a PARTITION OF odd FOR VALUES IN ('a');
CREATE TABLE odd_b PARTITION OF odd FOR VALUES IN ('b');
SELECT funnel.attach('odd', 'guard transfer', mode => 'audit');
INSERT INTO odd VALUES (1, 'a', 'mql');
SET guard.meddle = 'on';
UPDATE odd SET id = 2, region = 'b';
RESET guard.meddle;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'odd_history'::regclass;
SELECT * FROM told('odd_history');
-- A domain that takes no NULL: the columns of an old key are on record too. Of whatever length, and however stored.
CREATE DOMAIN region AS text NOT NULL;
CREATE TABLE far (region region, id numeric, stage text) PARTITION BY LIST (region);
CREATE TABLE far_a PARTITION OF far FOR VALUES IN ('a');
CREATE TABLE far_b PARTITION OF far DEFAULT;
ALTER TABLE far_b ALTER region SET STORAGE EXTERNAL;
SELECT funnel.attach('far', 'guard transfer', key => '{region,id}', mode => 'audit');
INSERT INTO far VALUES ('a', 1.50, 'mql'), (repeat('b', 2100), 2, 'mql');
UPDATE far SET region = CASE region WHEN 'a' THEN 'c' ELSE 'a' END, stage = 'sal';
SELECT left(lead, 5) AS lead, left(key_region, 3) AS key_region, length(key_region), key_id, from_stage, to_stage FROM far_history ORDER BY key_id, at;
-- so that a dump of it, which is text, can be read again
SELECT count(key_region::text::region) FROM far_history;
-- A lead from before the guard that has no key gets one.
CREATE TABLE keyless (id int, region text, stage text) PARTITION BY LIST (region);
CREATE TABLE keyless_a PARTITION OF keyless FOR VALUES IN ('a');
CREATE TABLE keyless_b PARTITION OF keyless FOR VALUES IN ('b');
INSERT INTO keyless VALUES (NULL, 'a', 'mql'), (NULL, 'b', 'mql');
SELECT funnel.attach('keyless', 'guard transfer', mode => 'audit');
UPDATE keyless SET id = 1 WHERE region = 'b';
UPDATE keyless SET id = 2, region = 'b', stage = 'sal' WHERE region = 'a';
SELECT * FROM told('keyless_history');
SELECT lead, from_stage, to_stage, rule FROM funnel.violation WHERE table_name = 'keyless' ORDER BY at;

--
-- Rows that never arrive, because a trigger of the other partition suppresses them
--
-- The lead is gone then. A guard that refuses refuses the transaction; the others put on record that the lead ended.
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE lossy (id int, region text, stage text, why text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE lossy_a PARTITION OF lossy FOR VALUES IN ('a');
CREATE TABLE lossy_b PARTITION OF lossy FOR VALUES IN ('b');
CREATE TRIGGER suppress BEFORE INSERT ON lossy_b FOR EACH ROW WHEN (NEW.id < 90) EXECUTE FUNCTION suppress();
GRANT SELECT, INSERT, UPDATE ON lossy TO regress_funnel_kim;
-- Who moves it is on record, even if a function of another role did it before COMMIT. Only what is known of the lead is.
CREATE FUNCTION move(lead int) RETURNS void SECURITY DEFINER LANGUAGE sql AS 'UPDATE guard_transfer.lossy SET region = ''b'', stage = ''sal'' WHERE id = lead';
CREATE FUNCTION went() RETURNS TABLE (lead int, from_stage text, to_stage text, by_kim boolean, why text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT h.lead, h.from_stage, h.to_stage, h.changed_by = 'regress_funnel_kim', h.why FROM guard_transfer.lossy_history AS h ORDER BY h.lead, h.at;
    DELETE FROM guard_transfer.lossy_history;
    DELETE FROM guard_transfer.lossy;
    DELETE FROM guard_transfer.lossy_history;
END $$;
SELECT funnel.attach('lossy', 'guard transfer', keep => '{why}');
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x'), (2, 'a', 'mql', 'x'), (91, 'a', 'mql', 'x');
UPDATE lossy SET region = 'b', stage = 'sal';
SELECT * FROM lossy ORDER BY id;
SELECT * FROM went();

SELECT funnel.attach('lossy', 'guard transfer', keep => '{why}', mode => 'warn');
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x'), (2, 'a', 'mql', 'x'), (91, 'a', 'mql', 'x');
UPDATE lossy SET region = 'b', stage = 'sal';
SELECT * FROM lossy ORDER BY id;
SELECT * FROM went();

SELECT funnel.attach('lossy', 'guard transfer', keep => '{why}', mode => 'audit');
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x'), (2, 'a', 'mql', 'x'), (3, 'a', 'mql', 'x'), (91, 'a', 'mql', 'x');
BEGIN;
SET LOCAL ROLE regress_funnel_kim;
UPDATE lossy SET region = 'b', stage = 'sal' WHERE id = 91;
SAVEPOINT s;
UPDATE lossy SET region = 'b' WHERE id = 2;
ROLLBACK TO s;
UPDATE lossy SET region = 'b' WHERE id = 1;
SELECT move(3);
COMMIT;
SELECT * FROM lossy ORDER BY id;
SELECT * FROM went();
SELECT lead, from_stage, to_stage, rule, mode, changed_by = 'regress_funnel_kim' AS by_kim FROM funnel.violation WHERE table_name = 'lossy' ORDER BY at;

-- What is only tracked is refused in no case, and is no violation.
SELECT funnel.detach('lossy');
CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON lossy FOR EACH ROW EXECUTE FUNCTION funnel.track('guard transfer', 'stage', 'id', 'history=lossy_history', 'keep=why');
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x'), (2, 'a', 'won', 'x'), (91, 'a', 'mql', 'x');
UPDATE lossy SET region = 'b', stage = 'sal';
SELECT * FROM went();
SELECT count(*) FROM funnel.violation WHERE table_name = 'lossy';
-- nothing is left to say where the table is gone, or its trigger
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x');
BEGIN;
UPDATE lossy SET region = 'b';
DROP TRIGGER t ON lossy;
COMMIT;
SELECT * FROM went();
CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON lossy FOR EACH ROW EXECUTE FUNCTION funnel.track('guard transfer', 'stage', 'id', 'history=lossy_history', 'keep=why');
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x');
BEGIN;
UPDATE lossy SET region = 'b';
DROP TABLE lossy_a;
COMMIT;
SELECT * FROM went();
-- A trigger of the history fires for it; one that is deferred would come too late.
CREATE TABLE lossy_a PARTITION OF lossy FOR VALUES IN ('a');
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING '% of lead %', coalesce(NEW.to_stage, 'end'), NEW.lead; RETURN NULL; END $$;
CREATE TRIGGER say AFTER INSERT ON lossy_history FOR EACH ROW EXECUTE FUNCTION say();
INSERT INTO lossy VALUES (1, 'a', 'mql', 'x');
UPDATE lossy SET region = 'b';
DROP TRIGGER say ON lossy_history;
CREATE CONSTRAINT TRIGGER say AFTER INSERT ON lossy_history DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION say();
INSERT INTO lossy VALUES (2, 'a', 'mql', 'x');
UPDATE lossy SET region = 'b';
SELECT * FROM went();

-- A key of another type could not be put on record: refused, in every mode.
ALTER TABLE lossy_history DISABLE TRIGGER say;
CREATE TABLE retyped (id int, region text, stage text) PARTITION BY LIST (region);
CREATE TABLE retyped_a PARTITION OF retyped FOR VALUES IN ('a');
CREATE TABLE retyped_b PARTITION OF retyped FOR VALUES IN ('b');
CREATE TRIGGER suppress BEFORE INSERT ON retyped_b FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT funnel.attach('retyped', 'guard transfer', mode => 'audit');
INSERT INTO retyped VALUES (1, 'a', 'mql');
BEGIN;
UPDATE retyped SET region = 'b';
ALTER TABLE retyped ALTER id TYPE text;
ALTER TABLE retyped_history ALTER lead TYPE text;
COMMIT;
SELECT lead, from_stage, to_stage FROM retyped_history;

-- Somebody who is gone by then did it.
BEGIN;
CREATE ROLE regress_funnel_gone;
GRANT SELECT, UPDATE ON retyped TO regress_funnel_gone;
GRANT USAGE ON SCHEMA guard_transfer TO regress_funnel_gone;
SET ROLE regress_funnel_gone;
UPDATE retyped SET region = 'b';
RESET ROLE;
DROP OWNED BY regress_funnel_gone;
DROP ROLE regress_funnel_gone;
COMMIT;
SELECT lead, from_stage, to_stage, changed_by = current_user AS by_me FROM retyped_history ORDER BY at;

-- Of many rows that do not arrive none is forgotten, and those that arrive find their own among them.
INSERT INTO lossy SELECT CASE n % 2 WHEN 0 THEN n + 1000 ELSE -n END, 'a', 'mql', 'x' FROM generate_series(1, 2000) AS n;
UPDATE lossy SET region = 'b', stage = 'sal';
SELECT lead > 0 AS arrived, from_stage, to_stage, count(*) FROM lossy_history GROUP BY 1, 2, 3 ORDER BY 1, 2 NULLS FIRST;

SET client_min_messages = error;
DROP SCHEMA guard_transfer, guard_transfer_1, guard_transfer_2 CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'guard transfer';
DELETE FROM funnel.violation_log WHERE table_schema = 'guard_transfer';
DROP ROLE regress_funnel_kim;
