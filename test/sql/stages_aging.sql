--
-- aging: how long open leads have been where they are; of cohorts, and straight from rows
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- As of 1 April: who is where, since how many days.
CREATE TEMP TABLE crm (lead text, source text, stage text, at timestamptz, ref text);
INSERT INTO crm VALUES
  ('ann', 'web',  'mql',      '2024-03-31', NULL),                                                        -- mql, 1
  ('ben', 'web',  'mql',      '2024-03-25', NULL),                                                        -- mql, 7
  ('cat', 'web',  'mql',      '2024-03-25 00:00:00.000001', NULL),                                        -- mql, a microsecond less
  ('dan', 'fair', 'sal',      '2024-01-01', NULL), ('dan', 'fair', 'mql', '2024-02-01', NULL),            -- handed back: mql, 60
  ('dan', 'fair', 'mql',      '2024-03-30', NULL),                                                        -- (seen there again two days ago)
  ('eve', 'fair', 'sal',      '2024-01-02', NULL),                                                        -- sal, 90
  ('fay', 'fair', 'sal',      '2023-04-02', NULL),                                                        -- sal, 365
  ('gus', 'fair', 'sal',      '2024-01-01', 'A'), ('gus', 'fair', 'sal', '2024-03-22', 'B'),              -- sal of record B, 10
  ('hal', 'web',  'mql',      '2024-01-01', NULL), ('hal', 'web', 'won', '2024-01-05', NULL),             -- an exit
  ('ida', 'web',  'mql',      '2024-01-01', NULL), ('ida', 'web', 'lost', '2024-03-05', NULL),            -- an exit
  ('joe', 'web',  'lost',     '2024-01-01', NULL), ('joe', 'web', 'recycled', '2024-03-12', NULL),        -- back: recycled, 20
  ('kim', 'web',  'mql',      '2024-03-22', NULL), ('kim', 'web', 'customer', '2024-04-01', NULL);        -- mql, 10: at as_of is too late
CREATE TEMP TABLE crm_cohort AS
SELECT (SELECT funnel.cohort(lead, stage, at, NULL::numeric, ref) FROM crm)
       || (SELECT funnel.touches(lead, 'mail', timestamptz '2024-03-30') FROM unnest('{ann,dan,lea}'::text[]) lead) AS c;

--
-- aging(cohort)
--
-- mql: 1 and almost 7 | 7 and 10 | 60 | none; recycled: 20; sal: 10 | 90 is the last bucket's, and 365. All buckets of a
-- stage that has any. The last one has no end.
SELECT a.* FROM crm_cohort, funnel.aging(c, as_of => '2024-04-01') a;
SELECT (SELECT array_agg(a) FROM crm_cohort, funnel.aging(c) a)
       = (SELECT array_agg(a) FROM crm_cohort, funnel.aging(c, '{7 days,30 days,90 days}', '{won,lost,disqualified}', now()) a) AS defaults;
-- Other bounds: one; months of 30 days; none.
SELECT bounds, a.stage, a.bucket, a.at_least_days, a.below_days, a.leads, a.share
FROM crm_cohort, (VALUES (1, '{36 hours}'), (2, '{1 mon,60 days,1 mon 30 days 1 microsecond}'), (3, '{}')) b(n, bounds), funnel.aging(c, bounds::interval[], as_of => '2024-04-01') a
WHERE a.stage = 'mql' ORDER BY n, a.bucket;
-- Exits are left out: others, none, all. What was an exit once does not matter.
SELECT exits, string_agg(a.stage || ' ' || a.leads, ', ' ORDER BY a.stage) AS leads
FROM crm_cohort, (VALUES (1, '{won,lost,recycled}'), (2, '{}'), (3, '{mql,sal,recycled,lost}')) e(n, exits), funnel.aging(c, '{}', exits::text[], '2024-04-01') a
GROUP BY n, exits ORDER BY n;
-- As of any moment.
SELECT as_of, a.stage, a.bucket, a.leads
FROM crm_cohort, unnest('{2024-01-01,2024-01-01 00:00:00.000001,2024-01-06,2024-04-01 00:00:00.000001}'::timestamptz[]) as_of, funnel.aging(c, '{30 days}', as_of => as_of) a
WHERE a.leads > 0 ORDER BY as_of, a.stage, a.bucket;
-- To the end of time everybody is in the last bucket, whatever its bound.
SELECT bounds, a.bucket, a.below_days, a.leads FROM crm_cohort, unnest('{"{7 days}","{178000000 years}"}'::text[]) bounds, funnel.aging(c, bounds::interval[], '{won}', 'infinity') a
WHERE a.stage = 'recycled' ORDER BY bounds, a.bucket;
-- Longer than all of time: nobody; but the bounds are told apart.
SELECT a.bucket, a.at_least_days, a.below_days, a.leads FROM crm_cohort, funnel.aging(c, '{170000000 years,178000000 years}', as_of => '2024-04-01') a WHERE a.stage = 'sal';

-- An infinite bound, which intervals can be since PostgreSQL 17, is Infinity, and nobody is that old before the end of time.
CREATE FUNCTION pg_temp.since_17(query text, before text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE query INTO before;
    END IF;
    RETURN before;
END $$;
SELECT as_of, pg_temp.since_17(format($$SELECT string_agg(concat_ws(' ', a.bucket, a.at_least_days, a.below_days, a.leads), ', ' ORDER BY a.bucket) FROM crm_cohort, funnel.aging(c, '{1 day,infinity}', as_of => %L) a WHERE a.stage = 'sal'$$, as_of), v.rows)
FROM (VALUES ('2024-04-01', '1 0 1 0, 2 1 Infinity 3, 3 Infinity 0'), ('infinity', '1 0 1 0, 2 1 Infinity 0, 3 Infinity 3')) v(as_of, rows);
SELECT pg_temp.since_17('SELECT message FROM pg_temp.refused($$SELECT funnel.aging(c, ''{infinity,infinity}'') FROM crm_cohort$$)', 'argument "bounds" must be positive and ascending');

-- Leads of all stages and the exits are all leads with a stage; they are those that stages() calls current.
SELECT sum(a.leads) AS leads, sum(a.leads) = (SELECT sum(s.current) FROM crm_cohort, funnel.stages(c, as_of => '2024-04-01') s WHERE s.stage NOT IN ('won', 'lost', 'disqualified')) AS as_current
FROM crm_cohort, funnel.aging(c, as_of => '2024-04-01') a;
SELECT a.stage, sum(a.share) AS share, sum(a.leads) = s.current AS as_current
FROM crm_cohort, funnel.aging(c, '{1 day,2 days,3 days,7 days,60 days}', '{}', '2024-04-01') a JOIN (SELECT s.* FROM crm_cohort, funnel.stages(c, as_of => '2024-04-01') s) s USING (stage) GROUP BY a.stage, s.current ORDER BY a.stage;
-- The order of the rows is that of the stages.
SELECT a.stage, a.bucket, a.leads FROM (SELECT funnel.in_order(c, '{recycled,mql,sal}') FROM crm_cohort) t(c), funnel.aging(c, '{10 days}', as_of => '2024-04-01') a;

-- An exit that occurs nowhere warns once, unless it is one of the three that are exits if one says nothing.
SELECT sum(a.leads) FROM crm_cohort, generate_series(1, 3), funnel.aging(c, '{}', '{won,lost,customer,Lost,disqualified}', '2024-04-01') a;

-- 3,000 stages; a lead of 100,000 events that has been in the same stage since the first.
SELECT count(*), sum(a.leads) AS leads, min(a.share), max(a.share)
FROM (SELECT funnel.cohort(n, 'stage ' || n % 3000, timestamptz '2024-03-01' + n / 3000 * interval '1 day') FROM generate_series(0, 8999) n) t(c), funnel.aging(c, '{30 days}', as_of => '2024-04-01') a;
SELECT a.* FROM (SELECT funnel.cohort(1, 'mql', timestamptz '2024-01-01' + n * interval '1 minute') || funnel.touches(1, 'mail', timestamptz '2024-01-01' + n * interval '1 minute') FROM generate_series(0, 99999) n) t(c),
     funnel.aging(c, '{90 days}', as_of => '2024-04-01') a;

-- Nothing to tell, and what is refused.
SELECT count(*) FROM funnel.aging(NULL);
SELECT count(*) FROM crm_cohort, funnel.aging(c, as_of => '2023-01-01');
SELECT count(*) FROM crm_cohort, funnel.aging(funnel.only(c, '{}'), as_of => '2024-04-01');
SELECT call, r.*
FROM (VALUES ('''{0}'''), ('''{-7 days}'''), ('''{7 days,7 days}'''), ('''{7 days,30 days,29 days 24:00:00}'''), ('''{30 days,1 mon}'''), ('''{7 days,NULL}'''), ('NULL'), ('''{{7 days,30 days}}'''),
             ('exits => NULL'), ('exits => ''{won,NULL}'''), ('exits => ''{{won},{lost}}'''), ('as_of => NULL')) v(call),
     pg_temp.refused(format('SELECT * FROM crm_cohort, funnel.aging(c, %s)', call)) r;
SELECT provolatile, proparallel FROM pg_proc WHERE oid = 'funnel.aging(funnel.cohort, interval[], text[], timestamptz)'::regprocedure;

--
-- aging(lead, stage, at, in_stage, as_of): the mean age, straight from rows
--
-- (1 + 7 + almost 7 + 60 + 10) / 5
SELECT funnel.aging(lead, stage, at, 'mql', '2024-04-01') AS mql, funnel.aging(lead, stage, at, 'recycled', '2024-04-01') AS recycled FROM crm;
SELECT source, funnel.aging(lead, stage, at, 'mql', '2024-04-01') AS mql, funnel.aging(lead, stage, at, 'sal', '2024-04-01') AS sal FROM crm GROUP BY source ORDER BY source;
-- It is what stages() says, without refs.
SELECT s.stage, funnel.aging(r.lead, r.stage, r.at, s.stage, '2024-04-01') = s.mean_age_days AS same
FROM (SELECT funnel.cohort(lead, stage, at) FROM crm) t(c), funnel.stages(c, as_of => '2024-04-01') s, crm r
WHERE s.current > 0 GROUP BY s.stage, s.mean_age_days ORDER BY s.stage;
-- As of any moment; the end of time; before everything.
SELECT as_of, funnel.aging(lead, stage, at, 'mql', as_of) FROM crm, unnest('{2024-01-01,2024-01-03,2024-02-02,infinity,-infinity}'::timestamptz[]) as_of GROUP BY as_of ORDER BY as_of;
-- Any type of lead and stage, windows, grouping sets, FILTER.
SELECT funnel.aging(1, 'mql', at, 'mql', '2024-04-01') AS unknown, funnel.aging(md5(lead)::uuid, length(stage), at, '3', '2024-04-01') AS int,
       funnel.aging(lead, stage::varchar, at, 'm' || 'ql', '2024-04-01'::date) AS varchar FROM crm;
SELECT source, funnel.aging(lead, stage, at, 'mql', '2024-04-01') FROM crm GROUP BY ROLLUP (source) ORDER BY source;
SELECT lead, stage, at::date, round(funnel.aging(lead, stage, at, 'mql', '2024-04-01') OVER (ORDER BY at, lead)::numeric, 4) AS days FROM crm WHERE source = 'web' ORDER BY at, lead;
SELECT funnel.aging(lead, stage, at, 'mql', '2024-04-01') FILTER (WHERE lead = 'ann') AS ann, funnel.aging(lead, stage, at, 'mql', '2024-04-01') FILTER (WHERE lead = 'hal') AS hal FROM crm;
-- Rows without lead, stage or time are skipped; nobody there: NULL.
SELECT funnel.aging(lead, stage, at, 'mql', '2024-04-01') FROM (SELECT lead, stage, at FROM crm WHERE lead = 'ann' UNION ALL VALUES (NULL, 'mql', timestamptz '2024-01-01'), ('x', NULL, '2024-01-01'), ('x', 'mql', NULL)) r;
SELECT funnel.aging(lead, stage, at, 'mql', '2024-04-01') FROM crm WHERE false;
SELECT funnel.aging(lead, stage, at, 'won', '2024-01-02') FROM crm;
-- A stage that does not occur warns where there is one group.
SELECT funnel.aging(lead, stage, at, 'MQL', '2024-04-01') FROM crm;
SELECT source, funnel.aging(lead, stage, at, 'recycled', '2024-04-01') FROM crm GROUP BY source ORDER BY source;
-- What is asked is the same for all rows of a group.
SELECT call, r.*
FROM (VALUES ('NULL, now()'), ('''mql'', NULL'), ('source, now()'), ('''mql'', at')) v(call), pg_temp.refused(format('SELECT funnel.aging(lead, stage, at, %s) FROM crm', call)) r;
SELECT source, funnel.aging(lead, stage, at, CASE source WHEN 'web' THEN 'mql' ELSE 'sal' END, CASE source WHEN 'web' THEN timestamptz '2024-04-01' ELSE '2024-01-03' END) FROM crm GROUP BY source ORDER BY source;

-- Workers say the same, and hand over what was asked.
CREATE TABLE aging_rows AS SELECT n / 3 AS lead, (ARRAY['mql', 'sal', 'won'])[1 + n % 3] AS stage, timestamptz '2024-01-01' + (n * 31 % 997) * interval '1 hour' AS at FROM generate_series(0, 29999) n;
ANALYZE aging_rows;
CREATE TEMP TABLE answer AS SELECT s, funnel.aging(lead, stage, at, s, '2024-02-01') AS days FROM aging_rows, unnest('{mql,sal,won}'::text[]) s GROUP BY s;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT funnel.aging(lead, stage, at, 'sal', '2024-02-01') FROM aging_rows;
SELECT funnel.aging(lead, stage, at, 'mql', '2024-02-01') = (SELECT days FROM answer WHERE s = 'mql') AS mql, funnel.aging(lead, stage, at, 'sal', '2024-02-01') = (SELECT days FROM answer WHERE s = 'sal') AS sal,
       funnel.aging(lead, stage, at, 'won', '2024-02-01') = (SELECT days FROM answer WHERE s = 'won') AS won FROM aging_rows;
-- Also what differs between workers differs.
SELECT call, r.state, r.message
FROM (VALUES ('CASE WHEN lead < 100 THEN ''mql'' ELSE ''sal'' END, timestamptz ''2024-02-01'''), ('''mql'', timestamptz ''2024-02-01'' + (lead / 9900) * interval ''1 day''')) v(call),
     pg_temp.refused(format('SELECT funnel.aging(lead, stage, at, %s) FROM aging_rows', call)) r;
COMMIT;
DROP TABLE aging_rows;
