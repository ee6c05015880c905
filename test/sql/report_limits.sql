-- What once crashed, hung or failed in the reports.
SET client_min_messages = error;
\set VERBOSITY terse
CREATE VIEW one AS SELECT funnel.cohort(1, 'a', timestamptz '2025-01-01') AS c;

-- 65,536 x 65,536 roles are not none
SELECT count(*) FROM one, funnel.handoff_counts(c, array_fill('a'::text, ARRAY[65536]), '{}'::int[], array_fill(NULL::interval, ARRAY[65536]), '2025-02-01', NULL);

-- a beta distribution whose mean is where rounding cannot tell the sides apart; something is won
SELECT funnel.leads_that_suffice(0.030104723319491537, 0.9, 0.5, NULL, '{1e6,1e6,0}', '{0.0009956165160514162,2.9881993176225547e-05,0,1}', '{1,1,1,0}') AS leads;

-- a hand-off in a pipeline without any SLA, and targets without end
SELECT funnel.create_pipeline('nosla', '{a,b,won}', '{lost}');
UPDATE funnel.stage SET owner = CASE stage WHEN 'a' THEN 'marketing' ELSE 'sales' END WHERE pipeline = 'nosla';
INSERT INTO funnel.target VALUES ('nosla', 'conversion', tstzrange('2025-01-01', 'infinity'), 0.5);
SELECT kpi, s.stage, value, target FROM one, funnel.scorecard(c, 'nosla', as_of => '2025-02-01') AS s
WHERE kpi IN ('conversion', 'accept_rate', 'no_response_rate');

-- names too long for their column, with dots at their end
SELECT chart FROM one, funnel.chart(c, ARRAY[repeat('x', 201), 'Waiting for signature by legal..'], as_of => '2025-02-01');

-- an array that does not begin with 1
SELECT step, stage FROM one, funnel.required_leads(c, '[2:4]={a,b,won}', 5, as_of => '2025-02-01');

-- more stages than a funnel has steps, and ways past each of them: 70 leads, as many as there are stages, each of which gets one
-- further than the one before; the last is won
SELECT funnel.create_pipeline('wide', ARRAY(SELECT 's' || i FROM generate_series(1, 69) AS i) || '{won}'::text[], '{lost}', true);
UPDATE funnel.stage SET owner = CASE WHEN "position" <= 30 THEN 'marketing' ELSE 'sales' END WHERE pipeline = 'wide';
CREATE VIEW wide AS
SELECT funnel.cohort(lead, CASE n WHEN 70 THEN 'won' ELSE 's' || n END, timestamptz '2025-01-01' + n * interval '1 day', 10 * n) AS c
FROM generate_series(1, 70) AS lead, generate_series(1, lead) AS n;
SELECT kpi, s.stage, value, numerator, denominator FROM wide, funnel.scorecard(c, 'wide', as_of => '2026-01-01') AS s
WHERE kpi IN ('leads', 'lead_to_won', 'lead_to_won_amount', 'won_deals', 'cycle_p50_days') OR kpi = 'conversion' AND s.stage IN ('s1 > s2', 's69 > won', 's1 > won');
SELECT kpi, value FROM wide, funnel.scorecard(c, 'wide', within => '30 days', period => '[2025-01-01,2025-01-03)', as_of => '2026-01-01') AS s WHERE kpi IN ('leads', 'lead_to_won');
SELECT count(*), sum(leads_lost) FROM wide, funnel.bottleneck(c, 'wide', as_of => '2026-01-01');
SELECT * FROM funnel.handoff_points('wide');

-- amounts and targets beyond double precision
INSERT INTO funnel.target VALUES ('nosla', 'revenue', '(,)', 1e400);
INSERT INTO funnel.target VALUES ('nosla', 'revenue', '(,)', 'NaN');
INSERT INTO funnel.target VALUES ('nosla', 'revenue', '(,)', 1e-400), ('nosla', 'won_deals', '(,)', 1e290), ('nosla', 'lead_to_won', '(,)', 0.5);
SELECT kpi, s.stage, value, left(numerator::text, 3) AS numerator, length(numerator::text) AS digits, left(target::text, 3) AS target, status
FROM (SELECT funnel.cohort(1, stage, at, 1e400) AS c FROM (VALUES ('a', timestamptz '2025-01-01'), ('won', '2025-01-02')) AS v (stage, at)) AS h, funnel.scorecard(c, 'nosla', as_of => '2025-02-01') AS s
WHERE kpi ~ 'amount|revenue|velocity|deals';
SELECT b.stage, leads_lost, more_amount FROM (SELECT funnel.cohort(1, stage, at, 1e400) AS c FROM (VALUES ('a', timestamptz '2025-01-01'), ('won', '2025-01-02')) AS v (stage, at)) AS h, funnel.bottleneck(c, 'nosla', as_of => '2025-02-01') AS b;

-- before the beginning of time
SELECT kpi, value, target > 0 AS has_target, status FROM one, funnel.scorecard(c, 'nosla', as_of => '4714-11-24 00:00:00+00 BC') AS s WHERE kpi IN ('won_deals', 'lead_to_won');

-- tables that are gone
SELECT * FROM funnel.reasons(4294967295::regclass, 'nosla');
SELECT * FROM funnel.coverage(4294967295::regclass, 'nosla');
SELECT * FROM one, funnel.recyclable(c, 'nosla', history => 4294967295::regclass);

DROP VIEW wide, one;
DELETE FROM funnel.target WHERE pipeline = 'nosla';
DELETE FROM funnel.transition WHERE pipeline = 'wide';
DELETE FROM funnel.stage WHERE pipeline = 'wide';
DELETE FROM funnel.pipeline WHERE name = 'wide';
DELETE FROM funnel.transition WHERE pipeline = 'nosla';
DELETE FROM funnel.stage WHERE pipeline = 'nosla';
DELETE FROM funnel.pipeline WHERE name = 'nosla';
