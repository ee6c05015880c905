-- Looking into a cohort.

CREATE FUNCTION funnel.events(
    cohort funnel.cohort,
    OUT lead text, OUT kind text, OUT label text, OUT at timestamptz, OUT amount numeric, OUT ref text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_events' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 150000 ROWS 10000;
COMMENT ON FUNCTION funnel.events(funnel.cohort) IS 'the events of a cohort';

CREATE FUNCTION funnel.stays(
    cohort funnel.cohort,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT lead text, OUT stage text, OUT ref text, OUT entered_at timestamptz, OUT left_at timestamptz,
    OUT next_stage text, OUT days float8, OUT is_open boolean, OUT amount numeric
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_stays' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 200000 ROWS 10000;
COMMENT ON FUNCTION funnel.stays(funnel.cohort, tstzrange, timestamptz) IS 'the stays of leads in stages';

CREATE FUNCTION funnel.describe(
    cohort funnel.cohort,
    OUT leads bigint, OUT events bigint, OUT stages text[], OUT channels text[],
    OUT first_at timestamptz, OUT last_at timestamptz, OUT ignored bigint, OUT bytes bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_describe' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 2000 ROWS 1;
COMMENT ON FUNCTION funnel.describe(funnel.cohort) IS 'what a cohort holds, in one row';

-- Narrowing and rewriting: cohort in, cohort out.

CREATE FUNCTION funnel.entered(cohort funnel.cohort, stage text, period tstzrange) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_entered' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.entered(funnel.cohort, text, tstzrange) IS 'the leads whose first entry into the stage lies in the period';

CREATE FUNCTION funnel.reached(cohort funnel.cohort, stage text) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_reached' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.reached(funnel.cohort, text) IS 'the leads that ever entered the stage';

CREATE FUNCTION funnel.never_reached(cohort funnel.cohort, stage text) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_never_reached' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.never_reached(funnel.cohort, text) IS 'the leads that never entered the stage';

CREATE FUNCTION funnel.active(cohort funnel.cohort, period tstzrange) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_active' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.active(funnel.cohort, tstzrange) IS 'the leads with an event in the period';

CREATE FUNCTION funnel.only(cohort funnel.cohort, labels text[]) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_only' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.only(funnel.cohort, text[]) IS 'of the stage events those of these stages; all touches';

CREATE FUNCTION funnel.without(cohort funnel.cohort, labels text[]) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_without' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.without(funnel.cohort, text[]) IS 'of the stage events those not of these stages; all touches';

CREATE FUNCTION funnel.as_of(cohort funnel.cohort, at timestamptz) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_as_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.as_of(funnel.cohort, timestamptz) IS 'only events before then';

CREATE FUNCTION funnel.relabel(cohort funnel.cohort, labels jsonb) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_relabel' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 50000;
COMMENT ON FUNCTION funnel.relabel(funnel.cohort, jsonb) IS 'renames stages; those not named stay as they are';

CREATE FUNCTION funnel.in_order(cohort funnel.cohort, labels text[]) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_in_order' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 50000;
COMMENT ON FUNCTION funnel.in_order(funnel.cohort, text[]) IS 'ranks the stages, which orders events of one time';

CREATE FUNCTION funnel.deduplicate(cohort funnel.cohort) RETURNS funnel.cohort
    AS 'MODULE_PATHNAME', 'funnel_deduplicate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000;
COMMENT ON FUNCTION funnel.deduplicate(funnel.cohort) IS 'identical events once';
