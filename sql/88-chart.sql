-- Charts: the step funnel and the outcome curve as lines of text, and as SVG that needs nothing but itself.
--
-- A chart asks its question once, packs what is to be drawn into jsonb, and hands that to the function that draws. The
-- source is ASCII, and so is SVG that is made, whatever the encoding of the database: other characters of names become
-- numeric references.

-- Names, as they can be shown anywhere: one line, without what moves a cursor, turns the direction of writing or is no
-- character of XML, and no more than two marks on a letter.
CREATE FUNCTION funnel.chart_name(name text) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    marks CONSTANT text := $re$\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f$re$;
    clean text := regexp_replace(name COLLATE "C", $re$[\u0009\u000a\u000d\u2028\u2029]+$re$, ' ', 'g');
BEGIN
    IF getdatabaseencoding() = 'SQL_ASCII' THEN     -- nobody knows what its other bytes mean
        clean := regexp_replace(clean, $re$[^\u0001-\u007e]$re$, '?', 'g');
    END IF;
    clean := regexp_replace(clean, '[' || $re$\u0001-\u001f\u007f-\u009f$re$
        || $re$\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff$re$ || ']', '?', 'g');
    clean := regexp_replace(clean, '([' || marks || ']{2})[' || marks || ']+', $re$\1$re$, 'g');
    RETURN CASE WHEN char_length(clean) > 200 THEN left(clean, 197) || '...' ELSE clean END;
END
$$;
COMMENT ON FUNCTION funnel.chart_name(text) IS 'a name in one line, without control characters, of 200 characters at most';

-- How much room a name takes: in columns of a terminal, and in SVG in em of a wide sans-serif (a name may come out
-- narrower, but no wider).

CREATE FUNCTION funnel.chart_columns(name text) RETURNS int
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN char_length(regexp_replace(regexp_replace(name COLLATE "C",
        -- marks, and what joins and selects characters, take none
        '[' || $re$\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e$re$
            || $re$\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f$re$ || ']', '', 'g'),
        -- East Asian characters and pictures take two
        '[' || $re$\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f$re$
            || $re$\uff01-\uff60\uffe0-\uffe6\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff$re$
            || $re$\U0001fa70-\U0001faff\U00020000-\U0003fffd$re$ || ']', 'ww', 'g'));
END
$$;
COMMENT ON FUNCTION funnel.chart_columns(text) IS 'how many columns of a terminal a name takes';

CREATE FUNCTION funnel.chart_em(name text) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN 0.66 * funnel.chart_columns(name)
           - 0.27 * char_length(regexp_replace(name COLLATE "C", $re$[^-ijlftrI.,:;'|!() ]$re$, '', 'g'))
           + 0.13 * char_length(regexp_replace(name COLLATE "C", $re$[^A-HJ-LN-VX-Z&]$re$, '', 'g'))
           + 0.36 * char_length(regexp_replace(name COLLATE "C", $re$[^MWmw@%]$re$, '', 'g'))
           + 0.24 * char_length(regexp_replace(name COLLATE "C", '[' || $re$\u0001-\u052f\u0590-\u08ff\u1e00-\u1fff$re$
                                                                || $re$\u2010-\u2044\u3000-\ud7a3\uff00-\uffef$re$ || ']', '', 'g'));
END
$$;
COMMENT ON FUNCTION funnel.chart_em(text) IS 'how wide a name is at most, in em of a sans-serif';

-- Padded to so many columns, or cut to them.
CREATE FUNCTION funnel.chart_fit(name text, columns int) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shown text := name;
    n int := length(name);
BEGIN
    WHILE funnel.chart_columns(shown) > columns AND n > 0 LOOP
        n := n - 1;
        shown := left(name, n) || '..';
    END LOOP;
    RETURN shown || repeat(' ', greatest(columns - funnel.chart_columns(shown), 0));
END
$$;
COMMENT ON FUNCTION funnel.chart_fit(text, int) IS 'a name cut or padded to so many columns of a terminal';

-- As the content of an element or of a quoted attribute, in ASCII.
CREATE FUNCTION funnel.chart_xml(name text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(
               CASE WHEN c IN ('&', '<', '>', '"', '''') THEN '&#' || get_byte(b, 0) || ';'
                    ELSE CASE octet_length(b)
                         WHEN 1 THEN c
                         WHEN 2 THEN '&#' || (((get_byte(b, 0) & 31) << 6) | (get_byte(b, 1) & 63)) || ';'
                         WHEN 3 THEN '&#' || (((get_byte(b, 0) & 15) << 12) | ((get_byte(b, 1) & 63) << 6)
                                              | (get_byte(b, 2) & 63)) || ';'
                         ELSE '&#' || (((get_byte(b, 0) & 7) << 18) | ((get_byte(b, 1) & 63) << 12)
                                       | ((get_byte(b, 2) & 63) << 6) | (get_byte(b, 3) & 63)) || ';'
                         END
               END, '' ORDER BY n), '')
      FROM string_to_table(funnel.chart_name(name), NULL) WITH ORDINALITY AS s(c, n), convert_to(c, 'UTF8') AS b;
$$;
COMMENT ON FUNCTION funnel.chart_xml(text) IS 'a name as XML text: escaped, in ASCII';

-- In so many lines of so many em; what does not fit ends in an ellipsis.
CREATE FUNCTION funnel.chart_lines(name text, em numeric, lines int) RETURNS text[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rest text := funnel.chart_name(name);
    room numeric;
    n int;
    cut int;
    result text[] := '{}';
BEGIN
    FOR i IN 1 .. lines LOOP
        EXIT WHEN funnel.chart_em(rest) <= em;
        room := CASE WHEN i = lines THEN em - 1 ELSE em END;
        n := char_length(rest);
        WHILE n > 1 AND funnel.chart_em(left(rest, n)) > room LOOP
            n := n - 1;
        END LOOP;
        IF i = lines THEN
            RETURN result || (funnel.chart_xml(rtrim(left(rest, n))) || '&#8230;');
        END IF;
        cut := char_length(substring(left(rest, n) FROM '^.*[ _/-]'));
        IF cut IS NULL OR cut < n / 3 THEN
            cut := n;
        END IF;
        result := result || funnel.chart_xml(rtrim(left(rest, cut)));
        rest := ltrim(substr(rest, cut + 1));
    END LOOP;
    RETURN result || funnel.chart_xml(rest);
END
$$;
COMMENT ON FUNCTION funnel.chart_lines(text, numeric, int) IS 'a name as XML text, broken into lines that are no wider than so many em';

-- Numbers, the same whatever the locale and the settings of the session.

CREATE FUNCTION funnel.chart_count(n numeric) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN to_char(round(n), 'FM999,999,999,999,999,999,999,990');
COMMENT ON FUNCTION funnel.chart_count(numeric) IS 'a whole number, its thousands set apart';

CREATE FUNCTION funnel.chart_percent(share numeric) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN share > 0 AND share < 0.0005 THEN '<0.1%'
                WHEN share < 1 AND share >= 0.9995 THEN '>99.9%'
                WHEN share IN (0, 1) THEN 100 * share::int || '%'
                ELSE to_char(100 * share, 'FM990.0') || '%' END;
COMMENT ON FUNCTION funnel.chart_percent(numeric) IS 'a share in percent; what is not all or nothing is not shown as such';

CREATE FUNCTION funnel.chart_interval(low numeric, high numeric) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN high < 0.095 OR low > 0.905 OR round(100 * low) = round(100 * high)
                THEN to_char(100 * low, 'FM990.0') || ' to ' || to_char(100 * high, 'FM990.0')
                ELSE to_char(100 * low, 'FM990') || ' to ' || to_char(100 * high, 'FM990') END || '%';
COMMENT ON FUNCTION funnel.chart_interval(numeric, numeric) IS 'an interval of shares, in percent';

CREATE FUNCTION funnel.chart_time(at timestamptz) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN isfinite(at) THEN
                to_char(at, CASE WHEN at = date_trunc('day', at) THEN 'YYYY-MM-DD'
                                 WHEN at = date_trunc('minute', at) THEN 'YYYY-MM-DD HH24:MI'
                                 ELSE 'YYYY-MM-DD HH24:MI:SS' END) END;
COMMENT ON FUNCTION funnel.chart_time(timestamptz) IS 'a time in the zone of the session, no longer than it has to be';

-- What is counted: the line under the title.
CREATE FUNCTION funnel.chart_caption(mode text, within interval, period tstzrange, as_of timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET intervalstyle = 'postgres'
AS $$
    SELECT concat_ws(', ', 'mode ' || mode,
                     'within ' || regexp_replace(within::text, $re$\mmon(s?)\M$re$, $re$month\1$re$, 'g'),
                     CASE WHEN isempty(period) THEN 'begun never'
                          ELSE 'begun ' || nullif(concat_ws(' ',
                              CASE WHEN lower_inc(period) THEN 'from ' ELSE 'after ' END || funnel.chart_time(lower(period)),
                              CASE WHEN upper_inc(period) THEN 'until ' ELSE 'before ' END || funnel.chart_time(upper(period))), '') END,
                     'as of ' || funnel.chart_time(as_of));
$$;
COMMENT ON FUNCTION funnel.chart_caption(text, interval, tstzrange, timestamptz) IS 'what is counted, in words';

-- The arguments that charts have in common; the width that there will be.
CREATE FUNCTION funnel.chart_width(format text, width int) RETURNS int
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    svg CONSTANT boolean := format = 'svg';
    least_width CONSTANT int := CASE WHEN svg THEN 480 ELSE 60 END;
    most_width CONSTANT int := CASE WHEN svg THEN 4000 ELSE 400 END;
BEGIN
    IF format IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'argument "format" must not be null',
            HINT = 'The formats are text, unicode and svg.';
    ELSIF format NOT IN ('text', 'unicode', 'svg') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('unknown format "%s"', format),
            HINT = 'The formats are text, unicode and svg.';
    ELSIF format = 'unicode' AND getdatabaseencoding() <> 'UTF8' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'format "unicode" takes a database whose encoding is UTF8',
            DETAIL = pg_catalog.format('The encoding is %s.', getdatabaseencoding()),
            HINT = 'Format "text" does the same with other characters.';
    ELSIF width NOT BETWEEN least_width AND most_width THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('width %s is out of range for format "%s"', width, format),
            HINT = pg_catalog.format('Give %s to %s %s.', least_width, most_width, CASE WHEN svg THEN 'pixels' ELSE 'columns' END);
    END IF;
    RETURN coalesce(width, CASE WHEN svg THEN 860 ELSE 100 END);
END
$$;
COMMENT ON FUNCTION funnel.chart_width(text, int) IS 'the width that a chart of that format will have, or an error';

-- Parts of drawings: words, and bars of three looks. Colours stand in the parts themselves, for light ground; what is
-- dark has a style sheet, which a page may refuse.
CREATE FUNCTION funnel.chart_words(
    xml text, x numeric, y numeric, size int DEFAULT 13, look text DEFAULT 'ink', anchor text DEFAULT NULL, bold boolean DEFAULT false
) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN format('<text class="funnel-%s" fill="%s" x="%s" y="%s"%s font-size="%s"%s>%s</text>' || chr(10),
                  look, CASE look WHEN 'ink' THEN '#1b2430' ELSE '#596675' END, trim_scale(round(x, 1)), trim_scale(round(y, 1)),
                  ' text-anchor="' || anchor || '"', size, CASE WHEN bold THEN ' font-weight="600"' END, xml);
COMMENT ON FUNCTION funnel.chart_words(text, numeric, numeric, int, text, text, boolean) IS 'words in a drawing';

CREATE FUNCTION funnel.chart_bar(look text, x numeric, y numeric, width numeric, height numeric, round_by numeric DEFAULT 3) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN format('<rect %s x="%s" y="%s" width="%s" height="%s" rx="%s"/>' || chr(10),
                  CASE look
                  WHEN 'took' THEN 'class="funnel-c1" color="#2563c9" fill="currentColor"'
                  WHEN 'pending' THEN 'class="funnel-c1" color="#2563c9" fill="currentColor" fill-opacity="0.25"'
                                      || ' stroke="currentColor" stroke-dasharray="3 2"'
                  ELSE 'class="funnel-ghost" fill="#e6eaef"' END,
                  trim_scale(round(x, 1)), trim_scale(round(y, 1)), trim_scale(round(width, 1)), trim_scale(height), round_by);
COMMENT ON FUNCTION funnel.chart_bar(text, numeric, numeric, numeric, numeric, numeric) IS 'a bar in a drawing';

-- The frame of a drawing: who has no eyes for it reads title and description. It brings its own ground, so it can be
-- read on any page, and goes dark where the reader has chosen so.
CREATE FUNCTION funnel.chart_svg(title text, caption text, description text, body text, width int, height numeric) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT text := 'funnel-' || left(md5(concat_ws('|', title, caption, description, body, width)), 12);
    room CONSTANT numeric := width - 48;
    heading CONSTANT text[] := funnel.chart_lines(title, room / 18, 1);
BEGIN
    RETURN concat_ws(E'\n',
        format('<svg xmlns="http://www.w3.org/2000/svg" width="%1$s" height="%2$s" viewBox="0 0 %1$s %2$s" role="img"'
               || ' aria-labelledby="%3$s-title %3$s-desc" font-size="13" font-family="system-ui, -apple-system, ''Segoe UI'','
               || ' Roboto, ''Helvetica Neue'', Arial, ''Noto Sans'', sans-serif">', width, trim_scale(height), id),
        format('<title id="%s-title">%s</title>', id, funnel.chart_xml(title)),
        format('<desc id="%s-desc">%s</desc>', id, description),
        '<style>@media (prefers-color-scheme: dark) {',
        '.funnel-paper { fill: #14181f; stroke: #39424e } .funnel-ghost { fill: #2c3440 } .funnel-rule { stroke: #39424e }',
        '.funnel-ink { fill: #eef1f5 } .funnel-dim { fill: #a6b0bd }',
        '.funnel-c1 { color: #6ea8fe } .funnel-c2 { color: #fb9a5b } .funnel-c3 { color: #5fd38d } .funnel-c4 { color: #b79cff }',
        '.funnel-c5 { color: #4fd1c5 } .funnel-c6 { color: #f687b3 } .funnel-c7 { color: #f0c94a } .funnel-c8 { color: #a9b4c2 }',
        '}</style>',
        format('<rect class="funnel-paper" x="0.5" y="0.5" width="%s" height="%s" rx="8" fill="#ffffff" stroke="#d8dde3"/>',
               width - 1, trim_scale(height - 1)),
        rtrim(funnel.chart_words(heading[1], 24, 36, 18, bold => true), E'\n'),
        rtrim(funnel.chart_words((funnel.chart_lines(caption, room / 12, 1))[1], 24, 57, 12, 'dim'), E'\n'),
        body,
        '</svg>');
END
$$;
COMMENT ON FUNCTION funnel.chart_svg(text, text, text, text, int, numeric) IS 'an SVG drawing with its title, description and ground';

-- The step funnel

-- The table beside the bars: row 0 has the headings; columns of no use are not in it. The lower the rank, the longer a
-- column stays where room is short.
CREATE FUNCTION funnel.chart_cells(steps jsonb)
    RETURNS TABLE (step int, col int, rank int, cell text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH s AS (
        SELECT * FROM jsonb_to_recordset(steps) AS r (step int, leads numeric, amount numeric, from_previous numeric,
            from_first numeric, low numeric, high numeric, median_days numeric)),
    cells AS (
        SELECT s.step, c.col, c.rank, c.heading, c.cell
          FROM s, LATERAL (VALUES
               (1, 1, 'leads', funnel.chart_count(leads)),
               (2, 2, 'of previous', funnel.chart_percent(from_previous)),
               (3, 5, '95% interval', funnel.chart_interval(low, high)),
               (4, 3, 'of first', CASE WHEN s.step > 1 THEN funnel.chart_percent(from_first) END),
               (5, 4, 'median days', CASE WHEN median_days > 0 AND median_days < 0.05 THEN '<0.1'
                                          ELSE to_char(median_days, 'FM999,999,990.0') END),
               (6, 6, 'amount', funnel.chart_count(amount))) AS c (col, rank, heading, cell))
    SELECT c.step, c.col, c.rank, coalesce(c.cell, '')
      FROM cells AS c WHERE c.col IN (SELECT u.col FROM cells AS u WHERE u.cell IS NOT NULL)
    UNION ALL
    SELECT 0, c.col, c.rank, c.heading FROM cells AS c WHERE c.cell IS NOT NULL GROUP BY c.col, c.rank, c.heading
    ORDER BY 1, 2;
$$;
COMMENT ON FUNCTION funnel.chart_cells(jsonb) IS 'the figures of a step funnel as they are shown';

CREATE FUNCTION funnel.chart_steps_text(steps jsonb, title text, caption text, width int, marks text[]) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names int;      -- columns for the names,
    bars int;       -- the bars,
    cols int[];     -- and the figures that there is room for
    figures int;
    most numeric;
    r record;
    line text;
    legend text;
BEGIN
    SELECT least(max(funnel.chart_columns(funnel.chart_name(s.stage))), greatest(16, width / 4)), greatest(max(s.leads), 1)
      INTO names, most FROM jsonb_to_recordset(steps) AS s (stage text, leads numeric);
    SELECT array_agg(w.col ORDER BY w.col), sum(w.room) INTO cols, figures
      FROM (SELECT c.col, max(char_length(c.cell)) + 2 AS room, c.rank,
                   sum(max(char_length(c.cell)) + 2) OVER (ORDER BY c.rank) AS taken
              FROM funnel.chart_cells(steps) AS c GROUP BY c.col, c.rank) AS w
     WHERE w.rank = 1 OR w.taken <= width - names - 2 - width / 5;
    bars := width - names - 2 - figures;

    IF title IS NOT NULL THEN
        RETURN NEXT funnel.chart_name(title);
    END IF;
    FOR r IN
        SELECT c.step, string_agg(lpad(c.cell, c.room), '' ORDER BY c.col) AS figures, s.*
          FROM (SELECT *, max(char_length(cell)) OVER (PARTITION BY col) + 2 AS room FROM funnel.chart_cells(steps)) AS c
          LEFT JOIN LATERAL (SELECT t.stage, t.leads, coalesce(t.pending, 0) AS pending, greatest(t.previous, t.leads) AS previous
                               FROM jsonb_to_recordset(steps) AS t (step int, stage text, leads numeric, pending numeric, previous numeric)
                              WHERE t.step = c.step) AS s ON true
         WHERE c.col = ANY (cols)
         GROUP BY c.step, s.stage, s.leads, s.pending, s.previous ORDER BY c.step
    LOOP
        IF r.step = 0 THEN
            line := repeat(' ', bars);
        ELSE
            line := repeat(marks[1], round(bars * r.leads / most)::int);
            IF line = '' AND r.leads > 0 THEN
                line := marks[4];
            END IF;
            line := line || repeat(marks[2], round(bars * (r.leads + r.pending) / most)::int - char_length(line));
            line := line || repeat(marks[3], round(bars * r.previous / most)::int - char_length(line));
            line := line || repeat(' ', bars - char_length(line));
        END IF;
        RETURN NEXT rtrim(funnel.chart_fit(coalesce(funnel.chart_name(r.stage), ''), names) || '  ' || line || r.figures);
    END LOOP;
    SELECT concat_ws('   ', marks[1] || ' took the step',
                     CASE WHEN bool_or(s.pending > 0) THEN marks[2] || ' may still take it' END,
                     CASE WHEN bool_or(s.previous > s.leads + coalesce(s.pending, 0))
                          THEN marks[3] || CASE WHEN bool_or(s.pending IS NOT NULL) THEN ' did not in time' ELSE ' has not so far' END END)
      INTO legend FROM jsonb_to_recordset(steps) AS s (leads numeric, pending numeric, previous numeric);
    RETURN NEXT legend;
    RETURN NEXT caption;
END
$$;
COMMENT ON FUNCTION funnel.chart_steps_text(jsonb, text, text, int, text[]) IS 'a step funnel in lines of text';

CREATE FUNCTION funnel.chart_steps_svg(steps jsonb, title text, caption text, width int) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    count CONSTANT int := jsonb_array_length(steps);
    row_height CONSTANT int := 38;
    top CONSTANT int := 104;
    names numeric;
    cols int[];
    figures numeric;
    x0 numeric;         -- the bars: from here
    room numeric;       -- so wide at most
    most numeric;
    y numeric;
    r record;
    lines text[];
    body text := '';
    description text;
    has_pending boolean;
    has_lost boolean;
    has_window boolean;
BEGIN
    SELECT ceil(least(13.5 * max(funnel.chart_em(funnel.chart_name(s.stage))), 0.3 * width)), greatest(max(s.leads), 1),
           bool_or(s.pending > 0), bool_or(s.previous > s.leads + coalesce(s.pending, 0)), bool_or(s.pending IS NOT NULL)
      INTO names, most, has_pending, has_lost, has_window
      FROM jsonb_to_recordset(steps) AS s (stage text, leads numeric, pending numeric, previous numeric);
    SELECT array_agg(w.col ORDER BY w.col), sum(w.room) INTO cols, figures
      FROM (SELECT c.col, c.rank, max(c.em) + 18 AS room, sum(max(c.em) + 18) OVER (ORDER BY c.rank) AS taken
              FROM (SELECT *, ceil(funnel.chart_em(cell) * CASE WHEN step = 0 THEN 11.5 ELSE 13.5 END) AS em
                      FROM funnel.chart_cells(steps)) AS c GROUP BY c.col, c.rank) AS w
     WHERE w.rank = 1 OR w.taken <= width - 48 - names - 14 - 0.24 * width;
    x0 := 24 + names + 14;
    room := width - 24 - figures - x0;

    -- the headings and the figures
    FOR r IN
        SELECT c.step, c.col, c.cell, width - 24 - sum(c.room) FILTER (WHERE c.step = 0) OVER (ORDER BY c.col DESC, c.step) + c.room AS x
          FROM (SELECT *, max(ceil(funnel.chart_em(cell) * CASE WHEN step = 0 THEN 11.5 ELSE 13.5 END)) OVER (PARTITION BY col) + 18 AS room
                  FROM funnel.chart_cells(steps)) AS c
         WHERE c.col = ANY (cols) ORDER BY c.step, c.col
    LOOP
        CONTINUE WHEN r.cell = '';
        body := body || funnel.chart_words(funnel.chart_xml(r.cell), r.x,
            CASE WHEN r.step = 0 THEN top - 14 ELSE top + (r.step - 1) * row_height + 18.5 END,
            CASE WHEN r.step = 0 THEN 11 ELSE 13 END, CASE WHEN r.step = 0 OR r.col = 3 THEN 'dim' ELSE 'ink' END,
            'end', r.step > 0 AND r.col = 1);
    END LOOP;

    -- the names and the bars
    FOR r IN
        SELECT t.step, t.stage, t.leads, coalesce(t.pending, 0) AS pending, greatest(t.previous, t.leads) AS previous,
               concat_ws(', ', funnel.chart_xml(t.stage) || ': ' || funnel.chart_count(t.leads)
                               || CASE WHEN t.leads = 1 THEN ' lead' ELSE ' leads' END,
                         funnel.chart_percent(t.from_previous) || ' of the previous step'
                         || coalesce(' (95% interval ' || funnel.chart_interval(t.low, t.high) || ')', ''),
                         CASE WHEN t.step > 1 THEN funnel.chart_percent(t.from_first) || ' of the first' END,
                         CASE WHEN t.pending > 0 THEN funnel.chart_count(t.pending) || ' may still take it' END,
                         'median ' || CASE WHEN t.median_days > 0 AND t.median_days < 0.05 THEN '<0.1'
                                           ELSE to_char(t.median_days, 'FM999,999,990.0') END || ' days',
                         'amount ' || funnel.chart_count(t.amount)) AS words
          FROM jsonb_to_recordset(steps) AS t (step int, stage text, leads numeric, pending numeric, previous numeric,
               amount numeric, from_previous numeric, from_first numeric, low numeric, high numeric, median_days numeric)
         ORDER BY t.step
    LOOP
        y := top + (r.step - 1) * row_height;
        description := concat_ws('; ', description, replace(r.words, '<', '&#60;'));
        body := body || format(E'<g><title>%s</title>\n', replace(r.words, '<', '&#60;'));
        lines := funnel.chart_lines(r.stage, names / 13.5, 1);
        IF right(lines[1], 7) = '&#8230;' THEN
            lines := funnel.chart_lines(r.stage, names / 12.5, 2);
        END IF;
        FOR i IN 1 .. cardinality(lines) LOOP
            body := body || CASE WHEN cardinality(lines) = 1 THEN funnel.chart_words(lines[1], 24, y + 18.5)
                                 ELSE funnel.chart_words(lines[i], 24, y - 4 + 15 * i, 12) END;
        END LOOP;
        IF r.previous > r.leads THEN
            body := body || funnel.chart_bar('ghost', x0, y + 2, room * r.previous / most, 24);
        END IF;
        IF r.pending > 0 THEN
            body := body || funnel.chart_bar('pending', x0 + 0.5, y + 2.5, greatest(room * (r.leads + r.pending) / most - 1, 1), 23);
        END IF;
        IF r.leads > 0 THEN
            body := body || funnel.chart_bar('took', x0, y + 2, greatest(room * r.leads / most, 1.5), 24,
                                             CASE WHEN room * r.leads / most < 6 THEN 0.5 ELSE 3 END);
        END IF;
        body := body || E'</g>\n';
    END LOOP;

    -- what the colours mean
    y := top + count * row_height + 24;
    body := body || format(E'<path class="funnel-rule" stroke="#d8dde3" d="M%s %sV%s"/>\n', x0, top - 6, top + count * row_height - 4);
    body := body || funnel.chart_bar('took', 24, y - 10, 12, 12, 2) || funnel.chart_words('took the step', 42, y, 12, 'dim');
    room := 150;
    IF has_pending THEN
        body := body || funnel.chart_bar('pending', room + 0.5, y - 9.5, 11, 11, 2)
                || funnel.chart_words('may still take it', room + 18, y, 12, 'dim');
        room := room + 138;
    END IF;
    IF has_lost THEN
        body := body || funnel.chart_bar('ghost', room, y - 10, 12, 12, 2)
                || funnel.chart_words(CASE WHEN has_window THEN 'did not in time' ELSE 'has not so far' END, room + 18, y, 12, 'dim');
    END IF;
    RETURN funnel.chart_svg(title, caption, description || '. ' || funnel.chart_xml(caption) || '.', rtrim(body, E'\n'), width, y + 24);
END
$$;
COMMENT ON FUNCTION funnel.chart_steps_svg(jsonb, text, text, int) IS 'a step funnel as SVG';

CREATE FUNCTION funnel.chart(
    cohort funnel.cohort,
    steps text[],
    within interval DEFAULT NULL,
    mode text DEFAULT 'ordered',
    period tstzrange DEFAULT NULL,
    as_of timestamptz DEFAULT now(),
    format text DEFAULT 'text',
    title text DEFAULT NULL,
    width int DEFAULT NULL,
    OUT chart text
) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000 ROWS 10
    SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1
AS $$
DECLARE
    wide CONSTANT int := funnel.chart_width(chart.format, chart.width);
    caption text;
    data jsonb;
BEGIN
    SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('previous', CASE WHEN chart.mode <> 'any' THEN s.previous END) ORDER BY s.step)
      INTO data
      FROM (SELECT f.*, lag(f.leads) OVER (ORDER BY f.step) AS previous
              FROM funnel.steps(chart.cohort, chart.steps, chart.within, chart.mode, chart.period, chart.as_of) AS f) AS s;
    IF data IS NULL THEN
        RETURN;
    END IF;
    -- the settings of this function have no part in how times are shown
    caption := funnel.chart_caption(chart.mode, chart.within, chart.period, chart.as_of);
    IF chart.format = 'svg' THEN
        chart.chart := funnel.chart_steps_svg(data, coalesce(
            chart.title, 'From ' || chart.steps[array_lower(chart.steps, 1)] || ' to ' || chart.steps[array_upper(chart.steps, 1)]),
            caption, wide);
        RETURN NEXT;
        RETURN;
    END IF;
    FOR chart.chart IN
        SELECT t FROM funnel.chart_steps_text(data, chart.title, caption, wide,
            CASE chart.format WHEN 'text' THEN '{#,:,.,|}'::text[] ELSE ARRAY[chr(9608), chr(9618), chr(9617), chr(9615)] END) AS t
    LOOP
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION funnel.chart(funnel.cohort, text[], interval, text, tstzrange, timestamptz, text, text, int)
    IS 'the step funnel as a chart: lines of text, or SVG';
