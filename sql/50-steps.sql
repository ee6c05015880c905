-- The step funnel.

CREATE FUNCTION funnel.steps(
    cohort funnel.cohort,
    steps text[],
    within interval DEFAULT NULL,
    mode text DEFAULT 'ordered',
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT step int, OUT stage text, OUT leads bigint, OUT ever bigint, OUT amount numeric,
    OUT from_previous float8, OUT from_first float8, OUT low float8, OUT high float8,
    OUT pending bigint, OUT mature_leads bigint, OUT mature_rate float8,
    OUT mean_days float8, OUT median_days float8, OUT p90_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 5;
COMMENT ON FUNCTION funnel.steps(funnel.cohort, text[], interval, text, tstzrange, timestamptz)
    IS 'how many leads take each step of a funnel, and how fast';

CREATE FUNCTION funnel.conversion_rate(
    cohort funnel.cohort,
    from_stage text,
    to_stage text,
    within interval DEFAULT NULL,
    mode text DEFAULT 'ordered',
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now()
) RETURNS float8
    AS 'MODULE_PATHNAME', 'funnel_conversion_rate' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000;
COMMENT ON FUNCTION funnel.conversion_rate(funnel.cohort, text, text, interval, text, tstzrange, timestamptz)
    IS 'share of the leads in one stage that go on to another';

CREATE FUNCTION funnel.velocity(
    cohort funnel.cohort,
    from_stage text,
    to_stage text,
    quantile float8 DEFAULT NULL,
    within interval DEFAULT NULL,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    calendar text DEFAULT NULL
) RETURNS float8
    AS 'MODULE_PATHNAME', 'funnel_velocity' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000;
COMMENT ON FUNCTION funnel.velocity(funnel.cohort, text, text, float8, interval, tstzrange, timestamptz, text)
    IS 'days from one stage to another: the mean, or a quantile';

-- The same straight from rows. With equal arguments they share one state in a query.

CREATE FUNCTION funnel.rows_transfn(internal, "any", "any", timestamptz, text, text) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION funnel.conversion_rate_finalfn(internal) RETURNS float8
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE COST 300;
CREATE FUNCTION funnel.velocity_finalfn(internal) RETURNS float8
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE COST 300;

CREATE AGGREGATE funnel.conversion_rate(lead "any", stage "any", at timestamptz, from_stage text, to_stage text) (
    SFUNC = funnel.rows_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.conversion_rate_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.conversion_rate("any", "any", timestamptz, text, text)
    IS 'share of the leads in one stage that go on to another, straight from rows (lead, stage, at)';

CREATE AGGREGATE funnel.velocity(lead "any", stage "any", at timestamptz, from_stage text, to_stage text) (
    SFUNC = funnel.rows_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.velocity_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.velocity("any", "any", timestamptz, text, text)
    IS 'mean days from one stage to another, straight from rows (lead, stage, at)';
