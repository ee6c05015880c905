--
-- Thousands of small random histories, the same everywhere (they are drawn from md5), the
-- cohorts made of them, and the arguments the questions are asked with.
-- Needs oracle_0_reference; oracle_cohort, oracle_stays and oracle_steps need this.
--
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;    -- many small calls

CREATE FUNCTION oracle.pick(seed text, n int) RETURNS int
IMMUTABLE LANGUAGE sql AS $$ SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n $$;

-- Few moments, so that many events fall on one; the gaps between them are a day, a
-- microsecond, thirty days. Clocks in America change between the first two.
CREATE FUNCTION oracle.moment(i int) RETURNS timestamptz
IMMUTABLE LANGUAGE sql AS $$
    SELECT '2024-03-09 18:00:00+00'::timestamptz
           + ('{0, 24:00:00, 24:00:00.000001, 48:00:00, 84:00:00, 744:00:00, 768:00:00}'::interval[])[i + 1]
$$;

CREATE TYPE oracle.track AS ENUM ('won', 'mql', 'sal', 'lost', 'demo');

-- labels: what the stages are called; ranks: their order where the stage's type has one.
CREATE TABLE oracle.plan (
    cohort  int PRIMARY KEY,
    about   text,
    leads   int,
    events  int,        -- at most, for a lead
    moments int,
    labels  text[],
    ranks   float8[]
);
INSERT INTO oracle.plan VALUES
(1, 'int leads, text stages, int refs',                   300, 9, 7, '{mql,sal,sql,won,lost}', NULL),
(2, 'text leads, lead_stage, text refs',                  300, 9, 7, '{mql,sql,opportunity,won,lost}', '{2,4,5,6,7}'),
(3, 'uuid leads, enum stages, uuid refs',                 300, 9, 7, '{mql,sal,won,lost,demo}', '{2,3,1,4,5}'),
(4, 'text and bigint leads, text and lead_stage, merged', 300, 9, 7, '{mql,sql,opportunity,won,lost}', '{2,4,5,6,7}'),
(5, '18-character leads, int stages, float8 amounts, no refs', 300, 9, 7, '{10,9,2,-1,100}', '{10,9,2,-1,100}'),
(6, 'bigint leads, three varchar stages at three moments', 200, 10, 3, '{a,b,c,a,b}', NULL),
(7, 'text leads, text stages of which three are put in order', 300, 9, 7, '{mql,sal,won,lost,demo}', '{3,2,1,NULL,NULL}'),
(8, 'smallint leads, text stages, no amounts, no refs',   300, 9, 7, '{mql,sal,sql,won,lost}', NULL);

CREATE FUNCTION oracle.lead_name(cohort int, i int) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN cohort IN (1, 8) THEN (i * 37 - 5000)::text
                WHEN cohort IN (4, 6) THEN (i * 10000000019)::text
                WHEN cohort = 3 THEN md5('lead ' || i)::uuid::text
                WHEN cohort = 5 THEN '00Q5g00000' || substr(upper(md5('lead ' || i)), 1, 8)
                WHEN i > 1 THEN 'lead ' || i
                ELSE '' END
$$;

CREATE FUNCTION oracle.ref_name(cohort int, i int) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN cohort IN (5, 8) THEN NULL
                WHEN cohort = 1 THEN ('{9,10,-1}'::text[])[i]
                WHEN cohort = 3 THEN md5('ref ' || i)::uuid::text
                ELSE ('{o1,O2,""}'::text[])[i] END
$$;

-- Half of the leads walk forward in time, seeing some stages several times over; the other
-- half jump. An event in eight comes twice. A lead has up to three records, some none.
INSERT INTO oracle.event
SELECT p.cohort, oracle.lead_name(p.cohort, l), 'stage', p.labels[1 + label],
       CASE WHEN p.cohort <> 4 OR oracle.pick(seed || ' ranked', 2) = 0 THEN p.ranks[1 + label] END,
       oracle.moment(at),
       CASE WHEN p.cohort = 8 THEN NULL
            WHEN p.cohort = 5 THEN amount::float8::numeric
            ELSE amount END,
       oracle.ref_name(p.cohort, oracle.pick(seed || ' ref', 1 + greatest(0, oracle.pick(lead_seed || ' refs', 6) - 2)))
FROM oracle.plan p
CROSS JOIN generate_series(1, p.leads) l
CROSS JOIN LATERAL (SELECT format('%s %s', p.cohort, l) AS lead_seed) s1
CROSS JOIN LATERAL (SELECT 1 + oracle.pick(lead_seed || ' events', p.events) AS events) n
CROSS JOIN generate_series(1, n.events) e
CROSS JOIN LATERAL (SELECT format('%s %s', lead_seed, e) AS seed) s2
CROSS JOIN LATERAL (
    SELECT oracle.pick(format('%s %s label', lead_seed, e - (oracle.pick(seed || ' again', 4) = 0)::int), 5) AS label,
           CASE oracle.pick(lead_seed || ' jumps', 2)
                WHEN 0 THEN (e - 1) * p.moments / n.events
                ELSE oracle.pick(seed || ' at', p.moments) END AS at,
           ('{NULL,NULL,NULL,10,10.0,10.00,5,7.50,-3,0}'::numeric[])[1 + oracle.pick(seed || ' amount', 10)] AS amount
) v
CROSS JOIN generate_series(0, (oracle.pick(seed || ' twice', 8) = 0)::int) twice;

-- Touches at the same moments, over channels of which one is called like a stage; a few of
-- the leads were touched only.
INSERT INTO oracle.event (cohort, lead, kind, label, at)
SELECT p.cohort, oracle.lead_name(p.cohort, l), 'touch',
       (ARRAY['ads', 'email', p.labels[2]])[1 + oracle.pick(seed || ' channel', 3)],
       oracle.moment(oracle.pick(seed || ' at', p.moments))
FROM oracle.plan p
CROSS JOIN generate_series(1, p.leads + 5) l
CROSS JOIN generate_series(1, 3) e
CROSS JOIN LATERAL (SELECT format('%s %s touch %s', p.cohort, l, e) AS seed) s
WHERE oracle.pick(seed, 2) = 0;
ANALYZE oracle.event;

SELECT p.cohort, p.about, count(DISTINCT e.lead) AS leads, count(*) FILTER (WHERE e.kind = 'stage') AS stage_events,
       count(*) FILTER (WHERE e.kind = 'touch') AS touches
FROM oracle.plan p JOIN oracle.event e USING (cohort)
GROUP BY p.cohort ORDER BY p.cohort;

-- What the questions are asked with: up to five steps, some of them repeated or in no
-- history; windows equal to a gap or just short of it; periods with every kind of bound;
-- as_of before everything, at a moment, between moments and after everything.
CREATE TABLE oracle.argument AS
SELECT p.cohort, a AS arg,
       (SELECT array_agg(coalesce(p.labels[1 + oracle.pick(format('%s step %s', seed, k), 5 + (a % 8 = 0)::int)], 'nowhere') ORDER BY k)
        FROM generate_series(1, 1 + (a + 1) % 5) k) AS steps,
       ('{NULL, NULL, 24:00:00, 1 day, 23:59:59.999999, 1 mon -28 days, 3 days, 30 days, 1 mon, 1 mon 1 day, 0.000001 s}'::interval[])
           [1 + oracle.pick(seed || ' within', 11)] AS within,
       (ARRAY[NULL, NULL, NULL, NULL,
              tstzrange(oracle.moment(0), oracle.moment(1), '[)'),
              tstzrange(oracle.moment(0), oracle.moment(1), '(]'),
              tstzrange(oracle.moment(1), oracle.moment(3), '[]'),
              tstzrange(oracle.moment(1), oracle.moment(3), '()'),
              tstzrange(oracle.moment(2), oracle.moment(2), '[]'),
              tstzrange(NULL, oracle.moment(1), '()'),
              tstzrange(NULL, oracle.moment(2), '(]'),
              tstzrange(oracle.moment(1), NULL, '()'),
              tstzrange(oracle.moment(1), NULL, '[)'),
              tstzrange(NULL, NULL),
              tstzrange('-infinity', oracle.moment(4), '[]'),
              'empty'])[1 + oracle.pick(seed || ' period', 16)] AS period,
       (ARRAY[oracle.moment(1), oracle.moment(2), oracle.moment(4), oracle.moment(4) + interval '1 microsecond',
              oracle.moment(5), oracle.moment(6), oracle.moment(6) + interval '24 hours', oracle.moment(6) + interval '720 hours',
              '2030-01-01 00:00:00+00', oracle.moment(0)])[1 + oracle.pick(seed || ' until', 10)] AS until
FROM oracle.plan p
CROSS JOIN generate_series(1, 24) a
CROSS JOIN LATERAL (SELECT format('argument %s %s', p.cohort, a) AS seed) s;

SELECT count(*) AS arguments, min(cardinality(steps)) AS fewest_steps, max(cardinality(steps)) AS most_steps,
       count(within) AS with_window, count(period) AS with_period, count(DISTINCT until) AS as_of_times
FROM oracle.argument;

-- The cohorts: lead NULL is the whole, and every lead is a cohort of its own. The touches
-- always come with text keys: they belong to the same leads all the same.
CREATE TABLE oracle.piece (cohort int, lead text, c funnel.cohort);
INSERT INTO oracle.piece
SELECT 1, lead, funnel.cohort(lead::int, label, at, amount, ref::int)
FROM oracle.event WHERE cohort = 1 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 2, lead, funnel.cohort(lead, label::funnel.lead_stage, at, amount, ref)
FROM oracle.event WHERE cohort = 2 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 3, lead, funnel.cohort(lead::uuid, label::oracle.track, at, amount, ref::uuid)
FROM oracle.event WHERE cohort = 3 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 4, lead, funnel.cohort(lead, label, at, amount, ref)
FROM oracle.event WHERE cohort = 4 AND kind = 'stage' AND rank IS NULL GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 4, lead, funnel.cohort(lead::bigint, label::funnel.lead_stage, at, amount, ref)
FROM oracle.event WHERE cohort = 4 AND kind = 'stage' AND rank IS NOT NULL GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 5, lead, funnel.cohort(lead::varchar, label::int, at, amount::float8)
FROM oracle.event WHERE cohort = 5 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 6, lead, funnel.cohort(lead::bigint, label::varchar, at, amount, ref)
FROM oracle.event WHERE cohort = 6 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 7, lead, funnel.in_order(funnel.cohort(lead, label, at, amount, ref), '{won,sal,mql}')
FROM oracle.event WHERE cohort = 7 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT 8, lead, funnel.cohort(lead::smallint, label, at)
FROM oracle.event WHERE cohort = 8 AND kind = 'stage' GROUP BY GROUPING SETS ((), (lead));
INSERT INTO oracle.piece
SELECT cohort, lead, funnel.touches(lead, label, at)
FROM oracle.event WHERE cohort < 100 AND kind = 'touch' GROUP BY GROUPING SETS ((cohort), (cohort, lead));

CREATE TABLE oracle.cohort AS
SELECT cohort, lead, funnel.merge(c) AS c FROM oracle.piece GROUP BY cohort, lead;

SELECT count(*) FILTER (WHERE lead IS NULL) AS whole, count(*) FILTER (WHERE lead IS NOT NULL) AS of_one_lead
FROM oracle.cohort;
