--
-- Cohorts in and out: text and bytes, stored values, and what is refused
--
-- Binary input (COPY BINARY, hostile bytes) and dumps are tests of their own: test/t/hostile_input, test/t/dump_restore.
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

-- Cohorts of every shape: kinds of keys, labels, times, amounts and refs.
CREATE TEMP TABLE shape (name text, c funnel.cohort);
INSERT INTO shape
SELECT 'empty', funnel.cohort(NULL::int, 'a', now());
INSERT INTO shape
SELECT 'one event', funnel.cohort(42, 'mql', '2000-01-01');
INSERT INTO shape
SELECT 'ignored rows', funnel.cohort(lead, 'mql', '2000-01-01') FROM unnest('{1,NULL,NULL}'::int[]) lead;
INSERT INTO shape
SELECT 'integers', funnel.cohort(lead, 'mql', '2024-01-01')
FROM unnest('{-9223372036854775808,-1,0,1,255,256,65536,4294967296,9223372036854775807}'::bigint[]) lead;
INSERT INTO shape
SELECT 'identifiers', funnel.cohort(lead, 'mql', '2024-01-01')
FROM unnest('{"",-,A,_,z,003Dn00000ABCdeFGH,003Dn00000ABCdeFGI,ABCDEFGHIJKLMNOPQRST,zzzzzzzzzzzzzzzzzzzz}'::text[]) lead;
INSERT INTO shape
SELECT 'uuids', funnel.cohort(lead, 'mql', '2024-01-01')
FROM unnest('{00000000-0000-0000-0000-000000000000,1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b,ffffffff-ffff-ffff-ffff-ffffffffffff}'::uuid[]) lead;
INSERT INTO shape
SELECT 'texts', funnel.cohort(lead, 'mql', '2024-01-01')
FROM (SELECT 'lead no. ' || n FROM generate_series(1, 20) n UNION ALL SELECT 'née' UNION ALL SELECT repeat('x', 300)) t(lead);
INSERT INTO shape
SELECT 'all kinds of keys', funnel.merge(c) FROM shape WHERE name IN ('integers', 'identifiers', 'uuids', 'texts');
INSERT INTO shape
SELECT 'many events of a lead', funnel.cohort(1, 's' || n % 3, timestamptz '2024-01-01' + n * interval '1 minute')
FROM generate_series(1, 100) n;
INSERT INTO shape
SELECT 'times far apart', funnel.cohort(1, 'mql', at)
FROM unnest('{4714-11-24 00:00:00+00 BC,1970-01-01 00:00:00.000001+00,2000-01-01 00:00:00+00,294276-12-31 23:59:59.999999+00}'::timestamptz[]) at;
INSERT INTO shape
SELECT 'many labels', funnel.cohort(n % 5, 'stage ' || n, timestamptz '2024-01-01' + n * interval '1 day') FROM generate_series(1, 200) n;
INSERT INTO shape
SELECT 'ranks', funnel.cohort(1, stage, '2024-01-01') FROM unnest('{won,mql,lost}'::funnel.lead_stage[]) stage;
INSERT INTO shape
SELECT 'touches', funnel.touches(1, channel, '2024-01-01') FROM unnest('{email,web,""}'::text[]) channel;
INSERT INTO shape
SELECT 'stages and touches', funnel.merge(c) FROM shape WHERE name IN ('ranks', 'touches', 'many events of a lead');
INSERT INTO shape
SELECT 'amounts', funnel.cohort(n, 'won', '2024-01-01', amount)
FROM unnest('{NULL,0,0.00,1,-1,127,128,1.5,-1.50,999999999999999999,1e30,NaN,Infinity,-Infinity,0.0000000000000000001}'::numeric[])
     WITH ORDINALITY u(amount, n);
INSERT INTO shape
SELECT 'refs', funnel.cohort(1, 'won', '2024-01-01', n, ref)
FROM unnest('{NULL,1,1,-1,opp-1,opp-1,003Dn00000ABCdeFGH,1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b,deal no. 1,"",NULL,1}'::text[])
     WITH ORDINALITY u(ref, n);
INSERT INTO shape
SELECT 'everything', funnel.merge(c) FROM shape;

--
-- Text and back
--
SELECT name, c::text::funnel.cohort::text = c::text AS same_text, c::text::funnel.cohort = c AS equal,
       c::text = encode(funnel.cohort_send(c), 'hex') AS hexadecimal,
       (SELECT count(*) FROM funnel.events(c)) = d.events AS complete,
       NOT EXISTS (SELECT * FROM funnel.events(c) EXCEPT ALL SELECT * FROM funnel.events(c::text::funnel.cohort)) AS same_events
FROM shape, funnel.describe(c) d;

-- Version 1, byte by byte: what is stored today is read tomorrow.
WITH part (what, bytes) AS (VALUES
    ('version',                             '01'),
    ('flags',                               '00'),
    ('rows ignored',                        '0000000000000000'),
    ('leads with an integer key',           '01000000'),
    ('... an identifier, a uuid, a text',   '00000000 00000000 00000000'),
    ('events',                              '01'),
    ('first time, 2000-01-01',              '00'),
    ('last time: units after the first',    '00'),
    ('unit',                                '00'),
    ('stages, channels',                    '01 00'),
    ('label: length, no rank',              '06'),
    ('mql',                                 '6d716c'),
    ('lead: one event, key of eight bytes', '18'),
    ('42, offset by 2^63',                  '2a00000000000080'),
    ('event: label 0, no time to add',      '00'),
    ('padding',                             '0000000000000000'))
SELECT string_agg(replace(bytes, ' ', ''), '')::funnel.cohort = (SELECT c FROM shape WHERE name = 'one event') AS equal
FROM part;
-- A richer one: two leads, ranked stages, a channel, amounts, refs, one row ignored.
SELECT e.*, d.ignored
FROM (SELECT funnel.cohort(lead, stage, at::timestamptz, amount, ref)
             || funnel.touches(CASE lead WHEN 'ann' THEN lead END, 'web', at::timestamptz)
      FROM (VALUES ('ann', 'mql'::funnel.lead_stage, '2024-01-01', NULL, NULL), ('ann', 'won', '2024-01-08', 12.50, 7),
                   ('7', 'mql', '2024-01-03', NULL, NULL)) v(lead, stage, at, amount, ref)) s(c),
     funnel.events(c) e, funnel.describe(c) d;

-- Digits of either case, and space around them.
SELECT upper(c::text)::funnel.cohort = c AS upper_case, (E' \t' || c::text || E'\n ')::funnel.cohort = c AS space_around
FROM shape WHERE name = 'everything';

--
-- What is not the text of a cohort is refused
--
CREATE FUNCTION pg_temp.read(input text, OUT state text, OUT message text, OUT detail text) LANGUAGE sql AS
    'SELECT r.state, r.message, r.detail FROM pg_temp.refused(format(''SELECT %L::funnel.cohort'', input)) r';
SELECT what, r.*
FROM (SELECT c::text FROM shape WHERE name = 'one event') s(t),
     LATERAL (VALUES
        ('nothing',                   ''),
        ('space',                     '  '),
        ('words',                     'mql'),
        ('an odd number of digits',   t || '0'),
        ('a letter too far',          overlay(t PLACING 'g' FROM 20)),
        ('space within',              overlay(t PLACING ' ' FROM 20)),
        ('a prefix',                  '\x' || t),
        ('one byte',                  '01'),
        ('the next version',          overlay(t PLACING '02' FROM 1)),
        ('version 0',                 overlay(t PLACING '00' FROM 1)),
        ('an unknown flag',           overlay(t PLACING '80' FROM 3)),
        ('the flag of a rich one',    overlay(t PLACING '01' FROM 3)),
        ('the flag of a pile',        overlay(t PLACING '02' FROM 3)),
        ('fewer than no rows ignored', overlay(t PLACING 'ff' FROM 19)),
        ('one lead too many',         overlay(t PLACING '02' FROM 21)),
        ('no lead',                   overlay(t PLACING '00' FROM 21)),
        ('four billion leads',        overlay(t PLACING 'ffffffff' FROM 21)),
        ('a lead of another kind',    overlay(t PLACING '0000000001000000' FROM 21)),
        ('one event too many',        overlay(t PLACING '02' FROM 53)),
        ('a unit of nothing',         overlay(t PLACING '01' FROM 59)),
        ('no label',                  overlay(t PLACING '00' FROM 61)),
        ('a label that is cut off',   overlay(t PLACING 'fe' FROM 65)),
        ('a label with a zero byte',  overlay(t PLACING '00' FROM 67)),
        ('two events of the lead',    overlay(t PLACING '28' FROM 73)),
        ('no events of the lead',     overlay(t PLACING '08' FROM 73)),
        ('an unknown label',          overlay(t PLACING '08' FROM 91)),
        ('padding that is not zero',  overlay(t PLACING '01' FROM 107)),
        ('a byte more',               t || '00'),
        ('a byte less',               left(t, -2)),
        ('twice',                     t || t)) v(what, input),
     pg_temp.read(input) r;
SELECT r.hint FROM pg_temp.refused('SELECT ''mql''::funnel.cohort') r;
SELECT r.hint FROM pg_temp.refused('SELECT ''02''::funnel.cohort') r;
SELECT r.hint FROM (SELECT overlay(c::text PLACING '02' FROM 1) FROM shape WHERE name = 'one event') s(t),
    pg_temp.refused(format('SELECT %L::funnel.cohort', t)) r;

-- Another key, label or time is another cohort: it is read.
SELECT what, e.lead, e.kind, e.label, e.at
FROM (SELECT c::text FROM shape WHERE name = 'one event') s(t),
     LATERAL (VALUES ('lead 43', overlay(t PLACING '2b' FROM 75)),
                     ('sql', overlay(t PLACING '73716c' FROM 67)),
                     ('a channel', overlay(t PLACING '0001' FROM 61)),
                     ('two microseconds later', overlay(t PLACING '04' FROM 55))) v(what, input), funnel.events(input::funnel.cohort) e;

-- Text that the encoding does not have.
SELECT CASE getdatabaseencoding() WHEN 'UTF8' THEN r.state ELSE 'XX001' END AS state
FROM (SELECT c::text FROM shape WHERE name = 'one event') s(t), pg_temp.read(overlay(t PLACING 'ff' FROM 67)) r;

-- Whatever is cut off is refused, and so is whatever is added.
SELECT name, count(*) FILTER (WHERE r.state IS DISTINCT FROM 'XX001' AND r.state IS DISTINCT FROM '22P02') AS accepted
FROM shape, generate_series(1, least(length(c::text), 600) - 1) n, pg_temp.read(left(c::text, n)) r
WHERE name IN ('empty', 'one event', 'refs', 'amounts', 'touches')
GROUP BY name ORDER BY name COLLATE "C";
SELECT count(*) FILTER (WHERE r.state IS DISTINCT FROM 'XX001') AS accepted
FROM shape, unnest('{00,01,18,80,ff,0000000000000000}'::text[]) more, pg_temp.read(c::text || more) r;

--
-- Stored
--
CREATE TEMP TABLE monthly (month date PRIMARY KEY, c funnel.cohort);
INSERT INTO monthly
SELECT date_trunc('month', at), funnel.cohort(lead, 'mql', at)
FROM (SELECT lead, timestamptz '2024-01-01' + lead * interval '1 hour' FROM generate_series(0, 5000) lead) l(lead, at) GROUP BY 1;
SELECT month, d.leads, d.bytes > 2000 AS out_of_line, pg_column_size(c) < d.bytes + 64 AS not_larger
FROM monthly, funnel.describe(c) d ORDER BY month;
UPDATE monthly SET c = c || (SELECT funnel.cohort('a new one', 'mql', '2024-02-02')) WHERE month = '2024-02-01';
SELECT month, d.leads FROM monthly, funnel.describe(c) d ORDER BY month;
-- Storage is external: neither compressed nor in the way. In an index they are found by equality.
SELECT typstorage, typalign, typlen FROM pg_type WHERE oid = 'funnel.cohort'::regtype;
CREATE INDEX ON shape USING hash (c);
SET enable_seqscan = off;
SELECT b.name FROM shape a JOIN shape b ON b.c = a.c::text::funnel.cohort WHERE a.name = 'refs';
RESET enable_seqscan;
-- In arrays and rows, and as a domain.
CREATE DOMAIN pg_temp.leads AS funnel.cohort CHECK (VALUE <> '01000000000000000000000000000000000000000000000000000000000000000000000000000000');
SELECT array_agg(c ORDER BY name)::text::funnel.cohort[] = array_agg(c ORDER BY name) AS array FROM shape;
SELECT bool_and((c::pg_temp.leads)::text = c::text) AS domain FROM shape WHERE name <> 'empty';
SELECT d.leads FROM shape, funnel.describe(c::pg_temp.leads) d WHERE name = 'refs';
-- COPY, as text.
COPY (SELECT name, c FROM shape WHERE name IN ('one event', 'empty') ORDER BY name) TO STDOUT;
CREATE TEMP TABLE copied (c funnel.cohort);
COPY copied FROM STDIN;
0100000000000000000001000000000000000000000000000000010000000100066d716c182a00000000000080000000000000000000
\N
\.
SELECT c.c = s.c AS equal, c.c IS NULL AS is_null FROM copied c, shape s WHERE s.name = 'one event';
COPY copied FROM STDIN;
0100000000000000000001000000000000000000000000000000010000000100066d716c182a000000000000800000000000000000
\.
