--
-- outcomes and conversion_at: whose clock runs from when to when, and the estimate, on leads that a reader can count
--
-- Published data are in outcomes_textbook, random histories in outcomes_oracle.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.day(n float8) RETURNS timestamptz LANGUAGE sql AS
    $$SELECT timestamptz '2024-01-01' + n * interval '1 day'$$;

-- 'mql@1 won@5 | mql@2=10/x ~mail@3': two leads. The first became an MQL on day 1 and was won on day 5; the second
-- became one on day 2, with an amount and a ref, and was touched over mail on day 3. Stages are text, so those of one
-- time are in the order of their names.
CREATE FUNCTION pg_temp.leads(histories text) RETURNS funnel.cohort LANGUAGE sql AS $$
    WITH event AS (
        SELECT lead, m[1] = '~' AS touch, m[2] AS label, pg_temp.day(m[3]::float8) AS at, m[4]::numeric AS amount, m[5] AS ref
        FROM regexp_split_to_table(histories, ' *\| *') WITH ORDINALITY h(history, lead), regexp_split_to_table(history, ' +') item,
             regexp_match(item, '^(~?)([a-z]+)@([0-9.]+)(?:=([0-9.]+))?(?:/(\w+))?$') m
    )
    SELECT CASE WHEN t IS NULL THEN s WHEN s IS NULL THEN t ELSE s OPERATOR(funnel.||) t END
    FROM (SELECT funnel.cohort(lead, label, at, amount, ref) FROM event WHERE NOT touch) stage(s),
         (SELECT funnel.touches(lead, label, at) FROM event WHERE touch) touch(t)
$$;

--
-- The estimate: ten leads that became MQLs, as of day 70
--
--   after 5 days    won                    10 at risk
--   after 10 days   won, lost, one open     9 at risk: events come before those that leave open
--   after 20 days   lost                    6 at risk
--   after 30 days   one open
--   after 40 days   won                     4 at risk
--   after 60 days   three open
CREATE TEMP TABLE ten AS SELECT pg_temp.leads('mql@0 won@5 | mql@0 won@10 | mql@3 lost@13 | mql@60 | mql@7 lost@27 | mql@40 | mql@2 won@42 | mql@10 | mql@10 | mql@10') AS c;

-- won:  1/10 = 0.1;        + 9/10 * 1/9 = 0.2;                     + 7/12 * 1/4 = 0.345833
-- lost:                      9/10 * 1/9 = 0.1;   + 7/10 * 1/6 = 0.216667
-- open: 9/10               * 7/9 = 7/10          * 5/6 = 7/12      * 3/4 = 7/16
SELECT elapsed_days, outcome, at_risk, events, round(probability::numeric, 6) AS probability, round(se::numeric, 6) AS se,
       round(low::numeric, 6) AS low, round(high::numeric, 6) AS high
FROM ten, funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(70)) ORDER BY elapsed_days, outcome DESC;
-- The variance by the delta method, written out for the probability of being won after 40 days. With F = 0.345833, Ft
-- (its values at each time) 0.1, 0.2, 0.2, 0.345833, and S (the share open before) 1, 0.9, 0.7, 0.583333, it is the sum
-- of (F - Ft)^2 d / (n (n - d)) + S^2 dk (n - dk) / n^3 - 2 (F - Ft) S dk / n^2.
SELECT round(sqrt(power(0.345833 - 0.1, 2) / (10 * 9) + 9 / 1000.0 - 2 * (0.345833 - 0.1) / 100
                  + power(0.345833 - 0.2, 2) * 2 / (9 * 7) + power(0.9, 2) * 8 / 729 - 2 * (0.345833 - 0.2) * 0.9 / 81
                  + power(0.345833 - 0.2, 2) / (6 * 5)
                  + power(0.583333, 2) * 3 / 64), 6) AS se;
-- And its interval: that of -ln(-ln(1 - probability)), carried back.
SELECT round(1 - power(1 - p, exp(1.959964 * se / ((1 - p) * ln(1 - p)))), 6) AS low, round(1 - power(1 - p, exp(-1.959964 * se / ((1 - p) * ln(1 - p)))), 6) AS high
FROM (SELECT probability::numeric, se::numeric FROM ten, funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(70)) o
      WHERE o.elapsed_days = 40) v(p, se);

-- One outcome is 1 - Kaplan-Meier. Leads that were lost may come back and be won, and as far as this question goes they
-- are open: after 40 days there are six at risk, 1/5 + 4/5 * 1/6.
SELECT elapsed_days, at_risk, events, round(probability::numeric, 6) AS probability
FROM ten, funnel.outcomes(c, 'mql', '{won}', as_of => pg_temp.day(70));

-- The order in which outcomes are asked for is that of the rows of one time; one asked for twice is one.
SELECT elapsed_days, outcome FROM ten, funnel.outcomes(c, 'mql', '{lost,won,lost}', as_of => pg_temp.day(70)) WHERE elapsed_days = 10;

--
-- Whose clock runs from when to when: 'days outcome events/at risk' of each row
--
CREATE FUNCTION pg_temp.rows(c funnel.cohort, from_stage text, outcomes text[], period tstzrange, as_of timestamptz, since timestamptz)
RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(format('%s %s %s/%s', o.elapsed_days, o.outcome, o.events, o.at_risk), ', '), 'none')
    FROM funnel.outcomes(c, from_stage, outcomes, period, as_of, since) o
$$;
CREATE TEMP TABLE worked (n serial, why text, histories text, from_stage text, outcomes text[], period text DEFAULT NULL, as_of float8 DEFAULT 100, since float8 DEFAULT NULL, rows text);
INSERT INTO worked (why, histories, from_stage, outcomes, rows) VALUES
  ('from the entry to the outcome',             'mql@1 won@5', 'mql', '{won}',                               '4 won 1/1'),
  ('other stages on the way do not matter',     'mql@1 sal@2 sql@3 won@5', 'mql', '{won}',                   '4 won 1/1'),
  ('nor do touches, whatever they are called',  '~mql@0 mql@1 ~won@2 won@5', 'mql', '{won}',                 '4 won 1/1'),
  ('nor snapshots that repeat a stage',         'mql@1 mql@2 mql@3 won@5 won@6', 'mql', '{won}',             '4 won 1/1'),
  ('the first of several outcomes',             'mql@1 lost@3 won@5', 'mql', '{won,lost}',                   '2 lost 1/1'),
  ('what is not asked for is none',             'mql@1 lost@3 won@5', 'mql', '{won}',                        '4 won 1/1'),
  ('from the first entry: a second counts not', 'mql@1 lost@3 mql@10 won@12', 'mql', '{won}',                '11 won 1/1'),
  ('what came before the entry is none',        'won@0 mql@1 won@5', 'mql', '{won}',                         '4 won 1/1'),
  ('... and nothing after it: still open',      'won@0 mql@1', 'mql', '{won}',                               'none'),
  ('never entered',                             'sal@1 won@5 | mql@1', 'mql', '{won}',                       'none'),
  ('touches only',                              '~mql@1 ~won@5 | mql@1 won@2', 'mql', '{won}',               '1 won 1/1'),
  ('at the time of the entry: zero days',       'mql@1 won@1', 'mql', '{won}',                               '0 won 1/1'),
  ('... also where it stands before the entry', 'mql@1 lost@1', 'mql', '{lost}',                             '0 lost 1/1'),
  ('... unless it was in the outcome already',  'lost@0 lost@1 mql@1 lost@4', 'mql', '{lost}',              '3 lost 1/1'),
  ('two at one time: by canonical order',       'mql@1 won@5 lost@5', 'mql', '{won,lost}',                   '4 lost 1/1'),
  ('back to the same stage is an entry',        'mql@1 mql@2 sal@3 mql@9', 'mql', '{mql}',                   '8 mql 1/1'),
  ('the same stage of another record, too',     'mql@1/x ~mail@2 mql@4/y', 'mql', '{mql}',                   '3 mql 1/1'),
  ('nobody leaves',                             'mql@1 | mql@2 | mql@3', 'mql', '{won}',                     'none'),
  ('all at once',                               'mql@1 won@5 | mql@2 won@6 | mql@3 won@7', 'mql', '{won}',   '4 won 3/3'),
  ('each at its time',                          'mql@1 won@5 | mql@2 won@9 | mql@3 won@11', 'mql', '{won}',  '4 won 1/3, 7 won 1/2, 8 won 1/1'),
  ('events, then those that leave open',        'mql@1 won@91 | mql@10', 'mql', '{won}',                     '90 won 1/2'),
  ('a microsecond is a time of its own',        'mql@1 won@2 | mql@1 won@2.00000000001157 | mql@1 won@2.0000000000116', 'mql', '{won}', '1 won 1/3, 1.00000000001157 won 2/2');
INSERT INTO worked (why, histories, from_stage, outcomes, period, rows) VALUES
  ('the first entry lies in the period',        'mql@1 won@5 | mql@10 won@12 | mql@20 won@23', 'mql', '{won}', '[5,20]',  '2 won 1/2, 3 won 1/1'),
  ('... with the bounds it is written with',    'mql@1 won@5 | mql@10 won@12 | mql@20 won@23', 'mql', '{won}', '(1,20)',  '2 won 1/1'),
  ('... only the first: a later one counts not', 'mql@1 lost@3 mql@10 won@12', 'mql', '{won}', '[5,20]',     'none'),
  ('the outcome need not',                      'mql@6 won@50', 'mql', '{won}', '[5,20]',                    '44 won 1/1'),
  ('nothing lies in an empty one',              'mql@1 won@5', 'mql', '{won}', 'empty',                      'none');
INSERT INTO worked (why, histories, from_stage, outcomes, as_of, rows) VALUES
  ('at as_of nothing has happened yet',         'mql@1 won@5', 'mql', '{won}', 5,                            'none'),
  ('before it, it has',                         'mql@1 won@5', 'mql', '{won}', 5.001,                        '4 won 1/1'),
  ('open until as_of, and then out',            'mql@1 won@5 | mql@3 won@9 | mql@4', 'mql', '{won}', 7,      '4 won 1/2'),
  ('... that day included',                     'mql@1 won@5 | mql@3 won@9 | mql@4', 'mql', '{won}', 8,      '4 won 1/3'),
  ('before everything',                         'mql@1 won@5', 'mql', '{won}', 0,                            'none'),
  ('at the end of time, all are open so long',  'mql@1 won@5 | mql@1', 'mql', '{won}', 'infinity',           '4 won 1/2'),
  ('and before its beginning nobody is',        'mql@1 won@5 | mql@1', 'mql', '{won}', '-infinity',          'none');
-- since: records begin then. Who entered before is at risk from as long after the entry as that is, and who was through
-- before is not known of.
INSERT INTO worked (why, histories, from_stage, outcomes, as_of, since, rows) VALUES
  ('all entered later: no difference',          'mql@11 won@15 | mql@12 won@17', 'mql', '{won}', 100, 10,    '4 won 1/2, 5 won 1/1'),
  ('entered then: at risk from the entry',      'mql@10 won@15 | mql@10 won@10', 'mql', '{won}', 100, 10,    '0 won 1/2, 5 won 1/1'),
  ('entered before: at risk from since on',     'mql@4 won@20 | mql@11 won@13 | mql@11 won@19', 'mql', '{won}', 100, 10, '2 won 1/2, 8 won 1/2, 16 won 1/1'),
  ('... from that very time',                   'mql@4 won@20 | mql@11 won@17', 'mql', '{won}', 100, 10,     '6 won 1/2, 16 won 1/1'),
  ('through before: not known of',              'mql@4 won@9 | mql@11 won@19', 'mql', '{won}', 100, 10,      '8 won 1/1'),
  ('through at that time: known of',            'mql@4 won@10 | mql@11 won@19', 'mql', '{won}', 100, 10,     '6 won 1/2, 8 won 1/1'),
  ('through later is at risk till then',        'mql@4 lost@9 won@12 | mql@11 won@19', 'mql', '{won}', 100, 10, '8 won 2/2'),
  ('open all the time, as of later',            'mql@4 | mql@11 won@19', 'mql', '{won}', 18, 10,             'none'),
  ('open, seen from 6 to 16 days',              'mql@4 | mql@11 won@13 | mql@11 won@19', 'mql', '{won}', 20, 10, '2 won 1/2, 8 won 1/2'),
  ('nobody can be at risk before as_of',        'mql@4 won@20 | mql@11 won@19', 'mql', '{won}', 10, 10,      'none'),
  ('records that begin in the future',          'mql@4 won@5 | mql@11', 'mql', '{won}', 20, 30,              'none'),
  ('records of ever',                           'mql@4 won@5 | mql@11', 'mql', '{won}', 20, '-infinity',     '1 won 1/2'),
  ('records of never',                          'mql@4 won@5 | mql@11', 'mql', '{won}', 'infinity', 'infinity', 'none');

SET client_min_messages = error;   -- stages that only the question names are meant to be missing
CREATE TEMP TABLE answered AS
SELECT w.*, pg_temp.rows(pg_temp.leads(histories), from_stage, outcomes,
                         CASE WHEN period IS NULL OR period = 'empty' THEN period::tstzrange
                              ELSE tstzrange(pg_temp.day(lower(period::numrange)::float8), pg_temp.day(upper(period::numrange)::float8), left(period, 1) || right(period, 1)) END,
                         CASE WHEN abs(as_of) < 'infinity' THEN pg_temp.day(as_of) ELSE as_of::text::timestamptz END,
                         CASE WHEN abs(since) < 'infinity' THEN pg_temp.day(since) ELSE since::text::timestamptz END) AS answer
FROM worked w;
RESET client_min_messages;
SELECT why, histories, from_stage, outcomes, period, as_of, since, answer, CASE WHEN answer <> rows THEN 'expected: ' || rows END AS wrong FROM answered ORDER BY n;

-- At the edges. One lead, through: certain, as far as it goes. There is no interval around 0 and 1.
SELECT o.* FROM funnel.outcomes(pg_temp.leads('mql@1 won@5'), 'mql', '{won}', as_of => pg_temp.day(100)) o;
-- Also where the sum of the parts misses 1 by a bit: five are won, two leave open in between.
SELECT o.elapsed_days, o.at_risk, o.probability = 1 AS certain, o.se = 0 AS se_is_0, o.low IS NULL AND o.high IS NULL AS no_interval
FROM funnel.outcomes(pg_temp.leads('mql@1 won@2 | mql@98 | mql@1 won@4 | mql@1 won@5 | mql@1 won@6 | mql@94 | mql@1 won@8'), 'mql', '{won}', as_of => pg_temp.day(100)) o;
-- All gone to several outcomes: each share is uncertain, and they are all there is.
SELECT o.elapsed_days, o.outcome, o.at_risk, o.events, o.probability, round(o.se::numeric, 6) AS se, round(o.low::numeric, 6) AS low, round(o.high::numeric, 6) AS high
FROM funnel.outcomes(pg_temp.leads('mql@1 won@5 | mql@1 lost@5 | mql@1 won@5 | mql@2 lost@8'), 'mql', '{won,lost}', as_of => pg_temp.day(100)) o;
-- With late entries the risk set may run empty early, and nothing after can move the curve: at risk are, after a day,
-- only the lead that is won, and two others from the sixth day on.
SELECT o.* FROM funnel.outcomes(pg_temp.leads('mql@11 won@12 | mql@4 won@12 | mql@4 lost@14 | mql@4 won@15'), 'mql', '{won,lost}', as_of => pg_temp.day(100), since => pg_temp.day(10)) o;
-- ... to the last bit: after seven of seven are won nobody of these is open, whoever joins later.
SELECT o.elapsed_days, o.outcome, o.at_risk, o.events, o.probability, o.se, o.low
FROM funnel.outcomes(pg_temp.leads((SELECT string_agg(format('mql@11 won@%s', 11 + n), ' | ') FROM generate_series(1, 7) n) || ' | mql@1 lost@13 | mql@1 won@14 | mql@1 won@15'),
                     'mql', '{won,lost}', as_of => pg_temp.day(100), since => pg_temp.day(10)) o
WHERE o.elapsed_days >= 7;
-- The first ones come late too: before the sixth day nobody is at risk.
SELECT o.elapsed_days, o.outcome, o.at_risk, o.events, round(o.probability::numeric, 6) AS probability, round(o.se::numeric, 6) AS se
FROM funnel.outcomes(pg_temp.leads('mql@4 won@12 | mql@3 lost@14 | mql@2'), 'mql', '{won,lost}', as_of => pg_temp.day(100), since => pg_temp.day(10)) o;
-- Zero days for some, and one that is never seen again.
SELECT o.elapsed_days, o.at_risk, o.events, o.probability, round(o.se::numeric, 6) AS se
FROM funnel.outcomes(pg_temp.leads('mql@1 won@1 | mql@2 won@2 | mql@3 | mql@4'), 'mql', '{won}', as_of => pg_temp.day(100)) o;
-- No cohort, no lead.
SELECT count(*) FROM funnel.outcomes(NULL, 'mql', '{won}');
SELECT count(*) FROM ten, funnel.outcomes(funnel.as_of(c, '-infinity'), 'mql', '{won}');

--
-- conversion_at: the probability after so long
--
-- Of the ten: the last row at or before it, and before the first 0. No lead without an outcome was watched for more than
-- 60 days: what comes after is not known. (Where lost is no exit, the two that were lost are open; they entered 67 and 63
-- days before.)
SELECT days, funnel.conversion_at(c, 'mql', 'won', days * interval '1 day', '{lost}', as_of => pg_temp.day(70)) AS won,
       funnel.conversion_at(c, 'mql', 'lost', days * interval '1 day', '{won}', as_of => pg_temp.day(70)) AS lost,
       funnel.conversion_at(c, 'mql', 'won', days * interval '1 day', as_of => pg_temp.day(70)) AS won_even_after_a_loss
FROM ten, unnest('{0,4.9,5,9.99,10,20,39,40,59.9,60,60.00001,67,67.00001,1000}'::float8[]) days ORDER BY days;
-- To the microsecond, it is the row of outcomes.
SELECT count(*) AS rows, bool_and(o.probability = funnel.conversion_at(c, 'mql', 'won', o.elapsed_days * interval '1 day', '{lost}', as_of => pg_temp.day(70))) AS same,
       bool_and(o.probability > funnel.conversion_at(c, 'mql', 'won', o.elapsed_days * interval '1 day' - interval '1 microsecond', '{lost}', as_of => pg_temp.day(70))) AS not_before
FROM ten, funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(70)) o WHERE o.outcome = 'won';
SELECT funnel.conversion_at(pg_temp.leads(histories), 'mql', 'won', elapsed, exits, period::tstzrange, pg_temp.day(as_of)) AS probability, why
FROM (VALUES
    ('mql@1 won@5 | mql@2 won@9',          interval '1000 years', '{}'::text[], NULL, 100, 'all are through: it stays so'),
    ('mql@1 won@5 | mql@2 lost@9',         '1000 years', '{lost}', NULL, 100, '... whichever way'),
    ('mql@1 won@5 | mql@2 lost@9',         '1000 years', '{}',     NULL, 100, 'one may still be won'),
    ('mql@1 won@5 | mql@2 lost@9',         '98 days',    '{}',     NULL, 100, '... and was watched for so long'),
    ('mql@1 won@5 | mql@2 lost@9',         '98 days 00:00:00.000001', '{}', NULL, 100, '... and no longer'),
    ('mql@1 lost@5 | mql@2',               '10 days',    '{lost}', NULL, 100, 'nobody was'),
    ('mql@1 won@9 | mql@3 | mql@4',        '90 days',    '{lost}', NULL, 10, 'the oldest is won, and of the young nothing is known'),
    ('mql@1 won@9 | mql@3 | mql@4',        '7 days',     '{lost}', NULL, 10, '... but for their first days'),
    ('mql@1 lost@9 | mql@3 | mql@4',       '90 days',    '{lost}', NULL, 10, 'nor if the oldest is lost'),
    ('mql@1 | mql@2',                      '10 days',    '{lost}', NULL, 100, 'nobody went anywhere'),
    ('mql@1 | mql@2',                      '99 days',    '{lost}', NULL, 100, '... for as long as one was watched'),
    ('mql@1 | mql@2',                      '99 days 1 s', '{lost}', NULL, 100, '... and after that nobody knows'),
    ('mql@1 won@1 | mql@2',                '0',          '{}',     NULL, 100, 'at once'),
    ('sal@1 won@5 | mql@1',                '10 days',    '{}',     '[2025-01-01,)', 100, 'nobody entered in the period'),
    ('sal@1 won@5 | mql@1',                '10 days',    '{}',     NULL, 1, 'nobody entered yet'),
    ('mql@1 won@31 | mql@1 won@31.5',      '1 month',    '{}',     NULL, 100, 'a month is 30 days'),
    ('mql@1 won@5 | mql@2 won@9',          '4 days',     '{won,won}', NULL, 100, 'what is asked for is no exit')) v(histories, elapsed, exits, period, as_of, why);
-- Longer than all of time: known only at the end of it.
SELECT as_of, funnel.conversion_at(c, 'mql', 'won', '178000000 years', as_of => as_of) FROM ten, unnest('{2024-03-11,infinity}'::timestamptz[]) as_of;
SELECT funnel.conversion_at(NULL, 'mql', 'won', '1 day') AS of_no_cohort, funnel.conversion_at(funnel.as_of(c, '-infinity'), 'mql', 'won', '1 day') AS of_an_empty_one FROM ten;
-- Of the four that became MQLs in the first five days, three are won after 40 days, and one is lost.
SELECT funnel.conversion_at(c, 'mql', 'won', '40 days', '{lost}', tstzrange(pg_temp.day(0), pg_temp.day(5)), pg_temp.day(70)) AS won,
       funnel.conversion_at(c, 'mql', 'lost', '40 days', '{won}', tstzrange(pg_temp.day(0), pg_temp.day(5)), pg_temp.day(70)) AS lost FROM ten;

-- By default: no period, as of now, all records, no exits.
SELECT (SELECT array_agg(o) FROM ten, funnel.outcomes(c, 'mql', '{won}') o) = (SELECT array_agg(o) FROM ten, funnel.outcomes(c, 'mql', '{won}', NULL, now(), NULL) o) AS outcomes,
       (SELECT funnel.conversion_at(c, 'mql', 'won', '1 day') = funnel.conversion_at(c, 'mql', 'won', '1 day', '{}', NULL, now()) FROM ten) AS conversion_at;

-- The same leads however they arrive: in one cohort or in pieces, in any order.
WITH piece AS (
    SELECT lead % 3 AS n, funnel.cohort(lead, label, at) AS c FROM (SELECT e.lead::int, e.label, e.at FROM ten, funnel.events(c) e ORDER BY md5(e::text)) e GROUP BY lead % 3
)
SELECT (SELECT array_agg(o) FROM ten, funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(70)) o)
       = (SELECT array_agg(o) FROM (SELECT funnel.merge(c ORDER BY n DESC) AS c FROM piece) m, funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(70)) o) AS same;

--
-- Many leads: the sums that must agree
--
-- 30,000 leads; one in three is won and one in seven lost, after a random number of microseconds; times that many share.
CREATE TEMP TABLE many AS
SELECT funnel.cohort(lead, stage, at) AS c
FROM (SELECT lead, 'mql', pg_temp.day(lead % 300) FROM generate_series(1, 30000) lead
      UNION ALL
      SELECT lead, CASE WHEN lead % 3 = 0 THEN 'won' ELSE 'lost' END,
             pg_temp.day(lead % 300) + (lead::bigint * 7919 % 1009 * CASE WHEN lead % 2 = 0 THEN 86400000000 ELSE 8640000001 END % 20000000000000) * interval '1 microsecond'
      FROM generate_series(1, 30000) lead WHERE lead % 3 = 0 OR lead % 7 = 0) e(lead, stage, at);
CREATE TEMP TABLE curve AS SELECT o.*, row_number() OVER () AS n FROM many, funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(300)) o;
SELECT count(*) > 1000 AS many_rows, bool_and(ordered) AS ordered, bool_and(rises) AS rises,
       bool_and(probability BETWEEN 0 AND 1 AND se > 0 AND low < probability AND probability < high AND low > 0 AND high < 1) AS sound,
       sum(events) = (SELECT leads FROM many, funnel.describe(funnel.as_of(funnel.without(c, '{mql}'), pg_temp.day(300)))) AS all_events
FROM (SELECT *, (elapsed_days, outcome = 'lost') > lag((elapsed_days, outcome = 'lost')) OVER (ORDER BY n) IS NOT FALSE AS ordered,
             probability > lag(probability) OVER (PARTITION BY outcome ORDER BY n) IS NOT FALSE AS rises FROM curve) r;
-- The probabilities and the share still open add up to 1: the share open is the product of what each time leaves.
SELECT abs(won.probability + lost.probability + open.share - 1) < 1e-12 AS adds_up, round(open.share::numeric, 3) AS open
FROM (SELECT max(probability) FROM curve WHERE outcome = 'won') won(probability), (SELECT max(probability) FROM curve WHERE outcome = 'lost') lost(probability),
     (SELECT exp(sum(ln(1 - events / at_risk))) FROM (SELECT sum(events)::float8 AS events, max(at_risk) AS at_risk FROM curve GROUP BY elapsed_days) t) open(share);
-- Leads that join late, so that three at a time are at risk and two are won, and one is lost in round k: the probability
-- comes so near 1 that float8 has no digits left for its error, and then there are no limits; never beyond 1.
SELECT bool_and(probability <= 1) AS at_most_1, bool_and(low <= probability AND probability <= high) AS within, count(low) FILTER (WHERE k <= 16) AS early_limits, count(low) FILTER (WHERE k >= 20) AS late_limits
FROM generate_series(8, 40) k,
     LATERAL (SELECT funnel.cohort(lead, stage, at) FROM (
         SELECT round || '.' || n, stage, CASE stage WHEN 'mql' THEN pg_temp.day(5 - 10 * round) ELSE pg_temp.day(5) END
         FROM generate_series(1, 60) round, generate_series(1, 2) n, unnest(ARRAY['mql', CASE WHEN round = k AND n = 1 THEN 'lost' ELSE 'won' END]) stage
         UNION ALL SELECT 'open', 'mql', '2023-12-31') e(lead, stage, at)) l(c),
     LATERAL (SELECT * FROM funnel.outcomes(c, 'mql', '{won,lost}', since => '2024-01-01', as_of => '2026-01-01') WHERE outcome = 'won' AND elapsed_days = (k + 1) * 10) o;
-- The same of one outcome, whose steps of 1 and 7 out of 11 round to more than 1.
SELECT count(*) > 10 AS many, bool_and(probability <= 1) AS at_most_1, bool_and(probability < 1) FILTER (WHERE low IS NOT NULL) AS limits_below_1
FROM (SELECT funnel.cohort(lead, stage, at) FROM (
          SELECT 'open ' || n, 1, NULL FROM generate_series(1, 4) n
          UNION ALL SELECT 'a' || i, 20 * i + 2, 20 * i + 10 FROM generate_series(0, 40) i
          UNION ALL SELECT 'b' || i || n, 20 * i + CASE n WHEN 7 THEN 12 ELSE 2 END, 20 * i + 20 FROM generate_series(0, 40) i, generate_series(1, 7) n) l(lead, joins, leaves),
          LATERAL (VALUES ('mql', pg_temp.day(-joins)), ('won', pg_temp.day(leaves - joins))) e(stage, at)) c(c),
     funnel.outcomes(c, 'mql', '{won}', since => pg_temp.day(0), as_of => '2030-01-01');

-- Where no lead is open any more it is the rate that everybody knows.
SELECT o.probability = funnel.conversion_rate(c, 'mql', 'won', as_of => pg_temp.day(1000)) AS same, o.at_risk, round(o.se::numeric, 6) AS se,
       round(sqrt(o.probability * (1 - o.probability) / d.leads)::numeric, 6) AS binomial_se
FROM (SELECT funnel.reached(c, 'won') OPERATOR(funnel.||) funnel.reached(funnel.never_reached(c, 'won'), 'lost') FROM many) through(c), funnel.describe(c) d,
     LATERAL (SELECT * FROM funnel.outcomes(c, 'mql', '{won,lost}', as_of => pg_temp.day(1000)) WHERE outcome = 'won' ORDER BY elapsed_days DESC LIMIT 1) o;

--
-- Arguments that make no sense
--
CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;
SELECT call, r.*
FROM (VALUES
    ('outcomes(c, NULL, ''{won}'')'),
    ('outcomes(c, ''mql'', NULL)'),
    ('outcomes(c, ''mql'', ''{}'')'),
    ('outcomes(c, ''mql'', ''{won,NULL}'')'),
    ('outcomes(c, ''mql'', ''{{won,lost}}'')'),
    ('outcomes(c, ''mql'', ''{won}'', as_of => NULL)'),
    ('conversion_at(c, NULL, ''won'', ''1 day'')'),
    ('conversion_at(c, ''mql'', NULL, ''1 day'')'),
    ('conversion_at(c, ''mql'', ''won'', NULL)'),
    ('conversion_at(c, ''mql'', ''won'', ''-1 day'')'),
    ('conversion_at(c, ''mql'', ''won'', ''1 mon -31 days'')'),
    ('conversion_at(c, ''mql'', ''won'', ''1 day'', NULL)'),
    ('conversion_at(c, ''mql'', ''won'', ''1 day'', ''{lost,NULL}'')'),
    ('conversion_at(c, ''mql'', ''won'', ''1 day'', as_of => NULL)')) v(call),
    pg_temp.refused(format('SELECT funnel.%s FROM ten', call)) r;
-- However often a stage is named, it is one outcome.
SELECT count(*), string_agg(DISTINCT o.outcome, ',') AS outcomes FROM ten, funnel.outcomes(c, 'mql', array_fill('won'::text, '{3000000}') || '{lost}', as_of => pg_temp.day(70)) o;
-- What is wrong does not depend on the data.
SELECT call, r.state
FROM (SELECT funnel.as_of(c, '-infinity') FROM ten) e(c),
     (VALUES ('outcomes(%L, ''mql'', ''{}'')'), ('outcomes(%L, ''mql'', ''{won}'', as_of => NULL)'), ('conversion_at(%L, ''mql'', ''won'', ''-1 day'')')) v(call),
     pg_temp.refused('SELECT funnel.' || format(call, c)) r;

-- Stages that occur nowhere: a warning each, and no row of theirs.
SELECT elapsed_days, outcome FROM ten, funnel.outcomes(c, 'mql', '{won,Lost}', as_of => pg_temp.day(70));
SELECT count(*) FROM ten, funnel.outcomes(c, 'MQL', '{won}', as_of => pg_temp.day(70));
SELECT funnel.conversion_at(c, 'mql', 'win', '10 days', '{lost,gone}', as_of => pg_temp.day(70)) FROM ten;
