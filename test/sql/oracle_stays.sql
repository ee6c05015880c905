--
-- Stays against the oracle: of every whole cohort, of every lead alone, and of the filtered
-- cohorts (where a filter changes what is one stay). Needs oracle_cohort.
--
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;    -- many small calls

-- Worked out once, for this test and for oracle_steps.
INSERT INTO oracle.stay
SELECT q.*, s.*
FROM (SELECT cohort, alone, until FROM oracle.argument, unnest('{f,t}'::boolean[]) alone WHERE NOT alone OR arg <= 3
      UNION SELECT cohort, alone, '2025-01-01' FROM oracle.plan, unnest('{f,t}'::boolean[]) alone WHERE NOT alone OR cohort = 8
      UNION SELECT id, false, '2025-01-01' FROM oracle.filtered) q(cohort, alone, until)
CROSS JOIN LATERAL oracle.stays(q.cohort, q.alone, q.until) s;
ANALYZE oracle.stay;

-- days are compared as microseconds, amounts with their scale.
CREATE TEMP TABLE got (what text, cohort int, arg int, lead text, stage text, ref text, entered_at timestamptz,
                       left_at timestamptz, next_stage text, microseconds bigint, is_open boolean, amount text);
CREATE TEMP TABLE want (LIKE got);

INSERT INTO got
SELECT CASE WHEN c.lead IS NULL THEN 'whole' ELSE 'alone' END, c.cohort, a.arg, s.lead, s.stage, s.ref, s.entered_at,
       s.left_at, s.next_stage, round(s.days * 86400000000)::bigint, s.is_open, s.amount::text
FROM oracle.cohort c
JOIN oracle.argument a USING (cohort)
CROSS JOIN LATERAL funnel.stays(c.c, a.period, a.until) s
WHERE a.arg <= CASE WHEN c.lead IS NULL THEN 8 ELSE 3 END;
INSERT INTO want
SELECT CASE WHEN alone THEN 'alone' ELSE 'whole' END, a.cohort, a.arg, s.lead, s.stage, s.ref, s.entered_at,
       s.left_at, s.next_stage, round(s.days * 86400000000)::bigint, s.is_open, s.amount::text
FROM oracle.argument a
CROSS JOIN unnest('{f,t}'::boolean[]) alone
CROSS JOIN LATERAL oracle.known_stays(a.cohort, alone, a.until) s
WHERE a.arg <= CASE WHEN alone THEN 3 ELSE 8 END AND oracle.in_period(s.entered_at, a.period);

-- Of filtered cohorts. (The ranks of stages that share a new name are nobody's promise.)
INSERT INTO got
SELECT f.filter, f.cohort, f.id, s.lead, s.stage, s.ref, s.entered_at,
       s.left_at, s.next_stage, round(s.days * 86400000000)::bigint, s.is_open, s.amount::text
FROM oracle.filtered f, LATERAL funnel.stays(f.narrowed, as_of => '2025-01-01') s
WHERE f.filter <> 'relabel' OR f.cohort IN (1, 6, 8);
INSERT INTO want
SELECT f.filter, f.cohort, f.id, s.lead, s.stage, s.ref, s.entered_at,
       s.left_at, s.next_stage, round(s.days * 86400000000)::bigint, s.is_open, s.amount::text
FROM oracle.filtered f, LATERAL oracle.known_stays(f.id, false, '2025-01-01') s
WHERE f.filter <> 'relabel' OR f.cohort IN (1, 6, 8);

-- Without a period and as_of: all of them, to this very moment.
BEGIN;
INSERT INTO got
SELECT 'whole, now', c.cohort, NULL, s.lead, s.stage, s.ref, s.entered_at,
       s.left_at, s.next_stage, round(s.days * 86400000000)::bigint, s.is_open, s.amount::text
FROM oracle.cohort c, LATERAL funnel.stays(c.c) s
WHERE c.lead IS NULL;
INSERT INTO want
SELECT 'whole, now', p.cohort, NULL, s.lead, s.stage, s.ref, s.entered_at,
       s.left_at, s.next_stage, round(s.days * 86400000000)::bigint, s.is_open, s.amount::text
FROM oracle.plan p, LATERAL oracle.stays(p.cohort, false, now()) s;
COMMIT;

WITH difference AS (
    (SELECT * FROM (TABLE got EXCEPT ALL TABLE want) d)
    UNION ALL
    (SELECT * FROM (TABLE want EXCEPT ALL TABLE got) d)
)
SELECT what, format('%s differences', coalesce(d.differences, 0)) AS stays, w.stays AS compared, w.with_amount
FROM (SELECT what, count(*) AS stays, count(amount) AS with_amount FROM want GROUP BY what) w
LEFT JOIN (SELECT what, count(*) AS differences FROM difference GROUP BY what) d USING (what)
ORDER BY what COLLATE "C";
WITH difference AS (
    (SELECT 'funnel' AS only_in, * FROM (TABLE got EXCEPT ALL TABLE want) d)
    UNION ALL
    (SELECT 'oracle', * FROM (TABLE want EXCEPT ALL TABLE got) d)
)
SELECT * FROM difference ORDER BY what, cohort, arg, lead, entered_at, only_in LIMIT 6;
