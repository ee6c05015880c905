--
-- Versions of pipelines: one for each transaction that changes a definition, none for one that does not; and the way back,
-- definitions from versions that are imported
--
\pset null '-'
SET intervalstyle = 'postgres';
-- Begin without any.
TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- The versions of pipelines, in short: the one in force with a star, stages, and transitions as a>b, an entry as >b.
CREATE FUNCTION pg_temp.versions(name text DEFAULT '%')
RETURNS TABLE (pipeline text, version int, force text, changed_by text, description text, stages text, transitions text) LANGUAGE sql AS $$
    SELECT v.pipeline, v.version, CASE WHEN p.version = v.version THEN '*' END,
           CASE v.changed_by WHEN session_user THEN 'superuser' ELSE substr(v.changed_by, 16) END, v.definition ->> 'description',
           (SELECT string_agg(s ->> 'stage', ' ' ORDER BY i) FROM jsonb_array_elements(v.definition -> 'stages') WITH ORDINALITY u(s, i)),
           (SELECT string_agg(concat(t ->> 'from_stage', '>', t ->> 'to_stage'), ' ' ORDER BY i)
              FROM jsonb_array_elements(v.definition -> 'transitions') WITH ORDINALITY u(t, i))
      FROM funnel.pipeline_version v LEFT JOIN funnel.pipeline p ON p.name = v.pipeline
     WHERE v.pipeline LIKE versions.name
     ORDER BY v.pipeline COLLATE "C", v.version
$$;

-- the roles of two people who may edit
CREATE ROLE regress_funnel_ann;
CREATE ROLE regress_funnel_bob;
GRANT INSERT, DELETE, UPDATE (name, description) ON funnel.pipeline TO regress_funnel_ann, regress_funnel_bob;
GRANT INSERT, UPDATE, DELETE ON funnel.stage, funnel.transition TO regress_funnel_ann, regress_funnel_bob;

--
-- What makes a version
--
SET ROLE regress_funnel_ann;
SELECT funnel.create_pipeline('p', '{a,b,won}');
SELECT * FROM pg_temp.versions();
SELECT jsonb_pretty(funnel.definition('p'));

-- each transaction that changes something: here one for each statement
SET ROLE regress_funnel_bob;
UPDATE funnel.pipeline SET description = 'from a to won' WHERE name = 'p';
INSERT INTO funnel.transition VALUES ('p', 'a', 'won');
SET ROLE regress_funnel_ann;
UPDATE funnel.stage SET owner = 'sales', sla = '5 days', requires = '{reason}' WHERE pipeline = 'p' AND stage = 'b';
DELETE FROM funnel.transition WHERE pipeline = 'p' AND from_stage = 'a' AND to_stage = 'b';
RESET ROLE;
SELECT * FROM pg_temp.versions();
SELECT version, s ->> 'owner' AS owner, s ->> 'sla' AS sla, s ->> 'requires' AS requires
  FROM funnel.pipeline_version, jsonb_array_elements(definition -> 'stages') s
 WHERE pipeline = 'p' AND s ->> 'stage' = 'b' AND version IN (3, 4) ORDER BY version;

-- What changes nothing makes none.
UPDATE funnel.stage SET owner = owner WHERE pipeline = 'p';
UPDATE funnel.pipeline SET description = 'from a to won';
DELETE FROM funnel.transition WHERE pipeline = 'p' AND to_stage = 'nowhere';
UPDATE funnel.stage SET sla = 'P5D' WHERE pipeline = 'p' AND stage = 'b';
INSERT INTO funnel.transition VALUES ('p', 'a', 'won') ON CONFLICT DO NOTHING;
INSERT INTO funnel.stage AS s VALUES ('p', 'a', 1) ON CONFLICT (pipeline, stage) DO UPDATE SET kind = excluded.kind;
WITH gone AS (DELETE FROM funnel.transition WHERE pipeline = 'p' AND to_stage = 'won' RETURNING *)
INSERT INTO funnel.transition SELECT * FROM gone;
SELECT max(version) FROM funnel.pipeline_version WHERE pipeline = 'p';

-- However little changes, that makes one: a row of two within one statement; a length of time in another unit.
WITH gone AS (DELETE FROM funnel.transition WHERE pipeline = 'p' AND to_stage = 'won' RETURNING *)
INSERT INTO funnel.transition SELECT * FROM gone WHERE from_stage = 'b';
SELECT version, stages, transitions FROM pg_temp.versions('p') WHERE version >= 5;
UPDATE funnel.stage SET sla = '120 hours' WHERE pipeline = 'p' AND stage = 'b';
SELECT version, s ->> 'sla' AS sla FROM funnel.pipeline, jsonb_array_elements(funnel.definition('p') -> 'stages') s WHERE s ->> 'stage' = 'b';

-- All statements that change rows: upsert, and MERGE where the server has it.
INSERT INTO funnel.stage VALUES ('p', 'b', 2, 'sales'), ('p', 'c', 9, 'sales') ON CONFLICT (pipeline, stage) DO UPDATE SET owner = 'marketing', sla = NULL;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE $m$
            MERGE INTO funnel.stage s USING (VALUES ('c'), ('d'), ('e')) v(stage) ON s.pipeline = 'p' AND s.stage = v.stage
             WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES ('p', v.stage, ascii(v.stage)) $m$;
    ELSE
        DELETE FROM funnel.stage WHERE stage = 'c';
        INSERT INTO funnel.stage VALUES ('p', 'd', 100), ('p', 'e', 101);
    END IF;
END $$;
COPY funnel.transition (pipeline, from_stage, to_stage) FROM stdin;
p	a	d
p	d	e
\.
SELECT version, stages, transitions FROM pg_temp.versions('p') WHERE version >= 8;

-- a statement that changes several pipelines: a version of each that it changes
SELECT funnel.create_pipeline('q', '{a,won}');
SELECT funnel.create_pipeline('r', '{x,won}');
UPDATE funnel.stage SET owner = 'sdr' WHERE stage = 'a';
SELECT name, version FROM funnel.pipeline ORDER BY name;

--
-- Transactions and savepoints
--
BEGIN;
UPDATE funnel.stage SET owner = 'sales' WHERE pipeline = 'r' AND stage = 'x';
-- at once, before COMMIT
SELECT version FROM funnel.pipeline WHERE name = 'r';
SELECT valid_from AS first_changed FROM funnel.pipeline_version WHERE pipeline = 'r' AND version = 2 \gset
INSERT INTO funnel.stage VALUES ('r', 'y', 7);
INSERT INTO funnel.transition VALUES ('r', 'x', 'y');
SELECT * FROM pg_temp.versions('r');
SAVEPOINT one;
DELETE FROM funnel.stage WHERE pipeline = 'r' AND stage = 'y';
SELECT stages, transitions FROM pg_temp.versions('r') WHERE force = '*';
ROLLBACK TO one;
SELECT stages, transitions FROM pg_temp.versions('r') WHERE force = '*';
SAVEPOINT two;
INSERT INTO funnel.transition VALUES ('r', 'y', 'won');
RELEASE two;
COMMIT;
SELECT * FROM pg_temp.versions('r');
SELECT valid_from = :'first_changed' AS since_the_first_change FROM funnel.pipeline_version WHERE pipeline = 'r' AND version = 2;

-- The first change is in a savepoint that is rolled back: the next one makes the version.
BEGIN;
SAVEPOINT one;
DELETE FROM funnel.transition WHERE pipeline = 'r' AND from_stage = 'y';
SELECT version FROM funnel.pipeline WHERE name = 'r';
ROLLBACK TO one;
SELECT version FROM funnel.pipeline WHERE name = 'r';
UPDATE funnel.pipeline SET description = 'kept' WHERE name = 'r';
SELECT version, description, transitions FROM pg_temp.versions('r') WHERE version >= 2;
COMMIT;
-- the same with a block that catches an error
DO $$
BEGIN
    BEGIN
        UPDATE funnel.pipeline SET description = 'lost' WHERE name = 'r';
        INSERT INTO funnel.stage VALUES ('r', 'y', 8);
    EXCEPTION WHEN unique_violation THEN
        UPDATE funnel.pipeline SET description = 'caught' WHERE name = 'r';
    END;
    UPDATE funnel.stage SET owner = NULL WHERE pipeline = 'r' AND stage = 'x';
END $$;
SELECT version, description, stages FROM pg_temp.versions('r');
-- a rollback leaves nothing
BEGIN;
SELECT funnel.create_pipeline('s', '{a}');
UPDATE funnel.pipeline SET description = 'gone' WHERE name = 'r';
ROLLBACK;
SELECT * FROM pg_temp.versions('s');
SELECT version FROM funnel.pipeline WHERE name = 'r';
-- A change that is taken back within its transaction was in force there: it stays a version.
BEGIN;
DELETE FROM funnel.transition WHERE pipeline = 'r' AND from_stage = 'y';
INSERT INTO funnel.transition VALUES ('r', 'y', 'won');
COMMIT;
SELECT version, transitions FROM pg_temp.versions('r') WHERE version >= 4;
-- prepared
BEGIN;
UPDATE funnel.pipeline SET description = 'prepared' WHERE name = 'r';
PREPARE TRANSACTION 'regress_funnel';
SELECT version, description FROM funnel.pipeline WHERE name = 'r';
COMMIT PREPARED 'regress_funnel';
SELECT version, description FROM funnel.pipeline WHERE name = 'r';
-- at the other isolation levels
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE funnel.pipeline SET description = 'repeatable' WHERE name = 'r';
UPDATE funnel.stage SET owner = 'repeatable' WHERE pipeline = 'r' AND stage = 'x';
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
DELETE FROM funnel.stage WHERE pipeline = 'r' AND stage = 'y';
UPDATE funnel.pipeline SET description = 'serializable' WHERE name = 'r';
COMMIT;
SELECT version, description, stages, transitions FROM pg_temp.versions('r') WHERE version >= 6;

--
-- The definition in force at a time, and who made it
--
SELECT pipeline, count(*) AS versions,
       bool_and(funnel.definition(pipeline, valid_from) IS NOT DISTINCT FROM definition) AS from_then,
       bool_and(funnel.definition(pipeline, valid_from - interval '1 us') IS NOT DISTINCT FROM before) AS until_then,
       bool_and(valid_from > earlier) AS ascending
  FROM (SELECT *, lag(definition) OVER w AS before, lag(valid_from) OVER w AS earlier
          FROM funnel.pipeline_version WINDOW w AS (PARTITION BY pipeline ORDER BY version)) v
 GROUP BY pipeline ORDER BY pipeline;
SELECT funnel.definition('p') = funnel.definition('p', 'infinity') AS latest, funnel.definition('p', '-infinity') AS before_all,
       funnel.definition('p', now()) = funnel.definition('p') AS now, funnel.definition('nowhere') AS unknown, funnel.definition(NULL) AS "null";
-- What it says of each stage and transition is what the tables say.
SELECT p.name,
       (SELECT jsonb_agg(to_jsonb(s) - 'pipeline' ORDER BY s."position") FROM funnel.stage s WHERE s.pipeline = p.name)
       = funnel.definition(p.name) -> 'stages' AS stages,
       (SELECT jsonb_agg(to_jsonb(t) - 'pipeline' ORDER BY to_jsonb(t)) FROM funnel.transition t WHERE t.pipeline = p.name)
       = (SELECT jsonb_agg(t ORDER BY t || jsonb_build_object('pipeline', p.name)) FROM jsonb_array_elements(funnel.definition(p.name) -> 'transitions') t) AS transitions
  FROM funnel.pipeline p ORDER BY p.name;

--
-- Names: a renamed stage is a change; a renamed pipeline ends under the old name and begins under the new one
--
DELETE FROM funnel.pipeline WHERE name IN ('p', 'r');
UPDATE funnel.stage SET stage = 'A' WHERE pipeline = 'q' AND stage = 'a';
SET ROLE regress_funnel_bob;
UPDATE funnel.pipeline SET name = 'Q' WHERE name = 'q';
RESET ROLE;
SELECT * FROM pg_temp.versions('q') UNION ALL SELECT * FROM pg_temp.versions('Q');
-- at one time
SELECT count(DISTINCT valid_from) FROM funnel.pipeline_version WHERE (pipeline, version) IN (('q', 4), ('Q', 1));
UPDATE funnel.pipeline SET name = 'q', description = 'back' WHERE name = 'Q';
SELECT * FROM pg_temp.versions('q') UNION ALL SELECT * FROM pg_temp.versions('Q');
-- A deleted pipeline keeps its versions; one of the same name goes on counting. Who deletes is known, although the
-- stages and transitions go by a foreign key.
SET ROLE regress_funnel_ann;
DELETE FROM funnel.pipeline WHERE name = 'q';
SELECT funnel.definition('q');
SELECT funnel.create_pipeline('q', '{A,won}');
SELECT * FROM pg_temp.versions('q');
-- within one transaction it is one change, even if everything is as before
BEGIN;
DELETE FROM funnel.pipeline WHERE name = 'q';
SELECT funnel.create_pipeline('q', '{A,won}');
COMMIT;
SELECT * FROM pg_temp.versions('q') WHERE version > 5;
RESET ROLE;

-- TRUNCATE, which only the tables' owner may
TRUNCATE funnel.transition;
TRUNCATE funnel.transition;
SELECT version, force, stages, transitions FROM pg_temp.versions('q') WHERE version >= 8;
SET client_min_messages = warning;
TRUNCATE funnel.pipeline CASCADE;
TRUNCATE funnel.pipeline CASCADE;
RESET client_min_messages;
SELECT version, force, stages, transitions FROM pg_temp.versions('q') WHERE version >= 8;

-- changed_by is the role in whose name the statement runs: in a SECURITY DEFINER function its owner
CREATE FUNCTION pg_temp.describe(pipeline text, description text) RETURNS void LANGUAGE sql SECURITY DEFINER AS
    'UPDATE funnel.pipeline SET description = $2 WHERE name = $1';
ALTER FUNCTION pg_temp.describe(text, text) OWNER TO regress_funnel_ann;
SELECT funnel.create_pipeline('t', '{a,won}');
SET ROLE regress_funnel_bob;
SELECT pg_temp.describe('t', 'by ann');
RESET ROLE;
SELECT version, changed_by = current_user AS mine, changed_by = 'regress_funnel_ann' AS anns, definition ->> 'description' AS description
  FROM funnel.pipeline_version WHERE pipeline = 't' ORDER BY version;

-- The column version is the extension's: whatever is written there, the latest version's number comes back.
INSERT INTO funnel.pipeline VALUES ('u', NULL, 7);
UPDATE funnel.pipeline SET version = 9 WHERE name = 't';
SELECT name, version FROM funnel.pipeline ORDER BY name;
SELECT * FROM pg_temp.versions('u');
TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;

--
-- Import, which is what a restore does: versions make the definition, and no version
--
SELECT funnel.create_pipeline_from('leads', 'b2b_waterfall');
SELECT funnel.create_pipeline('deals', '{a,b,won}', '{lost}');
UPDATE funnel.pipeline SET description = 'second' WHERE name = 'deals';
UPDATE funnel.stage SET sla = '-1 mon 40 days 03:04:05.6', owner = '', requires = ARRAY['NULL', 'a \ " b', '{c}'] WHERE pipeline = 'deals' AND stage = 'b';
SELECT funnel.create_pipeline('gone', '{a}');
DELETE FROM funnel.pipeline WHERE name = 'gone';
INSERT INTO funnel.pipeline VALUES ('empty', 'no stages');
CREATE TEMP TABLE saved_version AS TABLE funnel.pipeline_version;
CREATE TEMP TABLE saved_pipeline AS TABLE funnel.pipeline;
CREATE TEMP TABLE saved_stage AS TABLE funnel.stage;
CREATE TEMP TABLE saved_transition AS TABLE funnel.transition;
CREATE FUNCTION pg_temp.differences() RETURNS TABLE (versions bigint, pipelines bigint, stages bigint, transitions bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM ((TABLE saved_version EXCEPT TABLE funnel.pipeline_version) UNION ALL (TABLE funnel.pipeline_version EXCEPT TABLE saved_version)) x),
           (SELECT count(*) FROM ((TABLE saved_pipeline EXCEPT TABLE funnel.pipeline) UNION ALL (TABLE funnel.pipeline EXCEPT TABLE saved_pipeline)) x),
           (SELECT count(*) FROM ((TABLE saved_stage EXCEPT TABLE funnel.stage) UNION ALL (TABLE funnel.stage EXCEPT TABLE saved_stage)) x),
           (SELECT count(*) FROM ((TABLE saved_transition EXCEPT TABLE funnel.transition) UNION ALL (TABLE funnel.transition EXCEPT TABLE saved_transition)) x)
$$;

-- in one statement
TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;
SELECT * FROM pg_temp.differences();
INSERT INTO funnel.pipeline_version TABLE saved_version;
SELECT * FROM pg_temp.differences();

-- A statement for each row, in any order, under another IntervalStyle, by a role that may only insert versions. Meanwhile
-- the definition is that of the latest version there is.
GRANT INSERT ON funnel.pipeline_version TO regress_funnel_bob;
GRANT SELECT ON saved_version TO regress_funnel_bob;
REVOKE ALL ON funnel.pipeline, funnel.stage, funnel.transition FROM regress_funnel_bob;
TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;
SET intervalstyle = 'sql_standard';
SET ROLE regress_funnel_bob;
INSERT INTO funnel.pipeline_version SELECT * FROM saved_version WHERE pipeline = 'deals' AND version = 2;
SELECT name, version, description FROM funnel.pipeline;
DO $$
DECLARE
    v saved_version;
BEGIN
    FOR v IN SELECT * FROM saved_version WHERE (pipeline, version) <> ('deals', 2) ORDER BY pipeline DESC, version DESC LOOP
        INSERT INTO funnel.pipeline_version VALUES (v.*);
    END LOOP;
END $$;
RESET ROLE;
SET intervalstyle = 'postgres';
SELECT * FROM pg_temp.differences();

-- A change behind it, in the same transaction, makes the next version; it is no part of an imported one.
TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;
BEGIN;
INSERT INTO funnel.pipeline_version TABLE saved_version;
UPDATE funnel.pipeline SET description = 'third' WHERE name = 'deals';
UPDATE funnel.stage SET sla = NULL WHERE pipeline = 'deals';
COMMIT;
SELECT version, force, changed_by, description FROM pg_temp.versions('deals');

-- What replication applies does neither: it brings the other tables as well.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE funnel.pipeline SET description = 'applied' WHERE name = 'deals';
INSERT INTO funnel.pipeline_version SELECT 'applied', version, valid_from, changed_by, definition FROM saved_version WHERE pipeline = 'deals';
SELECT count(*) FILTER (WHERE definition ->> 'description' = 'applied') AS recorded, count(*) FILTER (WHERE pipeline = 'applied') AS applied
  FROM funnel.pipeline_version;
SELECT name, version FROM funnel.pipeline ORDER BY name;
ROLLBACK;

-- What an import refuses. deals was changed here after its import, so it has its own history.
SET ROLE regress_funnel_bob;
SELECT query, state, message, hint FROM (VALUES
    ($$('deals', 5, now(), 'ann', NULL)$$),
    ($$('gone', 3, '2020-01-01', 'ann', NULL)$$),
    ($$('gone', 2, now(), 'ann', NULL)$$),
    ($$('new', 1, '2020-01-01', 'ann', NULL), ('new', 3, '2020-01-02', 'ann', NULL), ('new', 2, '2020-01-02', 'ann', NULL)$$),
    ($$('new', 1, 'infinity', 'ann', NULL)$$),
    ($$('new', 0, now(), 'ann', NULL)$$),
    ($$('new', 1, now(), 'ann', '{}')$$),
    ($$('new', 1, now(), 'ann', '[]')$$),
    ($$('new', 1, now(), 'ann', '"stages"')$$),
    ($$('new', 1, now(), 'ann', '{"stages": [], "transitions": {}}')$$),
    ($$('new', 1, now(), 'ann', '{"stages": [1], "transitions": []}')$$),
    ($$('new', 1, now(), 'ann', '{"stages": [{}], "transitions": []}')$$),
    ($$('new', 1, now(), 'ann', '{"stages": [{"stage": "a", "kind": "open", "position": 1, "requires": "b"}], "transitions": []}')$$),
    ($$('new', 1, now(), 'ann', '{"stages": [{"stage": "a", "kind": "closed", "position": 1, "requires": []}], "transitions": []}')$$),
    ($$('new', 1, now(), 'ann', '{"stages": [{"stage": "a", "kind": "open", "position": 1, "requires": []}], "transitions": [{"to_stage": "b", "requires": []}]}')$$),
    ($$(' ', 1, now(), 'ann', '{"stages": [], "transitions": []}')$$)
) q(query), pg_temp.refused('INSERT INTO funnel.pipeline_version VALUES ' || query) r;
-- The next version is later than all of them, whatever the clock says.
INSERT INTO funnel.pipeline_version VALUES ('gone', 3, '2200-01-01 00:00 UTC', 'ann', '{"stages": [], "transitions": []}');
RESET ROLE;
INSERT INTO funnel.stage VALUES ('gone', 'a', 1);
SELECT version, valid_from > '2200-01-01 00:00 UTC' AS later FROM funnel.pipeline_version WHERE pipeline = 'gone' AND version > 2;
-- Numbers end.
SET ROLE regress_funnel_bob;
INSERT INTO funnel.pipeline_version VALUES ('last', 2147483647, '2020-01-03', 'ann', NULL);
RESET ROLE;
SELECT * FROM pg_temp.refused($$SELECT funnel.create_pipeline('last', '{a}')$$);

-- The owner of the tables, a superuser, can add to any history: then that is the definition.
INSERT INTO funnel.pipeline_version SELECT pipeline, 5, now() + interval '1 day', 'regress_funnel_cid', definition FROM saved_version WHERE pipeline = 'deals' AND version = 2;
SELECT version, force, changed_by, description FROM pg_temp.versions('deals');

TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;
REVOKE ALL ON funnel.pipeline, funnel.stage, funnel.transition, funnel.pipeline_version FROM regress_funnel_ann, regress_funnel_bob;
REVOKE ALL ON saved_version FROM regress_funnel_bob;
DROP FUNCTION pg_temp.describe(text, text);
DROP ROLE regress_funnel_ann, regress_funnel_bob;
