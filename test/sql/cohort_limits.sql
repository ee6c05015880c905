--
-- Large and small, early and late: an answer or a clear error, and in good time
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET statement_timeout = '60s';
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

--
-- One event
--
SELECT d.leads, d.events, d.stages, d.first_at = d.last_at AS one_time FROM (SELECT funnel.cohort(1, 'mql', '2024-01-01')) s(c), funnel.describe(c) d;
SELECT s.step, s.leads, s.ever, s.from_previous, s.from_first, s.low, s.high, s.pending, s.mature_leads, s.mature_rate, s.median_days
FROM (SELECT funnel.cohort(1, 'mql', '2024-01-01')) t(c), funnel.steps(c, '{mql,mql}', within => '1 day', as_of => '2024-01-03') s;

--
-- A million events of one lead: a, b, c, a, b, c ... a minute apart, in no order
--
CREATE TEMP TABLE busy AS
SELECT funnel.cohort(1, (ARRAY['a', 'b', 'c'])[1 + n % 3], timestamptz '2024-01-01' + n * interval '1 minute') AS c
FROM (SELECT i::bigint * 617 % 1000000 FROM generate_series(0, 999999) i) s(n);
SELECT d.leads, d.events, d.bytes <= 8 * d.events AS at_most_8_bytes_an_event, d.first_at, d.last_at FROM busy, funnel.describe(c) d;
-- The first start gets through; the one at minute 0.
SELECT mode, s.step, s.stage, s.leads, s.ever, s.mean_days * 24 * 60 AS minutes
FROM busy, unnest('{ordered,strict,implied}'::text[]) WITH ORDINALITY m(mode, i), funnel.steps(c, '{a,b,c}', mode => mode, as_of => '2030-01-01') s
ORDER BY m.i, s.step;
-- No start gets through, and every one is tried: from a to b and on to b again takes four minutes, of which three are allowed.
SELECT mode, s.step, s.stage, s.leads, s.pending, s.mature_leads
FROM busy, unnest('{ordered,strict,implied}'::text[]) WITH ORDINALITY m(mode, i),
     funnel.steps(c, '{a,b,b}', within => '3 minutes', mode => mode, as_of => '2030-01-01') s
ORDER BY m.i, s.step;
SELECT s.step, s.leads FROM busy, funnel.steps(c, '{a,b,c}', mode => 'any', as_of => '2030-01-01') s;
-- The last start that can: in the period is only the last a of all.
SELECT s.step, s.leads, s.pending
FROM busy, funnel.steps(c, '{a,b}', within => '1 hour', period => '[2025-11-25 10:36,)', as_of => '2030-01-01') s;
SELECT count(*) AS stays, round(sum(days) * 24 * 60) AS minutes FROM busy, funnel.stays(c, as_of => '2025-11-25 10:40') s;
SELECT d.events FROM busy, funnel.describe(c || c) d;
SELECT d.events FROM busy, funnel.describe(funnel.deduplicate(c || c)) d;
SELECT d.events FROM busy, funnel.describe(funnel.as_of(c, '2024-01-02')) d;
SELECT c::text::funnel.cohort = c AS read_back FROM busy;
-- All at one time: two stays, as the order of labels makes two runs; or as many as there are, with a ref each.
SELECT count(*) AS stays
FROM (SELECT funnel.cohort(1, CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END, '2024-01-01') FROM generate_series(1, 200000) n) s(c), funnel.stays(c);
SELECT s.step, s.leads, s.amount
FROM (SELECT funnel.cohort(1, CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END, timestamptz '2024-01-01', n, n) FROM generate_series(1, 200000) n) t(c),
     funnel.steps(c, '{b,a,b,a,c}', within => '1 hour') s;

--
-- 100,000 groups of five events
--
CREATE TEMP TABLE crowd AS
SELECT n % 100000 AS team, n AS lead, (ARRAY['mql', 'sal', 'sql', 'won', 'mql'])[1 + n / 100000] AS stage,
       timestamptz '2024-01-01' + n * interval '1 second' AS at
FROM generate_series(0, 499999) n;
ANALYZE crowd;
SET work_mem = '256MB';
SELECT count(*) AS teams, sum(octet_length(funnel.cohort_send(c))) / count(*) < 150 AS small
FROM (SELECT team, funnel.cohort(lead, stage, at) AS c FROM crowd GROUP BY team) s;
SELECT count(*) AS teams, count(rate) AS rates, sum(rate) AS sum
FROM (SELECT team, funnel.conversion_rate(1, stage, at, 'mql', 'won') AS rate FROM crowd GROUP BY team) s;
-- The same with the memory that there is by default, and none.
SET work_mem = '64kB';
SELECT count(*) AS teams, count(DISTINCT octet_length(funnel.cohort_send(c))) < 20 AS alike
FROM (SELECT team, funnel.cohort(lead, stage, at) AS c FROM crowd GROUP BY team) s;
-- All in one, in little memory and in plenty.
CREATE TEMP TABLE frugal AS SELECT funnel.cohort(lead, stage, at) AS c FROM crowd;
SET work_mem = '256MB';
SELECT d.leads, d.events, frugal.c::text = s.c::text AS same_bytes
FROM frugal, (SELECT funnel.cohort(lead, stage, at) FROM crowd) s(c), funnel.describe(frugal.c) d;
SET work_mem = '64kB';
SELECT d.leads, d.events FROM (SELECT funnel.merge(c) FROM (SELECT team % 1000, funnel.cohort(lead, stage, at) FROM crowd GROUP BY 1) t(team, c)) s(c),
    funnel.describe(c) d;
RESET work_mem;

--
-- The ends of time
--
CREATE TEMP TABLE ends AS
SELECT funnel.cohort(1, stage, at::timestamptz) AS c
FROM (VALUES ('first', '4714-11-24 00:00:00+00 BC'), ('epoch', '2000-01-01 00:00:00+00'), ('last', '294276-12-31 23:59:59.999999+00')) v(stage, at);
SELECT e.label, e.at FROM ends, funnel.events(c) e;
SELECT s.stage, s.entered_at, s.left_at, s.days, s.is_open FROM ends, funnel.stays(c, as_of => 'infinity') s;
-- In days, by the calendar; a window takes a year for 360 days, as intervals do when they are compared.
SELECT s.step, s.leads, s.mean_days, s.mean_days = '294276-12-31'::date - '4714-11-24 BC'::date + 1 AS by_the_calendar
FROM ends, funnel.steps(c, '{first,last}', as_of => 'infinity') s;
SELECT within, s.leads
FROM ends, unnest('{1 microsecond,109203527 days 23:59:59.999998,109203527 days 23:59:59.999999,303343 years,303344 years}'::interval[]) within,
     funnel.steps(c, '{first,last}', within => within, as_of => 'infinity') s
WHERE s.step = 2;
-- as_of: before the first moment nothing has happened, and then, one after the other.
SELECT as_of, (SELECT count(*) FROM funnel.events(funnel.as_of(c, as_of))) AS events,
       (SELECT count(*) FROM funnel.stays(c, as_of => as_of)) AS stays, s.leads, s.pending
FROM ends, unnest('{-infinity,4714-11-24 00:00:00+00 BC,4714-11-24 00:00:00.000001+00 BC,2000-01-01 00:00:00+00,2000-01-01 00:00:00.000001+00,294276-12-31 23:59:59.999999+00,infinity}'::timestamptz[]) as_of,
     funnel.steps(c, '{first,last}', within => '500000 years', as_of => as_of) s
WHERE s.step = 2;
-- period: bounds that are infinite, and bounds at infinity.
SELECT period, (SELECT string_agg(s.leads::text, ' ' ORDER BY s.step) FROM funnel.steps(c, '{first,last}', period => period, as_of => 'infinity') s) AS leads,
       (SELECT count(*) FROM funnel.stays(c, period, 'infinity')) AS stays
FROM ends, unnest(ARRAY['(,)', '[-infinity,infinity]', '(-infinity,infinity)', '[4714-11-24 00:00:00+00 BC,4714-11-24 00:00:00+00 BC]',
                        '(4714-11-24 00:00:00+00 BC,)', '[294276-12-31 23:59:59.999999+00,)', '(294276-12-31 23:59:59.999999+00,)',
                        '(,-infinity]', '[infinity,infinity]', 'empty', NULL]::tstzrange[]) period;
SELECT (SELECT count(*) FROM funnel.events(funnel.entered(c, 'last', '[294276-12-31 23:59:59.999999+00,infinity]'))) AS entered,
       (SELECT count(*) FROM funnel.events(funnel.entered(c, 'last', '(,294276-12-31 23:59:59.999999+00)'))) AS not_before
FROM ends;
-- Leads that have nothing to do with each other, at both ends, in one cohort and merged.
SELECT (a.c || b.c)::text = (SELECT funnel.cohort(lead, 'x', at)::text
                             FROM (VALUES (1, timestamptz '4714-11-24 00:00:00+00 BC'), (2, '294276-12-31 23:59:59.999999+00')) v(lead, at)) AS same_bytes
FROM (SELECT funnel.cohort(1, 'x', '4714-11-24 00:00:00+00 BC')) a(c), (SELECT funnel.cohort(2, 'x', '294276-12-31 23:59:59.999999+00')) b(c);
-- A window longer than all of time is a window: nothing is ever over, until infinity.
SELECT as_of, s.step, s.leads, s.pending, s.mature_leads
FROM (SELECT funnel.cohort(1, 'first', timestamptz '4714-11-24 00:00:00+00 BC')) x(c),
     unnest('{2024-01-01,infinity}'::timestamptz[]) as_of, funnel.steps(c, '{first,last}', '1000000 years', as_of => as_of) s
WHERE s.step = 2 ORDER BY as_of;
