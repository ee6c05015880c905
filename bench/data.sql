-- The benchmark's data: one year of stage events, the same on every machine.
-- Every random number is a hash of the lead and a salt, so a table's content
-- depends on :events alone, and its row order is a hash of the row.
--
-- View made: lead bigint, stage text, at timestamptz; about :events rows (a psql
-- variable), leads two fifths of that. bench/run writes it to a file, from which
-- everybody loads table events. data_keys.sql and data_groups.sql derive the
-- other tables.

CREATE FUNCTION uniform(lead bigint, salt bigint) RETURNS float8
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN (hashint8extended(lead, salt) >> 12 & 1099511627775) / 1099511627776.0::float8;

-- Exponential with the given mean in days, in microseconds; cut off at seven means.
CREATE FUNCTION delay(lead bigint, salt bigint, mean_days float8) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN (least(-ln(1 - uniform(lead, salt)), 7) * mean_days * 86400e6)::bigint + 1;

-- A table, so that two processes can share the work.
CREATE UNLOGGED TABLE lead_number WITH (parallel_workers = 1) AS
SELECT 1000000000 + n * 3 + (hashint8extended(n, 1) & 1) AS lead
  FROM generate_series(1, :events::bigint * 2 / 5) n;

VACUUM (FREEZE, ANALYZE) lead_number;

-- The year 2024, UTC; what would fall after it has not happened yet. OFFSET
-- keeps each step from being computed again in the next; it is a constant of its
-- own type, because the planner takes anything else for a limit that processes
-- cannot share.
CREATE VIEW made AS
WITH arrived AS (
    SELECT lead,
           (uniform(lead, 2) * 330 * 86400e6)::bigint AS t1,
           1 + CASE WHEN uniform(lead, 3) >= 0.65 THEN 0
                    WHEN uniform(lead, 4) >= 0.68 THEN 1
                    WHEN uniform(lead, 5) >= 0.62 THEN 2
                    WHEN uniform(lead, 6) >= 0.45 THEN 3
                    ELSE 4 END AS depth
      FROM lead_number OFFSET bigint '0'),
waited AS (
    SELECT lead, depth, t1,
           delay(lead, 7, 12) AS d2, delay(lead, 8, 5) AS d3,
           delay(lead, 9, 18) AS d4, delay(lead, 10, 30) AS d5
      FROM arrived OFFSET bigint '0'),
-- One lead in fifty is accepted by sales before marketing qualifies it, and some
-- come again: those that stopped at mql as an inquiry, those beyond as an mql.
passed AS (
    SELECT lead, depth,
           depth >= 3 AND uniform(lead, 11) < 0.02 AS sales_first, uniform(lead, 12) AS again,
           t1, t1 + d2 AS t2, t1 + d2 + d3 AS t3,
           t1 + d2 + d3 + d4 AS t4, t1 + d2 + d3 + d4 + d5 AS t5
      FROM waited OFFSET bigint '0'),
stage_event AS (
    SELECT lead, step, stage,
           CASE WHEN sales_first AND step = 2 THEN t3
                WHEN sales_first AND step = 3 THEN t2
                ELSE CASE step WHEN 1 THEN t1 WHEN 2 THEN t2 WHEN 3 THEN t3 WHEN 4 THEN t4 WHEN 5 THEN t5
                               WHEN 6 THEN t2 + delay(lead, 13, 60)
                               WHEN 7 THEN t2 + delay(lead, 13, 60) + delay(lead, 14, 12)
                               WHEN 8 THEN t5 + delay(lead, 13, 60)
                               WHEN 9 THEN t5 + delay(lead, 13, 60) + delay(lead, 14, 5) END
           END AS t
      FROM passed,
           (VALUES (1, 'inquiry'), (2, 'mql'), (3, 'sal'), (4, 'sql'), (5, 'won'),
                   (6, 'inquiry'), (7, 'mql'),
                   (8, 'mql'), (9, 'sal')) AS e(step, stage)
     WHERE CASE step WHEN 6 THEN depth = 2 AND again < 0.10
                     WHEN 7 THEN depth = 2 AND again < 0.06
                     WHEN 8 THEN depth >= 3 AND again < 0.08
                     WHEN 9 THEN depth >= 3 AND again < 0.05
                     ELSE step <= depth END
     OFFSET bigint '0')
SELECT lead, stage, timestamptz '2024-01-01 00:00+00' + t * interval '1 microsecond' AS at
  FROM stage_event
 WHERE t < 366 * 86400e6::bigint
 ORDER BY hashint8extended(lead, step);
