-- The bottleneck: the steps of a pipeline, what is lost at each, and what its best quarter would bring.

CREATE FUNCTION funnel.bottleneck_facts(cohort funnel.cohort, pipeline text, as_of timestamptz)
    RETURNS TABLE (step int, stage text, owner text, leads bigint, converted bigint, rate float8,
                   leads_lost bigint, amount_lost numeric, days_added float8,
                   window_days float8, mature_rate float8, best_quarter tstzrange, best_rate float8,
                   won_rate float8, deal_size float8)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5 COST 1000000
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = error
AS $$
#variable_conflict use_variable
DECLARE
    least_leads CONSTANT int := 30;     -- a best quarter of fewer is luck
    quarters CONSTANT int := 12;        -- those before are another time
    c funnel.cohort;
    of_stage funnel.cohort;
    lost bigint[];                      -- by stage of the path: the leads that came no further
    lost_amounts numeric[];
    path text[];
    owners text[];
    won text;
    bounds timestamptz[];
    f record;
    within interval;
BEGIN
    -- what narrows a cohort knows no as_of
    IF (SELECT d.last_at >= as_of FROM funnel.describe(cohort) AS d) THEN
        cohort := funnel.as_of(cohort, as_of);
    END IF;
    SELECT * INTO path, owners, won FROM funnel.path_of(pipeline);
    c := coalesce(funnel.relabel(cohort, (
             SELECT jsonb_object_agg(s.stage, won) FROM funnel.stage AS s
              WHERE s.pipeline = bottleneck_facts.pipeline AND s.kind = 'won' AND s.stage <> won)), cohort);
    -- A lead is lost where it came furthest, and while it is.
    SELECT array_agg(l.leads ORDER BY l.place), array_agg(l.amount ORDER BY l.place) INTO lost, lost_amounts
      FROM funnel.lost_leads(c, path, ARRAY(SELECT s.stage FROM funnel.stage AS s
                                             WHERE s.pipeline = bottleneck_facts.pipeline
                                               AND s.kind IN ('lost', 'disqualified', 'recycled')), as_of) AS l;
    IF won IS NOT NULL THEN
        SELECT funnel.figure(r.amount / nullif(r.deals, 0)) INTO deal_size
          FROM funnel.revenue_of(funnel.reached(c, won), won, NULL, as_of) AS r;
    END IF;
    SELECT funnel.periods('quarter', greatest(d.first_at, d.last_at - (quarters - 1) * interval '3 months'),
                          d.last_at + interval '1 microsecond')
      INTO bounds FROM funnel.describe(c) AS d WHERE d.events > 0;

    FOR i IN 1 .. cardinality(path) - 1 LOOP
        step := i; stage := path[i] || ' > ' || path[i + 1]; owner := funnel.owner_of(owners[i : i + 1]);
        of_stage := funnel.reached(c, path[i]);
        SELECT coalesce(max(x.leads) FILTER (WHERE x.step = 1), 0) AS leads,
               coalesce(max(x.leads) FILTER (WHERE x.step = 2), 0) AS converted,
               max(x.from_previous) AS rate, max(x.mean_days) AS mean, ceil(max(x.p90_days)) AS p90
          INTO f FROM funnel.steps(of_stage, path[i : i + 1], as_of => as_of) AS x;
        leads := f.leads; converted := f.converted; rate := f.rate; days_added := f.mean;
        leads_lost := lost[i]; amount_lost := lost_amounts[i];

        -- Rates are compared within the time that nine of ten need, over the leads that had it; a lead belongs to the
        -- quarter in which it first entered, so that the quarters are parts of the whole.
        window_days := CASE WHEN f.p90 IS NOT NULL THEN greatest(f.p90, 1) END;
        mature_rate := NULL; best_quarter := NULL; best_rate := NULL;
        IF window_days IS NOT NULL THEN
            within := window_days * interval '1 day';
            mature_rate := (SELECT x.mature_rate FROM funnel.steps(of_stage, path[i : i + 1], within, as_of => as_of) AS x
                             WHERE x.step = 2);
            SELECT q.quarter, x.mature_rate INTO best_quarter, best_rate
              FROM (SELECT tstzrange(bounds[n], bounds[n + 1]) AS quarter
                      FROM generate_series(1, cardinality(bounds) - 1) AS n) AS q,
                   funnel.steps(funnel.entered(of_stage, path[i], q.quarter), path[i : i + 1], within, as_of => as_of) AS x,
                   funnel.wilson_interval(round(x.mature_rate * x.mature_leads)::bigint, x.mature_leads) AS w
             WHERE x.step = 2 AND x.mature_leads >= least_leads
             ORDER BY w.low DESC, q.quarter DESC LIMIT 1;
        END IF;
        won_rate := CASE WHEN path[i + 1] = won THEN 1
                         WHEN won IS NOT NULL THEN funnel.conversion_rate(c, path[i + 1], won, as_of => as_of) END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION funnel.bottleneck_facts(funnel.cohort, text, timestamptz) IS
    'the steps of funnel.bottleneck(), without ranks and what more would bring';

CREATE FUNCTION funnel.bottleneck(cohort funnel.cohort, pipeline text, as_of timestamptz DEFAULT now())
    RETURNS TABLE (stage text, owner text, leads bigint, converted bigint, rate float8,
                   leads_lost bigint, leads_rank bigint, amount_lost numeric, amount_rank bigint,
                   days_added float8, days_rank bigint,
                   window_days float8, mature_rate float8, best_quarter tstzrange, best_rate float8,
                   more_leads float8, more_won float8, more_amount float8)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
    SUPPORT funnel.cohort_support COST 1500000
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM funnel.require_report(bottleneck.cohort, bottleneck.pipeline, bottleneck.as_of);
    IF bottleneck.cohort IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT f.stage, f.owner, f.leads, f.converted, f.rate,
           f.leads_lost, rank() OVER (ORDER BY f.leads_lost DESC),
           f.amount_lost, rank() OVER (ORDER BY f.amount_lost DESC NULLS LAST),
           f.days_added, rank() OVER (ORDER BY f.days_added DESC NULLS LAST),
           f.window_days, f.mature_rate, f.best_quarter, f.best_rate,
           more.leads, more.leads * f.won_rate, more.leads * f.won_rate * f.deal_size
      FROM funnel.bottleneck_facts(bottleneck.cohort, bottleneck.pipeline, bottleneck.as_of) AS f,
           LATERAL (SELECT CASE WHEN f.best_rate IS NOT NULL
                                THEN f.leads * greatest(f.best_rate - f.mature_rate, 0) END) AS more(leads)
     ORDER BY f.leads_lost DESC, f.step;
END
$$;
COMMENT ON FUNCTION funnel.bottleneck(funnel.cohort, text, timestamptz) IS
    'the steps of a pipeline by what is lost at them, and what reaching its best quarter would bring';
