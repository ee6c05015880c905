--
-- outcomes against survival data whose estimates are published
--
SET timezone = 'UTC';
SET extra_float_digits = 0;
\pset null '-'

-- '6 6* 7:relapse': three leads. One comes to its outcome (called out) after 6 days, one was still open after 6 days,
-- one came to the outcome relapse after 7. All of it as of 2024.
CREATE FUNCTION pg_temp.observed(observations text) RETURNS funnel.cohort LANGUAGE sql AS $$
    WITH lead AS (
        SELECT n, m[1]::float8 * interval '1 day' AS took, m[2] IS NOT NULL AS open, coalesce(m[3], 'out') AS outcome
        FROM regexp_split_to_table(observations, '\s+') WITH ORDINALITY o(item, n), regexp_match(item, '^([0-9.]+)(\*)?(?::(\w+))?$') m
    )
    SELECT funnel.cohort(n, stage, at)
    FROM (SELECT n, 'in', timestamptz '2024-01-01' - CASE WHEN open THEN took ELSE interval '1000 days' END FROM lead
          UNION ALL
          SELECT n, outcome, timestamptz '2024-01-01' - interval '1000 days' + took FROM lead WHERE NOT open) e(n, stage, at)
$$;

-- Remission of children with acute leukaemia under 6-mercaptopurine, in weeks; * is still in remission.
-- Data: Freireich et al., Blood 21 (1963) 699-716. Kaplan-Meier estimate and Greenwood's standard error as in Klein &
-- Moeschberger, Survival Analysis, and as printed by R (survfit) and Stata (sts list).
CREATE TEMP TABLE published (data text, elapsed int, outcome text, at_risk int, survival numeric, se numeric);
INSERT INTO published VALUES
    ('6-MP',  6, 'out', 21, 0.857, 0.0764),
    ('6-MP',  7, 'out', 17, 0.807, 0.0869),
    ('6-MP', 10, 'out', 15, 0.753, 0.0963),
    ('6-MP', 13, 'out', 12, 0.690, 0.1068),
    ('6-MP', 16, 'out', 11, 0.627, 0.1141),
    ('6-MP', 22, 'out',  7, 0.538, 0.1282),
    ('6-MP', 23, 'out',  6, 0.448, 0.1346);

-- The control group of the same trial: no censoring, every time with several leads, and nobody left at the end.
INSERT INTO published VALUES
    ('placebo',  1, 'out', 21, 0.9048, 0.0641),
    ('placebo',  2, 'out', 19, 0.8095, 0.0857),
    ('placebo',  3, 'out', 17, 0.7619, 0.0929),
    ('placebo',  4, 'out', 16, 0.6667, 0.1029),
    ('placebo',  5, 'out', 14, 0.5714, 0.1080);

-- Acute myelogenous leukaemia, maintained group, weeks to relapse: at 13 one relapses and one is censored.
-- Data: Miller, Survival Analysis (1981), p. 49, after Embury et al. (1977); R's data set "aml". Estimates as printed by R.
INSERT INTO published VALUES
    ('AML',  9, 'out', 11, 0.909, 0.0867),
    ('AML', 13, 'out', 10, 0.818, 0.1163),
    ('AML', 18, 'out',  8, 0.716, 0.1397),
    ('AML', 23, 'out',  7, 0.614, 0.1526),
    ('AML', 31, 'out',  5, 0.491, 0.1642),
    ('AML', 34, 'out',  4, 0.368, 0.1627),
    ('AML', 48, 'out',  2, 0.184, 0.1535);

CREATE TEMP TABLE sample AS
SELECT data, pg_temp.observed(observations) AS c
FROM (VALUES ('6-MP',    '6 6 6 6* 7 9* 10 10* 11* 13 16 17* 19* 20* 22 23 25* 32* 32* 34* 35*'),
             ('placebo', '1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23'),
             ('AML',     '9 13 13* 18 23 28* 31 34 45* 48 161*')) s(data, observations);

SELECT data, o.elapsed_days AS elapsed, p.at_risk AS published_at_risk, o.at_risk, o.events, round((1 - o.probability)::numeric, scale(p.survival)) AS survival, p.survival AS published,
       round(o.se::numeric, scale(p.se)) AS se, p.se AS published_se
FROM sample CROSS JOIN funnel.outcomes(c, 'in', '{out}', as_of => '2024-01-01') o
JOIN published p USING (data)
WHERE p.elapsed = o.elapsed_days
ORDER BY data, o.elapsed_days;
-- ... and where all rows are published, there are no others.
SELECT data, count(*) AS rows, (SELECT count(*) FROM published p WHERE p.data = s.data) AS published
FROM sample s, funnel.outcomes(c, 'in', '{out}', as_of => '2024-01-01') WHERE data <> 'placebo' GROUP BY data ORDER BY data;

-- The log-log interval of the survivor function of the control group, as Stata's sts list prints it (G. Rodríguez,
-- Princeton: The Gehan Survival Data): 0.6700 to 0.9753 in week 1, 0.5689 to 0.9239 in week 2.
SELECT o.elapsed_days AS elapsed, round((1 - o.high)::numeric, 4) AS survival_low, round((1 - o.low)::numeric, 4) AS survival_high
FROM sample, funnel.outcomes(c, 'in', '{out}', as_of => '2024-01-01') o
WHERE data = 'placebo' AND o.elapsed_days <= 2;
-- Without censoring the estimate is the plain share; at the end there is no interval.
SELECT o.elapsed_days AS elapsed, o.at_risk, o.events, o.probability * 21 AS of_21, round(o.se::numeric, 4) AS se, round(sqrt(o.probability * (1 - o.probability) / 21)::numeric, 4) AS binomial_se,
       round(o.low::numeric, 4) AS low, round(o.high::numeric, 4) AS high
FROM sample, funnel.outcomes(c, 'in', '{out}', as_of => '2024-01-01') o
WHERE data = 'placebo' ORDER BY 1;

-- Three competing causes, with ties of all kinds (several causes at one time, and at 4 and 10 with censoring).
-- Data and estimates: documentation of the R package mstate, function Cuminc, "some fake data", whose standard errors
-- are Greenwood's as in Marubini & Valsecchi, Analysing Survival Data from Clinical Trials and Observational Studies
-- (1995). Cumulative incidence and standard error of cause 1, of cause 2, of cause 3.
CREATE TEMP TABLE cuminc (elapsed int, ci1 numeric, ci2 numeric, ci3 numeric, se1 numeric, se2 numeric, se3 numeric);
INSERT INTO cuminc VALUES
    ( 1, 0.0500000, 0.0500000, 0.0500000, 0.04873397, 0.04873397, 0.04873397),
    ( 3, 0.0500000, 0.0500000, 0.1031250, 0.04873397, 0.04873397, 0.06913864),
    ( 4, 0.1031250, 0.1031250, 0.1031250, 0.06913864, 0.06913864, 0.06913864),
    ( 6, 0.1031250, 0.1659091, 0.1031250, 0.06913864, 0.08822297, 0.06913864),
    ( 7, 0.2286932, 0.2286932, 0.1031250, 0.10125712, 0.10125712, 0.06913864),
    ( 8, 0.2286932, 0.2286932, 0.1659091, 0.10125712, 0.10125712, 0.08822297),
    ( 9, 0.2286932, 0.2914773, 0.1659091, 0.10125712, 0.11040510, 0.08822297),
    (10, 0.2286932, 0.3542614, 0.2286932, 0.10125712, 0.11658533, 0.10125712),
    (13, 0.3228693, 0.3542614, 0.3228693, 0.12014817, 0.11658533, 0.12014817);
INSERT INTO sample SELECT 'causes', pg_temp.observed('2* 4:1 6:2 8:3 10* 1:1 4:2 7:2 10:3 13:1 1:2 3:3 5* 7:1 9:2 1:3 4* 7:1 10:2 13:3');

SELECT o.elapsed_days AS elapsed, o.outcome AS cause, o.at_risk, o.events, round(o.probability::numeric, 7) AS probability, p.ci AS published,
       round(o.se::numeric, 8) AS se, p.se AS published_se
FROM sample, funnel.outcomes(c, 'in', '{1,2,3}', as_of => '2024-01-01') o
LEFT JOIN (SELECT elapsed, cause, ci, se
           FROM cuminc, LATERAL (VALUES ('1', ci1, se1), ('2', ci2, se2), ('3', ci3, se3)) v(cause, ci, se)) p
    ON p.elapsed = o.elapsed_days AND p.cause = o.outcome
WHERE data = 'causes'
ORDER BY 1, 2;

-- The same without the four censored: multinomial shares of 16, with binomial standard errors.
SELECT count(*) AS rows, bool_and(abs(o.probability * 16 - round(o.probability * 16)) < 1e-12) AS shares,
       bool_and(abs(o.se - sqrt(o.probability * (1 - o.probability) / 16)) < 1e-12) AS binomial
FROM funnel.outcomes(pg_temp.observed('4:1 6:2 8:3 1:1 4:2 7:2 10:3 13:1 1:2 3:3 7:1 9:2 1:3 7:1 10:2 13:3'), 'in', '{1,2,3}', as_of => '2024-01-01') o;

-- Three causes together are any cause: the incidences add up to 1 - Kaplan-Meier of all of them. Where several come at
-- one time, the last row of that time has them all.
CREATE TEMP TABLE by_cause AS SELECT o.* FROM sample, funnel.outcomes(c, 'in', '{1,2,3}', as_of => '2024-01-01') o WHERE data = 'causes';
SELECT any_cause.elapsed_days AS elapsed, round(any_cause.probability::numeric, 7) AS any_cause, round(added.probability::numeric, 7) AS added,
       abs(any_cause.probability - added.probability) < 1e-14 AS same
FROM sample
CROSS JOIN funnel.outcomes(funnel.relabel(c, '{"1": "any", "2": "any", "3": "any"}'), 'in', '{any}', as_of => '2024-01-01') any_cause
CROSS JOIN LATERAL (SELECT sum(probability)
                    FROM (SELECT DISTINCT ON (outcome) probability FROM by_cause b
                          WHERE b.elapsed_days <= any_cause.elapsed_days ORDER BY outcome, elapsed_days DESC) latest) added(probability)
WHERE data = 'causes'
ORDER BY 1;
