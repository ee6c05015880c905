-- Attribution: which touches led to conversions, and what each has earned.

CREATE FUNCTION funnel.attribution(
    cohort funnel.cohort,
    conversion text,
    model text DEFAULT 'linear',
    milestones text[] DEFAULT '{}',
    channels text[] DEFAULT NULL,
    lookback interval DEFAULT NULL,
    half_life interval DEFAULT '7 days',
    model_order int DEFAULT 1,
    include_null boolean DEFAULT true,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT channel text, OUT conversions float8, OUT amount numeric, OUT share float8,
    OUT influenced bigint, OUT influenced_amount numeric, OUT removal_effect float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_attribution' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 20;
COMMENT ON FUNCTION funnel.attribution(funnel.cohort, text, text, text[], text[], interval, interval, int, boolean, tstzrange, timestamptz)
    IS 'what each channel has earned of the conversions, by a model';

CREATE FUNCTION funnel.credits(
    cohort funnel.cohort,
    conversion text,
    model text DEFAULT 'linear',
    milestones text[] DEFAULT '{}',
    channels text[] DEFAULT NULL,
    lookback interval DEFAULT NULL,
    half_life interval DEFAULT '7 days',
    model_order int DEFAULT 1,
    include_null boolean DEFAULT true,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT lead text, OUT ref text, OUT converted_at timestamptz, OUT amount numeric,
    OUT "position" int, OUT channel text, OUT touched_at timestamptz, OUT credit float8, OUT credited_amount numeric
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_credits' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 80000 ROWS 10000;
COMMENT ON FUNCTION funnel.credits(funnel.cohort, text, text, text[], text[], interval, interval, int, boolean, tstzrange, timestamptz)
    IS 'for each conversion, what each of its touches has earned, by a model';

CREATE FUNCTION funnel.attribution_model(
    first float8 DEFAULT 0,
    last float8 DEFAULT 0,
    middle float8 DEFAULT 0,
    milestones float8[] DEFAULT '{}',
    no_middle text DEFAULT 'normalize',
    missing text DEFAULT 'drop',
    scope text DEFAULT 'between'
) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION funnel.attribution_model(float8, float8, float8, float8[], text, text, text)
    IS 'a model of attribution with weights of one''s own';

CREATE FUNCTION funnel.credit(
    model text,
    touched_at timestamptz,
    converted_at timestamptz,
    milestones jsonb DEFAULT NULL,
    half_life interval DEFAULT '7 days'
) RETURNS float8
    AS 'MODULE_PATHNAME', 'funnel_credit' LANGUAGE C STABLE PARALLEL SAFE WINDOW;
COMMENT ON FUNCTION funnel.credit(text, timestamptz, timestamptz, jsonb, interval)
    IS 'window function: what a touch has earned of the conversion that the partition is';

CREATE FUNCTION funnel.sourced(
    cohort funnel.cohort,
    conversion text,
    marketing text[],
    sales text[],
    as_of timestamptz DEFAULT now(),
    period tstzrange DEFAULT NULL,
    lookback interval DEFAULT NULL,
    OUT team text, OUT sourced bigint, OUT sourced_amount numeric, OUT sourced_share float8,
    OUT influenced bigint, OUT influenced_amount numeric, OUT assisted bigint, OUT assisted_amount numeric
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_sourced' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 4;
COMMENT ON FUNCTION funnel.sourced(funnel.cohort, text, text[], text[], timestamptz, tstzrange, interval)
    IS 'which team touched the conversions first, and which had a part in them';

CREATE FUNCTION funnel.touch_paths(
    cohort funnel.cohort,
    conversion text,
    channels text[] DEFAULT NULL,
    lookback interval DEFAULT NULL,
    most int DEFAULT 20,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    OUT path text, OUT length int, OUT conversions bigint, OUT amount numeric, OUT non_converting bigint, OUT rate float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_touch_paths' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 40000 ROWS 20;
COMMENT ON FUNCTION funnel.touch_paths(funnel.cohort, text, text[], interval, int, tstzrange, timestamptz)
    IS 'the sequences of channels that lead to most conversions';
