-- What is measured in PostgreSQL. Each query follows a header of lines
-- "-- key: value", up to its semicolon:
--   name      how the results refer to it
--   sections  which sections of bench/run measure it
--   title     what the results call it
--   set       a setting for it alone (repeatable)
--   as        instead of SQL: that of the named query; the last line of its block
--   runs      once: for its answer, not timed
--   memory    the sections that measure its memory, too
-- The session's settings are listed in the results; one process unless set.

-- name: floor
-- sections: floor funnel stages report scale
-- title: bare scan: count(lead), max(at), max(stage)
SELECT count(lead), max(at), max(stage) FROM events;

-- name: funnel
-- sections: funnel scale
-- title: funnel.steps(cohort(...)), 90 days
-- memory: memory scale
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.steps(c, '{inquiry,mql,sal,sql,won}',
                    within => '90 days', as_of => '2025-01-01 00:00+00');

-- name: funnel_subquery
-- sections: funnel
-- title: funnel.steps((SELECT cohort(...))), 90 days: the executor stores what a scalar subquery returns
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM funnel.steps((SELECT funnel.cohort(lead, stage, at) FROM events), '{inquiry,mql,sal,sql,won}',
                    within => '90 days', as_of => '2025-01-01 00:00+00');

-- name: funnel_unlimited
-- sections: funnel
-- title: funnel.steps(cohort(...)), no window
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.steps(c, '{inquiry,mql,sal,sql,won}',
                    as_of => '2025-01-01 00:00+00');

-- name: rate
-- sections: funnel
-- title: funnel.conversion_rate(lead, stage, at, 'mql', 'won')
-- memory: memory
SELECT round(funnel.conversion_rate(lead, stage, at, 'mql', 'won')::numeric, 6) FROM events;

-- name: filter
-- sections: funnel scale
-- title: plain SQL: min(at) FILTER (...) per lead, then counts, 90 days
-- memory: memory
SELECT concat_ws(' ', count(t1),
                 count(*) FILTER (WHERE t2 >= t1 AND t2 <= t1 + interval '90 days'),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t3 <= t1 + interval '90 days'),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t4 >= t3 AND t4 <= t1 + interval '90 days'),
                 count(*) FILTER (WHERE t2 >= t1 AND t3 >= t2 AND t4 >= t3 AND t5 >= t4 AND t5 <= t1 + interval '90 days'))
  FROM (SELECT min(at) FILTER (WHERE stage = 'inquiry') AS t1,
               min(at) FILTER (WHERE stage = 'mql') AS t2,
               min(at) FILTER (WHERE stage = 'sal') AS t3,
               min(at) FILTER (WHERE stage = 'sql') AS t4,
               min(at) FILTER (WHERE stage = 'won') AS t5
          FROM events
         GROUP BY lead) AS per_lead;

-- name: window
-- sections: funnel
-- title: plain SQL: lead() OVER (PARTITION BY lead ORDER BY at), then counts
SELECT count(*), sum(n)
  FROM (SELECT stage, next_stage, count(*) AS n, avg(left_at - at)
          FROM (SELECT stage, at, lead(stage) OVER w AS next_stage, lead(at) OVER w AS left_at
                  FROM events
                WINDOW w AS (PARTITION BY lead ORDER BY at)) AS stay
         GROUP BY stage, next_stage) AS transition;

-- name: floor_2
-- sections: floor funnel scale
-- title: bare scan, 2 processes
-- set: max_parallel_workers_per_gather = 1
-- as: floor

-- name: funnel_2
-- sections: funnel scale
-- title: funnel.steps(cohort(...)), 90 days, 2 processes
-- set: max_parallel_workers_per_gather = 1
-- as: funnel

-- name: funnel_64mb
-- sections: scale
-- title: funnel.steps(cohort(...)), 90 days, work_mem 64 MB
-- memory: scale
-- set: work_mem = '64MB'
-- as: funnel

-- The planner would keep it in one process, because of what Gather costs.
-- name: filter_2
-- sections: scale
-- title: plain SQL: min(at) FILTER (...) per lead, then counts, 90 days, 2 processes
-- set: max_parallel_workers_per_gather = 1
-- set: parallel_setup_cost = 0
-- set: parallel_tuple_cost = 0
-- as: filter

-- name: rate_2
-- sections: funnel
-- title: funnel.conversion_rate(lead, stage, at, 'mql', 'won'), 2 processes
-- set: max_parallel_workers_per_gather = 1
-- as: rate

-- Every entry into step 1 tried, the earliest next step after each: the answer
-- in plain SQL, slow. (In this data a step 1 is never repeated without
-- another stage in between, so events serve as entries.)
-- name: exact
-- sections: funnel
-- title: plain SQL, every entry into step 1 tried, 90 days
-- runs: once
WITH c1 AS (SELECT lead, at AS t1 FROM events WHERE stage = 'inquiry'),
c2 AS (SELECT lead, t1, min(at) AS t2 FROM c1 JOIN events e USING (lead)
        WHERE stage = 'mql' AND at >= t1 GROUP BY lead, t1),
c3 AS (SELECT lead, t1, min(at) AS t3 FROM c2 JOIN events e USING (lead)
        WHERE stage = 'sal' AND at >= t2 GROUP BY lead, t1),
c4 AS (SELECT lead, t1, min(at) AS t4 FROM c3 JOIN events e USING (lead)
        WHERE stage = 'sql' AND at >= t3 GROUP BY lead, t1),
c5 AS (SELECT lead, t1, min(at) AS t5 FROM c4 JOIN events e USING (lead)
        WHERE stage = 'won' AND at >= t4 GROUP BY lead, t1)
SELECT concat_ws(' ', (SELECT count(DISTINCT lead) FROM c1),
                 (SELECT count(DISTINCT lead) FROM c2 WHERE t2 <= t1 + interval '90 days'),
                 (SELECT count(DISTINCT lead) FROM c3 WHERE t3 <= t1 + interval '90 days'),
                 (SELECT count(DISTINCT lead) FROM c4 WHERE t4 <= t1 + interval '90 days'),
                 (SELECT count(DISTINCT lead) FROM c5 WHERE t5 <= t1 + interval '90 days'))
       || ', unlimited ' ||
       concat_ws(' ', (SELECT count(DISTINCT lead) FROM c1), (SELECT count(DISTINCT lead) FROM c2),
                 (SELECT count(DISTINCT lead) FROM c3), (SELECT count(DISTINCT lead) FROM c4),
                 (SELECT count(DISTINCT lead) FROM c5));

-- name: floor_text
-- sections: keys
-- title: 18-character text keys: bare scan
SELECT count(lead), max(at), max(stage) FROM events_text;

-- name: funnel_text
-- sections: keys
-- title: 18-character text keys: funnel.steps(cohort(...)), 90 days
-- memory: memory
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events_text) AS h,
       funnel.steps(c, '{inquiry,mql,sal,sql,won}',
                    within => '90 days', as_of => '2025-01-01 00:00+00');

-- name: floor_uuid
-- sections: keys
-- title: uuid keys: bare scan
SELECT count(lead), max(at), max(stage) FROM events_uuid;

-- name: funnel_uuid
-- sections: keys
-- title: uuid keys: funnel.steps(cohort(...)), 90 days
-- memory: memory
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events_uuid) AS h,
       funnel.steps(c, '{inquiry,mql,sal,sql,won}',
                    within => '90 days', as_of => '2025-01-01 00:00+00');

-- array_agg with ORDER BY can only be sorted and grouped; cohort can be hashed too.
-- The sums of sizes of two plans may differ by 3: the server gives the first row
-- that reaches the outer aggregate a short header.

-- name: array_100
-- sections: groups
-- title: groups of 100: array_agg(stage ORDER BY at), Sort and GroupAggregate
SELECT count(*), sum(pg_column_size(a))
  FROM (SELECT array_agg(stage ORDER BY at) AS a FROM grouped GROUP BY g100) AS g;

-- name: cohort_100_sort
-- sections: groups
-- title: groups of 100: funnel.cohort(lead, stage, at), Sort and GroupAggregate
-- set: enable_hashagg = off
SELECT count(*), sum(pg_column_size(c))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM grouped GROUP BY g100) AS g;

-- name: cohort_100_hash
-- sections: groups
-- title: groups of 100: funnel.cohort(lead, stage, at), HashAggregate
-- set: enable_sort = off
SELECT count(*), sum(pg_column_size(c))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM grouped GROUP BY g100) AS g;

-- name: array_10
-- sections: groups
-- title: groups of 10: array_agg(stage ORDER BY at), Sort and GroupAggregate
SELECT count(*), sum(pg_column_size(a))
  FROM (SELECT array_agg(stage ORDER BY at) AS a FROM grouped GROUP BY g10) AS g;

-- name: cohort_10_sort
-- sections: groups
-- title: groups of 10: funnel.cohort(lead, stage, at), Sort and GroupAggregate
-- set: enable_hashagg = off
SELECT count(*), sum(pg_column_size(c))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM grouped GROUP BY g10) AS g;

-- name: cohort_10_hash
-- sections: groups
-- title: groups of 10: funnel.cohort(lead, stage, at), HashAggregate
-- set: enable_sort = off
SELECT count(*), sum(pg_column_size(c))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM grouped GROUP BY g10) AS g;

-- name: stored
-- sections: stored scale
-- title: funnel.steps of one stored cohort, 90 days
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM stored, funnel.steps(c, '{inquiry,mql,sal,sql,won}',
                            within => '90 days', as_of => '2025-01-01 00:00+00');

-- name: stored_unlimited
-- sections: stored
-- title: funnel.steps of one stored cohort, no window
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM stored, funnel.steps(c, '{inquiry,mql,sal,sql,won}', as_of => '2025-01-01 00:00+00');

-- name: stored_parts
-- sections: stored
-- title: funnel.steps of the merge of 12 stored cohorts, 90 days
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM funnel.steps((SELECT funnel.merge(c) FROM stored_parts), '{inquiry,mql,sal,sql,won}',
                    within => '90 days', as_of => '2025-01-01 00:00+00');

-- name: stored_sum
-- sections: stored scale
-- title: funnel.steps of each of 12 stored cohorts, summed, 90 days
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM (SELECT step, sum(leads) AS leads
          FROM stored_parts, funnel.steps(c, '{inquiry,mql,sal,sql,won}',
                                          within => '90 days', as_of => '2025-01-01 00:00+00')
         GROUP BY step) AS s;

-- The planner takes twelve rows for little work, whatever is in them.
-- name: stored_sum_2
-- sections: stored scale
-- title: funnel.steps of each of 12 stored cohorts, summed, 90 days, 2 processes
-- set: max_parallel_workers_per_gather = 1
-- set: parallel_setup_cost = 0
-- set: parallel_tuple_cost = 0
-- as: stored_sum

-- name: stored_bytes
-- sections: stored
-- title: bytes of the stored cohort, its events, bytes on disk
-- runs: once
SELECT concat_ws(' ', bytes, events, pg_column_size(c)) FROM stored, funnel.describe(c);
