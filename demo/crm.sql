-- A demo CRM: 50,000 leads of a software company over eight quarters, from
-- 2024-07-01 to 2026-06-30.  "Today" is 2026-07-01 00:00 UTC.
--
-- The data is the same on every machine and every server from PostgreSQL 14
-- on: chance comes from md5 of the row's own number, never from random(), and
-- the arithmetic on it is plain enough (+ - * / sqrt) to be exact everywhere.
--
-- What the data has been given to show; the parts below say where each comes from.
--   1. Sources differ in quality: a referral is worth many paid clicks.
--   2. In 2025 Q4 marketing lowered the score that makes an MQL of a webinar
--      guest or a paid click.  More MQLs, no more deals: sales stopped accepting.
--   3. A price change, taken back in August, made the buyers of the first two
--      quarters of 2025 think much longer.
--   4. The France desk is short of people in 2026 and answers late.
--   5. MQLs go stale: nobody accepts them, nobody sends them back.
--   6. Recycled leads come back months later, and some of them buy.
--   7. Stages are skipped: partners' and prospected leads go straight to SQL.
--   8. Some leads buy twice, a few have two deals open at once.
--   9. Records are as CRMs keep them: a nightly sync writes unchanged stages
--      again, one night twice; trade fair lists give two stages one timestamp;
--      some leads have no campaign.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET jit = off;
SET work_mem = '64MB';

BEGIN;

CREATE EXTENSION IF NOT EXISTS funnel;

CREATE SCHEMA crm;

CREATE TABLE crm.accounts (
    id          int PRIMARY KEY,
    name        text NOT NULL,
    industry    text NOT NULL,
    employees   int NOT NULL,
    country     text NOT NULL
);

CREATE TABLE crm.campaigns (
    id          int PRIMARY KEY,
    name        text NOT NULL,
    source      text NOT NULL,
    starts_on   date NOT NULL,
    ends_on     date NOT NULL,
    cost        numeric(12,2) NOT NULL
);

CREATE TABLE crm.leads (
    id          bigint PRIMARY KEY,
    account_id  int NOT NULL,
    source      text NOT NULL,
    campaign_id int,                        -- not always filled in
    country     text NOT NULL,
    owner       text NOT NULL,              -- the sales desk that follows up
    created_at  timestamptz NOT NULL,
    stage       funnel.lead_stage NOT NULL, -- where the lead is today
    updated_at  timestamptz NOT NULL,       -- when the CRM changed it last,
    updated_by  text,                       -- who did,
    reason      text,                       -- why, if it is disqualified, recycled or lost,
    amount      numeric(12,2)               -- and of which amount its deal is
);

CREATE TABLE crm.deals (
    id          bigint PRIMARY KEY,
    lead_id     bigint NOT NULL,
    owner       text NOT NULL,
    status      text NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    amount      numeric(12,2) NOT NULL,     -- US dollars; an estimate while open
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,
    reason      text                        -- why it was lost
);

CREATE TABLE crm.lead_history (
    lead_id     bigint NOT NULL,
    stage       funnel.lead_stage NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL,
    reason      text,                       -- of disqualified, recycled and lost
    deal_id     bigint,                     -- of opportunity, won and lost
    amount      numeric(12,2)               -- the deal's amount as it was then
);

CREATE TABLE crm.touches (
    lead_id     bigint NOT NULL,
    channel     text NOT NULL,
    at          timestamptz NOT NULL,
    campaign_id int
);


-- Chance.  dice() gives 128 fixed bits for a name; roll() reads one of its four
-- 32-bit parts as a number in [0, 1).
CREATE FUNCTION pg_temp.dice(name text) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT md5('crm ' || name) $$;

CREATE FUNCTION pg_temp.roll(dice text, part int) RETURNS float8 IMMUTABLE LANGUAGE sql
    AS $$ SELECT ('x' || substr(dice, 8 * part - 7, 8))::bit(32)::bigint / 4294967296.0::float8 $$;

-- One of several values, all alike in chance.
CREATE FUNCTION pg_temp.pick(roll float8, choice text[]) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT choice[1 + floor(roll * cardinality(choice))::int] $$;

-- The moment after so many days, to the second.
CREATE FUNCTION pg_temp.later(at timestamptz, days float8) RETURNS timestamptz IMMUTABLE LANGUAGE sql
    AS $$ SELECT at + floor(days * 86400) * interval '1 second' $$;

-- A moment in the working hours, 07:00 to 17:00 UTC, of that day; what falls on a
-- weekend is done on Monday to Wednesday.
CREATE FUNCTION pg_temp.at_work(at timestamptz, roll float8) RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT date_trunc('day', at) + interval '7 hours'
               + CASE WHEN extract(isodow FROM at) < 6
                      THEN floor(roll * 36000) * interval '1 second'
                      ELSE (8 - extract(isodow FROM at) + floor(3 * roll)) * interval '1 day'
                           + floor((3 * roll - floor(3 * roll)) * 36000) * interval '1 second' END $$;


-- Story 1: the sources.  Leads in two years, the share of each stage's leads
-- that goes on to the next one, and the usual size of a deal.
CREATE TEMP TABLE source AS
SELECT *
  FROM (VALUES
    --                leads    mql   sal   sql   opp   won     deal   channel
    ('organic',       12000,  0.36, 0.64, 0.50, 0.58, 0.30,  24000,  'website'),
    ('paid search',   13000,  0.30, 0.50, 0.34, 0.44, 0.19,  16000,  'paid search'),
    ('webinar',        8500,  0.42, 0.58, 0.42, 0.50, 0.25,  22000,  'webinar'),
    ('event',          5000,  0.50, 0.46, 0.32, 0.42, 0.18,  28000,  'event'),
    ('outbound',       5000,  0.22, 0.70, 0.46, 0.48, 0.21,  60000,  'sales email'),
    ('partner',        3500,  0.44, 0.74, 0.58, 0.66, 0.36,  52000,  'partner'),
    ('referral',       3000,  0.58, 0.82, 0.66, 0.70, 0.43,  38000,  'referral')
  ) AS v (source, leads, mql, sal, sql, opportunity, won, deal, channel);


INSERT INTO crm.accounts
SELECT n,
       pg_temp.pick(pg_temp.roll(d, 1), '{Alder,Birch,Cedar,Harbour,Juniper,Lantern,Marble,Meadow,North,Orchard,Pine,Quarry,River,Saddle,Summit,Tidal,Umber,Valley,Willow,Winter}')
       || pg_temp.pick(pg_temp.roll(d, 2), '{bridge,brook,crest,dale,field,ford,gate,haven,mere,point,ridge,stone,wick,wood,worth}')
       || ' ' || i || ' ' || n,
       i,
       10 * (1 + floor(400 * e * e * e)::int),
       c
  FROM generate_series(1, 9000) AS n,
       LATERAL (SELECT pg_temp.dice('account ' || n) AS d OFFSET 0) AS a,
       LATERAL (SELECT pg_temp.pick(pg_temp.roll(d, 3), '{Logistics,Software,Machinery,Foods,Health,Insurance,Energy,Retail,Media,Finance}') AS i,
                       pg_temp.roll(d, 4) AS e,
                       pg_temp.pick(pg_temp.roll(pg_temp.dice('country ' || n), 1),
                                    '{US,US,US,US,US,US,US,US,GB,GB,GB,DE,DE,DE,FR,FR,FR,NL,NL,SE}') AS c OFFSET 0) AS b;

-- One campaign per source and quarter.
INSERT INTO crm.campaigns
SELECT row_number() OVER (ORDER BY q, source COLLATE "C"),
       to_char(q, 'YYYY "Q"Q ') || CASE source
           WHEN 'outbound' THEN 'sales prospecting' WHEN 'event' THEN 'trade fairs' ELSE source END,
       source, q::date, (q + interval '3 months - 1 day')::date,
       round((CASE source WHEN 'paid search' THEN 95000 WHEN 'event' THEN 80000 WHEN 'webinar' THEN 26000
                          WHEN 'outbound' THEN 60000 WHEN 'partner' THEN 30000 ELSE 12000 END
              * (0.9 + 0.2 * pg_temp.roll(pg_temp.dice('cost ' || source || q::date), 1)))::numeric, 2)
  FROM source, generate_series(timestamptz '2024-07-01', '2026-06-30', '3 months') AS q;


-- How many leads each source brings on each day: business grows, summers and
-- Decembers are quiet, weekends slow, webinars are held on Wednesdays, and
-- lists from the trade fairs are imported on the Monday after.  The running
-- sum of whole-number weights, cut at whole leads, gives exactly the totals above.
CREATE TEMP TABLE arrivals AS
WITH weights AS (
    SELECT source, leads, day,
           (1000 + (day::date - date '2024-07-01') / 2)
           * (ARRAY[105, 105, 115, 100, 100, 95, 80, 70, 115, 120, 110, 70])[extract(month FROM day)::int]
           * CASE source
             WHEN 'event' THEN (day::date IN ('2024-09-23', '2024-11-18', '2025-02-17', '2025-05-19',
                                              '2025-09-22', '2025-11-17', '2026-02-16', '2026-05-18'))::int
             WHEN 'webinar' THEN (ARRAY[60, 80, 300, 160, 60, 15, 15])[dow]
             WHEN 'outbound' THEN (ARRAY[110, 130, 125, 120, 90, 0, 0])[dow]
             WHEN 'partner' THEN (ARRAY[110, 130, 125, 120, 90, 0, 0])[dow]
             ELSE (ARRAY[110, 130, 125, 120, 95, 30, 35])[dow] END::bigint AS weight
      FROM source,
           generate_series(timestamptz '2024-07-01', '2026-06-30', '1 day') AS day,
           LATERAL (SELECT extract(isodow FROM day)::int AS dow OFFSET 0) AS w
), running AS (
    SELECT source, day,
           leads * coalesce(sum(weight) OVER before, 0) / sum(weight) OVER (PARTITION BY source) AS cut_from,
           leads * sum(weight) OVER upto / sum(weight) OVER (PARTITION BY source) AS cut_to
      FROM weights
    WINDOW before AS (PARTITION BY source ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
           upto AS (PARTITION BY source ORDER BY day)
), counted AS (
    SELECT source, day, pg_temp.dice(source || ' ' || day::date || ' ' || n) AS dice
      FROM running, generate_series(floor(cut_from)::int + 1, floor(cut_to)::int) AS n
)
SELECT source, dice,
       CASE WHEN source = 'event'
            THEN day + interval '9 hours' + floor(3 * pg_temp.roll(dice, 1)) * interval '20 minutes'
            WHEN source IN ('outbound', 'partner')
            THEN day + interval '7 hours' + floor(36000 * pg_temp.roll(dice, 1)) * interval '1 second'
            ELSE day + interval '5 hours'
                 + floor(30600 * (pg_temp.roll(dice, 1) + pg_temp.roll(dice, 2))) * interval '1 second'
       END AS created_at
  FROM counted;

INSERT INTO crm.leads
SELECT n, a.id, source, c.id, a.country,
       CASE a.country WHEN 'US' THEN 'Americas ' || 1 + n % 2 WHEN 'GB' THEN 'UK' WHEN 'DE' THEN 'Germany'
                      WHEN 'FR' THEN 'France' ELSE 'Nordics' END,
       created_at, 'inquiry', created_at
  FROM (SELECT *, 100000 + row_number() OVER (ORDER BY created_at, dice) AS n FROM arrivals) AS v
  JOIN crm.accounts AS a ON a.id = 1 + floor(9000 * pg_temp.roll(dice, 3))::int
  -- story 9: nobody filled in the campaign of about one lead in twenty
  LEFT JOIN crm.campaigns AS c USING (source)
 WHERE created_at::date BETWEEN c.starts_on AND c.ends_on;

UPDATE crm.leads SET campaign_id = NULL WHERE pg_temp.roll(pg_temp.dice('campaign ' || id), 1) < 0.05;


-- What can happen next to a lead in a stage: with which chance, after how many
-- days in the median.  `low` and `high` are the rolls that lead there; a roll
-- that leads nowhere leaves the lead where it is, for good.
CREATE TEMP TABLE move AS
SELECT source, stage, next_stage, days, low, high
  FROM source,
       LATERAL (SELECT CASE WHEN source = 'outbound' THEN 0.08 WHEN source = 'partner' THEN 0.05 ELSE 0.004 END AS straight,
                       CASE WHEN source IN ('partner', 'referral') THEN 0.12 ELSE 0.04 END AS skip) AS s,
       LATERAL (VALUES
           ('inquiry',     'mql',          CASE source WHEN 'event' THEN 0 WHEN 'webinar' THEN 1 ELSE 4 END, 0, mql),
           ('inquiry',     'disqualified',   5, 0.88, 1.0),
           ('mql',         'sal',            2, 0, sal * (1 - skip)),
           ('mql',         'disqualified',   6, 0.90, 1.0),
           ('sal',         'sql',            9, 0, sql),
           ('sal',         'recycled',      24, greatest(sql, 0.56), 0.88),
           ('sal',         'disqualified',  10, 0.88, 1.0),
           ('sql',         'opportunity',   11, 0, opportunity),
           ('sql',         'recycled',      28, greatest(opportunity, 0.62), 0.94),
           ('sql',         'disqualified',  14, 0.95, 1.0),
           ('opportunity', 'won',           36, 0, won),
           ('opportunity', 'lost',          48, won, 0.95),
           ('lost',        'recycled',      30, 0.80, 1.0),
           -- story 6: recycled leads come back
           ('recycled',    'mql',          100, 0, 0.26),
           ('recycled',    'inquiry',      110, 0.26, 0.38),
           -- story 7: straight to SQL
           ('inquiry',     'sql',            5, 0.87 - straight, 0.87),
           ('mql',         'sql',            3, sal * (1 - skip), sal),
           ('mql',         'recycled',      21, greatest(sal, 0.72), 0.90),
           ('sql',         'won',           20, 0.94, 0.95),
           -- story 8: a customer buys again
           ('won',         'opportunity',  120, 0, 0.12)
       ) AS v (stage, next_stage, days, low, high);

-- Stories 2, 3 and 4: for a time, for some leads, a move is more or less likely,
-- or quicker or slower.  NULL is any source, any owner.  A move has one twist at most.
CREATE TEMP TABLE twist AS
SELECT *
  FROM (VALUES
    (2, 'webinar',     NULL,     'inquiry',     'mql',         date '2025-10-01', date '2026-01-01', 1.70, 1.0),
    (2, 'paid search', NULL,     'inquiry',     'mql',              '2025-10-01',      '2026-01-01', 1.80, 1.0),
    (2, 'webinar',     NULL,     'mql',         'sal',              '2025-10-01',      '2026-01-01', 0.45, 2.0),
    (2, 'paid search', NULL,     'mql',         'sal',              '2025-10-01',      '2026-01-01', 0.45, 2.0),
    (3, NULL,          NULL,     'sql',         'opportunity',      '2025-01-01',      '2025-08-15', 0.95, 1.6),
    (3, NULL,          NULL,     'opportunity', 'won',              '2025-01-01',      '2025-08-15', 0.90, 2.0),
    (3, NULL,          NULL,     'opportunity', 'lost',             '2025-01-01',      '2025-08-15', 1.00, 1.6),
    (4, NULL,          'France', 'mql',         'sal',              '2026-01-01',      '2027-01-01', 0.75, 4.0)
  ) AS v (story, source, owner, stage, next_stage, starts, ends, likelier, slower);

-- Every lead walks from stage to stage until it stays, or until today.
--
-- A wait is spread around its median as median * sqrt(roll / (1.03 - roll)):
-- few are very short, one in ten is longer than 2.6 medians, none exceeds six.
-- Marketing software moves a lead at any hour, people at working hours.
CREATE TEMP TABLE walk AS
WITH RECURSIVE walk AS (
    SELECT id AS lead_id, source, owner, 1 AS step, 'inquiry'::text AS stage, created_at AS at, 0 AS deal_no,
           d AS dice, pg_temp.roll(d, 1) AS choice
      FROM crm.leads, LATERAL (SELECT pg_temp.dice('lead ' || id || ' step 1') AS d OFFSET 0) AS d
    UNION ALL
    SELECT w.lead_id, w.source, w.owner, step + 1, m.next_stage, n.at,
           deal_no + (m.next_stage = 'opportunity' OR w.stage = 'sql' AND m.next_stage = 'won')::int,
           d, pg_temp.roll(d, 1)
      FROM walk AS w
      JOIN move AS m ON m.source = w.source AND m.stage = w.stage
      LEFT JOIN twist AS t ON (t.source = w.source OR t.source IS NULL) AND (t.owner = w.owner OR t.owner IS NULL)
            AND t.stage = w.stage AND t.next_stage = m.next_stage AND w.at >= t.starts AND w.at < t.ends
     CROSS JOIN LATERAL (
           SELECT pg_temp.later(w.at, m.days * coalesce(t.slower, 1)
                                      * sqrt(pg_temp.roll(dice, 2) / (float8 '1.03' - pg_temp.roll(dice, 2)))) AS due,
                  pg_temp.dice('lead ' || w.lead_id || ' step ' || step + 1) AS d OFFSET 0) AS r
     CROSS JOIN LATERAL (
           SELECT CASE WHEN m.next_stage IN ('mql', 'inquiry') THEN due
                       WHEN at_work > w.at THEN at_work
                       ELSE pg_temp.at_work(w.at + interval '1 day', hour) END AS at
             FROM pg_temp.roll(dice, 3) AS hour, LATERAL (SELECT pg_temp.at_work(due, hour) OFFSET 0) AS v (at_work)
           OFFSET 0) AS n
     WHERE choice >= m.low AND choice < m.low + (m.high - m.low) * coalesce(t.likelier, 1)
       AND n.at < '2026-07-01'
)
SELECT * FROM walk;

-- Story 8: in a few accounts a second deal is opened while the first one runs,
-- and closes some days after it.
INSERT INTO walk
SELECT o.lead_id, o.source, o.owner, c.step + e.step, e.stage, e.at, 10 + o.deal_no, o.dice, o.choice
  FROM walk AS o
  JOIN walk AS c ON c.lead_id = o.lead_id AND c.step = o.step + 1 AND c.stage IN ('won', 'lost')
 CROSS JOIN LATERAL (
       VALUES (1, 'opportunity', greatest(pg_temp.at_work(o.at + (c.at - o.at) * 0.4, pg_temp.roll(o.dice, 4)), o.at)),
              (2, pg_temp.pick(pg_temp.roll(o.dice, 3), '{won,lost}'),
                  pg_temp.at_work(c.at + interval '6 days', pg_temp.roll(o.dice, 4)))
       ) AS e (step, stage, at)
 WHERE o.stage = 'opportunity'
   AND pg_temp.roll(pg_temp.dice('second deal of ' || o.lead_id), 1) < 0.06
   AND c.at < '2026-06-15'
   AND NOT EXISTS (SELECT FROM walk AS w WHERE w.lead_id = o.lead_id AND w.step > c.step);

-- The amount of a deal is a fixed number of cents from the moment it closes;
-- until then the CRM holds an estimate in round hundreds.
CREATE TEMP TABLE deal AS
SELECT 7000 + row_number() OVER (ORDER BY opened_at, lead_id, deal_no) AS id,
       lead_id, deal_no,
       'account executive ' || 1 + lead_id % 8 AS owner,
       CASE outcome WHEN 'opportunity' THEN 'open' ELSE outcome END AS status,
       CASE outcome WHEN 'opportunity' THEN round(amount, -2) ELSE amount END AS amount,
       round(amount * 1.08, -2) AS estimate,
       opened_at,
       CASE WHEN outcome <> 'opportunity' THEN closed_at END AS closed_at,
       -- story 3 again: while the price change lasts, price is why deals are lost
       CASE WHEN outcome = 'lost' AND opened_at >= '2025-01-01' AND opened_at < '2025-08-15'
            THEN pg_temp.pick(pg_temp.roll(dice, 2), '{price,price,price,price,competitor,no decision}')
            WHEN outcome = 'lost'
            THEN pg_temp.pick(pg_temp.roll(dice, 2), '{price,competitor,competitor,no decision,no decision,missing feature}')
       END AS reason
  FROM (SELECT lead_id, source, deal_no, min(at) AS opened_at, max(at) AS closed_at,
               (array_agg(stage ORDER BY step DESC))[1] AS outcome,
               pg_temp.dice('deal ' || lead_id || ' ' || deal_no) AS dice
          FROM walk
         WHERE stage IN ('opportunity', 'won', 'lost')
         GROUP BY lead_id, source, deal_no) AS w
  JOIN source USING (source)
 CROSS JOIN LATERAL (
       SELECT round((source.deal * (0.35 + 1.9 * pg_temp.roll(dice, 1) * pg_temp.roll(dice, 1)))::numeric, 2) AS amount
       OFFSET 0) AS a;

INSERT INTO crm.deals
SELECT id, lead_id, owner, status, amount, opened_at, closed_at, reason FROM deal;


-- What the CRM wrote down of all this: every move, who made it and, where a
-- lead left the funnel, why.  About one reason in thirty is missing.
CREATE TEMP TABLE history AS
SELECT w.lead_id, w.source, w.owner, w.stage, w.at, w.step, w.dice,
       lead(w.at) OVER walked AS left_at, lead(w.stage) OVER walked AS next_stage,
       d.id AS deal_id,
       CASE w.stage WHEN 'opportunity' THEN CASE d.status WHEN 'open' THEN d.amount ELSE d.estimate END
                    WHEN 'won' THEN d.amount END AS amount,
       CASE WHEN w.stage IN ('opportunity', 'won', 'lost') THEN d.owner
            WHEN w.stage IN ('sal', 'sql', 'disqualified', 'recycled') THEN w.owner
            WHEN w.source = 'event' AND (w.step = 1 OR w.step = 2 AND w.stage = 'mql') THEN 'list import'
            WHEN w.stage = 'mql' THEN 'lead scoring'
            WHEN w.source = 'outbound' THEN w.owner
            WHEN w.source = 'partner' THEN 'partner portal'
            ELSE 'web form' END AS changed_by,
       CASE WHEN w.stage = 'lost' THEN d.reason
            WHEN w.stage IN ('disqualified', 'recycled') AND pg_temp.roll(w.dice, 4) < 0.03 THEN NULL
            WHEN w.stage = 'recycled'
            THEN pg_temp.pick(pg_temp.roll(w.dice, 4), '{no answer,no answer,not this year,no budget yet,contact left}')
            WHEN w.stage = 'disqualified'
            THEN pg_temp.pick(pg_temp.roll(w.dice, 4),
                 CASE w.source WHEN 'paid search' THEN '{student or job seeker,wrong contact data,too small,too small,no need}'::text[]
                               WHEN 'event' THEN '{no need,no need,wrong contact data,too small,duplicate}'
                               ELSE '{no need,too small,competitor,duplicate,no authority}' END) END AS reason
  FROM walk AS w
  LEFT JOIN deal AS d ON d.lead_id = w.lead_id AND d.deal_no = w.deal_no AND w.stage IN ('opportunity', 'won', 'lost')
WINDOW walked AS (PARTITION BY w.lead_id ORDER BY w.at, w.step);

-- Story 9: at 02:00 the sync writes some unchanged leads again, one, eight and
-- thirty nights after they entered a stage; on 2026-02-10 it ran twice.
INSERT INTO crm.lead_history
SELECT lead_id, stage::funnel.lead_stage, at, changed_by, reason, deal_id, amount
  FROM (SELECT lead_id, stage, at, changed_by, reason, deal_id, amount
          FROM history
         UNION ALL
        SELECT lead_id, stage, night, 'nightly sync', reason, NULL, NULL
          FROM history,
               LATERAL (SELECT date_trunc('day', at) + n * interval '1 day' + interval '2 hours' AS night
                          FROM unnest('{1,8,30}'::int[]) AS n) AS s,
               LATERAL generate_series(1, CASE WHEN night::date = '2026-02-10' THEN 2 ELSE 1 END)
         WHERE stage IN ('inquiry', 'mql', 'sal', 'sql', 'recycled')
           AND pg_temp.roll(dice, 4) < 0.3
           AND night < coalesce(left_at, '2026-07-01')) AS h
 ORDER BY at, lead_id % 101, stage;

UPDATE crm.leads AS l
   SET stage = h.stage::funnel.lead_stage, updated_at = h.at, updated_by = h.changed_by, reason = h.reason, amount = h.amount
  FROM history AS h
 WHERE h.lead_id = l.id AND h.left_at IS NULL;


-- Touches.  The first one is what brought the lead; then marketing nurtures,
-- sales follows up, and something marketing did brings recycled leads back.
INSERT INTO crm.touches
SELECT lead_id, channel, at, campaign_id
  FROM (SELECT l.id AS lead_id, s.channel,
               CASE l.source WHEN 'event' THEN l.created_at
                    ELSE l.created_at - (1 + l.id % 20) * interval '37 seconds' END AS at,
               l.campaign_id
          FROM crm.leads AS l JOIN source AS s USING (source)
         UNION ALL
        -- nurture: none to five in the first months
        SELECT l.id, pg_temp.pick(pg_temp.roll(d, 3), '{newsletter,newsletter,newsletter,website,content,content,webinar,retargeting}'),
               pg_temp.later(l.created_at, 2 + n * 30 * pg_temp.roll(d, 2)), NULL
          FROM crm.leads AS l,
               LATERAL (SELECT pg_temp.roll(pg_temp.dice('nurture ' || l.id), 1) AS r OFFSET 0) AS r,
               generate_series(1, floor(6 * r * r)::int) AS n,
               LATERAL (SELECT pg_temp.dice('nurture ' || l.id || ' ' || n) AS d OFFSET 0) AS d
         UNION ALL
        -- what brings a recycled lead back, minutes before it is back
        SELECT lead_id, pg_temp.pick(pg_temp.roll(dice, 4), '{newsletter,webinar,content,retargeting}'),
               left_at - interval '11 minutes', NULL
          FROM history
         WHERE stage = 'recycled' AND left_at IS NOT NULL
         UNION ALL
        -- sales follows up a stage it works on, evenly spread over its time there
        SELECT lead_id, pg_temp.pick(pg_temp.roll(d, 1),
                   CASE stage WHEN 'mql' THEN '{sales call,sales email}'::text[]
                              WHEN 'sal' THEN '{sales call,sales email,meeting}'
                              ELSE '{sales call,meeting,meeting}' END),
               CASE WHEN due > h.at AND due < left_at THEN due ELSE left_at - n * interval '7 minutes' END, NULL
          FROM history AS h,
               LATERAL (SELECT 1 + floor(pg_temp.roll(pg_temp.dice('follow-up ' || lead_id || ' ' || step), 1)
                                         * CASE stage WHEN 'mql' THEN 2 ELSE 4 END)::int AS most OFFSET 0) AS m,
               generate_series(1, most) AS n,
               LATERAL (SELECT pg_temp.dice('follow-up ' || lead_id || ' ' || step || ' ' || n) AS d OFFSET 0) AS d,
               LATERAL (SELECT pg_temp.at_work(h.at + (left_at - h.at) * ((n - 0.5) / most), pg_temp.roll(d, 2)) AS due OFFSET 0) AS w
         WHERE stage IN ('mql', 'sal', 'sql', 'opportunity') AND left_at - h.at > interval '1 hour'
         UNION ALL
        -- story 5: a lead left lying had a contact or two at most, an MQL mostly none
        SELECT lead_id, 'sales email', pg_temp.at_work(h.at + n * interval '2 days', pg_temp.roll(d, 2)), NULL
          FROM history AS h, generate_series(1, 2) AS n,
               LATERAL (SELECT pg_temp.dice('left lying ' || lead_id || ' ' || step || ' ' || n) AS d OFFSET 0) AS d
         WHERE left_at IS NULL AND stage IN ('mql', 'sal', 'sql')
           AND pg_temp.roll(d, 1) < CASE stage WHEN 'mql' THEN 0.12 ELSE 0.7 END
        OFFSET 0) AS t
 WHERE at < '2026-07-01'
 ORDER BY at, lead_id % 101, channel;


ALTER TABLE crm.leads ADD FOREIGN KEY (account_id) REFERENCES crm.accounts,
                      ADD FOREIGN KEY (campaign_id) REFERENCES crm.campaigns;
ALTER TABLE crm.deals ADD FOREIGN KEY (lead_id) REFERENCES crm.leads;
ALTER TABLE crm.lead_history ADD FOREIGN KEY (lead_id) REFERENCES crm.leads,
                             ADD FOREIGN KEY (deal_id) REFERENCES crm.deals;
ALTER TABLE crm.touches ADD FOREIGN KEY (lead_id) REFERENCES crm.leads,
                        ADD FOREIGN KEY (campaign_id) REFERENCES crm.campaigns;
CREATE INDEX ON crm.lead_history (lead_id);
CREATE INDEX ON crm.touches (lead_id);

DROP TABLE source, arrivals, move, twist, walk, deal, history;

COMMIT;

ANALYZE crm.accounts, crm.campaigns, crm.leads, crm.deals, crm.lead_history, crm.touches;
