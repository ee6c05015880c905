-- What open leads will bring, and how many more it takes.

-- The parts in C. Arguments have been checked by those that call them.

CREATE FUNCTION funnel.forecast_sums(
    open_leads funnel.cohort, history funnel.cohort, stages text[], won text[], horizon interval, as_of timestamptz,
    period tstzrange, counted tstzrange, confidence float8,
    OUT stage text, OUT leads bigint, OUT unjudged bigint, OUT mean_age_days float8, OUT open_amount numeric,
    OUT wins float8, OUT wins_low float8, OUT wins_high float8,
    OUT amount float8, OUT amount_low float8, OUT amount_high float8,
    OUT wins_moments float8[], OUT amount_moments float8[],
    OUT counted_wins bigint, OUT counted_amount numeric, OUT worth float8[]
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_forecast_sums' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 10000 ROWS 10;
COMMENT ON FUNCTION funnel.forecast_sums(funnel.cohort, funnel.cohort, text[], text[], interval, timestamptz, tstzrange, tstzrange, float8)
    IS 'what the open leads of each stage will bring, and of all; serves forecast() and required_leads()';

CREATE FUNCTION funnel.forecast_chances(
    open_leads funnel.cohort, history funnel.cohort, stages text[], won text[], horizon interval, as_of timestamptz,
    period tstzrange,
    OUT lead text, OUT ref text, OUT stage text, OUT entered_at timestamptz, OUT age_days float8, OUT amount numeric,
    OUT probability float8, OUT rests_on bigint, OUT expected float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_forecast_chances' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 10000 ROWS 1000;
COMMENT ON FUNCTION funnel.forecast_chances(funnel.cohort, funnel.cohort, text[], text[], interval, timestamptz, tstzrange)
    IS 'the chances of open leads; serves forecast_leads()';

CREATE FUNCTION funnel.step_chances(
    cohort funnel.cohort, steps text[], within interval, as_of timestamptz, confidence float8,
    OUT step int, OUT stage text, OUT entered bigint, OUT rate float8, OUT known float8,
    OUT rate_in_time float8, OUT days float8, OUT known_in_time float8, OUT longest_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_step_chances' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 10000 ROWS 5;
COMMENT ON FUNCTION funnel.step_chances(funnel.cohort, text[], interval, timestamptz, float8)
    IS 'what share of the leads of each step comes to the last one, and after how long; serves required_leads()';

CREATE FUNCTION funnel.leads_that_suffice(
    target float8, confidence float8, rate float8, known float8, open_wins float8[], open_amount float8[], worth float8[]
) RETURNS bigint
    AS 'MODULE_PATHNAME', 'funnel_leads_that_suffice' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION funnel.leads_that_suffice(float8, float8, float8, float8, float8[], float8[], float8[])
    IS 'the least number of leads that brings a target with some confidence; serves required_leads()';

CREATE FUNCTION funnel.require_confidence(confidence float8) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF confidence IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "confidence" must not be null',
            HINT = 'Say how sure it is to be, as in 0.9.';
    ELSIF NOT (confidence > 0 AND confidence < 1) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "confidence" must be between 0 and 1',
            DETAIL = format('It is %s.', confidence),
            HINT = 'Say how sure it is to be, as in 0.9; nothing is certain.';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.require_confidence(float8) IS 'raise an error unless it is between 0 and 1';

CREATE FUNCTION funnel.require_finite(argument text, value timestamptz) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('argument "%s" must not be null', argument),
            HINT = 'Give a time, as in now().';
    ELSIF NOT isfinite(value) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must be finite', argument),
            HINT = 'Give a time, as in now().';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.require_finite(text, timestamptz) IS 'raise an error unless it is a time';

-- The stages of a pipeline as a forecast sees them: those in which leads may be won, which are the open ones and those
-- of the cohort that the pipeline does not know, and those in which they are.
CREATE FUNCTION funnel.forecast_stages(cohort funnel.cohort, pipeline text, horizon interval, as_of timestamptz,
                                       OUT stages text[], OUT won text[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM funnel.require_pipeline(forecast_stages.pipeline), funnel.require_finite('as_of'::text, forecast_stages.as_of);
    IF horizon IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "horizon" must not be null',
            HINT = 'Say for how long to look ahead, as in ''90 days''.';
    ELSIF horizon < interval '0' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "horizon" must not be negative',
            DETAIL = format('It is %s.', horizon),
            HINT = 'Say for how long to look ahead, as in ''90 days''.';
    END IF;
    SELECT array_agg(s.stage ORDER BY s."position") INTO won
      FROM funnel.stage AS s WHERE s.pipeline = forecast_stages.pipeline AND s.kind = 'won';
    IF won IS NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('pipeline "%s" has no stage of kind won', forecast_stages.pipeline),
            HINT = 'Set the kind of the stage of customers in funnel.stage.';
    END IF;
    SELECT coalesce(array_agg(u.stage ORDER BY u."position", u.stage COLLATE "C"), '{}') INTO stages
      FROM (SELECT s.stage, s."position" FROM funnel.stage AS s
             WHERE s.pipeline = forecast_stages.pipeline AND s.kind = 'open'
            UNION ALL
            SELECT d, NULL FROM funnel.describe(forecast_stages.cohort), unnest(describe.stages) AS d
             WHERE NOT EXISTS (SELECT FROM funnel.stage AS s
                                WHERE s.pipeline = forecast_stages.pipeline AND s.stage = d)) AS u;
END
$$;
COMMENT ON FUNCTION funnel.forecast_stages(funnel.cohort, text, interval, timestamptz)
    IS 'the stages of a pipeline in which leads may be won, and are; checks the arguments of forecasts';

CREATE FUNCTION funnel.forecast_leads(
    cohort funnel.cohort,
    pipeline text,
    horizon interval,
    as_of timestamptz DEFAULT now(),
    history funnel.cohort DEFAULT NULL,
    period tstzrange DEFAULT NULL
) RETURNS TABLE (lead text, ref text, stage text, entered_at timestamptz, age_days float8, amount numeric,
                 probability float8, rests_on bigint, expected_amount numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    names record;
BEGIN
    IF cohort IS NULL THEN
        RETURN;
    END IF;
    names := funnel.forecast_stages(forecast_leads.cohort, forecast_leads.pipeline, horizon, as_of);
    RETURN QUERY
    SELECT c.lead, c.ref, c.stage, c.entered_at, c.age_days, c.amount, c.probability, c.rests_on,
           round(c.expected::numeric, 2)
      FROM funnel.forecast_chances(forecast_leads.cohort, coalesce(history, forecast_leads.cohort), names.stages, names.won,
                                   horizon, as_of, period) AS c
     ORDER BY c.probability DESC NULLS LAST, c.expected DESC NULLS LAST, c.lead COLLATE "C";
END
$$;
COMMENT ON FUNCTION funnel.forecast_leads(funnel.cohort, text, interval, timestamptz, funnel.cohort, tstzrange)
    IS 'how probable it is of each open lead that it is won within the horizon, most probable first';

CREATE FUNCTION funnel.forecast(
    cohort funnel.cohort,
    pipeline text,
    horizon interval,
    as_of timestamptz DEFAULT now(),
    history funnel.cohort DEFAULT NULL,
    period tstzrange DEFAULT NULL,
    confidence float8 DEFAULT 0.9
) RETURNS TABLE (stage text, owner text, unit text, leads bigint, unjudged bigint, open numeric, expected numeric,
                 low numeric, high numeric, so_far numeric, target numeric, coverage float8)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    names record;
    ends timestamptz;
    goal_period tstzrange;
    goal_deals numeric;
    goal_amount numeric;
BEGIN
    IF cohort IS NULL THEN
        RETURN;
    END IF;
    names := funnel.forecast_stages(forecast.cohort, forecast.pipeline, horizon, as_of);
    PERFORM funnel.require_confidence(confidence);

    -- Of the targets for now, those whose period ends most nearly with the horizon, which may be longer than there are
    -- times.
    ends := as_of + least(horizon, timestamptz '200000-01-01' - as_of);
    SELECT t.period, t.deals, t.amount INTO goal_period, goal_deals, goal_amount
      FROM (SELECT g.period, min(g.value) FILTER (WHERE g.kpi = 'won_deals') AS deals,
                   min(g.value) FILTER (WHERE g.kpi = 'revenue') AS amount
              FROM funnel.target AS g
             WHERE g.pipeline = forecast.pipeline AND g.kpi IN ('won_deals', 'revenue') AND g.stage IS NULL
               AND g.period @> forecast.as_of AND isfinite(upper(g.period))
             GROUP BY g.period) AS t
     ORDER BY abs(extract(epoch FROM upper(t.period)) - extract(epoch FROM ends)),
              t.period DESC
     LIMIT 1;

    RETURN QUERY
    WITH sums AS MATERIALIZED (
        SELECT f.*, row_number() OVER () AS nth
          FROM funnel.forecast_sums(forecast.cohort, coalesce(history, forecast.cohort), names.stages, names.won,
                                    horizon, as_of, period, goal_period, confidence) AS f)
    SELECT s.stage,
           (SELECT p.owner FROM funnel.stage AS p WHERE p.pipeline = forecast.pipeline AND p.stage = s.stage),
           v.unit, s.leads, s.unjudged, v.open, v.expected, v.low, v.high, v.so_far, v.target,
           funnel.figure((coalesce(v.so_far, 0) + v.expected) / nullif(v.target, 0))
      FROM sums AS s,
           LATERAL (VALUES (1, 'deals', s.leads::numeric, round(s.wins::numeric, 2), s.wins_low::numeric, s.wins_high::numeric,
                            s.counted_wins::numeric, CASE WHEN s.stage IS NULL THEN goal_deals END),
                           (2, 'amount', s.open_amount, round(s.amount::numeric, 2), round(s.amount_low::numeric, 2),
                            round(s.amount_high::numeric, 2), s.counted_amount, CASE WHEN s.stage IS NULL THEN goal_amount END))
               AS v(nth, unit, open, expected, low, high, so_far, target)
     ORDER BY s.nth, v.nth;
END
$$;
COMMENT ON FUNCTION funnel.forecast(funnel.cohort, text, interval, timestamptz, funnel.cohort, tstzrange, float8)
    IS 'what today''s open leads will bring within the horizon, by stage and in all, with an interval, and against the target';

CREATE FUNCTION funnel.required_leads(
    cohort funnel.cohort,
    steps text[],
    target numeric,
    unit text DEFAULT 'deals',
    within interval DEFAULT NULL,
    confidence float8 DEFAULT 0.9,
    due timestamptz DEFAULT NULL,
    open_leads funnel.cohort DEFAULT NULL,
    as_of timestamptz DEFAULT now()
) RETURNS TABLE (step int, stage text, entered bigint, rate float8, days float8, needed_by timestamptz,
                 from_open numeric, leads_expected bigint, leads_needed bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    n CONSTANT int := cardinality(steps);
    twice text;
    all_entered bigint[];       -- by step
    all_rates float8[];
    all_known float8[];
    all_days float8[];
    longest float8;
    brings record;
    brought float8;
    open_wins float8[] := '{0,0,0}';
    open_amount float8[] := '{0,0,0,0}';
    worth float8[];
    value float8 := 1;          -- of a lead that is won
BEGIN
    IF cohort IS NULL THEN
        RETURN;
    END IF;
    PERFORM funnel.require_names('steps'::text, steps), funnel.require_finite('as_of'::text, required_leads.as_of),
            funnel.require_confidence(confidence); steps := ARRAY(SELECT s FROM unnest(steps) WITH ORDINALITY AS u(s, i) ORDER BY i);
    SELECT s INTO twice FROM unnest(steps) WITH ORDINALITY AS u(s, i) GROUP BY s HAVING count(*) > 1 ORDER BY min(i) LIMIT 1;
    IF n < 2 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "steps" must have at least two elements',
            HINT = 'Give the stages in order; the last is the one to reach, as in ''{mql,sal,won}''.';
    ELSIF twice IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('stage "%s" is given twice', twice),
            HINT = 'Name each step once.';
    ELSIF target IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "target" must not be null',
            HINT = 'Say how many deals, or what amount, are to be reached.';
    ELSIF NOT (target > 0 AND target < 'NaN') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "target" must be positive',
            DETAIL = format('It is %s.', target),
            HINT = 'Say how many deals, or what amount, are to be reached.';
    ELSIF target NOT BETWEEN 1e-15 AND 1e15 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "target" must be between 1e-15 and 1e15',
            DETAIL = format('It is %s.', target::text),
            HINT = 'Say how many deals are to be reached, or what amount, which may be in thousands or millions.';
    ELSIF unit IS NULL OR unit NOT IN ('deals', 'amount') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('unknown unit "%s"', unit),
            HINT = 'The units are deals and amount.';
    ELSIF due IS NOT NULL THEN
        PERFORM funnel.require_finite('due'::text, due);
    END IF;

    SELECT array_agg(c.entered ORDER BY c.step), max(c.longest_days),
           array_agg(CASE WHEN c.step = n THEN 1 WHEN due IS NULL THEN c.rate ELSE c.rate_in_time END ORDER BY c.step),
           array_agg(CASE WHEN due IS NULL THEN c.known ELSE c.known_in_time END ORDER BY c.step),
           array_agg(CASE WHEN c.step = n THEN 0 ELSE c.days END ORDER BY c.step)
      INTO all_entered, longest, all_rates, all_known, all_days
      FROM funnel.step_chances(required_leads.cohort, steps, within, as_of, confidence) AS c;

    IF unit = 'amount' OR open_leads IS NOT NULL THEN
        -- later than any lead of the past has come to the last step, none is expected to
        SELECT s.wins, s.amount, s.wins_moments, s.amount_moments, s.worth INTO brings
          FROM funnel.forecast_sums(open_leads, required_leads.cohort, steps[:n - 1], steps[n:],
                                    least(CASE WHEN due IS NOT NULL THEN greatest(due - as_of, interval '0') END,
                                          coalesce(longest, 0) * interval '1 day'),
                                    as_of, NULL, NULL, confidence) AS s
         WHERE s.stage IS NULL;
        brought := CASE unit WHEN 'deals' THEN brings.wins ELSE brings.amount END;
        IF brought IS NOT NULL THEN
            open_wins := brings.wins_moments;
            open_amount := brings.amount_moments;
        END IF;
        IF unit = 'amount' THEN
            worth := brings.worth;
            value := worth[1];
        END IF;
    ELSE
        brought := 0;
    END IF;

    RETURN QUERY
    SELECT i, steps[i], all_entered[i], all_rates[i], all_days[i], due - all_days[i] * interval '1 day',
           round(brought::numeric, 2),
           CASE WHEN all_rates[i] > 0 AND value > 0 AND rest <= 1e15 * all_rates[i] * value
                THEN ceil(rest / all_rates[i] / value - 1e-9)::bigint END,
           CASE WHEN all_rates[i] > 0 AND value > 0
                THEN funnel.leads_that_suffice(target::float8, confidence, all_rates[i], all_known[i], open_wins, open_amount, worth) END
      FROM generate_series(1, n) AS i, greatest(target::float8 - coalesce(brought, 0), 0) AS rest
     ORDER BY i;
END
$$;
COMMENT ON FUNCTION funnel.required_leads(funnel.cohort, text[], numeric, text, interval, float8, timestamptz, funnel.cohort, timestamptz)
    IS 'how many leads must enter each step, and by when, to reach a number of deals or an amount';
