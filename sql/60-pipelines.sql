-- Pipelines: the definitions that sales and marketing share, as ordinary tables, and their versions.
--
-- Everybody may read them. The role that creates the extension may edit them, also where it is no superuser and a
-- superuser owns the tables.

CREATE FUNCTION funnel.are_names(names text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(array_ndims(names), 1) = 1
           AND NOT EXISTS (SELECT FROM unnest(names) AS n WHERE (n ~ '[^[:space:]]') IS NOT TRUE);
COMMENT ON FUNCTION funnel.are_names(text[]) IS 'is it a plain list without NULL and without blank elements';

CREATE TABLE funnel.pipeline_version (
    pipeline text NOT NULL,
    version int NOT NULL CHECK (version > 0),
    valid_from timestamptz NOT NULL CHECK (isfinite(valid_from)),
    changed_by text NOT NULL,
    definition jsonb CHECK (definition IS NULL
                            OR (jsonb_typeof(definition -> 'stages') = 'array'
                                AND jsonb_typeof(definition -> 'transitions') = 'array') IS TRUE),
    PRIMARY KEY (pipeline, version)
);
COMMENT ON TABLE funnel.pipeline_version IS 'every definition that a pipeline has had; outlives the pipeline';
COMMENT ON COLUMN funnel.pipeline_version.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN funnel.pipeline_version.version IS 'counts the changes of the pipeline of that name, from 1';
COMMENT ON COLUMN funnel.pipeline_version.valid_from IS 'when it was changed to this; in force until the next version';
COMMENT ON COLUMN funnel.pipeline_version.changed_by IS 'role that changed it';
COMMENT ON COLUMN funnel.pipeline_version.definition IS
    'description, stages and transitions; NULL: there was no pipeline of that name any more';

-- Those that a restore has brought are not in it.
CREATE TABLE funnel.pipeline_recorded (pipeline text PRIMARY KEY);
COMMENT ON TABLE funnel.pipeline_recorded IS
    'pipelines that were changed in this database; no versions of them can be added by hand';
COMMENT ON COLUMN funnel.pipeline_recorded.pipeline IS 'name of the pipeline';

CREATE TABLE funnel.pipeline (
    name text PRIMARY KEY CHECK (name ~ '[^[:space:]]'),
    description text,
    version int NOT NULL DEFAULT 1
);
COMMENT ON TABLE funnel.pipeline IS 'the ways that leads go, as agreed; funnel.create_pipeline() makes one';
COMMENT ON COLUMN funnel.pipeline.name IS 'name of the pipeline';
COMMENT ON COLUMN funnel.pipeline.description IS 'what it is for';
COMMENT ON COLUMN funnel.pipeline.version IS 'the version in force; kept by the extension';

CREATE TABLE funnel.stage (
    pipeline text NOT NULL REFERENCES funnel.pipeline ON UPDATE CASCADE ON DELETE CASCADE,
    stage text NOT NULL CHECK (stage ~ '[^[:space:]]'),
    "position" int NOT NULL,
    owner text,
    kind text NOT NULL DEFAULT 'open' CHECK (kind IN ('open', 'won', 'lost', 'disqualified', 'recycled')),
    sla interval CHECK (sla > interval '0'),
    requires text[] NOT NULL DEFAULT '{}' CHECK (funnel.are_names(requires)),
    PRIMARY KEY (pipeline, stage),
    UNIQUE (pipeline, "position") DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON TABLE funnel.stage IS 'the stages of pipelines';
COMMENT ON COLUMN funnel.stage.pipeline IS 'the pipeline that it belongs to';
COMMENT ON COLUMN funnel.stage.stage IS 'name of the stage, exactly as the CRM stores it';
COMMENT ON COLUMN funnel.stage."position" IS 'its place in the pipeline; gaps are allowed';
COMMENT ON COLUMN funnel.stage.owner IS 'the team that answers for a lead in this stage';
COMMENT ON COLUMN funnel.stage.kind IS 'what the stage means: open, won, lost, disqualified or recycled';
COMMENT ON COLUMN funnel.stage.sla IS 'the longest that a lead should stay; NULL: no limit';
COMMENT ON COLUMN funnel.stage.requires IS 'columns of the lead that must be filled to enter the stage';

CREATE TABLE funnel.transition (
    pipeline text NOT NULL,
    from_stage text,
    to_stage text NOT NULL,
    requires text[] NOT NULL DEFAULT '{}' CHECK (funnel.are_names(requires)),
    CHECK (from_stage <> to_stage),
    UNIQUE (pipeline, from_stage, to_stage),
    FOREIGN KEY (pipeline, from_stage) REFERENCES funnel.stage ON UPDATE CASCADE ON DELETE CASCADE,
    FOREIGN KEY (pipeline, to_stage) REFERENCES funnel.stage ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX transition_entry_key ON funnel.transition (pipeline, to_stage) WHERE from_stage IS NULL;
-- It has no primary key that logical replication could go by.
ALTER TABLE funnel.transition REPLICA IDENTITY FULL;
COMMENT ON TABLE funnel.transition IS 'the changes of stage that pipelines allow';
COMMENT ON COLUMN funnel.transition.pipeline IS 'the pipeline that it belongs to';
COMMENT ON COLUMN funnel.transition.from_stage IS 'the stage that the lead leaves; NULL: a new lead may begin in to_stage';
COMMENT ON COLUMN funnel.transition.to_stage IS 'the stage that the lead enters';
COMMENT ON COLUMN funnel.transition.requires IS
    'columns of the lead that must be filled to go this way, beside those that the stage requires';

GRANT SELECT ON funnel.pipeline_version, funnel.pipeline_recorded, funnel.pipeline, funnel.stage, funnel.transition TO PUBLIC;
GRANT INSERT (name, description), UPDATE (name, description), DELETE ON funnel.pipeline TO @extowner@ WITH GRANT OPTION;
GRANT INSERT, UPDATE, DELETE ON funnel.stage, funnel.transition TO @extowner@ WITH GRANT OPTION;
GRANT INSERT ON funnel.pipeline_version TO @extowner@;

-- The versions hold everything, and come back in any order; see funnel.import_versions().
SELECT pg_catalog.pg_extension_config_dump('funnel.pipeline_version', '');

-- Every backend hears of a change, also of one that replication applies.

CREATE FUNCTION funnel.definition_changed() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION funnel.definition_changed() IS 'trigger of the definition tables: forget what was read of them';
REVOKE EXECUTE ON FUNCTION funnel.definition_changed() FROM PUBLIC;

CREATE TRIGGER definition_changed AFTER INSERT OR UPDATE OR DELETE ON funnel.pipeline
    FOR EACH ROW EXECUTE FUNCTION funnel.definition_changed();
CREATE TRIGGER definition_changed AFTER INSERT OR UPDATE OR DELETE ON funnel.stage
    FOR EACH ROW EXECUTE FUNCTION funnel.definition_changed();
CREATE TRIGGER definition_changed AFTER INSERT OR UPDATE OR DELETE ON funnel.transition
    FOR EACH ROW EXECUTE FUNCTION funnel.definition_changed();
CREATE TRIGGER definition_truncated AFTER TRUNCATE ON funnel.pipeline
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.definition_changed();
CREATE TRIGGER definition_truncated AFTER TRUNCATE ON funnel.stage
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.definition_changed();
CREATE TRIGGER definition_truncated AFTER TRUNCATE ON funnel.transition
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.definition_changed();
ALTER TABLE funnel.pipeline ENABLE ALWAYS TRIGGER definition_changed;
ALTER TABLE funnel.pipeline ENABLE ALWAYS TRIGGER definition_truncated;
ALTER TABLE funnel.stage ENABLE ALWAYS TRIGGER definition_changed;
ALTER TABLE funnel.stage ENABLE ALWAYS TRIGGER definition_truncated;
ALTER TABLE funnel.transition ENABLE ALWAYS TRIGGER definition_changed;
ALTER TABLE funnel.transition ENABLE ALWAYS TRIGGER definition_truncated;

-- A change of the definition makes a version, and versions that are imported make the definition. Ordinary triggers, not
-- for replication: it brings both.

CREATE FUNCTION funnel.record_version() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION funnel.record_version() IS 'trigger of the definition tables: a change makes a version';
REVOKE EXECUTE ON FUNCTION funnel.record_version() FROM PUBLIC;

CREATE FUNCTION funnel.import_versions() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION funnel.import_versions() IS
    'trigger of funnel.pipeline_version: rows added by hand, as by a restore, make the definition';
REVOKE EXECUTE ON FUNCTION funnel.import_versions() FROM PUBLIC;

CREATE TRIGGER import_versions AFTER INSERT ON funnel.pipeline_version REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.import_versions();
CREATE TRIGGER version_insert AFTER INSERT ON funnel.pipeline REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_update AFTER UPDATE ON funnel.pipeline REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_delete AFTER DELETE ON funnel.pipeline REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_truncate AFTER TRUNCATE ON funnel.pipeline
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_insert AFTER INSERT ON funnel.stage REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_update AFTER UPDATE ON funnel.stage REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_delete AFTER DELETE ON funnel.stage REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_truncate AFTER TRUNCATE ON funnel.stage
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_insert AFTER INSERT ON funnel.transition REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_update AFTER UPDATE ON funnel.transition REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_delete AFTER DELETE ON funnel.transition REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();
CREATE TRIGGER version_truncate AFTER TRUNCATE ON funnel.transition
    FOR EACH STATEMENT EXECUTE FUNCTION funnel.record_version();

-- What arguments must be.

CREATE FUNCTION funnel.require_names(argument text, names text[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    i int;
BEGIN
    IF names IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('argument "%s" must not be null', argument),
            HINT = 'Write it as ''{mql,sal,won}'' or ARRAY[''mql'', ''sal'', ''won''].';
    ELSIF NOT funnel.are_names(names) THEN
        SELECT min(n) INTO i FROM unnest(names) WITH ORDINALITY AS u(name, n) WHERE (name ~ '[^[:space:]]') IS NOT TRUE;
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be a plain list of names', argument),
            DETAIL = CASE WHEN i IS NULL THEN 'It has more than one dimension.'
                          ELSE format('Element %s is null or blank.', i) END,
            HINT = 'Write it as ''{mql,sal,won}'' or ARRAY[''mql'', ''sal'', ''won''].';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.require_names(text, text[]) IS 'raise an error unless it is a list of names';

CREATE FUNCTION funnel.require_pipeline(pipeline text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM funnel.pipeline AS p WHERE p.name = require_pipeline.pipeline;
    IF FOUND THEN
        RETURN;
    ELSIF require_pipeline.pipeline IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'the name of the pipeline must not be null',
            HINT = 'Table funnel.pipeline lists the pipelines there are.';
    END IF;
    RAISE undefined_object USING
        MESSAGE = format('pipeline "%s" does not exist', require_pipeline.pipeline),
        HINT = (SELECT coalesce('The pipelines are: ' || string_agg(p.name, ', ' ORDER BY p.name COLLATE "C") || '.',
                                'There is none yet; funnel.create_pipeline() makes one.')
                  FROM funnel.pipeline AS p);
END
$$;
COMMENT ON FUNCTION funnel.require_pipeline(text) IS 'raise an error unless there is that pipeline';

CREATE FUNCTION funnel.require_stage(pipeline text, stage text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM funnel.stage AS s WHERE s.pipeline = require_stage.pipeline AND s.stage = require_stage.stage;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('pipeline "%s" has no stage "%s"', require_stage.pipeline, require_stage.stage),
            HINT = (SELECT coalesce('Its stages are: ' || string_agg(s.stage, ', ' ORDER BY s."position") || '.',
                                    'It has none yet; add them to funnel.stage.')
                      FROM funnel.stage AS s WHERE s.pipeline = require_stage.pipeline);
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.require_stage(text, text) IS 'raise an error unless the pipeline has that stage';

-- Making a pipeline.

CREATE FUNCTION funnel.add_pipeline(name text, description text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (add_pipeline.name ~ '[^[:space:]]') IS NOT TRUE THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "name" must not be null or blank',
            HINT = 'Give the pipeline a name.';
    END IF;
    INSERT INTO funnel.pipeline (name, description) VALUES (add_pipeline.name, add_pipeline.description)
        ON CONFLICT ON CONSTRAINT pipeline_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('pipeline "%s" exists already', add_pipeline.name),
            HINT = 'Edit it in funnel.stage and funnel.transition, delete it from funnel.pipeline, or take another name.',
            SCHEMA = 'funnel', TABLE = 'pipeline', CONSTRAINT = 'pipeline_pkey';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.add_pipeline(text, text) IS
    'add a pipeline without stages; used by create_pipeline() and create_pipeline_from()';

CREATE FUNCTION funnel.create_pipeline(
    name text,
    stages text[],
    exits text[] DEFAULT '{}',
    allow_skips boolean DEFAULT false
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    all_stages CONSTANT text[] := stages || exits;
    n CONSTANT int := cardinality(stages);
    twice text;
BEGIN
    PERFORM funnel.require_names('stages'::text, stages), funnel.require_names('exits'::text, exits);
    IF n = 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "stages" has no elements',
            HINT = 'Give the stages in order; new leads begin in the first.';
    ELSIF allow_skips IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "allow_skips" must not be null',
            HINT = 'With true leads may go from a stage to every later one, with false to the next one.';
    END IF;
    SELECT s INTO twice FROM unnest(all_stages) WITH ORDINALITY AS u(s, i)
     GROUP BY s HAVING count(*) > 1 ORDER BY min(i) LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('stage "%s" is given twice', twice),
            HINT = 'Name it once, among the stages or among the exits.';
    END IF;

    PERFORM funnel.add_pipeline(create_pipeline.name, NULL::text);
    INSERT INTO funnel.stage (pipeline, stage, "position", kind)
    SELECT create_pipeline.name, s, i,
           CASE WHEN k IN ('won', 'lost', 'disqualified', 'recycled') THEN k WHEN i <= n THEN 'open' ELSE 'lost' END
      FROM unnest(all_stages) WITH ORDINALITY AS u(s, i), funnel.label(funnel.try_lead_stage(s)) AS k;
    INSERT INTO funnel.transition (pipeline, from_stage, to_stage)
    SELECT create_pipeline.name, NULL, all_stages[1]
    UNION ALL
    SELECT create_pipeline.name, a.stage, b.stage
      FROM funnel.stage AS a JOIN funnel.stage AS b
        ON CASE WHEN b."position" > n THEN a.kind <> 'won'
                WHEN allow_skips THEN b."position" > a."position"
                ELSE b."position" = a."position" + 1 END
     WHERE a.pipeline = create_pipeline.name AND b.pipeline = create_pipeline.name AND a."position" <= n;
END
$$;
COMMENT ON FUNCTION funnel.create_pipeline(text, text[], text[], boolean) IS
    'make a pipeline: stages in order, the first of them the entry, and exits from all of them';

CREATE FUNCTION funnel.create_pipeline_from(name text, template text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p CONSTANT text := create_pipeline_from.name;
BEGIN
    IF template IS DISTINCT FROM 'b2b_waterfall' THEN
        RAISE undefined_object USING
            MESSAGE = format('template "%s" does not exist', template),
            HINT = 'The templates are: b2b_waterfall.';
    END IF;
    PERFORM funnel.add_pipeline(p, 'B2B lead waterfall, from the first response to the closed deal'::text);
    INSERT INTO funnel.stage (pipeline, "position", stage, owner, kind, sla, requires)
    VALUES (p, 1, 'inquiry', 'marketing', 'open', NULL, '{}'),
           (p, 2, 'mql', 'marketing', 'open', interval '2 days', '{}'),
           (p, 3, 'sal', 'sales', 'open', NULL, '{}'),
           (p, 4, 'sql', 'sales', 'open', NULL, '{}'),
           (p, 5, 'opportunity', 'sales', 'open', NULL, '{}'),
           (p, 6, 'won', 'sales', 'won', NULL, '{}'),
           (p, 7, 'lost', 'sales', 'lost', NULL, '{}'),
           (p, 8, 'disqualified', 'marketing', 'disqualified', NULL, '{reason}'),
           (p, 9, 'recycled', 'marketing', 'recycled', NULL, '{reason}');
    INSERT INTO funnel.transition (pipeline, from_stage, to_stage)
    VALUES (p, NULL, 'inquiry'), (p, NULL, 'mql'),
           -- forward
           (p, 'inquiry', 'mql'), (p, 'mql', 'sal'), (p, 'sal', 'sql'), (p, 'sql', 'opportunity'),
           (p, 'opportunity', 'won'), (p, 'opportunity', 'lost'),
           -- handed back
           (p, 'sal', 'mql'), (p, 'sql', 'sal'), (p, 'opportunity', 'sql'),
           -- into nurture later, and out of it
           (p, 'lost', 'recycled'), (p, 'recycled', 'mql');
    INSERT INTO funnel.transition (pipeline, from_stage, to_stage)
    SELECT p, s.stage, e.stage
      FROM funnel.stage AS s, (VALUES ('disqualified'), ('recycled')) AS e(stage)
     WHERE s.pipeline = p AND s.kind = 'open';
END
$$;
COMMENT ON FUNCTION funnel.create_pipeline_from(text, text) IS 'make a pipeline from a template: b2b_waterfall';

-- Asking.

CREATE FUNCTION funnel.definition(pipeline text, at timestamptz DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.definition FROM funnel.pipeline_version AS v
     WHERE v.pipeline = definition.pipeline AND (definition.at IS NULL OR v.valid_from <= definition.at)
     ORDER BY v.version DESC LIMIT 1;
END;
COMMENT ON FUNCTION funnel.definition(text, timestamptz) IS
    'the definition of a pipeline in force at a time, or now; NULL if there was none';

CREATE FUNCTION funnel.check_pipeline(name text) RETURNS TABLE (severity text, stage text, problem text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM funnel.require_pipeline(check_pipeline.name);
    RETURN QUERY
    WITH RECURSIVE
    stages AS (
        SELECT s.* FROM funnel.stage AS s WHERE s.pipeline = check_pipeline.name),
    transitions AS (
        SELECT t.from_stage, t.to_stage FROM funnel.transition AS t WHERE t.pipeline = check_pipeline.name),
    reached AS (
        SELECT t.to_stage FROM transitions AS t WHERE t.from_stage IS NULL
        UNION
        SELECT t.to_stage FROM reached AS r JOIN transitions AS t ON t.from_stage = r.to_stage)
    SELECT p.severity, p.stage, p.problem
      FROM (SELECT 'error', NULL::text, NULL::int, 'It has no stages; add them to funnel.stage.'
             WHERE NOT EXISTS (SELECT FROM stages)
            UNION ALL
            SELECT 'error', NULL, NULL,
                   'No lead can enter it; add a transition from NULL to the stage where new leads begin.'
             WHERE EXISTS (SELECT FROM stages) AND NOT EXISTS (SELECT FROM reached)
            UNION ALL
            SELECT 'error', s.stage, s."position",
                   'No path from an entry leads to it; add a transition to it, or remove the stage.'
              FROM stages AS s
             WHERE EXISTS (SELECT FROM reached) AND s.stage NOT IN (SELECT r.to_stage FROM reached AS r)
            UNION ALL
            SELECT 'warning', NULL, NULL, 'No stage is of kind won; set the kind of the stage of customers.'
             WHERE EXISTS (SELECT FROM stages) AND NOT EXISTS (SELECT FROM stages AS s WHERE s.kind = 'won')
            UNION ALL
            SELECT 'warning', s.stage, s."position",
                   format('It is of kind %s and has no way out; add a transition from it, or set another kind.', s.kind)
              FROM stages AS s
             WHERE s.kind IN ('open', 'recycled')
               AND NOT EXISTS (SELECT FROM transitions AS t WHERE t.from_stage = s.stage)
           ) AS p(severity, stage, "position", problem)
     ORDER BY p.severity, p."position" NULLS FIRST;
END
$$;
COMMENT ON FUNCTION funnel.check_pipeline(text) IS
    'what is wrong with a pipeline: an error if it cannot be used, a warning if it seems unfinished; no rows if it is sound';

CREATE FUNCTION funnel.allowed(pipeline text, from_stage text DEFAULT NULL)
    RETURNS TABLE (to_stage text, kind text, requires text[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM funnel.require_pipeline(allowed.pipeline);
    IF allowed.from_stage IS NOT NULL THEN
        PERFORM funnel.require_stage(allowed.pipeline, allowed.from_stage);
    END IF;
    RETURN QUERY
    SELECT s.stage, s.kind,
           ARRAY(SELECT r FROM unnest(s.requires || t.requires) WITH ORDINALITY AS u(r, i) GROUP BY r ORDER BY min(i))
      FROM funnel.transition AS t JOIN funnel.stage AS s ON s.pipeline = t.pipeline AND s.stage = t.to_stage
     WHERE t.pipeline = allowed.pipeline
       AND (t.from_stage = allowed.from_stage OR t.from_stage IS NULL AND allowed.from_stage IS NULL)
     ORDER BY s."position";
END
$$;
COMMENT ON FUNCTION funnel.allowed(text, text) IS
    'the stages that a lead may go to from a stage, or begin in, and the columns that each requires';

CREATE FUNCTION funnel.is_allowed(pipeline text, from_stage text, to_stage text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF is_allowed.from_stage = is_allowed.to_stage THEN
        PERFORM FROM funnel.stage AS s
          WHERE s.pipeline = is_allowed.pipeline AND s.stage = is_allowed.to_stage;
    ELSIF is_allowed.from_stage IS NULL THEN
        PERFORM FROM funnel.transition AS t
          WHERE t.pipeline = is_allowed.pipeline AND t.to_stage = is_allowed.to_stage AND t.from_stage IS NULL;
    ELSE
        PERFORM FROM funnel.transition AS t
          WHERE t.pipeline = is_allowed.pipeline AND t.from_stage = is_allowed.from_stage
            AND t.to_stage = is_allowed.to_stage;
    END IF;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM funnel.require_pipeline(is_allowed.pipeline);
    RETURN false;
END
$$;
COMMENT ON FUNCTION funnel.is_allowed(text, text, text) IS
    'may a lead go from one stage to another, or begin in it; columns that this requires are not looked at';
