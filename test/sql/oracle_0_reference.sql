--
-- The counting rules a second time, in plain SQL: schema oracle.
--
-- Every function here is the slowest obvious reading of the rules (all chains are
-- enumerated, nothing is clever), over a plain table of events, and none of them calls
-- the extension. The first half defines them; the second checks them against histories
-- worked by hand. oracle_1_histories makes thousands of random histories, and the
-- oracle_* tests after it compare the extension with these functions.
--
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;    -- many small calls
CREATE SCHEMA oracle;

-- The events of many cohorts. rank is what the stage's type said with this row.
CREATE TABLE oracle.event (
    cohort int NOT NULL,
    lead   text NOT NULL,
    kind   text NOT NULL CHECK (kind IN ('stage', 'touch')),
    label  text NOT NULL,
    rank   float8,
    at     timestamptz NOT NULL,
    amount numeric,
    ref    text
);
CREATE INDEX ON oracle.event (cohort, lead);

-- Canonical order: time; stage events before touches; rank (the smallest a label was
-- seen with; ranked before unranked); label; amount by value, then scale, NULL last;
-- ref, NULL last. With alone, every lead is a cohort of its own.
CREATE FUNCTION oracle.timeline(in_cohort int, alone boolean)
RETURNS TABLE (lead text, pos bigint, kind text, label text, at timestamptz, amount numeric, ref text)
STABLE LANGUAGE sql AS $$
    SELECT r.lead,
           row_number() OVER (PARTITION BY r.lead
               ORDER BY r.at, r.kind = 'touch', r.least_rank NULLS LAST, r.label COLLATE "C",
                        r.amount NULLS LAST, scale(r.amount), r.ref COLLATE "C" NULLS LAST),
           r.kind, r.label, r.at, r.amount, r.ref
    FROM (SELECT e.*,
                 min(e.rank) OVER (PARTITION BY e.kind, e.label, CASE WHEN alone THEN e.lead END) AS least_rank
          FROM oracle.event e
          WHERE e.cohort = in_cohort) r
$$;

-- Stays, numbered within their lead. lead_amount is the lead's last amount at or before
-- the end of the stay.
CREATE FUNCTION oracle.stays(in_cohort int, alone boolean, until timestamptz)
RETURNS TABLE (lead text, stay bigint, stage text, ref text, entered_at timestamptz, left_at timestamptz,
               next_stage text, days float8, is_open boolean, amount numeric, lead_amount numeric)
STABLE LANGUAGE sql AS $$
    WITH seen AS (
        SELECT t.*,
               lag(t.pos) OVER w IS NULL
               OR lag(t.label) OVER w <> t.label
               OR lag(t.ref) OVER w IS DISTINCT FROM t.ref AS is_entry,
               array_agg(t.amount) FILTER (WHERE t.amount IS NOT NULL) OVER w AS amounts_so_far
        FROM oracle.timeline(in_cohort, alone) t
        WHERE t.kind = 'stage' AND t.at < until
        WINDOW w AS (PARTITION BY t.lead ORDER BY t.pos)
    ), numbered AS (
        SELECT s.*, count(*) FILTER (WHERE s.is_entry) OVER (PARTITION BY s.lead ORDER BY s.pos) AS stay
        FROM seen s
    ), runs AS (
        SELECT n.lead, n.stay, n.label AS stage, n.ref, min(n.at) AS entered_at,
               (array_agg(n.amount ORDER BY n.pos DESC) FILTER (WHERE n.amount IS NOT NULL))[1] AS amount,
               (array_agg(n.amounts_so_far[cardinality(n.amounts_so_far)] ORDER BY n.pos DESC))[1] AS lead_amount
        FROM numbered n
        GROUP BY n.lead, n.stay, n.label, n.ref
    )
    SELECT r.lead, r.stay, r.stage, r.ref, r.entered_at,
           lead(r.entered_at) OVER w,
           lead(r.stage) OVER w,
           extract(epoch FROM coalesce(lead(r.entered_at) OVER w, until) - r.entered_at)::float8 / 86400,
           lead(r.stay) OVER w IS NULL, r.amount, r.lead_amount
    FROM runs r
    WINDOW w AS (PARTITION BY r.lead ORDER BY r.stay)
$$;

-- The same, once worked out for many questions: oracle.stay is where they are written down.
CREATE TABLE oracle.stay (
    cohort int, alone boolean, until timestamptz,
    lead text, stay bigint, stage text, ref text, entered_at timestamptz, left_at timestamptz,
    next_stage text, days float8, is_open boolean, amount numeric, lead_amount numeric
);
CREATE INDEX ON oracle.stay (cohort, until, alone);

CREATE FUNCTION oracle.known_stays(in_cohort int, alone_ boolean, until_ timestamptz)
RETURNS TABLE (lead text, stay bigint, stage text, ref text, entered_at timestamptz, left_at timestamptz,
               next_stage text, days float8, is_open boolean, amount numeric, lead_amount numeric)
STABLE LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.lead, s.stay, s.stage, s.ref, s.entered_at, s.left_at, s.next_stage, s.days, s.is_open, s.amount, s.lead_amount
                 FROM oracle.stay s WHERE s.cohort = in_cohort AND s.alone = alone_ AND s.until = until_;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM oracle.stays(in_cohort, alone_, until_);
    END IF;
END
$$;

CREATE FUNCTION oracle.in_period(at timestamptz, period tstzrange) RETURNS boolean
IMMUTABLE LANGUAGE sql AS $$ SELECT period IS NULL OR at <@ period $$;

-- Is the window that opened at start still open at until?
CREATE FUNCTION oracle.window_open(start timestamptz, within interval, until timestamptz) RETURNS boolean
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN isfinite(until) THEN until - start < within ELSE within IS NULL END
$$;

-- What each lead did, one function a mode. at_step[k]: counted at step k. times[k]: when.
-- start: where its window begins. may_yet: a window that began at step 1 is open.

-- ordered and strict: enumerate every chain, then choose.
CREATE FUNCTION oracle.by_chain(in_cohort int, alone boolean, steps text[], within interval, strict boolean,
                                period tstzrange, until timestamptz)
RETURNS TABLE (lead text, at_step boolean[], times timestamptz[], start timestamptz, may_yet boolean, amount numeric)
STABLE LANGUAGE sql AS $$
    WITH RECURSIVE s AS MATERIALIZED (
        SELECT * FROM oracle.known_stays(in_cohort, alone, until)
    ), chain AS (
        SELECT s.lead, 1 AS length, ARRAY[s.stay] AS stays, ARRAY[s.entered_at] AS times
        FROM s
        WHERE s.stage = steps[1] AND oracle.in_period(s.entered_at, period)
      UNION ALL
        SELECT c.lead, c.length + 1, c.stays || s.stay, c.times || s.entered_at
        FROM chain c
        JOIN s ON s.lead = c.lead AND s.stage = steps[c.length + 1]
        WHERE s.stay <> ALL (c.stays)
          AND s.entered_at >= c.times[c.length]
          AND (within IS NULL OR s.entered_at - c.times[1] <= within)
          AND (NOT strict OR s.stay = c.stays[c.length] + 1)
    ), chosen AS (
        SELECT DISTINCT ON (c.lead) c.*
        FROM chain c
        ORDER BY c.lead, c.length DESC, c.times, c.stays
    )
    SELECT c.lead,
           ARRAY(SELECT k <= c.length FROM generate_series(1, cardinality(steps)) k ORDER BY k),
           c.times, c.times[1],
           c.lead IN (SELECT s.lead FROM s
                      WHERE s.stage = steps[1] AND oracle.in_period(s.entered_at, period)
                        AND oracle.window_open(s.entered_at, within, until)),
           last.lead_amount
    FROM chosen c
    JOIN s last ON last.lead = c.lead AND last.stay = c.stays[c.length]
$$;

-- any: each step for itself, by the lead's first entry into it.
CREATE FUNCTION oracle.by_any(in_cohort int, alone boolean, steps text[], period tstzrange, until timestamptz)
RETURNS TABLE (lead text, at_step boolean[], times timestamptz[], start timestamptz, may_yet boolean, amount numeric)
STABLE LANGUAGE sql AS $$
    WITH first_entry AS MATERIALIZED (
        SELECT DISTINCT ON (s.lead, s.stage) s.*
        FROM oracle.known_stays(in_cohort, alone, until) s
        ORDER BY s.lead, s.stage, s.stay
    ), counted AS (
        SELECT f.lead, k, oracle.in_period(f.entered_at, period) AS counts, f.lead_amount
        FROM generate_series(1, cardinality(steps)) k
        JOIN first_entry f ON f.stage = steps[k]
    )
    SELECT l.lead, array_agg(coalesce(c.counts, false) ORDER BY i.k),
           NULL::timestamptz[], NULL::timestamptz, NULL::boolean,
           (array_agg(c.lead_amount ORDER BY i.k DESC) FILTER (WHERE c.counts))[1]
    FROM (SELECT DISTINCT f.lead FROM first_entry f) l
    CROSS JOIN generate_series(1, cardinality(steps)) i(k)
    LEFT JOIN counted c ON c.lead = l.lead AND c.k = i.k
    GROUP BY l.lead
$$;

-- implied: a later step counts for the earlier ones; the window begins at the first entry
-- into any of the steps.
CREATE FUNCTION oracle.by_implied(in_cohort int, alone boolean, steps text[], within interval,
                                  period tstzrange, until timestamptz)
RETURNS TABLE (lead text, at_step boolean[], times timestamptz[], start timestamptz, may_yet boolean, amount numeric)
STABLE LANGUAGE sql AS $$
    WITH s AS MATERIALIZED (
        SELECT * FROM oracle.known_stays(in_cohort, alone, until)
    ), anchor AS (
        SELECT DISTINCT ON (s.lead) s.lead, s.entered_at AS start
        FROM s
        WHERE s.stage = ANY (steps)
        ORDER BY s.lead, s.stay
    ), entry AS (
        SELECT DISTINCT ON (a.lead, k) a.lead, a.start, k, s.entered_at, s.lead_amount
        FROM anchor a
        JOIN s ON s.lead = a.lead
        JOIN generate_series(1, cardinality(steps)) k ON s.stage = steps[k]
        WHERE oracle.in_period(a.start, period)
          AND (within IS NULL OR s.entered_at - a.start <= within)
        ORDER BY a.lead, k, s.stay
    )
    SELECT l.lead, array_agg(i.k <= l.highest ORDER BY i.k), array_agg(e.entered_at ORDER BY i.k), l.start,
           oracle.window_open(l.start, within, until),
           (array_agg(e.lead_amount) FILTER (WHERE i.k = l.highest))[1]
    FROM (SELECT e.lead, e.start, max(e.k) AS highest FROM entry e GROUP BY e.lead, e.start) l
    CROSS JOIN generate_series(1, cardinality(steps)) i(k)
    LEFT JOIN entry e ON e.lead = l.lead AND e.k = i.k
    GROUP BY l.lead, l.start, l.highest
$$;

CREATE FUNCTION oracle.by_lead(in_cohort int, alone boolean, steps text[], within interval, mode text,
                               period tstzrange, until timestamptz)
RETURNS TABLE (lead text, at_step boolean[], times timestamptz[], start timestamptz, may_yet boolean, amount numeric)
STABLE LANGUAGE plpgsql AS $$
BEGIN
    CASE mode
        WHEN 'ordered' THEN
            RETURN QUERY SELECT * FROM oracle.by_chain(in_cohort, alone, steps, within, false, period, until);
        WHEN 'strict' THEN
            RETURN QUERY SELECT * FROM oracle.by_chain(in_cohort, alone, steps, within, true, period, until);
        WHEN 'any' THEN
            RETURN QUERY SELECT * FROM oracle.by_any(in_cohort, alone, steps, period, until);
        WHEN 'implied' THEN
            RETURN QUERY SELECT * FROM oracle.by_implied(in_cohort, alone, steps, within, period, until);
    END CASE;
END
$$;

-- Days from step k - 1 to step k, where both have a time and go forward.
CREATE FUNCTION oracle.days_to(times timestamptz[], k int) RETURNS float8
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN times[k] >= times[k - 1] THEN extract(epoch FROM times[k] - times[k - 1])::float8 / 86400 END
$$;

-- One bound of the 95% Wilson interval of hits in n; side is -1 or 1.
CREATE FUNCTION oracle.wilson(hits bigint, n bigint, side int) RETURNS float8
IMMUTABLE LANGUAGE sql AS $$
    SELECT (p + z * z / (2 * n) + side * z * sqrt(p * (1 - p) / n + z * z / (4.0::float8 * n * n))) / (1 + z * z / n)
    FROM (SELECT hits::float8 / nullif(n, 0) AS p, 1.959963984540054::float8 AS z) x
    WHERE n > 0
$$;

-- funnel.steps. With alone, the answers for every lead as a cohort of its own; else one
-- answer, lead ''.
CREATE FUNCTION oracle.steps(in_cohort int, alone boolean, steps text[], within interval, mode text,
                             period tstzrange, until timestamptz)
RETURNS TABLE (lead text, step int, stage text, leads bigint, ever bigint, amount numeric,
               from_previous float8, from_first float8, low float8, high float8,
               pending bigint, mature_leads bigint, mature_rate float8,
               mean_days float8, median_days float8, p90_days float8)
STABLE LANGUAGE sql AS $$
    WITH groups AS (
        SELECT DISTINCT CASE WHEN alone THEN e.lead ELSE '' END AS grp
        FROM oracle.event e
        WHERE e.cohort = in_cohort
    ), did AS MATERIALIZED (
        SELECT CASE WHEN alone THEN b.lead ELSE '' END AS grp, b.*
        FROM oracle.by_lead(in_cohort, alone, steps, within, mode, period, until) b
    ), ever AS MATERIALIZED (
        SELECT CASE WHEN alone THEN s.lead ELSE '' END AS grp, s.stage, count(DISTINCT s.lead) AS leads
        FROM oracle.known_stays(in_cohort, alone, until) s
        GROUP BY 1, 2
    ), counted AS (
        SELECT g.grp, k,
               count(*) FILTER (WHERE d.at_step[k]) AS leads,
               sum(d.amount) FILTER (WHERE d.at_step[k]) AS amount,
               count(*) FILTER (WHERE d.at_step[k - 1]) AS previous,
               count(*) FILTER (WHERE d.at_step[k - 1] AND d.at_step[k]) AS previous_too,
               count(*) FILTER (WHERE d.at_step[1]) AS first,
               count(*) FILTER (WHERE d.at_step[1] AND d.at_step[k]) AS first_too,
               count(*) FILTER (WHERE d.at_step[k - 1] AND NOT d.at_step[k] AND d.may_yet) AS pending,
               count(*) FILTER (WHERE d.at_step[k - 1] AND NOT oracle.window_open(d.start, within, until)) AS mature,
               count(*) FILTER (WHERE d.at_step[k - 1] AND NOT oracle.window_open(d.start, within, until)
                                  AND d.at_step[k]) AS mature_too,
               avg(oracle.days_to(d.times, k)) FILTER (WHERE d.at_step[k]) AS mean_days,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY oracle.days_to(d.times, k))
                   FILTER (WHERE d.at_step[k]) AS median_days,
               percentile_cont(0.9) WITHIN GROUP (ORDER BY oracle.days_to(d.times, k))
                   FILTER (WHERE d.at_step[k]) AS p90_days
        FROM groups g
        CROSS JOIN generate_series(1, cardinality(steps)) k
        LEFT JOIN did d ON d.grp = g.grp
        GROUP BY g.grp, k
    )
    SELECT c.grp, c.k, steps[c.k], c.leads, coalesce(e.leads, 0), c.amount,
           CASE WHEN c.k > 1 THEN c.previous_too::float8 / nullif(c.previous, 0) END,
           c.first_too::float8 / nullif(c.first, 0),
           CASE WHEN c.k > 1 THEN oracle.wilson(c.previous_too, c.previous, -1) END,
           CASE WHEN c.k > 1 THEN oracle.wilson(c.previous_too, c.previous, 1) END,
           CASE WHEN c.k > 1 AND within IS NOT NULL THEN c.pending END,
           CASE WHEN c.k > 1 AND within IS NOT NULL THEN c.mature END,
           CASE WHEN c.k > 1 AND within IS NOT NULL THEN c.mature_too::float8 / nullif(c.mature, 0) END,
           c.mean_days, c.median_days, c.p90_days
    FROM counted c
    LEFT JOIN ever e ON e.grp = c.grp AND e.stage = steps[c.k]
$$;

-- funnel.velocity: the mean, or a quantile, of the days between two steps.
CREATE FUNCTION oracle.velocity(in_cohort int, from_stage text, to_stage text, quantile float8, within interval,
                                period tstzrange, until timestamptz) RETURNS float8
STABLE LANGUAGE plpgsql AS $$
DECLARE
    days float8[];
    answer float8;
BEGIN
    days := ARRAY(SELECT oracle.days_to(b.times, 2)
                  FROM oracle.by_chain(in_cohort, false, ARRAY[from_stage, to_stage], within, false, period, until) b
                  WHERE b.at_step[2]);
    IF quantile IS NULL THEN
        SELECT avg(d) INTO answer FROM unnest(days) d;
    ELSE
        SELECT percentile_cont(quantile) WITHIN GROUP (ORDER BY d) INTO answer FROM unnest(days) d;
    END IF;
    RETURN answer;
END
$$;

-- Equal but for the rounding of the last bits (a bound of the Wilson interval near 0 is a
-- difference of numbers near 1).
CREATE FUNCTION oracle.same(a float8, b float8) RETURNS boolean
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE abs(a - b) <= 1e-15 + 1e-12 * greatest(abs(a), abs(b)) END
$$;

--
-- Histories worked by hand. 'mql@1 ~ads@2 won@9=50/o1' reads: stage mql on day 1, a touch
-- over ads on day 2, stage won on day 9 with amount 50 of record o1. Stages are text, so
-- on one day they sort by name.
--
CREATE FUNCTION oracle.day(d numeric) RETURNS timestamptz
IMMUTABLE LANGUAGE sql AS $$ SELECT '2024-01-01 00:00:00+00'::timestamptz + d::float8 * interval '24 hours' $$;

CREATE FUNCTION oracle.days(low numeric, high numeric, bounds text DEFAULT '[)') RETURNS tstzrange
IMMUTABLE LANGUAGE sql AS $$ SELECT tstzrange(oracle.day(low), oracle.day(high), bounds) $$;

CREATE FUNCTION oracle.write_history(into_cohort int, as_lead text, history text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO oracle.event (cohort, lead, kind, label, at, amount, ref)
    SELECT into_cohort, as_lead, CASE m[1] WHEN '~' THEN 'touch' ELSE 'stage' END, m[2],
           oracle.day(m[3]::numeric), m[4]::numeric, m[5]
    FROM regexp_split_to_table(history, ' +') item,
         regexp_match(item, '^(~?)([a-z]+)@([0-9.]+)(?:=([0-9.]+))?(?:/([a-z0-9]+))?$') m
$$;

-- Stays first. Expected, by the rules:
--   mql, day 1 to 3: the snapshot on day 2 begins no stay, and its NULL amount hides no 5
--   sal of record a, day 3 to 4: the touch between its two events does not end it
--   sal of record b, day 4 to 6: another record is another stay
--   mql again, day 6, open: measured to day 10
SELECT oracle.write_history(100, 'x', 'mql@1=5 mql@2 sal@3/a ~ads@3.2 sal@3.5=7/a sal@4=8/b mql@6');
SELECT stay, stage, ref, extract(epoch FROM entered_at - oracle.day(0))::float8 / 86400 AS entered,
       extract(epoch FROM left_at - oracle.day(0))::float8 / 86400 AS "left", next_stage, days, is_open, amount, lead_amount
FROM oracle.stays(100, false, oracle.day(10))
ORDER BY stay;

-- On one day: ref a before b before none; amount before ref, so record a is entered twice;
-- a duplicate changes nothing.
SELECT oracle.write_history(101, 'x', 'won@1=5/a won@1=7/b won@1=7/b won@1=9/a');
SELECT oracle.write_history(102, 'x', 'won@1 won@1/b won@1/a');
SELECT cohort, stay, stage, ref, days, next_stage, amount, lead_amount
FROM (VALUES (101), (102)) c(cohort), oracle.stays(cohort, false, oracle.day(2))
ORDER BY cohort, stay;

-- Ranks go before names; a label ranked once is ranked everywhere; unranked labels last.
INSERT INTO oracle.event (cohort, lead, kind, label, rank, at) VALUES
    (103, 'x', 'stage', 'first', NULL, oracle.day(1)),
    (103, 'x', 'stage', 'won', 2, oracle.day(1)),
    (103, 'x', 'stage', 'lost', 3, oracle.day(1)),
    (103, 'x', 'stage', 'mql', NULL, oracle.day(1)),
    (103, 'y', 'stage', 'mql', 1, oracle.day(1)),
    (103, 'y', 'stage', 'lost', 9, oracle.day(1));
SELECT lead, string_agg(label, ' ' ORDER BY pos) AS in_canonical_order
FROM oracle.timeline(103, false) GROUP BY lead ORDER BY lead;
SELECT lead, string_agg(label, ' ' ORDER BY pos) AS alone
FROM oracle.timeline(103, true) GROUP BY lead ORDER BY lead;

-- Steps. leads, days (mean), pending and mature (mature_leads) list the steps in turn;
-- amount is the last step's that has leads.
CREATE TABLE oracle.worked (
    id      int PRIMARY KEY,
    why     text,
    history text,
    mode    text,
    steps   text[],
    within  interval,
    period  tstzrange,
    until   timestamptz,
    leads   text,
    days    text,
    pending text,
    mature  text,
    amount  numeric
);
INSERT INTO oracle.worked VALUES
( 1, 'one step after the other',
  'mql@1 sal@3 won@6=50', 'ordered', '{mql,sal,won}', NULL, NULL, oracle.day(90), '1 1 1', '- 2 3', '- - -', '- - -', 50),
( 2, 'the second pass converts: every entry into step 1 is tried',
  'mql@1 recycled@5 mql@40 sal@42', 'ordered', '{mql,sal}', '7 days', NULL, oracle.day(90), '1 1', '- 2', '- 0', '- 1', NULL),
( 3, 'the furthest chain, not the earliest, gives the times',
  'mql@1 sal@3 mql@5 sal@6 won@8', 'ordered', '{mql,sal,won}', '5 days', NULL, oracle.day(90), '1 1 1', '- 1 2', '- 0 0', '- 1 1', NULL),
( 4, 'among chains equally far the earliest e1, then the earliest e2',
  'mql@1 recycled@2 mql@3 sal@4 mql@5 sal@6', 'ordered', '{mql,sal}', NULL, NULL, oracle.day(90), '1 1', '- 3', '- -', '- -', NULL),
( 5, 'snapshots and duplicates are one entry',
  'mql@1 mql@2 mql@2 mql@9 sal@9', 'ordered', '{mql,mql}', NULL, NULL, oracle.day(90), '1 0', '- -', '- -', '- -', NULL),
( 6, 'on one day ordered takes either order',
  'mql@1 won@1', 'ordered', '{won,mql}', NULL, NULL, oracle.day(90), '1 1', '- 0', '- -', '- -', NULL),
( 7, 'strict takes the canonical order',
  'mql@1 won@1', 'strict', '{won,mql}', NULL, NULL, oracle.day(90), '1 0', '- -', '- -', '- -', NULL),
( 8, 'one event is not counted for two steps',
  'a@1 b@2', 'ordered', '{a,b,a}', NULL, NULL, oracle.day(90), '1 1 0', '- 1 -', '- - -', '- - -', NULL),
( 9, 'two records entered step 1 on one day: two entries, either may be e1',
  'a@1/x a@1/y b@1', 'ordered', '{a,b,a}', NULL, NULL, oracle.day(90), '1 1 1', '- 0 0', '- - -', '- - -', NULL),
(10, 'strict: nothing in between',
  'mql@1 recycled@2 sal@3', 'strict', '{mql,sal}', NULL, NULL, oracle.day(90), '1 0', '- -', '- -', '- -', NULL),
(11, 'strict: a touch is no stay',
  'mql@1 ~recycled@2 sal@3', 'strict', '{mql,sal}', NULL, NULL, oracle.day(90), '1 1', '- 2', '- -', '- -', NULL),
(12, 'strict: the second pass goes through without a stop',
  'mql@1 recycled@2 sal@3 mql@4 sal@7', 'strict', '{mql,sal}', '3 days', NULL, oracle.day(90), '1 1', '- 3', '- 0', '- 1', NULL),
(13, 'the window includes its end',
  'mql@1 sal@8', 'ordered', '{mql,sal}', '7 days', NULL, oracle.day(90), '1 1', '- 7', '- 0', '- 1', NULL),
(14, 'a microsecond less does not reach',
  'mql@1 sal@8', 'ordered', '{mql,sal}', '6 days 23:59:59.999999', NULL, oracle.day(90), '1 0', '- -', '- 0', '- 1', NULL),
(15, 'a month is 30 days and a day is 24 hours, as intervals compare',
  'mql@1 sal@31', 'ordered', '{mql,sal}', '1 month', NULL, oracle.day(90), '1 1', '- 30', '- 0', '- 1', NULL),
(16, 'the window is from the first step, not from the previous one',
  'mql@1 sal@5 won@9', 'ordered', '{mql,sal,won}', '7 days', NULL, oracle.day(90), '1 1 0', '- 4 -', '- 0 0', '- 1 1', NULL),
(17, 'the period is for e1 only',
  'mql@1 recycled@2 mql@4 sal@9', 'ordered', '{mql,sal}', NULL, oracle.days(2, 5), oracle.day(90), '1 1', '- 5', '- -', '- -', NULL),
(18, 'the period has the bounds it is written with',
  'mql@1 sal@9', 'ordered', '{mql,sal}', NULL, oracle.days(1, 5, '(]'), oracle.day(90), '0 0', '- -', '- -', '- -', NULL),
(19, 'as_of is exclusive; the window is open',
  'mql@1 sal@5', 'ordered', '{mql,sal}', '30 days', NULL, oracle.day(5), '1 0', '- -', '- 1', '- 0', NULL),
(20, 'at the very end of the window a lead is mature, not pending',
  'mql@1 sal@35', 'ordered', '{mql,sal}', '30 days', NULL, oracle.day(31), '1 0', '- -', '- 0', '- 1', NULL),
(21, 'the chain is mature, but a later entry into step 1 is still in its window',
  'mql@1 recycled@10 mql@20', 'ordered', '{mql,sal}', '7 days', NULL, oracle.day(24), '1 0', '- -', '- 1', '- 1', NULL),
(22, 'that later entry must lie in the period',
  'mql@1 recycled@10 mql@20', 'ordered', '{mql,sal}', '7 days', oracle.days(0, 10), oracle.day(24), '1 0', '- -', '- 0', '- 1', NULL),
(23, 'any: each step for itself',
  'sal@1=4 mql@5', 'any', '{mql,sal}', NULL, NULL, oracle.day(90), '1 1', '- -', '- -', '- -', 4),
(24, 'any: the first entry into the step lies in the period',
  'sal@1 mql@5=3 sal@6=9', 'any', '{mql,sal}', NULL, oracle.days(4, 9), oracle.day(90), '1 0', '- -', '- -', '- -', 3),
(25, 'implied: winning implies the rest; no time of their own, no duration',
  'mql@1 won@3=70', 'implied', '{mql,sal,won}', NULL, NULL, oracle.day(90), '1 1 1', '- - -', '- - -', '- - -', 70),
(26, 'implied: no duration backwards in time, the next one counts',
  'sal@1 mql@2 won@5', 'implied', '{mql,sal,won}', NULL, NULL, oracle.day(90), '1 1 1', '- - 4', '- - -', '- - -', NULL),
(27, 'implied: the window begins at the first entry into any of the steps',
  'sal@1 mql@7 won@9', 'implied', '{mql,sal,won}', '7 days', NULL, oracle.day(90), '1 1 0', '- - -', '- 0 0', '- 1 1', NULL),
(28, 'implied: that first entry lies in the period, or the lead is not there',
  'sal@1 mql@7 won@9', 'implied', '{mql,sal,won}', NULL, oracle.days(5, 20), oracle.day(90), '0 0 0', '- - -', '- - -', '- - -', NULL),
(29, 'implied: the window is the anchor''s, a later entry does not reopen it',
  'mql@1 recycled@10 mql@20', 'implied', '{mql,sal}', '7 days', NULL, oracle.day(24), '1 0', '- -', '- 0', '- 1', NULL),
(30, 'the amount at the end of the furthest stay: not the later 100, and not hidden by a NULL',
  'mql@1=5 sal@3=7 sal@4=8 sal@6 won@9=100', 'ordered', '{mql,sal}', NULL, NULL, oracle.day(90), '1 1', '- 2', '- -', '- -', 8),
(31, 'an amount from before the chain',
  'inquiry@0=3 mql@1 sal@2', 'ordered', '{mql,sal}', NULL, NULL, oracle.day(90), '1 1', '- 1', '- -', '- -', 3),
(32, 'a window and a period together: e1 on day 2 reaches sal, e1 on day 9 reaches won',
  'mql@2 sal@3 mql@9 sal@12 won@13', 'ordered', '{mql,sal,won}', '10 days', oracle.days(2, 9, '[]'), oracle.day(19), '1 1 1', '- 3 1', '- 0 0', '- 1 1', NULL);
-- (Nr 32: from day 2 won is 11 days off, too late; from day 9 it is 4. On day 19 the window
-- of day 9 has just closed, 9 + 10 <= 19, so the lead is mature.)

SELECT count(*) AS histories
FROM oracle.worked w, LATERAL (SELECT oracle.write_history(1000 + w.id, 'x', w.history)) written;

-- A result of steps, from the extension or from here, in the notation of the table above.
CREATE FUNCTION oracle.noted(anyarray) RETURNS text
IMMUTABLE LANGUAGE sql AS $$ SELECT array_to_string($1, ' ', '-') $$;

SELECT w.id, w.why, got.*
FROM oracle.worked w,
     LATERAL (SELECT oracle.noted(array_agg(s.leads ORDER BY s.step)) AS leads,
                     oracle.noted(array_agg(s.mean_days ORDER BY s.step)) AS days,
                     oracle.noted(array_agg(s.pending ORDER BY s.step)) AS pending,
                     oracle.noted(array_agg(s.mature_leads ORDER BY s.step)) AS mature,
                     (array_agg(s.amount ORDER BY s.step DESC) FILTER (WHERE s.leads > 0))[1] AS amount
              FROM oracle.steps(1000 + w.id, false, w.steps, w.within, w.mode, w.period, w.until) s) got
WHERE (got.leads, got.days, got.pending, got.mature, got.amount)
      IS DISTINCT FROM (w.leads, w.days, w.pending, w.mature, w.amount)
ORDER BY w.id;

-- Three leads, every column: a and b reach sal (2 and 4 days later, mean and median 3, 90th
-- percentile 2 + 0.9 * 2), a reaches won; c reaches mql only and is still in its window on
-- day 20, as b is at sal. a's and c's last amounts: 50 and 1; b has none.
SELECT oracle.write_history(104, 'a', 'mql@1 sal@3 won@6=50'),
       oracle.write_history(104, 'b', 'mql@11 sal@15'),
       oracle.write_history(104, 'c', 'mql@12=1');
SELECT step, stage, leads, ever, amount, round(from_previous::numeric, 4) AS from_previous,
       round(from_first::numeric, 4) AS from_first, round(low::numeric, 4) AS low, round(high::numeric, 4) AS high
FROM oracle.steps(104, false, '{mql,sal,won}', '10 days', 'ordered', NULL, oracle.day(20)) ORDER BY step;
SELECT step, stage, pending, mature_leads, mature_rate, mean_days, median_days, p90_days
FROM oracle.steps(104, false, '{mql,sal,won}', '10 days', 'ordered', NULL, oracle.day(20)) ORDER BY step;
-- The Wilson interval of 8 in 10, as textbooks print it: 0.4902 to 0.9433.
SELECT round(oracle.wilson(8, 10, -1)::numeric, 4) AS low, round(oracle.wilson(8, 10, 1)::numeric, 4) AS high;
