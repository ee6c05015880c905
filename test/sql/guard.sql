--
-- guard: which changes of stage are judged, and how
--
-- Every way of changing a row, every type of stage and key. What the guard let pass is what the history says.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset null '-'
CREATE SCHEMA guard;
SET search_path = guard, public;

-- What became of a statement: that it passed, or the error with all its fields.
CREATE FUNCTION judged(query text, OUT state text, OUT message text, OUT detail text, OUT hint text,
                       OUT schema_name text, OUT table_name text, OUT column_name text, OUT constraint_name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'passed';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        schema_name = SCHEMA_NAME, table_name = TABLE_NAME, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
END $$;
-- What a history says: for each lead its stages in order, / where a history began anew.
CREATE FUNCTION told(history regclass) RETURNS TABLE (lead text, stages text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT lead::text, string_agg(coalesce(CASE WHEN from_stage IS NOT NULL AND from_stage IS DISTINCT FROM previous THEN ''('' || from_stage || '')'' END, '''')
                                                       || CASE WHEN from_stage IS NULL THEN ''/'' ELSE ''>'' END || coalesce(to_stage, ''-''), '''' ORDER BY at)
                                   FROM (SELECT *, lag(to_stage) OVER (PARTITION BY lead ORDER BY at) AS previous FROM %s) AS h
                                  GROUP BY lead ORDER BY lead::text COLLATE "C"', history);
END $$;

-- mql > sal > won; back from sal to mql; lost from mql and sal, and from lost back to mql. New leads begin in mql.
-- won requires an amount, lost a reason; who sends a lead back from sal to mql says so.
SELECT FROM funnel.create_pipeline('guard', '{mql,sal,won}', '{lost}');
BEGIN;
INSERT INTO funnel.transition (pipeline, from_stage, to_stage, requires) VALUES ('guard', 'sal', 'mql', '{returned_by}'), ('guard', 'lost', 'mql', '{}');
UPDATE funnel.stage SET requires = '{amount}' WHERE pipeline = 'guard' AND stage = 'won';
UPDATE funnel.stage SET requires = '{reason}' WHERE pipeline = 'guard' AND stage = 'lost';
COMMIT;
CREATE TABLE leads (id int PRIMARY KEY, stage text, amount numeric, reason text, returned_by text, note text);
SELECT funnel.attach('leads', 'guard', reason => 'reason', amount => 'amount');

--
-- Each rule, with every field of its error
--
INSERT INTO leads (id, stage) VALUES (1, 'mql'), (2, 'mql'), (3, 'mql');
UPDATE leads SET stage = 'sal' WHERE id > 1;
\x on
-- an entry: a new lead begins where the pipeline says
SELECT * FROM judged($$INSERT INTO leads (id, stage, amount) VALUES (9, 'won', 1)$$);
-- a transition
SELECT * FROM judged($$UPDATE leads SET stage = 'won', amount = 1 WHERE id = 1$$);
-- a stage that the pipeline does not have
SELECT * FROM judged($$UPDATE leads SET stage = 'demo' WHERE id = 1$$);
-- no stage
SELECT * FROM judged($$INSERT INTO leads (id) VALUES (9)$$);
SELECT * FROM judged($$UPDATE leads SET stage = NULL WHERE id = 2$$);
-- a column that the stage requires
SELECT * FROM judged($$UPDATE leads SET stage = 'lost' WHERE id = 2$$);
-- a column that the transition requires
SELECT * FROM judged($$UPDATE leads SET stage = 'mql' WHERE id = 2$$);
-- the key, also when the stage changes with it
SELECT * FROM judged($$UPDATE leads SET id = 12 WHERE id = 2$$);
SELECT * FROM judged($$UPDATE leads SET id = 12, stage = 'lost', reason = 'moved away' WHERE id = 2$$);
\x off
-- The message as psql shows it.
UPDATE leads SET stage = 'won', amount = 1 WHERE id = 1;
-- Names are compared to the letter.
SELECT message FROM unnest('{Mql,"mql ",""," mql",mq,mqll}'::text[]) s, judged(format('INSERT INTO leads (id, stage) VALUES (9, %L)', s));
-- A text that is required must not be blank; a number may be zero.
INSERT INTO leads (id, stage) SELECT n, 'mql' FROM generate_series(21, 28) n;
SELECT j.message FROM (VALUES (21, NULL), (22, ''), (23, '  '), (24, E' \t\r\n\f\x0b'), (25, '-'), (26, ' x '), (27, '0')) v(id, reason),
     judged(format('UPDATE leads SET stage = ''lost'', reason = %L WHERE id = %s', reason, id)) j ORDER BY id;
UPDATE leads SET stage = 'won', amount = 0 WHERE id = 3;
-- What is required when a lead enters need not stay: only changes of stage are judged.
UPDATE leads SET amount = NULL, note = 'refunded' WHERE id = 3;
-- What was filled in before counts as well.
UPDATE leads SET reason = 'no budget' WHERE id = 28;
UPDATE leads SET stage = 'lost' WHERE id = 28;
UPDATE leads SET stage = 'mql' WHERE id = 28;
-- A lead that stays where it is is not judged.
UPDATE leads SET stage = stage;
UPDATE leads SET id = id, note = 'seen';
-- Only what passed is on record, each change once.
SELECT * FROM told('leads_history');
SELECT lead, to_stage, amount, reason FROM leads_history WHERE amount IS NOT NULL OR reason IS NOT NULL ORDER BY lead, at;

--
-- Statements that change many rows pass whole or not at all
--
INSERT INTO leads (id, stage) VALUES (31, 'mql'), (32, 'mql'), (33, 'sal');
INSERT INTO leads (id, stage) SELECT n, 'mql' FROM generate_series(31, 34) n;
UPDATE leads SET stage = 'sal' WHERE id IN (31, 32);
UPDATE leads SET stage = 'won', amount = 1 WHERE id BETWEEN 31 AND 33;
-- UPDATE ... FROM, with two rows for lead 31: one of them is taken, and it is recorded once.
UPDATE leads SET stage = v.stage, reason = 'deal of another' FROM (VALUES (31, 'lost'), (31, 'lost'), (33, 'lost')) v(id, stage) WHERE v.id = leads.id;
UPDATE leads SET stage = v.stage FROM (VALUES (31, 'mql'), (33, 'won')) v(id, stage) WHERE v.id = leads.id;
SELECT * FROM told('leads_history') WHERE lead::int BETWEEN 31 AND 34;

--
-- COPY
--
COPY leads (id, stage) FROM STDIN;
41	mql
42	sal
\.
COPY leads (id, stage) FROM STDIN;
41	mql
42	\N
\.
COPY leads (id, stage) FROM STDIN;
41	mql
42	mql
\.
SELECT * FROM told('leads_history') WHERE lead::int BETWEEN 41 AND 49;

--
-- ON CONFLICT: judged as the insert or the update that it becomes
--
INSERT INTO leads (id, stage) VALUES (41, 'sal'), (43, 'mql') ON CONFLICT (id) DO UPDATE SET stage = excluded.stage;
INSERT INTO leads (id, stage) VALUES (41, 'won'), (44, 'mql') ON CONFLICT (id) DO NOTHING;
INSERT INTO leads (id, stage, amount) VALUES (42, 'won', 1) ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, amount = excluded.amount;
INSERT INTO leads (id, stage) VALUES (45, 'sal') ON CONFLICT (id) DO UPDATE SET stage = excluded.stage;
-- the same lead with another stage, but only its note changes
INSERT INTO leads (id, stage) VALUES (41, 'won') ON CONFLICT (id) DO UPDATE SET note = 'again';
SELECT * FROM told('leads_history') WHERE lead::int BETWEEN 41 AND 49;

--
-- A deleted lead is on record; inserted again it is a new one
--
DELETE FROM leads WHERE id = 41;
INSERT INTO leads (id, stage) VALUES (41, 'sal');
INSERT INTO leads (id, stage) VALUES (41, 'mql');
SELECT * FROM told('leads_history') WHERE lead::int = 41;

--
-- Leads from before the guard: without a stage, or in one that the pipeline does not have
--
CREATE TABLE before_us (id int PRIMARY KEY, stage text, amount numeric, reason text, returned_by text);
INSERT INTO before_us VALUES (1, NULL), (2, 'demo'), (3, 'won'), (4, NULL);
SELECT funnel.attach('before_us', 'guard');
\x on
-- A lead without a stage takes one as a new lead does.
SELECT * FROM judged($$UPDATE before_us SET stage = 'won', amount = 1 WHERE id = 1$$);
-- Nothing leads out of a stage that is not known.
SELECT * FROM judged($$UPDATE before_us SET stage = 'mql' WHERE id = 2$$);
-- From won nothing goes on.
SELECT * FROM judged($$UPDATE before_us SET stage = 'lost', reason = 'refund' WHERE id = 3$$);
\x off
UPDATE before_us SET stage = 'mql' WHERE id = 1;
-- They stay as they are in peace.
UPDATE before_us SET reason = 'old', stage = stage;
DELETE FROM before_us WHERE id IN (2, 4);
SELECT * FROM told('before_us_history');

--
-- Savepoints and rollbacks: the history goes back with the lead
--
BEGIN;
INSERT INTO leads (id, stage) VALUES (51, 'mql'), (52, 'mql');
SAVEPOINT a;
UPDATE leads SET stage = 'sal' WHERE id = 51;
SAVEPOINT b;
UPDATE leads SET stage = 'won' WHERE id IN (51, 52);
ROLLBACK TO b;
UPDATE leads SET stage = 'lost', reason = 'x' WHERE id = 52;
ROLLBACK TO a;
UPDATE leads SET stage = 'lost', reason = 'y' WHERE id = 51;
RELEASE a;
COMMIT;
BEGIN;
UPDATE leads SET stage = 'sal' WHERE id = 52;
ROLLBACK;
SELECT * FROM told('leads_history') WHERE lead::int IN (51, 52);

--
-- Several changes in one transaction, in one function, in one statement, in their order
--
BEGIN;
INSERT INTO leads (id, stage) VALUES (61, 'mql');
UPDATE leads SET stage = 'sal' WHERE id = 61;
UPDATE leads SET stage = 'mql', returned_by = 'joe' WHERE id = 61;
UPDATE leads SET stage = 'sal' WHERE id = 61;
UPDATE leads SET stage = 'won', amount = 7 WHERE id = 61;
DELETE FROM leads WHERE id = 61;
INSERT INTO leads (id, stage) VALUES (61, 'mql');
COMMIT;
DO $$ BEGIN FOR i IN 1..3 LOOP
    UPDATE leads SET stage = 'sal' WHERE id = 61;
    UPDATE leads SET stage = 'mql' , returned_by = 'jim' WHERE id = 61;
END LOOP; END $$;
SELECT * FROM told('leads_history') WHERE lead::int = 61;
SELECT count(*), count(DISTINCT at), max(at) <= clock_timestamp() AS not_in_the_future FROM leads_history WHERE lead = 61;

--
-- What is stored is judged, not what the statement said: BEFORE triggers, whatever their names
--
CREATE TABLE rewritten (id int PRIMARY KEY, stage text, wish text);
SELECT FROM funnel.create_pipeline('guard plain', '{mql,sal,won}', '{lost}');
SELECT funnel.attach('rewritten', 'guard plain');
CREATE FUNCTION rewrite() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.wish IS NOT NULL THEN NEW.stage := NEW.wish; END IF; RETURN NEW; END $$;
CREATE TRIGGER zz_rewrite BEFORE INSERT OR UPDATE ON rewritten FOR EACH ROW EXECUTE FUNCTION rewrite();
INSERT INTO rewritten VALUES (1, 'mql', 'won');
INSERT INTO rewritten VALUES (1, 'won', 'mql');
-- the stage is not even named, and still it changes
UPDATE rewritten SET wish = 'won';
UPDATE rewritten SET wish = 'sal';
SELECT * FROM told('rewritten_history');

-- AFTER triggers that update again: each step is judged, and recorded in its order.
CREATE TABLE chained (id int PRIMARY KEY, stage text);
SELECT funnel.attach('chained', 'guard plain');
CREATE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    UPDATE guard.chained SET stage = TG_ARGV[1] WHERE id = NEW.id AND stage = TG_ARGV[0];
    RETURN NULL;
END $$;
CREATE TRIGGER z_chain AFTER INSERT OR UPDATE ON chained FOR EACH ROW EXECUTE FUNCTION chain('sal', 'won');
INSERT INTO chained SELECT n, 'mql' FROM generate_series(1, 3) n;
UPDATE chained SET stage = 'sal';
SELECT * FROM told('chained_history');
DROP TRIGGER z_chain ON chained;
CREATE TRIGGER z_chain AFTER INSERT OR UPDATE ON chained FOR EACH ROW EXECUTE FUNCTION chain('mql', 'won');
INSERT INTO chained VALUES (4, 'mql');

-- A guard that is deferred judges at the end every step there was, also one that was taken back.
CREATE TABLE deferred (id int PRIMARY KEY, stage text);
CREATE CONSTRAINT TRIGGER guard_at_commit AFTER INSERT OR UPDATE OR DELETE ON deferred DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION funnel.guard('guard plain', 'stage', 'id');
BEGIN;
INSERT INTO deferred VALUES (1, 'mql');
UPDATE deferred SET stage = 'won';
SELECT * FROM deferred;
COMMIT;
BEGIN;
INSERT INTO deferred VALUES (1, 'mql');
UPDATE deferred SET stage = 'won';
UPDATE deferred SET stage = 'mql';
SET CONSTRAINTS guard_at_commit IMMEDIATE;
ROLLBACK;
BEGIN;
INSERT INTO deferred VALUES (1, 'mql');
UPDATE deferred SET stage = 'sal';
COMMIT;
-- ... and is in force at once if asked to.
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE deferred SET stage = 'mql';
ROLLBACK;
SELECT * FROM deferred;

-- A generated column is judged by its value.
CREATE TABLE generated (id int PRIMARY KEY, qualified bool, deal numeric,
    stage text GENERATED ALWAYS AS (CASE WHEN deal IS NOT NULL THEN 'won' WHEN qualified THEN 'sal' ELSE 'mql' END) STORED);
SELECT funnel.attach('generated', 'guard plain');
INSERT INTO generated (id, deal) VALUES (1, 100);
INSERT INTO generated (id) VALUES (1), (2);
UPDATE generated SET deal = 100 WHERE id = 1;
UPDATE generated SET qualified = true;
UPDATE generated SET deal = 100 WHERE id = 1;
SELECT * FROM told('generated_history');
-- A required column may be generated too, and a default fills one.
CREATE TABLE filled (id int PRIMARY KEY, stage text, net numeric, amount numeric GENERATED ALWAYS AS (net * 1.2) STORED, reason text DEFAULT 'not given', returned_by text);
SELECT funnel.attach('filled', 'guard', amount => 'amount');
INSERT INTO filled (id, stage) VALUES (1, 'mql'), (2, 'mql');
UPDATE filled SET stage = 'lost' WHERE id = 1;
UPDATE filled SET stage = 'sal' WHERE id = 2;
UPDATE filled SET stage = 'won' WHERE id = 2;
UPDATE filled SET stage = 'won', net = 10 WHERE id = 2;
SELECT lead, to_stage, amount FROM filled_history ORDER BY lead, at;

--
-- Every type of stage: what counts is its text
--
CREATE TYPE crm_stage AS ENUM ('lost', 'won', 'sal', 'mql');
CREATE DOMAIN stage_name AS text CHECK (VALUE <> 'nothing');
CREATE DOMAIN enum_name AS crm_stage;
SELECT FROM funnel.create_pipeline('guard numbers', '{10,20,30}');
SELECT FROM funnel.create_pipeline('guard switch', '{false,true}');
SELECT FROM funnel.create_pipeline('guard dates', '{2024-01-01,2024-02-01,2024-03-01}');
-- Creates a lead in the first stage, tries the third, goes to the second, writes that again and deletes the lead.
CREATE FUNCTION walked(type text, pipeline text, stages text[], OUT far text, OUT history text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE guard.walk (id int PRIMARY KEY, stage %s)', type);
    PERFORM funnel.attach('guard.walk', pipeline);
    EXECUTE format('INSERT INTO guard.walk VALUES (1, %L)', stages[1]);
    far := (SELECT message FROM guard.judged(format('UPDATE guard.walk SET stage = %L', stages[3])));
    EXECUTE format('UPDATE guard.walk SET stage = %L', stages[2]);
    EXECUTE format('UPDATE guard.walk SET stage = %L', stages[2]);
    DELETE FROM guard.walk;
    history := (SELECT string_agg(concat_ws('>', coalesce(from_stage, '-'), coalesce(to_stage, '-')), ' ' ORDER BY at) FROM guard.walk_history);
    DROP TABLE guard.walk, guard.walk_history;
END $$;
SELECT v.type, w.* FROM (VALUES ('text'), ('varchar(20)'), ('character varying'), ('char(3)'), ('char(30)'), ('name'), ('text COLLATE "C"'), ('crm_stage'), ('funnel.lead_stage'), ('stage_name'), ('enum_name')) v(type),
     walked(v.type, 'guard plain', '{mql,sal,won}') w;
SELECT v.type, w.* FROM (VALUES ('smallint'), ('int'), ('bigint'), ('oid'), ('numeric'), ('real'), ('double precision')) v(type), walked(v.type, 'guard numbers', '{10,20,30}') w;
SELECT walked.* FROM walked('boolean', 'guard switch', '{no,yes,NULL}');
SET datestyle = 'German';    -- the text is the same whatever the session's settings are
SELECT walked.* FROM walked('date', 'guard dates', '{2024-01-01,2024-02-01,2024-03-01}');
SET datestyle = 'ISO, YMD';
-- Numbers go by their value; what a cast to the type adds does not count.
SELECT walked.* FROM walked('numeric(10,2)', 'guard numbers', '{10.0,20.000,30}');
-- A type whose text depends on settings that cannot be fixed cannot name a stage, and says so.
SELECT walked.* FROM walked('money', 'guard numbers', '{10,20,30}');
-- A label of an enum that is renamed is another stage.
CREATE TABLE renamed_label (id int PRIMARY KEY, stage crm_stage);
SELECT funnel.attach('renamed_label', 'guard plain');
INSERT INTO renamed_label VALUES (1, 'mql');
ALTER TYPE crm_stage RENAME VALUE 'mql' TO 'MQL';
UPDATE renamed_label SET stage = 'sal';
INSERT INTO renamed_label VALUES (2, 'MQL');
ALTER TYPE crm_stage RENAME VALUE 'MQL' TO 'mql';
UPDATE renamed_label SET stage = 'sal';

--
-- Every type of key: the history's key has the type of the lead's, and messages name it
--
CREATE DOMAIN lead_no AS int CHECK (VALUE > 0);
CREATE FUNCTION keyed(type text, key text, OUT lead_type text, OUT refused text, OUT joined bigint, OUT in_cohort text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE guard.lead (key %s, stage text)', type);
    PERFORM funnel.attach('guard.lead', 'guard plain', key => 'key');
    EXECUTE format('INSERT INTO guard.lead VALUES (%L, ''mql'')', key);
    refused := (SELECT message FROM guard.judged('UPDATE guard.lead SET stage = ''won'''));
    EXECUTE 'UPDATE guard.lead SET stage = ''sal''';
    lead_type := (SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'guard.lead_history'::regclass AND attname = 'lead');
    EXECUTE 'SELECT count(*) FROM guard.lead AS l JOIN guard.lead_history AS h ON h.lead = l.key' INTO joined;
    EXECUTE 'SELECT string_agg(s.lead || ''>'' || s.stage, '' '' ORDER BY entered_at) FROM funnel.stays((SELECT funnel.cohort(lead, to_stage, at) FROM guard.lead_history), as_of => clock_timestamp()) AS s' INTO in_cohort;
    DROP TABLE guard.lead, guard.lead_history;
END $$;
SELECT k.* FROM (VALUES ('int2', '-32768'), ('int', '42'), ('int8', '9223372036854775807'), ('uuid', '6ecd8c99-4036-403d-bf84-cf8400f67836'), ('text', 'AB-1'), ('text', ''), ('text', 'é, "ü"'),
    ('varchar(8)', 'AB-1'), ('char(8)', 'AB-1'), ('name', 'AB-1'), ('numeric', '1.50'), ('numeric(6,3)', '1.5'), ('float8', '0.1'), ('boolean', 'yes'), ('date', '2024-01-31'),
    ('timestamptz', '2024-01-31 12:00+02'), ('bytea', '\xdeadbeef'), ('inet', '10.0.0.1/32'), ('lead_no', '7'), ('crm_stage', 'won'), ('int[]', '{1,2}'), ('int4range', '[1,2)')) v(type, key), keyed(v.type, v.key) k;
-- Keys that are equal by value but written in another way are the same key.
CREATE TABLE by_value (key numeric, stage text);
SELECT funnel.attach('by_value', 'guard plain', key => 'key');
INSERT INTO by_value VALUES (1.0, 'mql');
UPDATE by_value SET key = 1.000, stage = 'sal';
SELECT lead, from_stage, to_stage FROM by_value_history ORDER BY at;
-- Several columns: in the history, the text of the row as "lead", and each column in its own type.
CREATE TABLE composite (region text, id int, code char(4), stage text);
SELECT funnel.attach('composite', 'guard plain', key => '{region,id,code}');
INSERT INTO composite VALUES ('eu', 1, 'a', 'mql'), ('a,"b\', 2, '', 'mql');
UPDATE composite SET stage = 'won' WHERE id = 1;
UPDATE composite SET region = 'us' WHERE id = 1;
UPDATE composite SET code = 'b' WHERE id = 1;
UPDATE composite SET stage = 'sal';
SELECT lead, key_region, key_id, key_code, to_stage FROM composite_history ORDER BY key_id, at;
SELECT count(*) FROM composite AS c JOIN composite_history AS h ON h.lead = (c.region, c.id, c.code::text)::text;
-- A key that is NULL has no history.
CREATE TABLE keyless (id int, stage text);
SELECT funnel.attach('keyless', 'guard plain');
INSERT INTO keyless VALUES (NULL, 'mql');

--
-- Names that need quotes, and names that differ in case only
--
CREATE TABLE "Lead; DROP TABLE x--" ("Id ""no""" int PRIMARY KEY, "Stage=Now" text, stage text, "Won Amount" numeric);
SELECT FROM funnel.create_pipeline('Guard "quoted"', '{"Marketing ''Qualified''","Sales, Accepted",WON}');
UPDATE funnel.stage SET requires = '{"Won Amount"}' WHERE pipeline = 'Guard "quoted"' AND stage = 'WON';
SELECT funnel.attach('"Lead; DROP TABLE x--"', 'Guard "quoted"', stage => 'Stage=Now', key => 'Id "no"', amount => 'Won Amount', keep => '{stage}');
INSERT INTO "Lead; DROP TABLE x--" VALUES (1, 'Marketing ''Qualified''', 'won');
UPDATE "Lead; DROP TABLE x--" SET stage = 'mql', "Stage=Now" = 'won';
UPDATE "Lead; DROP TABLE x--" SET "Stage=Now" = 'Sales, Accepted';
UPDATE "Lead; DROP TABLE x--" SET "Stage=Now" = 'WON';
UPDATE "Lead; DROP TABLE x--" SET "Stage=Now" = 'WON', "Won Amount" = 5;
SELECT lead, from_stage, to_stage, amount, stage FROM "Lead; DROP TABLE x--_history" ORDER BY at;
SELECT table_name, pipeline, stage_column, key_columns, amount_column, kept_columns FROM funnel.attached WHERE table_name LIKE 'Lead;%';

--
-- Columns dropped before and added after, and a table that was renamed and went to another schema
--
CREATE TABLE altered (gone1 int, id int PRIMARY KEY, gone2 text, stage text, reason text);
ALTER TABLE altered DROP COLUMN gone1;
SELECT funnel.attach('altered', 'guard plain', reason => 'reason');
INSERT INTO altered (id, stage) VALUES (1, 'mql');
ALTER TABLE altered DROP COLUMN gone2, ADD COLUMN later date DEFAULT '2024-01-01';
UPDATE altered SET stage = 'won';
UPDATE altered SET stage = 'sal', reason = 'because';
ALTER TABLE altered RENAME TO altered_name;
INSERT INTO altered_name (id, stage) VALUES (2, 'mql');
UPDATE altered_name SET stage = 'won' WHERE id = 2;
CREATE SCHEMA guard_other;
ALTER TABLE altered_name SET SCHEMA guard_other;
ALTER TABLE altered_history SET SCHEMA guard_other;
UPDATE guard_other.altered_name SET stage = 'sal' WHERE id = 2;
SELECT lead, to_stage, reason FROM guard_other.altered_history ORDER BY lead, at;

-- Nothing is left behind.
SET client_min_messages = error;
DROP SCHEMA guard, guard_other CASCADE;
DELETE FROM funnel.pipeline WHERE lower(name) LIKE 'guard%';
