-- Stages: how long leads stay in them, where they go, where they sit now, and whether that is too long. What takes a
-- calendar or a pipeline reads tables, and is not IMMUTABLE.

CREATE FUNCTION funnel.stages(
    cohort funnel.cohort,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    calendar text DEFAULT NULL,
    OUT stage text, OUT leads bigint, OUT entries bigint, OUT current bigint,
    OUT mean_days float8, OUT median_days float8, OUT p90_days float8,
    OUT mean_age_days float8, OUT median_age_days float8, OUT p90_age_days float8, OUT oldest_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_stages' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 10;
COMMENT ON FUNCTION funnel.stages(funnel.cohort, tstzrange, timestamptz, text)
    IS 'each stage: who came, who is there, and how long they stay';

CREATE FUNCTION funnel.transitions(
    cohort funnel.cohort,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT from_stage text, OUT to_stage text, OUT transitions bigint, OUT leads bigint,
    OUT mean_days float8, OUT median_days float8, OUT p90_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_transitions' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 30;
COMMENT ON FUNCTION funnel.transitions(funnel.cohort, tstzrange, timestamptz)
    IS 'where leads go from each stage, how many, and after how long';

CREATE FUNCTION funnel.aging(
    cohort funnel.cohort,
    bounds interval[] DEFAULT '{7 days,30 days,90 days}',
    exits text[] DEFAULT '{won,lost,disqualified}',
    as_of timestamptz DEFAULT now(),
    OUT stage text, OUT bucket int, OUT at_least_days float8, OUT below_days float8, OUT leads bigint, OUT share float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_aging' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 40;
COMMENT ON FUNCTION funnel.aging(funnel.cohort, interval[], text[], timestamptz)
    IS 'how long open leads have been in the stage they are in, in buckets';

CREATE FUNCTION funnel.sla(
    cohort funnel.cohort,
    stage text,
    allowed interval,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    calendar text DEFAULT NULL,
    OUT entries bigint, OUT met bigint, OUT breached bigint, OUT pending bigint, OUT compliance float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_sla' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 1;
COMMENT ON FUNCTION funnel.sla(funnel.cohort, text, interval, tstzrange, timestamptz, text)
    IS 'how many stays in a stage were within the time allowed';

CREATE FUNCTION funnel.sla_report(
    cohort funnel.cohort,
    pipeline text,
    as_of timestamptz DEFAULT now(),
    calendar text DEFAULT NULL,
    OUT stage text, OUT owner text, OUT sla interval,
    OUT entries bigint, OUT met bigint, OUT breached bigint, OUT pending bigint, OUT compliance float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_sla_report' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 10;
COMMENT ON FUNCTION funnel.sla_report(funnel.cohort, text, timestamptz, text)
    IS 'how the stages of a pipeline keep their SLAs';

CREATE FUNCTION funnel.stale(
    cohort funnel.cohort,
    pipeline text,
    as_of timestamptz DEFAULT now(),
    calendar text DEFAULT NULL,
    OUT lead text, OUT stage text, OUT owner text, OUT entered_at timestamptz,
    OUT days float8, OUT allowed_days float8, OUT over_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_stale' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 1000;
COMMENT ON FUNCTION funnel.stale(funnel.cohort, text, timestamptz, text)
    IS 'the leads that are in a stage of the pipeline for longer than its SLA allows, longest first';

-- Straight from rows.

CREATE FUNCTION funnel.aging_transfn(internal, "any", "any", timestamptz, text, timestamptz) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
CREATE FUNCTION funnel.aging_finalfn(internal) RETURNS float8
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
CREATE AGGREGATE funnel.aging(lead "any", stage "any", at timestamptz, in_stage text, as_of timestamptz) (
    SFUNC = funnel.aging_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = funnel.aging_finalfn, FINALFUNC_MODIFY = READ_ONLY,
    COMBINEFUNC = funnel.cohort_combinefn,
    SERIALFUNC = funnel.cohort_serialfn, DESERIALFUNC = funnel.cohort_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel.aging("any", "any", timestamptz, text, timestamptz)
    IS 'mean age in days of the leads that are in the stage, straight from rows (lead, stage, at)';
