-- The ways of leads: which paths they take, what each did at the steps of a funnel, and whether one cohort converts
-- better than another.

CREATE FUNCTION funnel.variants(
    cohort funnel.cohort,
    most int DEFAULT 20,
    as_of timestamptz DEFAULT now(),
    OUT path text, OUT length int, OUT leads bigint, OUT share float8, OUT median_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_variants' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000 ROWS 20;
COMMENT ON FUNCTION funnel.variants(funnel.cohort, int, timestamptz)
    IS 'the paths that most leads take, stage by stage';

CREATE FUNCTION funnel.trace(
    cohort funnel.cohort,
    steps text[],
    within interval DEFAULT NULL,
    mode text DEFAULT 'ordered',
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT lead text, OUT step int, OUT stage text, OUT at timestamptz, OUT reached boolean, OUT why text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_trace' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 300000 ROWS 10000;
COMMENT ON FUNCTION funnel.trace(funnel.cohort, text[], interval, text, tstzrange, timestamptz)
    IS 'for each lead, which steps of a funnel it took and when, and why it did not take the next';

CREATE FUNCTION funnel.compare(
    a funnel.cohort,
    b funnel.cohort,
    from_stage text,
    to_stage text,
    within interval DEFAULT NULL,
    mode text DEFAULT 'ordered',
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT a_leads bigint, OUT a_converted bigint, OUT a_rate float8,
    OUT b_leads bigint, OUT b_converted bigint, OUT b_rate float8,
    OUT difference float8, OUT low float8, OUT high float8, OUT p_value float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_compare' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000 ROWS 1;
COMMENT ON FUNCTION funnel.compare(funnel.cohort, funnel.cohort, text, text, interval, text, tstzrange, timestamptz)
    IS 'does one cohort convert better than another: both rates, their difference, and how sure it is';
