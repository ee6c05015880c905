-- What once crashed, hung or failed in the reports.
SET client_min_messages = error;
\set VERBOSITY terse
CREATE VIEW one AS SELECT funnel.cohort(1, 'a', timestamptz '2025-01-01') AS c;

-- 65,536 x 65,536 roles are not none
SELECT count(*) FROM one, funnel.handoff_counts(c, array_fill('a'::text, ARRAY[65536]), '{}'::int[], array_fill(NULL::interval, ARRAY[65536]), '2025-02-01', NULL);

-- a beta distribution whose mean is where rounding cannot tell the sides apart
SELECT funnel.leads_that_suffice(0.030104723319491537, 0.9, 0.5, NULL, '{0.0009956165160514162,2.9881993176225547e-05,1}', '{1,1,1}') AS leads;

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

DELETE FROM funnel.target WHERE pipeline = 'nosla';
DELETE FROM funnel.transition WHERE pipeline = 'nosla';
DELETE FROM funnel.stage WHERE pipeline = 'nosla';
DELETE FROM funnel.pipeline WHERE name = 'nosla';
