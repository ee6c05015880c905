--
-- trace: which steps each lead took and when, and why it did not take the next
--
-- First on the leads of the test steps, then case by case, then against steps() and plain SQL over random histories
-- (which needs oracle_0_reference and oracle_1_histories).
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

CREATE TEMP TABLE crm (lead text, stage text, at timestamptz);
INSERT INTO crm VALUES
  -- ann goes straight through
  ('ann', 'mql',  '2024-01-01'), ('ann', 'sal', '2024-01-03'), ('ann', 'won', '2024-01-11'),
  -- ben is still accepted only
  ('ben', 'mql',  '2024-01-01'), ('ben', 'sal', '2024-01-05'),
  -- cat was accepted before she was qualified
  ('cat', 'sal',  '2024-01-02'), ('cat', 'mql', '2024-01-04'), ('cat', 'won', '2024-01-08'),
  -- dan is lost, and buys on his second pass
  ('dan', 'mql',  '2024-01-01'), ('dan', 'lost', '2024-01-06'),
  ('dan', 'mql',  '2024-02-10'), ('dan', 'sal', '2024-02-12'), ('dan', 'won', '2024-02-20'),
  -- eve has just come
  ('eve', 'mql',  '2024-02-20'),
  -- fay was never accepted, and gus never qualified
  ('fay', 'mql',  '2024-01-02'), ('fay', 'won', '2024-01-09'),
  ('gus', 'sal',  '2024-02-01'),
  -- hal takes 35 days to be accepted
  ('hal', 'mql',  '2024-01-01'), ('hal', 'sal', '2024-02-05'), ('hal', 'won', '2024-02-06'),
  -- ivy saw a demo in between
  ('ivy', 'mql',  '2024-01-01'), ('ivy', 'demo', '2024-01-02'), ('ivy', 'sal', '2024-01-03'), ('ivy', 'won', '2024-01-04'),
  -- kim comes in March
  ('kim', 'mql',  '2024-03-05');
-- jim was touched only; so was ivy, over and above.
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at) FROM crm) || (SELECT funnel.touches(lead, 'mail', '2024-01-01') FROM unnest('{ivy,jim}'::text[]) lead) AS c;

-- A row for each lead, also those that did nothing yet, and each step.
SELECT t.* FROM crm_cohort, funnel.trace(c, '{mql,sal,won}', '30 days', as_of => '2024-03-01') t;

-- The same in one line: the day of each step; + a step without an entry of its own; - a step not taken; and why.
CREATE FUNCTION pg_temp.told(mode text, within interval, period tstzrange DEFAULT NULL)
RETURNS TABLE (lead text, told text) LANGUAGE sql AS $$
    SELECT t.lead, string_agg(CASE WHEN t.at IS NOT NULL THEN to_char(t.at, 'MM-DD') WHEN t.reached THEN '+' ELSE '-' END, ' ' ORDER BY t.step)
                   || coalesce(': ' || max(t.why), '')
    FROM crm_cohort, funnel.trace(c, '{mql,sal,won}', within, mode, period, '2024-03-01') t
    GROUP BY t.lead
$$;
SELECT lead, o.told AS ordered, s.told AS strict
FROM pg_temp.told('ordered', NULL) o JOIN pg_temp.told('strict', NULL) s USING (lead) ORDER BY lead;
SELECT lead, i.told AS implied, a.told AS any
FROM pg_temp.told('implied', NULL) i JOIN pg_temp.told('any', NULL) a USING (lead) ORDER BY lead;
SELECT lead, s.told AS strict, i.told AS implied
FROM pg_temp.told('strict', '30 days') s JOIN pg_temp.told('implied', '30 days') i USING (lead) ORDER BY lead;
-- Of February: dan's second pass is the one that counts.
SELECT lead, o.told AS ordered, a.told AS any
FROM pg_temp.told('ordered', NULL, '[2024-02-01,2024-03-01)') o JOIN pg_temp.told('any', NULL, '[2024-02-01,2024-03-01)') a USING (lead) ORDER BY lead;
-- ordered is the default, without a window or a period, as of now.
SELECT (SELECT array_agg(t) FROM crm_cohort, funnel.trace(c, '{mql,sal,won}') t)
       = (SELECT array_agg(t) FROM crm_cohort, funnel.trace(c, '{mql,sal,won}', NULL, 'ordered', NULL, now()) t) AS defaults;

--
-- Case by case: 'a@1 b@2.5/x ~mail@3' is stage a on day 1, b a day and a half later with ref x, a touch over mail.
-- Stages are ranked by letter, so on one day a comes before b. told: days, and why, as above.
--
CREATE FUNCTION pg_temp.day(n numeric) RETURNS timestamptz LANGUAGE sql AS
    $$SELECT timestamptz '2023-12-31' + n::float8 * interval '1 day'$$;
CREATE FUNCTION pg_temp.history(history text) RETURNS funnel.cohort LANGUAGE sql AS $$
    WITH event AS (
        SELECT m[1] = '~' AS touch, m[2] AS label, pg_temp.day(m[3]::numeric) AS at, m[4] AS ref
        FROM regexp_split_to_table(history, ' +') item, regexp_match(item, '^(~?)([a-z]+)@([0-9.]+)(?:/(\w+))?$') m
    )
    SELECT CASE WHEN t IS NULL THEN s WHEN s IS NULL THEN t ELSE s OPERATOR(funnel.||) t END
    FROM (SELECT funnel.in_order(funnel.cohort('l', label, at, NULL::numeric, ref), '{a,b,c,x}') FROM event WHERE NOT touch) stage(s),
         (SELECT funnel.touches('l', label, at) FROM event WHERE touch) touch(t)
$$;
CREATE FUNCTION pg_temp.told(history text, mode text, steps text[], within interval, period numrange, as_of numeric) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(CASE WHEN t.at IS NOT NULL THEN (extract(epoch FROM t.at - pg_temp.day(0)) / 86400)::float8::text WHEN t.reached THEN '+' ELSE '-' END,
                      ' ' ORDER BY t.step) || coalesce(': ' || max(t.why), '')
    FROM funnel.trace(pg_temp.history(history), steps, within, mode,
                      CASE WHEN period IS NOT NULL THEN tstzrange(pg_temp.day(lower(period)), pg_temp.day(upper(period)), '[)') END, pg_temp.day(as_of)) t
$$;
CREATE TEMP TABLE worked (n serial, about text, history text, mode text, steps text[], within interval, period numrange, as_of numeric, told text);
INSERT INTO worked (about, history, mode, steps, within, period, as_of, told) VALUES
  ('all of them',                            'a@1 b@2 c@3', 'ordered', '{a,b,c}', NULL, NULL, 90,  '1 2 3'),
  ('never, and then it does not matter',     'a@1 c@3', 'ordered', '{a,b,c}', NULL, NULL, 90,      '1 - -: never entered it'),
  ('not even the first',                     'b@1', 'ordered', '{a,b}', NULL, NULL, 90,            '- -: never entered it'),
  ('not yet',                                'a@1 b@5', 'ordered', '{a,b}', NULL, NULL, 5,         '1 -: never entered it'),
  ('a touch is no entry',                    'a@1 ~b@2', 'ordered', '{a,b}', NULL, NULL, 90,       '1 -: never entered it'),
  ('only before',                            'b@1 a@2', 'ordered', '{a,b}', NULL, NULL, 90,        '2 -: entered it only before'),
  ('there and back again',                   'a@1 b@2', 'ordered', '{a,b,a}', NULL, NULL, 90,      '1 2 -: entered it only before'),
  ('one entry is one step',                  'a@1', 'ordered', '{a,a}', NULL, NULL, 90,            '1 -: last entered it for an earlier step'),
  ('... of one time',                        'a@1 b@1', 'ordered', '{a,b,a}', NULL, NULL, 90,      '1 1 -: last entered it for an earlier step'),
  ('... and one before that',                'a@1 x@2 a@3 b@3', 'ordered', '{x,a,b,a}', NULL, NULL, 90, '2 3 3 -: last entered it for an earlier step'),
  ('two records are two entries',            'a@1/x a@1/y b@1', 'ordered', '{a,b,a}', NULL, NULL, 90, '1 1 1'),
  ('too late',                               'a@1 b@9', 'ordered', '{a,b}', '7 days', NULL, 90,    '1 -: outside the window'),
  ('too late, and before',                   'b@1 a@2 b@20', 'ordered', '{a,b}', '7 days', NULL, 90, '2 -: outside the window'),
  ('between two passes',                     'a@1 b@20 a@30', 'ordered', '{a,b}', '7 days', NULL, 90, '1 -: outside the window'),
  ('too late for the step after',            'a@1 b@2 c@9', 'ordered', '{a,b,c}', '7 days', NULL, 90, '1 2 -: outside the window'),
  ('in the window, but before',              'b@1 a@2', 'ordered', '{a,b}', '7 days', NULL, 90,    '2 -: entered it only before'),
  ('still in it',                            'a@1', 'ordered', '{a,b}', '7 days', NULL, 7.9,       '1 -: window still open'),
  ('just over',                              'a@1', 'ordered', '{a,b}', '7 days', NULL, 8,         '1 -: never entered it'),
  ('still in it, and before',                'b@1 a@2', 'ordered', '{a,b}', '7 days', NULL, 3,     '2 -: window still open'),
  ('over, but not that of the second pass',  'a@1 b@20 a@30', 'ordered', '{a,b}', '7 days', NULL, 31, '1 -: window still open'),
  ('... which is not in the period',         'a@1 b@20 a@30', 'ordered', '{a,b}', '7 days', '[0,9)', 31, '1 -: outside the window'),
  ('outside the period',                     'a@1 b@2', 'ordered', '{a,b}', NULL, '[2,9)', 90,     '- -: outside the period'),
  ('... with an open window',                'a@1 b@2', 'ordered', '{a,b}', '7 days', '[2,9)', 3,  '- -: outside the period'),
  ('another pass is in it',                  'a@1 b@2 a@5', 'ordered', '{a,b}', NULL, '[2,9)', 90, '5 -: entered it only before'),
  ('the furthest chain has the times',       'a@1 b@2 a@5 b@6 c@9', 'ordered', '{a,b,c}', '7 days', NULL, 90, '5 6 9'),
  ('strict: something in between',           'a@1 x@2 b@3', 'strict', '{a,b}', NULL, NULL, 90,     '1 -: another stay came between'),
  ('strict: a touch in between',             'a@1 ~x@2 b@3', 'strict', '{a,b}', NULL, NULL, 90,    '1 3'),
  ('strict: another record in between',      'a@1 b@2 b@3/x c@4', 'strict', '{a,b,c}', NULL, NULL, 90, '1 2 -: another stay came between'),
  ('strict: never',                          'a@1 x@2', 'strict', '{a,b}', NULL, NULL, 90,         '1 -: never entered it'),
  ('strict: only before',                    'b@1 a@2', 'strict', '{a,b}', NULL, NULL, 90,         '2 -: entered it only before'),
  ('strict: before, on one day',             'a@1 b@1', 'strict', '{b,a}', NULL, NULL, 90,         '1 -: entered it only before'),
  ('strict: one entry is one step',          'a@1 x@2', 'strict', '{a,a}', NULL, NULL, 90,         '1 -: last entered it for an earlier step'),
  ('strict: directly, but too late',         'a@1 b@9', 'strict', '{a,b}', '7 days', NULL, 90,     '1 -: outside the window'),
  ('strict: late, and not directly',         'a@1 x@2 b@9', 'strict', '{a,b}', '7 days', NULL, 90, '1 -: another stay came between'),
  ('strict: the first pass is told',         'a@1 x@2 a@9 b@20', 'strict', '{a,b}', '7 days', NULL, 90, '1 -: another stay came between'),
  ('strict: still in it',                    'a@1 x@2', 'strict', '{a,b}', '7 days', NULL, 3,      '1 -: window still open'),
  ('strict: outside the period',             'a@1 b@2', 'strict', '{a,b}', NULL, '[2,9)', 90,      '- -: outside the period'),
  ('implied: skipped',                       'a@1 c@3', 'implied', '{a,b,c}', NULL, NULL, 90,      '1 + 3'),
  ('implied: came from elsewhere',           'c@3', 'implied', '{a,b,c}', NULL, NULL, 90,          '+ + 3'),
  ('implied: in another order',              'b@1 a@2', 'implied', '{a,b,c}', NULL, NULL, 90,      '2 1 -: never entered it'),
  ('implied: never, nor one further',        'a@1 x@2', 'implied', '{a,b,c}', NULL, NULL, 90,      '1 - -: never entered it'),
  ('implied: none at all',                   'x@1', 'implied', '{a,b}', NULL, NULL, 90,            '- -: never entered it'),
  ('implied: too late',                      'a@1 b@9', 'implied', '{a,b}', '7 days', NULL, 90,    '1 -: outside the window'),
  ('implied: one further, too late',         'a@1 c@9', 'implied', '{a,b,c}', '7 days', NULL, 90,  '1 - -: outside the window'),
  ('implied: an earlier one, too late',      'b@1 a@9', 'implied', '{a,b}', '7 days', NULL, 90,    '+ 1'),
  ('implied: still in it',                   'b@1', 'implied', '{a,b,c}', '7 days', NULL, 3,       '+ 1 -: window still open'),
  ('implied: the first of all counts',       'a@1 x@2 a@9', 'implied', '{a,b}', '7 days', NULL, 10, '1 -: never entered it'),
  ('implied: began outside the period',      'b@1 a@5', 'implied', '{a,b}', NULL, '[2,9)', 90,     '- -: outside the period'),
  ('any: each for itself',                   'b@1', 'any', '{a,b}', NULL, NULL, 90,                '- 1: never entered it'),
  ('any: in any order',                      'b@1 a@2', 'any', '{a,b}', NULL, NULL, 90,            '2 1'),
  ('any: the first entry',                   'a@1 b@2 a@3', 'any', '{a,b,a}', NULL, NULL, 90,      '1 2 1'),
  ('any: one of them outside the period',    'a@1 b@5', 'any', '{a,b}', NULL, '[2,9)', 90,         '- 5: outside the period'),
  ('any: a later entry does not count',      'a@1 x@2 a@5', 'any', '{a,b}', NULL, '[2,9)', 90,     '- -: outside the period'),
  ('any: why of the first one only',         'a@1', 'any', '{a,b,c}', NULL, NULL, 90,              '1 - -: never entered it'),
  ('touches only',                           '~a@1', 'ordered', '{a,b}', NULL, NULL, 90,           '- -: never entered it'),
  ('nothing yet',                            'a@1 b@2', 'implied', '{a,b}', '7 days', NULL, 1,     '- -: never entered it');
-- stages that only the question names are meant to be missing
SET client_min_messages = error;
SELECT about, history, mode, steps, within, period, as_of, pg_temp.told(history, mode, steps, within, period, as_of) AS told,
       CASE WHEN pg_temp.told(history, mode, steps, within, period, as_of) IS DISTINCT FROM told THEN told ELSE '' END AS should_be
FROM worked ORDER BY n;
-- Every reason is among them, in each mode that has it.
SELECT mode, string_agg(DISTINCT substring(told FROM ': (.*)'), ', ') AS reasons FROM worked GROUP BY mode ORDER BY mode;
RESET client_min_messages;

-- Leads in the order of the cohort, which is that of events(); a lead's steps one after the other.
SELECT string_agg(t.lead || ' ' || t.step, ', ' ORDER BY t.ordinality)
FROM (SELECT funnel.cohort(lead, 'a', '2024-01-01') FROM unnest('{10,9,b,-1,lead 1,B,c0ffee00-0000-0000-0000-000000000000,042}'::text[]) lead) l(c),
     funnel.trace(c, '{a,a}') WITH ORDINALITY t;
SELECT (SELECT array_agg(lead) FROM (SELECT DISTINCT ON (lead) lead, ordinality FROM funnel.events(c) WITH ORDINALITY e ORDER BY lead, ordinality) e)
       = (SELECT array_agg(lead ORDER BY lead) FROM funnel.trace(c, '{mql}') t) AS all_of_them
FROM crm_cohort;

--
-- Arguments that make no sense: those that steps() refuses
--
SELECT call, r.* FROM (VALUES
    ('trace(c, ''{}'')'), ('trace(c, NULL)'), ('trace(c, ''{a,NULL}'')'), ('trace(c, ''{{a},{b}}'')'), ('trace(c, array_fill(''mql''::text, ''{65}''))'),
    ('trace(c, ''{mql}'', ''0'')'), ('trace(c, ''{mql}'', ''1 day'', ''any'')'), ('trace(c, ''{mql}'', mode => ''loose'')'), ('trace(c, ''{mql}'', mode => NULL)'),
    ('trace(c, ''{mql}'', as_of => NULL)')) v(call),
    pg_temp.refused(format('SELECT funnel.%s FROM crm_cohort', call)) r;
SELECT count(*) FROM funnel.trace(NULL, '{mql}');
SELECT count(*) FROM crm_cohort, funnel.trace(funnel.as_of(c, '-infinity'), '{mql}');
-- A stage that occurs nowhere: a warning, and nobody entered it.
SELECT t.step, t.why, count(*) FROM crm_cohort, funnel.trace(c, '{mql,SAL}', as_of => '2024-04-01') t GROUP BY t.step, t.why ORDER BY t.step, t.why;
-- 64 steps
SELECT count(*), count(t.at), min(t.step) FILTER (WHERE t.why IS NOT NULL), max(t.why)
FROM (SELECT funnel.cohort(1, 'x' || n, timestamptz '2024-01-01' + n * interval '1 day') FROM generate_series(0, 62) n) l(c),
     funnel.trace(c, ARRAY(SELECT 'x' || least(n, 62) FROM generate_series(0, 63) n)) t;
SELECT mode, count(t.at), bool_and(t.reached)
FROM (SELECT funnel.cohort(1, 'x' || n, timestamptz '2024-01-01' + n * interval '1 day') FROM generate_series(0, 63) n) l(c),
     unnest('{ordered,strict,any,implied}'::text[]) mode, funnel.trace(c, ARRAY(SELECT 'x' || n FROM generate_series(0, 63) n), mode => mode) t
GROUP BY mode ORDER BY mode;

--
-- It agrees with steps(): those that took a step are its leads, those with an open window are pending, and the times
-- give its durations; in every mode, with windows, periods, refs, and as_of anywhere
--
SET client_min_messages = error;    -- 'nowhere' occurs nowhere
CREATE TEMP TABLE question AS
SELECT a.cohort, a.arg, m.mode, a.steps, CASE WHEN m.mode <> 'any' THEN a.within END AS within, a.period, a.until
FROM oracle.argument a, unnest('{ordered,strict,any,implied}'::text[]) m(mode)
WHERE a.arg <= 8;
CREATE TEMP TABLE got AS
SELECT q.cohort, q.arg, q.mode, t.*, lag(t.at) OVER w AS previous_at
FROM question q JOIN oracle.cohort c ON c.cohort = q.cohort AND c.lead IS NULL, funnel.trace(c.c, q.steps, q.within, q.mode, q.period, q.until) t
WINDOW w AS (PARTITION BY q.cohort, q.arg, q.mode, t.lead ORDER BY t.step);
CREATE TEMP TABLE counted AS
SELECT cohort, arg, mode, step, stage, count(*) FILTER (WHERE reached) AS leads, count(*) FILTER (WHERE why = 'window still open') AS pending,
       avg(extract(epoch FROM at - previous_at) / 86400) FILTER (WHERE at >= previous_at AND mode <> 'any')::float8 AS mean_days
FROM got GROUP BY cohort, arg, mode, step, stage;
SELECT mode, count(*) FILTER (WHERE (c.stage, c.leads) IS DISTINCT FROM (s.stage, s.leads)) AS leads_differ,
       count(*) FILTER (WHERE c.pending <> coalesce(s.pending, 0)) AS pending_differ,
       count(*) FILTER (WHERE NOT oracle.same(c.mean_days, s.mean_days)) AS days_differ,
       count(*) AS compared, sum(s.leads) AS leads, sum(s.pending) AS pending
FROM (SELECT q.cohort, q.arg, q.mode, s.* FROM question q JOIN oracle.cohort c ON c.cohort = q.cohort AND c.lead IS NULL,
             funnel.steps(c.c, q.steps, q.within, q.mode, q.period, q.until) s) s
     FULL JOIN counted c USING (cohort, arg, mode, step)
GROUP BY mode ORDER BY mode;
-- Every lead of the cohort is there; a time is that of a step taken, and only in mode implied a step has none; the first
-- step not taken, and no other, has a why.
SELECT count(*) FILTER (WHERE leads <> (SELECT count(DISTINCT e.lead) FROM oracle.event e WHERE e.cohort = g.cohort)) AS leads_missing,
       sum(times_wrong) AS times_wrong, sum(why_wrong) AS why_wrong
FROM (SELECT cohort, arg, mode, count(DISTINCT lead) AS leads,
             count(*) FILTER (WHERE CASE WHEN mode = 'implied' THEN at IS NOT NULL AND NOT reached ELSE reached <> (at IS NOT NULL) END) AS times_wrong,
             count(*) FILTER (WHERE (why IS NOT NULL) <> (NOT reached AND missing_before = 0)) AS why_wrong
      FROM (SELECT *, count(*) FILTER (WHERE NOT reached) OVER (PARTITION BY cohort, arg, mode, lead ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS missing_before
            FROM got) g
      GROUP BY cohort, arg, mode) g;

--
-- Each row, against plain SQL
--
-- Why a lead is not at step k, the first that it is not at: the rules of the modes once more, told from its stays and
-- the times of its steps.
CREATE FUNCTION pg_temp.wanted(in_cohort int, steps text[], within interval, in_mode text, period tstzrange, until timestamptz)
RETURNS TABLE (lead text, step int, at timestamptz, reached boolean, why text) LANGUAGE sql AS $$
    WITH lead AS MATERIALIZED (
        SELECT l.lead, s.stages, s.entered, d.at_step, d.times, d.may_yet,
               (SELECT min(k) FROM generate_series(1, cardinality(steps)) k WHERE d.at_step[k] IS NOT TRUE) AS missing
        FROM (SELECT DISTINCT e.lead FROM oracle.event e WHERE e.cohort = in_cohort) l
        LEFT JOIN (SELECT s.lead, array_agg(s.stage ORDER BY s.stay) AS stages, array_agg(s.entered_at ORDER BY s.stay) AS entered
                   FROM oracle.known_stays(in_cohort, false, until) s GROUP BY s.lead) s ON s.lead = l.lead
        LEFT JOIN oracle.by_lead(in_cohort, false, steps, within, in_mode, period, until) d ON d.lead = l.lead
    ), why AS (
        SELECT l.lead,
               CASE WHEN in_mode <> 'any' AND within IS NOT NULL AND l.missing > 1 AND l.may_yet THEN 'window still open'
                    WHEN in_mode = 'implied' THEN
                        CASE WHEN (l.stages && steps[l.missing:]) IS NOT TRUE THEN 'never entered it'
                             WHEN l.missing = 1 THEN 'outside the period' ELSE 'outside the window' END
                    WHEN e.entries = 0 THEN 'never entered it'
                    WHEN in_mode = 'any' OR l.missing = 1 THEN 'outside the period'
                    WHEN in_mode = 'ordered' THEN
                        CASE WHEN e.not_earlier > e.used THEN 'outside the window'
                             WHEN e.not_earlier > 0 THEN 'last entered it for an earlier step' ELSE 'entered it only before' END
                    ELSE
                        CASE WHEN l.stages[f.stay + 1] = steps[l.missing] THEN 'outside the window'
                             WHEN e.last_stay > f.stay THEN 'another stay came between'
                             WHEN e.last_stay = f.stay THEN 'last entered it for an earlier step' ELSE 'entered it only before' END
               END AS why
        FROM lead l
        CROSS JOIN LATERAL (SELECT count(*) AS entries, max(s.n) AS last_stay, count(*) FILTER (WHERE s.at >= l.times[l.missing - 1]) AS not_earlier,
                                   (SELECT count(*) FROM generate_series(1, l.missing - 1) k
                                    WHERE steps[k] = steps[l.missing] AND l.times[k] = l.times[l.missing - 1]) AS used
                            FROM unnest(l.stages, l.entered) WITH ORDINALITY s(stage, at, n) WHERE s.stage = steps[l.missing]) e
        -- strict: the stay that the chain ends in, the first that the stages and times allow
        CROSS JOIN LATERAL (SELECT min(n) + l.missing - 2 AS stay FROM generate_series(1, cardinality(l.stages)) n
                            WHERE l.stages[n:n + l.missing - 2] = steps[1:l.missing - 1] AND l.entered[n:n + l.missing - 2] = l.times) f
        WHERE l.missing IS NOT NULL
    )
    SELECT l.lead, k, CASE WHEN in_mode <> 'any' THEN l.times[k] WHEN l.at_step[k] THEN l.entered[array_position(l.stages, steps[k])] END,
           coalesce(l.at_step[k], false), w.why
    FROM lead l
    CROSS JOIN generate_series(1, cardinality(steps)) k
    LEFT JOIN why w ON w.lead = l.lead AND k = l.missing
$$;
-- Stays are worked out once, if oracle_stays has not done so.
INSERT INTO oracle.stay
SELECT q.*, s.*
FROM (SELECT DISTINCT cohort, false AS alone, until FROM question WHERE arg <= 6) q, LATERAL oracle.stays(q.cohort, q.alone, q.until) s
WHERE NOT EXISTS (SELECT FROM oracle.stay k WHERE (k.cohort, k.alone, k.until) = (q.cohort, q.alone, q.until));
ANALYZE oracle.stay;
CREATE TEMP TABLE want AS
SELECT q.cohort, q.arg, q.mode, w.*
FROM question q, LATERAL pg_temp.wanted(q.cohort, q.steps, q.within, q.mode, q.period, q.until) w
WHERE q.arg <= 6;
SELECT mode, count(*) FILTER (WHERE (g.at, g.reached) IS DISTINCT FROM (w.at, w.reached)) AS differences,
       count(*) FILTER (WHERE g.why IS DISTINCT FROM w.why) AS why_differs, count(*) AS compared, count(w.at) AS times, count(w.why) AS whys
FROM (SELECT * FROM got WHERE arg <= 6) g FULL JOIN want w USING (cohort, arg, mode, lead, step)
GROUP BY mode ORDER BY mode;
-- (Where there are differences, this shows the first.)
SELECT cohort, arg, mode, lead, step, g.at, g.reached, g.why, w.at AS want_at, w.reached AS want_reached, w.why AS want_why, a.steps, a.within, a.period, a.until
FROM (SELECT * FROM got WHERE arg <= 6) g FULL JOIN want w USING (cohort, arg, mode, lead, step) JOIN oracle.argument a USING (cohort, arg)
WHERE (g.at, g.reached, g.why) IS DISTINCT FROM (w.at, w.reached, w.why)
ORDER BY cohort, arg, mode, lead, step LIMIT 5;
-- That there is something to compare.
SELECT why, count(*) FILTER (WHERE mode = 'ordered') AS ordered, count(*) FILTER (WHERE mode = 'strict') AS strict,
       count(*) FILTER (WHERE mode = 'any') AS any, count(*) FILTER (WHERE mode = 'implied') AS implied
FROM want WHERE why IS NOT NULL GROUP BY why ORDER BY why COLLATE "C";
