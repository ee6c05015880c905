--
-- diff: the events that two cohorts do not have in common
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET jit = off;
\pset null '-'

CREATE TEMP TABLE june (lead text, stage text, at timestamptz, amount numeric, ref text);
INSERT INTO june VALUES
  ('1', 'mql', '2024-06-01', NULL, NULL), ('1', 'won', '2024-06-20', 500, 'A'),
  ('2', 'mql', '2024-06-02', NULL, NULL), ('2', 'mql', '2024-06-02', NULL, NULL), ('2', 'won', '2024-06-21', 1.5, 'B'),
  ('3', 'mql', '2024-06-03', NULL, NULL), ('zoe', 'mql', '2024-06-04', NULL, NULL);
CREATE TEMP TABLE july AS TABLE june;
UPDATE july SET amount = 450 WHERE lead = '1' AND stage = 'won';             -- the amount was lowered
DELETE FROM july WHERE ctid = (SELECT min(ctid) FROM july WHERE lead = '2');  -- one of two equal rows is gone
UPDATE july SET amount = 1.50 WHERE lead = '2' AND stage = 'won';            -- the same value, written otherwise
DELETE FROM july WHERE lead = '3';                                           -- a lead is gone,
INSERT INTO july VALUES ('10', 'mql', '2024-06-09', NULL, NULL);             -- another is new
UPDATE july SET at = '2024-06-05' WHERE lead = 'zoe';                        -- and one is dated otherwise
CREATE TEMP TABLE frozen (name text, c funnel.cohort);
INSERT INTO frozen SELECT 'june', (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM june) || (SELECT funnel.touches(lead, 'won', timestamptz '2024-06-10') FROM unnest('{1,2}'::text[]) AS lead);
INSERT INTO frozen SELECT 'july', (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM july) || (SELECT funnel.touches(lead, 'call', timestamptz '2024-06-10') FROM unnest('{1,2}'::text[]) AS lead);
SELECT d.* FROM frozen AS a, frozen AS b, funnel.diff(a.c, b.c) AS d WHERE a.name = 'june' AND b.name = 'july';
-- The other way round; with itself; with nothing.
SELECT change, count(*) FROM frozen AS a, frozen AS b, funnel.diff(a.c, b.c) AS d WHERE a.name = 'july' AND b.name = 'june' GROUP BY change ORDER BY change;
SELECT count(*) FROM frozen, funnel.diff(c, c);
SELECT change, count(*), (SELECT events FROM funnel.describe(c)) FROM frozen, funnel.diff(c, NULL) WHERE name = 'june' GROUP BY change, c;
SELECT change, count(*) FROM frozen, funnel.diff(NULL, c) WHERE name = 'june' GROUP BY change;
SELECT count(*) FROM funnel.diff(NULL, NULL);
-- No events differ where only ranks do, or what was ignored; labels that no event has do not matter.
SELECT a.c = b.c AS equal, (SELECT count(*) FROM funnel.diff(a.c, b.c)) AS differ
FROM frozen AS a, LATERAL (SELECT funnel.in_order(a.c, '{won,mql}') AS c UNION ALL SELECT funnel.merge(a.c, (SELECT funnel.cohort(1, NULL::text, now())))) AS b WHERE name = 'june';
-- Cohorts that order their labels differently: of the same moment, and one with amounts and refs.
SELECT d.* FROM (SELECT funnel.cohort(1, stage, timestamptz '2024-01-01') FROM unnest('{a,b,c,d}'::text[]) AS stage) AS a (c),
     (SELECT funnel.in_order(funnel.cohort(1, stage, timestamptz '2024-01-01', CASE stage WHEN 'c' THEN 1 END, NULL::text), '{d,c,b}') FROM unnest('{b,c,d,d}'::text[]) AS stage) AS b (c), funnel.diff(a.c, b.c) AS d;
-- A stage and a channel of one name are two things.
SELECT d.* FROM (SELECT funnel.cohort(1, 'won', timestamptz '2024-01-01')) AS a (c), (SELECT funnel.touches(1, 'won', timestamptz '2024-01-01')) AS b (c), funnel.diff(a.c, b.c) AS d;

--
-- Random bags against EXCEPT ALL over events: amounts compared with their scale
--
CREATE FUNCTION pg_temp.pick(seed text, n int) RETURNS int
IMMUTABLE LANGUAGE sql AS $$ SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n $$;
CREATE TEMP TABLE event AS
SELECT v, n, CASE kind WHEN 0 THEN lead::text WHEN 1 THEN 'L' || lead WHEN 2 THEN 'a long name of lead ' || lead ELSE md5(lead::text)::uuid::text END AS lead,
       chr(97 + pg_temp.pick(seed || ' label', 4)) AS label, timestamptz '2024-01-01' + pg_temp.pick(seed || ' at', 3) * interval '1 day' AS at,
       ('{NULL,1,1.0,2,-1,123456789012345678901}'::numeric[])[1 + pg_temp.pick(seed || ' amount', 6)] AS amount, ('{NULL,7,x}'::text[])[1 + pg_temp.pick(seed || ' ref', 3)] AS ref
FROM generate_series(1, 4) AS v, generate_series(1, 1000) AS n, LATERAL (SELECT CASE WHEN pg_temp.pick(format('%s %s', v, n), 10) > 0 THEN n::text ELSE format('%s %s', v, n) END) AS s (seed),
     LATERAL (SELECT pg_temp.pick(seed || ' kind', 4), pg_temp.pick(seed || ' lead', 200)) AS k (kind, lead);
CREATE TEMP TABLE bag (v int, c funnel.cohort);
INSERT INTO bag SELECT v, funnel.cohort(lead, label, at, amount, ref) || funnel.touches(lead, label, at) FROM event WHERE v < 3 GROUP BY v;          -- with amounts
INSERT INTO bag SELECT v, funnel.in_order(funnel.cohort(lead, label, at) || funnel.touches(lead, label, at), '{d,b}') FROM event WHERE v = 3 GROUP BY v; -- without, in another order
INSERT INTO bag SELECT v, funnel.cohort(lead, label, at) || funnel.touches(lead, label, at) FROM event WHERE v = 4 AND label <> 'b' GROUP BY v;
CREATE TEMP TABLE listed AS SELECT v, e.lead, kind, e.label, e.at, e.amount::text, e.ref FROM bag, funnel.events(c) AS e;
SELECT a.v AS a, b.v AS b, n.removed, n.added, n.in_order,
       (SELECT count(*) FROM (SELECT lead, kind, label, at, amount::text, ref, change FROM funnel.diff(a.c, b.c) EXCEPT ALL
            ((SELECT lead, kind, label, at, amount, ref, 'removed' FROM (SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = a.v EXCEPT ALL SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = b.v) AS r)
             UNION ALL SELECT lead, kind, label, at, amount, ref, 'added' FROM (SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = b.v EXCEPT ALL SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = a.v) AS r)) AS d) AS wrong,
       (SELECT count(*) FROM (SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = a.v EXCEPT ALL SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = b.v) AS r) = n.removed
       AND (SELECT count(*) FROM (SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = b.v EXCEPT ALL SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = a.v) AS r) = n.added AS complete
FROM bag AS a, bag AS b, LATERAL (
    SELECT count(*) FILTER (WHERE change = 'removed') AS removed, count(*) FILTER (WHERE change = 'added') AS added, bool_and(at >= previous OR previous IS NULL) AS in_order
      FROM (SELECT *, lag(at) OVER (PARTITION BY lead ORDER BY ordinality) AS previous FROM funnel.diff(a.c, b.c) WITH ORDINALITY) AS d) AS n
ORDER BY a.v, b.v;
-- Taking away what was removed and adding what was added makes the one of the other.
SELECT bool_and(funnel.cohort_eq(b.c, (
    SELECT funnel.cohort(lead, label, at, amount, ref) FILTER (WHERE kind = 'stage') || funnel.touches(lead, label, at) FILTER (WHERE kind = 'touch')
      FROM (SELECT lead, kind, label, at, amount::numeric, ref FROM (SELECT lead, kind, label, at, amount, ref FROM listed WHERE v = a.v EXCEPT ALL SELECT lead, kind, label, at, amount::text, ref FROM funnel.diff(a.c, b.c) WHERE change = 'removed') AS k
            UNION ALL SELECT lead, kind, label, at, amount, ref FROM funnel.diff(a.c, b.c) WHERE change = 'added') AS e))) AS made
FROM bag AS a, bag AS b WHERE b.v <> 3;
-- In pieces; and as it is aggregated, also with itself, or both.
SELECT count(*) FROM (SELECT funnel.merge(c) FROM (SELECT funnel.cohort(lead, label, at) AS c FROM event WHERE v = 4 AND label <> 'b' GROUP BY n % 7 UNION ALL SELECT funnel.touches(lead, label, at) FROM event WHERE v = 4 AND label <> 'b') AS p) AS m (c), bag, funnel.diff(m.c, bag.c) WHERE bag.v = 4;
SELECT count(*) FROM (SELECT funnel.cohort(lead, label, at, amount, ref) FROM event WHERE v = 1) AS a (c), (SELECT funnel.cohort(lead, label, at, amount, ref) FROM event WHERE v = 1 AND n <> 5) AS b (c), funnel.diff(a.c, b.c);
SELECT count(*) FROM (SELECT funnel.cohort(lead, label, at, amount, ref) AS c FROM event) AS a, funnel.diff(c, c);
SELECT count(*) FROM (SELECT funnel.cohort(lead, label, at, amount, ref) AS a, funnel.cohort(lead, label, at) AS b FROM event WHERE amount IS NULL AND ref IS NULL) AS a, funnel.diff(a, b);
