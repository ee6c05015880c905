
-- funnel.lead_stage: the B2B lead waterfall, one byte by value.

CREATE TYPE funnel.lead_stage;

CREATE FUNCTION funnel.lead_stage_in(cstring) RETURNS funnel.lead_stage
    AS 'MODULE_PATHNAME', 'lead_stage_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION funnel.lead_stage_out(funnel.lead_stage) RETURNS cstring
    AS 'MODULE_PATHNAME', 'lead_stage_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION funnel.lead_stage_recv(internal) RETURNS funnel.lead_stage
    AS 'MODULE_PATHNAME', 'lead_stage_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION funnel.lead_stage_send(funnel.lead_stage) RETURNS bytea
    AS 'MODULE_PATHNAME', 'lead_stage_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE funnel.lead_stage (
    INPUT = funnel.lead_stage_in,
    OUTPUT = funnel.lead_stage_out,
    RECEIVE = funnel.lead_stage_recv,
    SEND = funnel.lead_stage_send,
    INTERNALLENGTH = 1,
    PASSEDBYVALUE,
    ALIGNMENT = char,
    STORAGE = plain
);
COMMENT ON TYPE funnel.lead_stage IS
    'stage of a lead: inquiry < mql < sal < sql < opportunity < won < lost < disqualified < recycled';

-- What a stage means. LEAKPROOF where the function answers for every value and can never raise an error.

CREATE FUNCTION funnel.label(funnel.lead_stage) RETURNS text
    AS 'MODULE_PATHNAME', 'lead_stage_to_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.label(funnel.lead_stage) IS 'canonical label of a stage';

CREATE FUNCTION funnel.lead_stage(text) RETURNS funnel.lead_stage
    AS 'MODULE_PATHNAME', 'lead_stage_from_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.lead_stage(text) IS 'the stage that the text spells, or an error';

CREATE FUNCTION funnel.try_lead_stage(text) RETURNS funnel.lead_stage
    AS 'MODULE_PATHNAME', 'try_lead_stage'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.try_lead_stage(text) IS 'the stage that the text spells, or NULL';

CREATE FUNCTION funnel.lead_stage_spellings(OUT spelling text, OUT stage funnel.lead_stage)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'lead_stage_spellings'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 115;
COMMENT ON FUNCTION funnel.lead_stage_spellings() IS 'every spelling that input reads as a stage';

CREATE FUNCTION funnel.progress(funnel.lead_stage) RETURNS integer
    AS 'MODULE_PATHNAME', 'lead_stage_progress'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION funnel.progress(funnel.lead_stage) IS
    'steps along the waterfall: 1 for inquiry to 6 for won; NULL for lost, disqualified and recycled';

-- How many rows have such a stage.
CREATE FUNCTION funnel.lead_stage_test_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION funnel.is_open(funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_is_open'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.lead_stage_test_support;
COMMENT ON FUNCTION funnel.is_open(funnel.lead_stage) IS
    'can the lead still be won: true but for won, lost and disqualified';

CREATE FUNCTION funnel.is_won(funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_is_won'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.lead_stage_test_support;
COMMENT ON FUNCTION funnel.is_won(funnel.lead_stage) IS 'is the stage won';

-- Casts. None is implicit: an implicit one to text would silently compare alphabetically.

CREATE CAST (text AS funnel.lead_stage)
    WITH FUNCTION funnel.lead_stage(text) AS ASSIGNMENT;
CREATE CAST (varchar AS funnel.lead_stage)
    WITH FUNCTION funnel.lead_stage(text) AS ASSIGNMENT;
CREATE CAST (funnel.lead_stage AS text)
    WITH FUNCTION funnel.label(funnel.lead_stage) AS ASSIGNMENT;
CREATE CAST (funnel.lead_stage AS varchar)
    WITH FUNCTION funnel.label(funnel.lead_stage) AS ASSIGNMENT;

-- Comparison. The support function plans a call of these functions as the operator it belongs to.

CREATE FUNCTION funnel.comparison_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION funnel.lead_stage_eq(funnel.lead_stage, funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.comparison_support;

CREATE FUNCTION funnel.lead_stage_ne(funnel.lead_stage, funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.comparison_support;

CREATE FUNCTION funnel.lead_stage_lt(funnel.lead_stage, funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_lt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.comparison_support;

CREATE FUNCTION funnel.lead_stage_le(funnel.lead_stage, funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_le'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.comparison_support;

CREATE FUNCTION funnel.lead_stage_gt(funnel.lead_stage, funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_gt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.comparison_support;

CREATE FUNCTION funnel.lead_stage_ge(funnel.lead_stage, funnel.lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_ge'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SUPPORT funnel.comparison_support;

CREATE FUNCTION funnel.lead_stage_cmp(funnel.lead_stage, funnel.lead_stage) RETURNS integer
    AS 'MODULE_PATHNAME', 'lead_stage_cmp'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

CREATE FUNCTION funnel.lead_stage_sortsupport(internal) RETURNS void
    AS 'MODULE_PATHNAME', 'lead_stage_sortsupport'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION funnel.lead_stage_hash(funnel.lead_stage) RETURNS integer
    AS 'MODULE_PATHNAME', 'lead_stage_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

CREATE FUNCTION funnel.lead_stage_hash_extended(funnel.lead_stage, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'lead_stage_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

CREATE OPERATOR funnel.= (
    FUNCTION = funnel.lead_stage_eq,
    LEFTARG = funnel.lead_stage,
    RIGHTARG = funnel.lead_stage,
    COMMUTATOR = OPERATOR(funnel.=),
    NEGATOR = OPERATOR(funnel.<>),
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES,
    MERGES
);

CREATE OPERATOR funnel.<> (
    FUNCTION = funnel.lead_stage_ne,
    LEFTARG = funnel.lead_stage,
    RIGHTARG = funnel.lead_stage,
    COMMUTATOR = OPERATOR(funnel.<>),
    NEGATOR = OPERATOR(funnel.=),
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

CREATE OPERATOR funnel.< (
    FUNCTION = funnel.lead_stage_lt,
    LEFTARG = funnel.lead_stage,
    RIGHTARG = funnel.lead_stage,
    COMMUTATOR = OPERATOR(funnel.>),
    NEGATOR = OPERATOR(funnel.>=),
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);

CREATE OPERATOR funnel.<= (
    FUNCTION = funnel.lead_stage_le,
    LEFTARG = funnel.lead_stage,
    RIGHTARG = funnel.lead_stage,
    COMMUTATOR = OPERATOR(funnel.>=),
    NEGATOR = OPERATOR(funnel.>),
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);

CREATE OPERATOR funnel.> (
    FUNCTION = funnel.lead_stage_gt,
    LEFTARG = funnel.lead_stage,
    RIGHTARG = funnel.lead_stage,
    COMMUTATOR = OPERATOR(funnel.<),
    NEGATOR = OPERATOR(funnel.<=),
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);

CREATE OPERATOR funnel.>= (
    FUNCTION = funnel.lead_stage_ge,
    LEFTARG = funnel.lead_stage,
    RIGHTARG = funnel.lead_stage,
    COMMUTATOR = OPERATOR(funnel.<=),
    NEGATOR = OPERATOR(funnel.<),
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);

CREATE OPERATOR CLASS funnel.lead_stage_ops
    DEFAULT FOR TYPE funnel.lead_stage USING btree AS
    OPERATOR 1 funnel.<,
    OPERATOR 2 funnel.<=,
    OPERATOR 3 funnel.=,
    OPERATOR 4 funnel.>=,
    OPERATOR 5 funnel.>,
    FUNCTION 1 funnel.lead_stage_cmp(funnel.lead_stage, funnel.lead_stage),
    FUNCTION 2 funnel.lead_stage_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);

CREATE OPERATOR CLASS funnel.lead_stage_ops
    DEFAULT FOR TYPE funnel.lead_stage USING hash AS
    OPERATOR 1 funnel.=,
    FUNCTION 1 funnel.lead_stage_hash(funnel.lead_stage),
    FUNCTION 2 funnel.lead_stage_hash_extended(funnel.lead_stage, bigint);

-- The earliest and the latest stage.

CREATE FUNCTION funnel.lead_stage_smaller(funnel.lead_stage, funnel.lead_stage) RETURNS funnel.lead_stage
    AS 'MODULE_PATHNAME', 'lead_stage_smaller'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

CREATE FUNCTION funnel.lead_stage_larger(funnel.lead_stage, funnel.lead_stage) RETURNS funnel.lead_stage
    AS 'MODULE_PATHNAME', 'lead_stage_larger'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

CREATE AGGREGATE funnel.min(funnel.lead_stage) (
    SFUNC = funnel.lead_stage_smaller,
    STYPE = funnel.lead_stage,
    COMBINEFUNC = funnel.lead_stage_smaller,
    SORTOP = operator(funnel.<),
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.min(funnel.lead_stage) IS 'earliest stage in the order of the waterfall';

CREATE AGGREGATE funnel.max(funnel.lead_stage) (
    SFUNC = funnel.lead_stage_larger,
    STYPE = funnel.lead_stage,
    COMBINEFUNC = funnel.lead_stage_larger,
    SORTOP = operator(funnel.>),
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.max(funnel.lead_stage) IS 'latest stage in the order of the waterfall';
