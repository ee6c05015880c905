-- The funnel backwards: how many leads must enter each step, and by when.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA required;
SET search_path = required;

-- Ten leads, all watched for 90 days and more: eight accepted after 5 days, four of those won, after 20, 40, 40 and 60.
CREATE TABLE history (lead int, stage text, at timestamptz, amount numeric);
INSERT INTO history SELECT n, 'mql', '2025-01-01', NULL FROM generate_series(1, 10) AS n;
INSERT INTO history SELECT n, 'sal', '2025-01-06', NULL FROM generate_series(1, 8) AS n;
INSERT INTO history VALUES (1, 'won', '2025-01-21', 10000), (2, 'won', '2025-02-10', 30000),
                           (3, 'won', '2025-02-10', 20000), (4, 'won', '2025-03-02', 20000);
CREATE TABLE c AS SELECT funnel.cohort(lead, stage, at, amount) AS c FROM history;

-- 10 deals at 4/10 are 25 leads, at 4/8 they are 20. Of four wins the slowest took 60 days; in time are 4/5 of what may come.
SELECT f.* FROM c, funnel.required_leads(c, '{mql,sal,won}', 10, as_of => '2025-04-01') AS f;
SELECT f.* FROM c, funnel.required_leads(c, '{mql,sal,won}', 10, due => '2025-12-31', as_of => '2025-04-01') AS f;
-- to be in time with 50%, only what is won within 40 days of the entry counts: 3 of 10, and 4/5 of that
SELECT f.* FROM c, funnel.required_leads(c, '{mql,sal,won}', 10, confidence => 0.5, due => '2025-12-31', as_of => '2025-04-01') AS f;
SELECT step, rate, days FROM c, funnel.required_leads(c, '{mql,won}', 10, within => '39 days', as_of => '2025-04-01') AS f;
-- an amount: the mean is 20000
SELECT f.* FROM c, funnel.required_leads(c, '{mql,sal,won}', 200000, 'amount', as_of => '2025-04-01') AS f;
-- the six others are 90 days old and bring nothing; two MQLs of today bring 0.8, and 0.8 x 20000
SELECT from_open, leads_expected FROM c, funnel.required_leads(c, '{mql,sal,won}', 10, open_leads => c, as_of => '2025-04-01') AS f;
SELECT unit, from_open, leads_expected, leads_needed
FROM c, (SELECT funnel.cohort(n, 'mql', timestamptz '2025-03-31 23:59:59.999999') AS open FROM generate_series(21, 22) AS n) AS o,
     (VALUES ('deals', 10), ('amount', 200000)) AS v(unit, target),
     funnel.required_leads(c, '{mql,sal,won}', target, unit, open_leads => open, as_of => '2025-04-01') AS f WHERE step = 1;
-- no time is left for them, and they are more than enough
SELECT from_open, leads_expected, leads_needed, needed_by
FROM c, (SELECT funnel.cohort(n, 'mql', timestamptz '2025-03-31') AS open FROM generate_series(1, 1000) AS n) AS o,
     unnest('{2025-03-01,2025-08-01}'::timestamptz[]) AS due,
     funnel.required_leads(c, '{mql,won}', 10, due => due, open_leads => open, as_of => '2025-04-01') AS f WHERE step = 1;

-- nobody converted yet; everybody did; nobody is there; nobody has an amount; one lead
SELECT f.* FROM c, funnel.required_leads(c, '{mql,sal,won}', 10, due => '2025-12-31', as_of => '2025-01-10') AS f;
SELECT f.* FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM history WHERE lead <= 4) AS c,
     funnel.required_leads(c, '{mql,won}', 10, as_of => '2025-04-01') AS f;
SELECT f.* FROM c, funnel.required_leads(c, '{mql,won}', 10, open_leads => c, as_of => '2024-01-01') AS f;
SELECT f.* FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM history) AS c,
     funnel.required_leads(c, '{mql,won}', 10000, 'amount', as_of => '2025-04-01') AS f;
SELECT f.* FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM history WHERE lead = 10) AS c,
     funnel.required_leads(c, '{mql,sal}', 1, as_of => '2025-04-01') AS f;
SELECT count(*) FROM funnel.required_leads(NULL, '{mql,won}', 10);

-- While some are open: the end of the curve of outcomes, and its error.
CREATE FUNCTION roll(name text) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('x' || substr(md5(name), 1, 8))::bit(32)::bigint / 4294967296.0::float8 $$;
CREATE TABLE young AS
SELECT funnel.cohort(n, s, at) AS c FROM generate_series(1, 500) AS n,
     LATERAL (SELECT timestamptz '2025-01-01' + floor(100 * roll('t' || n)) * interval '1 day' AS begin OFFSET 0) AS b,
     LATERAL (VALUES ('mql', begin), ('sal', begin + floor(30 * roll('a' || n)) * interval '1 day'),
                     ('won', begin + (30 + floor(60 * roll('w' || n))) * interval '1 day')) AS e(s, at)
WHERE s = 'mql' OR s = 'sal' AND roll('x' || n) < 0.6 OR s = 'won' AND roll('x' || n) < 0.3;
-- the curve ends where less leads than the root of all have been watched for so long; a share of it is in time
SELECT step, stage, f.entered, abs(rate - in_time) < 1e-12 AS rate, f.days = o.days AS days
FROM young, funnel.required_leads(c, '{mql,sal,won}', 10, due => '2025-12-31', as_of => '2025-04-01') AS f
LEFT JOIN LATERAL (
    SELECT probability * wins / (wins + 1) AS in_time, elapsed_days AS days
    FROM (SELECT *, sum(events) OVER () AS wins, max(probability) OVER () AS at_end
          FROM funnel.outcomes(c, f.stage, '{won}', as_of => '2025-04-01')
          WHERE elapsed_days <= (SELECT (array_agg(days ORDER BY days DESC))[ceil(sqrt(count(*)))::int]
                                 FROM (SELECT extract(epoch FROM timestamptz '2025-04-01' - min(at)) / 86400 AS days
                                       FROM funnel.events(c) AS e WHERE label = f.stage AND at < '2025-04-01' GROUP BY lead) AS e)) AS o
    WHERE probability * wins / (wins + 1) >= 0.9 * at_end ORDER BY elapsed_days LIMIT 1) AS o ON step < 3;

-- How many suffice, against the distributions written out. A share that is known: binomial.
CREATE FUNCTION at_least(k int, n int, a float8, b float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    point float8 := 1;
    below float8 := 0;
BEGIN
    FOR i IN 0 .. n - 1 LOOP
        point := point * CASE WHEN a IS NULL THEN b ELSE (b + i) / (a + b + i) END;     -- nobody
    END LOOP;
    FOR i IN 0 .. k - 1 LOOP
        below := below + point;
        point := point * (n - i) / (i + 1) * CASE WHEN a IS NULL THEN (1 - b) / b ELSE (a + i) / (n - i - 1 + b) END;
    END LOOP;
    RETURN 1 - below;
END
$$;
SELECT n, round(at_least(5, n::int, NULL, 0.5)::numeric, 4) AS enough, round(at_least(5, n::int - 1, NULL, 0.5)::numeric, 4) AS too_few
FROM funnel.leads_that_suffice(5, 0.9, 0.5, NULL, '{0,0,0}', NULL, NULL) AS n;
-- one of which so many leads have told: beta-binomial
SELECT count(*), count(*) FILTER (WHERE at_least(k, n::int, a, b) >= confidence AND at_least(k, n::int - 1, a, b) < confidence) AS least
FROM unnest('{1,5,40}'::int[]) AS k, unnest('{0.5,0.8,0.95}'::float8[]) AS confidence,
     (VALUES (0.3, 10), (0.05, 60), (0.2, 400), (0.9, 30)) AS v(rate, known),
     LATERAL (SELECT known * rate + 0.5 AS a, known * (1 - rate) + 0.5 AS b) AS ab,
     funnel.leads_that_suffice(k, confidence, rate, known, '{0,0,0}', NULL, NULL) AS n;
-- what open leads bring is as good as leads
SELECT funnel.leads_that_suffice(5, 0.9, 0.5, NULL, '{2,1,0}', NULL, NULL) AS four_open;
-- an amount of one value each is a number of deals, about: between two of them the distribution goes on
SELECT funnel.leads_that_suffice(40, 0.9, 0.3, 100, '{0,0,0}', NULL, NULL) AS deals,
       funnel.leads_that_suffice(40000, 0.9, 0.3, 100, '{0,0,0}', '{0,0,0,0}', '{1000,0,30,0}') AS amount;
-- that is nothing if nothing is won: any amount takes as many leads as one deal; where all are won, so many are
SELECT t AS target, ceil(t / 1000) AS deals,
       funnel.leads_that_suffice(ceil(t / 1000), 0.9, 0.1, 400, '{0,0,0}', NULL, NULL) AS for_deals,
       funnel.leads_that_suffice(t, 0.9, 0.1, 400, '{0,0,0}', '{0,0,0,0}', '{1000,0,40,0}') AS for_amount,
       funnel.leads_that_suffice(t, 0.9, 1, NULL, '{0,0,0}', '{0,0,0,0}', '{1000,0,40,0}') AS if_all
FROM unnest('{10,500,1000,1001,5000,100000}'::float8[]) AS t;
-- half are won; half of those bring 11000 and the others take back 9000: binomial distributions have 19, 367 and 1121
SELECT confidence, funnel.leads_that_suffice(10000, confidence, 0.5, 1e9, '{0,0,0}', '{0,0,0,0}', '{1000,1e8,1e9,1}') AS leads
FROM unnest('{0.5,0.9,0.99}'::float8[]) AS confidence;
-- ten open leads take back 10000 each if they are won, as half are: of n and 10 fair coins 11 must be heads, which takes 11,
-- 18 and 25
SELECT confidence, funnel.leads_that_suffice(10000, confidence, 0.5, NULL, '{5,2.5,0}', '{-50000,2.5e8,-100000,0}', '{10000,0,30,0}') AS leads
FROM unnest('{0.5,0.9,0.99}'::float8[]) AS confidence;
-- a confidence that is reached exactly, and no sense: no answer, at once
SELECT funnel.leads_that_suffice(1, 0.5, 0.5, 2, '{0,0,0}', NULL, NULL) AS exactly;
SET statement_timeout = '10s';
SELECT rate, o, funnel.leads_that_suffice(5, 0.9, rate, 100, o::float8[], NULL, NULL) AS leads
FROM unnest('{0.5,-1,NaN}'::float8[]) AS rate, unnest('{"{0,0,0}","{Infinity,Infinity,Infinity}","{1,1,NaN}","{-1,1,0}"}'::text[]) AS o;
RESET statement_timeout;
-- a million deals
SELECT n BETWEEN 2000000 AND 2003000 AS near FROM funnel.leads_that_suffice(1000000, 0.9, 0.5, NULL, '{0,0,0}', NULL, NULL) AS n;
-- However many, at once. Where half of one lead is all that is known, every share and so every number of wins is as probable
-- as the next: k or more of n have (n + 1 - k) / (n + 1). Where it is 3/4 of two: 1 - k (k + 1) / ((n + 1) (n + 2)).
SET statement_timeout = '10s';
SELECT k, even, even = ceil(k / 0.15) - 1 AS even_is_least, better, k * (k + 1) <= 0.15 * (better + 1) * (better + 2) AND k * (k + 1) > 0.15 * better * (better + 1) AS better_is_least
FROM unnest('{1,7,1000,1000000,1000000000}'::numeric[]) AS k, funnel.leads_that_suffice(k::float8, 0.85, 0.5, 1, '{0,0,0}', NULL, NULL) AS even,
     funnel.leads_that_suffice(k::float8, 0.85, 0.75, 2, '{0,0,0}', NULL, NULL) AS better;
-- all come: as many as are missing; more than 10^15 leads are not counted
SELECT step, leads_expected, leads_needed FROM c, funnel.required_leads(c, '{mql,won}', 123456789012, as_of => '2025-04-01') AS f;
SELECT target, step, leads_expected, leads_needed
FROM c, unnest('{1e14,999999999999999,1e15}'::numeric[]) AS target, funnel.required_leads(c, '{mql,won}', target, as_of => '2025-04-01') AS f;
RESET statement_timeout;
-- wins that cost more than they bring
SELECT step, from_open, leads_expected, leads_needed
FROM (SELECT funnel.cohort(lead, stage, at, CASE amount WHEN 30000 THEN -90000 ELSE amount END) AS c FROM history) AS c,
     funnel.required_leads(c, '{mql,won}', 100000, 'amount', open_leads => c, as_of => '2025-04-01') AS f;
-- 2000 of 4000 leads won: 1000 brought 11000, and 1000 took back 9000. The mean of 1000 is known to 224: that of 1000 new wins
-- is between 480 and 1520 with 98%
SELECT confidence, step, leads_expected, leads_needed
FROM (SELECT funnel.cohort(n, s, at, a) AS c FROM generate_series(1, 4000) AS n,
           LATERAL (VALUES ('mql', timestamptz '2024-01-01', NULL), ('won', '2024-01-11', CASE WHEN n % 4 = 0 THEN 11000 ELSE -9000 END)) AS e(s, at, a)
      WHERE s = 'mql' OR n % 2 = 0) AS c,
     unnest('{0.5,0.9,0.99}'::float8[]) AS confidence,
     funnel.required_leads(c, '{mql,won}', 10000, 'amount', confidence => confidence, as_of => '2025-01-01') AS f;
-- only the open leads take money back: half of these ten, at 10000
SELECT confidence, from_open, leads_expected, leads_needed
FROM (SELECT funnel.cohort(n, s, at, CASE WHEN s = 'won' THEN 10000 END) AS c FROM generate_series(1, 4000) AS n,
           LATERAL (VALUES ('mql', timestamptz '2024-01-01'), ('won', '2024-01-11')) AS e(s, at) WHERE s = 'mql' OR n % 2 = 0) AS c,
     (SELECT funnel.cohort(n, 'mql', timestamptz '2024-12-31', -10000) AS open FROM generate_series(5001, 5010) AS n) AS o,
     unnest('{0.9,0.99}'::float8[]) AS confidence,
     funnel.required_leads(c, '{mql,won}', 10000, 'amount', confidence => confidence, open_leads => open, as_of => '2025-01-01') AS f
WHERE step = 1;
-- amounts too small to count leads, and too large to square; one of an open lead
SELECT round(log(factor)) AS zeros, step, leads_expected, leads_needed
FROM unnest('{1e-326,1e-305,1,1e152,1e296,1e396}'::numeric[]) AS factor,
     LATERAL (SELECT funnel.cohort(lead, stage, at, amount * factor) AS c FROM history) AS c,
     funnel.required_leads(c, '{mql,won}', 1e15, 'amount', as_of => '2025-04-01') AS f;
SELECT round(log(from_open)) AS digits, leads_expected, leads_needed
FROM c, (SELECT funnel.cohort(21, 'mql', timestamptz '2025-03-31', 1e200) AS open) AS o,
     funnel.required_leads(c, '{mql,won}', 10000, 'amount', open_leads => open, as_of => '2025-04-01') AS f WHERE step = 1;

-- errors
\set SHOW_CONTEXT never
SELECT funnel.required_leads(c, '{mql,won}', 0) FROM c;
SELECT funnel.required_leads(c, '{mql,won}', -5) FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 'NaN') FROM c;
SELECT funnel.required_leads(c, '{mql,won}', NULL) FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1e16, 'amount') FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 'Infinity') FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1e-16) FROM c;
SELECT funnel.required_leads(c, '{won}', 1) FROM c;
SELECT funnel.required_leads(c, '{}', 1) FROM c;
SELECT funnel.required_leads(c, NULL, 1) FROM c;
SELECT funnel.required_leads(c, '{mql,NULL}', 1) FROM c;
SELECT funnel.required_leads(c, '{won,mql,won}', 1) FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1, 'leads') FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1, NULL) FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1, confidence => 0) FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1, within => '0') FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1, due => 'infinity') FROM c;
SELECT funnel.required_leads(c, '{mql,won}', 1, as_of => NULL) FROM c;
SELECT step, entered, rate FROM c, funnel.required_leads(c, '{mql,demo,won}', 1, as_of => '2025-04-01') AS f;
SET client_min_messages = warning;
DROP SCHEMA required CASCADE;
