-- What leads did, held against a pipeline. It reads the definition, so it is not IMMUTABLE.

CREATE FUNCTION funnel.conformance(
    cohort funnel.cohort,
    pipeline text,
    as_of timestamptz DEFAULT now(),
    OUT from_stage text, OUT to_stage text, OUT transitions bigint, OUT leads bigint, OUT example text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_conformance' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 20;
COMMENT ON FUNCTION funnel.conformance(funnel.cohort, text, timestamptz)
    IS 'the transitions of leads that the pipeline forbids';
