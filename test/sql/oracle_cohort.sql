--
-- The events of a cohort, and of every filter of it, against plain SQL over the rows.
-- Needs oracle_1_histories.
--
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;    -- many small calls

-- A cohort hands back the rows it was made of, each lead's in canonical order; the whole
-- and the merge of its leads are one value.
CREATE TEMP TABLE got AS
SELECT c.cohort, c.lead IS NOT NULL AS alone, e.lead,
       row_number() OVER (PARTITION BY c.cohort, c.lead, e.lead ORDER BY e.ordinality) AS pos,
       e.kind, e.label, e.at, e.amount::text AS amount, e.ref
FROM oracle.cohort c, LATERAL funnel.events(c.c) WITH ORDINALITY e;
CREATE TEMP TABLE want AS
SELECT p.cohort, alone, t.lead, t.pos, t.kind, t.label, t.at, t.amount::text, t.ref
FROM oracle.plan p, unnest('{f,t}'::boolean[]) alone, LATERAL oracle.timeline(p.cohort, alone) t;

WITH difference AS (
    (SELECT 'funnel' AS only_in, * FROM (TABLE got EXCEPT ALL TABLE want) d)
    UNION ALL
    (SELECT 'oracle', * FROM (TABLE want EXCEPT ALL TABLE got) d)
)
SELECT format('%s differences', count(*)) AS events, (SELECT count(*) FROM want) AS compared
FROM difference;
-- (Where there are differences, this shows the first.)
WITH difference AS (
    (SELECT 'funnel' AS only_in, * FROM (TABLE got EXCEPT ALL TABLE want) d)
    UNION ALL
    (SELECT 'oracle', * FROM (TABLE want EXCEPT ALL TABLE got) d)
)
SELECT * FROM difference ORDER BY cohort, alone, lead, pos, only_in LIMIT 6;

SELECT w.cohort
FROM oracle.cohort w
JOIN (SELECT cohort, funnel.merge(c) AS c FROM oracle.cohort WHERE lead IS NOT NULL GROUP BY cohort) l USING (cohort)
WHERE w.lead IS NULL AND NOT (w.c OPERATOR(funnel.=) l.c)
ORDER BY w.cohort;

-- The filters. Each narrowed cohort has a number of its own, under which plain SQL writes
-- the events that should be left.
CREATE TABLE oracle.filtered (
    id       int PRIMARY KEY,
    filter   text,
    cohort   int,
    arg      int,
    narrowed funnel.cohort
);
CREATE TEMP TABLE filter AS
SELECT 10000 + row_number() OVER (ORDER BY f.i, p.cohort, a.arg) AS id, f.name AS filter, p.cohort, a.arg,
       a.steps, a.until, coalesce(a.period, '(,)') AS period,
       (SELECT array_agg(l ORDER BY md5(l)) FROM (SELECT DISTINCT unnest(p.labels)) x(l)) AS new_order,
       jsonb_build_object(p.labels[1], p.labels[2], p.labels[3], 'renamed', 'nowhere', 'somewhere') AS new_labels
FROM unnest('{entered,reached,never_reached,active,only,without,as_of,relabel,in_order,deduplicate}'::text[]) WITH ORDINALITY f(name, i)
CROSS JOIN oracle.plan p
JOIN oracle.argument a USING (cohort)
WHERE a.arg <= CASE WHEN f.name IN ('relabel', 'in_order', 'deduplicate') THEN 1
                    WHEN f.name = 'entered' THEN 4
                    WHEN f.name = 'active' THEN 12 ELSE 2 END;

INSERT INTO oracle.filtered
SELECT f.id, f.filter, f.cohort, f.arg,
       CASE f.filter
           WHEN 'entered' THEN funnel.entered(c.c, f.steps[1], f.period)
           WHEN 'reached' THEN funnel.reached(c.c, f.steps[1])
           WHEN 'never_reached' THEN funnel.never_reached(c.c, f.steps[1])
           WHEN 'active' THEN funnel.active(c.c, f.period)
           WHEN 'only' THEN funnel.only(c.c, f.steps)
           WHEN 'without' THEN funnel.without(c.c, f.steps)
           WHEN 'as_of' THEN funnel.as_of(c.c, f.until)
           WHEN 'relabel' THEN funnel.relabel(c.c, f.new_labels)
           WHEN 'in_order' THEN funnel.in_order(c.c, f.new_order)
           WHEN 'deduplicate' THEN funnel.deduplicate(c.c)
       END
FROM filter f JOIN oracle.cohort c ON c.cohort = f.cohort AND c.lead IS NULL;

-- entered: the lead's first event in the stage lies in the period; reached and never_reached:
-- it has one, or none; active: any event lies in the period. All of the lead's events stay.
INSERT INTO oracle.event
SELECT f.id, e.lead, e.kind, e.label, e.rank, e.at, e.amount, e.ref
FROM filter f
CROSS JOIN LATERAL (SELECT e.*, min(e.at) FILTER (WHERE e.kind = 'stage' AND e.label = f.steps[1]) OVER (PARTITION BY e.lead) AS first_at,
                                  bool_or(e.at <@ f.period) OVER (PARTITION BY e.lead) AS active
              FROM oracle.event e WHERE e.cohort = f.cohort) e
WHERE CASE f.filter WHEN 'entered' THEN e.first_at <@ f.period
                    WHEN 'reached' THEN e.first_at IS NOT NULL
                    WHEN 'never_reached' THEN e.first_at IS NULL
                    WHEN 'active' THEN e.active END;
-- only, without: of the stage events those of (not of) these stages; touches are no stages.
-- as_of: of all events those before.
INSERT INTO oracle.event
SELECT f.id, e.lead, e.kind, e.label, e.rank, e.at, e.amount, e.ref
FROM filter f JOIN oracle.event e USING (cohort)
WHERE CASE f.filter WHEN 'only' THEN e.kind = 'touch' OR e.label = ANY (f.steps)
                    WHEN 'without' THEN e.kind = 'touch' OR e.label <> ALL (f.steps)
                    WHEN 'as_of' THEN e.at < f.until END;
-- relabel: a stage has the name it is given, all at once; unlisted ones and channels keep theirs.
INSERT INTO oracle.event
SELECT f.id, e.lead, e.kind,
       CASE WHEN e.kind = 'stage' THEN coalesce(f.new_labels ->> e.label, e.label) ELSE e.label END,
       e.rank, e.at, e.amount, e.ref
FROM filter f JOIN oracle.event e USING (cohort)
WHERE f.filter = 'relabel';
-- in_order: the ranks of the stages.
INSERT INTO oracle.event
SELECT f.id, e.lead, e.kind, e.label, array_position(f.new_order, e.label), e.at, e.amount, e.ref
FROM filter f JOIN oracle.event e USING (cohort)
WHERE f.filter = 'in_order';
-- deduplicate: events equal in all they have (1.0 is not 1.00).
INSERT INTO oracle.event
SELECT DISTINCT ON (f.id, e.lead, e.kind, e.label, e.at, e.amount::text, e.ref)
       f.id, e.lead, e.kind, e.label, min(e.rank) OVER (PARTITION BY f.id, e.kind, e.label), e.at, e.amount, e.ref
FROM filter f JOIN oracle.event e USING (cohort)
WHERE f.filter = 'deduplicate';
ANALYZE oracle.event;

DROP TABLE got, want;
CREATE TEMP TABLE got AS
SELECT f.id, f.filter, e.lead, e.kind, e.label, e.at, e.amount::text AS amount, e.ref
FROM oracle.filtered f, LATERAL funnel.events(f.narrowed) e;
CREATE TEMP TABLE want AS
SELECT f.id, f.filter, e.lead, e.kind, e.label, e.at, e.amount::text, e.ref
FROM oracle.filtered f JOIN oracle.event e ON e.cohort = f.id;

WITH difference AS (
    (SELECT * FROM (TABLE got EXCEPT ALL TABLE want) d)
    UNION ALL
    (SELECT * FROM (TABLE want EXCEPT ALL TABLE got) d)
)
SELECT w.filter, format('%s differences', coalesce(d.differences, 0)) AS events, w.compared,
       (SELECT count(*) FROM oracle.filtered f JOIN oracle.event e USING (cohort) WHERE f.filter = w.filter) AS before
FROM (SELECT filter, count(*) AS compared FROM want GROUP BY filter) w
LEFT JOIN (SELECT filter, count(*) AS differences FROM difference GROUP BY filter) d USING (filter)
ORDER BY w.filter COLLATE "C";
WITH difference AS (
    (SELECT 'funnel' AS only_in, * FROM (TABLE got EXCEPT ALL TABLE want) d)
    UNION ALL
    (SELECT 'oracle', * FROM (TABLE want EXCEPT ALL TABLE got) d)
)
SELECT f.cohort, f.arg, d.* FROM difference d JOIN oracle.filtered f USING (id, filter)
ORDER BY d.id, d.lead, d.at, d.only_in LIMIT 6;
