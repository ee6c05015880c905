--
-- guard_modes: enforce refuses, warn and audit let pass and keep what the pipeline forbids in funnel.violation
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE ROLE regress_funnel_owner;
CREATE ROLE regress_funnel_writer;
CREATE ROLE regress_funnel_reader;
CREATE ROLE regress_funnel_column_reader;
CREATE ROLE regress_funnel_bypass BYPASSRLS;
CREATE ROLE regress_funnel_stranger;
CREATE SCHEMA guard_modes AUTHORIZATION regress_funnel_owner;
GRANT USAGE ON SCHEMA guard_modes TO PUBLIC;
SET search_path = guard_modes, public;
SELECT FROM funnel.create_pipeline('guard modes', '{mql,sal,won}', '{lost}');
BEGIN;
UPDATE funnel.stage SET requires = '{amount}' WHERE pipeline = 'guard modes' AND stage = 'won';
INSERT INTO funnel.transition (pipeline, from_stage, to_stage, requires) VALUES ('guard modes', 'sal', 'mql', '{returned_by}');
COMMIT;

SET ROLE regress_funnel_owner;
CREATE TABLE leads (id int PRIMARY KEY, stage text, amount numeric, returned_by text);
SELECT funnel.attach('leads', 'guard modes', mode => 'warn');
CREATE VIEW violations AS SELECT lead, from_stage, to_stage, rule, column_name, mode, version, changed_by FROM funnel.violation
 WHERE table_schema = 'guard_modes' AND table_name = 'leads' AND pipeline = 'guard modes' ORDER BY at, lead;
GRANT SELECT ON violations TO PUBLIC;
CREATE VIEW told AS SELECT lead, string_agg(concat_ws('>', from_stage, coalesce(to_stage, '-')), ' ' ORDER BY at) AS history FROM leads_history GROUP BY lead ORDER BY lead;

--
-- warn: the message of the error as a warning, and the change passes
--
INSERT INTO leads VALUES (1, 'mql', NULL), (2, 'won', 5);
UPDATE leads SET stage = 'won', amount = 5 WHERE id = 1;
UPDATE leads SET stage = 'demo' WHERE id = 1;
UPDATE leads SET stage = 'sal' WHERE id = 1;
UPDATE leads SET stage = 'mql' WHERE id = 1;
UPDATE leads SET stage = 'sal', amount = NULL WHERE id = 1;
UPDATE leads SET stage = 'won' WHERE id = 1;
UPDATE leads SET stage = NULL WHERE id = 1;
UPDATE leads SET id = 11 WHERE id = 2;
INSERT INTO leads VALUES (3, NULL);
-- what is allowed gives no warning
INSERT INTO leads VALUES (4, 'mql');
UPDATE leads SET stage = 'sal' WHERE id = 4;
SELECT * FROM violations;
SELECT * FROM told;
-- The newest are those that were made last.
SELECT count(*), bool_and(at BETWEEN now() - interval '1 hour' AND clock_timestamp()) AS just_now FROM funnel.violation WHERE table_schema = 'guard_modes';
-- A violation that is rolled back was none.
BEGIN;
INSERT INTO leads VALUES (5, 'won', 1);
SAVEPOINT a;
INSERT INTO leads VALUES (6, 'won', 1);
SELECT count(*) FROM violations WHERE lead IN ('5', '6');
ROLLBACK TO a;
SELECT count(*) FROM violations WHERE lead IN ('5', '6');
ROLLBACK;
SELECT count(*) FROM violations WHERE lead IN ('5', '6');
-- A warning has the fields of the error.
\set VERBOSITY sqlstate
UPDATE leads SET stage = 'demo' WHERE id = 4;
UPDATE leads SET stage = 'mql' WHERE id = 4;
INSERT INTO leads VALUES (5, NULL);
\set VERBOSITY default
DELETE FROM leads;

--
-- audit: nothing is said; attach again changes the mode
--
SELECT funnel.attach('leads', 'guard modes', mode => 'audit');
SELECT mode, history FROM funnel.attached WHERE table_name = 'leads' AND table_schema = 'guard_modes';
COPY leads (id, stage) FROM STDIN;
21	mql
22	sal
23	\N
24	demo
\.
UPDATE leads SET stage = 'won', id = id + 10 WHERE id = 21;
-- once known, a stage outside the pipeline can be left only as a violation too
UPDATE leads SET stage = 'sal' WHERE id = 24;
SELECT * FROM violations WHERE mode = 'audit';
SELECT * FROM told WHERE lead > 20;
-- What cannot be recorded cannot pass, even so: a lead without a key.
ALTER TABLE leads DROP CONSTRAINT leads_pkey;
ALTER TABLE leads ALTER id DROP NOT NULL;
INSERT INTO leads VALUES (NULL, 'mql');

--
-- enforce leaves no violation; there are no other modes
--
SELECT funnel.attach('leads', 'guard modes', mode => 'enforce');
INSERT INTO leads VALUES (31, 'won', 1);
SELECT count(*) FROM violations WHERE lead = '31';
SELECT funnel.attach('leads', 'guard modes', mode => 'Warn');
SELECT funnel.attach('leads', 'guard modes', mode => NULL);
SELECT mode FROM funnel.attached WHERE table_name = 'leads' AND table_schema = 'guard_modes';

--
-- track: records, and judges nothing, not even whether the stage exists
--
CREATE TABLE tracked (id int PRIMARY KEY, stage text);
CREATE TABLE tracked_history (LIKE leads_history INCLUDING ALL);
CREATE TRIGGER track AFTER INSERT OR UPDATE OR DELETE ON tracked FOR EACH ROW EXECUTE FUNCTION funnel.track('guard modes', 'stage', 'id', 'history=tracked_history');
SELECT table_name, pipeline, stage_column, key_columns, mode, history, trigger_name FROM funnel.attached WHERE table_name = 'tracked';
INSERT INTO tracked VALUES (1, 'won'), (2, NULL);
UPDATE tracked SET stage = 'demo' WHERE id = 1;
UPDATE tracked SET stage = 'mql' WHERE id = 2;
UPDATE tracked SET stage = NULL WHERE id = 2;
UPDATE tracked SET stage = NULL WHERE id = 2;
DELETE FROM tracked;
SELECT lead, from_stage, to_stage, pipeline FROM tracked_history ORDER BY lead, at;
SELECT count(*) FROM funnel.violation WHERE table_name = 'tracked';

--
-- Guards by hand
--
CREATE TABLE by_hand (stage text, id int);
CREATE TRIGGER warns AFTER INSERT OR UPDATE OR DELETE ON by_hand FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard modes', 'stage', 'id', 'mode=warn');
CREATE TRIGGER audits AFTER INSERT OR UPDATE OR DELETE ON by_hand FOR EACH ROW EXECUTE FUNCTION funnel.guard('mode=audit', 'key=id', 'key=stage', 'pipeline=guard modes');
-- a lead without a key can be guarded, if not recorded
INSERT INTO by_hand VALUES ('sal', NULL);
INSERT INTO by_hand VALUES ('sal', 7);
SELECT lead, to_stage, rule, mode FROM funnel.violation WHERE table_name = 'by_hand' ORDER BY lead NULLS FIRST, mode;
SELECT trigger_name, stage_column, key_columns, mode, history FROM funnel.attached WHERE table_name = 'by_hand' ORDER BY trigger_name;
-- Partitions: the violation is that of the table.
CREATE TABLE parts (id int, stage text, amount numeric, returned_by text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
SELECT funnel.attach('parts', 'guard modes', mode => 'audit');
INSERT INTO parts VALUES (1, 'won', 1);
INSERT INTO parts_1 VALUES (2, 'won', 1);
SELECT table_name, lead, rule FROM funnel.violation WHERE table_schema = 'guard_modes' AND table_name LIKE 'parts%' ORDER BY lead;

--
-- Whoever changes a lead leaves a violation, and needs no right but to the table
--
SELECT funnel.attach('leads', 'guard modes', mode => 'warn');
GRANT INSERT, UPDATE (stage), SELECT (id) ON leads TO regress_funnel_writer;
SET ROLE regress_funnel_writer;
INSERT INTO leads VALUES (41, 'won', 1);
UPDATE leads SET stage = 'demo' WHERE id = 41;
SELECT count(*) FROM funnel.violation_log;
SET ROLE regress_funnel_owner;
SELECT * FROM violations WHERE lead = '41';

--
-- Who reads a violation: whoever can read the guarded table whole
--
CREATE FUNCTION seen_by(role text, OUT violations bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    violations := (SELECT count(*) FROM funnel.violation WHERE table_schema = 'guard_modes' AND table_name = 'leads' AND lead = '41');
    RESET ROLE;
END $$;
CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE WARNING 'leaked: %', $1; RETURN true; END$$;
GRANT SELECT ON leads TO regress_funnel_reader, regress_funnel_bypass;
GRANT SELECT (id, stage) ON leads TO regress_funnel_column_reader;
RESET ROLE;
CREATE VIEW readers AS SELECT role, v.violations FROM unnest('{owner,reader,column_reader,bypass,stranger}'::text[]) WITH ORDINALITY r(role, n), seen_by('regress_funnel_' || role) v ORDER BY n;
SELECT * FROM readers;
-- Row-level security hides them from those it hides rows from.
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON leads FOR SELECT USING (id = 1);
SELECT * FROM readers;
ALTER TABLE leads FORCE ROW LEVEL SECURITY;
SELECT * FROM readers;
ALTER TABLE leads NO FORCE ROW LEVEL SECURITY;
SET ROLE regress_funnel_reader;
SET row_security = off;
SELECT count(*) FROM funnel.violation WHERE table_name = 'leads' AND table_schema = 'guard_modes';
RESET row_security;
-- A condition of the reader's sees no row that he must not see.
SELECT count(*) FROM funnel.violation WHERE leak(lead) AND table_name = 'leads';
RESET ROLE;
ALTER TABLE leads DISABLE ROW LEVEL SECURITY;
-- With the table they go from sight.
DROP TABLE parts, by_hand, tracked;
SELECT DISTINCT table_name FROM funnel.violation WHERE table_schema = 'guard_modes';
-- Nobody adds, changes or removes one, not even the table's owner.
SET ROLE regress_funnel_owner;
INSERT INTO funnel.violation_log SELECT * FROM funnel.violation;
UPDATE funnel.violation SET lead = '1';
DELETE FROM funnel.violation;
DELETE FROM funnel.violation_log;
TRUNCATE funnel.violation_log;
RESET ROLE;

--
-- A statement of many rows, in which a trigger alters some table for each, takes no more memory for more violations
--
CREATE TABLE many (id int PRIMARY KEY, stage text);
CREATE TRIGGER guard AFTER INSERT ON many FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard modes', 'mode=audit');
CREATE TEMP TABLE altered (x int);
CREATE TEMP TABLE used (id int, bytes bigint);
CREATE FUNCTION alter_something() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE altered SET (fillfactor = %s)', 10 + NEW.id % 90);
    IF NEW.id IN (500, 1500) THEN
        INSERT INTO used SELECT NEW.id, sum(used_bytes) FROM pg_backend_memory_contexts;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER later AFTER INSERT ON many FOR EACH ROW EXECUTE FUNCTION alter_something();
INSERT INTO many SELECT n, 'sal' FROM generate_series(1, 1500) AS n;
SELECT count(*) FROM funnel.violation WHERE table_name = 'many';
SELECT max(bytes) - min(bytes) < 1000000 AS less_than_1000_bytes_each FROM used;
DROP TABLE altered, used;

SET client_min_messages = error;
DELETE FROM funnel.violation_log WHERE table_schema = 'guard_modes';
DROP SCHEMA guard_modes CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'guard modes';
DROP ROLE regress_funnel_owner, regress_funnel_writer, regress_funnel_reader, regress_funnel_column_reader, regress_funnel_bypass, regress_funnel_stranger;
