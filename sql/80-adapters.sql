-- Adapters: the histories that CRMs and warehouse syncs keep, as views that funnel.cohort() and funnel.touches() take.
--
-- A kind of adapter is data: the sources it reads, their columns, its options, and the parts of its query. Sources and
-- columns are found and checked by funnel.create_adapter(); what the view computes is plain SQL over them.

CREATE FUNCTION funnel.label_key(label text) RETURNS text
    AS 'MODULE_PATHNAME', 'funnel_label_key' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.label_key(text) IS 'what labels that are one have in common: trimmed, in lower case';

CREATE TABLE funnel.stage_alias (
    pipeline text NOT NULL CHECK (pipeline ~ '[^[:space:]]'),
    source text NOT NULL DEFAULT '*' CHECK (source ~ '[^[:space:]]'),
    alias text NOT NULL CHECK (alias ~ '[^[:space:]]'),
    stage text NOT NULL CHECK (stage ~ '[^[:space:]]'),
    PRIMARY KEY (pipeline, source, alias)
);
CREATE UNIQUE INDEX stage_alias_label_key ON funnel.stage_alias (pipeline, source, funnel.label_key(alias));
COMMENT ON TABLE funnel.stage_alias IS 'which stage of a pipeline the label of a source means; read by the views of adapters';
COMMENT ON COLUMN funnel.stage_alias.pipeline IS 'the pipeline';
COMMENT ON COLUMN funnel.stage_alias.source IS
    'for which sources: a kind of adapter, a vendor, the option source of an adapter, or * for all of them';
COMMENT ON COLUMN funnel.stage_alias.alias IS 'the label as the source has it; case and blanks around it do not matter';
COMMENT ON COLUMN funnel.stage_alias.stage IS 'the stage of the pipeline; an alias of a stage that it does not have does nothing';

GRANT SELECT ON funnel.stage_alias TO PUBLIC;
GRANT INSERT, UPDATE, DELETE ON funnel.stage_alias TO @extowner@ WITH GRANT OPTION;
-- No foreign keys: a restore loads it before the pipelines, or after them.
SELECT pg_catalog.pg_extension_config_dump('funnel.stage_alias', '');

CREATE FUNCTION funnel.stage_labels(pipeline text, sources text[], OUT key text, OUT stage text, OUT twins text[]) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
    SELECT DISTINCT ON (label.key) label.key, label.stage, max(label.twins) OVER (PARTITION BY label.key) AS twins
      FROM (SELECT funnel.label_key(a.alias) AS key, a.stage, NULL::text[] AS twins, array_position(sources, a.source) AS place
              FROM funnel.stage_alias AS a
              JOIN funnel.stage AS s ON s.pipeline = a.pipeline AND s.stage = a.stage
             WHERE a.pipeline = stage_labels.pipeline AND a.source = ANY (sources)
            UNION ALL
            SELECT funnel.label_key(s.stage), CASE count(*) WHEN 1 THEN min(s.stage) END, CASE WHEN count(*) > 1 THEN array_agg(s.stage) END,
                   cardinality(sources) + 1
              FROM funnel.stage AS s
             WHERE s.pipeline = stage_labels.pipeline
             GROUP BY funnel.label_key(s.stage)) AS label
     ORDER BY label.key, label.place;
END;
COMMENT ON FUNCTION funnel.stage_labels(text, text[]) IS
    'the labels that a pipeline knows: those of funnel.stage_alias, earlier sources first, and its own stages; '
    'twins: stages that differ in case only, which the label itself tells apart, whatever an alias says of their other spellings';

CREATE FUNCTION funnel.read_label(value text) RETURNS text
    AS 'MODULE_PATHNAME', 'funnel_read_label' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_label(text) IS 'a label without the blanks around it; NULL if it is blank';

CREATE FUNCTION funnel.read_key(value text) RETURNS text
    AS 'MODULE_PATHNAME', 'funnel_read_key' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_key(text) IS 'what names a record, without the blanks around it, and 12 where 12.0 is written; NULL if it is blank';

CREATE FUNCTION funnel.read_key(value float8) RETURNS text
    AS 'MODULE_PATHNAME', 'funnel_read_key_of_float' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_key(float8) IS 'the number of a record, the same in every session';

CREATE FUNCTION funnel.read_time(value text, day_zone text, clock_zone text) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'funnel_read_time' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_time(text, text, text) IS
    'a time as exports write it: a day, of day_zone; a time with its offset, or of clock_zone; milliseconds since 1970';

CREATE FUNCTION funnel.read_time(milliseconds float8) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'funnel_read_epoch' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_time(float8) IS 'milliseconds since 1970; anything else that numbers could be is an error';

CREATE FUNCTION funnel.read_amount(value text, "column" text) RETURNS numeric
    AS 'MODULE_PATHNAME', 'funnel_read_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_amount(text, text) IS 'an amount in a column of texts; NULL if it is blank';

CREATE FUNCTION funnel.read_flag(value text, "column" text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'funnel_read_flag' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_flag(text, text) IS 'true or false in a column of texts; NULL if it is blank';

CREATE FUNCTION funnel.read_ids(value text, "column" text, are_numbers boolean) RETURNS text[]
    AS 'MODULE_PATHNAME', 'funnel_read_ids' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.read_ids(text, text, boolean) IS 'the records that a list names: 12;13 or [12, 13] or 12:1706695200000';

-- A function, so that the planner takes chains of merges for the rare thing that they are. Each round doubles the length of
-- the chains that are followed to their ends.
CREATE FUNCTION funnel.survivors(from_keys anyarray, to_keys anyarray) RETURNS TABLE (merged anyelement, survivor anyelement)
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 100
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
AS $$
DECLARE
    reach bigint := 1;
    moved bigint := 1;
BEGIN
    SELECT array_agg(m.merged), array_agg(m.survivor) INTO from_keys, to_keys
      FROM (SELECT DISTINCT ON (m.merged) m.merged, m.survivor
              FROM unnest(from_keys, to_keys) AS m (merged, survivor) ORDER BY m.merged, m.survivor) AS m;
    WHILE moved > 0 AND reach < cardinality(from_keys) LOOP
        SELECT array_agg(m.merged), array_agg(coalesce(n.survivor, m.survivor)), count(n.merged) INTO from_keys, to_keys, moved
          FROM unnest(from_keys, to_keys) AS m (merged, survivor)
          LEFT JOIN unnest(from_keys, to_keys) AS n (merged, survivor) ON n.merged = m.survivor;
        reach := reach * 2;
    END LOOP;
    RETURN QUERY
        SELECT m.merged, m.survivor FROM unnest(from_keys, to_keys) AS m (merged, survivor)
         WHERE NOT EXISTS (SELECT FROM unnest(from_keys) AS n (merged) WHERE n.merged = m.survivor);
END
$$;
COMMENT ON FUNCTION funnel.survivors(anyarray, anyarray) IS
    'what each merged record has become in the end; those that were merged in a circle are left out';


-- What kinds there are. Maintained by the extension.

CREATE TABLE funnel.adapter_kind (
    kind text PRIMARY KEY,
    vendor text,
    is_touch boolean NOT NULL,
    is_utc boolean NOT NULL,
    meaning text NOT NULL
);
COMMENT ON TABLE funnel.adapter_kind IS 'the kinds of adapters that funnel.create_adapter() makes';
COMMENT ON COLUMN funnel.adapter_kind.kind IS 'name of the kind';
COMMENT ON COLUMN funnel.adapter_kind.vendor IS 'whose data it reads; NULL: anybody''s';
COMMENT ON COLUMN funnel.adapter_kind.is_touch IS 'does it give touches, for funnel.touches()? else stage events, for funnel.cohort()';
COMMENT ON COLUMN funnel.adapter_kind.is_utc IS
    'is a time without zone UTC, as the vendor stores it? else it is of the time zone of the adapter';
COMMENT ON COLUMN funnel.adapter_kind.meaning IS 'what it reads';

CREATE TABLE funnel.adapter_source (
    kind text NOT NULL REFERENCES funnel.adapter_kind,
    "position" int NOT NULL,
    source text NOT NULL,
    is_required boolean NOT NULL,
    key text,
    meaning text NOT NULL,
    PRIMARY KEY (kind, source),
    UNIQUE (kind, "position")
);
COMMENT ON TABLE funnel.adapter_source IS 'the tables or views that an adapter of a kind reads';
COMMENT ON COLUMN funnel.adapter_source.kind IS 'the kind of adapter';
COMMENT ON COLUMN funnel.adapter_source."position" IS 'its place in lists; the first is the one meant where only one is given';
COMMENT ON COLUMN funnel.adapter_source.source IS 'its name in the argument sources';
COMMENT ON COLUMN funnel.adapter_source.is_required IS 'must it be given?';
COMMENT ON COLUMN funnel.adapter_source.key IS 'column of which it should have each value once; of several such rows the one modified last is read; NULL: none';
COMMENT ON COLUMN funnel.adapter_source.meaning IS 'what is in it';

CREATE TABLE funnel.adapter_column (
    kind text NOT NULL,
    source text NOT NULL,
    "column" text NOT NULL,
    type text NOT NULL CHECK (type IN ('key', 'link', 'ref', 'label', 'text', 'time', 'day', 'end', 'amount', 'flag', 'ids', 'order')),
    names text[] NOT NULL,
    is_required boolean NOT NULL,
    meaning text NOT NULL,
    PRIMARY KEY (kind, source, "column"),
    FOREIGN KEY (kind, source) REFERENCES funnel.adapter_source
);
COMMENT ON TABLE funnel.adapter_column IS 'the columns that an adapter of a kind reads';
COMMENT ON COLUMN funnel.adapter_column.kind IS 'the kind of adapter';
COMMENT ON COLUMN funnel.adapter_column.source IS 'the source that has the column';
COMMENT ON COLUMN funnel.adapter_column."column" IS 'what the adapter calls it';
COMMENT ON COLUMN funnel.adapter_column.type IS
    'what it is read as: key, link (a key that may be blank), ref (what names something else, as text), label, text, time, day (a day, also as midnight UTC), end (a time that may be open), amount, flag, ids (a list), order';
COMMENT ON COLUMN funnel.adapter_column.names IS
    'what sources call it, the most likely first, of a key before all the one that the key of an earlier source has; {field} is the option field. Case, underscores and a byte-order mark do not matter';
COMMENT ON COLUMN funnel.adapter_column.is_required IS 'must the source have it?';
COMMENT ON COLUMN funnel.adapter_column.meaning IS 'what it tells';

CREATE TABLE funnel.adapter_option (
    kind text NOT NULL,
    option text NOT NULL,
    type text NOT NULL CHECK (type IN ('text', 'names', 'flag', 'map')),
    default_value jsonb,
    allowed text[],
    required_with text,
    meaning text NOT NULL,
    PRIMARY KEY (kind, option)
);
COMMENT ON TABLE funnel.adapter_option IS 'what else can be said of an adapter in the argument columns of funnel.create_adapter()';
COMMENT ON COLUMN funnel.adapter_option.kind IS 'the kind of adapter; * for all of them';
COMMENT ON COLUMN funnel.adapter_option.option IS 'name of the option';
COMMENT ON COLUMN funnel.adapter_option.type IS 'what its value is: a text, names (one or an array of them), a flag, a map of names';
COMMENT ON COLUMN funnel.adapter_option.default_value IS 'its value where it is not given';
COMMENT ON COLUMN funnel.adapter_option.allowed IS 'the values that it can have; NULL: any';
COMMENT ON COLUMN funnel.adapter_option.required_with IS 'it must be given where this column is found; * for always';
COMMENT ON COLUMN funnel.adapter_option.meaning IS 'what it does';

CREATE TABLE funnel.adapter_part (
    kind text NOT NULL,
    part text NOT NULL,
    needs text[] NOT NULL DEFAULT '{}',
    query text NOT NULL,
    PRIMARY KEY (kind, part)
);
COMMENT ON TABLE funnel.adapter_part IS 'the parts of the queries of adapters; in braces stand other parts, sources and options';
COMMENT ON COLUMN funnel.adapter_part.kind IS 'the kind of adapter, or the vendor, or * for all of them';
COMMENT ON COLUMN funnel.adapter_part.part IS 'name of the part; a kind''s own comes before its vendor''s';
COMMENT ON COLUMN funnel.adapter_part.needs IS 'where none of these columns is there (merges: none that tells of merges), the part that is named so and :else is used; empty: always this one';
COMMENT ON COLUMN funnel.adapter_part.query IS 'a query, or a piece of one';

GRANT SELECT ON funnel.adapter_kind, funnel.adapter_source, funnel.adapter_column, funnel.adapter_option, funnel.adapter_part
    TO PUBLIC;
