--
-- The scorecard against plain SQL over the event rows, which knows nothing of the extension but the tables of the
-- pipeline: random histories with ties, re-entries, records, missing amounts, stages that the pipeline does not know.
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
-- test/t reads from here to the end of the oracle; the name is no other test's, whose tables stay
CREATE SCHEMA plain;
CREATE TABLE plain.ev (lead text, stage text, rank int, at timestamptz, amount numeric, ref text);

-- Stays of each lead in the canonical order of its events; the labels of merged are read as the first of them. A
-- stay is news unless the record was in that stage when it was last told of.
CREATE FUNCTION plain.stays(as_of timestamptz, merged text[])
    RETURNS TABLE (lead text, stay bigint, stage text, at timestamptz, amount numeric, worth numeric, is_news boolean,
                   left_at timestamptz, next_stage text) LANGUAGE plpgsql ROWS 20000 AS $$
#variable_conflict use_column
BEGIN RETURN QUERY WITH labels AS (
    SELECT label, CASE WHEN label = ANY (merged) THEN merged[1] ELSE label END AS stage,
           CASE WHEN label = ANY (merged) THEN min(rank) OVER (PARTITION BY label = ANY (merged)) ELSE rank END AS rank
      FROM (SELECT ev.stage AS label, min(rank) AS rank FROM plain.ev GROUP BY ev.stage) l),
e AS (
    SELECT ev.lead, l.stage, ev.at, ev.amount, ev.ref, row_number() OVER o AS n, count(amount) OVER o AS amounts,
           row_number() OVER o > 1 AND l.stage = lag(l.stage) OVER o AND ref IS NOT DISTINCT FROM lag(ref) OVER o AS again
      FROM plain.ev JOIN labels l ON l.label = ev.stage WHERE ev.at < stays.as_of
    WINDOW o AS (PARTITION BY lead ORDER BY at, l.rank NULLS LAST, l.stage COLLATE "C", amount, scale(amount), ref COLLATE "C")),
e2 AS (
    SELECT *, max(amount) OVER (PARTITION BY e.lead, amounts) AS worth,
           count(*) FILTER (WHERE NOT again) OVER (PARTITION BY e.lead ORDER BY n) AS stay
      FROM e),
y AS (
    SELECT e2.lead, e2.stay, min(e2.stage) AS stage, min(e2.at) AS at, min(ref) AS ref,
           (array_agg(e2.amount ORDER BY n DESC) FILTER (WHERE e2.amount IS NOT NULL))[1] AS amount,
           (array_agg(e2.worth ORDER BY n DESC))[1] AS worth
      FROM e2 GROUP BY e2.lead, e2.stay),
-- what a record does, whatever others do in between: while it is told to be in one stage, that is one thing
z AS (
    SELECT *, y.stage IS DISTINCT FROM lag(y.stage) OVER (PARTITION BY y.lead, ref ORDER BY y.stay) AS is_news FROM y),
r AS (
    SELECT *, count(*) FILTER (WHERE z.is_news) OVER (PARTITION BY z.lead, ref ORDER BY z.stay) AS run FROM z),
t AS (
    SELECT r.lead, ref, run, (array_agg(r.amount ORDER BY r.stay DESC) FILTER (WHERE r.amount IS NOT NULL))[1] AS amount FROM r GROUP BY r.lead, ref, run)
SELECT r.lead, r.stay, r.stage, r.at, t.amount, r.worth, r.is_news, lead(r.at) OVER o, lead(r.stage) OVER o
  FROM r JOIN t ON t.lead = r.lead AND t.ref IS NOT DISTINCT FROM r.ref AND t.run = r.run
WINDOW o AS (PARTITION BY r.lead ORDER BY r.stay);
END $$;

CREATE FUNCTION plain.card(pipeline text, within interval, period tstzrange, as_of timestamptz)
    RETURNS TABLE (kpi text, stage text, value float8, numerator numeric, denominator numeric) LANGUAGE sql
    SET enable_nestloop = off SET jit = off AS $$
WITH RECURSIVE st AS MATERIALIZED (
    SELECT s.stage, row_number() OVER (ORDER BY s.position) AS i, kind, owner, sla FROM funnel.stage s WHERE s.pipeline = card.pipeline),
won AS (SELECT st.stage, i FROM st WHERE kind = 'won' ORDER BY i LIMIT 1),
path AS MATERIALIZED (
    SELECT st.stage, row_number() OVER (ORDER BY i) AS k, owner, i FROM st
     WHERE kind = 'open' AND i < coalesce((SELECT i FROM won), 1000) OR i = (SELECT i FROM won)),
-- stays
s AS MATERIALIZED (
    SELECT y.*, card.period IS NULL OR y.at <@ card.period AS counts FROM plain.stays(card.as_of, '{}') y),
-- leads that entered a stage, and the pipeline, for the first time in the period
fs AS MATERIALIZED (
    SELECT lead, s.stage, min(at) AS at FROM s GROUP BY lead, s.stage HAVING card.period IS NULL OR min(at) <@ card.period),
begun AS MATERIALIZED (
    SELECT lead, min(at) AS at FROM s JOIN path USING (stage) GROUP BY lead HAVING card.period IS NULL OR min(at) <@ card.period),
furthest AS MATERIALIZED (
    SELECT DISTINCT ON (b.lead) b.lead, p.stage, s.worth
      FROM begun b JOIN s USING (lead) JOIN path p ON p.stage = s.stage
     WHERE card.within IS NULL OR s.at - b.at <= card.within
     ORDER BY b.lead, p.k DESC, s.stay),
-- steps
pair AS (
    SELECT a.stage AS a, b.stage AS b, a.stage || ' > ' || b.stage AS step, b.k = a.k + 1 AS next
      FROM path a JOIN path n ON n.k = a.k + 1
      JOIN path b ON b.k = n.k OR b.k > n.k AND b.stage = (SELECT won.stage FROM won) OR b.k = n.k + 1 AND a.owner <> n.owner),
chain AS MATERIALIZED (
    SELECT DISTINCT ON (pair.step, f.lead) pair.step, pair.next, f.lead, y.at IS NOT NULL AS converted,
           coalesce(y.worth, CASE WHEN y.at IS NULL THEN x.worth END) AS worth, extract(epoch FROM y.at - x.at)::float8 / 86400 AS days
      FROM pair JOIN fs f ON f.stage = pair.a
      JOIN s x ON x.lead = f.lead AND x.stage = pair.a
      LEFT JOIN s y ON y.lead = x.lead AND y.stage = pair.b AND y.at >= x.at AND (card.within IS NULL OR y.at - x.at <= card.within)
     ORDER BY pair.step, f.lead, y.at IS NULL, x.stay, y.stay),
steps AS (
    SELECT pair.step, pair.next, count(lead) AS leads, count(*) FILTER (WHERE converted) AS converted,
           sum(worth) AS amount, sum(worth) FILTER (WHERE converted) AS converted_amount,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS p50, percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90
      FROM pair LEFT JOIN chain USING (step, next) GROUP BY pair.step, pair.next),
-- hand-offs: the next stages are those that no other forward way leads to
forward AS (
    SELECT a.i AS a, b.i AS b FROM funnel.transition m JOIN st a ON a.stage = m.from_stage JOIN st b ON b.stage = m.to_stage
     WHERE m.pipeline = card.pipeline AND a.kind IN ('open', 'won') AND b.kind IN ('open', 'won') AND a.i < b.i),
ahead AS (SELECT * FROM forward UNION SELECT ahead.a, forward.b FROM ahead JOIN forward ON forward.a = ahead.b),
point AS (
    SELECT DISTINCT h.stage, h.i, h.owner, h.sla
      FROM forward f JOIN st h ON h.i = f.a JOIN st n ON n.i = f.b
     WHERE n.kind = 'open' AND n.owner <> h.owner
       AND NOT EXISTS (SELECT FROM forward v JOIN ahead w ON w.a = v.b WHERE v.a = f.a AND w.b = f.b)),
-- a lead waits while it is in the stage, with whatever record
wait AS (
    SELECT w.lead, w.stage, min(w.at) AS at, (array_agg(w.left_at ORDER BY w.stay DESC))[1] AS left_at, (array_agg(w.next_stage ORDER BY w.stay DESC))[1] AS next_stage
      FROM (SELECT s.*, stay - row_number() OVER (PARTITION BY s.lead, s.stage ORDER BY stay) AS run FROM s) w
     WHERE EXISTS (SELECT FROM fs WHERE fs.lead = w.lead AND fs.stage = w.stage)
     GROUP BY w.lead, w.stage, w.run),
handoff AS (
    SELECT o.stage, count(*) FILTER (WHERE accepted OR rejected OR waits) AS n, count(*) FILTER (WHERE accepted) AS accepted, count(*) FILTER (WHERE rejected) AS rejected,
           CASE WHEN min(sla) IS NOT NULL THEN count(*) FILTER (WHERE waits AND card.as_of - at > sla) END AS silent,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM left_at - at)::float8 / 86400) FILTER (WHERE accepted) AS p
      FROM (SELECT h.stage, h.sla, wait.at, wait.left_at, wait.at IS NOT NULL AND left_at IS NULL AS waits,
                   coalesce(n.kind IN ('open', 'won') AND n.i > h.i AND n.owner <> h.owner, false) AS accepted,
                   coalesce(n.kind NOT IN ('open', 'won') OR n.i < h.i, false) AS rejected
              FROM point h LEFT JOIN wait ON wait.stage = h.stage LEFT JOIN st n ON n.stage = wait.next_stage) o
     GROUP BY o.stage),
sla AS (
    SELECT st.stage, count(*) FILTER (WHERE s.left_at - s.at <= sla) AS met, count(*) FILTER (WHERE coalesce(s.left_at, card.as_of) - s.at > sla) AS breached,
           count(*) FILTER (WHERE s.left_at IS NULL AND card.as_of - s.at > sla) AS stale
      FROM st LEFT JOIN s ON s.stage = st.stage AND s.counts WHERE sla IS NOT NULL GROUP BY st.stage),
-- deals
deal AS MATERIALIZED (SELECT lead, at, amount, counts FROM s WHERE s.stage = (SELECT won.stage FROM won) AND is_news),
booked AS (
    SELECT count(*) AS n, CASE WHEN count(*) > 0 THEN sum(amount) ELSE 0 END AS amount,
           (SELECT count(*) FROM (SELECT array_agg(st.stage ORDER BY i) AS labels FROM st WHERE kind = 'lost') l, plain.stays(card.as_of, l.labels) m
             WHERE m.stage = l.labels[1] AND m.is_news AND (card.period IS NULL OR m.at <@ card.period)) AS lost
      FROM deal WHERE counts),
cycle AS (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS p50, percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90, avg(days) AS mean
      FROM (SELECT extract(epoch FROM min(d.at) - b.at)::float8 / 86400 AS days
              FROM fs JOIN won USING (stage)
              JOIN (SELECT lead, min(at) AS at FROM s JOIN path USING (stage) WHERE s.stage <> (SELECT won.stage FROM won) GROUP BY lead) b USING (lead)
              JOIN s d ON d.lead = fs.lead AND d.stage = fs.stage AND d.at >= b.at GROUP BY fs.lead, b.at) c),
brought AS (
    SELECT g.stage, g.leads, CASE WHEN count(d.lead) > 0 THEN sum(d.amount) ELSE 0 END AS amount
      FROM (SELECT p.stage, count(fs.lead) AS leads, array_agg(fs.lead) AS members FROM path p LEFT JOIN fs USING (stage) GROUP BY p.stage
            UNION ALL SELECT NULL, count(*), array_agg(lead) FROM begun) g
      LEFT JOIN LATERAL unnest(g.members) AS m(lead) ON true LEFT JOIN deal d ON d.lead = m.lead
     WHERE g.stage IS DISTINCT FROM (SELECT won.stage FROM won) GROUP BY g.stage, g.leads),
found AS (
    SELECT 'leads' AS kpi, NULL AS stage, count(*)::float8 AS value, count(*) AS numerator, NULL::numeric AS denominator FROM begun
    UNION ALL SELECT 'leads_reached', st.stage, count(lead), count(lead), NULL FROM st LEFT JOIN fs USING (stage) GROUP BY st.stage
    UNION ALL SELECT 'lead_to_won', NULL, NULL, count(f.lead) FILTER (WHERE f.stage = won.stage), count(f.lead) FROM won LEFT JOIN furthest f ON true GROUP BY won.stage
    UNION ALL SELECT 'lead_to_won_amount', NULL, NULL, CASE WHEN count(worth) > 0 THEN coalesce(sum(worth) FILTER (WHERE f.stage = won.stage), 0) END, sum(worth) FROM won LEFT JOIN furthest f ON true GROUP BY won.stage
    UNION ALL SELECT 'conversion', step, NULL, converted, leads FROM steps
    UNION ALL SELECT 'conversion_amount', step, NULL, CASE WHEN amount IS NOT NULL THEN coalesce(converted_amount, 0) END, amount FROM steps
    UNION ALL SELECT 'step_p50_days', step, p50, NULL, NULL FROM steps WHERE next
    UNION ALL SELECT 'step_p90_days', step, p90, NULL, NULL FROM steps WHERE next
    UNION ALL SELECT 'accept_rate', h.stage, NULL, accepted, n FROM handoff h
    UNION ALL SELECT 'reject_rate', h.stage, NULL, rejected, n FROM handoff h
    UNION ALL SELECT 'no_response_rate', h.stage, NULL, silent, n FROM handoff h
    UNION ALL SELECT 'handoff_p50_days', h.stage, p[1], NULL, NULL FROM handoff h
    UNION ALL SELECT 'handoff_p90_days', h.stage, p[2], NULL, NULL FROM handoff h
    UNION ALL SELECT 'sla_compliance', sla.stage, NULL, met, met + breached FROM sla
    UNION ALL SELECT 'stale_leads', sla.stage, stale, stale, NULL FROM sla
    UNION ALL SELECT st.kind, NULL, count(lead), count(lead), NULL FROM st LEFT JOIN fs USING (stage) WHERE kind IN ('disqualified', 'recycled') GROUP BY kind
    UNION ALL SELECT 'recycled_won', NULL, count(DISTINCT d.lead), count(DISTINCT d.lead), count(DISTINCT fs.lead)
                FROM st LEFT JOIN fs USING (stage) LEFT JOIN s ON s.lead = fs.lead AND s.stage = fs.stage LEFT JOIN s d ON d.lead = s.lead AND d.at >= s.at AND d.stage = (SELECT won.stage FROM won)
               WHERE kind = 'recycled' AND EXISTS (SELECT FROM won) GROUP BY kind
    UNION ALL SELECT 'won_deals', NULL, n, n, NULL FROM booked, won
    UNION ALL SELECT 'revenue', NULL, amount, amount, NULL FROM booked, won
    UNION ALL SELECT 'close_rate', NULL, NULL, n, n + lost FROM booked, won
    UNION ALL SELECT 'cycle_p50_days', NULL, p50, NULL, NULL FROM cycle, won
    UNION ALL SELECT 'cycle_p90_days', NULL, p90, NULL, NULL FROM cycle, won
    UNION ALL SELECT 'sales_velocity', NULL, n * (amount / nullif(n, 0)) * n / nullif(n + lost, 0) / nullif(mean, 0), amount, NULL FROM booked, cycle, won
    UNION ALL SELECT 'revenue_per_lead', NULL, NULL, amount, leads FROM brought, won WHERE brought.stage IS NULL
    UNION ALL SELECT 'revenue_per_stage', brought.stage, NULL, amount, leads FROM brought, won WHERE brought.stage IS NOT NULL)
SELECT f.kpi, f.stage, CASE WHEN denominator IS NOT NULL AND f.kpi <> 'recycled_won' THEN numerator / nullif(denominator, 0) ELSE f.value END, numerator, denominator
  FROM found f $$;

-- Rows of one side only, and figures that are not equal.
CREATE FUNCTION plain.differences(c funnel.cohort, pipeline text, within interval, period tstzrange, as_of timestamptz)
    RETURNS TABLE (kpi text, stage text, found float8, expected float8, parts numeric[], expected_parts numeric[]) LANGUAGE sql AS $$
SELECT coalesce(f.kpi, o.kpi), coalesce(f.stage, o.stage), f.value, o.value, ARRAY[f.numerator, f.denominator], ARRAY[o.numerator, o.denominator]
  FROM funnel.scorecard(c, pipeline, within, period, as_of) f FULL JOIN plain.card(pipeline, within, period, as_of) o
    ON o.kpi = f.kpi AND coalesce(o.stage, '') = coalesce(f.stage, '')
 WHERE f.kpi IS NULL OR o.kpi IS NULL OR (f.numerator, f.denominator) IS DISTINCT FROM (o.numerator, o.denominator)
    OR (f.value IS NULL) <> (o.value IS NULL) OR abs(f.value - o.value) > 1e-9 * greatest(1, abs(o.value))
 ORDER BY 1, 2 $$;

-- The steps: a lead is lost where it came furthest, while it is in a stage of another kind. Rates are those of the leads whose window
-- has closed, the window what nine of ten needed; a lead counts from the first entry that led on in time, else from its first.
CREATE FUNCTION plain.bottleneck(pipeline text, as_of timestamptz, quarters int DEFAULT 12)
    RETURNS TABLE (stage text, leads bigint, converted bigint, leads_lost bigint, amount_lost numeric, days_added float8, window_days float8, mature_rate float8,
                   best_quarter timestamptz, best_rate float8, more_leads float8, more_won float8, more_amount float8) LANGUAGE sql
    SET enable_nestloop = off SET jit = off AS $$
WITH st AS MATERIALIZED (SELECT s.stage, s.kind, s.position AS i FROM funnel.stage s WHERE s.pipeline = bottleneck.pipeline),
won AS (SELECT st.stage, i FROM st WHERE kind = 'won' ORDER BY i LIMIT 1),
path AS MATERIALIZED (
    SELECT st.stage, row_number() OVER (ORDER BY i) AS k FROM st WHERE kind = 'open' AND i < coalesce((SELECT i FROM won), 1000) OR i = (SELECT i FROM won)),
m AS MATERIALIZED (
    SELECT y.lead, y.stay, y.stage, y.at, y.amount, y.worth, y.is_news, y.left_at, path.k
      FROM plain.stays(bottleneck.as_of, '{}') y LEFT JOIN path ON path.stage = y.stage),
furthest AS (SELECT m.lead, max(k) AS k FROM m GROUP BY m.lead),
gone AS (SELECT f.k, count(*) AS leads, sum(m.worth) AS amount FROM furthest f JOIN m ON m.lead = f.lead AND m.left_at IS NULL JOIN st ON st.stage = m.stage AND st.kind NOT IN ('open', 'won') GROUP BY f.k),
-- from each entry to each later one of the next stage
went AS MATERIALIZED (
    SELECT x.k, x.lead, x.stay, x.at, y.stay AS next_stay, y.at AS next_at FROM m x LEFT JOIN m y ON y.lead = x.lead AND y.k = x.k + 1 AND y.at >= x.at WHERE x.k < (SELECT max(k) FROM path)),
step AS MATERIALIZED (
    SELECT w.k, count(*) AS leads, count(next_at) AS converted, avg(days) AS days_added, greatest(ceil(percentile_cont(0.9) WITHIN GROUP (ORDER BY days)), 1) AS window_days
      FROM (SELECT DISTINCT ON (went.k, went.lead) went.*, extract(epoch FROM next_at - at)::float8 / 86400 AS days FROM went ORDER BY went.k, went.lead, next_at IS NULL, stay, next_stay) w GROUP BY w.k),
entry AS MATERIALIZED (
    SELECT went.k, went.lead, went.stay, went.at, coalesce(bool_or(next_at - at <= s.window_days * interval '1 day'), false) AS made,
           went.at + s.window_days * interval '1 day' <= bottleneck.as_of AS closed
      FROM went JOIN step s ON s.k = went.k GROUP BY went.k, went.lead, went.stay, went.at, s.window_days),
-- each lead once, by the entry that got on if any did, in the quarter of its first
tried AS MATERIALIZED (
    SELECT DISTINCT ON (e.k, e.lead) e.k, e.lead, e.made, e.closed, date_trunc('quarter', min(e.at) OVER (PARTITION BY e.k, e.lead)) AS quarter
      FROM entry e ORDER BY e.k, e.lead, made DESC, stay),
whole AS (
    SELECT e.k, avg(made::int)::float8 AS rate FROM tried e WHERE closed GROUP BY e.k),
quarter AS (
    SELECT e.k, e.quarter, count(*)::float8 AS n, avg(made::int)::float8 AS rate
      FROM tried e
     WHERE closed AND e.quarter >= (SELECT date_trunc('quarter', max(ev.at)) FROM plain.ev WHERE ev.at < bottleneck.as_of) - (quarters - 1) * interval '3 months'
     GROUP BY e.k, e.quarter HAVING count(*) >= 30),
best AS (
    SELECT DISTINCT ON (q.k) q.* FROM quarter q
     ORDER BY q.k, (rate + 1.9207294 / n - 1.9599640 * sqrt(rate * (1 - rate) / n + 0.9603647 / n / n)) / (1 + 3.8414588 / n) DESC, quarter DESC),
won_rate AS (
    SELECT x.k, count(DISTINCT x.lead) FILTER (WHERE y.lead IS NOT NULL) / count(DISTINCT x.lead)::float8 AS rate
      FROM m x LEFT JOIN m y ON y.lead = x.lead AND y.stage = (SELECT won.stage FROM won) AND y.at >= x.at GROUP BY x.k)
SELECT a.stage || ' > ' || b.stage, coalesce(s.leads, 0), coalesce(s.converted, 0), coalesce(gone.leads, 0), gone.amount, s.days_added, s.window_days, whole.rate, best.quarter, best.rate,
       g.leads, g.leads * w.rate, g.leads * w.rate * (SELECT sum(m.amount) / count(*) FROM m WHERE m.is_news AND m.stage = (SELECT won.stage FROM won))::float8
  FROM path a JOIN path b ON b.k = a.k + 1 LEFT JOIN step s ON s.k = a.k LEFT JOIN gone ON gone.k = a.k LEFT JOIN whole ON whole.k = a.k LEFT JOIN best ON best.k = a.k
  LEFT JOIN won_rate w ON w.k = b.k AND EXISTS (SELECT FROM won)
 CROSS JOIN LATERAL (SELECT CASE WHEN best.rate IS NOT NULL THEN s.leads * greatest(best.rate - whole.rate, 0) END) g(leads) ORDER BY a.k $$;

CREATE FUNCTION plain.bottleneck_differences(c funnel.cohort, pipeline text, as_of timestamptz)
    RETURNS TABLE (stage text, column_name text, found text, expected text) LANGUAGE sql AS $$
SELECT coalesce(f.stage, o.stage), k.key, x.value, y.value
  FROM (SELECT b.*, lower(b.best_quarter) AS quarter FROM funnel.bottleneck(c, pipeline, as_of) b) f FULL JOIN (SELECT b.*, b.best_quarter AS quarter FROM plain.bottleneck(pipeline, as_of) b) o ON o.stage = f.stage
 CROSS JOIN unnest('{leads,converted,leads_lost,amount_lost,days_added,window_days,mature_rate,quarter,best_rate,more_leads,more_won,more_amount}'::text[]) k(key)
 CROSS JOIN LATERAL (SELECT to_jsonb(f) ->> k.key) x(value) CROSS JOIN LATERAL (SELECT to_jsonb(o) ->> k.key) y(value)
 WHERE f.stage IS NULL OR o.stage IS NULL OR (x.value IS NULL) <> (y.value IS NULL)
    OR CASE WHEN k.key = 'quarter' THEN x.value <> y.value ELSE abs(x.value::float8 - y.value::float8) > 1e-9 * greatest(1, abs(y.value::float8)) END
 ORDER BY 1, 2 $$;
-- end of the oracle

SELECT FROM funnel.create_pipeline_from('report', 'b2b_waterfall');
UPDATE funnel.stage SET sla = '10 days' WHERE pipeline = 'report' AND stage IN ('sal', 'recycled');
UPDATE funnel.stage SET sla = '1 day 12:00' WHERE pipeline = 'report' AND stage = 'mql';

-- 1,000 leads of one to fourteen events within 100 days, most of them forward, at midnights as often as not.
INSERT INTO plain.ev
SELECT 'lead ' || l, (ARRAY['inquiry','mql','sal','sql','opportunity','won','lost','disqualified','recycled','on hold'])[stage], NULL,
       at, CASE WHEN r3 < 0.5 THEN round((1000 * r4)::numeric, (l % 3)) END, CASE WHEN r4 < 0.2 THEN 'deal ' || l % 2 + n % 2 END
  FROM (SELECT l, n, r3, r4, CASE WHEN r2 < 0.75 THEN least(1 + n * 0.7 + r1 * 1.2, 7)::int ELSE 1 + floor(10 * r1)::int END AS stage,
               timestamptz '2025-01-01' + floor(60 * r5) * interval '1 day'
               + CASE WHEN l % 2 = 0 THEN floor(40 * r6 * n / 8) * interval '1 day' ELSE floor(r6 * n * 432000) * interval '1 second' END AS at
          FROM generate_series(1, 1000) l, generate_series(0, (('x' || substr(md5('length ' || l), 1, 7))::bit(28)::int % 14)) n,
               LATERAL (SELECT md5(l || ' ' || n) AS d, md5('lead ' || l) AS g) d,
               LATERAL (SELECT ('x' || substr(d, 1, 7))::bit(28)::int / 268435456.0 AS r1, ('x' || substr(d, 8, 7))::bit(28)::int / 268435456.0 AS r2,
                               ('x' || substr(d, 15, 7))::bit(28)::int / 268435456.0 AS r3, ('x' || substr(d, 22, 7))::bit(28)::int / 268435456.0 AS r4,
                               ('x' || substr(g, 1, 7))::bit(28)::int / 268435456.0 AS r5, ('x' || substr(d, 25, 7))::bit(28)::int / 268435456.0 AS r6) r) v;
CREATE TABLE plain.cohort AS SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM plain.ev;
ANALYZE plain.ev;

-- What there is to compare: all of it means something.
SET client_min_messages = error;
SELECT kpi, count(*), count(value) AS known, sum(numerator)::int AS numerator, sum(denominator)::int AS denominator
  FROM plain.cohort, funnel.scorecard(c, 'report', '20 days', '[2025-01-15,2025-02-20)', '2025-03-20') GROUP BY kpi ORDER BY kpi;
-- No rows: they agree.
SELECT within, period, as_of, d.*
  FROM plain.cohort, unnest('{NULL,20 days 06:00:00}'::interval[]) within,
       unnest('{NULL,"[2025-01-15,2025-02-20)","(,2025-01-31]"}'::tstzrange[]) period,
       unnest('{2025-02-10,2025-03-20}'::timestamptz[]) as_of,
       plain.differences(c, 'report', within, period, as_of) d LIMIT 40;

-- Other stages: other owners, one of them unknown, ways past each stage, stages after won, two of kind lost, none recycled.
SELECT FROM funnel.create_pipeline('other', '{inquiry,mql,"on hold",sql,opportunity,won,sal}', '{lost,disqualified}', allow_skips => true);
UPDATE funnel.stage SET owner = CASE stage WHEN 'inquiry' THEN 'web' WHEN 'mql' THEN 'web' WHEN 'on hold' THEN NULL WHEN 'sql' THEN 'calls' ELSE 'field' END, sla = '4 days' WHERE pipeline = 'other';
UPDATE funnel.stage SET kind = 'lost' WHERE pipeline = 'other' AND stage = 'disqualified';
SELECT within, period, d.* FROM plain.cohort, unnest('{NULL,20 days}'::interval[], '{NULL,"[2025-01-15,2025-02-20)"}'::tstzrange[]) a(within, period),
       plain.differences(c, 'other', within, period, '2025-03-20') d LIMIT 40;
SELECT stage, owner, numerator, denominator FROM plain.cohort, funnel.scorecard(c, 'other', as_of => '2025-03-20') WHERE kpi IN ('conversion', 'accept_rate');

-- No stage to win in, and no owners.
SELECT FROM funnel.create_pipeline('half', '{mql,sal,sql}', '{disqualified}');
SELECT within, period, d.* FROM plain.cohort, unnest('{NULL,20 days}'::interval[], '{NULL,"[2025-01-15,2025-02-20)"}'::tstzrange[]) a(within, period),
       plain.differences(c, 'half', within, period, '2025-03-20') d LIMIT 40;

-- scorecard_by is the scorecard of each period; leads that are counted once a stage add up over periods.
WITH s AS MATERIALIZED (
    SELECT p.since, p.until, s.*
      FROM plain.cohort, unnest('{2025-01-10,2025-02-01,2025-02-20}'::timestamptz[], '{2025-02-01,2025-02-20,2025-03-20}'::timestamptz[]) p(since, until),
           LATERAL (SELECT row_number() OVER () AS n, s.* FROM funnel.scorecard(c, 'report', '20 days', tstzrange(since, until), '2025-03-20') s) s
), b AS MATERIALIZED (
    SELECT row_number() OVER (PARTITION BY since) AS n, b.* FROM plain.cohort, funnel.scorecard_by(c, 'report', '{2025-01-10,2025-02-01,2025-02-20,2025-03-20}', '20 days', '2025-03-20') b
)
SELECT count(*), bool_and((b.kpi, b.stage, b.owner, b.value, b.unit, b.numerator, b.denominator, b.low, b.high, b.target, b.status)
                          IS NOT DISTINCT FROM (s.kpi, s.stage, s.owner, s.value, s.unit, s.numerator, s.denominator, s.low, s.high, s.target, s.status)) AS same
  FROM s JOIN b USING (since, until, n);
WITH s AS MATERIALIZED (SELECT s.* FROM plain.cohort, funnel.scorecard(c, 'report', as_of => '2025-06-01') s),
b AS MATERIALIZED (SELECT kpi, stage, sum(numerator) AS numerator FROM plain.cohort, funnel.scorecard_by(c, 'report', funnel.periods('week', '2025-01-01', '2025-06-01'), as_of => '2025-06-01') GROUP BY kpi, stage)
SELECT s.kpi, s.stage, s.numerator, b.numerator FROM s LEFT JOIN b ON b.kpi = s.kpi AND b.stage IS NOT DISTINCT FROM s.stage
 WHERE s.kpi IN ('leads', 'leads_reached', 'stale_leads', 'disqualified', 'recycled', 'recycled_won', 'won_deals', 'revenue') AND s.numerator IS DISTINCT FROM b.numerator;
-- Every share lies in its interval.
SELECT count(*), bool_and(value BETWEEN low AND high) FROM plain.cohort, funnel.scorecard_by(c, 'report', funnel.periods('month', '2025-01-01', '2025-06-01'), as_of => '2025-06-01') WHERE low IS NOT NULL;

-- bottleneck: what is lost at each step and how long it takes, of leads that began in 17 quarters; what its best quarter of the last
-- twelve would bring.
UPDATE plain.ev SET at = at + substr(lead, 6)::int % 17 * interval '3 months';
UPDATE plain.cohort SET c = (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM plain.ev);
SELECT b.stage, b.leads, b.converted, b.leads_lost, b.amount_lost, round(b.days_added::numeric, 3) AS days_added, b.window_days, round(b.mature_rate::numeric, 3) AS mature_rate,
       b.best_quarter::date, round(b.best_rate::numeric, 3) AS best_rate, round(b.more_won::numeric, 2) AS more_won, round(b.more_amount::numeric) AS more_amount
  FROM plain.bottleneck('report', '2029-02-10') b;
-- No rows: they agree.
SELECT p.pipeline, as_of, d.* FROM plain.cohort, unnest('{report,other,half}'::text[]) p(pipeline), unnest('{2026-01-01,2028-05-05 12:00,2029-02-10}'::timestamptz[]) as_of, plain.bottleneck_differences(c, p.pipeline, as_of) d;
-- Of all quarters some would be better; and leads were lost that are open again.
SELECT count(*) FROM plain.bottleneck('report', '2029-02-10', 17) a JOIN plain.bottleneck('report', '2029-02-10') b USING (stage) WHERE a.best_quarter <> b.best_quarter AND a.best_rate > b.best_rate;
SELECT count(*) > 100 AS many FROM (SELECT DISTINCT lead FROM plain.stays('2029-02-10', '{lost,disqualified,recycled}') s WHERE s.stage = 'lost' AND left_at IS NOT NULL EXCEPT SELECT lead FROM plain.stays('2029-02-10', '{lost,disqualified,recycled}') s WHERE s.stage = 'lost' AND left_at IS NULL) n;

DROP SCHEMA plain CASCADE;
DELETE FROM funnel.pipeline WHERE name IN ('report', 'other', 'half');
