--
-- Amounts: exact, with the scale they came with
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

--
-- What comes out is what went in, as numeric prints it
--
CREATE FUNCTION pg_temp.amount(expression text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    c funnel.cohort;
BEGIN
    EXECUTE format('SELECT funnel.cohort(1, ''won'', ''2024-01-01'', %s)', expression) INTO c;
    RETURN (SELECT amount FROM funnel.events(c::text::funnel.cohort));
END $$;
CREATE DOMAIN pg_temp.money_t AS numeric(12,2);
SELECT expression, pg_temp.amount(expression) AS amount,
       CASE WHEN pg_temp.amount(expression)::text IS DISTINCT FROM amount THEN 'should be ' || amount ELSE '' END AS wrong
FROM (VALUES
    ('0', '0'),
    ('0.00', '0.00'),
    ('1.5', '1.5'),
    ('1.50', '1.50'),
    ('-1.50', '-1.50'),
    ('-0.001', '-0.001'),
    ('1000', '1000'),
    ('1000::smallint', '1000'),
    ('1000::bigint', '1000'),
    ('9223372036854775807', '9223372036854775807'),
    ('(-9223372036854775808)', '-9223372036854775808'),
    ('999999999999999999', '999999999999999999'),
    ('1000000000000000000', '1000000000000000000'),
    ('-1000000000000000000::bigint', '-1000000000000000000'),
    ('0.999999999999999999', '0.999999999999999999'),
    ('1.000000000000000000', '1.000000000000000000'),
    ('0.0000000000000000001', '0.0000000000000000001'),
    ('0.000000000000000000', '0.000000000000000000'),
    ('0.0000000000000000000', '0.0000000000000000000'),
    ('123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'),
    ('1e30', '1000000000000000000000000000000'),
    ('1e-30', '0.000000000000000000000000000001'),
    ('1250::pg_temp.money_t', '1250.00'),
    ('0.1::float8', '0.1'),
    ('1e15::float8', '1000000000000000'),
    ('-2.5::float4', '-2.5'),
    ('''12.30''', '12.30'),
    ('''NaN''::numeric', 'NaN'),
    ('''NaN''::float8', 'NaN'),
    ('''Infinity''::numeric', 'Infinity'),
    ('''-infinity''::float8', '-Infinity')) v(expression, amount);
SELECT pg_temp.amount('NULL::numeric') AS null_numeric, pg_temp.amount('NULL::int') AS null_int, pg_temp.amount('NULL') AS null_literal;
-- The largest numeric there is, and the smallest.
SELECT pg_temp.amount('repeat(''9'', 131072)::numeric') = repeat('9', 131072)::numeric AS largest,
       pg_temp.amount('(''0.'' || repeat(''0'', 16382) || ''1'')::numeric') = ('0.' || repeat('0', 16382) || '1')::numeric AS smallest;

-- Every small number is kept, of any scale and sign.
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE e.amount::text IS DISTINCT FROM e.lead) AS changed
FROM (SELECT funnel.cohort(amount, 'won', '2024-01-01', amount::numeric) AS c
      FROM (SELECT DISTINCT round(sign * mantissa / 10::numeric ^ shift, scale)::text
            FROM unnest('{1,9,10,99,9999,10000,12345,99999999,100000000,999999999999999999}'::numeric[]) mantissa,
                 unnest('{1,-1}'::int[]) sign, generate_series(0, 20) shift, generate_series(0, 20) scale) n(amount)) s,
     funnel.events(c) e;

-- Other types are no amounts.
SELECT type, r.*
FROM unnest('{text,boolean,date,money,interval,numeric[]}'::text[]) type,
     pg_temp.refused(format('SELECT funnel.cohort(1, ''won'', ''2024-01-01'', NULL::%s)', type)) r;
SELECT r.* FROM pg_temp.refused('SELECT funnel.cohort(1, ''won'', ''2024-01-01'', ''a lot'')') r;

--
-- Order: by value, then scale, NULL last; every one of them makes another event
--
SELECT e.amount
FROM (SELECT funnel.cohort(1, 'won', '2024-01-01', amount)
      FROM unnest('{NULL,2,1.50,NaN,-1,1.5,Infinity,1e25,0,-Infinity,1.500,-1e25,2.0,1.4999999999999999999,1.5000000000000000001,-0.5,0.0}'::numeric[])
           amount) s(c), funnel.events(c) e;
SELECT a, b, funnel.cohort(1, 'won', '2024-01-01', a) = funnel.cohort(1, 'won', '2024-01-01', b) AS equal
FROM (VALUES (1.5, 1.50), (0, 0.0), (1.5, 1.5), (NULL, 0), (NULL, NULL), (1e25, 1e25), ('NaN', 'NaN'),
             (1.5, 1.5000000000000000000)) v(a, b)
GROUP BY a, b, scale(a), scale(b) ORDER BY a, b, scale(b);
-- NULL in all rows, or no amount at all: the same cohort.
SELECT funnel.cohort(1, 'won', '2024-01-01', NULL::numeric)::text = funnel.cohort(1, 'won', '2024-01-01')::text AS same_bytes;
SELECT (funnel.cohort(1, 'won', '2024-01-01', 5) || funnel.cohort(2, 'won', '2024-01-01'))::text
       = (SELECT funnel.cohort(lead, 'won', '2024-01-01', amount)::text FROM (VALUES (1, 5), (2, NULL)) v(lead, amount)) AS same_bytes;
SELECT funnel.never_reached(a.c || b.c, 'won')::text = b.c::text AS same_bytes
FROM (SELECT funnel.cohort(1, 'won', '2024-01-01', 5)) a(c), (SELECT funnel.cohort(2, 'new', '2024-01-01')) b(c);

--
-- A stay's amount is the last in it that is not NULL
--
-- quoted 100, then unknown, then 90; won without an amount; reopened with 70 and 80 at one time.
SELECT s.stage, s.entered_at::date, s.amount
FROM (SELECT funnel.cohort(1, stage, at::timestamptz, amount)
      FROM (VALUES ('quoted', '2024-01-01', 100.00), ('quoted', '2024-01-02', NULL), ('quoted', '2024-01-03', 90.0),
                   ('quoted', '2024-01-04', NULL), ('won', '2024-01-05', NULL), ('quoted', '2024-01-06', 80),
                   ('quoted', '2024-01-06', 70)) v(stage, at, amount)) t(c), funnel.stays(c, as_of => '2025-01-01') s;
-- In a funnel it is the last one up to the end of the furthest stay: 90.0 of the quote, for the won stay has none.
SELECT s.step, s.stage, s.leads, s.amount
FROM (SELECT funnel.cohort(1, stage, at::timestamptz, amount)
      FROM (VALUES ('quoted', '2024-01-01', 100.00), ('quoted', '2024-01-02', NULL), ('quoted', '2024-01-03', 90.0),
                   ('won', '2024-01-05', NULL), ('quoted', '2024-01-06', 80)) v(stage, at, amount)) t(c),
     funnel.steps(c, '{quoted,won}') s;

--
-- Sums are exact, and do not depend on any order
--
-- sum: those of the amounts, each of one lead that is won
CREATE FUNCTION pg_temp.won(amounts numeric[]) RETURNS numeric LANGUAGE sql AS $$
    SELECT s.amount
    FROM (SELECT funnel.cohort(n, 'won', '2024-01-01', amount) FROM unnest(amounts) WITH ORDINALITY u(amount, n)) t(c),
         funnel.steps(c, '{won}', as_of => '2025-01-01') s
$$;
SELECT amounts, pg_temp.won(amounts) AS sum,
       CASE WHEN pg_temp.won(amounts)::text IS DISTINCT FROM sum THEN 'should be ' || sum ELSE '' END AS wrong
FROM (VALUES
    ('{0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1}'::numeric[], '1.0'),
    ('{1.5,1.50,1}', '4.00'),
    ('{1e30,1,-1e30}', '1'),
    ('{1,0.00000000000000000000000001}', '1.00000000000000000000000001'),
    ('{999999999999999999,999999999999999999,1}', '1999999999999999999'),
    ('{9223372036854775807,9223372036854775807}', '18446744073709551614'),
    ('{-5.00,5}', '0.00'),
    ('{NULL,3,NULL}', '3'),
    ('{NULL,NULL}', NULL),
    ('{1,NaN,2}', 'NaN'),
    ('{1,Infinity,-5}', 'Infinity'),
    ('{Infinity,-Infinity}', 'NaN')) v(amounts, sum);
-- 10,000 amounts of all sizes: the sum that PostgreSQL finds, forwards and backwards.
SELECT pg_temp.won(forwards) = total AS forwards, pg_temp.won(backwards) = total AS backwards
FROM (SELECT array_agg(a ORDER BY n), array_agg(a ORDER BY n DESC), sum(a)
      FROM (SELECT n, (n * 7919 % 10007)::numeric * 10::numeric ^ (n % 41 - 20) * (CASE WHEN n % 3 = 0 THEN -1 ELSE 1 END)
            FROM generate_series(1, 10000) n) r(n, a)) t(forwards, backwards, total);
-- The amount of an integer type, and of the same numeric, are one.
SELECT funnel.cohort(1, 'won', '2024-01-01', 5::smallint)::text = funnel.cohort(1, 'won', '2024-01-01', 5)::text AS smallint,
       funnel.cohort(1, 'won', '2024-01-01', 5::bigint)::text = funnel.cohort(1, 'won', '2024-01-01', 5::numeric)::text AS bigint,
       funnel.cohort(1, 'won', '2024-01-01', 5::float8)::text = funnel.cohort(1, 'won', '2024-01-01', 5::numeric)::text AS float8;
