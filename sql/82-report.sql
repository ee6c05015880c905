-- The scorecard: what both teams are measured by, against their targets, in whole and by period. Everything is asked of
-- the functions of a cohort; a figure can be looked up there.

CREATE TABLE funnel.target (
    pipeline text NOT NULL CHECK (pipeline ~ '[^[:space:]]'),
    kpi text NOT NULL CHECK (kpi ~ '[^[:space:]]'),
    period tstzrange NOT NULL DEFAULT '(,)' CHECK (NOT isempty(period)),
    value numeric NOT NULL CHECK (value BETWEEN -1e290 AND 1e290),
    stage text
);
-- No row refers to the pipeline: a restore brings the two in any order.
CREATE UNIQUE INDEX target_key ON funnel.target (pipeline, kpi, coalesce(stage, ''), period);
ALTER TABLE funnel.target REPLICA IDENTITY FULL;
COMMENT ON TABLE funnel.target IS
    'what sales and marketing agreed to reach; funnel.scorecard() holds the figures against it';
COMMENT ON COLUMN funnel.target.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN funnel.target.kpi IS 'what is measured, a name of funnel.kpis()';
COMMENT ON COLUMN funnel.target.period IS 'the time that it is agreed for';
COMMENT ON COLUMN funnel.target.value IS 'the figure to reach, or not to exceed, in the unit of the KPI';
COMMENT ON COLUMN funnel.target.stage IS 'the stage or step that it is agreed for, as the scorecard shows it; NULL: any';
GRANT SELECT ON funnel.target TO PUBLIC;
GRANT INSERT, UPDATE, DELETE ON funnel.target TO @extowner@ WITH GRANT OPTION;
SELECT pg_catalog.pg_extension_config_dump('funnel.target', '');

CREATE FUNCTION funnel.kpis()
    RETURNS TABLE (kpi text, unit text, better text, basis text, meaning text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 26
BEGIN ATOMIC
    SELECT v.kpi, v.unit, v.better, v.basis, v.meaning
      FROM (VALUES
        (1, 'leads', 'leads', 'more', 'sum', 'leads that entered the pipeline'),
        (2, 'leads_reached', 'leads', 'more', 'sum', 'leads that entered the stage'),
        (3, 'conversion', 'share', 'more', 'level', 'of the leads in the first stage, the share that went on to the second'),
        (4, 'conversion_amount', 'share', 'more', 'level', 'the same, of their amount'),
        (5, 'lead_to_won', 'share', 'more', 'level', 'of all leads, the share that was won'),
        (6, 'lead_to_won_amount', 'share', 'more', 'level', 'the same, of their amount'),
        (7, 'accept_rate', 'share', 'more', 'level', 'of the leads offered to the next team, the share that it took'),
        (8, 'reject_rate', 'share', 'less', 'level', 'the share that was sent back, lost, disqualified or recycled instead'),
        (9, 'no_response_rate', 'share', 'less', 'level', 'the share that still waits, for longer than the SLA'),
        (10, 'handoff_p50_days', 'days', 'less', 'level', 'median time until a lead was taken over'),
        (11, 'handoff_p90_days', 'days', 'less', 'level', 'time in which nine of ten were taken over'),
        (12, 'step_p50_days', 'days', 'less', 'level', 'median time from the first stage to the second'),
        (13, 'step_p90_days', 'days', 'less', 'level', 'time in which nine of ten did it'),
        (14, 'cycle_p50_days', 'days', 'less', 'level', 'median time from the first entry of a lead to won'),
        (15, 'cycle_p90_days', 'days', 'less', 'level', 'time in which nine of ten were won'),
        (16, 'sla_compliance', 'share', 'more', 'level', 'of the stays in the stage, the share that kept the SLA'),
        (17, 'stale_leads', 'leads', 'less', 'state', 'leads that are in the stage for longer than the SLA allows'),
        (18, 'disqualified', 'leads', 'less', 'sum', 'leads that were disqualified'),
        (19, 'recycled', 'leads', 'less', 'sum', 'leads that were recycled'),
        (20, 'recycled_won', 'leads', 'more', 'sum', 'recycled leads that were won later'),
        (21, 'won_deals', 'deals', 'more', 'sum', 'deals won'),
        (22, 'revenue', 'amount', 'more', 'sum', 'amount of the deals won'),
        (23, 'close_rate', 'share', 'more', 'level', 'of the deals closed, the share that was won'),
        (24, 'revenue_per_lead', 'amount per lead', 'more', 'level', 'what the deals of the leads brought, by lead'),
        (25, 'revenue_per_stage', 'amount per lead', 'more', 'level', 'what their deals brought, by lead of the stage'),
        (26, 'sales_velocity', 'amount per day', 'more', 'flow', 'won deals x mean amount x close rate / mean cycle')
      ) AS v(n, kpi, unit, better, basis, meaning)
     ORDER BY v.n;
END;
COMMENT ON FUNCTION funnel.kpis() IS
    'the KPIs of funnel.scorecard(): name, unit, which direction is better, how it adds up, meaning';

CREATE FUNCTION funnel.wilson_interval(part bigint, whole bigint, OUT low float8, OUT high float8)
    AS 'MODULE_PATHNAME', 'funnel_wilson_interval' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel.wilson_interval(bigint, bigint) IS '95 % Wilson interval of a share; NULL of nothing';

CREATE FUNCTION funnel.leads_of(cohort funnel.cohort, stage text, period tstzrange) RETURNS funnel.cohort
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN leads_of.period IS NULL THEN funnel.reached(leads_of.cohort, leads_of.stage)
                ELSE funnel.entered(leads_of.cohort, leads_of.stage, leads_of.period) END;
COMMENT ON FUNCTION funnel.leads_of(funnel.cohort, text, tstzrange) IS
    'the leads whose first entry into the stage lies in the period, if one is given';

-- What leads go through to be won: the open stages before the first stage of kind won, and that one.
CREATE FUNCTION funnel.path_of(pipeline text, OUT path text[], OUT owners text[], OUT won text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(s.stage ORDER BY s."position"), '{}'),
           coalesce(array_agg(s.owner ORDER BY s."position"), '{}'),
           min(s.stage) FILTER (WHERE s.kind = 'won')
      FROM funnel.stage AS s
      LEFT JOIN (SELECT min(t."position") AS "position" FROM funnel.stage AS t
                  WHERE t.pipeline = path_of.pipeline AND t.kind = 'won') AS w ON true
     WHERE s.pipeline = path_of.pipeline
       AND (s.kind = 'open' AND s."position" < w."position" IS NOT FALSE OR s."position" = w."position");
END;
COMMENT ON FUNCTION funnel.path_of(text) IS 'the stages that leads of a pipeline go through to be won, with their owners';

-- The one owner of several stages; shared if there are several.
CREATE FUNCTION funnel.owner_of(owners text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN count(DISTINCT o) > 1 THEN 'shared' ELSE min(o COLLATE "C") END
              FROM unnest(owner_of.owners) AS o);
COMMENT ON FUNCTION funnel.owner_of(text[]) IS 'the owner of several stages, or shared';

-- A figure as float8, with room to multiply it; none if it is not known or beyond that.
CREATE FUNCTION funnel.figure(exact numeric) RETURNS float8
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN abs(figure.exact) <= 1e-290 THEN 0 WHEN abs(figure.exact) <= 1e290 THEN figure.exact::float8 END;
COMMENT ON FUNCTION funnel.figure(numeric) IS 'internal: a number as float8; NULL beyond 1e290';

-- The deals that these leads won (in the period, if one is given), and what they brought: 0 without a deal, NULL if no
-- amount is known.
CREATE FUNCTION funnel.revenue_of(cohort funnel.cohort, won text, period tstzrange, as_of timestamptz,
                                  OUT deals bigint, OUT amount numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum(a.conversions), 0)::bigint,
           CASE WHEN coalesce(sum(a.conversions), 0) = 0 THEN 0 ELSE sum(a.amount) END
      FROM funnel.attribution(revenue_of.cohort, revenue_of.won, 'last',
                              period => revenue_of.period, as_of => revenue_of.as_of) AS a;
END;
COMMENT ON FUNCTION funnel.revenue_of(funnel.cohort, text, tstzrange, timestamptz) IS
    'deals that leads won, and their amount';

-- The figures without unit and target. Stages that do not occur are no news here, hence no warnings from below.
--
-- Of a million leads every call of a function of the whole cohort counts: there is one for each step, five for what
-- concerns all stages, one for the winners, whose cohort answers the rest, and one for each SLA. A period narrows the
-- cohort first, to the leads with an event in it, then to those of a stage. And every variable that a cohort is
-- assigned to holds a copy of it: one is made only of what is narrowed or renamed.
CREATE FUNCTION funnel.scorecard_facts(
    cohort funnel.cohort,
    pipeline text,
    within interval,
    period tstzrange,
    as_of timestamptz
) RETURNS TABLE (kpi text, "position" int, to_position int, stage text, owner text, value float8,
                 numerator numeric, denominator numeric, low float8, high float8,
                 better text, young boolean, mature_share float8)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 60 COST 100000
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = error
AS $$
#variable_conflict use_variable
DECLARE
    mark CONSTANT text := E'\x01';      -- no stage is called that
    most CONSTANT int := 64;            -- steps of a funnel
    kind_names jsonb;                   -- if a kind has several stages: the others, and the first of it
    kinds_merged funnel.cohort;         -- if so: these as one
    -- the stages of the pipeline, and what stays in them began in the period
    names text[];
    kinds text[];
    owners text[];
    slas interval[];
    leads_in bigint[];
    open_in bigint[];
    -- the stages to be won, in order, the last of them won; the first of other kinds
    path text[];
    path_owners text[];
    won text;
    lost text;
    recycled text;
    disqualified text;
    handoffs text[];                    -- the stages in which leads wait for another team
    winners funnel.cohort;
    of_stage funnel.cohort;             -- if there is a period: the leads of a stage, kinds merged
    reached bigint;
    all_leads bigint;
    all_amount numeric;
    all_mature float8;
    won_leads bigint;
    won_amount numeric;
    closed_lost bigint;
    close_rate float8;
    deals record;
    f record;
    s record;
    w record;
    a text;
    b text;
    targets text[];
    n int;
    p int;
BEGIN
    -- whatever is counted for a period begins with an event in it
    IF period IS NOT NULL THEN
        cohort := funnel.active(cohort, period);
    END IF;
    -- what narrows a cohort knows no as_of
    IF (SELECT d.last_at >= as_of FROM funnel.describe(cohort) AS d) THEN
        cohort := funnel.as_of(cohort, as_of);
    END IF;

    SELECT array_agg(t.stage ORDER BY t."position"), array_agg(t.kind ORDER BY t."position"),
           array_agg(t.owner ORDER BY t."position"), array_agg(t.sla ORDER BY t."position"),
           array_agg(coalesce(x.leads, 0) ORDER BY t."position"),
           array_agg(coalesce(x.current, 0) ORDER BY t."position")
      INTO names, kinds, owners, slas, leads_in, open_in
      FROM funnel.stage AS t LEFT JOIN funnel.stages(cohort, period, as_of) AS x ON x.stage = t.stage
     WHERE t.pipeline = scorecard_facts.pipeline;
    names := coalesce(names, '{}');

    lost := names[array_position(kinds, 'lost')];
    recycled := names[array_position(kinds, 'recycled')];
    disqualified := names[array_position(kinds, 'disqualified')];
    SELECT * INTO path, path_owners, won FROM funnel.path_of(pipeline);
    n := cardinality(path);
    handoffs := ARRAY(SELECT g.stage FROM funnel.handoff_points(pipeline) AS g);

    SELECT jsonb_object_agg(u.n, names[array_position(kinds, u.k)]) INTO kind_names
      FROM unnest(names, kinds) AS u(n, k)
     WHERE u.k <> 'open' AND u.n <> names[array_position(kinds, u.k)];
    kinds_merged := funnel.relabel(cohort, kind_names);

    -- All leads. Of more stages than a funnel has steps the first ones are as one.
    IF n > 0 THEN
        SELECT max(x.leads) FILTER (WHERE x.step = 1), sum(x.amount) FILTER (WHERE x.step = 1),
               max(x.leads) FILTER (WHERE x.stage = won), sum(x.amount) FILTER (WHERE x.stage = won),
               (max(x.mature_leads) FILTER (WHERE x.step = 2))::float8 / nullif(max(x.leads) FILTER (WHERE x.step = 1), 0)
          INTO all_leads, all_amount, won_leads, won_amount, all_mature
          FROM funnel.steps(coalesce(funnel.relabel(coalesce(kinds_merged, cohort),
                                                    (SELECT jsonb_object_agg(u, path[n - most + 1])
                                                       FROM unnest(path[: n - most]) AS u)), kinds_merged, cohort),
                            path[greatest(n - most + 1, 1) :], within, 'implied', period, as_of) AS x;
    END IF;
    all_leads := coalesce(all_leads, 0);
    kpi := 'leads'; owner := funnel.owner_of(path_owners); value := all_leads; numerator := all_leads;
    mature_share := all_mature;
    RETURN NEXT;
    IF won IS NOT NULL THEN
        SELECT * INTO w FROM funnel.wilson_interval(won_leads, all_leads);
        kpi := 'lead_to_won'; value := won_leads / nullif(all_leads, 0)::float8; numerator := won_leads;
        denominator := all_leads; low := w.low; high := w.high; young := coalesce(all_mature < 1, false);
        RETURN NEXT;
        kpi := 'lead_to_won_amount'; numerator := CASE WHEN all_amount IS NOT NULL THEN coalesce(won_amount, 0) END;
        denominator := all_amount; value := funnel.figure(numerator / nullif(denominator, 0)); low := NULL; high := NULL;
        RETURN NEXT;
        winners := funnel.reached(coalesce(kinds_merged, cohort), won);
    END IF;

    -- Stage by stage.
    FOR i IN 1 .. cardinality(names) LOOP
        a := names[i];
        stage := a; owner := owners[i]; "position" := i; to_position := NULL;
        low := NULL; high := NULL; denominator := NULL; better := NULL; young := NULL; mature_share := NULL;
        p := array_position(path, a);
        reached := leads_in[i];
        IF period IS NOT NULL THEN
            of_stage := funnel.entered(cohort, a, period);
            reached := (SELECT d.leads FROM funnel.describe(of_stage) AS d);
            IF kind_names IS NOT NULL THEN
                of_stage := funnel.relabel(of_stage, kind_names);
            END IF;
        END IF;
        kpi := 'leads_reached'; value := reached; numerator := reached;
        better := CASE WHEN kinds[i] IN ('lost', 'disqualified', 'recycled') THEN 'less' END;
        RETURN NEXT;
        better := NULL;

        IF slas[i] IS NOT NULL THEN
            IF a = ANY (handoffs) THEN
                owner := 'shared';      -- it ends when the other team takes over
            END IF;
            SELECT * INTO s FROM funnel.sla(cohort, a, slas[i], period, as_of);
            SELECT * INTO w FROM funnel.wilson_interval(s.met, s.met + s.breached);
            kpi := 'sla_compliance'; value := s.compliance; numerator := s.met; denominator := s.met + s.breached;
            low := w.low; high := w.high; young := s.pending > 0;
            RETURN NEXT;
            -- what is open, and not within the SLA
            kpi := 'stale_leads'; value := open_in[i] - s.pending; numerator := value; denominator := NULL;
            low := NULL; high := NULL; young := NULL;
            RETURN NEXT;
        END IF;

        CONTINUE WHEN p IS NULL OR a = won;

        -- The steps that begin here: to the next stage, to the one after a hand-off, to won.
        targets := path[p + 1 : p + CASE WHEN owners[i] <> path_owners[p + 1] THEN 2 ELSE 1 END];
        IF won IS NOT NULL AND won <> ALL (targets) THEN
            targets := targets || won;
        END IF;
        FOREACH b IN ARRAY targets LOOP
            SELECT max(x.leads) FILTER (WHERE x.step = 1) AS leads, max(x.leads) FILTER (WHERE x.step = 2) AS converted,
                   sum(x.amount) FILTER (WHERE x.step = 1) AS amount,
                   sum(x.amount) FILTER (WHERE x.step = 2) AS converted_amount,
                   max(x.from_previous) AS rate, max(x.low) AS low, max(x.high) AS high, max(x.pending) AS pending,
                   max(x.mature_leads) AS mature, max(x.median_days) AS median, max(x.p90_days) AS p90
              INTO f
              FROM funnel.steps(CASE WHEN period IS NULL THEN coalesce(kinds_merged, cohort) ELSE of_stage END, ARRAY[a, b],
                                within, 'ordered', NULL, as_of) AS x;
            stage := a || ' > ' || b; to_position := array_position(names, b);
            owner := funnel.owner_of(path_owners[p : array_position(path, b)]);
            kpi := 'conversion'; value := f.rate; numerator := coalesce(f.converted, 0); denominator := coalesce(f.leads, 0);
            low := f.low; high := f.high; young := coalesce(f.pending > 0, false);
            mature_share := f.mature / nullif(f.leads, 0)::float8;
            RETURN NEXT;
            kpi := 'conversion_amount'; denominator := f.amount; low := NULL; high := NULL;
            numerator := CASE WHEN f.amount IS NOT NULL THEN coalesce(f.converted_amount, 0) END;
            value := funnel.figure(numerator / nullif(denominator, 0));
            RETURN NEXT;
            IF b = path[p + 1] THEN
                numerator := NULL; denominator := NULL;
                kpi := 'step_p50_days'; value := f.median;
                RETURN NEXT;
                kpi := 'step_p90_days'; value := f.p90;
                RETURN NEXT;
            END IF;
        END LOOP;

        IF won IS NOT NULL THEN
            deals := funnel.revenue_of(funnel.leads_of(winners, a, period), won, NULL, as_of);
            stage := a; to_position := NULL; owner := funnel.owner_of(path_owners[p :]); young := NULL;
            kpi := 'revenue_per_stage'; value := funnel.figure(deals.amount / nullif(reached, 0));
            numerator := deals.amount; denominator := reached;
            RETURN NEXT;
        END IF;
    END LOOP;

    -- Where another team takes over.
    to_position := NULL; owner := 'shared'; better := NULL; mature_share := NULL;
    FOR s IN SELECT x.* FROM funnel.handoffs(cohort, pipeline, as_of) AS x WHERE period IS NULL
             UNION ALL
             SELECT x.* FROM funnel.handoff_points(pipeline) AS g,
                             funnel.handoffs(funnel.entered(cohort, g.stage, period), pipeline, as_of) AS x
              WHERE period IS NOT NULL AND x.stage = g.stage
    LOOP
        stage := s.stage; "position" := array_position(names, s.stage); young := s.pending > 0; denominator := s.offered;
        FOR kpi, value, numerator IN
            VALUES ('accept_rate', s.accept_rate, s.accepted), ('reject_rate', s.reject_rate, s.rejected),
                   ('no_response_rate', s.no_response_rate, CASE WHEN slas["position"] IS NOT NULL THEN s.no_response END)
        LOOP
            SELECT * INTO w FROM funnel.wilson_interval(numerator::bigint, s.offered);
            low := w.low; high := w.high;
            RETURN NEXT;
        END LOOP;
        low := NULL; high := NULL; denominator := NULL; numerator := NULL;
        kpi := 'handoff_p50_days'; value := s.p50_days;
        RETURN NEXT;
        kpi := 'handoff_p90_days'; value := s.p90_days;
        RETURN NEXT;
    END LOOP;

    -- What became of leads.
    "position" := NULL; to_position := NULL; low := NULL; high := NULL; denominator := NULL; better := NULL; young := NULL;
    mature_share := NULL; reached := NULL;
    IF disqualified IS NOT NULL THEN
        kpi := 'disqualified'; stage := NULL;
        owner := funnel.owner_of(ARRAY(SELECT u.o FROM unnest(kinds, owners) AS u(k, o) WHERE u.k = 'disqualified'));
        numerator := CASE WHEN period IS NULL AND kind_names IS NULL THEN leads_in[array_position(names, disqualified)]
                          ELSE (SELECT d.leads FROM funnel.describe(
                                    funnel.leads_of(coalesce(kinds_merged, cohort), disqualified, period)) AS d) END;
        value := numerator;
        RETURN NEXT;
    END IF;
    IF recycled IS NOT NULL THEN
        kpi := 'recycled'; stage := NULL;
        owner := funnel.owner_of(ARRAY(SELECT u.o FROM unnest(kinds, owners) AS u(k, o) WHERE u.k = 'recycled'));
        numerator := CASE WHEN period IS NULL AND kind_names IS NULL THEN leads_in[array_position(names, recycled)]
                          ELSE (SELECT d.leads FROM funnel.describe(
                                    funnel.leads_of(coalesce(kinds_merged, cohort), recycled, period)) AS d) END;
        value := numerator;
        RETURN NEXT;
        IF won IS NOT NULL THEN
            kpi := 'recycled_won'; denominator := numerator;
            owner := funnel.owner_of(owners);
            numerator := (SELECT x.leads FROM funnel.steps(funnel.leads_of(winners, recycled, period), ARRAY[recycled, won],
                                                           NULL, 'ordered', NULL, as_of) AS x WHERE x.step = 2);
            value := numerator;
            RETURN NEXT;
        END IF;
    END IF;
    IF won IS NULL THEN
        RETURN;
    END IF;

    -- The deals.
    stage := NULL; denominator := NULL;
    owner := funnel.owner_of(path_owners);
    deals := funnel.revenue_of(winners, won, period, as_of);
    closed_lost := CASE WHEN lost IS NULL THEN 0
                        ELSE (SELECT r.deals
                                FROM funnel.revenue_of(coalesce(kinds_merged, cohort), lost, period, as_of) AS r) END;
    close_rate := deals.deals / nullif(deals.deals + closed_lost, 0)::float8;
    kpi := 'won_deals'; value := deals.deals; numerator := deals.deals;
    RETURN NEXT;
    kpi := 'revenue'; value := funnel.figure(deals.amount); numerator := deals.amount;
    RETURN NEXT;
    SELECT * INTO w FROM funnel.wilson_interval(deals.deals, deals.deals + closed_lost);
    kpi := 'close_rate'; value := close_rate; numerator := deals.deals; denominator := deals.deals + closed_lost;
    owner := owners[array_position(names, won)]; low := w.low; high := w.high;
    RETURN NEXT;

    -- From the first entry to won, of those first won in the period.
    low := NULL; high := NULL; numerator := NULL; denominator := NULL;
    owner := funnel.owner_of(path_owners);
    SELECT max(x.mean_days) AS mean, max(x.median_days) AS median, max(x.p90_days) AS p90 INTO f
      FROM funnel.steps(funnel.relabel(funnel.leads_of(winners, won, period),
                                       (SELECT coalesce(jsonb_object_agg(u, mark), '{}') FROM unnest(path[: n - 1]) AS u)),
                        ARRAY[mark, won], NULL, 'ordered', NULL, as_of) AS x;
    kpi := 'cycle_p50_days'; value := f.median;
    RETURN NEXT;
    kpi := 'cycle_p90_days'; value := f.p90;
    RETURN NEXT;
    kpi := 'sales_velocity'; numerator := deals.amount;
    value := funnel.figure(deals.amount) * close_rate / nullif(f.mean, 0);
    RETURN NEXT;

    -- What the leads of the period brought, whenever that was. Of the winners, those that entered in the period are told
    -- by a mark at every entry, which is taken away again.
    IF period IS NOT NULL THEN
        of_stage := funnel.entered(funnel.relabel(winners, (SELECT jsonb_object_agg(u, mark) FROM unnest(path) AS u)),
                                   mark, period);
        winners := funnel.without(funnel.reached(funnel.merge(winners, of_stage), mark), ARRAY[mark]);
        deals := funnel.revenue_of(winners, won, NULL, as_of);
    END IF;
    kpi := 'revenue_per_lead'; value := funnel.figure(deals.amount / nullif(all_leads, 0)); numerator := deals.amount;
    denominator := all_leads; mature_share := all_mature;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION funnel.scorecard_facts(funnel.cohort, text, interval, tstzrange, timestamptz) IS
    'the figures of funnel.scorecard(), without unit and target';

-- What the arguments must be; a warning names stages that the figures leave out.
CREATE FUNCTION funnel.require_report(cohort funnel.cohort, pipeline text, as_of timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    PERFORM funnel.require_pipeline(require_report.pipeline);
    IF as_of IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "as_of" must not be null',
            HINT = 'Pass a value, or leave the argument out if it has a default.';
    END IF;
    SELECT string_agg(format('"%s"', l), ', ' ORDER BY i) INTO unknown
      FROM funnel.describe(cohort) AS d, unnest(d.stages) WITH ORDINALITY AS u(l, i)
     WHERE NOT EXISTS (SELECT FROM funnel.stage AS s WHERE s.pipeline = require_report.pipeline AND s.stage = l);
    IF unknown IS NOT NULL THEN
        RAISE warning USING
            MESSAGE = format('pipeline "%s" does not know all stages of the cohort', require_report.pipeline),
            DETAIL = format('They are no part of the report: %s.', unknown),
            HINT = 'Rename them with funnel.relabel(), or add them to funnel.stage.';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.require_report(funnel.cohort, text, timestamptz) IS
    'check what the reports are given; a warning for stages of the cohort that the pipeline does not know';

CREATE FUNCTION funnel.scorecard_rows(
    cohort funnel.cohort,
    pipeline text,
    within interval,
    period tstzrange,
    as_of timestamptz
) RETURNS TABLE (kpi text, stage text, owner text, value float8, unit text, numerator numeric, denominator numeric,
                 low float8, high float8, target numeric, status text, mature_share float8)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 60 COST 100000
BEGIN ATOMIC
    SELECT f.kpi, f.stage, f.owner, f.value, k.unit, f.numerator, f.denominator, f.low, f.high, t.value,
           CASE WHEN t.value IS NULL THEN NULL
                -- a sum only grows; a state is as it is
                WHEN k.basis = 'sum' AND y.better = 'more' AND f.value >= t.figure THEN 'met'
                WHEN k.basis IN ('sum', 'state') AND y.better = 'less' AND f.value > t.figure THEN 'missed'
                WHEN y.young THEN 'open'
                WHEN f.value IS NULL THEN NULL
                WHEN y.better = 'more' AND f.value >= t.figure OR y.better = 'less' AND f.value <= t.figure THEN 'met'
                ELSE 'missed' END,
           f.mature_share
      FROM funnel.scorecard_facts(scorecard_rows.cohort, scorecard_rows.pipeline, scorecard_rows.within,
                                  scorecard_rows.period, scorecard_rows.as_of) AS f
      JOIN funnel.kpis() WITH ORDINALITY AS k(kpi, unit, better, basis, meaning, n) ON k.kpi = f.kpi
     CROSS JOIN LATERAL (
           SELECT coalesce(f.better, k.better) AS better,
                  coalesce(f.young, false)
                  OR coalesce(CASE WHEN upper_inf(scorecard_rows.period) THEN 'infinity'
                                   ELSE upper(scorecard_rows.period) END > scorecard_rows.as_of, false) AS young) AS y
      LEFT JOIN LATERAL (
           -- what grows with the period is held against a target of this very period; the rest against that of the
           -- shortest period that contains this one, or if there is none, the last moment that is known
           SELECT g.value, funnel.figure(g.value) AS figure
             FROM funnel.target AS g
            WHERE g.pipeline = scorecard_rows.pipeline AND g.kpi = f.kpi AND coalesce(g.stage = f.stage, g.stage IS NULL)
              AND CASE WHEN k.basis IN ('sum', 'flow') THEN g.period = coalesce(scorecard_rows.period, '(,)'::tstzrange)
                       WHEN scorecard_rows.period IS NULL
                       THEN g.period @> greatest(scorecard_rows.as_of, '4714-11-24 00:00:00.000001+00 BC') - interval '1 microsecond'
                       ELSE g.period @> scorecard_rows.period END
            ORDER BY g.stage IS NULL, (isfinite(lower(g.period)) AND isfinite(upper(g.period))) IS NOT TRUE,
                     CASE WHEN isfinite(lower(g.period)) AND isfinite(upper(g.period)) THEN upper(g.period) - lower(g.period) END, g.period
            LIMIT 1) AS t ON true
     ORDER BY k.n, f."position" NULLS FIRST, f.to_position NULLS FIRST;
END;
COMMENT ON FUNCTION funnel.scorecard_rows(funnel.cohort, text, interval, tstzrange, timestamptz) IS
    'the rows of funnel.scorecard() and funnel.scorecard_by()';

CREATE FUNCTION funnel.scorecard(
    cohort funnel.cohort,
    pipeline text,
    within interval DEFAULT NULL,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now()
) RETURNS TABLE (kpi text, stage text, owner text, value float8, unit text, numerator numeric, denominator numeric,
                 low float8, high float8, target numeric, status text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 60
    SUPPORT funnel.cohort_support COST 1000000
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM funnel.require_report(scorecard.cohort, scorecard.pipeline, scorecard.as_of);
    IF scorecard.cohort IS NOT NULL THEN
        RETURN QUERY
        SELECT r.kpi, r.stage, r.owner, r.value, r.unit, r.numerator, r.denominator, r.low, r.high, r.target, r.status
          FROM funnel.scorecard_rows(scorecard.cohort, scorecard.pipeline, scorecard.within, scorecard.period,
                                     scorecard.as_of) AS r;
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.scorecard(funnel.cohort, text, interval, tstzrange, timestamptz) IS
    'what sales and marketing are measured by, against their targets';

CREATE FUNCTION funnel.scorecard_by(
    cohort funnel.cohort,
    pipeline text,
    bounds timestamptz[],
    within interval DEFAULT NULL,
    as_of timestamptz DEFAULT now()
) RETURNS TABLE (since timestamptz, until timestamptz, kpi text, stage text, owner text, value float8, unit text,
                 numerator numeric, denominator numeric, low float8, high float8, target numeric, status text,
                 mature_share float8)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SUPPORT funnel.cohort_support COST 5000000
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    size int;                           -- periods in a group
    of_group funnel.cohort;             -- the leads with an event in it
BEGIN
    PERFORM funnel.require_report(scorecard_by.cohort, scorecard_by.pipeline, scorecard_by.as_of);
    IF array_ndims(bounds) > 1 THEN
        RAISE array_subscript_error USING
            MESSAGE = 'argument "bounds" must have one dimension',
            HINT = 'Function funnel.periods() makes bounds.';
    ELSIF bounds IS NULL OR array_position(bounds, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "bounds" and its elements must not be null',
            HINT = 'Function funnel.periods() makes bounds.';
    ELSIF cardinality(bounds) < 2
          OR EXISTS (SELECT FROM generate_series(array_lower(bounds, 1), array_upper(bounds, 1) - 1) AS i
                      WHERE bounds[i] >= bounds[i + 1]) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "bounds" must have two elements at least, each later than the one before',
            HINT = 'Function funnel.periods() makes bounds.';
    END IF;
    IF scorecard_by.cohort IS NULL THEN
        RETURN;
    END IF;
    -- In groups of neighbours, so that not every period has to look for its leads among all.
    size := ceil(sqrt(cardinality(bounds) - 1));
    FOR i IN array_lower(bounds, 1) .. array_upper(bounds, 1) - 1 LOOP
        IF (i - array_lower(bounds, 1)) % size = 0 THEN
            of_group := funnel.active(scorecard_by.cohort,
                                      tstzrange(bounds[i], bounds[i + least(size, array_upper(bounds, 1) - i)]));
        END IF;
        RETURN QUERY
        SELECT bounds[i], bounds[i + 1], r.kpi, r.stage, r.owner, r.value, r.unit, r.numerator, r.denominator,
               r.low, r.high, r.target, r.status, r.mature_share
          FROM funnel.scorecard_rows(of_group, scorecard_by.pipeline, scorecard_by.within,
                                     tstzrange(bounds[i], bounds[i + 1]), scorecard_by.as_of) AS r;
    END LOOP;
END
$$;
COMMENT ON FUNCTION funnel.scorecard_by(funnel.cohort, text, timestamptz[], interval, timestamptz) IS
    'the scorecard of each period between neighbouring bounds';

-- Bounds of periods.
CREATE FUNCTION funnel.periods(
    every text,
    since timestamptz,
    until timestamptz DEFAULT now(),
    time_zone text DEFAULT NULL
) RETURNS timestamptz[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 10000;
    zone CONSTANT text := coalesce(time_zone, current_setting('TimeZone'));
    first timestamp;
    step interval;
    weeks int[];
    bounds timestamptz[] := '{}';
    n int := 0;
    year_start timestamp;
    passed int;
    midnight timestamp;
    bound timestamptz;
    earlier timestamptz;
BEGIN
    IF every IS NULL OR since IS NULL OR until IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'arguments "every", "since" and "until" must not be null',
            HINT = 'Pass a value, or leave the argument out if it has a default.';
    ELSIF NOT isfinite(since) OR NOT isfinite(until) OR since >= until THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "until" must be later than "since", and both finite',
            HINT = 'Periods are made from the one that "since" is in to the one that "until" ends or is in.';
    END IF;
    first := since AT TIME ZONE zone;
    IF every IN ('day', 'week', 'month', 'quarter', 'year') THEN
        first := date_trunc(every, first);
        step := CASE every WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || every)::interval END;
    ELSIF every IN ('fiscal_month', 'fiscal_quarter', 'fiscal_year') THEN
        first := date_trunc('day', first);
        step := CASE every WHEN 'fiscal_month' THEN interval '1 month' WHEN 'fiscal_quarter' THEN interval '3 months'
                           ELSE interval '1 year' END;
    ELSIF every IN ('4-4-5', '4-5-4', '5-4-4') THEN
        first := date_trunc('day', first);
        weeks := string_to_array(every, '-')::int[];
    ELSE
        RAISE invalid_parameter_value USING
            MESSAGE = format('unknown period "%s"', every),
            HINT = 'The periods are day, week, month, quarter, year, fiscal_month, fiscal_quarter, fiscal_year, '
                   '4-4-5, 4-5-4 and 5-4-4.';
    END IF;

    LOOP
        IF weeks IS NULL THEN
            midnight := first + n * step;
        ELSE
            -- A year begins on the weekday of the first one that is nearest to its anniversary, and so has 52 weeks
            -- or 53; the last period of the year gets the week over.
            IF n % 12 = 0 THEN
                year_start := first + (n / 12) * interval '1 year';
                year_start := year_start - ((year_start::date - first::date + 3) % 7 - 3) * interval '1 day';
                passed := 0;
            END IF;
            midnight := year_start + passed * interval '7 days';
            passed := passed + weeks[n % 3 + 1];
        END IF;
        -- The first midnight, where clocks are set back over it: by the time that was kept a day before.
        bound := midnight AT TIME ZONE zone;
        earlier := bound + (midnight - interval '24 hours' - (bound - interval '24 hours') AT TIME ZONE zone);
        IF earlier AT TIME ZONE zone = midnight THEN
            bound := earlier;
        END IF;
        -- Set forward over it, it may be too late for "since"; and over a whole day, there is no such day.
        IF n = 0 OR bound <= since THEN
            bounds := ARRAY[least(bound, since)];
        ELSIF bound > bounds[cardinality(bounds)] THEN
            bounds := bounds || bound;
        END IF;
        EXIT WHEN bound >= until;
        n := n + 1;
        IF n > most THEN
            RAISE program_limit_exceeded USING
                MESSAGE = format('more than %s periods', most),
                HINT = 'Take longer periods, or less time from "since" to "until".';
        END IF;
    END LOOP;
    RETURN bounds;
END
$$;
COMMENT ON FUNCTION funnel.periods(text, timestamptz, timestamptz, text) IS
    'bounds of weeks, months, quarters, years, fiscal years and 4-4-5 calendars, for funnel.scorecard_by()';
