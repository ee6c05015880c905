-- What is measured in ClickHouse; the headers are those of postgres.sql. Its tables
-- are MergeTree ORDER BY (lead, at), merged into one part; stage is an Enum8.
-- windowFunnel takes Date, DateTime and unsigned numbers, not DateTime64, and its
-- window counts in the unit of that argument: `events` holds microseconds as
-- UInt64 (exact), `events_seconds` DateTime (half the bytes, seconds only).
-- optimize_aggregation_in_order, off by default, uses that the table is sorted.

-- name: clickhouse_1
-- sections: funnel scale
-- title: ClickHouse, own storage: windowFunnel, 90 days, 1 thread
-- set: max_threads = 1
-- set: optimize_aggregation_in_order = 0
SELECT concatWithSeparator(' ', countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4), countIf(level >= 5))
  FROM (SELECT windowFunnel(7776000000000)(at, stage = 'inquiry', stage = 'mql', stage = 'sal', stage = 'sql', stage = 'won') AS level
          FROM events GROUP BY lead);

-- name: clickhouse_1_in_order
-- sections: funnel stored scale
-- title: ClickHouse, own storage: windowFunnel, 90 days, 1 thread, in order
-- set: max_threads = 1
-- set: optimize_aggregation_in_order = 1
-- as: clickhouse_1

-- name: clickhouse_2
-- sections: funnel stored scale
-- title: ClickHouse, own storage: windowFunnel, 90 days, 2 threads
-- set: max_threads = 2
-- set: optimize_aggregation_in_order = 0
-- as: clickhouse_1

-- name: clickhouse_2_in_order
-- sections: funnel stored scale
-- title: ClickHouse, own storage: windowFunnel, 90 days, 2 threads, in order
-- set: max_threads = 2
-- set: optimize_aggregation_in_order = 1
-- as: clickhouse_1

-- name: clickhouse_seconds_1
-- sections: funnel
-- title: ClickHouse, own storage: windowFunnel, 90 days, whole seconds, 1 thread
-- set: max_threads = 1
-- set: optimize_aggregation_in_order = 0
SELECT concatWithSeparator(' ', countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4), countIf(level >= 5))
  FROM (SELECT windowFunnel(7776000)(at, stage = 'inquiry', stage = 'mql', stage = 'sal', stage = 'sql', stage = 'won') AS level
          FROM events_seconds GROUP BY lead);

-- name: clickhouse_seconds_1_in_order
-- sections: funnel stored
-- title: ClickHouse, own storage: windowFunnel, 90 days, whole seconds, 1 thread, in order
-- set: max_threads = 1
-- set: optimize_aggregation_in_order = 1
-- as: clickhouse_seconds_1

-- name: clickhouse_seconds_2
-- sections: funnel stored
-- title: ClickHouse, own storage: windowFunnel, 90 days, whole seconds, 2 threads
-- set: max_threads = 2
-- set: optimize_aggregation_in_order = 0
-- as: clickhouse_seconds_1

-- name: clickhouse_seconds_2_in_order
-- sections: funnel stored
-- title: ClickHouse, own storage: windowFunnel, 90 days, whole seconds, 2 threads, in order
-- set: max_threads = 2
-- set: optimize_aggregation_in_order = 1
-- as: clickhouse_seconds_1

-- name: clickhouse_unlimited
-- sections: funnel
-- title: ClickHouse, own storage: windowFunnel, no window, 2 threads, in order
-- runs: once
-- set: max_threads = 2
-- set: optimize_aggregation_in_order = 1
SELECT concatWithSeparator(' ', countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4), countIf(level >= 5))
  FROM (SELECT windowFunnel(1000000000000000000)(at, stage = 'inquiry', stage = 'mql', stage = 'sal', stage = 'sql', stage = 'won') AS level
          FROM events GROUP BY lead);
