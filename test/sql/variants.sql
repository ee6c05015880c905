--
-- variants: the paths that leads take
--
-- First on a few leads that a reader can check by hand, then at its limits, then against plain SQL over random
-- histories (which needs oracle_0_reference and oracle_1_histories).
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET extra_float_digits = 0;
SET jit = off;    -- many small calls
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, ref text);
INSERT INTO crm VALUES
  -- ann, bea and cat go one way, in 10, 30 and 50 days; cat is seen in each stage again and again, which is no step
  ('ann', 'mql', '2024-01-01', NULL), ('ann', 'sal', '2024-01-03', NULL), ('ann', 'won', '2024-01-11', NULL),
  ('bea', 'mql', '2024-01-01', NULL), ('bea', 'sal', '2024-01-03', NULL), ('bea', 'won', '2024-01-31', NULL),
  ('cat', 'mql', '2024-01-01', NULL), ('cat', 'mql', '2024-01-02', NULL), ('cat', 'sal', '2024-01-03', NULL),
  ('cat', 'sal', '2024-01-03', NULL), ('cat', 'won', '2024-02-20', NULL), ('cat', 'won', '2024-02-25', NULL),
  -- dan and eve have only come; eli comes in March
  ('dan', 'mql', '2024-01-01', NULL), ('eve', 'mql', '2024-02-01', NULL), ('eli', 'mql', '2024-03-15', NULL),
  -- fay comes back to where she was, after three days
  ('fay', 'mql', '2024-01-01', NULL), ('fay', 'lost', '2024-01-02', NULL), ('fay', 'mql', '2024-01-04', NULL),
  -- gus has two deals, one after the other in one stage
  ('gus', 'mql', '2024-01-01', NULL), ('gus', 'sal', '2024-01-02', 'A'), ('gus', 'sal', '2024-01-03', 'B'),
  -- hal is in the same two stages as fay, but in another order
  ('hal', 'lost', '2024-01-01', NULL), ('hal', 'mql', '2024-01-03', NULL);
-- Touches are no part of a path: dan's, nor those of jim, who has nothing else.
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) FROM crm)
       || (SELECT funnel.touches(lead, 'mail', '2024-01-05') FROM unnest('{dan,jim}'::text[]) lead) AS c;

-- 8 leads have a stay before 1 March. Another deal in the same stage is a stay of its own, so gus' stage repeats. Three
-- paths have one lead each: they come in the order of their text.
SELECT v.* FROM crm_cohort, funnel.variants(c, as_of => '2024-03-01') v;
-- The first of them; share is still of all 8, and the others are left out, not added up.
SELECT v.* FROM crm_cohort, funnel.variants(c, 2, '2024-03-01') v;
SELECT most, count(v), min(v.path) FILTER (WHERE v.leads = 1), sum(v.leads), sum(v.share)
FROM crm_cohort, unnest('{1,2,3,4,5,6,2147483647}'::int[]) most, funnel.variants(c, most, '2024-03-01') v
GROUP BY most ORDER BY most;
-- What comes at as_of or later does not exist: paths grow.
SELECT as_of, string_agg(format('%s (%s)', v.path, v.leads), ', ' ORDER BY v.leads DESC, v.path COLLATE "C") AS paths
FROM crm_cohort, unnest('{2024-01-01,2024-01-01 00:00:00.000001,2024-01-03,2024-01-03 00:00:00.000001,2024-01-31,2024-01-31 00:00:00.000001,infinity}'::timestamptz[]) as_of
     LEFT JOIN LATERAL funnel.variants(c, as_of => as_of) v ON true
GROUP BY as_of ORDER BY as_of;
-- Twenty paths, as of now, are the default.
SELECT (SELECT array_agg(v) FROM crm_cohort, funnel.variants(c) v) = (SELECT array_agg(v) FROM crm_cohort, funnel.variants(c, 20, now()) v) AS defaults;
SELECT count(*) FROM (SELECT funnel.cohort(n, 'stage ' || n, '2024-01-01') FROM generate_series(1, 30) n) t(c), funnel.variants(c) v;

-- A path is that of the lead's stays, whatever the order of rows: in the order of ranks at one time.
SELECT what, v.path FROM
    (SELECT 'by name', funnel.cohort(1, stage, '2024-01-01') FROM unnest('{mql,accepted,won}'::text[]) stage
     UNION ALL SELECT 'in order', funnel.in_order(funnel.cohort(1, stage, '2024-01-01'), '{won,mql,accepted}') FROM unnest('{mql,accepted,won}'::text[]) stage
     UNION ALL SELECT 'lead_stage', funnel.cohort(1, stage::funnel.lead_stage, '2024-01-01') FROM unnest('{won,sal,mql}'::text[]) stage) t(what, c),
    funnel.variants(c) v;
-- It is funnel.stays(), joined.
SELECT count(*) FROM
    (SELECT path, count(*) FROM (SELECT s.lead, string_agg(s.stage, ' > ' ORDER BY s.ordinality) FROM crm_cohort, funnel.stays(c, as_of => '2024-03-01') WITH ORDINALITY s GROUP BY s.lead) p(lead, path) GROUP BY path) s
    FULL JOIN (SELECT v.path, v.leads FROM crm_cohort, funnel.variants(c, as_of => '2024-03-01') v) v ON (v.path, v.leads) = (s.path, s.count)
WHERE s.path IS NULL OR v.path IS NULL;

-- median_days: as percentile_cont has it, over the leads of the path; days are of 24 hours.
SELECT v.path, v.leads, v.median_days
FROM (SELECT funnel.cohort(lead, stage, at) FROM
      (SELECT n, 'a', timestamptz '2024-01-01' FROM generate_series(1, 4) n
       UNION ALL SELECT n, 'b', '2024-01-01'::timestamptz + n * n * interval '36 hours' FROM generate_series(1, 4) n
       UNION ALL SELECT 5, 'a', '2024-03-30 12:00 Europe/Berlin' UNION ALL SELECT 5, 'c', '2024-03-31 12:00 Europe/Berlin') e(lead, stage, at)) t(c),
     funnel.variants(c) v;
-- From the first time to the last that there are.
SELECT v.path, v.median_days FROM (SELECT funnel.cohort(1, stage, at) FROM (VALUES ('a', '4713-01-01 BC'::timestamptz), ('b', '294276-12-31')) e(stage, at)) t(c),
     funnel.variants(c, as_of => 'infinity') v;

--
-- Arguments that make no sense; nothing to say
--
SELECT call, r.* FROM (VALUES ('variants(c, 0)'), ('variants(c, -5)'), ('variants(c, NULL)'), ('variants(c, as_of => NULL)')) v(call),
     pg_temp.refused(format('SELECT funnel.%s FROM crm_cohort', call)) r;
SELECT call, r.state FROM (SELECT funnel.as_of(c, '-infinity') FROM crm_cohort) e(c),
     (VALUES ('variants(%L, 0)'), ('variants(%L, NULL)'), ('variants(%L, as_of => NULL)')) v(call), pg_temp.refused('SELECT funnel.' || format(call, c)) r;
SELECT count(*) FROM funnel.variants(NULL);
SELECT count(*) FROM funnel.variants(NULL, NULL, NULL);
SELECT what, count(v) FROM crm_cohort,
     LATERAL (VALUES ('as of the beginning', c), ('touches only', funnel.only(c, '{}')), ('no events', funnel.as_of(c, '-infinity'))) t(what, narrowed)
     LEFT JOIN LATERAL funnel.variants(narrowed, as_of => '2023-01-01') v ON true
GROUP BY what ORDER BY what;

--
-- Names as they come
--
-- An empty name, names with the separator in them (one text can then be two paths, which are two rows: the shorter
-- first), names that begin like others.
SELECT v.path, v.length, v.leads
FROM (SELECT funnel.cohort(lead, stage, timestamptz '2024-01-01' + n * interval '1 day')
      FROM (VALUES (1, ARRAY['a', 'b', 'c']), (2, ARRAY['a > b', 'c']), (3, ARRAY['a', 'b > c']), (4, ARRAY['a > b > c']), (5, ARRAY['a', 'b', 'c']),
                   (6, ARRAY['a']), (7, ARRAY['a', '']), (8, ARRAY['', 'a']), (9, ARRAY['']), (10, ARRAY['ab']), (11, ARRAY['a b']), (12, ARRAY['a', 'b']),
                   (13, ARRAY['ä', 'z']), (14, ARRAY['a!'])) l(lead, stages), unnest(stages) WITH ORDINALITY s(stage, n)) t(c),
     funnel.variants(c) v;
-- Some hundred stages, and some ten thousand: 0 > 1 is not taken for the path whose stages are 256 or 65,536 further.
SELECT stages, v.path, v.leads
FROM (SELECT stages, funnel.cohort(CASE WHEN n = 0 THEN -1 WHEN n IN (stages - 44, stages - 43) THEN -2 WHEN n = 1 THEN -1 ELSE n END,
                                   n, timestamptz '2024-01-01' + n * interval '1 day')
      FROM unnest('{256,300,65536,65580}'::int[]) stages, generate_series(0, stages - 1) n GROUP BY stages) t(stages, c),
     funnel.variants(c, 3, 'infinity') v
ORDER BY stages, v.leads DESC, v.path COLLATE "C";

--
-- Long paths
--
CREATE TEMP TABLE long AS
SELECT funnel.cohort(lead, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, timestamptz '2024-01-01' + n * interval '1 second') AS c
FROM (VALUES ('long', 999999), ('longer', 1000000), ('short', 0), ('short, too', 0)) l(lead, last), generate_series(0, last) n;
SELECT v.length, v.leads, length(v.path), left(v.path, 9) AS begins, right(v.path, 9) AS ends, v.share, round(v.median_days::numeric, 4) AS days
FROM long, funnel.variants(c) v;
-- A path whose text would be too long is an error if it is among those to be shown, and none if it is not.
SELECT CASE WHEN v.path = 'a' THEN v.path END AS path, v.length, v.leads, r.state, r.message, r.detail, r.hint
FROM (SELECT funnel.cohort(lead, repeat('x', 65534) || n % 2, timestamptz '2024-01-01' + n * interval '1 second') FROM generate_series(1, 2) lead, generate_series(lead, 16400) n) t(long),
     LATERAL (SELECT long || funnel.cohort(-1, 'a', '2024-01-01') || funnel.cohort(-2, 'a', '2024-01-01')) u(c),
     funnel.variants(c, 1) v, pg_temp.refused(format('SELECT FROM funnel.variants(%L, 3)', c)) r;

--
-- The same whichever way the cohort comes: from rows in another order, merged from pieces, or stored
--
SELECT (SELECT array_agg(v) FROM funnel.variants(forward, 5) v) = (SELECT array_agg(v) FROM funnel.variants(backward, 5) v) AS order_of_rows,
       (SELECT array_agg(v) FROM funnel.variants(forward, 5) v) = (SELECT array_agg(v) FROM funnel.variants(pieces, 5) v) AS pieces,
       (SELECT array_agg(v) FROM funnel.variants(forward, 5) v) = (SELECT array_agg(v) FROM funnel.variants(stored, 5) v) AS stored
FROM (SELECT funnel.cohort(lead, stage, at ORDER BY at, stage) AS forward, funnel.cohort(lead, stage, at ORDER BY at DESC, stage DESC) AS backward,
             funnel.cohort(lead, stage, at)::text::funnel.cohort AS stored FROM crm) r,
     (SELECT funnel.merge(c) AS pieces FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM crm GROUP BY at) p) p;

-- Many paths of one lead each: the first in the order of their text are found among all.
CREATE TEMP TABLE walk AS
SELECT n AS lead, k, chr(97 + ('x' || substr(md5(n || ' ' || k), 1, 4))::bit(16)::int % 6) AS stage, timestamptz '2024-01-01' + k * interval '1 day' AS at
FROM generate_series(1, 20000) n, generate_series(1, 12) k;
CREATE TEMP TABLE walk_path AS
SELECT row_number() OVER (ORDER BY count(*) DESC, path COLLATE "C") AS n, path, count(*) AS leads
FROM (SELECT string_agg(stage, ' > ' ORDER BY k)
      FROM (SELECT lead, k, stage, lag(stage) OVER (PARTITION BY lead ORDER BY k) IS DISTINCT FROM stage AS entered FROM walk) e
      WHERE entered GROUP BY lead) p(path)
GROUP BY path;
SELECT most, count(*) FILTER (WHERE (v.path, v.leads) IS DISTINCT FROM (w.path, w.leads)) AS differences, count(*) AS compared, max(w.leads), min(w.leads)
FROM (SELECT most, v.ordinality AS n, v.path, v.leads
      FROM (SELECT funnel.cohort(lead, stage, at) FROM walk) t(c), unnest('{1,2,7,1000,19000,1000000}'::int[]) most, funnel.variants(c, most) WITH ORDINALITY v) v
     FULL JOIN (SELECT most, w.* FROM unnest('{1,2,7,1000,19000,1000000}'::int[]) most, walk_path w WHERE w.n <= most) w USING (most, n)
GROUP BY most ORDER BY most;

--
-- Every column, against plain SQL
--
CREATE TEMP TABLE want AS
SELECT a.cohort, a.arg, path, length, count(*) AS leads, count(*)::float8 / sum(count(*)) OVER (PARTITION BY a.cohort, a.arg) AS share,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
       row_number() OVER (PARTITION BY a.cohort, a.arg ORDER BY count(*) DESC, path COLLATE "C") AS place
FROM oracle.argument a,
     LATERAL (SELECT string_agg(s.stage, ' > ' ORDER BY s.stay), count(*), extract(epoch FROM max(s.entered_at) - min(s.entered_at))::float8 / 86400
              FROM oracle.known_stays(a.cohort, false, a.until) s GROUP BY s.lead) p(path, length, days)
WHERE a.arg <= 6
GROUP BY a.cohort, a.arg, path, length;
CREATE TEMP TABLE got AS
SELECT a.cohort, a.arg, v.*, v.ordinality AS place
FROM oracle.argument a JOIN oracle.cohort c ON c.cohort = a.cohort AND c.lead IS NULL, funnel.variants(c.c, 1000, a.until) WITH ORDINALITY v
WHERE a.arg <= 6;
SELECT count(*) FILTER (WHERE (g.path, g.length, g.leads) IS DISTINCT FROM (w.path, w.length, w.leads)
                              OR NOT oracle.same(g.share, w.share) OR NOT oracle.same(g.median_days, w.median_days)) AS differences,
       count(*) AS compared, count(DISTINCT w.path) AS paths, max(w.length) AS longest, count(*) FILTER (WHERE w.leads > 10) AS frequent,
       count(*) FILTER (WHERE w.median_days > 0) AS with_days
FROM got g FULL JOIN want w USING (cohort, arg, place);
-- (Where there are differences, this shows the first.)
SELECT cohort, arg, place, g.path, g.length, g.leads, g.median_days, w.path AS want_path, w.length, w.leads, w.median_days
FROM got g FULL JOIN want w USING (cohort, arg, place)
WHERE (g.path, g.length, g.leads) IS DISTINCT FROM (w.path, w.length, w.leads) OR NOT oracle.same(g.share, w.share) OR NOT oracle.same(g.median_days, w.median_days)
ORDER BY cohort, arg, place LIMIT 5;
-- Fewer are the first of all.
SELECT count(*) FILTER (WHERE g.leads IS NULL) AS differences, count(*) AS compared
FROM (SELECT a.cohort, a.arg, v.ordinality AS place, v.path, v.leads, v.share
      FROM oracle.argument a JOIN oracle.cohort c ON c.cohort = a.cohort AND c.lead IS NULL, generate_series(1, 9, 4) most,
           funnel.variants(c.c, most, a.until) WITH ORDINALITY v
      WHERE a.arg <= 6) f
     LEFT JOIN got g USING (cohort, arg, place, path, leads, share);
