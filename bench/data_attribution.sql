-- Tables touches and deals: :touches touches of :touches / 5 leads over 100
-- channels in one year, the heap shuffled, and the stage events of those leads:
-- one lead in ten is won, and passes mql and sql before. deals_and_touches has
-- the rows of both in one table. uniform() is of data.sql.

SET jit = off;

CREATE UNLOGGED TABLE touches AS
SELECT 1000000000 + lead * 3 AS lead,
       'channel ' || lpad((100 * power(uniform(lead, 20 + n), 2))::int % 100 || '', 2, '0') AS channel,
       timestamptz '2024-01-01 00:00+00' + (uniform(lead, 50 + n) * 330 * 86400e6)::bigint * interval '1 microsecond' AS at
  FROM generate_series(1, :touches::bigint / 5) lead,
       generate_series(1, 1 + floor(uniform(lead, 10) * 9)::int) n
 ORDER BY hashint8extended(lead, n);

CREATE UNLOGGED TABLE deals AS
SELECT 1000000000 + lead * 3 AS lead, stage,
       timestamptz '2024-01-01 00:00+00' + (t * 366 * 86400e6)::bigint * interval '1 microsecond' AS at,
       CASE WHEN stage = 'won' THEN round((100 + 9900 * uniform(lead, 90))::numeric, 2) END AS amount
  FROM generate_series(1, :touches::bigint / 5) lead,
       LATERAL (VALUES ('mql', 0.2 + 0.3 * uniform(lead, 91)), ('sql', 0.5 + 0.2 * uniform(lead, 92)), ('won', 0.7 + 0.3 * uniform(lead, 93))) s (stage, t)
 WHERE uniform(lead, 94) < 0.1
 ORDER BY hashint8extended(lead, length(stage) + ascii(stage));

CREATE UNLOGGED TABLE deals_and_touches AS
SELECT *
  FROM (SELECT lead, 'touch' AS kind, channel AS label, at, NULL::numeric AS amount FROM touches
        UNION ALL SELECT lead, 'stage', stage, at, amount FROM deals) AS rows
 ORDER BY hashint8extended(lead + extract(epoch FROM at)::bigint, 1);

VACUUM (FREEZE, ANALYZE) touches;
VACUUM (FREEZE, ANALYZE) deals;
VACUUM (FREEZE, ANALYZE) deals_and_touches;
