-- What is measured in DuckDB; the headers are those of postgres.sql. Its table is
-- sorted by lead and at, stage is an enum, at a TIMESTAMP (microseconds).

-- name: duckdb_1
-- sections: funnel
-- title: DuckDB, own storage: min(CASE ...) per lead, then counts, 90 days, 1 thread
-- set: threads = 1
SELECT concat_ws(' ', count(t1),
                 count(*) FILTER (WHERE t2 >= t1 AND t2 <= t1 + INTERVAL 90 DAY),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t3 <= t1 + INTERVAL 90 DAY),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t4 >= t3 AND t4 <= t1 + INTERVAL 90 DAY),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t4 >= t3 AND t5 >= t4 AND t5 <= t1 + INTERVAL 90 DAY))
  FROM (SELECT min(CASE WHEN stage = 'inquiry' THEN ts END) AS t1,
               min(CASE WHEN stage = 'mql' THEN ts END) AS t2,
               min(CASE WHEN stage = 'sal' THEN ts END) AS t3,
               min(CASE WHEN stage = 'sql' THEN ts END) AS t4,
               min(CASE WHEN stage = 'won' THEN ts END) AS t5
          FROM events
         GROUP BY lead) AS per_lead;

-- name: duckdb_2
-- sections: funnel
-- title: DuckDB, own storage: min(CASE ...) per lead, then counts, 90 days, 2 threads
-- set: threads = 2
-- as: duckdb_1
