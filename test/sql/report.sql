--
-- scorecard, scorecard_by, periods, bottleneck, target: what can be checked by hand
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

SELECT FROM funnel.create_pipeline_from('leads', 'b2b_waterfall');
CREATE TEMP TABLE crm (lead int, stage funnel.lead_stage, at timestamptz, amount numeric, deal text);
INSERT INTO crm VALUES
  (1, 'inquiry', '2025-01-02', NULL, NULL), (1, 'mql', '2025-01-03', NULL, NULL), (1, 'sal', '2025-01-04', NULL, NULL), (1, 'sql', '2025-01-10', NULL, NULL),
  (1, 'opportunity', '2025-01-12', 900, 'A'), (1, 'won', '2025-01-22', 1000, 'A'),                                     -- 20 days from inquiry to won
  (1, 'opportunity', '2025-03-01', 300, 'B'), (1, 'won', '2025-03-05', 250, 'B'),                                      -- buys again
  (2, 'mql', '2025-01-05', NULL, NULL), (2, 'sal', '2025-01-09', NULL, NULL), (2, 'disqualified', '2025-01-11', NULL, NULL),  -- accepted after 4 days: late
  (3, 'inquiry', '2025-01-06', NULL, NULL), (3, 'mql', '2025-01-08', NULL, NULL),                                      -- nobody took it
  (4, 'inquiry', '2025-01-07', NULL, NULL), (4, 'mql', '2025-01-09', NULL, NULL), (4, 'recycled', '2025-01-10', NULL, NULL),
  (4, 'mql', '2025-02-10', NULL, NULL), (4, 'sql', '2025-02-11', NULL, NULL), (4, 'opportunity', '2025-02-15', 500, 'C'), (4, 'won', '2025-03-01', 400, 'C'),
  (5, 'sql', '2025-02-01', NULL, NULL), (5, 'opportunity', '2025-02-03', 800, 'D'), (5, 'lost', '2025-02-21', NULL, 'D'),     -- a partner's
  (6, 'mql', '2025-03-09', NULL, NULL);                                                                                -- a day old
CREATE TEMP TABLE cards AS SELECT funnel.cohort(lead, stage, at, amount, deal) AS c FROM crm;

-- Everything, as of 10 March.
SELECT s.* FROM cards, funnel.scorecard(c, 'leads', as_of => '2025-03-10') s;
-- The first quarter's leads of January, with a window: lead 4 was recycled, and needed 53 days.
SELECT s.kpi, s.stage, s.value, s.numerator, s.denominator FROM cards, funnel.scorecard(c, 'leads', '30 days', '[2025-01-01,2025-02-01)', '2025-03-10') s
 WHERE kpi IN ('leads', 'lead_to_won', 'leads_reached', 'won_deals', 'revenue', 'revenue_per_lead', 'close_rate', 'cycle_p50_days', 'sla_compliance', 'stale_leads')
    OR kpi = 'conversion' AND s.stage IN ('mql > sal', 'mql > won');
-- By period: what was booked adds up to the whole, leads count where they began, young ones say so.
SELECT s.since::date, s.kpi, s.stage, s.value, s.numerator, s.denominator, s.mature_share
  FROM cards, funnel.scorecard_by(c, 'leads', '{2025-01-01,2025-02-01,2025-03-01,2025-04-01}', '30 days', '2025-03-10') s
 WHERE kpi IN ('leads', 'lead_to_won', 'won_deals', 'revenue', 'revenue_per_lead') OR kpi = 'conversion' AND s.stage = 'mql > sal';
-- As of earlier than the last event, what came later does not exist.
SELECT bool_and(a IS NOT DISTINCT FROM b) AS same FROM cards, LATERAL (SELECT array_agg(s) AS a FROM funnel.scorecard(c, 'leads', as_of => '2025-02-11') s) a,
       LATERAL (SELECT array_agg(s) AS b FROM funnel.scorecard(funnel.as_of(c, '2025-02-11'), 'leads', as_of => '2025-02-11') s) b;
-- Touches change nothing, in a period without a deal neither: 0, not nothing known.
SELECT since::date, kpi, value FROM cards, LATERAL (SELECT funnel.merge(c, funnel.touches(lead, 'ad', at + day * interval '1 day')) AS t FROM crm, generate_series(0, 150, 30) AS day GROUP BY c) t,
       funnel.scorecard_by(t, 'leads', '{2024-12-01,2025-01-01,2025-02-01,2025-03-01,2025-04-01}', as_of => '2025-05-10') WHERE kpi IN ('won_deals', 'revenue') ORDER BY since, kpi;
SELECT a = b AS same FROM cards, LATERAL (SELECT array_agg(s) AS a FROM funnel.scorecard(c, 'leads', as_of => '2025-03-10') s) a,
       LATERAL (SELECT array_agg(s) AS b FROM (SELECT funnel.touches(lead, 'won', at - interval '1 hour') AS t FROM crm) t, funnel.scorecard(funnel.merge(c, t), 'leads', as_of => '2025-03-10') s) b;

--
-- Targets
--
INSERT INTO funnel.target (pipeline, kpi, period, value, stage) VALUES
  ('leads', 'revenue', '(,)', 1500, NULL), ('leads', 'revenue', '[2025-01-01,2025-04-01)', 2000, NULL), ('leads', 'revenue', '[2025-02-01,2025-03-01)', 1, NULL),
  ('leads', 'won_deals', '[2025-01-01,2025-04-01)', 3, NULL), ('leads', 'disqualified', '[2025-01-01,2025-04-01)', 0, NULL), ('leads', 'recycled', '[2025-01-01,2025-04-01)', 5, NULL),
  ('leads', 'conversion', '[2025-01-01,2026-01-01)', 0.9, NULL), ('leads', 'conversion', '[2025-01-01,2026-01-01)', 0.4, 'mql > sal'), ('leads', 'conversion', '[2025-01-01,2025-02-01)', 0.6, 'mql > sal'),
  ('leads', 'stale_leads', '[2025-01-01,2026-01-01)', 0, NULL), ('leads', 'handoff_p50_days', '[2025-01-01,2026-01-01)', 2, NULL), ('other', 'revenue', '(,)', 1, NULL);
-- A sum is held against the target of its period, a level against that of the shortest period around it; a running period is open
-- unless the sum is reached already, or exceeded.
SELECT period, s.kpi, s.stage, s.value, s.target, s.status
  FROM cards, unnest('{NULL,"[2025-01-01,2025-04-01)","[2025-01-01,2025-02-01)","[2025-02-01,2025-03-01)"}'::tstzrange[]) WITH ORDINALITY p(period, n), funnel.scorecard(c, 'leads', '30 days', period, '2025-03-10') s
 WHERE target IS NOT NULL AND (kpi <> 'conversion' OR s.stage IN ('mql > sal', 'sal > sql', 'mql > sql')) ORDER BY n, kpi, s.stage;
-- A period without end is over at the end of time only.
BEGIN;
INSERT INTO funnel.target (pipeline, kpi, period, value) VALUES ('leads', 'accept_rate', '(,)', 0.9), ('leads', 'revenue', '[2025-01-01,)', 2000), ('leads', 'revenue', '[2025-01-01,infinity)', 2000);
SELECT as_of, period, s.kpi, s.value, s.target, s.status
  FROM cards, unnest('{2025-03-10,infinity}'::timestamptz[]) as_of, unnest('{NULL,"[2025-01-01,)","[2025-01-01,infinity)"}'::tstzrange[]) WITH ORDINALITY p(period, n),
       funnel.scorecard(c, 'leads', NULL, period, as_of) s WHERE s.kpi IN ('revenue', 'accept_rate') ORDER BY as_of, n, kpi;
ROLLBACK;
-- Once the quarter is over, it is what it is.
SELECT s.kpi, s.stage, s.value, s.target, s.status FROM cards, funnel.scorecard(c, 'leads', period => '[2025-01-01,2025-04-01)', as_of => '2025-04-01') s
 WHERE target IS NOT NULL AND kpi <> 'conversion' ORDER BY kpi, s.stage;
SELECT r.* FROM unnest(ARRAY[$$VALUES ('leads', 'revenue', '(,)'::tstzrange, 1::numeric, NULL)$$, $$VALUES (' ', 'x', '(,)'::tstzrange, 1::numeric, NULL)$$, $$VALUES ('x', 'x', 'empty'::tstzrange, 1::numeric, NULL)$$,
                             $$VALUES ('x', 'x', '(,)'::tstzrange, 'NaN'::numeric, NULL)$$]) q, pg_temp.refused('INSERT INTO funnel.target ' || q) r(state, message);
-- A state: of a period that goes on it is missed if it is so now, and open otherwise. What a longer period makes larger has targets of
-- its very period.
DELETE FROM funnel.target;
INSERT INTO funnel.target (pipeline, kpi, period, value) VALUES ('leads', 'stale_leads', '(,)', 0), ('leads', 'sales_velocity', '[2025-01-01,2026-01-01)', 20), ('leads', 'sales_velocity', '[2025-01-01,2025-04-01)', 30);
SELECT period, as_of, s.kpi, s.value, s.target, s.status FROM cards, (VALUES (1, NULL, '2025-03-10'), (2, '[2025-01-01,2025-04-01)', '2025-03-10'), (3, '[2025-03-01,2025-04-01)', '2025-03-10'), (4, '[2025-02-01,2025-03-01)', '2025-03-10'),
       (5, '[2025-01-01,2025-04-01)', '2025-04-10')) p(n, period, as_of), funnel.scorecard(c, 'leads', NULL, period::tstzrange, as_of::timestamptz) s WHERE kpi IN ('stale_leads', 'sales_velocity') ORDER BY n, kpi DESC;
DELETE FROM funnel.target;

-- Every KPI is explained, and no figure is lost on the way to the card.
SELECT count(*) AS figures, count(k.kpi) AS explained FROM cards, funnel.scorecard_facts(c, 'leads', NULL, NULL, '2025-03-10') f LEFT JOIN funnel.kpis() k ON k.kpi = f.kpi;
SELECT * FROM funnel.kpis();

--
-- Little or nothing
--
-- No rows, no cohort; a cohort without events; one lead of one event.
SELECT count(*) FROM funnel.scorecard(NULL, 'leads');
SELECT count(*), sum(value), count(value), count(low) FROM (SELECT funnel.cohort(NULL::int, 'mql', now()) AS c) n, funnel.scorecard(c, 'leads', '1 day', '[2025-01-01,)');
SELECT s.kpi, s.stage, s.value, s.numerator, s.denominator FROM (SELECT funnel.cohort(1, 'mql', timestamptz '2025-01-01', 5) AS c) n, funnel.scorecard(c, 'leads', as_of => '2025-01-02') s WHERE value <> 0 OR denominator > 0;
-- No SLA, no owners: no such rows. No stage to win in; nothing but won; no stages at all.
SELECT FROM funnel.create_pipeline('plain', '{mql,sal,won}', '{lost,recycled,Closed Lost}');
SELECT FROM funnel.create_pipeline('unwon', '{mql,sal}');
SELECT FROM funnel.create_pipeline('only', '{won}');
INSERT INTO funnel.pipeline (name) VALUES ('bare');
SET client_min_messages = error;
SELECT p, string_agg(DISTINCT kpi, ' ' ORDER BY kpi), sum(value) FROM cards, unnest('{plain,unwon,only,bare}'::text[]) p, funnel.scorecard(c, p, '30 days', '[2025-01-01,2025-04-01)', '2025-03-10') GROUP BY p ORDER BY p;
SELECT p, count(*) FROM cards, unnest('{plain,unwon,only,bare}'::text[]) p, funnel.bottleneck(c, p, '2025-03-10') GROUP BY p ORDER BY p;
-- At the ends of time, and in an empty period.
SELECT as_of, period, count(*), sum(value) FILTER (WHERE kpi IN ('leads', 'won_deals')) FROM cards, unnest('{-infinity,infinity}'::timestamptz[]) as_of, unnest('{NULL,empty}'::tstzrange[]) period, funnel.scorecard(c, 'leads', NULL, period, as_of) GROUP BY 1, 2 ORDER BY 1, 2;
RESET client_min_messages;
-- Stages that the pipeline does not know are named, once.
SELECT value FROM cards, funnel.scorecard(c, 'plain', as_of => '2025-03-10') WHERE kpi = 'leads';
SELECT count(*) FROM cards, funnel.scorecard_by(c, 'plain', '{2025-01-01,2025-02-01,2025-03-01}', as_of => '2025-03-10');

-- Several stages of one kind are one, for what is said of the kind.
SELECT FROM funnel.create_pipeline('many', '{new,won,upsold}', '{lost,gone,junk,spam}', allow_skips => true);
UPDATE funnel.stage SET kind = CASE stage WHEN 'upsold' THEN 'won' WHEN 'gone' THEN 'lost' ELSE 'disqualified' END WHERE pipeline = 'many' AND stage IN ('upsold', 'gone', 'junk', 'spam');
SELECT s.kpi, s.stage, s.value, s.numerator, s.denominator
  FROM (SELECT funnel.cohort(lead, stage, at, 10, lead::text || n) AS c FROM (VALUES (1, 'new', timestamptz '2025-01-01', 0), (1, 'won', '2025-01-03', 1), (2, 'new', '2025-01-01', 0), (2, 'upsold', '2025-01-05', 1), (2, 'won', '2025-01-09', 2),
                     (3, 'new', '2025-01-01', 0), (3, 'junk', '2025-01-02', 0), (3, 'spam', '2025-01-03', 0), (4, 'new', '2025-01-01', 0), (4, 'lost', '2025-01-02', 0), (5, 'new', '2025-01-01', 0), (5, 'gone', '2025-01-02', 0)) v(lead, stage, at, n)) h,
       funnel.scorecard(c, 'many', as_of => '2025-02-01') s WHERE kpi IN ('leads_reached', 'conversion', 'lead_to_won', 'won_deals', 'revenue', 'close_rate', 'disqualified', 'cycle_p90_days', 'revenue_per_lead');

--
-- bottleneck
--
SELECT b.stage, owner, leads, converted, round(rate::numeric, 2) AS rate, leads_lost, leads_rank, amount_lost, amount_rank, days_added, days_rank FROM cards, funnel.bottleneck(c, 'leads', '2025-03-10') b;
-- A lead is lost while it is in a stage of such a kind, and where it came furthest: 1 is open again, 2 not; 3 skipped sal, 4 was won before, 5 is where nobody knows.
SELECT b.stage, b.leads, converted, leads_lost, amount_lost FROM (SELECT funnel.cohort(lead, stage, timestamptz '2025-01-01' + day * interval '1 day', amount) AS c FROM (VALUES
         (1, 'mql', 1, 10), (1, 'recycled', 2, NULL), (1, 'mql', 3, NULL), (2, 'mql', 1, 20), (2, 'recycled', 2, NULL), (2, 'mql', 3, NULL), (2, 'recycled', 4, 40), (3, 'mql', 1, 80), (3, 'sql', 2, NULL), (3, 'lost', 3, NULL),
         (4, 'opportunity', 1, 160), (4, 'won', 2, NULL), (4, 'mql', 3, NULL), (4, 'disqualified', 4, NULL), (5, 'mql', 1, 320), (5, 'disqualified', 2, NULL), (5, 'demo', 3, NULL)) v(lead, stage, day, amount)) h, funnel.bottleneck(c, 'leads', '2025-02-01') b WHERE leads > 0 ORDER BY b.stage;
-- Four quarters of 100 leads each: 20, 60, 40 and 30 of them are won after 10 days; the others are lost after 5. The last quarter is not over.
CREATE TEMP TABLE quarters AS SELECT funnel.cohort(lead, stage, at, 100) AS c
  FROM (SELECT q * 1000 + n AS lead, stage, timestamptz '2024-01-01' + q * interval '3 months' + n * interval '6 hours' + wait * interval '1 day' AS at
          FROM generate_series(0, 3) q, generate_series(0, 99) n, LATERAL (VALUES ('new', 0), (CASE WHEN n < ('{20,60,40,30}'::int[])[q + 1] THEN 'won' ELSE 'lost' END, CASE WHEN n < ('{20,60,40,30}'::int[])[q + 1] THEN 10 ELSE 5 END)) v(stage, wait)) l;
SELECT FROM funnel.create_pipeline('quarters', '{new,won}', '{lost}');
SELECT b.* FROM quarters, funnel.bottleneck(c, 'quarters', '2025-01-01') b;
-- A lead belongs to the quarter in which it first came: the same hundred come in each of four and are recycled; 20, 60, 20 and 20 go on.
-- Sixty different ones did, all of them leads of the first quarter.
SELECT b.leads, b.converted, b.mature_rate, lower(b.best_quarter)::date AS best_quarter, b.best_rate, b.more_leads
  FROM (SELECT funnel.cohort(n, stage, timestamptz '2024-01-01' + q * interval '3 months' + n * interval '6 hours' + wait * interval '1 day') AS c
          FROM unnest('{20,60,20,20}'::int[]) WITH ORDINALITY w(won, q1), generate_series(q1 - 1, q1 - 1) q, generate_series(0, 99) n, LATERAL (VALUES ('mql', 0), (CASE WHEN n < won THEN 'sal' END, 2), ('recycled', 10)) v(stage, wait)) h,
       funnel.bottleneck(c, 'leads', '2025-03-01') b WHERE b.stage = 'mql > sal';
-- A hundred new leads in each: now 60 of a quarter are better than the 30 of all.
SELECT b.leads, b.converted, b.mature_rate, lower(b.best_quarter)::date AS best_quarter, b.best_rate, b.more_leads
  FROM (SELECT funnel.cohort(q * 1000 + n, stage, timestamptz '2024-01-01' + q * interval '3 months' + n * interval '6 hours' + wait * interval '1 day') AS c
          FROM unnest('{20,60,20,20}'::int[]) WITH ORDINALITY w(won, q1), generate_series(q1 - 1, q1 - 1) q, generate_series(0, 99) n, LATERAL (VALUES ('mql', 0), (CASE WHEN n < won THEN 'sal' END, 2), ('recycled', 10), ('mql', 95), ('recycled', 99)) v(stage, wait)) h,
       funnel.bottleneck(c, 'leads', '2025-06-01') b WHERE b.stage = 'mql > sal';
-- Six days into the quarter no lead of it has had its ten days.
SELECT b.leads, b.rate, b.mature_rate, b.best_quarter, b.best_rate, b.more_leads FROM quarters, funnel.bottleneck(c, 'quarters', '2024-10-07') b;

--
-- periods
--
SELECT every, funnel.periods(every, '2024-11-14 10:00', '2025-01-15')::date[] FROM unnest('{month,quarter,year,fiscal_month,fiscal_quarter,fiscal_year}'::text[]) WITH ORDINALITY e(every, n) ORDER BY n;
SELECT funnel.periods('week', '2024-12-25', '2025-01-06')::date[] AS weeks, funnel.periods('day', '2024-02-28', '2024-03-01')::date[] AS days, funnel.periods('fiscal_month', '2024-01-31', '2024-05-01')::date[] AS last_days;
-- Where clocks are set, days and weeks begin at midnight all the same.
SELECT b FROM unnest(funnel.periods('week', '2025-03-24 00:00+01', '2025-04-07 00:00+02', 'Europe/Berlin')) b;
SELECT funnel.periods('month', '2025-01-01', '2025-03-01') = funnel.periods('month', '2025-01-01', '2025-03-01', 'UTC') AS session_zone;
-- A day that a zone skipped is none; where midnight comes twice, a day begins with the first; where clocks skip it, when they do.
SELECT funnel.periods('day', '2011-12-29 12:00', '2012-01-01 12:00', 'Pacific/Apia') AS apia;
SELECT funnel.periods('day', '2023-11-05 04:30', '2023-11-06 12:00', 'America/Havana') AS havana;
SELECT funnel.periods('day', '2018-11-03 12:00', '2018-11-05 12:00', 'America/Sao_Paulo') AS sao_paulo;
-- Whatever a zone did, "since" is in the first period and the end of "until" in the last, and each begins after the one before.
SELECT zone, count(*) AS asked, bool_and(b[1] <= since AND b[2] > since AND b[n - 1] < until AND b[n] >= until AND NOT EXISTS (SELECT FROM generate_series(2, n) i WHERE b[i] <= b[i - 1])) AS right
  FROM (VALUES ('Pacific/Apia', 2011), ('Pacific/Kwajalein', 1993), ('America/Havana', 2023), ('America/Sao_Paulo', 2018), ('America/St_Johns', 2006), ('America/Toronto', 1919), ('Asia/Beirut', 2023), ('Africa/Cairo', 2010),
               ('Atlantic/Azores', 1992), ('Europe/Berlin', 1945), ('America/Juneau', 1867), ('Asia/Manila', 1844)) z(zone, y),
       generate_series(make_timestamptz(y, 1, 1, 0, 0, 0), make_timestamptz(y + 1, 1, 1, 0, 0, 0), '23 hours 17 minutes') since,
       LATERAL (SELECT since + interval '60 hours' AS until) u, LATERAL (SELECT funnel.periods('day', since, until, zone) AS b) b, LATERAL (SELECT cardinality(b) AS n) n
 GROUP BY zone ORDER BY zone;
-- 4-4-5: twelve periods a year, a year of 52 weeks or 53 that begins on the same weekday, and never more than three days from the day of the first.
SELECT every, array_agg(weeks ORDER BY n) FILTER (WHERE n <= 12) AS first_year, count(*) AS periods
  FROM unnest('{4-4-5,4-5-4,5-4-4}'::text[]) every, LATERAL (SELECT n, (b[n + 1]::date - b[n]::date) / 7 AS weeks FROM (SELECT funnel.periods(every, '2023-01-29', '2053-01-01') AS b) b, generate_series(1, cardinality(b) - 1) n) w
 GROUP BY every ORDER BY every;
SELECT array_agg(DISTINCT extract(dow FROM y)) AS weekdays, array_agg(DISTINCT days / 7.0) AS weeks, min(off), max(off), count(*) FILTER (WHERE days = 371) AS long_years
  FROM (SELECT y, lead(y) OVER (ORDER BY y) - y AS days, y - (date '2023-01-29' + (n - 1) / 12 * interval '1 year')::date AS off
          FROM unnest(funnel.periods('4-4-5', '2023-01-29', '2053-01-01')::date[]) WITH ORDINALITY b(y, n) WHERE n % 12 = 1) y;

--
-- Errors
--
SELECT r.* FROM cards, unnest(ARRAY[
    $$funnel.scorecard(c, 'nobody')$$, $$funnel.scorecard(c, NULL)$$, $$funnel.scorecard(c, 'leads', as_of => NULL)$$, $$funnel.scorecard(c, 'leads', '-1 day')$$, $$funnel.scorecard(NULL, 'nobody')$$,
    $$funnel.scorecard_by(c, 'leads', NULL)$$, $$funnel.scorecard_by(c, 'leads', '{2025-01-01}')$$, $$funnel.scorecard_by(c, 'leads', '{2025-01-01,NULL}')$$, $$funnel.scorecard_by(c, 'leads', '{2025-01-02,2025-01-01}')$$, $$funnel.scorecard_by(c, 'leads', '{{2025-01-01,2025-01-02}}')$$,
    $$funnel.bottleneck(c, 'nobody')$$, $$funnel.periods('fortnight', '2025-01-01')$$, $$funnel.periods(NULL, '2025-01-01')$$, $$funnel.periods('day', '2025-01-01', '2025-01-01')$$, $$funnel.periods('day', '1970-01-01', '2025-01-01')$$,
    $$funnel.periods('day', '2025-01-01', 'infinity')$$, $$funnel.periods('day', '2025-01-01', '2025-01-02', 'Mars/Olympus')$$]) q, pg_temp.refused('SELECT FROM cards, ' || q) r;

DELETE FROM funnel.pipeline WHERE name IN ('leads', 'plain', 'unwon', 'only', 'bare', 'many', 'quarters');
