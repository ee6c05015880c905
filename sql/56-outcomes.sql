-- What becomes of leads, while some are still open.

CREATE FUNCTION funnel.outcomes(
    cohort funnel.cohort,
    from_stage text,
    outcomes text[],
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    since timestamptz DEFAULT NULL,
    OUT elapsed_days float8, OUT outcome text, OUT at_risk bigint, OUT events bigint,
    OUT probability float8, OUT se float8, OUT low float8, OUT high float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_outcomes' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 1000;
COMMENT ON FUNCTION funnel.outcomes(funnel.cohort, text, text[], tstzrange, timestamptz, timestamptz)
    IS 'how probable each of several outcomes is, by the time since leads entered a stage';

CREATE FUNCTION funnel.conversion_at(
    cohort funnel.cohort,
    from_stage text,
    to_stage text,
    elapsed interval,
    exits text[] DEFAULT '{}',
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now()
) RETURNS float8
    AS 'MODULE_PATHNAME', 'funnel_conversion_at' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000;
COMMENT ON FUNCTION funnel.conversion_at(funnel.cohort, text, text, interval, text[], tstzrange, timestamptz)
    IS 'probability that a lead converts within so long, leads that are still open rightly counted';
