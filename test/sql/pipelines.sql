--
-- Pipelines: making them, what the tables accept, what may be asked, who may edit
--
-- Their versions are in pipeline_versions.
\pset null '-'
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

-- The pipeline as lines: "stage: what it leads to", in order; the first line is the entries.
CREATE FUNCTION pg_temp.paths(pipeline text) RETURNS TABLE (path text) LANGUAGE sql AS $$
    SELECT coalesce(f.stage, 'entry') || ': ' || coalesce(string_agg(t.to_stage, ' ' ORDER BY s."position"), '')
      FROM (SELECT NULL AS stage, NULL AS "position" UNION ALL
            SELECT stage, "position" FROM funnel.stage WHERE pipeline = $1) f
      LEFT JOIN funnel.transition t ON t.pipeline = $1 AND t.from_stage IS NOT DISTINCT FROM f.stage
      LEFT JOIN funnel.stage s ON s.pipeline = $1 AND s.stage = t.to_stage
     GROUP BY f.stage, f."position" ORDER BY f."position" NULLS FIRST
$$;

--
-- create_pipeline: stages in order, the first is the entry, exits from all but won
--
SELECT funnel.create_pipeline('deals', '{new,demo,Closed Won}', '{Closed Lost,junk,no budget,nurture}');
SELECT "position", stage, kind, owner, sla, requires FROM funnel.stage WHERE pipeline = 'deals' ORDER BY "position";
SELECT * FROM pg_temp.paths('deals');

-- with allow_skips to every later stage
SELECT funnel.create_pipeline('fast', '{a,b,c,won}', '{out}', allow_skips => true);
SELECT * FROM pg_temp.paths('fast');

-- Without exits; with one stage; a won stage in the middle is left for the next one only; an exit among the stages keeps
-- its meaning, and an exit may be called as an open stage is.
SELECT funnel.create_pipeline('short', '{won}');
SELECT funnel.create_pipeline('renewals', '{mql,won,renewal,lost}', '{sal}');
SELECT pipeline, stage, kind FROM funnel.stage WHERE pipeline IN ('short', 'renewals') ORDER BY pipeline, "position";
SELECT * FROM pg_temp.paths('short');
SELECT * FROM pg_temp.paths('renewals');

-- Names are taken as they are.
SELECT funnel.create_pipeline('It''s "ours"', ARRAY['Étape 1', ' spaced ', 'a.b', '"quoted"', 'MQL', 'mql', 'null'], ARRAY['{}']);
SELECT * FROM pg_temp.paths('It''s "ours"');
SELECT * FROM funnel.check_pipeline('It''s "ours"');
DELETE FROM funnel.pipeline WHERE name LIKE 'It%';

-- What it refuses
SELECT r.* FROM (VALUES
    ($$SELECT funnel.create_pipeline('deals', '{a}')$$),
    ($$SELECT funnel.create_pipeline(NULL, '{a}')$$),
    ($$SELECT funnel.create_pipeline(E' \t\n', '{a}')$$),
    ($$SELECT funnel.create_pipeline('x', NULL)$$),
    ($$SELECT funnel.create_pipeline('x', '{}')$$),
    ($$SELECT funnel.create_pipeline('x', '{}', '{a}')$$),
    ($$SELECT funnel.create_pipeline('x', '{a,NULL,c}')$$),
    ($$SELECT funnel.create_pipeline('x', '{a,b}', '{" "}')$$),
    ($$SELECT funnel.create_pipeline('x', '{{a,b}}')$$),
    ($$SELECT funnel.create_pipeline('x', '{a}', NULL)$$),
    ($$SELECT funnel.create_pipeline('x', '{a,b,c,b,a}')$$),
    ($$SELECT funnel.create_pipeline('x', '{a,b}', '{lost,b}')$$),
    ($$SELECT funnel.create_pipeline('x', '{a,b}', '{}', NULL)$$),
    ($$SELECT funnel.create_pipeline_from('deals', 'b2b_waterfall')$$),
    ($$SELECT funnel.create_pipeline_from('x', 'b2c')$$),
    ($$SELECT funnel.create_pipeline_from('x', NULL)$$),
    ($$SELECT funnel.create_pipeline_from(NULL, 'b2b_waterfall')$$)
) q(query), pg_temp.refused(query) r;
-- and leaves nothing behind
SELECT name FROM funnel.pipeline ORDER BY name;

-- 50 stages with skips: 1 + 50 * 49 / 2 + 50 transitions
SET statement_timeout = '1s';
SELECT funnel.create_pipeline('long', (SELECT array_agg('stage ' || n) FROM generate_series(1, 50) n), '{out}', true);
SELECT count(*) FROM funnel.check_pipeline('long');
RESET statement_timeout;
SELECT count(*), count(DISTINCT t) FROM funnel.transition t WHERE pipeline = 'long';
DELETE FROM funnel.pipeline WHERE name IN ('long', 'fast', 'short', 'renewals');

--
-- create_pipeline_from: the template b2b_waterfall
--
SELECT funnel.create_pipeline_from('leads', 'b2b_waterfall');
SELECT description FROM funnel.pipeline WHERE name = 'leads';
SELECT "position", stage, owner, kind, sla, requires FROM funnel.stage WHERE pipeline = 'leads' ORDER BY "position";
SELECT * FROM pg_temp.paths('leads');
SELECT * FROM funnel.check_pipeline('leads');

--
-- check_pipeline
--
SELECT * FROM funnel.check_pipeline('deals');
BEGIN;
-- demo is cut off; leads cannot come back from nurture, but from junk
DELETE FROM funnel.transition WHERE pipeline = 'deals' AND to_stage = 'demo';
INSERT INTO funnel.transition VALUES ('deals', 'junk', 'new');
UPDATE funnel.stage SET kind = 'recycled' WHERE pipeline = 'deals' AND stage = 'nurture';
SELECT * FROM funnel.check_pipeline('deals');
-- a loop that nothing leads to is not reached
INSERT INTO funnel.transition VALUES ('deals', 'Closed Won', 'demo'), ('deals', 'nurture', 'new');
SELECT * FROM funnel.check_pipeline('deals');
-- nothing is of kind won; no entry
UPDATE funnel.stage SET kind = 'open' WHERE pipeline = 'deals' AND stage = 'Closed Won';
DELETE FROM funnel.transition WHERE pipeline = 'deals' AND from_stage IS NULL;
SELECT * FROM funnel.check_pipeline('deals');
DELETE FROM funnel.stage WHERE pipeline = 'deals';
SELECT * FROM funnel.check_pipeline('deals');
ROLLBACK;
SELECT r.* FROM (VALUES ($$SELECT funnel.check_pipeline('Deals')$$), ($$SELECT funnel.check_pipeline(NULL)$$)) q(query), pg_temp.refused(query) r;
BEGIN;
TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;
SELECT * FROM pg_temp.refused($$SELECT funnel.check_pipeline('deals')$$);
ROLLBACK;

--
-- allowed and is_allowed
--
SELECT * FROM funnel.allowed('leads');
SELECT * FROM funnel.allowed('leads', 'sal');
SELECT * FROM funnel.allowed('leads', 'won');
-- what the stage requires comes first, then what the transition does, each once
BEGIN;
UPDATE funnel.stage SET requires = '{reason,campaign,reason}' WHERE pipeline = 'leads' AND stage = 'recycled';
UPDATE funnel.transition SET requires = '{owner,reason,campaign,Next Call}' WHERE pipeline = 'leads' AND from_stage = 'sal' AND to_stage = 'recycled';
SELECT * FROM funnel.allowed('leads', 'sal') WHERE to_stage = 'recycled';
SELECT * FROM funnel.allowed('leads', 'sql') WHERE to_stage = 'recycled';
ROLLBACK;
SELECT r.* FROM (VALUES
    ($$SELECT * FROM funnel.allowed('lead')$$),
    ($$SELECT * FROM funnel.allowed(NULL, 'sal')$$),
    ($$SELECT * FROM funnel.allowed('leads', 'SAL')$$),
    ($$SELECT funnel.is_allowed('lead', 'mql', 'sal')$$),
    ($$SELECT funnel.is_allowed('lead', 'mql', 'mql')$$),
    ($$SELECT funnel.is_allowed('lead', NULL, 'mql')$$),
    ($$SELECT funnel.is_allowed(NULL, 'mql', 'sal')$$)
) q(query), pg_temp.refused(query) r;

SELECT f AS from_stage, t AS to_stage, funnel.is_allowed('leads', f, t) FROM (VALUES
    ('mql', 'sal'), ('mql', 'sql'), ('sal', 'mql'),
    (NULL, 'mql'), (NULL, 'sal'), (NULL, NULL),
    ('won', 'won'), ('nowhere', 'nowhere'),
    ('mql', 'nowhere'), ('nowhere', 'mql'), ('mql', NULL), ('MQL', 'sal')) v(f, t);
-- They agree with each other: is_allowed is allowed, and staying.
SELECT count(*) AS pairs, count(*) FILTER (WHERE funnel.is_allowed('leads', f.stage, t.stage)) AS allowed,
       count(*) FILTER (WHERE funnel.is_allowed('leads', f.stage, t.stage) IS DISTINCT FROM
                        (f.stage IS NOT DISTINCT FROM t.stage OR EXISTS (SELECT FROM funnel.allowed('leads', f.stage) a WHERE a.to_stage = t.stage))) AS differ
  FROM (SELECT stage FROM funnel.stage WHERE pipeline = 'leads' UNION ALL SELECT NULL) f,
       funnel.stage t WHERE t.pipeline = 'leads';

--
-- Plain SQL edits, and what the tables refuse
--
-- A stage between two others: positions are checked at the end of the statement.
BEGIN;
UPDATE funnel.stage SET "position" = "position" + 1 WHERE pipeline = 'deals' AND "position" >= 2;
INSERT INTO funnel.stage (pipeline, stage, "position") VALUES ('deals', 'call', 2);
INSERT INTO funnel.transition VALUES ('deals', 'new', 'call'), ('deals', 'call', 'demo');
SELECT * FROM pg_temp.paths('deals');
-- Two stages change places.
UPDATE funnel.stage SET "position" = 5 - "position" WHERE pipeline = 'deals' AND "position" IN (2, 3);
-- A renamed stage takes its transitions along, and so does a renamed pipeline; a deleted stage takes them away.
UPDATE funnel.stage SET stage = 'Demo' WHERE pipeline = 'deals' AND stage = 'demo';
UPDATE funnel.pipeline SET name = 'Deals' WHERE name = 'deals';
DELETE FROM funnel.stage WHERE pipeline = 'Deals' AND stage IN ('call', 'junk', 'nurture');
SELECT * FROM pg_temp.paths('Deals');
SELECT count(*) FROM funnel.stage WHERE pipeline = 'deals';
DELETE FROM funnel.pipeline WHERE name = 'Deals';
SELECT count(*) FROM funnel.transition WHERE pipeline = 'Deals';
ROLLBACK;

SELECT query, state, message FROM (VALUES
    ($$INSERT INTO funnel.pipeline VALUES (' ')$$),
    ($$INSERT INTO funnel.pipeline VALUES (NULL)$$),
    ($$INSERT INTO funnel.stage VALUES ('nowhere', 'x', 1)$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', '', 90)$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', NULL)$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 1)$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'demo', 90)$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'closed')$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'open', '0 days')$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'open', '-1 day')$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'open', NULL, '{a,NULL}')$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'open', NULL, '{a,"  "}')$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'open', NULL, '{{a},{b}}')$$),
    ($$INSERT INTO funnel.stage VALUES ('deals', 'x', 90, NULL, 'open', NULL, NULL)$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', 'demo', 'demo')$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', 'new', 'demo')$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', NULL, 'new')$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', 'new', 'sal')$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', 'sal', 'new')$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', 'new', NULL)$$),
    ($$INSERT INTO funnel.transition VALUES ('deals', 'demo', 'new', '{""}')$$),
    ($$UPDATE funnel.stage SET "position" = 1 WHERE pipeline = 'deals'$$),
    ($$UPDATE funnel.stage SET stage = 'demo' WHERE pipeline = 'deals' AND stage = 'new'$$)
) q(query), pg_temp.refused(query) r;

--
-- Settings of the session do not matter
--
CREATE TEMP TABLE before AS
SELECT (SELECT jsonb_agg(to_jsonb(s) - 'pipeline' ORDER BY "position") FROM funnel.stage s WHERE pipeline = 'leads') AS stages,
       (SELECT array_agg(p.path) FROM pg_temp.paths('leads') p) AS paths,
       funnel.definition('leads') AS definition,
       (SELECT jsonb_agg(to_jsonb(a)) FROM funnel.allowed('leads', 'opportunity') a) AS allowed;

CREATE SCHEMA hostile;
CREATE FUNCTION hostile.lie(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE FUNCTION hostile.lie(int, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE FUNCTION hostile.format(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE FUNCTION hostile.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE FUNCTION hostile.jsonb_array_elements(jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.<> (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.~ (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.!~ (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.= (FUNCTION = hostile.lie, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR hostile.> (FUNCTION = hostile.lie, LEFTARG = int, RIGHTARG = int);
CREATE TABLE hostile.stage (lie int);
CREATE TABLE hostile.new_rows (lie int);
CREATE TEMP TABLE pipeline (lie int);
CREATE TEMP TABLE pipeline_version (lie int);
CREATE TEMP TABLE new_rows (lie int);
CREATE TEMP TABLE old_rows (lie int);
CREATE TEMP TABLE transition (lie int);
CREATE TEMP TABLE pg_class (oid oid, relowner oid);
SET search_path = hostile, pg_temp, pg_catalog;
SET intervalstyle = 'iso_8601';
SET datestyle = 'German';
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET transform_null_equals = on;
SET array_nulls = off;
SET default_transaction_isolation = 'repeatable read';
SELECT funnel.create_pipeline_from('leads 2', 'b2b_waterfall');
UPDATE funnel.stage SET sla = '3 days' WHERE pipeline OPERATOR(pg_catalog.=) 'leads 2' AND stage OPERATOR(pg_catalog.=) 'mql';
SELECT j ->> 'sla' AS sla FROM jsonb_path_query(funnel.definition('leads 2'), '$.stages[*] ? (@.stage == "mql")') j;
UPDATE funnel.stage SET sla = 'P2D' WHERE pipeline OPERATOR(pg_catalog.=) 'leads 2' AND stage OPERATOR(pg_catalog.=) 'mql';
SELECT funnel.create_pipeline('deals 2', '{new,demo,Closed Won}', '{Closed Lost,junk,no budget,nurture}');
SELECT * FROM funnel.check_pipeline('leads 2');
SELECT funnel.is_allowed('leads 2', 'sal', 'sql'), funnel.is_allowed('leads 2', 'sal', 'won'), funnel.is_allowed('leads 2', NULL, 'mql');
CREATE FUNCTION pg_temp.allowed_now() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS
    'SELECT jsonb_agg(to_jsonb(a)) FROM funnel.allowed(''leads 2'', ''opportunity'') a';
SELECT pg_temp.allowed_now() = allowed AS allowed, funnel.definition('leads 2') = definition AS definition FROM pg_temp.before;
RESET ALL;
\pset null '-'
SELECT b.stages = (SELECT jsonb_agg(to_jsonb(s) - 'pipeline' ORDER BY "position") FROM funnel.stage s WHERE pipeline = 'leads 2') AS stages,
       b.paths = (SELECT array_agg(p.path) FROM pg_temp.paths('leads 2') p) AS paths
  FROM before b;
SELECT funnel.definition('deals 2') = funnel.definition('deals') AS same;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;
DROP TABLE pg_temp.pipeline, pg_temp.pipeline_version, pg_temp.new_rows, pg_temp.old_rows, pg_temp.transition, pg_temp.pg_class;
DELETE FROM funnel.pipeline WHERE name LIKE '% 2';

--
-- Who may do what: everybody reads; editing takes rights on the tables
--
CREATE ROLE regress_funnel_reader;
CREATE ROLE regress_funnel_editor;
GRANT INSERT, DELETE, UPDATE (name, description) ON funnel.pipeline TO regress_funnel_editor;
GRANT INSERT, UPDATE, DELETE ON funnel.stage, funnel.transition TO regress_funnel_editor;

SET ROLE regress_funnel_reader;
SELECT count(*) FROM funnel.stage WHERE pipeline = 'leads';
SELECT * FROM funnel.allowed('leads');
SELECT funnel.is_allowed('leads', 'mql', 'sal'), funnel.definition('leads') ->> 'description' AS description;
SELECT * FROM funnel.check_pipeline('leads');
SELECT query, state, message FROM (VALUES
    ($$SELECT funnel.create_pipeline('mine', '{a}')$$),
    ($$SELECT funnel.create_pipeline_from('mine', 'b2b_waterfall')$$),
    ($$UPDATE funnel.pipeline SET description = ''$$),
    ($$UPDATE funnel.stage SET sla = NULL$$),
    ($$DELETE FROM funnel.transition$$),
    ($$INSERT INTO funnel.pipeline_version VALUES ('leads', 9, now(), 'me', NULL)$$),
    ($$CREATE TEMP TABLE t (pipeline text); CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION funnel.record_version()$$),
    ($$CREATE TEMP TABLE t (pipeline text); CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION funnel.import_versions()$$),
    ($$CREATE TEMP TABLE t (pipeline text); CREATE TRIGGER t AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION funnel.definition_changed()$$)
) q(query), pg_temp.refused(query) r;

SET ROLE regress_funnel_editor;
SELECT funnel.create_pipeline('theirs', '{a,b}');
UPDATE funnel.stage SET owner = 'sales' WHERE pipeline = 'theirs';
UPDATE funnel.pipeline SET description = 'theirs' WHERE name = 'theirs';
SELECT query, state, message FROM (VALUES
    ($$UPDATE funnel.pipeline SET version = 9$$),
    ($$TRUNCATE funnel.transition$$),
    ($$UPDATE funnel.pipeline_version SET changed_by = 'nobody'$$),
    ($$DELETE FROM funnel.pipeline_version$$),
    ($$ALTER TABLE funnel.stage DISABLE TRIGGER USER$$)
) q(query), pg_temp.refused(query) r;
DELETE FROM funnel.pipeline WHERE name = 'theirs';
RESET ROLE;
REVOKE ALL ON funnel.pipeline, funnel.stage, funnel.transition FROM regress_funnel_editor;
DROP ROLE regress_funnel_reader, regress_funnel_editor;

-- The triggers of versions are for these tables only, and for statements.
CREATE TEMP TABLE t (pipeline text);
CREATE TRIGGER t AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION funnel.record_version();
SELECT * FROM pg_temp.refused($$INSERT INTO t VALUES ('leads')$$);
DROP TRIGGER t ON t;
CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION funnel.record_version();
SELECT * FROM pg_temp.refused($$INSERT INTO t VALUES ('leads')$$);
DROP TRIGGER t ON t;
CREATE TRIGGER t AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION funnel.import_versions();
SELECT * FROM pg_temp.refused($$INSERT INTO t VALUES ('leads')$$);
DROP TABLE t;

-- Every table, column and function of them has a comment.
SELECT c.oid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
 WHERE c.oid IN ('funnel.pipeline'::regclass, 'funnel.stage'::regclass, 'funnel.transition'::regclass, 'funnel.pipeline_version'::regclass,
                 'funnel.pipeline_recorded'::regclass)
   AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL);
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'funnel'::regnamespace AND (l.lanname <> 'c' OR p.prorettype = 'trigger'::regtype)
   AND obj_description(p.oid, 'pg_proc') IS NULL;

TRUNCATE funnel.pipeline, funnel.pipeline_version, funnel.pipeline_recorded, funnel.stage, funnel.transition;
