--
-- Lead keys: a lead is told by the text form of its key, whatever the type, and two text forms are never one lead
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

-- The cohort of one lead, whose key is an SQL expression; and what it says the key is.
CREATE FUNCTION pg_temp.of_lead(expression text) RETURNS funnel.cohort LANGUAGE plpgsql AS $$
DECLARE
    c funnel.cohort;
BEGIN
    EXECUTE format('SELECT funnel.cohort(%s, ''new'', ''2024-01-01'')', expression) INTO c;
    RETURN c;
END $$;
CREATE FUNCTION pg_temp.key(expression text) RETURNS text LANGUAGE sql AS
    'SELECT lead FROM funnel.events(pg_temp.of_lead(expression))';

--
-- Any type
--
CREATE TYPE pg_temp.region AS ENUM ('emea', 'us west');
CREATE DOMAIN pg_temp.lead_id AS bigint CHECK (VALUE > 0);
CREATE DOMAIN pg_temp.crm_id AS pg_temp.lead_id;
CREATE DOMAIN pg_temp.sf_id AS varchar(18);
CREATE TYPE pg_temp.pair AS (system text, id int);

CREATE TEMP TABLE typed (expression text, key text);
INSERT INTO typed VALUES
  ('42::smallint', '42'),
  ('42', '42'),
  ('-42::bigint', '-42'),
  ('0', '0'),
  ('9223372036854775807', '9223372036854775807'),
  ('(-9223372036854775808)', '-9223372036854775808'),
  ('42::text', '42'),
  ('''ann''', 'ann'),
  ('''ann''::text', 'ann'),
  ('''ann''::varchar(18)', 'ann'),
  ('''ann''::name', 'ann'),
  ('''a''::"char"', 'a'),
  ('''''::text', ''),
  ('''003Dn00000ABCdeFGH''::varchar(18)', '003Dn00000ABCdeFGH'),
  -- character(n) is compared without its padding; in text a space is a space
  ('''ann''::char(18)', 'ann'),
  ('''  ann''::char(18)', '  ann'),
  ('''''::char(18)', ''),
  ('''ann ''::text', 'ann '),
  -- numeric by value
  ('42.0', '42'),
  ('42.50::numeric(10,4)', '42.5'),
  ('1e3::numeric', '1000'),
  ('-0.0', '0'),
  ('0.00', '0'),
  ('12345678901234567890', '12345678901234567890'),
  ('''NaN''::numeric', 'NaN'),
  ('42::float8', '42'),
  ('0.1::float8', '0.1'),
  ('0.1::float4', '0.1'),
  ('1e100::float8', '1e+100'),
  ('true', 'true'),
  ('false', 'false'),
  ('''1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b''::uuid', '1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b'),
  ('''{1D8E3B2A0F4C4E5D8A6B7C8D9E0F1A2B}''::uuid', '1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b'),
  ('''2024-02-29''::date', '2024-02-29'),
  ('''2024-02-29 12:00:00+02''::timestamptz', '2024-02-29 10:00:00+00'),
  ('''2024-02-29 12:00:00.5''::timestamp', '2024-02-29 12:00:00.5'),
  ('''12:30''::time', '12:30:00'),
  ('''1 day 02:00''::interval', '1 day 02:00:00'),
  ('''\x00ff''::bytea', '\x00ff'),
  ('''192.0.2.1''::inet', '192.0.2.1'),
  ('''us west''::pg_temp.region', 'us west'),
  ('42::pg_temp.lead_id', '42'),
  ('42::pg_temp.crm_id', '42'),
  ('''003Dn00000ABCdeFGH''::pg_temp.sf_id', '003Dn00000ABCdeFGH'),
  ('''mql''::funnel.lead_stage', 'mql'),
  ('ROW(''sf'', 42)::pg_temp.pair', '(sf,42)'),
  ('ARRAY[1,2]', '{1,2}'),
  ('''{"id": 42}''::jsonb', '{"id": 42}'),
  ('''[2024-01-01,2024-02-01)''::daterange', '[2024-01-01,2024-02-01)');
SELECT t.expression, pg_temp.key(t.expression) AS key,
       CASE WHEN pg_temp.key(t.expression) IS DISTINCT FROM t.key THEN 'should be ' || t.key ELSE '' END AS wrong
FROM typed t;

-- Whatever the settings of the session.
CREATE FUNCTION pg_temp.differ() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(expression || ' is ' || pg_temp.key(expression), ', '), 'none')
    FROM typed WHERE pg_temp.key(expression) IS DISTINCT FROM key
$$;
SET datestyle = 'German';
SELECT pg_temp.differ();
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kathmandu';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SELECT pg_temp.differ();
-- They are as before afterwards.
SHOW datestyle;
SHOW timezone;
SHOW intervalstyle;
SHOW extra_float_digits;
SHOW bytea_output;
RESET extra_float_digits;
RESET bytea_output;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';

-- Types whose text form depends on more than can be fixed are refused.
SELECT expression, r.* FROM (VALUES ('12.50::money'), ('''pg_class''::regclass'), ('''integer''::regtype')) v(expression),
    pg_temp.refused(format('SELECT pg_temp.of_lead(%L)', expression)) r;

--
-- One lead: the same text form in another type is the same key, and the same bytes
--
SELECT a, b, pg_temp.of_lead(a)::text = pg_temp.of_lead(b)::text AS same_bytes, d.leads
FROM (VALUES
    ('42', '''42'''),
    ('42', '''42''::text'),
    ('42', '42.0'),
    ('42::smallint', '42::bigint'),
    ('42', '42::float8'),
    ('(-7)', '''-7''::char(5)'),
    ('9223372036854775807', '9223372036854775807.0'),
    ('''ann''', '''ann''::varchar'),
    ('''ann''::name', '''ann''::char(8)'),
    ('''1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b''::uuid', '''1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b''::text'),
    ('true', '''true'''),
    ('''2024-02-29''::date', '''2024-02-29''::text')) v(a, b),
    funnel.describe(pg_temp.of_lead(a) || pg_temp.of_lead(b)) d;

-- Two leads: anything else in the text form makes another key.
SELECT a, b, d.leads
FROM (VALUES
    ('42', '''042'''),
    ('42', '''+42'''),
    ('42', ''' 42'''),
    ('42', '''42 '''),
    ('42', '''42.0'''),
    ('0', '''-0'''),
    ('0', ''''''),
    ('1', 'true'),
    ('''ann''', '''Ann'''),
    ('''ann''', '''ann '''),
    ('''1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b''::uuid', '''1D8E3B2A-0F4C-4E5D-8A6B-7C8D9E0F1A2B'''),
    ('''1d8e3b2a-0f4c-4e5d-8a6b-7c8d9e0f1a2b''::uuid', '''1d8e3b2a0f4c4e5d8a6b7c8d9e0f1a2b'''),
    ('9223372036854775807', '''9223372036854775808'''),
    ('(-9223372036854775808)', '''-9223372036854775809'''),
    -- composed and decomposed, which look alike
    ('''é''', '''é''')) v(a, b),
    funnel.describe(pg_temp.of_lead(a) || pg_temp.of_lead(b)) d;

--
-- Never confused: as many leads come out as keys go in, each as it was written
--
CREATE TEMP TABLE keys (key text);
-- Every string of up to four characters that digits, signs, CRM identifiers and other text begin with.
INSERT INTO keys
WITH RECURSIVE word(w) AS (
    SELECT ''
    UNION ALL
    SELECT w || c FROM word, unnest('{-,0,1,9,A,a,_,+,é}'::text[] || ' '::text) c WHERE length(w) < 4
)
SELECT w FROM word;
-- The ends of the integers; identifiers of 17 to 22 characters, of the first and last characters that there are;
-- words that differ in the last place; uuids, and what is almost one; long texts with a common beginning.
INSERT INTO keys
SELECT (n + d)::text FROM unnest('{-9223372036854775808, 9223372036854775807, -2147483648, 4294967296}'::numeric[]) n,
       generate_series(-3, 3) d
UNION SELECT repeat(c, n) FROM unnest('{-,0,9,A,Z,_,a,z,é}'::text[]) c, generate_series(5, 22) n
UNION SELECT '003Dn00000ABCdeFG' || c FROM unnest(string_to_array('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_0123456789', NULL)) c
UNION SELECT overlay('00000000-0000-0000-0000-000000000000' PLACING c FROM i)
      FROM generate_series(1, 36) i, unnest('{0,1,f,F,g,-}'::text[]) c
UNION SELECT repeat('x', 1000) || n FROM generate_series(1, 20) n
UNION SELECT n || repeat('x', 1000) FROM generate_series(1, 20) n;
SELECT d.leads = count(DISTINCT key) AS as_many
FROM (SELECT funnel.cohort(key, 'new', '2024-01-01') AS c FROM keys) s, funnel.describe(c) d, keys
GROUP BY d.leads;
SELECT count(*) AS changed
FROM ((SELECT key FROM keys EXCEPT SELECT lead FROM (SELECT funnel.cohort(key, 'new', '2024-01-01') AS c FROM keys) s, funnel.events(c))
      UNION ALL
      (SELECT lead FROM (SELECT funnel.cohort(key, 'new', '2024-01-01') AS c FROM keys) s, funnel.events(c)
       EXCEPT SELECT key FROM keys)) t;
-- However they come together: by one, halves, and read back from text.
SELECT count(DISTINCT form) AS forms
FROM (SELECT funnel.cohort(key, 'new', '2024-01-01')::text FROM keys
      UNION ALL
      SELECT funnel.cohort(key, 'new', '2024-01-01')::text::funnel.cohort::text FROM keys
      UNION ALL
      SELECT funnel.merge(c)::text FROM (SELECT funnel.cohort(key, 'new', '2024-01-01') FROM keys GROUP BY length(key)) s(c)
      UNION ALL
      SELECT funnel.merge(c)::text FROM (SELECT funnel.cohort(key, 'new', '2024-01-01') FROM keys GROUP BY key) s(c)) t(form);

-- The same holds of refs: each makes a stay of its own.
SELECT count(*) = (SELECT count(DISTINCT key) FROM keys) AS as_many,
       count(*) FILTER (WHERE ref NOT IN (SELECT key FROM keys)) AS changed
FROM (SELECT funnel.cohort(1, 'new', timestamptz '2024-01-01', 0, key) AS c FROM (SELECT DISTINCT key FROM keys) k) s, funnel.stays(c);

--
-- Long keys
--
SELECT n, length(pg_temp.key(format('repeat(''x'', %s)', n)))
FROM unnest('{19,20,21,255,256,1000,65535}'::int[]) n;
SELECT octet_length(lead) FROM funnel.events(pg_temp.of_lead('repeat(''é'', 32767)'));
SELECT r.* FROM (VALUES ('repeat(''x'', 65536)'), ('repeat(''é'', 32768)'), ('repeat(''x'', 10000000)')) v(expression),
    pg_temp.refused(format('SELECT pg_temp.of_lead(%L)', expression)) r;
SELECT r.* FROM pg_temp.refused('SELECT funnel.cohort(1, ''new'', ''2024-01-01'', 0, repeat(''x'', 65536))') r;
-- A key that is stored out of line, or compressed, is read as it is.
CREATE TEMP TABLE long_keys (key text);
ALTER TABLE long_keys ALTER key SET STORAGE external;
INSERT INTO long_keys SELECT repeat(md5(n::text), 1000) FROM generate_series(1, 3) n;
INSERT INTO long_keys SELECT repeat('x', 60000 + n) FROM generate_series(1, 3) n;
SELECT count(*) AS leads, count(*) FILTER (WHERE lead IN (SELECT key FROM long_keys)) AS unchanged
FROM (SELECT funnel.cohort(key, 'new', '2024-01-01') AS c FROM long_keys) s, funnel.events(c);

-- Keys are read from columns of mixed types in one query, each aggregate for itself.
SELECT (SELECT array_agg(lead) FROM funnel.events(a)) AS int, (SELECT array_agg(lead) FROM funnel.events(b)) AS text,
       (SELECT array_agg(lead) FROM funnel.events(c)) AS uuid
FROM (SELECT funnel.cohort(i, 'new', '2024-01-01') AS a, funnel.cohort(t, 'new', '2024-01-01') AS b,
             funnel.cohort(u, 'new', '2024-01-01') AS c
      FROM (VALUES (2, 'b'::text, '00000000-0000-0000-0000-000000000002'::uuid), (1, 'a', '00000000-0000-0000-0000-000000000001'))
           v(i, t, u)) s;

--
-- Types whose text form follows the session are refused, wherever they are in a type: a lead must not become another
-- when search_path changes
--
CREATE TYPE pg_temp.owned AS (id int, at regclass);
SELECT funnel.cohort('pg_class'::regclass, 'mql', now());
SELECT funnel.cohort(ARRAY['pg_class'::regclass], 'mql', now());
SELECT funnel.cohort(ROW(1, 'pg_class')::pg_temp.owned, 'mql', now());
SELECT funnel.cohort(1, 12.5::money, now());
SELECT funnel.cohort(1, 'mql', now(), 1, 'now'::regproc);
