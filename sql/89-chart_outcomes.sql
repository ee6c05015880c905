-- Charts: the outcome curve. See 88-chart.sql for what charts have in common.

-- The unit that a time is told in, and how far apart marks on its axis are so that there are no more than so many.
CREATE FUNCTION funnel.chart_axis(days numeric, marks int, OUT unit text, OUT per_day numeric, OUT step numeric)
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    steps numeric[];
BEGIN
    IF days >= 3 OR days = 0 THEN
        unit := 'days';
        per_day := 1;
        steps := '{1,2,7,14,30,60,90,180,365,730,1825,3650,7300,18250,36500}';
    ELSIF days >= 0.125 THEN
        unit := 'hours';
        per_day := 24;
        steps := '{1,2,3,6,12,24}';
    ELSIF days >= 0.002 THEN
        unit := 'minutes';
        per_day := 1440;
        steps := '{1,2,5,10,15,30,60}';
    ELSE
        unit := 'seconds';
        per_day := 86400;
        steps := '{0.000001,0.00001,0.0001,0.001,0.01,0.1,1,2,5,10,15,30}';
    END IF;
    SELECT coalesce(min(s) FILTER (WHERE s * marks >= days * per_day), max(s)) INTO step FROM unnest(steps) AS s;
END
$$;
COMMENT ON FUNCTION funnel.chart_axis(numeric, int) IS 'unit and marks of an axis of time';

-- Where an axis of shares ends, and in how many parts it is divided.
CREATE FUNCTION funnel.chart_top(share numeric, OUT top numeric, OUT parts int)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.digit * p.power, d.parts
      FROM (VALUES (1, 5), (2, 4), (3, 3), (4, 4), (5, 5), (6, 3), (8, 4)) AS d (digit, parts),
           unnest('{0.0001,0.001,0.01,0.1,1}'::numeric[]) AS p (power)
     WHERE d.digit * p.power >= least(share, 1) ORDER BY 1 LIMIT 1;
$$;
COMMENT ON FUNCTION funnel.chart_top(numeric) IS 'end and parts of an axis of shares';

-- What is to be drawn of a curve, however many rows it has: of each outcome the last row in each of 200 parts between two
-- marks of the axis (so a value at a mark is exact), and who is at risk at each mark.
CREATE FUNCTION funnel.chart_curve(
    cohort funnel.cohort, from_stage text, outcomes text[], period tstzrange, as_of timestamptz, since timestamptz, within interval, marks int
) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH curve AS MATERIALIZED (
        SELECT f.* FROM funnel.outcomes(cohort, from_stage, outcomes, period, as_of, since) AS f
         WHERE within IS NULL OR make_interval(secs => f.elapsed_days * 86400) <= within),
    axis AS MATERIALIZED (
        SELECT a.* FROM (SELECT max(elapsed_days) AS days FROM curve) AS c, funnel.chart_axis(c.days::numeric, marks) AS a),
    timed AS MATERIALIZED (
        SELECT c.*, round(c.elapsed_days::numeric * a.per_day, 6) AS u, a.step FROM curve AS c, axis AS a),
    points AS (
        SELECT DISTINCT ON (t.outcome COLLATE "C", ceil(t.u * 200 / t.step)) t.*
          FROM timed AS t ORDER BY t.outcome COLLATE "C", ceil(t.u * 200 / t.step), t.u DESC),
    risks AS (      -- who is at risk as the next lead comes to an outcome
        SELECT DISTINCT ON (floor(t.u / t.step)) floor(t.u / t.step) AS mark, t.at_risk
          FROM timed AS t ORDER BY floor(t.u / t.step), t.u),
    drawn AS (
        SELECT o.n, o.outcome,
               coalesce(jsonb_agg(jsonb_build_object('u', p.u, 'p', p.probability, 'low', p.low, 'high', p.high) ORDER BY p.u)
                        FILTER (WHERE p.u IS NOT NULL), '[]') AS points
          FROM (SELECT min(i) AS n, u.outcome FROM unnest(outcomes) WITH ORDINALITY AS u(outcome, i) GROUP BY u.outcome) AS o
          LEFT JOIN points AS p ON p.outcome = o.outcome
         GROUP BY o.n, o.outcome)
    SELECT jsonb_build_object(
        'from_stage', from_stage,
        'unit', coalesce((SELECT a.unit FROM axis AS a), 'days'),
        'step', coalesce((SELECT a.step FROM axis AS a), 1),
        'end', (SELECT max(t.u) FROM timed AS t),
        'end_at_risk', (SELECT t.at_risk FROM timed AS t ORDER BY t.u DESC LIMIT 1),
        'risks', coalesce((SELECT jsonb_agg(jsonb_build_object('mark', r.mark, 'at_risk', r.at_risk)) FROM risks AS r), '[]'),
        'outcomes', (SELECT jsonb_agg(jsonb_build_object('outcome', d.outcome, 'points', d.points) ORDER BY d.n) FROM drawn AS d));
$$;
COMMENT ON FUNCTION funnel.chart_curve(funnel.cohort, text, text[], tstzrange, timestamptz, timestamptz, interval, int)
    IS 'a curve of outcomes, as much of it as can be drawn';

-- The curve at each mark of the axis, and at its end; outcomes by their number.
CREATE FUNCTION funnel.chart_marks(curve jsonb)
    RETURNS TABLE (u numeric, n int, outcome text, probability numeric, low numeric, high numeric, at_risk numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH marks AS (
        SELECT m.u, (SELECT r.at_risk FROM jsonb_to_recordset(curve -> 'risks') AS r (mark numeric, at_risk numeric)
                      WHERE r.mark * (curve ->> 'step')::numeric >= m.u ORDER BY r.mark LIMIT 1) AS at_risk
          FROM generate_series(0, (curve ->> 'end')::numeric, (curve ->> 'step')::numeric) AS m (u)
         WHERE m.u < (curve ->> 'end')::numeric
        UNION ALL
        SELECT (curve ->> 'end')::numeric, (curve ->> 'end_at_risk')::numeric)
    SELECT m.u, o.n::int, o.o ->> 'outcome', coalesce(p.p, 0), p.low, p.high, m.at_risk
      FROM marks AS m CROSS JOIN jsonb_array_elements(curve -> 'outcomes') WITH ORDINALITY AS o (o, n)
      LEFT JOIN LATERAL (SELECT q.* FROM jsonb_to_recordset(o.o -> 'points') AS q (u numeric, p numeric, low numeric, high numeric)
                          WHERE q.u <= m.u ORDER BY q.u DESC LIMIT 1) AS p ON true
     ORDER BY 1, 2;
$$;
COMMENT ON FUNCTION funnel.chart_marks(jsonb) IS 'a curve of outcomes at the marks of its axis';

CREATE FUNCTION funnel.chart_outcomes_text(curve jsonb, title text, caption text, width int, marks text[]) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unit CONSTANT text := format('%s since %s', curve ->> 'unit', funnel.chart_name(curve ->> 'from_stage'));
    times CONSTANT int := least(funnel.chart_columns(unit), 28);
    risks int;          -- columns for who is at risk,
    rates int[];        -- for the rates of each outcome,
    intervals int[];    -- their intervals,
    bars int;           -- and the picture
    names boolean := true;
    top numeric;
    r record;
BEGIN
    IF title IS NOT NULL THEN
        RETURN NEXT funnel.chart_name(title);
    END IF;
    IF curve ->> 'end' IS NULL THEN
        RETURN NEXT 'Nobody has come to an outcome.';
        RETURN NEXT caption;
        RETURN;
    END IF;
    SELECT t.top INTO top
      FROM (SELECT sum(m.probability) AS share FROM funnel.chart_marks(curve) AS m GROUP BY m.u ORDER BY 1 DESC LIMIT 1) AS s,
           funnel.chart_top(s.share) AS t;
    SELECT max(greatest(7, char_length(funnel.chart_count(m.at_risk)))) + 2 INTO risks FROM funnel.chart_marks(curve) AS m;
    SELECT array_agg(w.rate ORDER BY w.n), array_agg(w.sure ORDER BY w.n) INTO rates, intervals
      FROM (SELECT m.n, 2 + greatest(6, least(14, 2 + max(funnel.chart_columns(funnel.chart_name(m.outcome))))) AS rate,
                   CASE WHEN bool_or(m.low IS NOT NULL)
                        THEN 2 + greatest(12, max(char_length(funnel.chart_interval(m.low, m.high)))) ELSE 0 END AS sure
              FROM funnel.chart_marks(curve) AS m GROUP BY m.n) AS w;
    bars := width - times - risks - 2 - (SELECT sum(i) FROM unnest(rates || intervals) AS i);
    IF bars < 24 THEN       -- without the intervals
        intervals := array_fill(0, ARRAY[cardinality(rates)]);
        bars := width - times - risks - 2 - (SELECT sum(i) FROM unnest(rates) AS i);
    END IF;
    IF bars < 16 THEN       -- with the names below
        names := false;
        rates := array_fill(8, ARRAY[cardinality(rates)]);
        bars := greatest(16, width - times - risks - 2 - (SELECT sum(i) FROM unnest(rates) AS i));
    END IF;

    RETURN NEXT (
        SELECT funnel.chart_fit(unit, times)
               || string_agg(repeat(' ', rates[h.n] - funnel.chart_columns(h.name)) || h.name
                             || lpad(CASE WHEN intervals[h.n] > 0 THEN '95% interval' ELSE '' END, intervals[h.n]), '' ORDER BY h.n)
               || lpad('at risk', risks) || '  0%' || lpad(trim_scale(100 * top) || '%', bars - 2)
          FROM (SELECT m.n, rtrim(funnel.chart_fit(concat_ws(' ', marks[1 + (m.n - 1) % cardinality(marks)],
                                                             CASE WHEN names THEN funnel.chart_name(m.outcome) END), rates[m.n] - 2)) AS name
                  FROM funnel.chart_marks(curve) AS m WHERE m.u = (curve ->> 'end')::numeric) AS h);
    FOR r IN
        SELECT c.u, max(c.at_risk) AS at_risk,
               string_agg(lpad(funnel.chart_percent(c.probability), rates[c.n])
                          || lpad(coalesce(funnel.chart_interval(c.low, c.high), ''), intervals[c.n]), '' ORDER BY c.n) AS figures,
               string_agg(repeat(marks[1 + (c.n - 1) % cardinality(marks)],
                                 (round(bars * c.upto / top) - round(bars * (c.upto - c.probability) / top))::int), '' ORDER BY c.n) AS picture
          FROM (SELECT *, sum(probability) OVER (PARTITION BY u ORDER BY n) AS upto FROM funnel.chart_marks(curve)) AS c
         GROUP BY c.u ORDER BY c.u
    LOOP
        RETURN NEXT rtrim(lpad(trim_scale(CASE WHEN curve ->> 'unit' = 'seconds' THEN r.u ELSE round(r.u, 1) END)::text, times)
                          || r.figures || lpad(funnel.chart_count(r.at_risk), risks) || '  ' || r.picture);
    END LOOP;
    IF NOT names THEN
        RETURN QUERY
        SELECT marks[1 + (o.n - 1) % cardinality(marks)] || ' ' || funnel.chart_name(o.o ->> 'outcome')
          FROM jsonb_array_elements(curve -> 'outcomes') WITH ORDINALITY AS o (o, n) ORDER BY o.n;
    END IF;
    RETURN NEXT caption;
END
$$;
COMMENT ON FUNCTION funnel.chart_outcomes_text(jsonb, text, text, int, text[]) IS 'a curve of outcomes in lines of text';

CREATE FUNCTION funnel.chart_outcomes_svg(curve jsonb, title text, caption text, width int) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    colours CONSTANT text[] := '{#2563c9,#c2500a,#1a7f45,#7547d1,#0f766e,#be185d,#946200,#55606e}';
    dashes CONSTANT text[] := '{none,7 3,2 3,9 3 2 3}';
    unit CONSTANT text := format('%s since %s', curve ->> 'unit', curve ->> 'from_stage');
    step CONSTANT numeric := (curve ->> 'step')::numeric;
    end_u CONSTANT numeric := (curve ->> 'end')::numeric;
    count CONSTANT int := jsonb_array_length(curve -> 'outcomes');
    x0 CONSTANT numeric := 80;      -- the plot: its left,
    x1 numeric;                     -- right,
    y0 CONSTANT numeric := 84;      -- top
    y1 CONSTANT numeric := y0 + greatest(280, 38 * count);      -- and bottom
    x_scale numeric;
    y_scale numeric;
    x_end numeric;
    names numeric;                  -- room for names beside it
    top numeric;
    parts int;
    body text := '';
    description text;
    places numeric[];               -- where the names stand, from the highest curve down
    r record;
    i int := 0;
BEGIN
    IF end_u IS NULL THEN
        RETURN funnel.chart_svg(title, caption, 'Nobody has come to an outcome. ' || funnel.chart_xml(caption) || '.',
            rtrim(funnel.chart_words('Nobody has come to an outcome.', 24, 96, look => 'dim'), E'\n'), width, 124);
    END IF;
    SELECT least(ceil(greatest(13.5 * max(funnel.chart_em(funnel.chart_name(o ->> 'outcome'))), 118)), 0.3 * width) INTO names
      FROM jsonb_array_elements(curve -> 'outcomes') AS o;
    SELECT t.* INTO top, parts
      FROM (SELECT max(greatest(p.p, p.high)) AS share
              FROM jsonb_array_elements(curve -> 'outcomes') AS o, jsonb_to_recordset(o -> 'points') AS p (p numeric, high numeric)) AS s,
           funnel.chart_top(s.share) AS t;
    x1 := width - 24 - names - 24;
    x_scale := 0.98 * (x1 - x0) / CASE WHEN end_u = 0 THEN 1 ELSE end_u END;
    y_scale := (y1 - y0) / top;
    x_end := trim_scale(round(x0 + end_u * x_scale, 1));

    -- the axes
    FOR k IN 0 .. parts LOOP
        body := body || format(E'<path class="funnel-rule" stroke="#d8dde3" d="M%s %sH%s"/>\n', x0,
                               trim_scale(round(y1 - (y1 - y0) * k / parts, 1)), x1)
            || funnel.chart_words(trim_scale(100 * top * k / parts) || '%', x0 - 8, y1 - (y1 - y0) * k / parts + 4, 11, 'dim', 'end');
    END LOOP;
    FOR r IN
        SELECT DISTINCT m.u, m.at_risk, x0 + m.u * x_scale AS x FROM funnel.chart_marks(curve) AS m WHERE mod(m.u, step) = 0 ORDER BY m.u
    LOOP
        body := body || format(E'<path class="funnel-rule" stroke="#d8dde3" d="M%s %sv5"/>\n', trim_scale(round(r.x, 1)), y1)
            || funnel.chart_words(trim_scale(r.u)::text, r.x, y1 + 18, 11, 'dim', 'middle')
            || funnel.chart_words(funnel.chart_count(r.at_risk), r.x, y1 + 62, 11, 'dim', 'middle');
    END LOOP;
    body := body || funnel.chart_words((funnel.chart_lines(unit, (x1 - x0) / 12, 1))[1], (x0 + x1) / 2, y1 + 38, 12, 'dim', 'middle')
        || funnel.chart_words('at risk', 24, y1 + 44, 11, 'dim');

    -- names keep apart: first downward, then, where that was too far, upward
    SELECT array_agg(y1 - m.probability * y_scale ORDER BY m.probability DESC, m.n) INTO places
      FROM funnel.chart_marks(curve) AS m WHERE m.u = end_u;
    FOR k IN 1 .. count LOOP
        places[k] := greatest(places[k], y0 + 12, places[k - 1] + 36);
    END LOOP;
    FOR k IN REVERSE count .. 1 LOOP
        places[k] := least(places[k], y1 - 10, places[k + 1] - 36);
    END LOOP;

    -- the curves
    FOR r IN
        SELECT m.n, m.outcome, m.probability, m.low, m.high, trim_scale(round(y1 - m.probability * y_scale, 1)) AS y,
               format('%s: %s after %s %s%s', funnel.chart_xml(m.outcome), replace(funnel.chart_percent(m.probability), '<', '&#60;'),
                      trim_scale(round(end_u, 1)), curve ->> 'unit', ' (95% interval ' || funnel.chart_interval(m.low, m.high) || ')') AS words,
               (SELECT string_agg(format('H%sV%s', p.x, p.y), '' ORDER BY p.u)
                  FROM (SELECT q.u, trim_scale(round(x0 + q.u * x_scale, 1)) AS x, trim_scale(round(y1 - q.p * y_scale, 1)) AS y
                          FROM jsonb_to_recordset(curve -> 'outcomes' -> (m.n - 1) -> 'points') AS q (u numeric, p numeric)) AS p) AS line,
               -- along the upper limits, and back along the lower ones
               (SELECT 'M' || string_agg(CASE WHEN b.is_first THEN b.x || ' ' || b.high ELSE 'H' || b.x || 'V' || b.high END, '' ORDER BY b.u)
                       || 'H' || trim_scale(round(x0 + coalesce(min(b.sure_until), end_u) * x_scale, 1))
                       || string_agg('V' || b.low || 'H' || b.x, '' ORDER BY b.u DESC) || 'Z'
                  FROM (SELECT q.u, q.low IS NOT NULL AS sure, min(q.u) FILTER (WHERE q.low IS NULL) OVER () AS sure_until,
                               row_number() OVER (ORDER BY q.u) = 1 AS is_first, trim_scale(round(x0 + q.u * x_scale, 1)) AS x,
                               trim_scale(round(y1 - q.high * y_scale, 1)) AS high, trim_scale(round(y1 - q.low * y_scale, 1)) AS low
                          FROM jsonb_to_recordset(curve -> 'outcomes' -> (m.n - 1) -> 'points')
                               AS q (u numeric, low numeric, high numeric)) AS b
                 WHERE b.sure) AS band
          FROM funnel.chart_marks(curve) AS m
         WHERE m.u = end_u ORDER BY m.probability DESC, m.n
    LOOP
        i := i + 1;
        description := concat_ws('; ', description, r.words);
        body := body || format(E'<g class="funnel-c%s" color="%s"><title>%s</title>\n',
                               1 + (r.n - 1) % cardinality(colours), colours[1 + (r.n - 1) % cardinality(colours)], r.words);
        IF r.band IS NOT NULL THEN
            body := body || format(E'<path fill="currentColor" fill-opacity="0.14" d="%s"/>\n', r.band);
        END IF;
        body := body || format(E'<path fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="%s" d="M%s %s%sH%s"/>\n',
                               dashes[1 + (r.n - 1 + (r.n - 1) / cardinality(colours)) % cardinality(dashes)], x0, y1,
                               coalesce(r.line, ''), x_end)
            || format(E'<circle fill="currentColor" cx="%s" cy="%s" r="3.5"/>\n', x_end, r.y)
            || format(E'<path fill="none" stroke="currentColor" d="M%s %sL%s %s"/>\n', x_end, r.y, x1 + 18, trim_scale(round(places[i], 1)))
            || funnel.chart_words((funnel.chart_lines(r.outcome, names / 13.5, 1))[1], x1 + 24, places[i], bold => true)
            || funnel.chart_words(format('<tspan class="funnel-ink" fill="#1b2430">%s</tspan>%s',
                                         replace(funnel.chart_percent(r.probability), '<', '&#60;'),
                                         '&#160; ' || funnel.chart_interval(r.low, r.high)), x1 + 24, places[i] + 16, 12, 'dim')
            || E'</g>\n';
    END LOOP;
    RETURN funnel.chart_svg(title, caption, description || '. ' || funnel.chart_xml(caption) || '.', rtrim(body, E'\n'), width, y1 + 84);
END
$$;
COMMENT ON FUNCTION funnel.chart_outcomes_svg(jsonb, text, text, int) IS 'a curve of outcomes as SVG';

CREATE FUNCTION funnel.chart_outcomes(
    cohort funnel.cohort,
    from_stage text,
    outcomes text[],
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    since timestamptz DEFAULT NULL,
    within interval DEFAULT NULL,
    format text DEFAULT 'text',
    title text DEFAULT NULL,
    width int DEFAULT NULL,
    OUT chart text
) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000 ROWS 15
    SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1
AS $$
DECLARE
    wide CONSTANT int := funnel.chart_width(chart_outcomes.format, chart_outcomes.width);
    svg CONSTANT boolean := chart_outcomes.format = 'svg';
    caption text;
    curve jsonb;
BEGIN
    IF chart_outcomes.cohort IS NULL THEN
        RETURN;
    ELSIF chart_outcomes.within <= interval '0' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'argument "within" must be a positive interval',
            DETAIL = pg_catalog.format('It is %s.', chart_outcomes.within),
            HINT = 'Leave it out to draw the whole curve.';
    END IF;
    curve := funnel.chart_curve(chart_outcomes.cohort, chart_outcomes.from_stage, chart_outcomes.outcomes, chart_outcomes.period,
                                chart_outcomes.as_of, chart_outcomes.since, chart_outcomes.within,
                                CASE WHEN svg THEN greatest(3, least(12, (0.7 * wide - 100) / 75))::int ELSE 12 END);
    caption := funnel.chart_caption(NULL, chart_outcomes.within, chart_outcomes.period, chart_outcomes.as_of)
               || coalesce(', recorded since ' || funnel.chart_time(chart_outcomes.since), '');
    IF svg THEN
        chart := funnel.chart_outcomes_svg(curve,
            coalesce(chart_outcomes.title, 'From ' || chart_outcomes.from_stage || ' to ' ||
                     (SELECT string_agg(o ->> 'outcome', CASE n WHEN 1 THEN '' ELSE ' or ' END ORDER BY n)
                        FROM jsonb_array_elements(curve -> 'outcomes') WITH ORDINALITY AS u(o, n))),
            caption || ', 95% intervals shaded', wide);
        RETURN NEXT;
        RETURN;
    END IF;
    FOR chart IN
        SELECT t FROM funnel.chart_outcomes_text(curve, chart_outcomes.title, caption, wide,
            CASE chart_outcomes.format WHEN 'text' THEN '{#,-,=,+,o,x,*,~}'::text[]
                                       ELSE ARRAY[chr(9608), chr(9618), chr(9619), chr(9617)] END) AS t
    LOOP
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION funnel.chart_outcomes(funnel.cohort, text, text[], tstzrange, timestamptz, timestamptz, interval, text, text, int)
    IS 'the curve of outcomes as a chart: lines of text, or SVG';
