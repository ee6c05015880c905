--
-- funnel.cohort: rows in, one value out that depends on the bag of rows alone
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
-- for the operators: || unites, = and <> compare
SET search_path = public, funnel;
\pset null '(null)'

-- What an error says.
CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- Three leads: ann buys; ben is lost and comes back; cy is only ever looked at.
CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, amount numeric, ref text);
INSERT INTO crm VALUES
  ('ann', 'mql',  '2024-01-01', NULL,    NULL),
  ('ann', 'sql',  '2024-01-05', 1000.00, 'opp-1'),
  ('ann', 'won',  '2024-01-20', 1200.00, 'opp-1'),
  ('ben', 'mql',  '2024-01-02', NULL,    NULL),
  ('ben', 'lost', '2024-01-09', NULL,    NULL),
  ('ben', 'mql',  '2024-03-01', NULL,    NULL),
  ('cy',  'mql',  '2024-01-03', NULL,    NULL);
CREATE TEMP TABLE touch (lead text, channel text, at timestamptz);
INSERT INTO touch VALUES
  ('ann', 'email', '2023-12-30'),
  ('ann', 'call',  '2024-01-20'),
  ('dee', 'email', '2024-01-01');

--
-- What comes out is what went in: by lead, and for each lead in canonical order
--
SELECT e.* FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM crm) s, funnel.events(c) e;
SELECT e.* FROM (SELECT funnel.cohort(lead, stage, at, amount) AS c FROM crm WHERE lead = 'ann') s, funnel.events(c) e;
SELECT e.* FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM crm WHERE lead = 'ann') s, funnel.events(c) e;
SELECT e.* FROM (SELECT funnel.touches(lead, channel, at) AS c FROM touch) s, funnel.events(c) e;
-- Stages and touches of a lead stand on one timeline; at the same time the stage comes first.
SELECT e.*
FROM (SELECT (SELECT funnel.cohort(lead, stage, at) FROM crm) || (SELECT funnel.touches(lead, channel, at) FROM touch)) s(c),
     funnel.events(c) e
WHERE e.lead IN ('ann', 'dee');

-- In one row: touches count as events, and a lead that was only touched is a lead.
CREATE TEMP VIEW united AS
SELECT (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM crm) || (SELECT funnel.touches(lead, channel, at) FROM touch) AS c;
SELECT d.leads, d.events, d.stages, d.channels, d.first_at, d.last_at, d.ignored, d.bytes > 0 AS has_bytes
FROM united, funnel.describe(c) d;
-- bytes is the size of the stored value.
CREATE TEMP TABLE stored AS SELECT c FROM united;
SELECT d.bytes BETWEEN octet_length(funnel.cohort_send(c)) + 1 AND octet_length(funnel.cohort_send(c)) + 4 AS data_and_header
FROM stored, funnel.describe(c) d;

--
-- The same bag gives the same bytes
--
-- Any order of the rows, any way to write the aggregate, one aggregate or several united.
SELECT count(*) AS ways, count(DISTINCT form) AS forms
FROM (SELECT funnel.cohort(lead, stage, at)::text FROM crm
      UNION ALL
      SELECT funnel.cohort(lead, stage, at ORDER BY at)::text FROM crm
      UNION ALL
      SELECT funnel.cohort(lead, stage, at ORDER BY stage DESC, lead)::text FROM crm
      UNION ALL
      SELECT funnel.cohort(DISTINCT lead, stage, at)::text FROM crm
      UNION ALL
      SELECT funnel.cohort(lead::varchar, stage::char(8), at)::text FROM crm
      UNION ALL
      SELECT funnel.merge(c)::text FROM (SELECT funnel.cohort(lead, stage, at) FROM crm GROUP BY lead) s(c)
      UNION ALL
      SELECT funnel.merge(c)::text FROM (SELECT funnel.cohort(lead, stage, at) FROM crm GROUP BY stage) s(c)
      -- amounts and refs that are all NULL are none
      UNION ALL
      SELECT funnel.cohort(lead, stage, at, NULL::numeric, NULL::text)::text FROM crm) s(form);
-- A bag counts repeats: one row more is another cohort, and deduplicate takes it back.
SELECT twice = once AS equal, funnel.deduplicate(twice) = once AS equal_without_repeats,
       (SELECT events FROM funnel.describe(once)) AS once, (SELECT events FROM funnel.describe(twice)) AS twice
FROM (SELECT funnel.cohort(lead, stage, at) AS once FROM crm) a,
     (SELECT funnel.cohort(lead, stage, at) AS twice FROM (SELECT * FROM crm UNION ALL SELECT * FROM crm) t) b;

--
-- Rows without a lead, a stage or a time are skipped and counted
--
SELECT e.* FROM (SELECT funnel.cohort(lead, stage, at::timestamptz)
                 FROM (VALUES (1, 'new', '2024-01-01'), (NULL, 'new', '2024-01-01'), (1, NULL, '2024-01-01'),
                              (1, 'new', NULL), (NULL, NULL, NULL)) v(lead, stage, at)) s(c), funnel.events(c) e;
CREATE TEMP TABLE holes AS
SELECT funnel.cohort(lead, stage, at::timestamptz) AS c
FROM (VALUES (1, 'new', '2024-01-01'), (NULL, 'new', '2024-01-01'), (1, NULL, '2024-01-01'), (1, 'new', NULL)) v(lead, stage, at);
CREATE TEMP TABLE clean AS SELECT funnel.cohort(1, 'new', '2024-01-01') AS c;
SELECT d.leads, d.events, d.stages, d.ignored FROM holes, funnel.describe(c) d;
-- An infinite time in a row that is skipped anyway does not matter.
SELECT d.leads, d.ignored FROM (SELECT funnel.cohort(NULL::int, 'new', 'infinity')) s(c), funnel.describe(c) d;
-- How many is no part of equality: the events are the same. It is part of the value, though.
SELECT h.c = c.c AS equal, h.c <> c.c AS differ, funnel.cohort_hash(h.c) = funnel.cohort_hash(c.c) AS same_hash,
       funnel.cohort_hash_extended(h.c, 7) = funnel.cohort_hash_extended(c.c, 7) AS same_hash_extended,
       h.c::text = c.c::text AS same_text
FROM holes h, clean c;
-- Counts add up where cohorts are united, and stay where they are narrowed.
SELECT d.ignored FROM holes h, clean c, funnel.describe(h.c || c.c || h.c) d;
SELECT d.ignored FROM (SELECT funnel.merge(c) FROM (TABLE holes UNION ALL TABLE holes UNION ALL TABLE clean) u(c)) s(c),
     funnel.describe(c) d;
SELECT d.events, d.ignored FROM holes, funnel.describe(funnel.as_of(c, '2000-01-01')) d;

-- No rows: NULL. Only rows that are skipped: an empty cohort.
SELECT funnel.cohort(lead, stage, at) IS NULL AS cohort, funnel.cohort(lead, stage, at, amount) IS NULL AS with_amount,
       funnel.cohort(lead, stage, at, amount, ref) IS NULL AS with_ref, funnel.touches(lead, stage, at) IS NULL AS touches
FROM crm WHERE false;
SELECT funnel.merge(c) IS NULL AS merge, funnel.merge(NULL, NULL) IS NULL, NULL::funnel.cohort || NULL IS NULL
FROM clean WHERE false;
CREATE TEMP TABLE empty AS SELECT funnel.cohort(NULL::int, NULL::text, NULL) AS c;
SELECT c IS NULL AS is_null, d.leads, d.events, d.stages, d.channels, d.first_at, d.last_at, d.ignored, d.bytes > 0 AS has_bytes
FROM empty, funnel.describe(c) d;
SELECT count(*) FROM empty, funnel.events(c);
SELECT count(*) FROM empty, funnel.stays(c);
SELECT s.step, s.stage, s.leads, s.ever, s.amount, s.from_previous, s.from_first, s.low, s.high, s.pending, s.mature_leads,
       s.mature_rate, s.mean_days
FROM empty, funnel.steps(c, '{mql,won}', within => '30 days') s;
SELECT funnel.conversion_rate(c, 'mql', 'won'), funnel.velocity(c, 'mql', 'won'), funnel.velocity(c, 'mql', 'won', 0.5) FROM empty;
SELECT e.c || c.c = c.c AS nothing_added, e.c || e.c = e.c AS nothing_at_all, e.c::text::funnel.cohort = e.c AS read_back
FROM empty e, clean c;

-- Every function of NULL is NULL or no rows, and says nothing about its other arguments.
SELECT (SELECT count(*) FROM funnel.events(NULL)) AS events, (SELECT count(*) FROM funnel.stays(NULL)) AS stays,
       (SELECT count(*) FROM funnel.describe(NULL)) AS describe, (SELECT count(*) FROM funnel.steps(NULL, '{a,b}')) AS steps;
SELECT num_nonnulls(
    funnel.conversion_rate(NULL, 'a', 'b'), funnel.velocity(NULL, 'a', 'b'), funnel.velocity(NULL, 'a', 'b', 0.5),
    funnel.entered(NULL, 'a', NULL), funnel.reached(NULL, 'a'), funnel.never_reached(NULL, 'a'), funnel.active(NULL, '(,)'), funnel.only(NULL, '{a}'),
    funnel.without(NULL, '{a}'), funnel.as_of(NULL, now()), funnel.relabel(NULL, '{}'), funnel.in_order(NULL, '{a}'),
    funnel.deduplicate(NULL), funnel.merge(NULL, c), funnel.merge(c, NULL), c || NULL, NULL || c) AS not_null
FROM clean;
-- merge, as any aggregate, passes over NULLs.
SELECT funnel.merge(x) = (SELECT c FROM clean) AS passed_over
FROM (SELECT NULL::funnel.cohort UNION ALL SELECT c FROM clean UNION ALL SELECT NULL) u(x);

--
-- Equality is that of the bags of events: it groups, hashes and joins
--
CREATE TEMP TABLE several AS
SELECT 'a' AS name, c FROM clean
UNION ALL SELECT 'b', c FROM holes
UNION ALL SELECT 'c', funnel.cohort('1', 'new', '2024-01-01')
UNION ALL SELECT 'd', funnel.cohort(1, 'new', '2024-01-02')
UNION ALL SELECT 'e', funnel.cohort(2, 'new', '2024-01-01')
UNION ALL SELECT 'f', funnel.cohort(1, 'old', '2024-01-01')
UNION ALL SELECT 'g', funnel.cohort(1, 'new', '2024-01-01', 0)
UNION ALL SELECT 'h', funnel.cohort(1, 'new', '2024-01-01', 0.0)
UNION ALL SELECT 'i', funnel.cohort(1, 'new', '2024-01-01', 0, 1)
UNION ALL SELECT 'j', funnel.touches(1, 'new', '2024-01-01')
UNION ALL SELECT 'k', c FROM empty
UNION ALL SELECT 'l', funnel.only(c, '{}') FROM clean;
SELECT min(name) AS first, count(*) FROM several GROUP BY c ORDER BY 1;
SELECT count(*) AS different FROM (SELECT DISTINCT c FROM several) d;
SELECT count(DISTINCT c::text) AS texts, count(*) AS rows FROM several;
SELECT count(*) AS pairs FROM several a JOIN several b ON a.c = b.c;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*) AS pairs FROM several a JOIN several b ON a.c = b.c;
RESET enable_hashjoin;
RESET enable_mergejoin;
-- A rank is part of the bag: it says how events of one time are ordered.
SELECT funnel.cohort('x', 'mql', '2024-01-01') = funnel.cohort('x', 'mql'::funnel.lead_stage, '2024-01-01') AS equal;

--
-- Values that cannot be events
--
SELECT r.* FROM (VALUES
    ('SELECT funnel.cohort(1, ''new'', ''infinity'')'),
    ('SELECT funnel.cohort(1, ''new'', ''-infinity'')'),
    ('SELECT funnel.cohort(1, ''new'', ''infinity'', 5)'),
    ('SELECT funnel.cohort(1, ''new'', ''infinity'', 5, 6)'),
    ('SELECT funnel.touches(1, ''new'', ''infinity'')')) q(query), pg_temp.refused(query) r;
-- There is no order of cohorts.
SELECT r.state, r.message FROM pg_temp.refused('SELECT c FROM several ORDER BY c') r;
