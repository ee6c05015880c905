-- Making adapters: finding sources and columns, checking them, and writing the view.

CREATE FUNCTION funnel.plain_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    -- a byte-order mark, also one that was taken for three letters
    RETURN funnel.label_key(regexp_replace(name, $re$^\ufeff|^\u00ef\u00bb\u00bf|[\u0001-/:-@\[-`{-\u007f]$re$, '', 'g'));
COMMENT ON FUNCTION funnel.plain_name(text) IS
    'what spellings of a name have in common: CreatedDate, created_date, CREATED_DATE, and each after a byte-order mark';

CREATE FUNCTION funnel.base_type(type oid) RETURNS oid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE t (type, base) AS (
        SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.oid = base_type.type
        UNION ALL
        SELECT b.oid, b.typbasetype FROM t JOIN pg_type AS b ON b.oid = t.base
    )
    SELECT t.type FROM t WHERE t.base = 0
$$;
COMMENT ON FUNCTION funnel.base_type(oid) IS 'the type below domains';

CREATE FUNCTION funnel.can_read(type oid, wanted text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
               -- milliseconds are too large for integer
               WHEN wanted IN ('time', 'day', 'end') THEN
                   t.typcategory = 'S' OR t.oid = ANY ('{date,timestamp,timestamptz,int8,numeric,float8}'::regtype[])
               WHEN wanted IN ('key', 'link') THEN t.typcategory NOT IN ('A', 'B', 'C', 'D', 'P', 'T')
               WHEN wanted = 'amount' THEN t.typcategory IN ('N', 'S')
               WHEN wanted = 'flag' THEN t.typcategory IN ('B', 'N', 'S', 'V')
               WHEN wanted = 'ids' THEN true
               -- a text of what sessions write in different ways could be another one tomorrow
               ELSE t.typcategory NOT IN ('A', 'C', 'P')
                    AND (wanted = 'order' OR t.typcategory NOT IN ('D', 'T') AND t.oid <> ALL ('{money,bytea}'::regtype[])) END
      FROM pg_type AS t WHERE t.oid = funnel.base_type(can_read.type);
END;
COMMENT ON FUNCTION funnel.can_read(oid, text) IS 'can a column of the type be read as what an adapter wants it to be?';

CREATE FUNCTION funnel.find_column(relation oid, names text[], wanted text DEFAULT NULL, taken text[] DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    found text[];
BEGIN
    FOREACH name IN ARRAY names LOOP
        SELECT array_agg(c.attname::text ORDER BY c.attnum) INTO found
          FROM (SELECT a.attname, a.attnum, CASE WHEN a.attname = name THEN 1
                                                 WHEN lower(a.attname COLLATE "C") = lower(name COLLATE "C") THEN 2 ELSE 3 END AS match,
                       min(CASE WHEN a.attname = name THEN 1
                                WHEN lower(a.attname COLLATE "C") = lower(name COLLATE "C") THEN 2 ELSE 3 END) OVER () AS best
                  FROM pg_attribute AS a
                 WHERE a.attrelid = find_column.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (taken)
                   AND (wanted IS NULL OR funnel.can_read(a.atttypid, wanted))
                   AND (a.attname = name OR lower(a.attname COLLATE "C") = lower(name COLLATE "C")
                        OR funnel.plain_name(name) <> '' AND funnel.plain_name(a.attname) = funnel.plain_name(name))) AS c
         WHERE c.match = c.best;
        IF cardinality(found) > 1 THEN
            RAISE ambiguous_column USING
                MESSAGE = format('several columns of relation "%s" could be "%s"', find_column.relation::regclass, name),
                DETAIL = format('They are %s.', array_to_string(found, ', ')),
                HINT = format('Name the one that is meant in the argument columns: {"%s": "%s"}.', name, found[1]);
        ELSIF found IS NOT NULL THEN
            RETURN found[1];
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION funnel.find_column(oid, text[], text, text[]) IS
    'the column of a relation that has one of the names, earlier ones first; case, underscores and byte-order marks do not matter';

CREATE FUNCTION funnel.describe_column(relation oid, name text, wanted text, meaning text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_build_object('name', describe_column.name, 'type', t.oid, 'category', t.typcategory, 'wanted', wanted, 'meaning', meaning)
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = funnel.base_type(a.atttypid)
     WHERE a.attrelid = relation AND a.attname = describe_column.name AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION funnel.describe_column(oid, text, text, text) IS 'what an adapter must know of a column that it reads';

-- As the caller sees the name, whatever else it calls. What cannot be a name is an error in some versions of the server.
CREATE FUNCTION funnel.find_relation(name text) RETURNS oid
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN pg_catalog.to_regclass(name);
EXCEPTION WHEN invalid_name OR syntax_error OR feature_not_supported THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION funnel.find_relation(text) IS 'the relation of a name by the search_path of the caller; NULL if there is none';

CREATE FUNCTION funnel.adapter_expression(
    name text, type oid, wanted text, key_type text, are_numbers boolean, day_zone text, clock_zone text, language text
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c text := 's.' || quote_ident(name);
    zone_of_days text := day_zone;
    is_number boolean := type = ANY ('{int2,int4,int8,numeric,float4,float8}'::regtype[]);
    as_text text := format(CASE WHEN type = ANY ('{float4,float8}'::regtype[]) THEN 'funnel.read_key(%s::float8)'
                                WHEN type = 'numeric'::regtype AND wanted IN ('key', 'link', 'ref') THEN 'trim_scale(%s)::text'
                                ELSE '(%s::text COLLATE "default")' END, c);
    pair CONSTANT text := '"([^"\\[:cntrl:]]|\\["\\/bfnrt])*"\s*:\s*(null|"([^"\\[:cntrl:]]|\\["\\/bfnrt])*")';
    key text;
    time text;
BEGIN
    CASE wanted
        -- A plain column where that will do: the planner knows nothing of what is in an expression.
        WHEN 'key', 'link' THEN
            key := CASE WHEN key_type <> 'text' THEN format('%s::%s', c, key_type)
                        WHEN is_number OR NOT are_numbers THEN as_text
                        ELSE format('funnel.read_key(%s)', as_text) END;
            RETURN CASE WHEN wanted = 'key' OR key_type = 'uuid' THEN key
                        WHEN key_type = 'text' THEN format('nullif(nullif(%s, ''''), ''0'')', key)
                        ELSE format('nullif(%s, 0)', key) END;
        WHEN 'text' THEN
            RETURN as_text;
        WHEN 'label' THEN
            IF type = 'jsonb'::regtype OR type = 'json'::regtype THEN
                as_text := format('(coalesce(%1$s ->> %2$L, %1$s ->> ''en_US'', %1$s #>> ''{}'') COLLATE "default")', c, language);
            ELSIF NOT is_number THEN
                -- JSON of texts by language: what only looks like it is a label like any other
                as_text := format('CASE WHEN %1$s LIKE ''{%%}'' AND %1$s ~ %3$L THEN coalesce(%1$s::jsonb ->> %2$L, %1$s::jsonb ->> ''en_US'', %1$s) ELSE %1$s END',
                                  as_text, language, format('^\{\s*%1$s(\s*,\s*%1$s)*\s*\}$', pair));
            END IF;
            RETURN format('funnel.read_label(%s)', as_text);
        WHEN 'ref' THEN
            RETURN CASE WHEN is_number THEN as_text ELSE format('funnel.read_key(%s)', as_text) END;
        WHEN 'order' THEN
            -- numbers in text by their value
            RETURN CASE WHEN is_number OR type = ANY ('{date,timestamp,timestamptz,uuid}'::regtype[]) THEN c
                        ELSE format('(CASE WHEN %1$s ~ ''^[0-9]+$'' THEN lpad(%1$s, 40, ''0'') ELSE %1$s END COLLATE "C")', as_text) END;
        WHEN 'amount' THEN
            RETURN format(CASE WHEN is_number OR type = 'money'::regtype THEN '%s::numeric' ELSE 'funnel.read_amount(%s::text, %L)' END, c, name);
        WHEN 'flag' THEN
            RETURN CASE WHEN type = 'bool'::regtype THEN c
                        WHEN is_number THEN format('(%s <> 0)', c)
                        ELSE format('funnel.read_flag(%s::text, %L)', c, name) END;
        WHEN 'ids' THEN
            RETURN format('funnel.read_ids(%s::text, %L, %L)::%s[]', c, name, key_type NOT IN ('text', 'uuid'), key_type);
        WHEN 'time', 'end', 'day' THEN
            -- of days that are stored as midnight, the midnight is what tells that they are days
            day_zone := CASE wanted WHEN 'day' THEN clock_zone ELSE day_zone END;
            time := CASE
                -- of any precision, so that a view can be replaced by one over another
                WHEN type = 'timestamptz'::regtype THEN format('%s::timestamptz', c)
                WHEN type = 'timestamp'::regtype THEN format('(%s AT TIME ZONE %L)', c, clock_zone)
                WHEN type = 'date'::regtype THEN format('(%s::timestamp AT TIME ZONE %L)', c, day_zone)
                WHEN is_number THEN format('funnel.read_time(%s::float8)', c)
                ELSE format('funnel.read_time(%s::text, %L, %L)', c, day_zone, clock_zone) END;
            -- 2050-01-01 may be the day before in another zone
            RETURN CASE wanted
                   WHEN 'time' THEN time
                   WHEN 'day' THEN format('CASE WHEN (%1$s AT TIME ZONE %2$L)::time = ''00:00'' THEN (%1$s AT TIME ZONE %2$L) AT TIME ZONE %3$L ELSE %1$s END',
                                          time, clock_zone, zone_of_days)
                   ELSE format('CASE WHEN %1$s < ''2049-12-31 00:00+00''::timestamptz THEN %1$s END', time) END;
    END CASE;
END
$$;
COMMENT ON FUNCTION funnel.adapter_expression(text, oid, text, text, boolean, text, text, text) IS
    'how a column of a source is read as what an adapter wants it to be';

-- What is put in for braces is not looked at again, so that no value can be taken for a part of the query.
CREATE FUNCTION funnel.expand_part(part text, kinds text[], given jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rest text;
    needs text[];
    result text := '';
    opens int;
    closes int;
    name text;
BEGIN
    SELECT p.query, p.needs INTO STRICT rest, needs
      FROM funnel.adapter_part AS p
     WHERE p.part = expand_part.part AND p.kind = ANY (kinds)
     ORDER BY array_position(kinds, p.kind) LIMIT 1;
    IF needs <> '{}' AND NOT EXISTS (SELECT FROM unnest(needs) AS n WHERE given ? ('has ' || n)) THEN
        RETURN funnel.expand_part(part || ':else', kinds, given);
    END IF;
    LOOP
        opens := strpos(rest, '{');
        EXIT WHEN opens = 0;
        closes := strpos(rest, '}');
        name := substr(rest, opens + 1, closes - opens - 1);
        result := result || substr(rest, 1, opens - 1)
                  || CASE WHEN given ? name THEN given ->> name
                          WHEN name ~ '^has ' THEN 'false'
                          ELSE funnel.expand_part(name, kinds, given) END;
        rest := substr(rest, closes + 1);
    END LOOP;
    RETURN result || rest;
END
$$;
COMMENT ON FUNCTION funnel.expand_part(text, text[], jsonb) IS 'a part of the query of an adapter with everything in it put in';

-- As the caller sees the names: sources are looked up by the caller's search_path, and so is the place of the view.
CREATE FUNCTION funnel.make_adapter(
    kind text, view_name text, sources jsonb, relations jsonb, home text, pipeline text, columns jsonb, time_zone text
) RETURNS regclass
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_kind funnel.adapter_kind;
    kinds text[];
    source record;
    col record;
    opt record;
    item record;
    problems text[] := '{}';
    unknown text[];
    oids jsonb := '{}';       -- source: relation
    names jsonb := '{}';      -- source.column: column that the caller named
    said jsonb := '{}';       -- source.column: how the caller named it
    options jsonb := '{}';
    matched jsonb := '{}';      -- source.column: name and type of the column that it is
    given jsonb := '{}';      -- what stands for what is in braces
    key_type text;
    are_numbers boolean;
    ref_is_record boolean;
    clock_zone text;
    list text;
    name text;
    likely text[];            -- names that a column may have
    taken text[];             -- columns that it is not
    dates jsonb;              -- names that the column of each stage may have
    form text;
    path text[];
    target text;
    existing oid;
    is_temporary boolean := false;
    has_merges boolean;
    has_deleted boolean;
    query text;
BEGIN
    -- What is asked for.
    IF kind IS NULL OR view_name IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'arguments kind and view_name must not be NULL';
    END IF;
    IF jsonb_typeof(columns) IS DISTINCT FROM 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'columns must be a JSON object', HINT = 'Write {"what the adapter calls it": "your column"}, or {}.';
    END IF;
    IF kind = 'events' AND NOT EXISTS (SELECT FROM jsonb_object_keys(columns) AS k WHERE funnel.plain_name(k) IN ('stage', 'eventsstage'))
       AND (EXISTS (SELECT FROM jsonb_object_keys(columns) AS k WHERE funnel.plain_name(k) IN ('channel', 'eventschannel'))
            OR EXISTS (SELECT FROM jsonb_each_text(relations) AS r
                        WHERE funnel.find_column(r.value::oid, '{stage}') IS NULL AND funnel.find_column(r.value::oid, '{channel}') IS NOT NULL))
    THEN
        kind := 'events:touch';
    END IF;
    SELECT * INTO the_kind FROM funnel.adapter_kind AS k WHERE k.kind = make_adapter.kind;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('there is no kind of adapter "%s"', kind),
            HINT = format('Kinds are %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM funnel.adapter_kind AS k WHERE k.kind !~ ':'));
    END IF;
    kind := split_part(kind, ':', 1);
    kinds := array_remove(ARRAY[the_kind.kind, the_kind.vendor, '*'], NULL);
    IF time_zone IS NULL OR NOT funnel.is_time_zone(time_zone) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('time zone "%s" does not exist', time_zone), HINT = 'View pg_timezone_names lists what there is.';
    ELSIF upper(time_zone) IN ('CET', 'EET', 'MET', 'WET', 'EST', 'HST', 'MST') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('time zone "%s" could also be an abbreviation', time_zone),
            DETAIL = 'An abbreviation has one offset, in summer and in winter.',
            HINT = 'Name a place, as Europe/Berlin or America/New_York.';
    END IF;
    clock_zone := CASE WHEN the_kind.is_utc THEN 'UTC' ELSE time_zone END;
    IF pipeline IS NOT NULL AND the_kind.is_touch THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'touches have no pipeline', HINT = 'Leave the argument pipeline out: channels are no stages.';
    ELSIF pipeline IS NOT NULL THEN
        PERFORM funnel.require_pipeline(pipeline);
    END IF;
    BEGIN
        path := parse_ident(view_name);
    EXCEPTION WHEN invalid_parameter_value THEN
        path := NULL;
    END;
    IF path IS NULL OR cardinality(path) > 2 THEN
        RAISE invalid_name USING
            MESSAGE = format('"%s" is no name of a view', view_name), HINT = 'Write view or schema.view, quoted as in SQL where needed.';
    END IF;

    -- Sources. One alone is the first of the kind.
    IF jsonb_typeof(sources) = 'string' THEN
        SELECT s.source INTO name FROM funnel.adapter_source AS s WHERE s.kind = the_kind.kind AND s."position" = 1;
        sources := jsonb_build_object(name, sources);
        relations := jsonb_build_object(name, relations -> '');
    ELSIF jsonb_typeof(sources) IS DISTINCT FROM 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'sources must be a JSON object', HINT = 'Write {"what the adapter calls it": "your table"}.';
    END IF;
    SELECT array_agg(k ORDER BY k) INTO unknown
      FROM jsonb_object_keys(sources) AS k
     WHERE NOT EXISTS (SELECT FROM funnel.adapter_source AS s WHERE s.kind = the_kind.kind AND s.source = k);
    SELECT string_agg(format(CASE WHEN s.is_required THEN '%s' ELSE '[%s]' END, s.source), ', ' ORDER BY s."position") INTO list
      FROM funnel.adapter_source AS s WHERE s.kind = the_kind.kind;
    IF unknown IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('an adapter of kind "%s" has no source "%s"', kind, array_to_string(unknown, '", "')),
            HINT = format('Its sources are %s; those in brackets are optional.', list);
    END IF;
    FOR source IN SELECT s.* FROM funnel.adapter_source AS s WHERE s.kind = the_kind.kind ORDER BY s."position" LOOP
        IF relations ->> source.source IS NOT NULL THEN
            oids := oids || jsonb_build_object(source.source, relations ->> source.source);
        ELSIF jsonb_typeof(sources -> source.source) NOT IN ('string', 'null') THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('source "%s" cannot be %s', source.source, sources -> source.source),
                HINT = 'Give the name of a table or view, as a string.';
        ELSIF sources ->> source.source IS NOT NULL THEN
            problems := problems || format('Source "%s": relation "%s" does not exist.', source.source, sources ->> source.source);
        ELSIF source.is_required THEN
            problems := problems || format('Source "%s" (%s) is not given.', source.source, source.meaning);
        END IF;
    END LOOP;
    IF problems <> '{}' THEN
        RAISE undefined_table USING
            MESSAGE = format('sources of the adapter of kind "%s" are missing', kind),
            DETAIL = array_to_string(problems, E'\n'),
            HINT = format('Its sources are %s; those in brackets are optional. Names are looked up by the search_path, quoted as in SQL.', list);
    END IF;
    FOR item IN
        SELECT r.key, c.oid::regclass AS relation, c.relkind, c.relpersistence
          FROM jsonb_each_text(oids) AS r JOIN pg_class AS c ON c.oid = r.value::oid
    LOOP
        IF item.relkind NOT IN ('r', 'p', 'v', 'm', 'f') THEN
            RAISE wrong_object_type USING
                MESSAGE = format('source "%s": "%s" is not a table or view', item.key, item.relation),
                HINT = 'Give a table, a view, a materialized view or a foreign table.';
        END IF;
        is_temporary := is_temporary OR item.relpersistence = 't';
    END LOOP;

    -- Options, and columns that the caller names.
    unknown := NULL;
    FOR item IN SELECT c.key, c.value, jsonb_typeof(c.value) AS type FROM jsonb_each(columns) AS c ORDER BY strpos(c.key, '.') > 0, c.key LOOP
        SELECT o.* INTO opt FROM funnel.adapter_option AS o
         WHERE o.kind IN (the_kind.kind, '*') AND o.option = item.key;
        IF FOUND THEN
            -- as if it were not given, where that is not a value of its own
            CONTINUE WHEN item.type = 'null' AND item.key <> 'lost';
            IF opt.type = 'map' AND item.type <> 'object' OR opt.type = 'flag' AND item.type <> 'boolean'
               OR opt.type = 'text' AND item.type NOT IN ('string', 'number', 'null')
               OR opt.type = 'names' AND (item.type NOT IN ('string', 'number', 'array') OR item.value = '[]')
               OR item.type = 'array' AND EXISTS (SELECT FROM jsonb_array_elements(item.value) AS e
                                                   WHERE jsonb_typeof(e) NOT IN ('string', 'number') OR e #>> '{}' !~ '[^[:space:]]')
               OR item.type = 'object' AND (item.value = '{}' OR EXISTS (
                      SELECT FROM jsonb_each(item.value) AS e
                       WHERE e.key !~ '[^[:space:]]' OR jsonb_typeof(e.value) <> 'string' OR e.value #>> '{}' !~ '[^[:space:]]'))
               OR item.value #>> '{}' !~ '[^[:space:]]'
               OR opt.allowed IS NOT NULL AND NOT (item.value #>> '{}' = ANY (opt.allowed)) IS TRUE THEN
                RAISE invalid_parameter_value USING
                    MESSAGE = format('option "%s" of an adapter of kind "%s" cannot be %s', item.key, kind, item.value),
                    DETAIL = format('It is: %s.', opt.meaning),
                    HINT = coalesce('Give one of ' || array_to_string(opt.allowed, ', ') || '.',
                                    CASE opt.type WHEN 'names' THEN 'Give a string or an array of strings.'
                                                  WHEN 'map' THEN 'Give a JSON object of strings.'
                                                  WHEN 'flag' THEN 'Give true or false.' ELSE 'Give a string.' END);
            END IF;
            options := options || jsonb_build_object(item.key, item.value);
            CONTINUE;
        END IF;
        FOR col IN
            SELECT c.source, c."column" FROM funnel.adapter_column AS c
             WHERE c.kind = the_kind.kind
               AND funnel.plain_name(item.key) IN (
                   SELECT funnel.plain_name(p.prefix || n.name)
                     FROM unnest(c.names || c."column") AS n (name), (VALUES (''), (c.source || '.')) AS p (prefix)
                    WHERE p.prefix = '' AND strpos(item.key, '.') = 0 OR p.prefix <> '' AND starts_with(item.key, p.prefix))
        LOOP
            IF item.type <> 'string' THEN
                RAISE invalid_parameter_value USING
                    MESSAGE = format('column "%s" cannot be %s', item.key, item.value), HINT = 'Give the name of a column, as a string.';
            END IF;
            -- what is said of one source goes before what is said of all
            name := said ->> (col.source || '.' || col."column");
            IF (strpos(name, '.') > 0) = (strpos(item.key, '.') > 0) AND columns -> name <> item.value THEN
                RAISE invalid_parameter_value USING
                    MESSAGE = format('columns "%s" and "%s" are one', name, item.key), HINT = 'Give one of them.';
            END IF;
            said := said || jsonb_build_object(col.source || '.' || col."column", item.key);
            names := names || jsonb_build_object(col.source || '.' || col."column", item.value);
        END LOOP;
        IF NOT FOUND THEN
            unknown := unknown || item.key;
        END IF;
    END LOOP;
    IF unknown IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('an adapter of kind "%s" has no column and no option "%s"', kind, array_to_string(unknown, '", "')),
            DETAIL = (SELECT format('Its columns are %s.', string_agg(c.source || '.' || c.names[1], ', ' ORDER BY s."position", c.names[1]))
                        FROM funnel.adapter_column AS c JOIN funnel.adapter_source AS s USING (kind, source)
                       WHERE c.kind = the_kind.kind),
            HINT = (SELECT format('Its options are %s.', string_agg(o.option, ', ' ORDER BY o.kind DESC, o.option))
                      FROM funnel.adapter_option AS o WHERE o.kind IN (the_kind.kind, '*'));
    END IF;
    FOR opt IN SELECT o.* FROM funnel.adapter_option AS o WHERE o.kind IN (the_kind.kind, '*') LOOP
        IF NOT options ? opt.option THEN
            options := options || jsonb_build_object(opt.option, opt.default_value);
        END IF;
        IF jsonb_typeof(options -> opt.option) = 'null' AND opt.required_with = '*' THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('an adapter of kind "%s" needs the option "%s"', kind, opt.option),
                DETAIL = format('It is %s.', opt.meaning),
                HINT = format('Give it in the argument columns: {"%s": ...}.', opt.option);
        END IF;
        -- names twice: only of equality with what is written the planner knows how often it holds
        FOREACH form IN ARRAY CASE opt.type WHEN 'names' THEN ARRAY['', 'exact '] ELSE ARRAY[''] END LOOP
            given := given || jsonb_build_object(form || opt.option,
                CASE WHEN jsonb_typeof(options -> opt.option) = 'null' THEN CASE opt.type WHEN 'names' THEN 'NULL::text[]' ELSE 'NULL::text' END
                     WHEN opt.type = 'names' THEN
                         (SELECT format('%L::text[]', array_agg(CASE form WHEN '' THEN funnel.label_key(n.value) ELSE n.value END))
                            FROM jsonb_array_elements_text(CASE jsonb_typeof(options -> opt.option) WHEN 'array' THEN options -> opt.option
                                                           ELSE jsonb_build_array(options -> opt.option) END) AS n)
                     ELSE format('%L::text', options ->> opt.option) END);
        END LOOP;
    END LOOP;

    -- Names of the columns of stages.
    SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.place), '[]') INTO dates
      FROM (SELECT s.key AS stage, ARRAY[s.value #>> '{}'] AS names, true AS is_named, row_number() OVER () AS place
              FROM jsonb_each(CASE WHEN jsonb_typeof(options -> 'stages') = 'object' THEN options -> 'stages' ELSE '{}' END) AS s
            UNION ALL
            SELECT s.stage, ARRAY[s.stage || '_at', s.stage || '_on', s.stage || '_date', 'date_' || s.stage, 'date_entered_' || s.stage,
                                  'hs_date_entered_' || s.stage, 'hs_v2_date_entered_' || s.stage, s.stage], false, s."position"
              FROM funnel.stage AS s
             WHERE jsonb_typeof(options -> 'stages') = 'null' AND s.pipeline = make_adapter.pipeline) AS d;

    -- Columns, all that are missing in one error. A key is the column that is named like the key of a source before it, if
    -- there is one and no vendor has named it, and no column that is when a lead entered a stage, if there is another.
    FOR col IN
        SELECT c.*, (oids ->> c.source)::oid AS relation, c.source || '.' || c."column" AS place
          FROM funnel.adapter_column AS c JOIN funnel.adapter_source AS s USING (kind, source)
         WHERE c.kind = the_kind.kind AND oids ? c.source ORDER BY s."position", c.is_required DESC, c."column"
    LOOP
        IF names ? col.place THEN
            name := funnel.find_column(col.relation, ARRAY[names ->> col.place]);
        ELSE
            SELECT coalesce(array_agg(m.name ORDER BY col.type <> 'key' OR the_kind.vendor IS NOT NULL OR NOT EXISTS (
                                          SELECT FROM jsonb_each(matched) AS k
                                           WHERE k.value ->> 'wanted' = 'key' AND funnel.plain_name(k.value ->> 'name') = funnel.plain_name(m.name)),
                                      n.place, m.place), '{}') INTO likely
              FROM unnest(col.names) WITH ORDINALITY AS n (name, place),
                   LATERAL (SELECT f.name, f.place
                              FROM jsonb_array_elements_text(CASE jsonb_typeof(options -> 'field') WHEN 'array' THEN options -> 'field'
                                                             ELSE jsonb_build_array(options -> 'field') END)
                                   WITH ORDINALITY AS f (name, place)
                             WHERE n.name = '{field}' AND f.name IS NOT NULL
                            UNION ALL SELECT n.name, 1 WHERE n.name <> '{field}') AS m;
            taken := '{}';
            IF col.type = 'key' AND options ? 'stages' THEN
                SELECT coalesce(array_agg(f.name) FILTER (WHERE f.name IS NOT NULL), '{}') INTO taken
                  FROM jsonb_to_recordset(dates) AS d (names text[], is_named boolean),
                       LATERAL funnel.find_column(col.relation, d.names, CASE WHEN NOT d.is_named THEN 'end' END) AS f (name);
            END IF;
            name := coalesce(funnel.find_column(col.relation, likely, col.type, taken), funnel.find_column(col.relation, likely, col.type),
                             CASE WHEN col."column" <> 'modified_at' THEN funnel.find_column(col.relation, likely) END);
        END IF;
        IF name IS NOT NULL THEN
            matched := matched || jsonb_build_object(col.place, funnel.describe_column(col.relation, name, col.type, col.meaning));
        ELSIF col.is_required OR names ? col.place THEN
            problems := problems || format('Source "%s" (%s): %s, "%s".', col.source, col.relation::regclass, col.meaning,
                                           coalesce(names ->> col.place, (SELECT string_agg(n, '" or "') FROM unnest(col.names) AS n WHERE n <> '{field}'),
                                                    options #>> '{field}'));
        END IF;
    END LOOP;

    -- What else must be there.
    IF the_kind.kind = 'odoo_tracking' AND matched #>> '{tracking.field_name,category}' = 'N' AND NOT oids ? 'fields' THEN
        RAISE undefined_table USING
            MESSAGE = format('sources of the adapter of kind "%s" are missing', kind),
            DETAIL = format('Column "%s" of source "tracking" has numbers of fields, which source "fields" (ir_model_fields) names.',
                            matched #>> '{tracking.field_name,name}'),
            HINT = 'Give source "fields".';
    END IF;
    FOR opt IN SELECT o.* FROM funnel.adapter_option AS o WHERE o.kind = the_kind.kind AND matched ? o.required_with LOOP
        IF jsonb_typeof(options -> opt.option) = 'null' THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('an adapter of kind "%s" needs the option "%s"', kind, opt.option),
                DETAIL = format('It is %s; column "%s" tells several apart.', opt.meaning, matched #>> ARRAY[opt.required_with, 'name']),
                HINT = format('Give it in the argument columns: {"%s": ...}.', opt.option);
        END IF;
    END LOOP;
    IF NOT matched ? 'history.field_name' AND oids ? 'history' AND jsonb_typeof(options -> 'field') = 'string'
       AND funnel.find_column((oids ->> 'history')::oid, ARRAY[options ->> 'field']) IS NOT NULL THEN
        problems := problems || format('Source "history" (%s): the field that was changed; option "field" is a field, and "%s" is a column. '
                                       '"history.field" names a column.', (oids ->> 'history')::oid::regclass, options ->> 'field');
    END IF;
    IF options ->> 'deleted' = 'omit' AND NOT EXISTS (SELECT FROM jsonb_object_keys(matched) AS f WHERE f ~ '[.]is_deleted$|^deleted[.]') THEN
        problems := problems || format('Nothing says what is deleted, for option "deleted": %s.', coalesce((
            SELECT string_agg(format('source "%s", "%s"', c.source, array_to_string(c.names, '" or "')), '; ')
              FROM funnel.adapter_column AS c WHERE c.kind = the_kind.kind AND (c."column" = 'is_deleted' OR c.source = 'deleted')),
            'this kind has no column for it'));
    END IF;

    -- The column of each stage: no other one that is read already.
    IF the_kind.kind = 'stage_dates' THEN
        list := NULL;
        FOR item IN
            SELECT d.* FROM jsonb_to_recordset(dates) AS d (stage text, names text[], is_named boolean, place int) ORDER BY d.place
        LOOP
            name := CASE WHEN item.is_named THEN funnel.find_column((oids ->> 'rows')::oid, item.names)
                         ELSE funnel.find_column((oids ->> 'rows')::oid, item.names, 'end',
                                                 ARRAY(SELECT m.value ->> 'name' FROM jsonb_each(matched) AS m)) END;
            IF name IS NOT NULL THEN
                list := concat_ws(', ', list, format('(%L::text, r.%I)', item.stage, 'stage ' || item.place));
                matched := matched || jsonb_build_object('rows.stage ' || item.place, funnel.describe_column(
                    (oids ->> 'rows')::oid, name, 'end', format('when a lead entered stage "%s"', item.stage)));
            ELSIF item.is_named THEN
                problems := problems || format('Source "rows" (%s): when a lead entered stage "%s", "%s".', (oids ->> 'rows')::oid::regclass,
                                               item.stage, array_to_string(item.names, ''));
            END IF;
        END LOOP;
        IF list IS NULL AND problems = '{}' THEN
            problems := problems || CASE WHEN pipeline IS NULL THEN 'Option "stages" names the column of each stage; without it, a pipeline is needed.'
                                         ELSE 'No column of times is named like a stage of the pipeline; option "stages" names them.' END;
        END IF;
        given := given || jsonb_build_object('stages', list);
    END IF;
    FOR item IN
        SELECT m.value ->> 'name' AS name, split_part(m.key, '.', 1) AS source, (m.value ->> 'type')::oid AS type,
               CASE m.value ->> 'wanted' WHEN 'end' THEN 'time' ELSE m.value ->> 'wanted' END AS wanted, m.value ->> 'meaning' AS meaning
          FROM jsonb_each(matched) AS m WHERE NOT funnel.can_read((m.value ->> 'type')::oid, m.value ->> 'wanted')
    LOOP
        RAISE datatype_mismatch USING
            MESSAGE = format('column "%s" of source "%s" is of type %s', item.name, item.source, format_type(item.type, NULL)),
            DETAIL = format('The adapter reads it as %s: %s.', item.wanted, item.meaning),
            HINT = 'Name another column in the argument columns, or give a view of the source that converts it.';
    END LOOP;
    IF problems <> '{}' THEN
        RAISE undefined_column USING
            MESSAGE = format('columns of the adapter of kind "%s" are missing', kind),
            DETAIL = array_to_string(problems, E'\n'),
            HINT = 'If columns have other names, say so in the argument columns: {"what the adapter calls it": "your column"}; '
                   '"source.column" names that of one source.';
    END IF;

    -- Keys of all sources are compared with each other.
    SELECT CASE WHEN bool_and(t.type = ANY ('{int2,int4,int8,uuid}'::regtype[])) AND min(t.type) = max(t.type) THEN min(t.type)::regtype::text
                WHEN bool_and(t.type = ANY ('{int2,int4,int8}'::regtype[])) THEN 'bigint' ELSE 'text' END,
           -- text is read as a number may be written where it stands beside numbers, and where the vendor has nothing else
           bool_or(t.type = ANY ('{int2,int4,int8,numeric,float4,float8}'::regtype[])) OR the_kind.vendor IN ('hubspot', 'marketo', 'odoo')
      INTO key_type, are_numbers
      FROM (SELECT (f.value ->> 'type')::oid AS type
              FROM jsonb_each(matched) AS f WHERE f.value ->> 'wanted' IN ('key', 'link')) AS t;
    -- a list can have a number that the column of one does not hold
    IF key_type IN ('smallint', 'integer') AND EXISTS (SELECT FROM jsonb_each(matched) AS f WHERE f.value ->> 'wanted' = 'ids') THEN
        key_type := 'bigint';
    END IF;
    given := given || jsonb_build_object('collate', CASE key_type WHEN 'text' THEN 'COLLATE "C"' ELSE '' END,
                                         'time_zone', quote_literal(time_zone));
    FOR source IN SELECT s.* FROM funnel.adapter_source AS s WHERE s.kind = the_kind.kind LOOP
        SELECT string_agg(
                   CASE WHEN matched ? c.place THEN
                            funnel.adapter_expression(matched #>> ARRAY[c.place, 'name'], (matched #>> ARRAY[c.place, 'type'])::oid, c.type,
                                                      key_type, are_numbers, time_zone, clock_zone, options ->> 'language')
                        ELSE 'NULL::' || CASE WHEN c.type IN ('key', 'link') THEN key_type ELSE CASE c.type WHEN 'ids' THEN key_type || '[]' WHEN 'amount' THEN 'numeric'
                                                     WHEN 'flag' THEN 'boolean' WHEN 'time' THEN 'timestamptz' WHEN 'day' THEN 'timestamptz' WHEN 'end' THEN 'timestamptz'
                                                     ELSE 'text' END END
                        END
                   -- a sort by bytes is the fastest
                   || CASE WHEN c."column" = source.key AND key_type = 'text' THEN ' COLLATE "C"' ELSE '' END
                   || format(' AS %I', c."column"), ', ')
          INTO list
          FROM (SELECT a."column", a.type, source.source || '.' || a."column" AS place
                  FROM funnel.adapter_column AS a WHERE a.kind = the_kind.kind AND a.source = source.source
                UNION ALL
                SELECT substr(f, length('rows.') + 1), 'end', f FROM jsonb_object_keys(matched) AS f WHERE f ~ '^rows[.]stage \d+$') AS c;
        list := format('(SELECT %s%s)', list, coalesce(
                (SELECT format(' FROM %I.%I AS s', n.nspname, r.relname)
                   FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace WHERE r.oid = (oids ->> source.source)::oid),
                ' WHERE false'));
        given := given || jsonb_build_object('rows ' || source.source, list, 'source ' || source.source,
            CASE WHEN matched ? (source.source || '.' || source.key) THEN
                     (SELECT format('(SELECT DISTINCT ON (r.%1$I) r.* FROM %2$s AS r ORDER BY r.%1$I, r.modified_at DESC NULLS LAST, %3$s)',
                                    source.key, list, string_agg(format('r.%I', c."column"), ', ' ORDER BY c.type <> 'flag', c."column"))
                        FROM funnel.adapter_column AS c
                       WHERE c.kind = the_kind.kind AND c.source = source.source AND c."column" NOT IN (source.key, 'modified_at'))
                 ELSE list END);
    END LOOP;
    SELECT given || coalesce(jsonb_object_agg('has ' || f, 'true'), '{}') INTO given FROM jsonb_object_keys(matched) AS f;

    -- The view.
    has_merges := EXISTS (SELECT FROM funnel.adapter_part AS p
                           WHERE p.part = 'merges' AND p.kind = ANY (kinds) AND EXISTS (SELECT FROM unnest(p.needs) AS n WHERE matched ? n));
    IF has_merges THEN
        given := given || '{"has merges": "true"}';
    ELSE
        given := given || jsonb_build_object('survivors', format('(SELECT NULL::%1$s AS merged, NULL::%1$s AS survivor WHERE false)', key_type));
    END IF;
    has_deleted := EXISTS (SELECT FROM funnel.adapter_part AS p
                            WHERE p.part = 'gone' AND p.kind = ANY (kinds) AND EXISTS (SELECT FROM unnest(p.needs) AS n WHERE matched ? n));
    -- A ref of its own stays what it is, also where it looks like the record.
    ref_is_record := NOT the_kind.is_touch AND NOT EXISTS (
        SELECT FROM jsonb_each(matched) AS r
         WHERE r.value ->> 'wanted' = 'ref'
               AND NOT EXISTS (SELECT FROM jsonb_each(matched) AS k
                                WHERE k.value ->> 'wanted' = 'key' AND k.value ->> 'name' = r.value ->> 'name'
                                      AND split_part(k.key, '.', 1) = split_part(r.key, '.', 1)));
    query := format(
        'SELECT %s AS lead, coalesce(e.label, %s) AS label, e.at, e.amount, %s AS ref, e.record%s AS record, %s AS is_deleted FROM (%s) AS e%s%s',
        format(CASE key_type WHEN 'text' THEN 'nullif(%s, '''') COLLATE "default"' ELSE '%s' END,
               CASE WHEN has_merges THEN 'CASE WHEN e.lead = e.record THEN coalesce(s.survivor, e.lead) ELSE e.lead END' ELSE 'e.lead' END),
        given ->> 'null_label',
        CASE WHEN has_merges AND ref_is_record THEN 'CASE WHEN e.ref = e.lead::text THEN coalesce(s.survivor::text, e.ref) ELSE e.ref END' ELSE 'e.ref' END,
        CASE key_type WHEN 'text' THEN ' COLLATE "default"' ELSE '' END,
        concat_ws(' OR ', 'coalesce(e.is_deleted, false)' || CASE WHEN has_merges AND NOT the_kind.is_touch THEN ' AND s.survivor IS NULL' ELSE '' END,
                  CASE WHEN has_deleted THEN 'd.record IS NOT NULL' END),
        funnel.expand_part('events', kinds, given),
        CASE WHEN has_merges THEN format(' LEFT JOIN %s AS s ON s.merged = e.record', funnel.expand_part('survivors', kinds, given)) END,
        CASE WHEN has_deleted THEN format(' LEFT JOIN (%s) AS d ON d.record = %s', funnel.expand_part('deleted', kinds, given),
                                     CASE WHEN has_merges THEN 'coalesce(s.survivor, e.record)' ELSE 'e.record' END) END);
    query := format(
        CASE WHEN the_kind.is_touch THEN
                 'SELECT e.lead, e.label AS channel, e.at, e.amount, e.ref, e.record, e.is_deleted FROM (%1$s) AS e'
             WHEN pipeline IS NULL THEN
                 'SELECT e.lead, e.label AS stage, e.at, e.amount, e.ref, e.label, e.record, e.is_deleted, NULL::text AS pipeline, '
                 'NULL::boolean AS is_mapped FROM (%1$s) AS e'
             ELSE
                 'SELECT e.lead, CASE WHEN e.label = ANY (l.twins) THEN e.label ELSE coalesce(l.stage, e.label) END AS stage, '
                 'e.at, e.amount, e.ref, e.label, e.record, e.is_deleted, '
                 '%2$L::text AS pipeline, coalesce(l.stage IS NOT NULL OR e.label = ANY (l.twins), false) AS is_mapped FROM (%1$s) AS e '
                 'LEFT JOIN funnel.stage_labels(%2$L, %3$L) AS l ON l.key = funnel.label_key(e.label)' END,
        query, pipeline, array_remove(ARRAY[options ->> 'source', the_kind.kind, the_kind.vendor, '*'], NULL))
        || CASE options ->> 'deleted' WHEN 'omit' THEN ' WHERE NOT e.is_deleted' ELSE '' END;

    home := CASE WHEN cardinality(path) = 2 THEN path[1] WHEN is_temporary THEN 'pg_temp' ELSE home END;
    IF home IS NULL THEN
        RAISE invalid_schema_name USING
            MESSAGE = 'no schema has been selected to create the view in', HINT = 'Write schema.view, or set search_path.';
    ELSIF is_temporary AND home <> 'pg_temp' AND to_regnamespace(quote_ident(home)) IS DISTINCT FROM pg_my_temp_schema()::regnamespace THEN
        RAISE invalid_table_definition USING
            MESSAGE = format('a view of temporary tables cannot be made in schema "%s"', home),
            HINT = 'Leave the schema out: the view is temporary, as they are.';
    END IF;
    target := format('%I.%I', home, path[cardinality(path)]);
    existing := to_regclass(target);
    IF existing IS NOT NULL AND ((SELECT c.relkind FROM pg_class AS c WHERE c.oid = existing) <> 'v'
                                 OR coalesce(obj_description(existing, 'pg_class'), '') !~ '^adapter of funnel: ') THEN
        RAISE duplicate_table USING
            MESSAGE = format('relation "%s" exists already, and is no adapter', target),
            HINT = 'Choose another name, or drop it first.';
    ELSIF EXISTS (
        WITH RECURSIVE r (oid) AS (
            SELECT o.value::oid FROM jsonb_each_text(oids) AS o
            UNION
            SELECT d.refobjid FROM r JOIN pg_rewrite AS w ON w.ev_class = r.oid
                                     JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        ) SELECT FROM r WHERE r.oid = existing)
    THEN
        RAISE invalid_object_definition USING
            MESSAGE = format('view "%s" would read itself', target), HINT = 'Choose another name for it, or give the tables that it reads.';
    END IF;
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW %s%s AS %s', target,
                       CASE WHEN (options -> 'security_invoker')::boolean THEN ' WITH (security_invoker = true)' ELSE '' END, query);
    EXCEPTION WHEN invalid_table_definition THEN
        RAISE invalid_table_definition USING
            MESSAGE = format('view "%s" exists already, with other columns', target), DETAIL = format('%s.', SQLERRM),
            HINT = 'Drop it first.';
    WHEN unique_violation OR duplicate_object OR duplicate_table THEN
        RAISE duplicate_table USING
            MESSAGE = format('relation "%s" was made at the same time by another session', target), HINT = 'Look at it, and try again.';
    END;
    -- A view that is replaced keeps its owner, with whose rights it reads.
    SELECT pg_get_userbyid(c.relowner) INTO name FROM pg_class AS c WHERE c.oid = target::regclass;
    IF name <> current_user THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('view "%s" belongs to role "%s"', target, name),
            DETAIL = 'It would read its sources with the rights of that role.',
            HINT = format('Drop it first, or SET ROLE %I.', name);
    END IF;
    EXECUTE format('COMMENT ON VIEW %s IS %L', target, format('adapter of funnel: %s, version %s',
        kind, (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'funnel')));
    RETURN target::regclass;
END
$$;
COMMENT ON FUNCTION funnel.make_adapter(text, text, jsonb, jsonb, text, text, jsonb, text) IS
    'what funnel.create_adapter() does once the names of sources are looked up';

CREATE FUNCTION funnel.create_adapter(
    kind text, view_name text, sources jsonb, pipeline text DEFAULT NULL, columns jsonb DEFAULT '{}', time_zone text DEFAULT 'UTC'
) RETURNS regclass
    LANGUAGE sql
    RETURN funnel.make_adapter(
        create_adapter.kind, create_adapter.view_name, create_adapter.sources,
        (SELECT coalesce(jsonb_object_agg(s.source, r.relation) FILTER (WHERE r.relation IS NOT NULL), '{}')
           FROM jsonb_each(CASE jsonb_typeof(create_adapter.sources) WHEN 'object' THEN create_adapter.sources
                           WHEN 'string' THEN jsonb_build_object('', create_adapter.sources) ELSE '{}' END) AS s (source, name),
                LATERAL (SELECT CASE jsonb_typeof(s.name) WHEN 'string' THEN funnel.find_relation(s.name #>> '{}') END) AS r (relation)),
        current_schema()::text, create_adapter.pipeline, create_adapter.columns, create_adapter.time_zone);
COMMENT ON FUNCTION funnel.create_adapter(text, text, jsonb, text, jsonb, text) IS
    'makes a view that turns the history a CRM keeps into what funnel.cohort() or funnel.touches() takes';

CREATE FUNCTION funnel.unmapped(
    adapter regclass,
    OUT label text, OUT events bigint, OUT leads bigint, OUT first_at timestamptz, OUT last_at timestamptz, OUT suggestion text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF adapter IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'argument adapter must not be NULL';
    END IF;
    IF (SELECT count(*) FROM pg_attribute AS a
         WHERE a.attrelid = adapter AND NOT a.attisdropped AND a.attname IN ('lead', 'at', 'label', 'pipeline', 'is_mapped')) < 5 THEN
        RAISE wrong_object_type USING
            MESSAGE = format('relation "%s" is no adapter of stages', replace(adapter::text, '"', '')), HINT = 'Name a view that funnel.create_adapter() made.';
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT u.label, u.events, u.leads, u.first_at, u.last_at,
                (SELECT s.stage FROM funnel.stage AS s
                  WHERE s.pipeline = u.pipeline AND funnel.try_lead_stage(s.stage)::text = funnel.try_lead_stage(u.label)::text ORDER BY s."position" LIMIT 1)
           FROM (SELECT a.pipeline, mode() WITHIN GROUP (ORDER BY a.label COLLATE "C") AS label,
                        count(*) AS events, count(DISTINCT a.lead) AS leads, min(a.at) AS first_at, max(a.at) AS last_at
                   FROM %s AS a WHERE a.is_mapped IS NOT TRUE GROUP BY a.pipeline, funnel.label_key(a.label)) AS u
          ORDER BY u.events DESC, u.label COLLATE "C"', adapter);
END
$$;
COMMENT ON FUNCTION funnel.unmapped(regclass) IS
    'the labels in the view of an adapter that mean no stage of its pipeline, each in its most frequent spelling; suggestion: the one that is spelled so';
