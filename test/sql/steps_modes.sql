--
-- steps, case by case: one lead's history, the question, and what is counted, each worked out by hand
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET extra_float_digits = 0;

-- 'a@1 b@2.5=10/x ~mail@3': stage a on 1 January at noon UTC, b a day and a half later with amount 10 and ref x, a
-- touch over mail. Stages are ranked by letter, so at one time a comes before b.
CREATE FUNCTION pg_temp.history(history text) RETURNS funnel.cohort LANGUAGE sql AS $$
    WITH event AS (
        SELECT m[1] = '~' AS touch, m[2] AS label, timestamptz '2023-12-31 12:00' + m[3]::float8 * interval '1 day' AS at,
               m[4]::numeric AS amount, m[5] AS ref
        FROM regexp_split_to_table(history, ' +') item, regexp_match(item, '^(~?)([a-z]+)@([0-9.]+)(?:=([0-9.]+))?(?:/(\w+))?$') m
    )
    SELECT CASE WHEN t IS NULL THEN s WHEN s IS NULL THEN t ELSE s OPERATOR(funnel.||) t END
    FROM (SELECT funnel.cohort('x', label, at, amount, ref) FROM event WHERE NOT touch) stage(s),
         (SELECT funnel.touches('x', label, at) FROM event WHERE touch) touch(t)
$$;
CREATE FUNCTION pg_temp.day(n float8) RETURNS timestamptz LANGUAGE sql AS
    $$SELECT timestamptz '2023-12-31 12:00' + n * interval '1 day'$$;

-- For each mode, leads at each step; and for one of them the days from step to step.
CREATE TEMP TABLE worked (n serial, why text, history text, steps text[], within interval, ordered text, strict text, any_ text, implied text);
INSERT INTO worked (why, history, steps, within, ordered, strict, any_, implied) VALUES
  ('one after the other',                    'a@1 b@2 c@3', '{a,b,c}', NULL,         '1 1 1', '1 1 1', '1 1 1', '1 1 1'),
  ('backwards',                              'c@1 b@2 a@3', '{a,b,c}', NULL,         '1 0 0', '1 0 0', '1 1 1', '1 1 1'),
  ('not the first step',                     'b@1 c@2', '{a,b,c}', NULL,             '0 0 0', '0 0 0', '0 1 1', '1 1 1'),
  ('one is skipped',                         'a@1 c@2', '{a,b,c}', NULL,             '1 0 0', '1 0 0', '1 0 1', '1 1 1'),
  ('another stage between',                  'a@1 x@2 b@3', '{a,b}', NULL,           '1 1', '1 0', '1 1', '1 1'),
  ('a touch between, even one called a',     'a@1 ~a@2 ~x@2 b@3', '{a,b}', NULL,     '1 1', '1 1', '1 1', '1 1'),
  ('touches only',                           '~a@1 ~b@2', '{a,b}', NULL,             '0 0', '0 0', '0 0', '0 0'),
  ('nothing of the funnel',                  'x@1 y@2', '{a,b}', NULL,               '0 0', '0 0', '0 0', '0 0'),
  ('seen again and again: one entry',        'a@1 a@2 a@2 a@3', '{a,a}', NULL,       '1 0', '1 0', '1 1', '1 1'),
  ('left and entered again: two entries',    'a@1 b@2 a@3', '{a,a}', NULL,           '1 1', '1 0', '1 1', '1 1'),
  ('another record: two entries',            'a@1/x a@2/y', '{a,a}', NULL,           '1 1', '1 1', '1 1', '1 1'),
  ('one record, with and without its name',  'a@1/x a@2', '{a,a}', NULL,             '1 1', '1 1', '1 1', '1 1'),
  ('there and back',                         'a@1 b@2 a@3', '{a,b,a}', NULL,         '1 1 1', '1 1 1', '1 1 1', '1 1 1'),
  ('there, and back only once',              'a@1 b@2', '{a,b,a}', NULL,             '1 1 0', '1 1 0', '1 1 1', '1 1 1'),
  ('twice to the same',                      'a@1 b@2 c@3 b@4', '{a,b,b}', NULL,     '1 1 1', '1 1 0', '1 1 1', '1 1 1'),
  ('the second pass gets through',           'a@1 x@2 a@3 b@4 c@5', '{a,b,c}', NULL, '1 1 1', '1 1 1', '1 1 1', '1 1 1'),
  ('the second pass gets as far',            'a@1 b@2 x@3 a@4 b@5', '{a,b,c}', NULL, '1 1 0', '1 1 0', '1 1 0', '1 1 0'),
  ('the end of the window belongs to it',    'a@1 b@8', '{a,b}', '7 days',           '1 1', '1 1', NULL, '1 1'),
  ('just beyond',                            'a@1 b@8.00001', '{a,b}', '7 days',     '1 0', '1 0', NULL, '1 0'),
  ('it runs from the first step',            'a@1 b@6 c@9', '{a,b,c}', '7 days',     '1 1 0', '1 1 0', NULL, '1 1 0'),
  ('beyond for the first pass, not the next', 'a@1 x@3 a@6 b@9', '{a,b}', '7 days',  '1 1', '1 1', NULL, '1 0'),
  ('a later start gets further',             'a@1 b@2 a@5 b@6 c@9', '{a,b,c}', '7 days', '1 1 1', '1 1 1', NULL, '1 1 0'),
  ('the first start gets further',           'a@1 b@2 c@3 a@5 b@6', '{a,b,c}', '7 days', '1 1 1', '1 1 1', NULL, '1 1 1'),
  ('in a month: 30 days',                    'a@1 b@31', '{a,b}', '1 month',         '1 1', '1 1', NULL, '1 1'),
  ('not in a month',                         'a@1 b@31.00001', '{a,b}', '1 month',   '1 0', '1 0', NULL, '1 0'),
  ('a day: 24 hours, a year: 360 days',      'a@1 b@361', '{a,b}', '1 year',         '1 1', '1 1', NULL, '1 1'),
  ('at one time, in the order of ranks',     'b@1 a@1', '{a,b}', '1 microsecond',    '1 1', '1 1', NULL, '1 1'),
  ('at one time, against it: strict minds',  'a@1 b@1', '{b,a}', NULL,               '1 1', '1 0', '1 1', '1 1'),
  ('at one time, one entry is one step',     'a@1 b@1', '{a,b,a}', NULL,             '1 1 0', '1 1 0', '1 1 1', '1 1 1'),
  ('at one time, of two records',            'a@1/x a@1/y b@1/x', '{a,b,a}', NULL,   '1 1 1', '1 1 0', '1 1 1', '1 1 1'),
  ('three steps in one moment',              'c@5 b@5 a@5', '{c,b,a}', '1 second',   '1 1 1', '1 0 0', NULL, '1 1 1');

CREATE FUNCTION pg_temp.leads(history text, steps text[], within interval, mode text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(s.leads::text, ' ' ORDER BY s.step)
    FROM funnel.steps(funnel.in_order(pg_temp.history(history), '{a,b,c,x,y}'), steps, within, mode, as_of => '2030-01-01') s
$$;
-- stages that only the question names are meant to be missing
SET client_min_messages = error;
SELECT why, history, steps, within, pg_temp.leads(history, steps, within, 'ordered') AS ordered, pg_temp.leads(history, steps, within, 'strict') AS strict,
       CASE WHEN within IS NULL THEN pg_temp.leads(history, steps, NULL, 'any') ELSE '-' END AS any,
       pg_temp.leads(history, steps, within, 'implied') AS implied,
       CASE WHEN (pg_temp.leads(history, steps, within, 'ordered'), pg_temp.leads(history, steps, within, 'strict'), pg_temp.leads(history, steps, within, 'implied'))
                 IS DISTINCT FROM (ordered, strict, implied)
              OR any_ IS DISTINCT FROM (CASE WHEN within IS NULL THEN pg_temp.leads(history, steps, NULL, 'any') END)
            THEN concat_ws(' | ', ordered, strict, any_, implied) ELSE '' END AS should_be
FROM worked ORDER BY n;
RESET client_min_messages;

--
-- Which chain gives the times: the furthest; of those the earliest start, then the earliest next step
--
CREATE FUNCTION pg_temp.days(history text, steps text[], within interval, mode text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(s.mean_days::text, '-'), ' ' ORDER BY s.step)
    FROM funnel.steps(funnel.in_order(pg_temp.history(history), '{a,b,c,x,y}'), steps, within, mode, as_of => '2030-01-01') s
$$;
SET client_min_messages = error;
SELECT why, history, mode, steps, within, pg_temp.days(history, steps, within, mode) AS days,
       CASE WHEN pg_temp.days(history, steps, within, mode) IS DISTINCT FROM days THEN days ELSE '' END AS should_be
FROM (VALUES
    ('the earliest start',                    'a@1 x@2 a@3 b@4', 'ordered', '{a,b}'::text[], NULL::interval, '- 3'),
    ('strict has the later one only',         'a@1 x@2 a@3 b@4', 'strict', '{a,b}', NULL, '- 1'),
    ('the earliest next',                     'a@1 b@2 x@3 b@5 c@6', 'ordered', '{a,b,c}', NULL, '- 1 4'),
    ('strict has the first chain that far',   'a@1 b@2 a@5 b@9', 'strict', '{a,b}', NULL, '- 1'),
    ('the furthest, not the earliest',        'a@1 b@3 a@5 b@6 c@9', 'ordered', '{a,b,c}', '7 days', '- 1 3'),
    ('as far, so the earliest',               'a@1 b@3 a@5 b@6 c@20', 'ordered', '{a,b,c}', '7 days', '- 2 -'),
    ('from entry to entry, not from the last time it was seen', 'a@1 a@2 a@3 b@4 b@5', 'ordered', '{a,b}', NULL, '- 3'),
    ('at one time: no days at all',           'a@1 b@1 c@1.5', 'ordered', '{a,b,c}', NULL, '- 0 0.5'),
    ('implied: first entries',                'a@1 b@2 a@3 b@4', 'implied', '{a,b}', NULL, '- 1'),
    ('implied: not backwards',                'b@1 a@2 c@4', 'implied', '{a,b,c}', NULL, '- - 3'),
    ('implied: not across a step that was skipped', 'a@1 c@4', 'implied', '{a,b,c}', NULL, '- - -'),
    ('implied: at one time is not backwards', 'b@1 a@1', 'implied', '{b,a}', NULL, '- 0'),
    ('implied: within the window only',       'a@1 b@3 c@20', 'implied', '{a,b,c}', '7 days', '- 2 -')) v(why, history, mode, steps, within, days);
RESET client_min_messages;

--
-- Amount: the lead's last one, up to the end of the furthest stay of its chain; the same at every step
--
CREATE FUNCTION pg_temp.amounts(history text, steps text[], within interval, mode text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(s.amount::text, '-'), ' ' ORDER BY s.step)
    FROM funnel.steps(funnel.in_order(pg_temp.history(history), '{a,b,c,x,y}'), steps, within, mode, as_of => '2030-01-01') s
$$;
SET client_min_messages = error;
SELECT why, history, mode, steps, within, pg_temp.amounts(history, steps, within, mode) AS amounts,
       CASE WHEN pg_temp.amounts(history, steps, within, mode) IS DISTINCT FROM amounts THEN amounts ELSE '' END AS should_be
FROM (VALUES
    ('of the last step',                      'a@1=10 b@2=20', 'ordered', '{a,b}'::text[], NULL::interval, '20 20'),
    ('of the one before, where it has none',  'a@1=10 b@2', 'ordered', '{a,b}', NULL, '10 10'),
    ('of a stage that is no step',            'y@1=5 a@2 b@3', 'ordered', '{a,b}', NULL, '5 5'),
    ('the last of its stay',                  'a@1 b@2=20 b@3=25.0 b@4', 'ordered', '{a,b}', NULL, '25.0 25.0'),
    ('not one that comes after',              'a@1=10 b@2=20 x@3=30', 'ordered', '{a,b}', NULL, '20 20'),
    ('of how far it got, not of what followed', 'a@1=10 x@2=20 c@3=30', 'ordered', '{a,b,c}', NULL, '10 - -'),
    ('of the pass that counts',               'a@1=10 b@2=20 x@3 a@4=40 b@5=50 c@6=60', 'ordered', '{a,b,c}', '3 days', '60 60 60'),
    ('outside the window',                    'a@1=10 b@9=90', 'ordered', '{a,b}', '7 days', '10 -'),
    ('none at all',                           'a@1 b@2', 'ordered', '{a,b}', NULL, '- -'),
    ('implied: of the highest step',          'c@1=30 a@2=10', 'implied', '{a,b,c}', NULL, '30 30 30'),
    ('any: of the highest step, at the steps entered', 'c@1=30 a@2=10', 'any', '{a,b,c}', NULL, '30 - 30'),
    ('at one time, the largest comes last',   'a@1 b@2=7 b@2=9 b@2=8', 'ordered', '{a,b}', NULL, '9 9')) v(why, history, mode, steps, within, amounts);
RESET client_min_messages;

--
-- Pending and mature
--
CREATE FUNCTION pg_temp.open(history text, steps text[], within interval, mode text, as_of timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws('/', coalesce(s.pending::text, '-'), coalesce(s.mature_leads::text, '-'), coalesce(s.mature_rate::text, '-')), ' ' ORDER BY s.step)
    FROM funnel.steps(funnel.in_order(pg_temp.history(history), '{a,b,c,x,y}'), steps, within, mode, as_of => as_of) s WHERE s.step > 1
$$;
-- For each step from the second on: pending/mature_leads/mature_rate.
SET client_min_messages = error;
SELECT why, history, mode, steps, within, day, pg_temp.open(history, steps, within, mode, pg_temp.day(day)) AS open,
       CASE WHEN pg_temp.open(history, steps, within, mode, pg_temp.day(day)) IS DISTINCT FROM open THEN open ELSE '' END AS should_be
FROM (VALUES
    ('no window: no answer',                  'a@1', 'ordered', '{a,b}'::text[], NULL::interval, 3, '-/-/-'),
    ('still in it',                           'a@1', 'ordered', '{a,b}', '7 days', 7.9, '1/0/-'),
    ('just over',                             'a@1', 'ordered', '{a,b}', '7 days', 8, '0/1/0'),
    ('there already: not pending',            'a@1 b@2', 'ordered', '{a,b}', '7 days', 3, '0/0/-'),
    ('there, and the window is over',         'a@1 b@2', 'ordered', '{a,b}', '7 days', 8, '0/1/1'),
    ('pending at the next step only',         'a@1 b@2', 'ordered', '{a,b,c}', '7 days', 3, '0/0/- 1/0/-'),
    ('lost on the way, but still in it',      'a@1 x@2', 'ordered', '{a,b}', '7 days', 3, '1/0/-'),
    ('over for the first pass, open for the second', 'a@1 x@2 a@9', 'ordered', '{a,b}', '7 days', 10, '1/1/0'),
    ('... at the step after the furthest',    'a@1 b@2 a@9', 'ordered', '{a,b,c}', '7 days', 10, '0/1/1 1/1/0'),
    ('the second pass counts, and is open',   'a@1 x@2 a@9 b@10', 'ordered', '{a,b,c}', '7 days', 11, '0/0/- 1/0/-'),
    ('strict is no different',                'a@1 x@2 a@9', 'strict', '{a,b}', '7 days', 10, '1/1/0'),
    ('implied: from the first entry',         'b@1 a@5', 'implied', '{a,b,c}', '7 days', 7, '0/0/- 1/0/-'),
    ('implied: that is over',                 'b@1 a@5', 'implied', '{a,b,c}', '7 days', 8, '0/1/1 0/1/0'),
    ('nobody there',                          'b@1', 'ordered', '{a,b}', '7 days', 3, '0/0/-')) v(why, history, mode, steps, within, day, open);
RESET client_min_messages;

--
-- Within: any positive interval, compared as PostgreSQL compares intervals
--
SELECT within, within >= interval '45 days' AS postgresql, s.leads = 1 AS steps
FROM unnest('{1 microsecond,44 days 23:59:59.999999,45 days,1080:00:00,1 mon 15 days,1 mon 14 days 24:00,2 mons -15 days,2 mons -15 days -00:00:01,-1 mon 75 days,1 year,1 mon}'::interval[]) within,
     funnel.steps(pg_temp.history('a@1 b@46'), '{a,b}', within, as_of => '2030-01-01') s WHERE s.step = 2;
-- Over a change to summer time, a day is 24 hours all the same.
SET timezone = 'Europe/Berlin';
SELECT within, s.leads, s.mean_days
FROM (SELECT funnel.cohort(1, stage, at::timestamptz) FROM (VALUES ('a', '2024-03-30 12:00'), ('b', '2024-03-31 12:00')) v(stage, at)) t(c),
     unnest('{23 hours,22:59:59,1 day}'::interval[]) within, funnel.steps(c, '{a,b}', within, as_of => '2030-01-01') s WHERE s.step = 2;
