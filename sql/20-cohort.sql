-- The cohort: a bag of leads' events, kept packed and sorted.

CREATE TYPE funnel.cohort;

CREATE FUNCTION funnel.cohort_in(cstring) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION funnel.cohort_out(funnel.cohort) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION funnel.cohort_recv(internal) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION funnel.cohort_send(funnel.cohort) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- External storage: it is packed already, and compression would only cost time.
CREATE TYPE funnel.cohort (
    INPUT = funnel.cohort_in,
    OUTPUT = funnel.cohort_out,
    RECEIVE = funnel.cohort_recv,
    SEND = funnel.cohort_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE funnel.cohort IS 'a bag of leads'' events: stages they entered and touches they had';

-- What the planner is told of functions of a cohort. The COST of such a function is that for a cohort of 10,000 events, 1
-- being some 10 nanoseconds.
CREATE FUNCTION funnel.cohort_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Equality: the same bag of events (the count of ignored rows is no part of it).

CREATE FUNCTION funnel.cohort_eq(funnel.cohort, funnel.cohort) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 SUPPORT funnel.comparison_support;
CREATE FUNCTION funnel.cohort_ne(funnel.cohort, funnel.cohort) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 SUPPORT funnel.comparison_support;
CREATE FUNCTION funnel.cohort_hash(funnel.cohort) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
CREATE FUNCTION funnel.cohort_hash_extended(funnel.cohort, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

CREATE OPERATOR funnel.= (
    FUNCTION = funnel.cohort_eq,
    LEFTARG = funnel.cohort,
    RIGHTARG = funnel.cohort,
    COMMUTATOR = OPERATOR(funnel.=),
    NEGATOR = OPERATOR(funnel.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
CREATE OPERATOR funnel.<> (
    FUNCTION = funnel.cohort_ne,
    LEFTARG = funnel.cohort,
    RIGHTARG = funnel.cohort,
    COMMUTATOR = OPERATOR(funnel.<>),
    NEGATOR = OPERATOR(funnel.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
CREATE OPERATOR CLASS funnel.cohort_hash_ops
    DEFAULT FOR TYPE funnel.cohort USING hash AS
        OPERATOR 1 funnel.= (funnel.cohort, funnel.cohort),
        FUNCTION 1 funnel.cohort_hash(funnel.cohort),
        FUNCTION 2 funnel.cohort_hash_extended(funnel.cohort, bigint);

-- A lead's number among n shards, for histories that one value cannot hold.
CREATE FUNCTION funnel.cohort_shard(lead "any", n int) RETURNS int
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION funnel.cohort_shard("any", int) IS 'which of n shards a lead belongs to: 0 to n - 1, the same for every spelling of the key';
