--
-- guard_partitions: partitioned tables, rows that move between partitions, and tables that inherit
--
-- An UPDATE that moves a row is a DELETE and an INSERT to the server. It is judged, and recorded, as the update it is.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE SCHEMA guard_partitions;
SET search_path = guard_partitions, public;
SELECT FROM funnel.create_pipeline('guard partitions', '{mql,sal,won}', '{lost}');
UPDATE funnel.stage SET requires = '{why}' WHERE pipeline = 'guard partitions' AND stage = 'lost';
-- What a history says: for each lead its stages in order, / where it began, (x) where it did not go on from what it said last.
CREATE FUNCTION told(history regclass, OUT lead text, OUT stages text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT lead::text, string_agg(CASE WHEN from_stage IS NULL THEN ''/'' WHEN from_stage IS DISTINCT FROM previous THEN ''('' || from_stage || '')>'' ELSE ''>'' END || coalesce(to_stage, ''-''), '''' ORDER BY at)
                                   FROM (SELECT *, lag(to_stage) OVER (PARTITION BY lead ORDER BY at) AS previous FROM %s) AS h
                                  GROUP BY lead ORDER BY lead::text COLLATE "C"', history);
END $$;

-- By region, and us again by the first letter of the name; the columns lie differently in each partition.
CREATE TABLE leads (id int, stage text, region text, name text, why text) PARTITION BY LIST (region);
CREATE TABLE leads_eu (why text, gone int, id int, stage text, name text, region text);
ALTER TABLE leads_eu DROP COLUMN gone;
ALTER TABLE leads ATTACH PARTITION leads_eu FOR VALUES IN ('eu');
CREATE TABLE leads_us PARTITION OF leads FOR VALUES IN ('us') PARTITION BY RANGE (name);
CREATE TABLE leads_us_1 PARTITION OF leads_us FOR VALUES FROM ('a') TO ('m');
CREATE TABLE leads_us_2 PARTITION OF leads_us FOR VALUES FROM ('m') TO ('zz');
CREATE TABLE leads_rest PARTITION OF leads DEFAULT;
SELECT funnel.attach('leads', 'guard partitions', reason => 'why', keep => '{region}');
SELECT table_name, pipeline, history, trigger_name FROM funnel.attached WHERE table_schema = 'guard_partitions';
SELECT funnel.attach('leads_eu', 'guard partitions');
SELECT funnel.attach('leads_us', 'guard partitions');
SELECT funnel.detach('leads_us');

--
-- Every partition is guarded, whichever name it is written by
--
INSERT INTO leads VALUES (1, 'mql', 'eu', 'ann'), (2, 'mql', 'us', 'bob'), (3, 'mql', 'us', 'sue'), (4, 'mql', 'asia', 'li');
INSERT INTO leads VALUES (5, 'won', 'us', 'sue');
INSERT INTO leads_us VALUES (5, 'won', 'us', 'sue');
INSERT INTO leads_us_2 VALUES (5, 'won', 'us', 'sue');
INSERT INTO leads_us_2 VALUES (5, 'mql', 'us', 'sue');
COPY leads_eu (id, stage, region, name) FROM STDIN;
6	mql	eu	eve
\.
COPY leads (id, stage, region, name) FROM STDIN;
7	mql	eu	eve
8	sal	us	eve
\.
UPDATE leads_eu SET stage = 'won';
UPDATE leads SET stage = 'sal';
-- The error names the partition, and the violated constraint.
DO $$
DECLARE
    t text; c text; n text;
BEGIN
    UPDATE guard_partitions.leads SET stage = 'lost' WHERE id = 2;
EXCEPTION WHEN not_null_violation THEN
    GET STACKED DIAGNOSTICS t = TABLE_NAME, c = COLUMN_NAME, n = CONSTRAINT_NAME;
    RAISE WARNING '% % %', t, c, n;
END $$;
SELECT * FROM told('leads_history');

--
-- A row that moves: with the same stage nothing happened; with another one it is one change
--
UPDATE leads SET region = 'us', name = 'ann' WHERE id = 1;
UPDATE leads SET name = 'zoe' WHERE id = 1;             -- within us
UPDATE leads_us SET name = 'ann' WHERE id = 1;          -- likewise, by its name
SELECT tableoid::regclass, * FROM leads ORDER BY id;
SELECT * FROM told('leads_history');
UPDATE leads SET region = 'eu', stage = 'won' WHERE id = 1;
UPDATE leads SET region = 'eu', stage = 'lost', why = 'too far' WHERE id IN (2, 3, 4);
SELECT lead, from_stage, to_stage, reason, region FROM leads_history WHERE to_stage IN ('won', 'lost') ORDER BY at;
-- Refused as the update it is, though as a new lead it would pass.
UPDATE leads SET region = 'us', stage = 'mql' WHERE id = 1;
UPDATE leads SET region = 'us', stage = 'demo' WHERE id = 5;
UPDATE leads SET region = 'eu', stage = NULL WHERE id = 5;
UPDATE leads SET region = 'eu', stage = 'lost' WHERE id = 5;
UPDATE leads SET region = 'eu', id = 50 WHERE id = 5;
UPDATE leads SET region = 'eu', id = NULL WHERE id = 5;
-- Rows that move and rows that do not, in one statement, all ways at once.
UPDATE leads SET stage = CASE stage WHEN 'sal' THEN 'won' ELSE stage END, region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END;
SELECT tableoid::regclass, * FROM leads ORDER BY id;
SELECT * FROM told('leads_history');
-- Moves in one transaction, also back, of a row that is as young; and savepoints.
BEGIN;
INSERT INTO leads VALUES (9, 'mql', 'eu', 'new');
UPDATE leads SET region = 'us' WHERE id = 9;
SAVEPOINT a;
UPDATE leads SET region = 'eu', stage = 'sal' WHERE id = 9;
ROLLBACK TO a;
UPDATE leads SET region = 'rest', stage = 'lost', why = 'x' WHERE id = 9;
SAVEPOINT b;
UPDATE leads SET region = 'eu', stage = 'mql' WHERE id = 9;
ROLLBACK TO b;
UPDATE leads SET region = 'us' WHERE id = 9;
COMMIT;
SELECT * FROM told('leads_history') WHERE lead = '9';

--
-- A deletion and an insertion are what they are, close together as they may be
--
WITH gone AS (DELETE FROM leads WHERE id = 9 RETURNING *) INSERT INTO leads SELECT id, 'won', 'eu', name FROM gone;
WITH gone AS (DELETE FROM leads WHERE id = 9 RETURNING *) INSERT INTO leads SELECT id, 'mql', 'eu', name FROM gone;
WITH moved AS (UPDATE leads SET region = 'us' WHERE id = 9 RETURNING *) INSERT INTO leads SELECT 10, 'won', 'eu', name FROM moved;
WITH moved AS (UPDATE leads SET region = 'us' WHERE id = 9 RETURNING *) INSERT INTO leads SELECT 10, 'mql', 'eu', name FROM moved;
SELECT * FROM told('leads_history') WHERE lead IN ('9', '10');
-- one statement moves one lead, deletes another and inserts a third
WITH moved AS (UPDATE leads SET region = 'eu', stage = 'sal' WHERE id = 9), gone AS (DELETE FROM leads WHERE id = 10) INSERT INTO leads VALUES (11, 'mql', 'eu', 'x');
SELECT * FROM told('leads_history') WHERE lead IN ('9', '10', '11');

--
-- Triggers on the way
--
CREATE FUNCTION to_us() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.name := 'sent'; NEW.stage := coalesce(NEW.why, NEW.stage); RETURN NEW; END $$;
CREATE TRIGGER rewrite BEFORE INSERT ON leads_us_2 FOR EACH ROW EXECUTE FUNCTION to_us();
INSERT INTO leads VALUES (21, 'mql', 'eu', 'x'), (22, 'mql', 'eu', 'y');
-- what the target's trigger makes of the row is judged
UPDATE leads SET region = 'us', why = 'won' WHERE id = 21;
UPDATE leads SET region = 'us', why = 'sal' WHERE id = 21;
SELECT * FROM told('leads_history') WHERE lead = '21';
DROP TRIGGER rewrite ON leads_us_2;
-- a move that the source's trigger prevents is none
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER no BEFORE DELETE ON leads_eu FOR EACH ROW EXECUTE FUNCTION no();
UPDATE leads SET region = 'us', stage = 'sal' WHERE id = 22;
SELECT * FROM told('leads_history') WHERE lead = '22';
DROP TRIGGER no ON leads_eu;

--
-- Moves under a ruling
--
BEGIN;
SELECT funnel.override('moved office');
UPDATE leads SET region = 'us', stage = 'won' WHERE id = 22;
COMMIT;
SELECT lead, from_stage, to_stage, override FROM leads_history WHERE lead = 22 ORDER BY at;

--
-- Partitions that come and go
--
CREATE TABLE leads_africa (LIKE leads);
INSERT INTO leads_africa VALUES (31, 'won', 'africa', 'x');
DELETE FROM leads WHERE region NOT IN ('eu', 'us');
ALTER TABLE leads ATTACH PARTITION leads_africa FOR VALUES IN ('africa');
INSERT INTO leads_africa VALUES (32, 'won', 'africa', 'x');
INSERT INTO leads_africa VALUES (32, 'mql', 'africa', 'x');
UPDATE leads SET region = 'eu' WHERE id = 31;
UPDATE leads SET region = 'eu', stage = 'sal' WHERE id = 32;
UPDATE leads SET region = 'africa', stage = 'won' WHERE id = 32;
SELECT * FROM told('leads_history') WHERE lead IN ('31', '32');
ALTER TABLE leads DETACH PARTITION leads_africa;
UPDATE leads_africa SET stage = 'mql';
SELECT count(*) FROM funnel.attached WHERE table_schema = 'guard_partitions';
-- one that is guarded by itself must be detached from its guard first
SELECT funnel.attach('leads_africa', 'guard partitions');
ALTER TABLE leads ATTACH PARTITION leads_africa FOR VALUES IN ('africa');
SELECT funnel.detach('leads_africa');
ALTER TABLE leads ATTACH PARTITION leads_africa FOR VALUES IN ('africa');
-- a partition in another schema
CREATE SCHEMA guard_partitions_2;
CREATE TABLE guard_partitions_2.far PARTITION OF leads FOR VALUES IN ('far');
INSERT INTO leads VALUES (41, 'mql', 'far', 'x');
UPDATE leads SET region = 'eu', stage = 'sal' WHERE id = 41;
INSERT INTO guard_partitions_2.far VALUES (42, 'sal', 'far', 'x');
SELECT * FROM told('leads_history') WHERE lead IN ('41', '42');

--
-- Only tracked, and a guard that is deferred
--
CREATE TABLE parts (id int, stage text, region text, why text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us');
CREATE TABLE parts_history (LIKE leads_history INCLUDING ALL);
ALTER TABLE parts_history DROP COLUMN region;
CREATE TRIGGER track AFTER INSERT OR UPDATE OR DELETE ON parts FOR EACH ROW EXECUTE FUNCTION funnel.track('guard partitions', 'stage', 'id', 'history=parts_history');
INSERT INTO parts VALUES (1, 'won', 'eu');
UPDATE parts SET region = 'us';
UPDATE parts SET region = 'eu', stage = 'mql';
SELECT * FROM told('parts_history');
DROP TRIGGER track ON parts;
CREATE CONSTRAINT TRIGGER guard_at_commit AFTER INSERT OR UPDATE OR DELETE ON parts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard partitions', 'stage', 'id', 'history=parts_history');
TRUNCATE parts_history;
BEGIN;
INSERT INTO parts VALUES (3, 'mql', 'eu'), (4, 'mql', 'us');
UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END, stage = 'sal' WHERE id IN (3, 4);
UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END WHERE id IN (3, 4);
UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END, stage = 'won' WHERE id IN (3, 4);
COMMIT;
SELECT * FROM told('parts_history');
BEGIN;
UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END WHERE id IN (3, 4);
UPDATE parts SET region = CASE region WHEN 'eu' THEN 'us' ELSE 'eu' END, stage = 'mql' WHERE id = 4;
COMMIT;

--
-- Inheritance: children are guarded with their parent, and keep their own records in its history
--
CREATE TABLE family (id int, stage text, why text);
CREATE TABLE child (extra text) INHERITS (family);
CREATE TABLE grandchild (more text) INHERITS (child);
SELECT funnel.attach('family', 'guard partitions');
SELECT table_name, history FROM funnel.attached WHERE table_name IN ('family', 'child', 'grandchild') ORDER BY 1;
INSERT INTO child (id, stage) VALUES (1, 'won');
INSERT INTO child (id, stage) VALUES (1, 'mql');
INSERT INTO grandchild (id, stage) VALUES (2, 'mql');
INSERT INTO family (id, stage) VALUES (3, 'mql');
UPDATE family SET stage = 'won' WHERE id = 2;
UPDATE family SET stage = 'sal';
DELETE FROM family WHERE id = 1;
SELECT * FROM told('family_history');
-- One that comes later is guarded after another attach.
CREATE TABLE late () INHERITS (family);
INSERT INTO late VALUES (4, 'won');
SELECT funnel.attach('family', 'guard partitions');
UPDATE late SET stage = 'mql';
SELECT funnel.detach('family');
SELECT count(*) FROM funnel.attached WHERE table_name IN ('family', 'child', 'grandchild', 'late');
-- Those in another schema, or of another owner, could not be recorded beside their parent.
CREATE TABLE guard_partitions_2.stranger () INHERITS (family);
SELECT funnel.attach('family', 'guard partitions');
SELECT count(*) FROM funnel.attached WHERE table_name IN ('family', 'child', 'grandchild', 'late');
-- A child by itself may be guarded too.
SELECT funnel.attach('child', 'guard partitions');
SELECT table_name, history FROM funnel.attached WHERE table_name IN ('family', 'child', 'grandchild') ORDER BY 1;

SET client_min_messages = error;
DROP SCHEMA guard_partitions, guard_partitions_2 CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'guard partitions';
