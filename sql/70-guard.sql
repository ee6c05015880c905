-- The guard: triggers that hold tables to a pipeline and keep their history, the arbiter's override, violations.

-- Whose ruling binds. A role belongs to the whole cluster: if it exists, who may grant it has been decided already.
DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'funnel_arbiter') THEN
        CREATE ROLE funnel_arbiter NOLOGIN;
        GRANT funnel_arbiter TO @extowner@ WITH ADMIN OPTION;
    ELSE
        RAISE NOTICE 'role "funnel_arbiter" exists already, and its members are the arbiters here too'
            USING HINT = 'Its administrators decide who else becomes a member: GRANT funnel_arbiter TO ... .';
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    RAISE NOTICE 'role "funnel_arbiter" was not created: %', SQLERRM
        USING HINT = 'Nobody can override a pipeline until somebody who may does: CREATE ROLE funnel_arbiter.';
END
$do$;

CREATE FUNCTION funnel.override(reason text) RETURNS void
    AS 'MODULE_PATHNAME', 'funnel_override' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION funnel.override(text)
    IS 'lets changes that a pipeline forbids pass until the end of the transaction; for members of role funnel_arbiter';

CREATE FUNCTION funnel.guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'funnel_guard' LANGUAGE C;
COMMENT ON FUNCTION funnel.guard()
    IS 'trigger: holds a table''s stage changes to a pipeline, and records them in a history if one is named';

CREATE FUNCTION funnel.track() RETURNS trigger
    AS 'MODULE_PATHNAME', 'funnel_track' LANGUAGE C;
COMMENT ON FUNCTION funnel.track()
    IS 'trigger: records a table''s stage changes in a history';

CREATE FUNCTION funnel.trigger_arguments(tgargs bytea) RETURNS text[]
    AS 'MODULE_PATHNAME', 'trigger_arguments' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.trigger_arguments(bytea)
    IS 'the arguments in pg_trigger.tgargs';


-- What a guard in mode warn or audit let pass. Written for whoever changes a lead; read through the view.
CREATE TABLE funnel.violation_log (
    at              timestamptz NOT NULL,
    table_schema    text NOT NULL,
    table_name      text NOT NULL,
    pipeline        text NOT NULL,
    version         int NOT NULL,
    lead            text,
    from_stage      text,
    to_stage        text,
    rule            text NOT NULL,
    column_name     text,
    mode            text NOT NULL,
    changed_by      text NOT NULL,
    override        text,
    table_owner     text NOT NULL
);
COMMENT ON TABLE funnel.violation_log IS 'changes that a pipeline forbids and a guard in mode warn or audit let pass; see view funnel.violation';
SELECT pg_catalog.pg_extension_config_dump('funnel.violation_log', '');
GRANT SELECT, INSERT, DELETE ON funnel.violation_log TO @extowner@;

-- A row can be read by those who can read the guarded table whole.
CREATE VIEW funnel.violation WITH (security_barrier) AS
SELECT at, table_schema, table_name, pipeline, version, lead, from_stage, to_stage, rule, column_name, mode, changed_by, override
  FROM funnel.violation_log AS v,
       LATERAL (SELECT c.oid
                  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname = v.table_schema AND c.relname = v.table_name
                   AND pg_catalog.pg_get_userbyid(c.relowner) = v.table_owner) AS t
 WHERE pg_catalog.has_table_privilege(t.oid, 'SELECT') AND NOT pg_catalog.row_security_active(t.oid);
COMMENT ON VIEW funnel.violation IS 'changes that a pipeline forbids and a guard let pass, of the tables one may read';
COMMENT ON COLUMN funnel.violation.at IS 'when it happened';
COMMENT ON COLUMN funnel.violation.table_schema IS 'schema of the guarded table';
COMMENT ON COLUMN funnel.violation.table_name IS 'the guarded table';
COMMENT ON COLUMN funnel.violation.pipeline IS 'the pipeline that forbids it';
COMMENT ON COLUMN funnel.violation.version IS 'version of the pipeline that was in force';
COMMENT ON COLUMN funnel.violation.lead IS 'key of the lead, as text';
COMMENT ON COLUMN funnel.violation.from_stage IS 'stage the lead was in; NULL: a new lead, or one without a stage';
COMMENT ON COLUMN funnel.violation.to_stage IS 'stage the lead was put into; NULL: none';
COMMENT ON COLUMN funnel.violation.rule IS 'what was broken: stage (not in the pipeline), entry, transition, requires, key; move: the lead left its partition and did not arrive in another';
COMMENT ON COLUMN funnel.violation.column_name IS 'for requires: the column that was empty';
COMMENT ON COLUMN funnel.violation.mode IS 'mode of the guard';
COMMENT ON COLUMN funnel.violation.changed_by IS 'role that made the change';
COMMENT ON COLUMN funnel.violation.override IS 'why an arbiter let it pass, where the guard keeps no history to say so; NULL: no arbiter did';
GRANT SELECT ON funnel.violation TO PUBLIC;


-- Which guards there are.
CREATE FUNCTION funnel.trigger_option(arguments text[], name text) RETURNS text[]
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN (SELECT pg_catalog.array_agg(pg_catalog.substr(a, pg_catalog.length(name) + 2) ORDER BY n)
              FROM pg_catalog.unnest(arguments) WITH ORDINALITY AS u (a, n)
             WHERE pg_catalog.starts_with(a, name || '='));
COMMENT ON FUNCTION funnel.trigger_option(text[], text) IS 'the values of an option among the arguments of a trigger';

CREATE FUNCTION funnel.trigger_positional(arguments text[], place int) RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN CASE WHEN arguments[place] !~ '=' THEN arguments[place] END;
COMMENT ON FUNCTION funnel.trigger_positional(text[], int) IS 'an argument of a trigger that is no option';

CREATE VIEW funnel.attached AS
SELECT n.nspname::text AS table_schema, c.relname::text AS table_name,
       coalesce((funnel.trigger_option(a, 'pipeline'))[1], funnel.trigger_positional(a, 1)) AS pipeline,
       coalesce((funnel.trigger_option(a, 'stage'))[1], funnel.trigger_positional(a, 2), 'stage') AS stage_column,
       coalesce(funnel.trigger_option(a, 'key'), ARRAY[coalesce(funnel.trigger_positional(a, 3), 'id')]) AS key_columns,
       CASE WHEN p.proname = 'track' THEN 'track' ELSE coalesce((funnel.trigger_option(a, 'mode'))[1], 'enforce') END AS mode,
       (funnel.trigger_option(a, 'history'))[1] AS history,
       (funnel.trigger_option(a, 'at'))[1] AS at_column,
       (funnel.trigger_option(a, 'actor'))[1] AS actor_column,
       (funnel.trigger_option(a, 'reason'))[1] AS reason_column,
       (funnel.trigger_option(a, 'amount'))[1] AS amount_column,
       coalesce(funnel.trigger_option(a, 'keep'), '{}') AS kept_columns,
       (funnel.trigger_option(a, 'notify'))[1] AS notify,
       t.tgname::text AS trigger_name,
       concat_ws(' or ', CASE WHEN t.tgtype & 4 > 0 THEN 'insert' END, CASE WHEN t.tgtype & 16 > 0 THEN 'update' END,
                 CASE WHEN t.tgtype & 8 > 0 THEN 'delete' END) AS events,
       CASE t.tgenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
       t.tgdeferrable AS is_deferrable
  FROM pg_catalog.pg_trigger AS t
  JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.pronamespace AND pn.nspname = 'funnel'
  JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace,
       LATERAL funnel.trigger_arguments(t.tgargs) AS a
 WHERE p.proname IN ('guard', 'track') AND t.tgparentid = 0;
COMMENT ON VIEW funnel.attached IS 'which tables are guarded by which pipeline, and how';
GRANT SELECT ON funnel.attached TO PUBLIC;


-- Whoever has the rights of a table's owner works on its guard as the owner: not with rights that the owner lacks, which
-- the owner's casts, triggers and defaults would have too.
CREATE FUNCTION funnel.run_as_owner(target regclass, command text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION funnel.run_as_owner(regclass, text) IS 'internal: runs a command with the rights of a table''s owner, for those who have them';

CREATE FUNCTION funnel.lead_key(VARIADIC columns "any") RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION funnel.lead_key("any") IS 'the key of a lead that has several columns, as it stands in column "lead" of a history';

CREATE FUNCTION funnel.text_form(value "any") RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.text_form("any") IS 'the text form of a stage or a key, whatever the settings of the session';

-- A table and the tables that inherit from it; partitions, which get triggers by themselves, if asked for.
CREATE FUNCTION funnel.inheritance(target regclass, partitions boolean DEFAULT false) RETURNS SETOF regclass
    STABLE PARALLEL SAFE LANGUAGE sql
    BEGIN ATOMIC
        WITH RECURSIVE family AS (
            SELECT target::oid AS oid
             UNION
            SELECT i.inhrelid
              FROM family AS f
              JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.oid
              JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
             WHERE NOT c.relispartition OR partitions AND NOT i.inhdetachpending)
        SELECT oid::regclass FROM family;
    END;
COMMENT ON FUNCTION funnel.inheritance(regclass, boolean) IS 'internal: a table and those that inherit from it, or are its partitions too';

-- The type of a column, as CREATE TABLE takes it; an error if there is none of that name.
CREATE FUNCTION funnel.column_type(target regclass, name text, what text) RETURNS text
    STABLE PARALLEL SAFE LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text;
    virtual boolean;
BEGIN
    -- without a length or a scale: the table's may grow, the history's need not follow
    SELECT a.attgenerated = 'v', format_type(a.atttypid, -1)
           || CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0
                   THEN (SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
                           FROM pg_collation AS c JOIN pg_namespace AS n ON n.oid = c.collnamespace
                          WHERE c.oid = a.attcollation)
                   ELSE '' END
      INTO virtual, result
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
     WHERE a.attrelid = target AND a.attname = column_type.name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = target) THEN
        RAISE undefined_table USING
            MESSAGE = format('table %s does not exist', target),
            HINT = 'Pass its name: a number is that of a table that is gone.';
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of table % does not exist', name, target USING ERRCODE = 'undefined_column',
            DETAIL = format('It is given as %s.', what),
            HINT = format('Columns of the table: %s.',
                          (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
                            WHERE attrelid = target AND attnum > 0 AND NOT attisdropped));
    ELSIF virtual THEN
        RAISE EXCEPTION 'column "%" of table % is a virtual generated column', name, target USING ERRCODE = 'feature_not_supported',
            DETAIL = 'Triggers do not see its values.', HINT = 'Make it GENERATED ALWAYS AS (...) STORED.';
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION funnel.column_type(regclass, text, text) IS 'internal: the type of a column';

-- A column of a source "s" as a value of a key column.
CREATE FUNCTION funnel.key_expression(target regclass, key text, source text) RETURNS text
    STABLE PARALLEL SAFE LANGUAGE sql
    RETURN (SELECT pg_catalog.format('s.%I::%s', source, pg_catalog.format_type(a.atttypid, -1))
              FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = target AND a.attname = key);
COMMENT ON FUNCTION funnel.key_expression(regclass, text, text) IS 'internal: SQL for a column of a lead''s key';

-- The key of a lead as it stands in a history's column "lead", of columns of a source "s".
CREATE FUNCTION funnel.lead_expression(target regclass, keys text[], sources text[]) RETURNS text
    STABLE PARALLEL SAFE LANGUAGE sql
    RETURN (SELECT CASE WHEN pg_catalog.cardinality(keys) = 1 THEN pg_catalog.max(e)
                   ELSE 'funnel.lead_key(' || pg_catalog.string_agg(e, ', ' ORDER BY n) || ')' END
              FROM ROWS FROM (pg_catalog.unnest(keys), pg_catalog.unnest(sources)) WITH ORDINALITY AS u (key, source, n)
             CROSS JOIN LATERAL funnel.key_expression(target, key, source) AS e);
COMMENT ON FUNCTION funnel.lead_expression(regclass, text[], text[]) IS 'internal: SQL for the key of a lead in a history';

-- Creates the history of a table, or adds what it lacks. Returns its name.
CREATE FUNCTION funnel.make_history(target regclass, present text, key_columns text[], amount text, keep text[]) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    guarded pg_class := (SELECT c FROM pg_class AS c WHERE c.oid = target);
    schema name := (SELECT nspname FROM pg_namespace WHERE oid = guarded.relnamespace);
    prefix text := guarded.relname;
    name text := coalesce(present, guarded.relname || '_history');
    history oid;
    part text;
    columns text := '';
    grantee record;
    existing record;
BEGIN
    IF octet_length(name) > 63 THEN
        -- names have 63 bytes; those that begin alike must not get the same history
        WHILE octet_length(prefix) > 46 LOOP
            prefix := left(prefix, -1);
        END LOOP;
        name := prefix || '_' || substr(md5(guarded.relname), 1, 8) || '_history';
    END IF;
    -- nor must a table that took the name of a renamed one
    IF present IS NULL AND EXISTS (
        SELECT FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
         WHERE t.tgfoid IN ('funnel.guard()'::regprocedure, 'funnel.track()'::regprocedure) AND t.tgparentid = 0
           AND c.relnamespace = guarded.relnamespace AND c.oid NOT IN (SELECT funnel.inheritance(target))
           AND 'history=' || name = ANY (funnel.trigger_arguments(t.tgargs))) THEN
        WHILE octet_length(prefix) > 46 LOOP
            prefix := left(prefix, -1);
        END LOOP;
        name := prefix || '_' || substr(md5(target::oid::text), 1, 8) || '_history';
    END IF;
    history := to_regclass(format('%I.%I', schema, name));
    IF cardinality(key_columns) > 1 THEN
        columns := 'lead text NOT NULL';
        FOREACH part IN ARRAY key_columns LOOP
            IF octet_length(part) > 59 THEN
                RAISE EXCEPTION 'name of key column "%" is too long', part USING ERRCODE = 'name_too_long',
                    HINT = 'Give it one of at most 59 bytes: its column in the history is called "key_" and the name.';
            END IF;
            columns := columns || format(', %I %s', 'key_' || part, funnel.column_type(target, part, 'key'));
        END LOOP;
    ELSE
        columns := 'lead ' || funnel.column_type(target, key_columns[1], 'key') || ' NOT NULL';
    END IF;
    IF history IS NULL THEN
        EXECUTE format('CREATE %s TABLE %I.%I (%s, from_stage text, to_stage text, at timestamptz NOT NULL,'
                       ' changed_by text NOT NULL, reason text, amount %s, override text, override_by text,'
                       ' pipeline text NOT NULL, version int NOT NULL, PRIMARY KEY (lead, at))',
                       CASE guarded.relpersistence WHEN 't' THEN 'TEMPORARY' WHEN 'u' THEN 'UNLOGGED' ELSE '' END,
                       schema, name, columns,
                       CASE WHEN amount IS NULL THEN 'numeric' ELSE funnel.column_type(target, amount, 'amount') END);
        history := to_regclass(format('%I.%I', schema, name));
        EXECUTE format('COMMENT ON TABLE %I.%I IS %L', schema, name,
                       format('stage changes of %I.%I, written by its trigger', schema, guarded.relname));
        -- default privileges may have given rights on it
        FOR grantee IN SELECT DISTINCT a.grantee AS oid FROM pg_class, aclexplode(relacl) AS a
                        WHERE pg_class.oid = history AND a.grantee <> relowner LOOP
            EXECUTE format('REVOKE ALL ON %I.%I FROM %s', schema, name,
                           CASE grantee.oid WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee.oid)) END);
        END LOOP;
    ELSIF (SELECT relkind FROM pg_class WHERE oid = history) <> 'r'
          OR EXISTS (SELECT FROM unnest('{from_stage,to_stage,at,changed_by,reason,override,override_by,pipeline,version}'::text[],
                                        '{text,text,timestamptz,text,text,text,text,text,int}'::regtype[]) AS c (name, type)
                      WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = history AND a.attname = c.name
                                           AND a.atttypid = c.type AND NOT a.attisdropped))
          OR (SELECT count(*) FROM pg_attribute WHERE attrelid = history AND attname IN ('lead', 'amount') AND NOT attisdropped) < 2 THEN
        RAISE EXCEPTION 'table "%.%" exists, and is not a history of stage changes', schema, name
            USING ERRCODE = 'duplicate_table', HINT = 'Rename it: a history gets the name of its table and "_history".';
    ELSIF (SELECT relowner FROM pg_class WHERE oid = history) <> guarded.relowner THEN
        RAISE EXCEPTION 'history "%.%" does not belong to the owner of table %', schema, name, target
            USING ERRCODE = 'insufficient_privilege',
            HINT = format('ALTER TABLE %I.%I OWNER TO %I, or rename it.', schema, name, pg_get_userbyid(guarded.relowner));
    ELSIF EXISTS (SELECT FROM unnest(key_columns) AS k, pg_attribute AS source
                   WHERE source.attrelid = target AND source.attname = k
                     AND NOT EXISTS (SELECT FROM pg_attribute AS a
                                      WHERE a.attrelid = history AND NOT a.attisdropped AND a.atttypid = source.atttypid
                                        AND a.attname = CASE WHEN cardinality(key_columns) = 1 THEN 'lead' ELSE 'key_' || k END)) THEN
        RAISE EXCEPTION 'history "%.%" is of other key columns, or of other types', schema, name
            USING ERRCODE = 'datatype_mismatch',
            HINT = 'Change the types of its columns to those of the table, or rename it: a new one is created then.';
    END IF;
    FOREACH part IN ARRAY keep LOOP
        IF part = ANY ('{lead,from_stage,to_stage,at,changed_by,reason,amount,override,override_by,pipeline,version}'::text[])
           OR part = ANY (SELECT 'key_' || k FROM unnest(key_columns) AS k) THEN
            RAISE EXCEPTION 'column "%" cannot be kept under this name', part USING ERRCODE = 'duplicate_column',
                HINT = 'The history has a column of that name already; "at", "actor", "reason" and "amount" name what fills those.';
        END IF;
        columns := funnel.column_type(target, part, 'keep');
        IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = history AND attname = part AND NOT attisdropped) THEN
            EXECUTE format('ALTER TABLE %I.%I ADD COLUMN %I %s', schema, name, part, columns);
        END IF;
    END LOOP;
    FOR existing IN
        SELECT c.name AS source, format_type(s.atttypid, NULL) AS type, h.attname, format_type(h.atttypid, NULL) AS has
          FROM (SELECT amount AS name, 'amount' AS place WHERE amount IS NOT NULL UNION ALL SELECT k, k FROM unnest(keep) AS k) AS c
          JOIN pg_attribute AS s ON s.attrelid = target AND s.attname = c.name AND NOT s.attisdropped
          JOIN pg_attribute AS h ON h.attrelid = history AND h.attname = c.place AND NOT h.attisdropped
         WHERE h.atttypid <> s.atttypid LOOP
        RAISE EXCEPTION 'column "%" of table % has type %, but column "%" of its history has type %',
            existing.source, target, existing.type, existing.attname, existing.has USING ERRCODE = 'datatype_mismatch',
            HINT = format('ALTER TABLE %I.%I ALTER COLUMN %I TYPE %s.', schema, name, existing.attname, existing.type);
    END LOOP;
    IF guarded.relrowsecurity THEN
        RAISE NOTICE 'table % has row-level security: its SELECT grants are not copied to its history', target
            USING HINT = 'Grant SELECT on the history to those who may see every lead.';
    ELSE
        FOR grantee IN SELECT a.grantee AS oid FROM aclexplode(guarded.relacl) AS a
                        WHERE a.privilege_type = 'SELECT' AND a.grantee <> guarded.relowner LOOP
            EXECUTE format('GRANT SELECT ON %I.%I TO %s', schema, name,
                           CASE grantee.oid WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee.oid)) END);
        END LOOP;
    END IF;
    RETURN name;
END
$$;
COMMENT ON FUNCTION funnel.make_history(regclass, text, text[], text, text[]) IS 'internal: creates the history of a table';

-- Puts the present stage of each lead on record, unless its history ends in it.
CREATE FUNCTION funnel.backfill(target regclass, history text, pipeline text, stage text, key_columns text[],
                                at text, actor text, reason text, amount text, keep text[]) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
DECLARE
    schema name := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = target);
    written bigint;
    more text := '';
    more_values text := '';
    part text;
BEGIN
    IF cardinality(key_columns) > 1 THEN
        FOREACH part IN ARRAY key_columns LOOP
            more := more || format(', %I', 'key_' || part);
            more_values := more_values || format(', s.%I', part);
        END LOOP;
    END IF;
    FOREACH part IN ARRAY keep LOOP
        more := more || format(', %I', part);
        more_values := more_values || format(', s.%I', part);
    END LOOP;
    EXECUTE format(
        'INSERT INTO %1$I.%2$I (lead, from_stage, to_stage, at, changed_by, reason, amount, pipeline, version%3$s)'
        ' SELECT %4$s, h.to_stage, funnel.text_form(s.%5$I),'
        '        greatest(coalesce(%6$s, clock_timestamp()), h.at + interval ''1 microsecond''),'
        '        coalesce(%7$s, current_user::text), %8$s, %9$s, %10$L, (SELECT version FROM funnel.pipeline WHERE name = %10$L)%11$s'
        '   FROM %12$s AS s'
        '   LEFT JOIN LATERAL (SELECT to_stage, at FROM %1$I.%2$I WHERE lead = %4$s ORDER BY at DESC LIMIT 1) AS h ON true'
        '  WHERE s.%5$I IS NOT NULL AND funnel.text_form(s.%5$I) IS DISTINCT FROM h.to_stage',
        schema, history, more, funnel.lead_expression(target, key_columns, key_columns), stage,
        CASE WHEN at IS NULL THEN 'NULL::timestamptz' ELSE format('CASE WHEN isfinite(s.%1$I) THEN s.%1$I END', at) END,
        CASE WHEN actor IS NULL THEN 'NULL' ELSE format('s.%I::text', actor) END,
        CASE WHEN reason IS NULL THEN 'NULL' ELSE format('s.%I::text', reason) END,
        CASE WHEN amount IS NULL THEN 'NULL' ELSE format('s.%I', amount) END,
        pipeline, more_values, target);
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
COMMENT ON FUNCTION funnel.backfill(regclass, text, text, text, text[], text, text, text, text, text[])
    IS 'internal: puts the present stage of each lead on record';

CREATE FUNCTION funnel.attach_as_owner(target regclass, pipeline text, stage text, key text, mode text, at text, actor text,
                                       reason text, amount text, keep text[], backfill boolean, notify text) RETURNS regclass
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    guarded pg_class := (SELECT c FROM pg_class AS c WHERE c.oid = target);
    schema name := (SELECT nspname FROM pg_namespace WHERE oid = guarded.relnamespace);
    key_columns text[] := CASE WHEN attach_as_owner.key LIKE '{%' THEN attach_as_owner.key::text[] ELSE ARRAY[attach_as_owner.key] END;
    problems text;
    member regclass;
    history text;
    arguments text;
    existing record;
BEGIN
    IF target IS NULL OR pipeline IS NULL OR stage IS NULL OR key_columns IS NULL OR mode IS NULL OR keep IS NULL OR backfill IS NULL THEN
        RAISE EXCEPTION 'arguments target, pipeline, stage, key, mode, keep and backfill must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    ELSIF cardinality(key_columns) = 0 OR NOT funnel.are_names(key_columns) OR NOT funnel.are_names(keep)
          OR EXISTS (SELECT FROM unnest(key_columns) AS k GROUP BY k HAVING count(*) > 1) OR EXISTS (SELECT FROM unnest(keep) AS k GROUP BY k HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'arguments key and keep must be names of columns, each once' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write key => ''id'', or key => ''{region,id}'' and keep => ''{owner,campaign}''.';
    ELSIF guarded.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', target USING ERRCODE = 'wrong_object_type',
            HINT = 'Views have no rows of their own: attach to the table behind it.';
    ELSIF guarded.relispartition THEN
        RAISE EXCEPTION 'table % is a partition', target USING ERRCODE = 'wrong_object_type',
            HINT = 'Attach to the partitioned table; all partitions are guarded then.';
    END IF;
    IF mode NOT IN ('enforce', 'warn', 'audit') THEN
        RAISE EXCEPTION 'unknown mode "%"', mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'enforce refuses what the pipeline forbids, warn lets it pass with a warning, audit silently; both record it in funnel.violation.';
    END IF;
    IF octet_length(notify) NOT BETWEEN 1 AND 63 THEN
        RAISE EXCEPTION 'channel name "%" is empty or too long', notify USING ERRCODE = 'invalid_parameter_value',
            HINT = 'NOTIFY takes names of 1 to 63 bytes.';
    END IF;
    SELECT string_agg(CASE WHEN p.stage IS NULL THEN p.problem ELSE format('%s: %s', p.stage, p.problem) END, '; ')
      INTO problems
      FROM funnel.check_pipeline(attach_as_owner.pipeline) AS p WHERE p.severity = 'error';
    IF problems IS NOT NULL THEN
        RAISE EXCEPTION 'pipeline "%" is not sound', pipeline USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = problems, HINT = format('See funnel.check_pipeline(%L).', pipeline);
    END IF;
    PERFORM funnel.column_type(target, stage, 'stage'),
            CASE WHEN at IS NOT NULL THEN funnel.column_type(target, at, 'at') END,
            CASE WHEN actor IS NOT NULL THEN funnel.column_type(target, actor, 'actor') END,
            CASE WHEN reason IS NOT NULL THEN funnel.column_type(target, reason, 'reason') END;
    IF at IS NOT NULL AND funnel.column_type(target, at, 'at') <> 'timestamp with time zone' THEN
        RAISE EXCEPTION 'column "%" of table % is not a timestamp with time zone', at, target USING ERRCODE = 'datatype_mismatch',
            HINT = 'Only such a column can tell when a stage changed: other types leave the time zone open.';
    END IF;
    SELECT t.tgname, t.tgfoid::regproc AS called INTO existing
      FROM pg_trigger AS t
     WHERE t.tgrelid = target AND t.tgname <> 'funnel_guard' AND t.tgfoid IN ('funnel.guard()'::regprocedure, 'funnel.track()'::regprocedure);
    IF FOUND THEN
        RAISE EXCEPTION 'table % has trigger "%", which calls %, already', target, existing.tgname, existing.called
            USING ERRCODE = 'duplicate_object', HINT = format('Every change would be judged twice: DROP TRIGGER %I ON %s.', existing.tgname, target);
    END IF;
    PERFORM funnel.column_type(target, r.column_name, format('required by stage "%s" of the pipeline', r.to_stage))
       FROM (SELECT s.stage AS to_stage, unnest(s.requires) AS column_name FROM funnel.stage AS s WHERE s.pipeline = attach_as_owner.pipeline
              UNION ALL
             SELECT t.to_stage, unnest(t.requires) FROM funnel.transition AS t WHERE t.pipeline = attach_as_owner.pipeline) AS r;

    -- before anything else is locked: writers of the table lock the history after it
    EXECUTE format('LOCK TABLE %s IN %s MODE', target,
                   CASE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = 'funnel_guard')
                        THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END);
    -- a table that was renamed keeps the history it has
    history := funnel.make_history(target,
        (SELECT a.history FROM funnel.attached AS a
          WHERE a.table_schema = schema AND a.table_name = guarded.relname AND a.trigger_name = 'funnel_guard'
            AND to_regclass(format('%I.%I', schema, a.history)) IS NOT NULL),
        key_columns, amount, keep);
    SELECT string_agg(format('%L', a), ', ')
      INTO arguments
      FROM (SELECT 1 AS n, 'pipeline=' || attach_as_owner.pipeline AS a
             UNION ALL SELECT 2, 'stage=' || attach_as_owner.stage
             UNION ALL SELECT 2 + n, 'key=' || k FROM unnest(key_columns) WITH ORDINALITY AS u (k, n)
             UNION ALL SELECT 100, 'mode=' || attach_as_owner.mode
             UNION ALL SELECT 101, 'history=' || history
             UNION ALL SELECT 102, 'at=' || attach_as_owner.at
             UNION ALL SELECT 103, 'actor=' || attach_as_owner.actor
             UNION ALL SELECT 104, 'reason=' || attach_as_owner.reason
             UNION ALL SELECT 105, 'amount=' || attach_as_owner.amount
             UNION ALL SELECT 105 + n, 'keep=' || k FROM unnest(attach_as_owner.keep) WITH ORDINALITY AS u (k, n)
             UNION ALL SELECT 2000, 'notify=' || attach_as_owner.notify
             ORDER BY 1) AS v
     WHERE a IS NOT NULL;
    SELECT c.oid::regclass AS part, pg_get_userbyid(c.relowner) AS owner INTO existing
      FROM funnel.inheritance(target, partitions => true) AS m JOIN pg_class AS c ON c.oid = m
     WHERE c.relispartition AND c.relowner <> guarded.relowner
     ORDER BY c.oid LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'table %, a partition of %, belongs to role "%"', existing.part, target, existing.owner
            USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'The owner of a partition could write the history through it.',
            HINT = format('ALTER TABLE %s OWNER TO %I.', existing.part, pg_get_userbyid(guarded.relowner));
    END IF;
    FOR member IN SELECT m FROM funnel.inheritance(target) AS m LOOP
        SELECT n.nspname, c.relname, c.relowner INTO existing
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = member;
        IF existing.nspname <> schema OR existing.relowner <> guarded.relowner THEN
            RAISE EXCEPTION 'table %, which inherits from %, is in another schema or of another owner', member, target
                USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Its changes are recorded in the same history, which must be beside it and of its owner.';
        END IF;
        FOR existing IN SELECT table_schema, table_name, trigger_name FROM funnel.attached
                         WHERE table_schema = existing.nspname AND table_name = existing.relname AND trigger_name = 'funnel_guard' LOOP
            EXECUTE format('DROP TRIGGER %I ON %I.%I', existing.trigger_name, existing.table_schema, existing.table_name);
        END LOOP;
        EXECUTE format('CREATE TRIGGER funnel_guard AFTER INSERT OR UPDATE OR DELETE ON %s'
                       ' FOR EACH ROW EXECUTE FUNCTION funnel.guard(%s)', member, arguments);
    END LOOP;
    FOR existing IN EXECUTE format(
            'SELECT funnel.text_form(s.%1$I) AS stage, count(*) AS leads FROM %2$s AS s'
            ' WHERE NOT EXISTS (SELECT FROM funnel.stage AS d WHERE d.pipeline = %3$L AND d.stage = funnel.text_form(s.%1$I))'
            ' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10', stage, target, pipeline) LOOP
        RAISE NOTICE 'leads in stage %, which pipeline "%" does not have: %',
            coalesce('"' || existing.stage || '"', 'NULL'), pipeline, existing.leads
            USING HINT = 'They stay there until an arbiter moves them, or the stage is added to the pipeline.';
    END LOOP;
    SELECT string_agg(DISTINCT c.oid::regclass::text, ', ') AS tables,
           string_agg(DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END, ', ') AS roles
      INTO existing
      FROM funnel.inheritance(target, partitions => true) AS m
      JOIN pg_class AS c ON c.oid = m,
           aclexplode(c.relacl) AS x
     WHERE x.privilege_type = 'TRIGGER' AND x.grantee <> guarded.relowner;
    IF existing.roles IS NOT NULL THEN
        RAISE WARNING 'other roles may create triggers on table %, and by them write its history: %', existing.tables, existing.roles
            USING HINT = format('REVOKE TRIGGER ON %s FROM %s.', existing.tables, existing.roles);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index AS i
                    WHERE i.indrelid = target AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
                      AND (SELECT array_agg(x.attname::text ORDER BY x.attname::text) FROM pg_attribute AS x
                            WHERE x.attrelid = target AND x.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))
                          <@ key_columns) THEN
        RAISE NOTICE 'no unique index of table % is on its key (%)', target, array_to_string(key_columns, ', ')
            USING HINT = 'Two rows of one key would have one history.';
    END IF;
    IF backfill THEN
        PERFORM funnel.backfill(target, history, pipeline, stage, key_columns, at, actor, reason, amount, keep);
    END IF;
    RETURN format('%I.%I', schema, history)::regclass;
END
$$;
COMMENT ON FUNCTION funnel.attach_as_owner(regclass, text, text, text, text, text, text, text, text, text[], boolean, text)
    IS 'internal: what funnel.attach() does as the owner of the table';

CREATE FUNCTION funnel.attach(
    target regclass,
    pipeline text,
    stage text DEFAULT 'stage',
    key text DEFAULT 'id',
    mode text DEFAULT 'enforce',
    at text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    amount text DEFAULT NULL,
    keep text[] DEFAULT '{}',
    backfill boolean DEFAULT false,
    notify text DEFAULT NULL
) RETURNS regclass
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF target IS NULL THEN
        RAISE EXCEPTION 'argument target must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    RETURN funnel.run_as_owner(target, format(
        'SELECT funnel.attach_as_owner(%s::oid::regclass, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L)',
        target::oid, pipeline, stage, key, mode, at, actor, reason, amount, keep, backfill, notify))::regclass;
END
$$;
COMMENT ON FUNCTION funnel.attach(regclass, text, text, text, text, text, text, text, text, text[], boolean, text)
    IS 'guards a table by a pipeline and keeps a history of its stage changes; returns the history';

CREATE FUNCTION funnel.detach_as_owner(target regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_one boolean := false;
    existing record;
BEGIN
    FOR existing IN SELECT a.table_schema, a.table_name, a.trigger_name
                      FROM funnel.attached AS a
                      JOIN pg_class AS c ON c.relname = a.table_name
                      JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = a.table_schema
                      JOIN funnel.inheritance(target) AS m ON c.oid = m LOOP
        EXECUTE format('DROP TRIGGER %I ON %I.%I', existing.trigger_name, existing.table_schema, existing.table_name);
        found_one := true;
    END LOOP;
    IF NOT found_one THEN
        RAISE EXCEPTION 'table % is not attached to a pipeline', target USING ERRCODE = 'undefined_object',
            HINT = 'View funnel.attached lists the tables that are.';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.detach_as_owner(regclass) IS 'internal: what funnel.detach() does as the owner of the table';

CREATE FUNCTION funnel.detach(target regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF target IS NULL THEN
        RAISE EXCEPTION 'argument target must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM funnel.run_as_owner(target, format('SELECT funnel.detach_as_owner(%s::oid::regclass)', target::oid));
END
$$;
COMMENT ON FUNCTION funnel.detach(regclass) IS 'ends the guard of a table; its history stays';

CREATE FUNCTION funnel.import_as_owner(target regclass, source regclass, lead text, stage text, at text, actor text,
                                       reason text, amount text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
#variable_conflict use_column
DECLARE
    a funnel.attached;
    lead_columns text[] := CASE WHEN import_as_owner.lead LIKE '{%' THEN import_as_owner.lead::text[] ELSE ARRAY[import_as_owner.lead] END;
    late record;
    more text := '';
    written bigint;
BEGIN
    IF target IS NULL OR source IS NULL OR lead_columns IS NULL OR stage IS NULL OR at IS NULL THEN
        RAISE EXCEPTION 'arguments target, source, lead, stage and at must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT x.* INTO a FROM funnel.attached AS x
      JOIN pg_class AS c ON c.relname = x.table_name AND c.oid = target
      JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = x.table_schema
     WHERE x.history IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not attached to a pipeline', target USING ERRCODE = 'undefined_object',
            HINT = 'Call funnel.attach() first: it makes the history that rows are imported into.';
    END IF;
    IF cardinality(lead_columns) <> cardinality(a.key_columns) THEN
        RAISE EXCEPTION 'the key of table % has % columns', target, cardinality(a.key_columns) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give as many columns of the source, in the same order: lead => ''{a,b}''.';
    END IF;
    PERFORM funnel.column_type(source, c.name, 'lead') FROM unnest(lead_columns) AS c (name);
    PERFORM funnel.column_type(source, stage, 'stage'), funnel.column_type(source, at, 'at'),
            CASE WHEN actor IS NOT NULL THEN funnel.column_type(source, actor, 'actor') END,
            CASE WHEN reason IS NOT NULL THEN funnel.column_type(source, reason, 'reason') END,
            CASE WHEN amount IS NOT NULL THEN funnel.column_type(source, amount, 'amount') END;
    EXECUTE format('LOCK TABLE %I.%I IN SHARE ROW EXCLUSIVE MODE', a.table_schema, a.history);
    EXECUTE format(
        'SELECT count(*) FILTER (WHERE lead IS NOT NULL) AS n, min(lead::text) AS lead, count(*) FILTER (WHERE lead IS NULL) AS keyless'
        '  FROM (SELECT %1$s AS lead, s.%2$I::timestamptz AS at FROM %3$s AS s WHERE s.%4$I IS NOT NULL) AS i'
        ' WHERE at >= least(%7$s, (SELECT min(h.at) FROM %5$I.%6$I AS h WHERE h.lead = i.lead)) OR NOT isfinite(at) OR lead IS NULL',
        funnel.lead_expression(target, a.key_columns, lead_columns), at, source, stage, a.table_schema, a.history,
        CASE WHEN a.at_column IS NULL THEN 'clock_timestamp()' ELSE '''infinity''' END) INTO late;
    IF late.keyless > 0 THEN
        RAISE EXCEPTION '% rows of % have no key', late.keyless, source USING ERRCODE = 'null_value_not_allowed',
            HINT = 'Leave them out: a history is kept under the key of a lead.';
    ELSIF late.n > 0 THEN
        RAISE EXCEPTION '% rows of % are not before what is on record of their leads', late.n, source
            USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Lead %s is one of them.', late.lead),
            HINT = 'Leave out the rows from the lead''s first entry in the history on, and those in the future.';
    END IF;
    IF cardinality(lead_columns) > 1 THEN
        SELECT string_agg(format(', %I', 'key_' || k), '' ORDER BY n) INTO more
          FROM unnest(a.key_columns) WITH ORDINALITY AS u (k, n);
    END IF;
    EXECUTE format(
        'INSERT INTO %1$I.%2$I (lead, from_stage, to_stage, at, changed_by, reason, amount, pipeline, version%3$s)'
        ' SELECT lead, lag(to_stage) OVER (PARTITION BY lead ORDER BY at, position, to_stage COLLATE "C"), to_stage,'
        '        at + (row_number() OVER (PARTITION BY lead, at ORDER BY position, to_stage COLLATE "C") - 1) * interval ''1 microsecond'','
        '        changed_by, reason, amount, %4$L, (SELECT version FROM funnel.pipeline WHERE name = %4$L)%5$s'
        '   FROM (SELECT i.*, lag(to_stage) OVER (PARTITION BY lead ORDER BY at, position, to_stage COLLATE "C") AS previous'
        '           FROM (SELECT %6$s AS lead, funnel.text_form(s.%7$I) AS to_stage, s.%8$I::timestamptz AS at, d.position,'
        '                        coalesce(%9$s, current_user::text) AS changed_by, %10$s AS reason, %11$s AS amount%12$s'
        '                   FROM %13$s AS s LEFT JOIN funnel.stage AS d ON d.pipeline = %4$L AND d.stage = funnel.text_form(s.%7$I)'
        '                  WHERE s.%7$I IS NOT NULL AND s.%8$I IS NOT NULL) AS i) AS c'
        '  WHERE to_stage IS DISTINCT FROM previous',
        a.table_schema, a.history, more, a.pipeline,
        (SELECT string_agg(format(', %I', 'k' || n), '' ORDER BY n) FROM unnest(lead_columns) WITH ORDINALITY AS u (c, n) WHERE more <> ''),
        funnel.lead_expression(target, a.key_columns, lead_columns), stage, at,
        CASE WHEN actor IS NULL THEN 'NULL' ELSE format('s.%I::text', actor) END,
        CASE WHEN reason IS NULL THEN 'NULL::text' ELSE format('s.%I::text', reason) END,
        CASE WHEN amount IS NULL THEN 'NULL::numeric' ELSE format('s.%I', amount) END,
        (SELECT string_agg(format(', %s AS %I', funnel.key_expression(target, k, c), 'k' || n), '' ORDER BY n)
           FROM unnest(a.key_columns, lead_columns) WITH ORDINALITY AS u (k, c, n) WHERE more <> ''),
        source);
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
COMMENT ON FUNCTION funnel.import_as_owner(regclass, regclass, text, text, text, text, text, text)
    IS 'internal: what funnel.import_history() does as the owner of the table';

CREATE FUNCTION funnel.import_history(
    target regclass,
    source regclass,
    lead text DEFAULT 'lead',
    stage text DEFAULT 'stage',
    at text DEFAULT 'at',
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    amount text DEFAULT NULL
) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF target IS NULL OR source IS NULL THEN
        RAISE EXCEPTION 'arguments target and source must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    RETURN funnel.run_as_owner(target, format(
        'SELECT funnel.import_as_owner(%s::oid::regclass, %s::oid::regclass, %L, %L, %L, %L, %L, %L)',
        target::oid, source::oid, lead, stage, at, actor, reason, amount))::bigint;
END
$$;
COMMENT ON FUNCTION funnel.import_history(regclass, regclass, text, text, text, text, text, text)
    IS 'puts changes of before the guard, with their own times, into the history of a table';
