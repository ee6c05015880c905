--
-- cohort_shard: the split of leads over several cohorts
--
-- Every lead is in one shard, and the shards are about equal.
SELECT n, count(DISTINCT shard) AS shards, min(shard) AS first, max(shard) AS last, max(leads) < 1.2 * min(leads) AS about_equal
FROM unnest('{1,2,3,7,16}'::int[]) n, LATERAL (SELECT funnel.cohort_shard(lead, n) AS shard, count(*) AS leads FROM generate_series(1, 20000) lead GROUP BY 1) s GROUP BY n ORDER BY n;
-- It goes by the key: however it is spelled, it is one lead.
SELECT funnel.cohort_shard(42, 1000) AS int, funnel.cohort_shard(42::bigint, 1000) AS bigint, funnel.cohort_shard('42'::text, 1000) AS text, funnel.cohort_shard('42', 1000) AS literal, funnel.cohort_shard(42.0::numeric(5,0), 1000) AS numeric;
SELECT kind, count(DISTINCT shard) AS shards
FROM (SELECT 'integers', funnel.cohort_shard(-n, 5) FROM generate_series(1, 100) n
      UNION ALL SELECT 'CRM ids', funnel.cohort_shard('00Q5f000004Z' || n, 5) FROM generate_series(1, 100) n
      UNION ALL SELECT 'uuids', funnel.cohort_shard(md5(n::text)::uuid, 5) FROM generate_series(1, 100) n
      UNION ALL SELECT 'texts', funnel.cohort_shard('a lead named ' || n, 5) FROM generate_series(1, 100) n) s(kind, shard) GROUP BY kind ORDER BY kind;
-- On every machine the same.
SELECT funnel.cohort_shard(1, 100) AS one, funnel.cohort_shard('00Q5f000004ZabcEAC', 100) AS crm_id, funnel.cohort_shard('c4ca4238-a0b9-2382-0dcc-509a6f75849b'::uuid, 100) AS uuid, funnel.cohort_shard('Grüße, Welt', 100) AS text, funnel.cohort_shard(NULL::int, 3) AS none;
-- The shards of a history are the history.
SELECT (SELECT funnel.merge(c) FROM (SELECT funnel.cohort(lead, stage, at) FROM (SELECT lead, 'mql', timestamptz '2024-01-01' + lead * interval '1 s' FROM generate_series(1, 5000) lead) e(lead, stage, at) GROUP BY funnel.cohort_shard(lead, 4)) s(c))
       OPERATOR(funnel.=) (SELECT funnel.cohort(lead, 'mql', timestamptz '2024-01-01' + lead * interval '1 s') FROM generate_series(1, 5000) lead) AS same;
-- Errors
SELECT funnel.cohort_shard(1, 0);
SELECT funnel.cohort_shard(1, NULL);
SELECT funnel.cohort_shard('pg_class'::regclass, 2);
