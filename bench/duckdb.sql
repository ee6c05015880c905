-- What is measured in DuckDB; the headers are those of postgres.sql. Its table is
-- sorted by lead and at, stage is an enum, at a TIMESTAMP (microseconds).

-- name: duckdb_1
-- sections: funnel scale
-- title: DuckDB, own storage: min(ts) FILTER (...) per lead, then counts, 90 days, 1 thread
-- set: threads = 1
SELECT concat_ws(' ', count(t1),
                 count(*) FILTER (WHERE t2 >= t1 AND t2 <= t1 + INTERVAL 90 DAY),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t3 <= t1 + INTERVAL 90 DAY),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t4 >= t3 AND t4 <= t1 + INTERVAL 90 DAY),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t4 >= t3 AND t5 >= t4 AND t5 <= t1 + INTERVAL 90 DAY))
  FROM (SELECT min(ts) FILTER (WHERE stage = 'inquiry') AS t1,
               min(ts) FILTER (WHERE stage = 'mql') AS t2,
               min(ts) FILTER (WHERE stage = 'sal') AS t3,
               min(ts) FILTER (WHERE stage = 'sql') AS t4,
               min(ts) FILTER (WHERE stage = 'won') AS t5
          FROM events
         GROUP BY lead) AS per_lead;

-- name: duckdb_2
-- sections: funnel scale
-- title: DuckDB, own storage: min(ts) FILTER (...) per lead, then counts, 90 days, 2 threads
-- set: threads = 2
-- as: duckdb_1
