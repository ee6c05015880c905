-- Hand-offs between teams, leads that nobody works on and leads due for another try; why leads were given up, what is not
-- filled in, and what changed between two cohorts.

-- Where a pipeline hands over. The next steps of a stage are the forward transitions that do not skip another of them.
-- The planner takes the ways of a pipeline for one, and would loop over them within a loop.
CREATE FUNCTION funnel.handoff_points(
    pipeline text,
    OUT stage text, OUT from_owner text, OUT to_owner text, OUT sla interval
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
AS $$
BEGIN
    PERFORM funnel.require_pipeline(handoff_points.pipeline);
    RETURN QUERY
    WITH RECURSIVE
    stages AS MATERIALIZED (
        SELECT s.stage, s."position", s.owner, s.kind, s.sla
          FROM funnel.stage AS s WHERE s.pipeline = handoff_points.pipeline AND s.kind IN ('open', 'won')),
    forward AS MATERIALIZED (
        SELECT a."position" AS f, b."position" AS t
          FROM funnel.transition AS t
          JOIN stages AS a ON a.stage = t.from_stage
          JOIN stages AS b ON b.stage = t.to_stage AND b."position" > a."position"
         WHERE t.pipeline = handoff_points.pipeline),
    beyond AS (                         -- by way of another
        SELECT a.f, b.t FROM forward AS a JOIN forward AS b ON b.f = a.t
        UNION
        SELECT a.f, b.t FROM beyond AS a JOIN forward AS b ON b.f = a.t),
    next AS (TABLE forward EXCEPT TABLE beyond),
    teams AS (
        SELECT a.stage, a."position", a.owner, a.sla, b.owner AS next_owner, min(b."position") AS next_position
          FROM next AS n
          JOIN stages AS a ON a."position" = n.f
          JOIN stages AS b ON b."position" = n.t AND b.kind = 'open' AND b.owner <> a.owner
         GROUP BY a.stage, a."position", a.owner, a.sla, b.owner)
    SELECT t.stage, t.owner, string_agg(t.next_owner, ', ' ORDER BY t.next_position), t.sla
      FROM teams AS t
     GROUP BY t.stage, t.owner, t.sla, t."position"
     ORDER BY t."position";
END
$$;
COMMENT ON FUNCTION funnel.handoff_points(text) IS
    'the stages of a pipeline in which leads wait to be taken over by another team';

-- The roles of stages are those of src/handoffs.h: 1 waits, 2 accepts, 4 rejects, 8 returns, 16 final.
CREATE FUNCTION funnel.handoff_counts(
    cohort funnel.cohort, stages text[], roles int[], allowed interval[], as_of timestamptz, calendar text,
    OUT handoff int, OUT offered bigint, OUT accepted bigint, OUT rejected bigint, OUT pending bigint,
    OUT no_response bigint, OUT p50_days float8, OUT p90_days float8, OUT handed_back bigint,
    OUT sla_met bigint, OUT sla_breached bigint
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_handoff_counts' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 5;
COMMENT ON FUNCTION funnel.handoff_counts(funnel.cohort, text[], int[], interval[], timestamptz, text) IS
    'internal: what funnel.handoffs() counts, in one pass';

CREATE FUNCTION funnel.handoffs(
    cohort funnel.cohort,
    pipeline text,
    as_of timestamptz DEFAULT now(),
    calendar text DEFAULT NULL,
    OUT stage text, OUT from_owner text, OUT to_owner text, OUT offered bigint, OUT accepted bigint,
    OUT rejected bigint, OUT pending bigint, OUT no_response bigint, OUT accept_rate float8, OUT reject_rate float8,
    OUT no_response_rate float8, OUT p50_days float8, OUT p90_days float8, OUT handed_back bigint,
    OUT sla_met bigint, OUT sla_breached bigint
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE SUPPORT funnel.cohort_support COST 20000 ROWS 5
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    points text[];
    from_owners text[];
    to_owners text[];
    limits interval[];
    stages text[];
    roles int[];
BEGIN
    IF cohort IS NULL THEN
        RETURN;
    ELSIF handoffs.as_of IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "as_of" must not be null',
            HINT = 'Pass a value, or leave the argument out if it has a default.';
    END IF;
    SELECT coalesce(array_agg(p.stage ORDER BY n), '{}'), array_agg(p.from_owner ORDER BY n),
           array_agg(p.to_owner ORDER BY n), coalesce(array_agg(p.sla ORDER BY n), '{}')
      INTO points, from_owners, to_owners, limits
      FROM funnel.handoff_points(handoffs.pipeline) WITH ORDINALITY AS p (stage, from_owner, to_owner, sla, n);
    SELECT coalesce(array_agg(s.stage ORDER BY s."position"), '{}') INTO stages
      FROM funnel.stage AS s WHERE s.pipeline = handoffs.pipeline;
    SELECT coalesce(array_agg(
               CASE WHEN s.stage = p.stage THEN 1
                    WHEN s.kind IN ('open', 'won') AND s."position" > p."position"
                    THEN CASE WHEN s.owner <> p.owner THEN 2 ELSE 0 END
                    ELSE 4 END
               + CASE WHEN s.owner = p.owner AND s.kind IN ('open', 'recycled') THEN 8 ELSE 0 END
               + CASE s.kind WHEN 'won' THEN 16 ELSE 0 END ORDER BY p."position", s."position"), '{}')
      INTO roles
      FROM funnel.stage AS p JOIN funnel.stage AS s ON s.pipeline = p.pipeline
     WHERE p.pipeline = handoffs.pipeline AND p.stage = ANY (points);
    RETURN QUERY
    SELECT p.stage, p.from_owner, p.to_owner, c.offered, c.accepted, c.rejected, c.pending, c.no_response,
           c.accepted / nullif(c.offered, 0)::float8, c.rejected / nullif(c.offered, 0)::float8,
           CASE WHEN p.sla IS NOT NULL THEN c.no_response / nullif(c.offered, 0)::float8 END,
           c.p50_days, c.p90_days, c.handed_back, c.sla_met, c.sla_breached
      FROM unnest(points, from_owners, to_owners, limits) WITH ORDINALITY AS p (stage, from_owner, to_owner, sla, n)
      JOIN funnel.handoff_counts(cohort, stages, roles, limits, handoffs.as_of, handoffs.calendar) AS c ON c.handoff = p.n
     ORDER BY p.n;
END
$$;
COMMENT ON FUNCTION funnel.handoffs(funnel.cohort, text, timestamptz, text) IS
    'where leads pass from one team to another: how many are taken over, refused, left waiting, handed back, and how fast';

CREATE FUNCTION funnel.open_leads(
    cohort funnel.cohort, stages text[], groups int[], touches text[], as_of timestamptz,
    OUT lead text, OUT stage text, OUT entered_at timestamptz, OUT since timestamptz, OUT from_stage text,
    OUT times bigint, OUT touches_before bigint, OUT touches_since bigint, OUT last_touch_at timestamptz,
    OUT amount numeric, OUT days float8, OUT idle_days float8
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_open_leads' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 1000;
COMMENT ON FUNCTION funnel.open_leads(funnel.cohort, text[], int[], text[], timestamptz) IS
    'internal: the leads that are in some stages, and what they have behind them, in one pass';

CREATE FUNCTION funnel.lost_leads(
    cohort funnel.cohort, path text[], exits text[], as_of timestamptz,
    OUT place int, OUT leads bigint, OUT amount numeric
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_lost_leads' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 20000 ROWS 5;
COMMENT ON FUNCTION funnel.lost_leads(funnel.cohort, text[], text[], timestamptz) IS
    'internal: the leads that are in an exit, by the furthest place of the path they came to, in one pass';

CREATE FUNCTION funnel.require_span(argument text, span interval) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF span IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('argument "%s" must not be null', argument),
            HINT = 'Write it as ''14 days''; ''0 days'' for no time at all.';
    ELSIF span < interval '0' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "%s" must not be negative', argument),
            DETAIL = format('It is %s.', span),
            HINT = 'Write it as ''14 days''; ''0 days'' for no time at all.';
    END IF;
END
$$;
COMMENT ON FUNCTION funnel.require_span(text, interval) IS 'raise an error unless it is an interval of zero or more';

-- Elapsed time as functions of a cohort measure it: an infinite as_of is infinitely far away.
CREATE FUNCTION funnel.is_past(at timestamptz, span interval, as_of timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN isfinite(as_of) THEN as_of - at >= span ELSE true END;
COMMENT ON FUNCTION funnel.is_past(timestamptz, interval, timestamptz) IS 'internal: had so much time passed at as_of';

CREATE FUNCTION funnel.purgatory(
    cohort funnel.cohort,
    pipeline text,
    touches text[] DEFAULT NULL,
    most_touches int DEFAULT 2,
    idle interval DEFAULT '14 days',
    as_of timestamptz DEFAULT now(),
    OUT lead text, OUT stage text, OUT owner text, OUT accepted_at timestamptz, OUT entered_at timestamptz,
    OUT touch_count bigint, OUT last_touch_at timestamptz, OUT idle_days float8, OUT amount numeric
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE SUPPORT funnel.cohort_support COST 20000 ROWS 1000
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stages text[];
    groups int[];
BEGIN
    IF cohort IS NULL THEN
        RETURN;
    ELSIF purgatory.as_of IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "as_of" must not be null',
            HINT = 'Pass a value, or leave the argument out if it has a default.';
    ELSIF most_touches IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "most_touches" must not be null',
            HINT = 'Pass how many touches are too few: 2 lists leads with none, one or two.';
    ELSIF most_touches < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "most_touches" must not be negative',
            DETAIL = format('It is %s.', most_touches),
            HINT = 'Pass how many touches are too few: 2 lists leads with none, one or two.';
    END IF;
    PERFORM funnel.require_pipeline(purgatory.pipeline), funnel.require_span('idle'::text, idle);
    -- the stages that a team works in after it has taken leads over: a group for each team
    SELECT coalesce(array_agg(s.stage), '{}'), coalesce(array_agg(s.team), '{}') INTO stages, groups
      FROM (SELECT s.stage, dense_rank() OVER (ORDER BY s.owner COLLATE "C")::int AS team
              FROM funnel.stage AS s
             WHERE s.pipeline = purgatory.pipeline AND s.kind = 'open'
               AND EXISTS (SELECT FROM funnel.handoff_points(purgatory.pipeline) AS p
                             JOIN funnel.stage AS w ON w.pipeline = purgatory.pipeline AND w.stage = p.stage
                            WHERE w."position" < s."position" AND p.from_owner <> s.owner)) AS s;
    RETURN QUERY
    SELECT o.lead, o.stage, s.owner, o.since, o.entered_at, o.touches_since, o.last_touch_at,
           o.idle_days, o.amount
      FROM funnel.open_leads(cohort, stages, groups, touches, purgatory.as_of)
           WITH ORDINALITY AS o (lead, stage, entered_at, since, from_stage, times, touches_before, touches_since,
                                 last_touch_at, amount, days, idle_days, n)
      JOIN funnel.stage AS s ON s.pipeline = purgatory.pipeline AND s.stage = o.stage
     WHERE o.touches_since <= most_touches
       AND funnel.is_past(greatest(o.entered_at, o.last_touch_at), idle, purgatory.as_of)
     ORDER BY greatest(o.entered_at, o.last_touch_at), o.n;
END
$$;
COMMENT ON FUNCTION funnel.purgatory(funnel.cohort, text, text[], int, interval, timestamptz) IS
    'the leads that a team has accepted and then hardly touched, longest idle first';

CREATE FUNCTION funnel.recyclable(
    cohort funnel.cohort,
    pipeline text,
    after interval DEFAULT '90 days',
    as_of timestamptz DEFAULT now(),
    kinds text[] DEFAULT '{lost,disqualified}',
    touches text[] DEFAULT NULL,
    history regclass DEFAULT NULL,
    OUT lead text, OUT stage text, OUT kind text, OUT owner text, OUT entered_at timestamptz, OUT days float8,
    OUT from_stage text, OUT next_stage text, OUT times bigint, OUT touch_count bigint, OUT amount numeric,
    OUT reason text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE SUPPORT funnel.cohort_support COST 20000 ROWS 1000
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    unknown text;
    stages text[];
    groups int[];
    reasons text := 'SELECT NULL::text AS lead, NULL::text AS stage, NULL::text AS reason WHERE false';
BEGIN
    IF recyclable.cohort IS NULL THEN
        RETURN;
    ELSIF recyclable.as_of IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "as_of" must not be null',
            HINT = 'Pass a value, or leave the argument out if it has a default.';
    END IF;
    PERFORM funnel.require_pipeline(recyclable.pipeline), funnel.require_span('after'::text, recyclable.after),
            funnel.require_names('kinds'::text, recyclable.kinds);
    SELECT k INTO unknown FROM unnest(recyclable.kinds) AS k
     WHERE k NOT IN ('lost', 'disqualified', 'recycled') LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('argument "kinds" has element "%s"', unknown),
            HINT = 'Leads come back from stages of kind lost, disqualified and recycled.';
    END IF;
    -- a group for each stage: how long it has been in this one
    SELECT coalesce(array_agg(s.stage), '{}'), coalesce(array_agg(s.n), '{}') INTO stages, groups
      FROM (SELECT s.stage, (row_number() OVER ())::int AS n
              FROM funnel.stage AS s
             WHERE s.pipeline = recyclable.pipeline AND s.kind = ANY (recyclable.kinds)) AS s;
    IF recyclable.history IS NOT NULL THEN
        PERFORM funnel.column_type(recyclable.history, c.name, 'history')
           FROM unnest('{lead,to_stage,at,reason}'::text[]) AS c (name);
        -- the last row of the stage: a blank reason is none
        reasons := format(
            'SELECT DISTINCT ON (lead, stage) lead, stage, reason'
            '  FROM (SELECT funnel.text_form(h.lead) AS lead, funnel.text_form(h.to_stage) AS stage, h.at::timestamptz AS at,'
            '               CASE WHEN h.reason::text ~ ''[^[:space:]]'' THEN h.reason::text END AS reason FROM %s AS h'
            '         WHERE h.at::timestamptz < $5 AND h.to_stage IS NOT NULL) AS h'
            ' WHERE stage = ANY ($2)'
            ' ORDER BY lead, stage, at DESC, reason COLLATE "C"', recyclable.history);
    END IF;
    RETURN QUERY EXECUTE
        'WITH s AS MATERIALIZED ('
        '    SELECT s.stage, s.kind, s.owner,'
        '           (SELECT n.stage FROM funnel.transition AS t'
        '              JOIN funnel.stage AS n ON n.pipeline = $6 AND n.stage = t.to_stage AND n.kind IN (''open'', ''recycled'')'
        '             WHERE t.pipeline = $6 AND t.from_stage = s.stage ORDER BY n."position" LIMIT 1) AS next_stage'
        '      FROM funnel.stage AS s WHERE s.pipeline = $6)'
        ' SELECT o.lead, o.stage, s.kind, s.owner, o.since, o.days, o.from_stage, s.next_stage,'
        '       o.times, o.touches_before, o.amount, r.reason'
        '  FROM funnel.open_leads($1, $2, $3, $4, $5)'
        '       WITH ORDINALITY AS o (lead, stage, entered_at, since, from_stage, times, touches_before, touches_since,'
        '                             last_touch_at, amount, days, idle_days, n)'
        '  JOIN s ON s.stage = o.stage'
        '  LEFT JOIN (' || reasons || ') AS r ON r.lead = o.lead AND r.stage = o.stage'
        ' WHERE funnel.is_past(o.since, $7, $5)'
        ' ORDER BY o.since, o.n'
        USING recyclable.cohort, stages, groups, recyclable.touches, recyclable.as_of, recyclable.pipeline, recyclable.after;
END
$$;
COMMENT ON FUNCTION funnel.recyclable(funnel.cohort, text, interval, timestamptz, text[], text[], regclass) IS
    'lost and disqualified leads that are due for another try, oldest first, with the reason where a history has it';

CREATE FUNCTION funnel.reasons(
    history regclass,
    pipeline text,
    source_column text DEFAULT NULL,
    owner_column text DEFAULT NULL,
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    kinds text[] DEFAULT '{disqualified,lost,recycled}',
    OUT stage text, OUT kind text, OUT reason text, OUT source text, OUT owner text,
    OUT times bigint, OUT leads bigint, OUT share float8, OUT amount numeric
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 20000 ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF reasons.history IS NULL OR reasons.as_of IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'arguments "history" and "as_of" must not be null',
            HINT = 'The history is the table that funnel.attach() has made: funnel.reasons(''leads_history'', ...).';
    END IF;
    PERFORM funnel.require_pipeline(reasons.pipeline), funnel.require_names('kinds'::text, reasons.kinds);
    PERFORM funnel.column_type(reasons.history, c.name, 'history')
       FROM unnest('{lead,from_stage,to_stage,at,reason,amount}'::text[]) AS c (name);
    PERFORM funnel.column_type(reasons.history, c.name, c.what)
       FROM (VALUES (source_column, 'source_column'), (owner_column, 'owner_column')) AS c (name, what)
      WHERE c.name IS NOT NULL;
    RETURN QUERY EXECUTE format(
        'SELECT s.stage, s.kind, h.reason, h.source, h.owner, count(*), count(DISTINCT h.lead),'
        '       count(*) / sum(count(*)) OVER (PARTITION BY s.stage, h.source, h.owner)::float8, sum(h.amount)'
        '  FROM (SELECT funnel.text_form(h.lead) AS lead, funnel.text_form(h.from_stage) AS from_stage,'
        '               funnel.text_form(h.to_stage) AS to_stage, h.at::timestamptz AS at, h.amount::numeric AS amount,'
        '               CASE WHEN h.reason::text ~ ''[^[:space:]]'' THEN h.reason::text END AS reason,'
        '               %s AS source, %s AS owner FROM %s AS h) AS h'
        '  JOIN funnel.stage AS s ON s.pipeline = $1 AND s.stage = h.to_stage AND s.kind = ANY ($2)'
        ' WHERE h.from_stage IS DISTINCT FROM h.to_stage AND h.at::timestamptz < $3 AND ($4 IS NULL OR h.at::timestamptz <@ $4)'
        ' GROUP BY s.stage, s.kind, s."position", h.reason, h.source, h.owner'
        ' ORDER BY s."position", h.source COLLATE "C", h.owner COLLATE "C", count(*) DESC, h.reason COLLATE "C"',
        CASE WHEN source_column IS NULL THEN 'NULL::text'
             ELSE format('CASE WHEN h.%1$I::text ~ ''[^[:space:]]'' THEN h.%1$I::text END', source_column) END,
        CASE WHEN owner_column IS NULL THEN 'NULL::text'
             ELSE format('CASE WHEN h.%1$I::text ~ ''[^[:space:]]'' THEN h.%1$I::text END', owner_column) END,
        reasons.history)
        USING reasons.pipeline, reasons.kinds, reasons.as_of, reasons.period;
END
$$;
COMMENT ON FUNCTION funnel.reasons(regclass, text, text, text, tstzrange, timestamptz, text[]) IS
    'why leads were disqualified, lost or recycled, by source and owner, as a history says';

-- Is a column of a table "h" filled, as the guard understands it: not NULL and, if it is text, not blank?
CREATE FUNCTION funnel.filled_expression(target regclass, name text) RETURNS text
    STABLE PARALLEL SAFE LANGUAGE sql
    RETURN (SELECT pg_catalog.format(CASE t.typcategory WHEN 'S' THEN '(h.%I::text ~ ''[^[:space:]]'') IS TRUE'
                                     ELSE 'h.%I IS NOT NULL' END, name)
              FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
             WHERE a.attrelid = target AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped);
COMMENT ON FUNCTION funnel.filled_expression(regclass, text) IS 'internal: SQL for whether a column is filled; NULL: there is no such column';

CREATE FUNCTION funnel.coverage(
    source regclass,
    pipeline text,
    campaign_column text DEFAULT NULL,
    reason_column text DEFAULT NULL,
    owner_column text DEFAULT NULL,
    stage_column text DEFAULT NULL,
    at_column text DEFAULT NULL,
    period tstzrange DEFAULT NULL,
    OUT fact text, OUT stage text, OUT column_name text,
    OUT total bigint, OUT filled bigint, OUT missing bigint, OUT coverage float8
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 20000 ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    is_history boolean;
    columns text[];
    chosen text := 'true';
    owned text;
BEGIN
    IF coverage.source IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "source" must not be null',
            HINT = 'Pass the table of leads, or the history that funnel.attach() has made beside it.';
    END IF;
    PERFORM funnel.require_pipeline(coverage.pipeline);
    is_history := coverage.stage_column IS NULL
        AND (SELECT count(*) FROM pg_attribute AS a
              WHERE a.attrelid = coverage.source AND a.attname IN ('lead', 'from_stage', 'to_stage', 'at')
                AND a.attnum > 0 AND NOT a.attisdropped) = 4;
    IF is_history THEN
        stage_column := 'to_stage';
        at_column := coalesce(at_column, 'at');
    ELSE
        stage_column := coalesce(stage_column, 'stage');
    END IF;
    PERFORM funnel.column_type(coverage.source, c.name, c.what)
       FROM (VALUES (coverage.campaign_column, 'campaign_column'), (coverage.reason_column, 'reason_column'),
                    (coverage.owner_column, 'owner_column'), (coverage.stage_column, 'stage_column'),
                    (coverage.at_column, 'at_column')) AS c (name, what)
      WHERE c.name IS NOT NULL;
    IF coverage.period IS NOT NULL THEN
        IF coverage.at_column IS NULL THEN
            RAISE invalid_parameter_value USING
                MESSAGE = 'argument "period" needs argument "at_column"',
                HINT = 'Name the column that says when the lead came: at_column => ''created_at''.';
        END IF;
        chosen := format('h.%I::timestamptz <@ $3', coverage.at_column);
    END IF;
    -- what may be asked for, as far as the source has it
    columns := ARRAY(SELECT c FROM (SELECT unnest(ARRAY[coverage.campaign_column, coverage.reason_column, coverage.owner_column])
                                    UNION SELECT unnest(s.requires) FROM funnel.stage AS s WHERE s.pipeline = coverage.pipeline
                                    UNION SELECT unnest(t.requires) FROM funnel.transition AS t WHERE t.pipeline = coverage.pipeline) AS u (c)
                      WHERE funnel.filled_expression(coverage.source, c) IS NOT NULL);
    IF coverage.owner_column IS NULL THEN
        owned := 'SELECT 0::bigint AS total, 0::bigint AS filled';
    ELSIF is_history THEN
        -- the last row of a lead; of several at one time that of the later stage, as in a cohort
        owned := format('SELECT count(*) AS total, count(*) FILTER (WHERE l.filled) AS filled'
                        '  FROM (SELECT DISTINCT ON (l.lead) l.to_stage, l.filled'
                        '          FROM (SELECT funnel.text_form(h.lead) AS lead, funnel.text_form(h.to_stage) AS to_stage,'
                        '                       h.at::timestamptz AS at, %s AS filled FROM %s AS h WHERE %s) AS l'
                        '          LEFT JOIN funnel.stage AS s ON s.pipeline = $1 AND s.stage = l.to_stage'
                        '         ORDER BY l.lead, l.at DESC NULLS LAST, l.to_stage IS NULL DESC, s."position" DESC NULLS FIRST,'
                        '                  l.to_stage COLLATE "C" DESC, l.filled DESC) AS l WHERE l.to_stage IS NOT NULL',
                        funnel.filled_expression(coverage.source, coverage.owner_column), coverage.source, chosen);
    ELSE
        owned := 'SELECT sum(g.total)::bigint AS total, sum(g.filled[array_position($2, $6)])::bigint AS filled FROM g';
    END IF;
    RETURN QUERY EXECUTE format(
        'WITH g AS ('
        '    SELECT funnel.text_form(h.%I) AS stage, %s AS from_stage, count(*) AS total, ARRAY[%s]::bigint[] AS filled'
        '      FROM %s AS h WHERE %s GROUP BY 1, 2),'
        ' arrivals AS (SELECT * FROM g WHERE NOT $7 OR g.from_stage IS NULL AND g.stage IS NOT NULL),'
        ' entries AS (SELECT * FROM g WHERE NOT $7 OR g.from_stage IS DISTINCT FROM g.stage),'
        ' required AS ('
        '    SELECT s.stage, NULL::text AS from_stage, true AS always, unnest(s.requires) AS name'
        '      FROM funnel.stage AS s WHERE s.pipeline = $1'
        '    UNION ALL'
        '    SELECT t.to_stage, t.from_stage, false, unnest(t.requires) FROM funnel.transition AS t WHERE t.pipeline = $1 AND $7),'
        ' facts AS ('
        '    SELECT 1 AS place, ''response'' AS fact, NULL::text AS stage, 0 AS "position", $4 AS name,'
        '           coalesce(sum(a.total), 0) AS total, coalesce(sum(a.filled[array_position($2, $4)]), 0) AS filled'
        '      FROM arrivals AS a HAVING $4 IS NOT NULL'
        '    UNION ALL'
        '    SELECT 2, s.kind, s.stage, s."position", $5, coalesce(sum(e.total), 0), coalesce(sum(e.filled[array_position($2, $5)]), 0)'
        '      FROM funnel.stage AS s LEFT JOIN entries AS e ON e.stage = s.stage'
        '     WHERE s.pipeline = $1 AND s.kind IN (''disqualified'', ''lost'', ''recycled'') AND $5 IS NOT NULL'
        '     GROUP BY s.kind, s.stage, s."position"'
        '    UNION ALL'
        '    SELECT 3, ''lead'', NULL, 0, $6, coalesce(o.total, 0), coalesce(o.filled, 0) FROM (%s) AS o WHERE $6 IS NOT NULL'
        '    UNION ALL'
        '    SELECT 4, ''required'', s.stage, s."position", r.name, coalesce(sum(e.total), 0),'
        '           CASE WHEN r.name = ANY ($2) THEN coalesce(sum(e.filled[array_position($2, r.name)]), 0) END'
        '      FROM (SELECT DISTINCT r.stage, r.name FROM required AS r) AS r'
        '      JOIN funnel.stage AS s ON s.pipeline = $1 AND s.stage = r.stage'
        '      LEFT JOIN entries AS e ON e.stage = r.stage'
        '            AND EXISTS (SELECT FROM required AS q WHERE q.stage = r.stage AND q.name = r.name'
        '                           AND (q.always OR q.from_stage IS NOT DISTINCT FROM e.from_stage))'
        '     WHERE NOT (s.kind IN (''disqualified'', ''lost'', ''recycled'') AND r.name IS NOT DISTINCT FROM $5)'
        '     GROUP BY s.stage, s."position", r.name)'
        ' SELECT f.fact, f.stage, f.name, f.total::bigint, f.filled::bigint, (f.total - f.filled)::bigint,'
        '        (f.filled / nullif(f.total, 0))::float8'
        '   FROM facts AS f ORDER BY f.place, f."position", f.name COLLATE "C"',
        coverage.stage_column, CASE WHEN is_history THEN 'funnel.text_form(h.from_stage)' ELSE 'NULL::text' END,
        (SELECT string_agg(format('count(*) FILTER (WHERE %s)', funnel.filled_expression(coverage.source, c)), ', ' ORDER BY n)
           FROM unnest(columns) WITH ORDINALITY AS u (c, n)),
        coverage.source, chosen, owned)
        USING coverage.pipeline, columns, coverage.period, coverage.campaign_column, coverage.reason_column,
              coverage.owner_column, is_history;
END
$$;
COMMENT ON FUNCTION funnel.coverage(regclass, text, text, text, text, text, text, tstzrange) IS
    'what is filled in and what is not: campaigns of responses, reasons of exits, owners of leads, required columns';

CREATE FUNCTION funnel.diff(
    a funnel.cohort,
    b funnel.cohort,
    OUT lead text, OUT kind text, OUT label text, OUT at timestamptz, OUT amount numeric, OUT ref text, OUT change text
) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'funnel_diff' LANGUAGE C IMMUTABLE PARALLEL SAFE
    SUPPORT funnel.cohort_support COST 30000 ROWS 1000;
COMMENT ON FUNCTION funnel.diff(funnel.cohort, funnel.cohort) IS
    'the events that two cohorts do not have in common: removed are those of the first, added those of the second';
