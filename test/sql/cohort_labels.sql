--
-- Stages and channels: labels of any type, their rank, and the order of events at one time
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET search_path = public, funnel;
\pset null '(null)'

CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;

-- The labels of a cohort's events, lead by lead in canonical order.
CREATE FUNCTION pg_temp.labels(c funnel.cohort) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(label, '' '' ORDER BY n) FROM funnel.events(c) WITH ORDINALITY e(lead, kind, label, at, amount, ref, n)';

CREATE TYPE pg_temp.phase AS ENUM ('suspect', 'prospect', 'customer');
CREATE DOMAIN pg_temp.phase_d AS pg_temp.phase;
CREATE DOMAIN pg_temp.level AS int CHECK (VALUE >= 0);
CREATE DOMAIN pg_temp.stage_name AS varchar(40) CHECK (VALUE <> '');

--
-- Any type
--
CREATE FUNCTION pg_temp.label(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c funnel.cohort;
BEGIN
    EXECUTE format('SELECT funnel.cohort(1, %s, ''2024-01-01'')', expression) INTO c;
    RETURN pg_temp.labels(c);
END $$;
SELECT expression, pg_temp.label(expression) AS label,
       CASE WHEN pg_temp.label(expression) IS DISTINCT FROM label THEN 'should be ' || label ELSE '' END AS wrong
FROM (VALUES
    ('''mql''', 'mql'),
    ('''mql''::text', 'mql'),
    ('''mql''::varchar(10)', 'mql'),
    ('''mql''::char(10)', 'mql'),
    ('''mql''::name', 'mql'),
    ('''Marketing Qualified Lead''', 'Marketing Qualified Lead'),
    ('''''', ''),
    (''' ''::text', ' '),
    ('''mql''::pg_temp.stage_name', 'mql'),
    ('''prospect''::pg_temp.phase', 'prospect'),
    ('''prospect''::pg_temp.phase_d', 'prospect'),
    ('''Marketing Qualified Lead''::funnel.lead_stage', 'mql'),
    ('3::smallint', '3'),
    ('-3', '-3'),
    ('9223372036854775807', '9223372036854775807'),
    ('3::pg_temp.level', '3'),
    ('true', 'true'),
    ('''2024-02-29''::date', '2024-02-29')) v(expression, label);
-- Not dependent on the session's settings either.
SET datestyle = 'German';
SELECT pg_temp.label('''2024-02-29''::date') AS stage, label AS channel
FROM funnel.events((SELECT funnel.touches(1, '2024-02-29'::date, '2024-01-01')));
SET datestyle = 'ISO, YMD';

-- Labels are told by their bytes: case, spaces and length count.
SELECT d.stages
FROM (SELECT funnel.cohort(1, stage, '2024-01-01')
      FROM unnest('{won,Won,WON,"won ",w,wo,wonn,""," ",0,00,won}'::text[]) stage) s(c), funnel.describe(c) d;
-- One label from several types is one stage.
SELECT d.stages, d.events
FROM (SELECT funnel.cohort(1, 'mql', '2024-01-01')
             || funnel.cohort(1, 'mql'::varchar, '2024-01-02')
             || funnel.cohort(1, 'mql'::char(7), '2024-01-03')
             || funnel.cohort(1, 'mql'::funnel.lead_stage, '2024-01-04')) s(c), funnel.describe(c) d;
-- A channel called won is not a stage.
SELECT d.stages, d.channels FROM (SELECT funnel.cohort(1, 'won', '2024-01-01') || funnel.touches(1, 'won', '2024-01-01')) s(c),
    funnel.describe(c) d;
SELECT e.kind, e.label FROM (SELECT funnel.touches(1, 'won', '2024-01-01') || funnel.cohort(1, 'won', '2024-01-01')) s(c),
    funnel.events(c) e;
SELECT s.step, s.leads, s.ever FROM (SELECT funnel.cohort(1, 'new', '2024-01-01') || funnel.touches(1, 'won', '2024-01-02')) t(c),
    funnel.steps(c, '{new,won}') s;

-- Many labels: as many come out as went in, in order, with their events.
SELECT d.events, cardinality(d.stages) AS stages, cardinality(d.channels) AS channels,
       d.stages = ARRAY(SELECT 'stage ' || n FROM generate_series(1, 3000) n ORDER BY ('stage ' || n) COLLATE "C") AS in_order,
       (SELECT count(*) FROM funnel.events(c) WHERE label <> kind || ' ' || lead) AS wrong
FROM (SELECT funnel.merge(x)
      FROM (SELECT funnel.cohort(n, 'stage ' || n, '2024-01-01') FROM generate_series(1, 3000) n
            UNION ALL
            SELECT funnel.touches(n, 'touch ' || n, '2024-01-01') FROM generate_series(1, 3000) n) u(x)) s(c), funnel.describe(c) d;

-- Long labels.
SELECT n, octet_length(d.stages[1]) AS stage, octet_length(d.channels[1]) AS channel
FROM (SELECT n, funnel.cohort(1, repeat('x', n), '2024-01-01') || funnel.touches(1, repeat('y', n), '2024-01-01')
      FROM unnest('{255,256,1000,65535}'::int[]) n GROUP BY n) s(n, c), funnel.describe(c) d
ORDER BY n;
SELECT r.* FROM (VALUES ('SELECT funnel.cohort(1, repeat(''x'', 65536), ''2024-01-01'')'),
                        ('SELECT funnel.touches(1, repeat(''x'', 65536), ''2024-01-01'')')) q(query), pg_temp.refused(query) r;

--
-- Rank: what the type says comes first, comes first at the same time
--
-- All at one time, given in the wrong order.
-- lead_stage: the waterfall.
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01'))
FROM unnest('{recycled,won,sal,inquiry,lost,sql,disqualified,mql,opportunity}'::funnel.lead_stage[]) stage;
-- An enum: as it was declared, with values added later where they were put.
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01')) FROM unnest('{customer,suspect,prospect}'::pg_temp.phase[]) stage;
ALTER TYPE pg_temp.phase ADD VALUE 'inbound' BEFORE 'suspect';
ALTER TYPE pg_temp.phase ADD VALUE 'qualified' AFTER 'prospect';
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01'))
FROM unnest('{customer,suspect,prospect,qualified,inbound}'::pg_temp.phase[]) stage;
SELECT pg_temp.labels(funnel.cohort(1, stage::pg_temp.phase_d, '2024-01-01'))
FROM unnest('{customer,suspect,prospect,qualified,inbound}'::pg_temp.phase[]) stage;
-- A value that was renamed has its new name.
ALTER TYPE pg_temp.phase RENAME VALUE 'suspect' TO 'lead';
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01')) FROM unnest(enum_range(NULL::pg_temp.phase)) stage;
-- Integers: by value.
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01')) FROM unnest('{10,9,-1,100,0}'::int[]) stage;
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01')) FROM unnest('{10,9,-1,100,0}'::bigint[]) stage;
SELECT pg_temp.labels(funnel.cohort(1, stage::pg_temp.level, '2024-01-01')) FROM unnest('{10,9,100,0}'::int[]) stage;
-- Text has none: by bytes, whatever the collation.
SELECT pg_temp.labels(funnel.cohort(1, stage, '2024-01-01')) FROM unnest('{b,a,B,aa,Z,10,9}'::text[]) stage;
SELECT pg_temp.labels(funnel.cohort(1, stage COLLATE "C", '2024-01-01')) FROM unnest('{b,a,B,aa,Z,10,9}'::text[]) stage;
-- Channels have none, of whatever type they are.
SELECT pg_temp.labels(funnel.touches(1, channel, '2024-01-01')) FROM unnest('{10,9,100}'::int[]) channel;
SELECT pg_temp.labels(funnel.touches(1, channel, '2024-01-01')) FROM unnest('{customer,inbound,lead}'::pg_temp.phase[]) channel;

-- in_order ranks text; what it does not name comes after.
SELECT pg_temp.labels(c) AS by_bytes, pg_temp.labels(funnel.in_order(c, '{mql,sal,sql,won}')) AS in_order,
       pg_temp.labels(funnel.in_order(c, '{won}')) AS won_first
FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{won,sql,sal,mql,call,demo}'::text[]) stage) s(c);

-- Time comes before rank, rank before touches' names, stages before touches, amount and ref last.
SELECT e.at::date, e.kind, e.label, e.amount, e.ref
FROM (SELECT (SELECT funnel.cohort(1, stage::funnel.lead_stage, at::timestamptz, amount, ref)
              FROM (VALUES ('won', '2024-01-02', 1, 'b'), ('won', '2024-01-02', 1, 'a'), ('won', '2024-01-02', NULL, 'a'),
                           ('won', '2024-01-02', 1, NULL), ('won', '2024-01-02', 0.5, 'z'), ('sql', '2024-01-02', 9, 'z'),
                           ('won', '2024-01-01', 9, 'z'), ('won', '2024-01-02', 1, '10'), ('won', '2024-01-02', 1, '9'))
                   v(stage, at, amount, ref))
             || (SELECT funnel.touches(1, channel, '2024-01-02') FROM unnest('{web,ads}'::text[]) channel)) s(c),
     funnel.events(c) e;

-- Where cohorts are united, a label keeps the smallest rank it has in any of them, and a rank goes before none.
-- a is 1 and 2, b is 2 and 1: both are 1 then, and bytes decide. c is 3 and none: it stays 3.
SELECT pg_temp.labels(x) AS x, pg_temp.labels(y) AS y, pg_temp.labels(x || y) AS x_and_y,
       (x || y)::text = (y || x)::text AS same_bytes, pg_temp.labels(funnel.merge(x, z)) AS with_text
FROM (SELECT funnel.in_order(c, '{a,b,c}'), funnel.in_order(c, '{b,a}'), c
      FROM (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{a,b,c}'::text[]) stage) s(c)) t(x, y, z);
-- The rank that one lead's rows bring holds for all leads: text 'mql' and 'won' of lead 2 sort as lead_stage does.
SELECT e.lead, e.label
FROM (SELECT (SELECT funnel.cohort(1, stage, '2024-01-01') FROM unnest('{won,mql}'::funnel.lead_stage[]) stage)
             || (SELECT funnel.cohort(2, stage, '2024-01-01') FROM unnest('{aaa,mql,sal,won}'::text[]) stage)) s(c),
     funnel.events(c) e;
-- However they are united: 30 cohorts, of which one is ranked, in any order and grouping.
CREATE TEMP TABLE part AS
SELECT n, CASE n WHEN 7 THEN funnel.in_order(c, '{z,y,x}') ELSE c END AS c
FROM (SELECT n, funnel.cohort(lead, stage, '2024-01-01') AS c
      FROM generate_series(1, 30) n, generate_series(n, n + 2) lead, unnest('{x,y,z,w}'::text[]) stage GROUP BY n) s;
SELECT count(*) AS ways, count(DISTINCT form) AS forms, min(left(labels, 15)) AS lead_1
FROM (SELECT c::text, pg_temp.labels(c)
      FROM (SELECT funnel.merge(c ORDER BY n) FROM part
            UNION ALL
            SELECT funnel.merge(c ORDER BY n DESC) FROM part
            UNION ALL
            SELECT funnel.merge(c) FROM (SELECT funnel.merge(c) FROM part GROUP BY n % 2) h(c)
            UNION ALL
            SELECT funnel.merge(c) FROM (SELECT funnel.merge(c) FROM part GROUP BY n % 11) h(c)
            UNION ALL
            SELECT funnel.merge((SELECT funnel.merge(c) FROM part WHERE n > 7), (SELECT funnel.merge(c) FROM part WHERE n <= 7))) w(c)
     ) t(form, labels);
