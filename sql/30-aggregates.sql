-- From rows to a cohort, and from cohorts to one.
--
-- SSPACE is what a small group takes: some 550 bytes with three events of integer keys, 900 with ten, 7,000 with a hundred,
-- its entry in the hash table included. COST counts a transition with what becomes of the row afterwards, and the
-- others for a small group.

CREATE FUNCTION funnel.cohort_transfn(internal, "any", "any", timestamptz) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION funnel.cohort_transfn(internal, "any", "any", timestamptz, "any") RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION funnel.cohort_transfn(internal, "any", "any", timestamptz, "any", "any") RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION funnel.touches_transfn(internal, "any", "any", timestamptz) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION funnel.cohort_finalfn(internal) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
CREATE FUNCTION funnel.cohort_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300;
CREATE FUNCTION funnel.cohort_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION funnel.cohort_combinefn(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;

CREATE AGGREGATE funnel.cohort(lead "any", stage "any", at timestamptz) (
    SFUNC = funnel.cohort_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.cohort_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
CREATE AGGREGATE funnel.cohort(lead "any", stage "any", at timestamptz, amount "any") (
    SFUNC = funnel.cohort_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.cohort_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
CREATE AGGREGATE funnel.cohort(lead "any", stage "any", at timestamptz, amount "any", ref "any") (
    SFUNC = funnel.cohort_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.cohort_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
CREATE AGGREGATE funnel.touches(lead "any", channel "any", at timestamptz) (
    SFUNC = funnel.touches_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.cohort_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.cohort("any", "any", timestamptz) IS 'the cohort of rows (lead, stage, at)';
COMMENT ON AGGREGATE funnel.cohort("any", "any", timestamptz, "any") IS 'the cohort of rows (lead, stage, at, amount)';
COMMENT ON AGGREGATE funnel.cohort("any", "any", timestamptz, "any", "any") IS 'the cohort of rows (lead, stage, at, amount, ref)';
COMMENT ON AGGREGATE funnel.touches("any", "any", timestamptz) IS 'the cohort of rows (lead, channel, at)';

-- merge: cohorts to one, as an aggregate, a function and an operator. The state of the aggregate is itself a cohort,
-- so that a distributed database can pass it on.

CREATE FUNCTION funnel.merge_transfn(funnel.cohort, funnel.cohort) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
CREATE FUNCTION funnel.merge_finalfn(funnel.cohort) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40000;
CREATE AGGREGATE funnel.merge(funnel.cohort) (
    SFUNC = funnel.merge_transfn, STYPE = funnel.cohort, SSPACE = 8192,
    FINALFUNC = funnel.merge_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.merge_transfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.merge(funnel.cohort) IS 'all events of several cohorts';

CREATE FUNCTION funnel.merge(a funnel.cohort, b funnel.cohort) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'cohort_merge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40000;
COMMENT ON FUNCTION funnel.merge(funnel.cohort, funnel.cohort) IS 'all events of both cohorts';
CREATE OPERATOR funnel.|| (
    FUNCTION = funnel.merge,
    LEFTARG = funnel.cohort,
    RIGHTARG = funnel.cohort,
    COMMUTATOR = OPERATOR(funnel.||)
);

-- For the project's tests: rows that went through a transition in this session; NULL unless built with asserts.
CREATE FUNCTION funnel._transitions() RETURNS bigint
    AS 'MODULE_PATHNAME', 'debug_transitions' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
