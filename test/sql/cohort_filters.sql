--
-- Looking into a cohort (events, stays, describe), and narrowing it: cohort in, cohort out
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
\pset null '(null)'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- ann buys after a second look; ben is lost, comes back and is open; cy is snapshotted daily; dee was only called;
-- eve has two opportunities at once.
CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, amount numeric, ref text);
INSERT INTO crm VALUES
  ('ann', 'mql',  '2024-01-01', NULL,    NULL),
  ('ann', 'sql',  '2024-01-05', 1000,    'a1'),
  ('ann', 'sql',  '2024-01-08', 1200,    'a1'),
  ('ann', 'won',  '2024-01-20', NULL,    'a1'),
  ('ben', 'mql',  '2024-01-02', NULL,    NULL),
  ('ben', 'lost', '2024-01-09', NULL,    NULL),
  ('ben', 'mql',  '2024-03-01', NULL,    NULL),
  ('cy',  'mql',  '2024-02-01', NULL,    NULL),
  ('cy',  'mql',  '2024-02-02', NULL,    NULL),
  ('cy',  'mql',  '2024-02-03', NULL,    NULL),
  ('eve', 'sql',  '2024-02-10', 10,      'e1'),
  ('eve', 'sql',  '2024-02-11', 20,      'e2'),
  ('eve', 'sql',  '2024-02-12', 30,      'e1');
CREATE TEMP TABLE touch (lead text, channel text, at timestamptz);
INSERT INTO touch VALUES ('ann', 'call', '2024-01-06'), ('cy', 'mail', '2024-02-02 12:00'), ('dee', 'call', '2024-01-03'), ('dee', 'won', '2024-01-04');
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM crm) || (SELECT funnel.touches(lead, channel, at) FROM touch) AS c;

--
-- stays: maximal runs of one stage and one ref; touches do not end them; the last one is open
--
SELECT s.* FROM crm_cohort, funnel.stays(c, as_of => '2024-04-01') s;
-- as_of is exclusive, and what comes at it or after it does not exist: ann is not won yet, ben never came back.
SELECT s.lead, s.stage, s.entered_at::date, s.left_at::date, s.next_stage, s.days, s.is_open, s.amount
FROM crm_cohort, funnel.stays(c, as_of => '2024-01-20') s;
SELECT s.lead, s.stage, s.days, s.is_open FROM crm_cohort, funnel.stays(c, as_of => '2024-01-20 00:00:00.000001') s WHERE s.stage = 'won';
-- period is that of the entry.
SELECT s.lead, s.stage, s.entered_at::date, s.left_at::date FROM crm_cohort, funnel.stays(c, '[2024-01-05,2024-02-01)', '2024-04-01') s;
SELECT s.lead, s.stage FROM crm_cohort, funnel.stays(c, '(2024-01-05,2024-02-01]', '2024-04-01') s;
SELECT count(*) AS all, count(*) FILTER (WHERE is_open) AS open FROM crm_cohort, funnel.stays(c, '(,)', '2024-04-01') s;
SELECT count(*) FROM crm_cohort, funnel.stays(c, 'empty', '2024-04-01');
SELECT count(*) FROM crm_cohort, funnel.stays(c, as_of => '-infinity');
-- Of all time: closed stays are what they are, open ones are open for ever.
SELECT s.lead, s.stage, s.days FROM crm_cohort, funnel.stays(c, as_of => 'infinity') s WHERE lead IN ('ann', 'cy');
SELECT r.* FROM pg_temp.refused('SELECT funnel.stays(c, NULL, NULL) FROM crm_cohort') r;
-- An event at the time of the one before makes a stay of no length.
SELECT s.stage, s.days, s.is_open
FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{won,sql,mql}'::funnel.lead_stage[]) stage) t(c),
     funnel.stays(c, as_of => '2024-01-02') s;

SELECT d.leads, d.events, d.stages, d.channels, d.first_at, d.last_at FROM crm_cohort, funnel.describe(c) d;

--
-- Filters: of whole leads
--
CREATE FUNCTION pg_temp.leads(c funnel.cohort) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(lead || '' '' || n, '', '' ORDER BY lead COLLATE "C") FROM (SELECT lead, count(*) FROM funnel.events(c) GROUP BY lead) e(lead, n)';

-- Leads and their number of events.
SELECT pg_temp.leads(c) FROM crm_cohort;
SELECT pg_temp.leads(funnel.reached(c, 'sql')) AS reached, pg_temp.leads(funnel.never_reached(c, 'sql')) AS never_reached FROM crm_cohort;
-- A channel of that name does not count.
SELECT pg_temp.leads(funnel.reached(c, 'won')) FROM crm_cohort;
-- entered: the first entry, whatever came later. ben's second one does not count.
SELECT period, pg_temp.leads(funnel.entered(c, 'mql', period)) AS entered
FROM crm_cohort, unnest('{"[2024-01-01,2024-02-01)","(2024-01-01,2024-02-01]","[2024-02-02,2024-03-02)","(,2024-01-01]","[2024-01-02,)","(,)",empty,NULL}'::tstzrange[]) period;
-- active: any event, also a touch. dee was only called, on 3 and 4 January; ann had none from 8 to 20 January.
SELECT period, pg_temp.leads(funnel.active(c, period)) AS active
FROM crm_cohort, unnest('{"[2024-01-01,2024-02-01)","[2024-01-03,2024-01-04]","(2024-01-03,2024-01-04)","(2024-01-08,2024-01-20)","[2024-01-20,2024-01-20]","(,2024-01-01]","(,2024-01-01)","[2024-03-01,)","(2024-03-01,infinity)","(,)",empty,NULL}'::tstzrange[]) period;
-- reached and never_reached share the cohort out; so do periods that do.
SELECT funnel.reached(c, 'mql') || funnel.never_reached(c, 'mql') = c AS all_leads,
       funnel.entered(c, 'mql', '(,2024-01-02)') || funnel.entered(c, 'mql', '[2024-01-02,)') = funnel.reached(c, 'mql') AS all_that_reached
FROM crm_cohort;

--
-- Filters: of events
--
SELECT pg_temp.leads(funnel.only(c, '{mql,won}')) AS only, pg_temp.leads(funnel.without(c, '{mql,won}')) AS without,
       pg_temp.leads(funnel.only(c, '{}')) AS only_touches, funnel.without(c, '{}') = c AS without_nothing
FROM crm_cohort;
SELECT e.lead, e.kind, e.label, e.at::date FROM crm_cohort, funnel.events(funnel.only(c, '{won}')) e;
-- What is between two stays of a stage goes, and they become one.
SELECT s.stage, s.entered_at::date, s.left_at::date FROM crm_cohort, funnel.stays(funnel.without(c, '{lost}'), as_of => '2024-04-01') s WHERE s.lead = 'ben';
SELECT pg_temp.leads(funnel.as_of(c, '2024-01-05')) AS before, pg_temp.leads(funnel.as_of(c, '2024-01-05 00:00:00.000001')) AS and_a_moment_later,
       pg_temp.leads(funnel.as_of(c, '-infinity')) AS never, funnel.as_of(c, 'infinity') = c AS always
FROM crm_cohort;
SELECT pg_temp.leads(funnel.deduplicate(c || c)) AS once, pg_temp.leads(c || c) AS twice, funnel.deduplicate(c || c) = c AS equal FROM crm_cohort;
-- Identical is identical in everything.
SELECT e.label, e.kind, e.at::date, e.amount, e.ref
FROM (SELECT (SELECT funnel.cohort(1, stage, at::timestamptz, amount, ref)
              FROM (VALUES ('a', '2024-01-01', 1.0, 'x'), ('a', '2024-01-01', 1.0, 'x'), ('a', '2024-01-01', 1.00, 'x'), ('a', '2024-01-01', 1.0, 'y'),
                           ('a', '2024-01-01', 1.0, NULL), ('a', '2024-01-01', NULL, 'x'), ('a', '2024-01-02', 1.0, 'x'), ('a', '2024-01-01', 1.0, 'x'),
                           ('b', '2024-01-01', 1.0, 'x')) v(stage, at, amount, ref))
             || (SELECT funnel.touches(1, 'a', '2024-01-01') FROM generate_series(1, 2))) s(c), funnel.events(funnel.deduplicate(c)) e;

--
-- Other names, another order
--
SELECT d.stages, d.channels FROM crm_cohort, funnel.describe(funnel.relabel(c, '{"won": "Closed Won", "lost": "Closed Lost", "call": "phone"}')) d;
-- All at once: names may be swapped. Names that do not occur do not matter.
SELECT s.stage, s.entered_at::date
FROM crm_cohort, funnel.stays(funnel.relabel(c, '{"mql": "sql", "sql": "won", "won": "mql", "none": "other"}'), as_of => '2024-04-01') s WHERE s.lead = 'ann';
SELECT funnel.relabel(funnel.relabel(c, '{"mql": "x", "sql": "y"}'), '{"x": "mql", "y": "sql"}')::text = c::text AS and_back,
       funnel.relabel(c, '{}')::text = c::text AS none
FROM crm_cohort;
-- Two that become one are one stage: two stays become one.
SELECT s.lead, s.stage, s.entered_at::date, s.left_at::date
FROM crm_cohort, funnel.stays(funnel.relabel(c, '{"mql": "early", "lost": "early"}'), as_of => '2024-04-01') s WHERE s.lead = 'ben';
SELECT d.stages, octet_length(d.stages[1]) FROM crm_cohort, funnel.describe(funnel.relabel(c, '{"mql": "", "sql": "", "won": "", "lost": ""}')) d;

-- in_order says how stages of one time follow each other, in the place of what was said before.
SELECT funnel.in_order(c, '{c,b,a}') = funnel.in_order(funnel.in_order(c, '{a,b,c}'), '{c,b,a}') AS anew,
       (SELECT string_agg(label, ' ' ORDER BY n) FROM funnel.events(funnel.in_order(c, '{c,b,a}')) WITH ORDINALITY e(lead, kind, label, at, amount, ref, n)) AS labels,
       (SELECT string_agg(stage || ' ' || days, ', ' ORDER BY n) FROM funnel.stays(funnel.in_order(c, '{c,b,a}'), as_of => '2024-01-02') WITH ORDINALITY
            s(lead, stage, ref, entered_at, left_at, next_stage, days, is_open, amount, n)) AS stays
FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{a,b,c}'::text[]) stage) t(c);
SELECT funnel.in_order(c, '{mql,sal,sql,won}') = funnel.in_order(c, '{mql,sal,sql,won,nowhere}') AS same FROM crm_cohort;
-- The ranks of a type are put aside too: won before mql, and sal, which is not named, last.
SELECT string_agg(label, ' ' ORDER BY n)
FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{mql,sal,won}'::funnel.lead_stage[]) stage) t(c),
     funnel.events(funnel.in_order(c, '{won,mql}')) WITH ORDINALITY e(lead, kind, label, at, amount, ref, n);

--
-- A cohort that was narrowed has the bytes of one built from those rows
--
CREATE FUNCTION pg_temp.both(crm_where text, touch_where text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT ((SELECT funnel.cohort(lead, stage, at, amount, ref) FROM crm WHERE %s) OPERATOR(funnel.||)
                            (SELECT funnel.touches(lead, channel, at) FROM touch WHERE %s))::text', crm_where, touch_where) INTO result;
    RETURN result;
END $$;
SELECT funnel.reached(c, 'sql')::text = pg_temp.both('lead IN (''ann'', ''eve'')', 'lead = ''ann''') AS reached,
       funnel.never_reached(c, 'sql')::text = pg_temp.both('lead IN (''ben'', ''cy'')', 'lead IN (''cy'', ''dee'')') AS never_reached,
       funnel.entered(c, 'mql', '[2024-01-01,2024-01-02)')::text = pg_temp.both('lead = ''ann''', 'lead = ''ann''') AS entered,
       funnel.active(c, '[2024-01-04,2024-01-09)')::text = pg_temp.both('lead = ''ann''', 'lead IN (''ann'', ''dee'')') AS active,
       funnel.only(c, '{mql}')::text = pg_temp.both('stage = ''mql''', 'true') AS only,
       funnel.without(c, '{mql,won}')::text = pg_temp.both('stage NOT IN (''mql'', ''won'')', 'true') AS without,
       funnel.as_of(c, '2024-01-07')::text = pg_temp.both('at < ''2024-01-07''', 'at < ''2024-01-07''') AS as_of,
       funnel.deduplicate(c)::text = pg_temp.both('true', 'true') AS deduplicate
FROM crm_cohort;

--
-- Stages that do not occur: a warning that names those that do; arguments that make no sense: an error
--
SELECT pg_temp.leads(funnel.reached(c, 'MQL')) FROM crm_cohort;
SELECT pg_temp.leads(funnel.never_reached(c, 'call')) FROM crm_cohort;
SELECT pg_temp.leads(funnel.entered(c, 'demo', NULL)) FROM crm_cohort;
SELECT pg_temp.leads(funnel.only(c, '{mql,demo}')) FROM crm_cohort;
SELECT pg_temp.leads(funnel.without(c, '{demo}')) FROM crm_cohort;
-- Not of an empty cohort; and where there are only touches, that is said.
SELECT pg_temp.leads(funnel.reached(funnel.as_of(c, '-infinity'), 'mql')) FROM crm_cohort;
SELECT pg_temp.leads(funnel.reached(funnel.only(c, '{}'), 'mql')) FROM crm_cohort;
-- Of many, the first twenty.
SELECT pg_temp.leads(funnel.reached(c, 'x')) FROM (SELECT funnel.cohort(1, n, '2024-01-01') FROM generate_series(1, 21) n) s(c);

SELECT call, r.*
FROM (VALUES
    ('entered(c, NULL, NULL)'),
    ('only(c, ''{mql,NULL}'')'),
    ('only(c, ''{{mql},{sql}}'')'),
    ('without(c, ''{NULL}'')'),
    ('in_order(c, ''{}'')'),
    ('in_order(c, ''{mql,NULL}'')'),
    ('in_order(c, ''{mql,sql,mql}'')'),
    ('relabel(c, ''[]'')'),
    ('relabel(c, ''"won"'')'),
    ('relabel(c, ''{"won": 1}'')'),
    ('relabel(c, ''{"won": null}'')'),
    ('relabel(c, jsonb_build_object(''won'', repeat(''x'', 65536)))'),
    ('entered(c, ''mql'', ''[2024-02-01,2024-01-01)'')')) v(call),
    pg_temp.refused(format('SELECT funnel.%s FROM crm_cohort', call)) r;
-- NULL where a value is needed: NULL.
SELECT num_nonnulls(funnel.reached(c, NULL), funnel.never_reached(c, NULL), funnel.only(c, NULL), funnel.without(c, NULL), funnel.as_of(c, NULL),
                    funnel.relabel(c, NULL), funnel.in_order(c, NULL)) AS not_null
FROM crm_cohort;
