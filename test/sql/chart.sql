-- Charts: what is drawn is what is counted.

SET timezone = 'UTC';

-- Seven MQLs, as in doc/steps.md: four are accepted within 30 days of becoming MQLs, two of the others still have time,
-- one had not been accepted in time; of the four, two are won.
CREATE TEMP TABLE history (lead int, stage text, at timestamptz, amount numeric);
INSERT INTO history VALUES
  (1, 'mql', '2025-01-02', NULL), (1, 'sal', '2025-01-04', NULL), (1, 'won', '2025-01-20', 1000),
  (2, 'mql', '2025-01-03', NULL), (2, 'sal', '2025-01-13', NULL),
  (3, 'mql', '2025-01-06', NULL),
  (4, 'mql', '2025-02-20', NULL), (4, 'sal', '2025-02-22', NULL), (4, 'won', '2025-03-04', 500),
  (5, 'mql', '2025-02-03', NULL), (5, 'sal', '2025-02-05', NULL),
  (6, 'mql', '2025-02-24', NULL),
  (7, 'mql', '2025-02-10', NULL), (7, 'won', '2025-02-24', 2000);
CREATE TEMP VIEW everybody AS SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history;

SELECT chart FROM everybody, funnel.chart(c, '{mql,sal,won}', within => '30 days', as_of => '2025-03-10');

-- Without a window nobody is out of time. The fewer columns, the fewer figures.
SELECT chart FROM everybody, funnel.chart(c, '{mql,sal,won}', as_of => '2025-03-10', title => 'All of them', width => 60);

-- In mode any a step says nothing about those who are not in the one before.
SELECT chart FROM everybody,
       funnel.chart(c, '{sal,mql,won}', mode => 'any', period => '[2025-01-04,2025-02-20]', as_of => '2025-03-10 08:30', width => 80);

-- A lead among many is a thin line, nobody is none; what is not everybody is not 100%.
SELECT chart FROM (SELECT funnel.cohort(n, s, timestamptz '2025-01-01' + i * interval '1 minute') AS c
                     FROM generate_series(1, 5000) AS n, (VALUES (0, 'in', 5000), (1, 'nearly', 4999), (2, 'few', 1)) AS v (i, s, upto)
                    WHERE n <= upto) AS many,
       funnel.chart(c, '{in,nearly,few,none}', '1 year 1 mon', 'ordered', '[2025-01-01,2026-01-01)', '2026-06-01');

-- Nobody, one lead, one step, no cohort.
SELECT chart FROM everybody, funnel.chart(c, '{mql,won}', period => '(,2024-01-01)', as_of => '2025-03-10');
SELECT chart FROM everybody, funnel.chart(c, '{mql,won}', period => 'empty', as_of => '-infinity');
SELECT chart FROM (SELECT funnel.cohort(1, 'mql', timestamptz '2025-01-01') AS c) AS one, funnel.chart(c, '{mql}', as_of => 'infinity');
SELECT count(*) FROM funnel.chart(NULL, '{mql,won}');
SELECT count(*) FROM funnel.chart(NULL, '{mql,won}', format => 'svg');
SELECT count(*) FROM funnel.chart_outcomes(NULL, 'mql', '{won}');

-- Of a set of cohorts, WITH ORDINALITY keeps the lines in order.
SELECT half, line.chart FROM (SELECT lead > 3 AS half, funnel.cohort(lead, stage, at) AS c FROM history GROUP BY 1) AS h,
       funnel.chart(c, '{mql,sal}', as_of => '2025-03-10', width => 60) WITH ORDINALITY AS line (chart, n)
 ORDER BY half, n;

-- The curve, as in doc/outcomes.md.
CREATE TEMP TABLE fate (lead int, stage text, at timestamptz);
INSERT INTO fate VALUES
  (1, 'mql', '2025-01-01'), (1, 'won',  '2025-01-06'),
  (2, 'mql', '2025-01-01'), (2, 'won',  '2025-01-11'),
  (3, 'mql', '2025-01-04'), (3, 'lost', '2025-01-14'),
  (4, 'mql', '2025-01-08'), (4, 'lost', '2025-01-28'),
  (5, 'mql', '2025-01-03'), (5, 'won',  '2025-02-12'),
  (6, 'mql', '2025-01-11'), (7, 'mql', '2025-01-11'), (8, 'mql', '2025-01-11'),
  (9, 'mql', '2025-02-10'), (10, 'mql', '2025-03-02'), (11, 'inquiry', '2025-03-01');
CREATE TEMP VIEW fates AS SELECT funnel.cohort(lead, stage, at) AS c FROM fate;

SELECT chart FROM fates, funnel.chart_outcomes(c, 'mql', '{won,lost}', as_of => '2025-03-12');
SELECT chart FROM fates, funnel.chart_outcomes(c, 'mql', '{won,lost,won}', as_of => '2025-03-12', title => 'MQLs', width => 64);
SELECT chart FROM fates, funnel.chart_outcomes(c, 'mql', '{won}', '[2025-01-01,)', '2025-03-12', '2025-01-12', width => 70);
SELECT chart FROM fates, funnel.chart_outcomes(c, 'inquiry', '{won}', as_of => '2025-03-12');
-- the beginning of it: exact where it ends
SELECT chart FROM fates, funnel.chart_outcomes(c, 'mql', '{won,lost}', as_of => '2025-03-12', within => '10 days', width => 80);
SELECT chart FROM fates, funnel.chart_outcomes(c, 'mql', '{won,lost}', as_of => '2025-03-12', within => '9 days 23:59:59.999999', width => 80);
-- more outcomes than there is room for: their names come below
SELECT chart FROM fates, funnel.chart_outcomes(c, 'mql', '{won,lost,inquiry,mql}', as_of => '2025-03-12', width => 60);

-- The unit of time follows the data; outcomes at once, and outcomes of everybody.
SELECT d, line.chart FROM (SELECT d, funnel.cohort(n, s, timestamptz '2025-01-01' + i * n * d::interval) AS c
                        FROM unnest('{0,200 milliseconds,1 second,1 minute,1 hour,1 day,1 month,10 years}'::text[]) AS d,
                             generate_series(1, 4) AS n, (VALUES (0, 'a'), (1, 'b')) AS v (i, s) GROUP BY d) AS s,
       funnel.chart_outcomes(c, 'a', '{b}', as_of => '2100-01-01', width => 60) WITH ORDINALITY AS line (chart, n)
 ORDER BY d::interval, n;

-- What is wrong is said by name.
\set SHOW_CONTEXT never
SELECT funnel.chart(c, '{mql,won}', format => 'pdf') FROM everybody;
SELECT funnel.chart(c, '{mql,won}', format => NULL) FROM everybody;
SELECT funnel.chart(c, '{mql,won}', width => 59) FROM everybody;
SELECT funnel.chart(c, '{mql,won}', format => 'svg', width => 4001) FROM everybody;
\set VERBOSITY terse
SELECT funnel.chart(c, '{}') FROM everybody;
SELECT funnel.chart(c, '{mql,won}', mode => 'best') FROM everybody;
SELECT funnel.chart(c, '{mql,won}', within => '0') FROM everybody;
SELECT funnel.chart_outcomes(c, 'mql', '{}') FROM fates;
SELECT funnel.chart_outcomes(c, 'mql', '{won}', within => '0') FROM fates;
SELECT funnel.chart_outcomes(c, NULL, '{won}') FROM fates;
SELECT funnel.chart_outcomes(c, 'mql', '{won}', as_of => NULL) FROM fates;
\set VERBOSITY default
\set SHOW_CONTEXT errors

-- Bars against plain SQL: 3,000 leads in up to twelve stages, with duplicates. A bar is to the longest as leads are to
-- the most, to the nearest column; in SVG to a tenth of a pixel.
CREATE TEMP TABLE many AS
SELECT n AS lead, 's' || s AS stage, timestamptz '2025-01-01' + (('x' || left(md5(n || '-' || s), 6))::bit(24)::int % 1000) * interval '1 hour' AS at
  FROM generate_series(1, 3000) AS n, generate_series(1, 12) AS s, generate_series(1, 1 + n % 2)
 WHERE ('x' || left(md5(s || '/' || n), 4))::bit(16)::int % 12 > s - 2;
CREATE TEMP TABLE stored AS SELECT funnel.cohort(lead, stage, at) AS c FROM many;
CREATE TEMP VIEW plain AS
SELECT row_number() OVER (ORDER BY substr(stage, 2)::int) AS n, stage, count(DISTINCT lead) AS leads, max(count(DISTINCT lead)) OVER () AS most
  FROM many GROUP BY stage;

SELECT p.stage, p.leads, char_length(m[2]) AS bar, round(max(char_length(m[2])) OVER () * p.leads::numeric / p.most) AS right_bar,
       replace(m[3], ',', '')::int = p.leads AS right_figure
  FROM stored, LATERAL (SELECT array_agg('s' || i ORDER BY i) AS steps FROM generate_series(1, 12) AS i) AS s,
       funnel.chart(c, steps, mode => 'any', as_of => '2026-01-01') AS t,
       regexp_match(t, '^(s\d+) +(#*) +([0-9,]+)\M') AS m, plain AS p
 WHERE p.stage = m[1] ORDER BY p.n;

SELECT bool_and(abs(w::numeric - widest * p.leads / p.most) <= 0.05), count(*)
  FROM stored, LATERAL (SELECT array_agg('s' || i ORDER BY i) AS steps FROM generate_series(1, 12) AS i) AS s,
       funnel.chart(c, steps, mode => 'any', as_of => '2026-01-01', format => 'svg') AS t,
       LATERAL (SELECT m[1] AS w, n, max(m[1]::numeric) OVER () AS widest
                  FROM regexp_matches(t, 'fill="currentColor" x="[0-9.]+" y="[0-9.]+" width="([0-9.]+)" height="24"', 'g') WITH ORDINALITY AS r (m, n)) AS b
  JOIN plain AS p USING (n);

-- Curves: at each mark, what conversion_at() says; at the end too. 400 leads in many ties.
CREATE TEMP TABLE ties AS
SELECT funnel.cohort(n, s, timestamptz '2025-01-01' + (n % 40 + d) * interval '1 day') AS c
  FROM generate_series(1, 400) AS n, (VALUES ('mql', 0), ('won', 7), ('lost', 14), ('lost', 3)) AS v (s, x),
       LATERAL (SELECT CASE WHEN x = 0 THEN 0 ELSE x * (1 + n * 7 % 11) END AS d) AS e
 WHERE s = 'mql' OR s = 'won' AND n % 3 = 0 OR s = 'lost' AND n % 3 = 1;
SELECT count(*) AS marks,
       count(*) FILTER (WHERE m.probability::float8 = funnel.conversion_at(c, 'mql', m.outcome, m.u * interval '1 day', '{won,lost}', as_of => '2025-03-15')) AS right_marks,
       count(*) FILTER (WHERE m.at_risk = (SELECT o.at_risk FROM funnel.outcomes(c, 'mql', '{won,lost}', as_of => '2025-03-15') AS o
                                            WHERE o.elapsed_days >= m.u ORDER BY o.elapsed_days LIMIT 1)) AS right_risks
  FROM ties, funnel.chart_marks(funnel.chart_curve(c, 'mql', '{won,lost}', NULL, '2025-03-15', NULL, NULL, 12)) AS m;

-- Where a curve has more rows than a screen has pixels, only those that can be told apart are drawn.
SELECT char_length(t) < 80000 AS small, (SELECT count(*) FROM funnel.outcomes(c, 'a', '{b}', as_of => '2026-01-01')) AS rows
  FROM (SELECT funnel.cohort(n, s, timestamptz '2025-01-01' + i * (n % 8999 + 1) * interval '1 minute') AS c
          FROM generate_series(1, 20000) AS n, (VALUES (0, 'a'), (1, 'b')) AS v (i, s) WHERE i = 0 OR n % 2 = 0) AS s,
       funnel.chart_outcomes(c, 'a', '{b}', as_of => '2026-01-01', format => 'svg') AS t;

-- SVG: the same whatever the order of rows and the settings; ASCII; nothing from elsewhere; names are text.
CREATE TEMP VIEW drawn AS
SELECT f.chart AS steps, o.chart AS outcomes
  FROM (SELECT funnel.cohort(lead, stage, at, amount) AS c
          FROM (SELECT lead, at, amount, CASE stage WHEN 'mql' THEN '<script>alert("mql")</script>' WHEN 'sal' THEN e'a\x07\x1b\n&'' -->' ELSE stage END AS stage
                  FROM history ORDER BY md5(lead::text || current_setting('extra_float_digits'))) AS h) AS h,
       funnel.chart(c, ARRAY['<script>alert("mql")</script>', e'a\x07\x1b\n&'' -->', 'won'], '30 days', as_of => '2025-03-10', format => 'svg', title => ']]> & "x"') AS f,
       funnel.chart_outcomes(c, '<script>alert("mql")</script>', ARRAY[e'a\x07\x1b\n&'' -->', 'won'], as_of => '2025-03-10', format => 'svg') AS o;
CREATE TEMP TABLE first_time AS SELECT * FROM drawn;
SET extra_float_digits = -3;
SET intervalstyle = 'iso_8601';
SET datestyle = 'SQL, DMY';
SELECT d.steps = f.steps AS steps, d.outcomes = f.outcomes AS outcomes FROM drawn AS d, first_time AS f;
RESET extra_float_digits;
RESET intervalstyle;
RESET datestyle;
SELECT svg ~ '^<svg xmlns="http://www.w3.org/2000/svg" .* role="img" .*</svg>$' AS is_svg, svg ~ '[^\x0a\x20-\x7e]' AS beyond_ascii,
       svg ~* '<script|<image|<use|href|url\(|@import|javascript|\son[a-z]+=' AS foreign, regexp_count AS http
  FROM first_time, unnest(ARRAY[steps, outcomes]) AS svg,
       LATERAL (SELECT count(*) AS regexp_count FROM regexp_matches(svg, 'http', 'g')) AS r;
SELECT regexp_split_to_table(substring(steps FROM '<desc[^>]*>([^<]*)</desc>'), '; |\. (?=mode|as of)') AS description FROM first_time;
SELECT regexp_split_to_table(substring(outcomes FROM '<desc[^>]*>([^<]*)</desc>'), '; |\. (?=mode|as of)') AS description FROM first_time;
SELECT (regexp_matches(steps, '<text[^>]*>([^<]*alert[^<]*|a[^<]*|]]&#62;[^<]*)</text>', 'g'))[1] FROM first_time;

-- Names as they are shown: one line, no control characters, cut where there is no room.
SELECT funnel.chart_name(e' a\tb\r\nc\x01\x7f') AS one_line, char_length(funnel.chart_name(repeat('x', 300))) AS at_most,
       funnel.chart_fit('marketing', 5) AS cut, funnel.chart_fit('mql', 5) || '|' AS padded,
       funnel.chart_lines('Marketing Qualified Lead of the north', 10, 2) AS lines, funnel.chart_lines('sal', 10, 2) AS line;
SELECT p, funnel.chart_percent(p) FROM unnest('{0,0.0000001,0.0004999,0.0005,0.001,0.5,0.99949,0.9995,0.999999,1}'::numeric[]) AS p;
SELECT p, (funnel.chart_top(p)).* FROM unnest('{0,0.00003,0.007,0.01,0.011,0.55,0.7,0.81,1}'::numeric[]) AS p;
