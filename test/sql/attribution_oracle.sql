--
-- credits, attribution, sourced, touch_paths and the window function credit against a second reading of the rules in plain
-- SQL: integers and numeric where shares are rational (then both must agree to the last bit and cent), Shapley's value by
-- its definition over all sets of channels, the chain of markov by elimination with 60 digits, once for each channel removed.
--
-- A difference is printed with what was asked: touched.slice has the arguments that choose conversions and touches,
-- touched.model the weights. What a lead did: SELECT * FROM touched.timeline WHERE slice = ... AND lead = ... ORDER BY pos;
--
SET client_min_messages = error;    -- channels that occur nowhere
SET timezone = 'UTC';
SET jit = off;
CREATE SCHEMA touched;
SET search_path = touched;
\pset null '-'

CREATE FUNCTION pick(seed text, n int) RETURNS int
IMMUTABLE LANGUAGE sql AS $$ SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n $$;

--
-- The histories: few moments, so that touches, stages and conversions meet on one, with gaps of exactly a day, a microsecond,
-- thirty days, a year of 360.
--
CREATE FUNCTION moment(i int) RETURNS timestamptz
IMMUTABLE LANGUAGE sql AS $$
    SELECT '2024-03-09 18:00:00+00'::timestamptz
           + ('{0, 24:00:00, 24:00:00.000001, 48:00:00, 84:00:00, 192:00:00, 720:00:00, 744:00:00, 768:00:00, 1464:00:00, 1464:00:00.000001, 8640:00:00}'::interval[])[i + 1]
$$;

-- Cohort 1: ten channels, text stages. Cohort 2: three channels touched again and again, stages in the order of their type.
CREATE TABLE plan (cohort int, leads int, touches int, channels text[], ranks text[]);
INSERT INTO plan VALUES
    (1, 300, 9, '{ads,email,Webinar,won,événement,sdr,partner,"field event",x > y,zz}', NULL),
    (2, 120, 14, '{ads,email,sdr}', '{inquiry,mql,sal,sql,opportunity,won,lost}');

CREATE TABLE event (cohort int, lead text, kind text, label text, at timestamptz, amount numeric, ref text);

-- A lead in eight has no stage at all; half of the others walk forward in time, half jump. Every fourth event repeats the
-- stage before it (a snapshot), an event in eight comes twice; half of the leads have up to three records.
INSERT INTO event
SELECT cohort, l::text, 'stage', ('{mql,opportunity,won,won,sal,lost,won,mql}'::text[])[1 + label], moment(at),
       ('{NULL,NULL,NULL,10,10.0,10.00,0.01,0.05,7.505,-3,-0.07,0,0.00,1000000.01,-99999999999999999999.99,0.1}'::numeric[])[1 + pick(seed || ' amount', 16)],
       ('{NULL,o1,O2,""}'::text[])[1 + pick(seed || ' ref', 1 + greatest(0, pick(lead_seed || ' refs', 6) - 2))]
FROM plan
CROSS JOIN generate_series(1, leads) l
CROSS JOIN LATERAL (SELECT format('%s %s', cohort, l) AS lead_seed) s1
CROSS JOIN LATERAL (SELECT CASE WHEN pick(lead_seed || ' none', 8) > 0 THEN 1 + pick(lead_seed || ' events', 8) ELSE 0 END AS events) n
CROSS JOIN generate_series(1, events) e
CROSS JOIN LATERAL (SELECT format('%s %s', lead_seed, e) AS seed) s2
CROSS JOIN LATERAL (SELECT pick(format('%s %s label', lead_seed, e - (pick(seed || ' again', 4) = 0)::int), 8) AS label,
                           CASE pick(lead_seed || ' jumps', 2) WHEN 0 THEN (e - 1) * 12 / events ELSE pick(seed || ' at', 12) END AS at) v
CROSS JOIN generate_series(0, (pick(seed || ' twice', 8) = 0)::int) twice;

-- Touches, an eighth of them twice. A lead in six was never touched; the early channels are the common ones.
INSERT INTO event
SELECT cohort, l::text, 'touch', channels[1 + least(pick(seed || ' channel', n), pick(seed || ' channel again', n))], moment(pick(seed || ' at', 12))
FROM (SELECT *, cardinality(channels) AS n FROM plan) p
CROSS JOIN generate_series(1, leads) l
CROSS JOIN LATERAL (SELECT format('%s %s', cohort, l) AS lead_seed) s1
CROSS JOIN generate_series(1, CASE WHEN pick(lead_seed || ' untouched', 6) > 0 THEN 1 + pick(lead_seed || ' touches', touches) ELSE 0 END) e
CROSS JOIN LATERAL (SELECT format('%s touch %s', lead_seed, e) AS seed) s2
CROSS JOIN generate_series(0, (pick(seed || ' twice', 8) = 0)::int) twice;
ANALYZE event;

CREATE TABLE cohort AS
SELECT cohort, funnel.merge(c) AS c
FROM (SELECT cohort, funnel.cohort(lead, label, at, amount, ref) FROM event WHERE kind = 'stage' AND cohort = 1 GROUP BY cohort
      UNION ALL SELECT cohort, funnel.cohort(lead::int, label::funnel.lead_stage, at, amount, ref) FROM event WHERE kind = 'stage' AND cohort = 2 GROUP BY cohort
      UNION ALL SELECT cohort, funnel.touches(lead, label, at) FROM event WHERE kind = 'touch' GROUP BY cohort) e(cohort, c)
GROUP BY cohort;

--
-- What is asked. A slice: the arguments that choose conversions and their touches.
--
CREATE TABLE slice (slice int PRIMARY KEY, cohort int, conversion text, channels text[], lookback interval, period tstzrange, as_of timestamptz);
INSERT INTO slice VALUES
    ( 1, 1, 'won', NULL, NULL, NULL, '2030-01-01'),
    ( 2, 2, 'won', NULL, NULL, NULL, '2030-01-01'),
    ( 3, 1, 'won', NULL, '1 mon', NULL, '2030-01-01'),                                                          -- 30 days, inclusive
    ( 4, 1, 'won', '{ads,won,sdr,nowhere}', '24:00:00', tstzrange(moment(2), moment(8), '(]'), moment(10)),     -- as_of on a moment: exclusive
    ( 5, 1, 'opportunity', '{ads,email,Webinar,partner}', NULL, tstzrange(NULL, moment(7)), moment(9)),
    ( 6, 2, 'won', NULL, '1 day', tstzrange(moment(1), NULL, '[]'), '2030-01-01'),
    ( 7, 1, 'won', '{email}', '1 year', NULL, '2030-01-01'),                                                    -- 360 days
    ( 8, 2, 'opportunity', '{sdr,email}', '29 days 23:59:59.999999', tstzrange(moment(1), moment(9), '[]'), moment(9) + interval '1 microsecond'),
    ( 9, 1, 'won', '{ads,email}', '7 days', 'empty', moment(6)),
    (10, 2, 'lost', NULL, '0.000001 s', NULL, moment(11)),
    (11, 1, 'won', NULL, NULL, NULL, moment(0));                                                                -- before everything

-- A model: weights of the anchors and of the middle. NULL: the model is not one of positions.
CREATE TABLE model (model text, name text, milestones text[], first numeric, last numeric, middle numeric, marks numeric[], no_middle text, missing text, scope text, half_life interval);
INSERT INTO model VALUES
    ('first',      'first',      '{}',                1,    0,    0,  '{}', 'normalize', 'drop', 'between'),
    ('last',       'last',       '{}',                0,    1,    0,  '{}', 'normalize', 'drop', 'between'),
    ('linear',     'linear',     '{}',                0,    0,    1,  '{}', 'normalize', 'drop', 'between'),
    ('u_shaped',   'u_shaped',   '{}',                0.4,  0.4,  0.2, '{}', 'normalize', 'drop', 'between'),
    ('j_shaped',   'j_shaped',   '{}',                0.2,  0.6,  0.2, '{}', 'normalize', 'drop', 'between'),
    ('inverse_j',  'inverse_j',  '{}',                0.6,  0.2,  0.2, '{}', 'normalize', 'drop', 'between'),
    ('w_shaped',   'w_shaped',   '{mql,opportunity}', 0.3,  0,    0.1, '{0.3,0.3}', 'normalize', 'drop', 'between'),
    ('w_shaped backwards', 'w_shaped', '{opportunity,mql}', 0.3, 0, 0.1, '{0.3,0.3}', 'normalize', 'drop', 'between'),
    ('full_path',  'full_path',  '{mql,opportunity}', 0.225, 0.225, 0.1, '{0.225,0.225}', 'normalize', 'drop', 'between'),
    ('full_path backwards', 'full_path', '{won,sal}', 0.225, 0.225, 0.1, '{0.225,0.225}', 'normalize', 'drop', 'between');
INSERT INTO model
SELECT 'time_decay ' || coalesce(h, 'NULL'), 'time_decay', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, h::interval
FROM unnest('{7 days,1 year,12:30:00,1 second,1 mon 1 day}'::text[]) h;
-- With half-lives of zero and infinity it is a model of positions.
INSERT INTO model VALUES
    ('time_decay 0',    'time_decay', '{}', 0, 1, 0, '{}', 'normalize', 'drop', 'between', '0'),
    ('time_decay NULL', 'time_decay', '{}', 0, 0, 1, '{}', 'normalize', 'drop', 'between', NULL),
    ('shapley',    'shapley',    '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- Models of one's own, each with both values of no_middle, missing and scope.
INSERT INTO model
SELECT format('%s %s %s %s', own.model, no_middle, missing, scope),
       funnel.attribution_model(first, last, middle, marks, no_middle, missing, scope), milestones, first, last, middle, marks, no_middle, missing, scope
FROM (VALUES ('three milestones', '{mql,opportunity,sal}'::text[], 0, 0, 1, '{0.25,0.5,0.25}'::float8[]),
             ('no middle', '{sal}', 0, 0, 0, '{1}'),
             ('thirds', '{}', 0.333333, 0.666667, 0.1, '{}'),
             ('above one', '{opportunity,mql,sal}', 2, 1, 1, '{3,0.5,0.000001}'),
             ('a mark of weight 0', '{mql,opportunity,sal}', 0.1, 0, 0.2, '{0.5,0,0.3}'),
             ('mostly middle', '{mql,sal}', 0.05, 0, 0.9, '{0.05,0.123457}')) own(model, milestones, first, last, middle, marks),
     unnest('{normalize,even}'::text[]) no_middle, unnest('{drop,next}'::text[]) missing, unnest('{between,all}'::text[]) scope;

-- Of the first slice all models that have a name and half of the others, whose other half is for the second slice; of the rest every third.
CREATE TABLE question AS
SELECT row_number() OVER (ORDER BY slice, model COLLATE "C")::int AS question, s.*, m.*
FROM slice s, model m
WHERE CASE WHEN slice <= 2 THEN pick(model, 2) = slice - 1 OR slice = 1 AND model !~ ' (drop|next) ' ELSE pick(format('question %s %s', slice, model), 3) = 0 END;
ANALYZE question;

--
-- The rules again. Canonical order, stays, conversions, touches.
--
CREATE TABLE timeline AS
SELECT slice, lead, kind, label, at, amount, ref,
       row_number() OVER (PARTITION BY slice, lead ORDER BY at, kind = 'touch', CASE kind WHEN 'stage' THEN array_position(ranks, label) END, label COLLATE "C",
                                                            amount NULLS LAST, scale(amount), ref COLLATE "C" NULLS LAST) AS pos
FROM slice JOIN plan USING (cohort) JOIN event USING (cohort) WHERE at < as_of;

CREATE TABLE stay AS
SELECT slice, lead, stay, label AS stage, ref, min(at) AS entered_at, (array_agg(amount ORDER BY pos DESC) FILTER (WHERE amount IS NOT NULL))[1] AS amount
FROM (SELECT *, count(*) FILTER (WHERE is_entry) OVER (PARTITION BY slice, lead ORDER BY pos) AS stay
      FROM (SELECT *, (label, ref) IS DISTINCT FROM (lag(label) OVER w, lag(ref) OVER w) OR lag(pos) OVER w IS NULL AS is_entry
            FROM timeline WHERE kind = 'stage' WINDOW w AS (PARTITION BY slice, lead ORDER BY pos)) e) n
GROUP BY slice, lead, stay, label, ref;
ANALYZE timeline, stay;

-- A conversion: the stays of one ref in its stage, one after the other as far as that ref goes.
CREATE TABLE conversion AS
SELECT r.slice, r.lead, min(stay) AS conv, r.ref, min(entered_at) AS at, (array_agg(amount ORDER BY stay DESC) FILTER (WHERE amount IS NOT NULL))[1] AS amount
FROM (SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY slice, lead, ref ORDER BY stay) AS nth
      FROM (SELECT s.*, s.stage = q.conversion AND lag(s.stage) OVER (PARTITION BY slice, s.lead, s.ref ORDER BY s.stay) IS DISTINCT FROM q.conversion AS begins FROM stay s JOIN slice q USING (slice)) s) r
JOIN slice q USING (slice) WHERE r.stage = q.conversion GROUP BY r.slice, r.lead, r.ref, r.nth, q.period HAVING q.period IS NULL OR min(entered_at) <@ q.period;

CREATE TABLE touch AS
SELECT c.slice, c.lead, c.conv, row_number() OVER (PARTITION BY c.slice, c.lead, c.conv ORDER BY t.pos) AS position, t.label AS channel, t.at,
       count(*) OVER (PARTITION BY c.slice, c.lead, c.conv) AS touches
FROM conversion c JOIN slice q USING (slice) JOIN timeline t USING (slice, lead)
WHERE t.kind = 'touch' AND t.at <= c.at AND (q.channels IS NULL OR t.label = ANY (q.channels)) AND (q.lookback IS NULL OR c.at - t.at <= q.lookback);

-- The touches of the leads that never converted.
CREATE TABLE missed AS
SELECT slice, lead, pos, label AS channel
FROM (SELECT t.*, q.period, q.lookback, max(t.at) OVER (PARTITION BY slice, lead) AS last_at FROM timeline t JOIN slice q USING (slice)
      WHERE t.kind = 'touch' AND (q.channels IS NULL OR t.label = ANY (q.channels))
        AND NOT EXISTS (SELECT FROM timeline s WHERE (s.slice, s.lead, s.label) = (t.slice, t.lead, q.conversion) AND s.kind = 'stage')) t
WHERE (period IS NULL OR last_at <@ period) AND (lookback IS NULL OR last_at - at <= lookback);
ANALYZE conversion, touch, missed;

-- What the histories hold that could go wrong.
SELECT c.slice, count(*) AS conversions, count(*) - count(n) AS untouched, sum(n) AS touches, max(n) AS most, count(*) FILTER (WHERE nth > 1) AS not_the_first,
       count(*) FILTER (WHERE amount < 0) AS negative, count(*) FILTER (WHERE amount = 0) AS zero, count(*) - count(amount) AS without_amount,
       sum(at_once) AS at_once, sum(at_the_end) AS touched_at_conversion, (SELECT count(DISTINCT lead) FROM missed m WHERE m.slice = c.slice) AS missed
FROM (SELECT *, row_number() OVER (PARTITION BY slice, lead) AS nth FROM conversion) c
LEFT JOIN (SELECT slice, lead, conv, count(*) AS n, count(*) - count(DISTINCT t.at) AS at_once, count(*) FILTER (WHERE t.at = c.at) AS at_the_end
           FROM touch t JOIN conversion c USING (slice, lead, conv) GROUP BY slice, lead, conv) t USING (slice, lead, conv)
GROUP BY c.slice ORDER BY c.slice;

--
-- Models of positions. Which touch each anchor stands on: the milestones first.
--
-- Entries: stays whose ref was in another stage before. A conversion with a ref has the milestones of that ref, and of none.
CREATE TABLE arrival AS
SELECT * FROM (SELECT *, lag(stage) OVER (PARTITION BY slice, lead, ref ORDER BY stay) IS DISTINCT FROM stage AS is_entry FROM stay) s WHERE is_entry;
ANALYZE arrival;
CREATE TABLE milestone AS
SELECT DISTINCT ON (question, lead, conv, nth) q.question, q.slice, c.lead, c.conv, nth, q.marks[nth] AS weight, q.missing, s.entered_at AS entry
FROM question q JOIN conversion c USING (slice) CROSS JOIN LATERAL unnest(q.milestones) WITH ORDINALITY m(stage, nth)
LEFT JOIN arrival s ON (s.slice, s.lead, s.stage) = (q.slice, c.lead, m.stage) AND s.entered_at <= c.at AND (c.ref IS NULL OR s.ref IS NULL OR s.ref = c.ref)
ORDER BY question, lead, conv, nth, s.entered_at DESC NULLS LAST;
CREATE TABLE mark AS
SELECT m.*, t.position
FROM milestone m LEFT JOIN (SELECT n.slice, n.lead, n.conv, n.entry, max(t.position) AS position
                            FROM (SELECT DISTINCT slice, lead, conv, entry FROM milestone) n JOIN touch t USING (slice, lead, conv) WHERE t.at <= n.entry
                            GROUP BY n.slice, n.lead, n.conv, n.entry) t USING (slice, lead, conv, entry);
ANALYZE mark;

CREATE TABLE anchor AS
SELECT q.question, t.lead, t.conv, t.position, q.first AS weight, 1 AS roles
FROM question q JOIN touch t USING (slice) WHERE t.position = 1 AND q.first > 0
UNION ALL
SELECT q.question, t.lead, t.conv, t.position, q.last, 1 FROM question q JOIN touch t USING (slice) WHERE t.position = t.touches AND q.last > 0
UNION ALL
SELECT m.question, m.lead, m.conv, m.falls_on, m.weight, 1
FROM (SELECT m.*,
             CASE WHEN m.position IS NULL AND m.missing = 'next'
                  THEN coalesce((array_agg(m.position) FILTER (WHERE m.position IS NOT NULL) OVER later)[1], t.position)
                  ELSE m.position END AS falls_on
      FROM mark m JOIN touch t USING (slice, lead, conv) WHERE t.position = t.touches
      WINDOW later AS (PARTITION BY question, lead, conv ORDER BY nth ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)) m
WHERE m.weight > 0 AND m.falls_on IS NOT NULL;

-- Weights as integers: millionths, times the number that the middle weight is divided by.
CREATE TABLE weight AS
WITH standing AS (
    SELECT question, lead, conv, position, sum(weight) AS weight, sum(roles) AS roles FROM anchor GROUP BY question, lead, conv, position
), placed AS (
    SELECT q.question, q.no_middle, q.scope, q.middle, t.lead, t.conv, t.position, a.weight, a.roles, sum(a.roles) OVER w AS all_roles,
           a.position IS NULL AND (q.scope = 'all' OR t.position > min(a.position) OVER w AND t.position < max(a.position) OVER w) AS in_middle
    FROM question q JOIN touch t USING (slice) LEFT JOIN standing a USING (question, lead, conv, position)
    WHERE q.middle IS NOT NULL WINDOW w AS (PARTITION BY q.question, t.lead, t.conv)
), counted AS (
    SELECT *, count(*) FILTER (WHERE in_middle) OVER (PARTITION BY question, lead, conv) AS middles FROM placed
)
SELECT question, lead, conv, position,
       trunc(1000000 * CASE WHEN all_roles IS NULL THEN 1
                            WHEN in_middle THEN middle
                            WHEN roles IS NULL THEN 0
                            WHEN middles > 0 THEN weight * middles
                            WHEN no_middle = 'even' THEN weight * all_roles + middle * roles
                            ELSE weight END) AS weight
FROM counted;

-- The largest remainder: total parts to weights; ties to the lower place.
CREATE FUNCTION apportion(total numeric, weights numeric[]) RETURNS numeric[]
IMMUTABLE LANGUAGE sql AS $$
    WITH quota AS (
        SELECT place, div(total * w, sum(w) OVER ()) AS part, mod(total * w, sum(w) OVER ()) AS remainder FROM unnest(weights) WITH ORDINALITY u(w, place)
    )
    SELECT array_agg(part + (nth <= total - parts)::int ORDER BY place)
    FROM (SELECT *, row_number() OVER (ORDER BY remainder DESC, place) AS nth, sum(part) OVER () AS parts FROM quota) r
$$;
SELECT apportion(10, '{1,1,1}') AS a_tie, apportion(10, '{1,2,0,3}') AS a_zero, apportion(1, '{1,1,2}') AS the_largest;

-- A conversion of 2^52 parts and its amount in units of its last digit, to its touches in turn.
CREATE TABLE share AS
WITH asked AS MATERIALIZED (
    SELECT question, lead, conv, abs(amount) * 10::numeric ^ scale(amount) AS units, weights
    FROM (SELECT question, lead, conv, array_agg(weight ORDER BY position) AS weights FROM weight GROUP BY question, lead, conv) w
    JOIN question USING (question) JOIN conversion USING (slice, lead, conv)
), answer AS MATERIALIZED (
    SELECT units, weights, apportion(4503599627370496, weights) AS parts, apportion(units, weights) AS credited FROM (SELECT DISTINCT units, weights FROM asked) d
)
SELECT question, lead, conv, parts, credited AS units FROM asked JOIN answer USING (weights) WHERE asked.units IS NOT DISTINCT FROM answer.units;
-- shapley: first to the channels in the order of their first touches, a channel's to its touches then.
INSERT INTO share
SELECT question, lead, conv, array_agg(part ORDER BY position), array_agg(unit ORDER BY position)
FROM (SELECT t.slice, t.lead, t.conv, c.amount, array_agg(first_at ORDER BY first_at) AS firsts, array_agg(places ORDER BY first_at) AS places
      FROM (SELECT slice, lead, conv, min(position) AS first_at, string_agg(position::text, ' ' ORDER BY position) AS places FROM touch GROUP BY slice, lead, conv, channel) t
      JOIN conversion c USING (slice, lead, conv) GROUP BY t.slice, t.lead, t.conv, c.amount) by_channel
JOIN question q USING (slice)
CROSS JOIN LATERAL (SELECT array_fill(1::numeric, ARRAY[cardinality(firsts)])) e(even)
CROSS JOIN LATERAL unnest(places, apportion(4503599627370496, even), apportion(abs(amount) * (10::numeric ^ scale(amount)), even)) c(places_of, parts_of, units_of)
CROSS JOIN LATERAL (SELECT string_to_array(places_of, ' ')::int[]) p(own)
CROSS JOIN LATERAL (SELECT array_fill(1::numeric, ARRAY[cardinality(own)])) o(even_of)
CROSS JOIN LATERAL unnest(own, apportion(parts_of, even_of), apportion(units_of, even_of)) t(position, part, unit)
WHERE q.model = 'shapley' GROUP BY question, lead, conv;

CREATE TABLE want AS
SELECT q.question, q.slice, c.lead, c.conv, c.ref, c.at AS converted_at, c.amount, t.position, t.channel, t.at AS touched_at, t.touches,
       (CASE WHEN t.position IS NULL THEN 1 ELSE s.parts[t.position] / 4503599627370496 END)::float8 AS credit,
       CASE WHEN t.position IS NULL THEN 4503599627370496 ELSE s.parts[t.position] END AS parts,
       CASE WHEN t.position IS NULL THEN c.amount ELSE round(sign(c.amount) * s.units[t.position] / (10::numeric ^ scale(c.amount)), scale(c.amount)) END AS credited_amount
FROM question q JOIN conversion c USING (slice) LEFT JOIN touch t USING (slice, lead, conv) LEFT JOIN share s USING (question, lead, conv)
WHERE q.middle IS NOT NULL OR q.model = 'shapley';
ANALYZE want;

-- The very rows that credits has, each as often.
CREATE TABLE got AS
SELECT q.question, c.* FROM question q JOIN cohort USING (cohort)
CROSS JOIN LATERAL funnel.credits(cohort.c, q.conversion, q.name, q.milestones, q.channels, q.lookback, q.half_life, 1, true, q.period, q.as_of) c;
ANALYZE got;
CREATE TABLE difference AS
SELECT 'funnel' AS who, * FROM (SELECT question, lead, ref, converted_at, amount::text, position, channel, touched_at, credit, credited_amount::text FROM got
                                JOIN question q USING (question) WHERE q.middle IS NOT NULL OR q.model = 'shapley'
                                EXCEPT ALL SELECT question, lead, ref, converted_at, amount::text, position, channel, touched_at, credit, credited_amount::text FROM want) f
UNION ALL
SELECT 'oracle', * FROM (SELECT question, lead, ref, converted_at, amount::text, position, channel, touched_at, credit, credited_amount::text FROM want
                         EXCEPT ALL SELECT question, lead, ref, converted_at, amount::text, position, channel, touched_at, credit, credited_amount::text FROM got) o;
SELECT kind AS credits, count(DISTINCT question) AS questions, count(*) AS rows, count(*) FILTER (WHERE credit = 0) AS zero, count(*) FILTER (WHERE credited_amount <> 0) AS with_amount,
       format('%s differences', (SELECT count(*) FROM difference d JOIN question r USING (question) WHERE r.model LIKE kind || '%')) AS answers
FROM want JOIN question q USING (question) CROSS JOIN LATERAL regexp_replace(q.model, ' (normalize|even|NULL|0).*', '') k(kind) GROUP BY kind ORDER BY kind COLLATE "C";
SELECT q.slice, q.model, d.* FROM difference d JOIN question q USING (question) ORDER BY question, lead, converted_at, ref, who, position LIMIT 12;

--
-- Removal effects, by elimination. A journey: the channels of a conversion's touches, or of a lead that never converted.
--
CREATE TABLE journey AS
SELECT slice, lead, conv, true AS converts, array_agg(channel ORDER BY position) AS steps FROM touch GROUP BY slice, lead, conv
UNION ALL
SELECT slice, lead, NULL, false, array_agg(channel ORDER BY pos) FROM missed GROUP BY slice, lead;

-- The probability of coming from state 1 to the conversion. chance: from each state to each, row by row; ends: from each to the
-- conversion; what is missing to 1 goes nowhere. The states are taken out of the chain one by one, last to first.
CREATE FUNCTION absorbed(states int, chance numeric[], ends numeric[]) RETURNS numeric
IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    way numeric;
BEGIN
    FOR s IN REVERSE states .. 2 LOOP
        FOR p IN 1 .. s - 1 LOOP
            CONTINUE WHEN chance[(p - 1) * states + s] = 0;
            way := round(chance[(p - 1) * states + s] / (1 - chance[(s - 1) * states + s]), 60);
            ends[p] := ends[p] + round(way * ends[s], 60);
            FOR q IN 1 .. s - 1 LOOP
                CONTINUE WHEN chance[(s - 1) * states + q] = 0;
                chance[(p - 1) * states + q] := chance[(p - 1) * states + q] + round(way * chance[(s - 1) * states + q], 60);
            END LOOP;
        END LOOP;
    END LOOP;
    RETURN ends[1];     -- nothing leads back to the start
END
$$;
-- From the start (1) always to 2; from 2 to itself by 1/2, back to 3 by 1/4, else it ends; from 3 to 2 by 1/2. So x = 1/2 x + 1/4 (x/2) + 1/4: 2/3.
SELECT round(absorbed(3, '{0,1,0, 0,0.5,0.25, 0,0.5,0}', '{0,0.25,0}'), 20) AS two_thirds;

-- A state is the window of the last 1 to k channels. Without a channel: those windows that end in it lead nowhere.
CREATE FUNCTION chain(in_slice int, k int, nulls boolean) RETURNS TABLE (channel text, probability numeric, effect numeric)
STABLE LANGUAGE plpgsql AS $$
DECLARE
    states int; lasts text[]; chance numeric[]; ends numeric[];
BEGIN
    WITH hop AS MATERIALIZED (
        SELECT steps[greatest(1, i - k + 1):i] AS a, CASE WHEN i < cardinality(steps) THEN steps[greatest(1, i - k + 2):i + 1] END AS b, converts
        FROM journey, generate_series(0, cardinality(steps)) i WHERE slice = in_slice AND (converts OR nulls)
    ), state AS MATERIALIZED (
        SELECT a, count(*) * 1.000000000000000000000000000000000000000000000000000000000000 AS visits, count(*) FILTER (WHERE b IS NULL AND converts) AS conversions,
               row_number() OVER (ORDER BY a)::int AS n
        FROM hop GROUP BY a
    ), went AS (
        SELECT a, b, count(*) AS times FROM hop WHERE b IS NOT NULL GROUP BY a, b
    )
    SELECT count(*), array_agg(a[cardinality(a)] ORDER BY n), array_agg(conversions / visits ORDER BY n),
           (SELECT array_agg(coalesce(w.times / f.visits, 0) ORDER BY f.n, t.n) FROM state f CROSS JOIN state t LEFT JOIN went w ON w.a = f.a AND w.b = t.a)
    INTO states, lasts, ends, chance FROM state;
    probability := absorbed(states, chance, ends);
    FOR channel IN SELECT DISTINCT l FROM unnest(lasts) l WHERE l IS NOT NULL LOOP
        effect := 1 - absorbed(states, (SELECT array_agg(CASE WHEN lasts[1 + (i - 1) / states] = channel THEN 0 ELSE c END ORDER BY i) FROM unnest(chance) WITH ORDINALITY u(c, i)),
                               (SELECT array_agg(CASE WHEN lasts[i] = channel THEN 0 ELSE e END ORDER BY i) FROM unnest(ends) WITH ORDINALITY u(e, i)))
                  / nullif(probability, 0);
        RETURN NEXT;
    END LOOP;
END
$$;

CREATE TABLE chain_question AS
SELECT 1000 + row_number() OVER (ORDER BY slice, k, nulls DESC)::int AS question, s.*, 'markov'::text AS model, k, nulls
FROM slice s JOIN (VALUES (1, 1, true), (1, 1, false), (2, 1, true), (2, 2, true), (2, 2, false), (2, 3, false), (3, 1, true), (4, 2, true), (5, 1, false), (5, 3, true),
                          (6, 1, true), (7, 1, true), (8, 2, true), (8, 3, true), (9, 1, true), (10, 2, true), (11, 1, true)) m(slice, k, nulls) USING (slice);
CREATE TABLE effect AS SELECT q.question, c.* FROM chain_question q, LATERAL chain(q.slice, q.k, q.nulls) c;
-- The chain converts as often as its journeys.
SELECT count(*) AS chains, count(*) FILTER (WHERE abs(p - converted) > 1e-40) AS wrong, max(n) AS most_channels, min(p)::float8 AS lowest, max(p)::float8 AS highest
FROM (SELECT question, min(probability) AS p, count(*) AS n FROM effect GROUP BY question) e JOIN chain_question q USING (question)
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE converts) * 1.000000000000000000000000000000000000000000000000000000000000 / count(*) AS converted
                    FROM journey j WHERE j.slice = q.slice AND (q.nulls OR converts)) c;

--
-- Shares that are no fractions: time_decay and markov. Credits to 1e-12, amounts to one unit of their last digit (the one
-- of 22 digits to 1e-12 of itself).
--
CREATE FUNCTION seconds(interval) RETURNS numeric      -- as intervals compare: months of 30 days
IMMUTABLE LANGUAGE sql AS $$ SELECT (extract(year FROM $1) * 360 + extract(month FROM $1) * 30 + extract(day FROM $1)) * 86400 + extract(epoch FROM $1 - date_trunc('day', $1)) $$;
CREATE TABLE near AS
SELECT question, slice, lead, conv, position, touches, at, channel, weight / sum(weight) OVER (PARTITION BY question, lead, conv) AS part
FROM (SELECT q.question, q.slice, t.lead, t.conv, t.position, t.touches, t.at, t.channel,
             CASE WHEN age < 200 THEN power(2::float8, -age)::numeric ELSE 0 END AS weight
      FROM question q JOIN touch t USING (slice) JOIN touch l USING (slice, lead, conv)
      CROSS JOIN LATERAL (SELECT (extract(epoch FROM l.at - t.at) / seconds(q.half_life))::float8) a(age)
      WHERE l.position = l.touches AND q.name = 'time_decay' AND q.middle IS NULL
      UNION ALL
      SELECT q.question, q.slice, t.lead, t.conv, t.position, t.touches, t.at, t.channel, e.effect
      FROM chain_question q JOIN touch t USING (slice) JOIN effect e USING (question, channel)) w;

CREATE TABLE want_near AS
SELECT q.question, q.slice, c.lead, c.conv, c.ref, c.at AS converted_at, c.amount, n.position, n.channel, n.at AS touched_at,
       coalesce(n.part, 1) AS part, coalesce(n.part, 1) * c.amount AS credited_amount
FROM (SELECT question, slice FROM question WHERE name = 'time_decay' AND middle IS NULL UNION ALL SELECT question, slice FROM chain_question) q
JOIN conversion c USING (slice) LEFT JOIN near n USING (question, slice, lead, conv);
INSERT INTO got
SELECT q.question, c.* FROM chain_question q JOIN cohort USING (cohort)
CROSS JOIN LATERAL funnel.credits(cohort.c, q.conversion, 'markov', '{}', q.channels, q.lookback, '7 days', q.k, q.nulls, q.period, q.as_of) c;
ANALYZE got, want_near;

-- Two conversions of one record at one time are told apart by their amounts.
CREATE TABLE difference_near AS
SELECT k.*, w.conv, g.amount AS funnel_amount, w.amount AS oracle_amount, g.channel AS funnel_channel, w.channel AS oracle_channel, g.credit AS funnel_credit, w.part::float8 AS oracle_credit,
       g.credited_amount AS funnel_credited, w.credited_amount AS oracle_credited
FROM (SELECT *, row_number() OVER (PARTITION BY question, lead, ref, converted_at, position ORDER BY amount) AS nth FROM got JOIN (SELECT DISTINCT question FROM want_near) a USING (question)) g
FULL JOIN (SELECT *, row_number() OVER (PARTITION BY question, lead, ref, converted_at, position ORDER BY amount) AS nth FROM want_near) w
    ON (w.question, w.lead, w.converted_at, coalesce(w.ref, '-'), coalesce(w.position, 0), w.nth) = (g.question, g.lead, g.converted_at, coalesce(g.ref, '-'), coalesce(g.position, 0), g.nth)
CROSS JOIN LATERAL (SELECT coalesce(w.question, g.question), coalesce(w.lead, g.lead), coalesce(w.ref, g.ref), coalesce(w.converted_at, g.converted_at),
                           coalesce(w.position, g.position)) k(question, lead, ref, converted_at, position)
WHERE (g.amount::text, g.channel, g.touched_at, scale(g.credited_amount)) IS DISTINCT FROM (w.amount::text, w.channel, w.touched_at, scale(w.amount))
   OR (abs(g.credit - w.part::float8) <= 1e-12) IS NOT TRUE OR abs(g.credited_amount - w.credited_amount) > 10::numeric ^ -scale(w.amount) + abs(w.amount) * 1e-12;
SELECT coalesce(c.model || ' ' || c.k, 'time_decay') AS credits, count(DISTINCT question) AS questions, count(*) AS rows, count(position) AS of_touches,
       format('%s differences', (SELECT count(*) FROM difference_near d LEFT JOIN chain_question r USING (question) WHERE r.k IS NOT DISTINCT FROM c.k)) AS answers
FROM want_near LEFT JOIN chain_question c USING (question) GROUP BY c.model, c.k ORDER BY 1;
SELECT coalesce(m.name, 'markov') AS model, d.* FROM difference_near d LEFT JOIN question m USING (question) ORDER BY question, lead, converted_at, ref, position LIMIT 6;

--
-- attribution: credits by channel, with every channel that touched anybody; for markov the effects' shares of all conversions.
--
CREATE TABLE asked AS
SELECT question, slice, model, name, milestones, half_life, 1 AS k, true AS nulls FROM question
UNION ALL SELECT question, slice, model, model, '{}', '7 days', k, nulls FROM chain_question;

-- No conversion with a touch: no chain, no effects. slack: how far an amount may be off: a unit for each conversion where shares are no fractions.
CREATE TABLE of_channel AS
SELECT question, channel, sum(parts) / 4503599627370496 AS conversions, sum(credited_amount) AS amount, 0 AS slack FROM want GROUP BY question, channel
UNION ALL
SELECT question, channel, sum(part), sum(credited_amount), sum(10::numeric ^ -scale(amount) + abs(amount) * 1e-12) FROM want_near WHERE question < 1000 GROUP BY question, channel
UNION ALL
SELECT question, NULL, count(*), sum(amount), 0 FROM want_near WHERE question > 1000 AND position IS NULL GROUP BY question
UNION ALL
SELECT e.question, e.channel, c.conversions * part, c.amount * part, 10::numeric ^ -c.digits + abs(c.amount) * 1e-12
FROM (SELECT question, channel, effect / sum(effect) OVER (PARTITION BY question) AS part FROM effect) e
JOIN (SELECT question, count(*) AS conversions, sum(amount) AS amount, max(scale(amount)) AS digits FROM want_near WHERE question > 1000 AND (position = 1) GROUP BY question) c USING (question);

CREATE TABLE want_attribution AS
WITH every AS (
    SELECT DISTINCT t.slice, t.label AS channel FROM timeline t JOIN slice s USING (slice) WHERE t.kind = 'touch' AND (s.channels IS NULL OR t.label = ANY (s.channels))
    UNION ALL
    SELECT DISTINCT slice, NULL FROM conversion LEFT JOIN touch t USING (slice, lead, conv) WHERE t.lead IS NULL
), influenced AS (
    SELECT slice, channel, count(*) AS conversions, sum(amount) AS amount FROM (SELECT DISTINCT slice, lead, conv, channel FROM touch) t JOIN conversion USING (slice, lead, conv) GROUP BY slice, channel
)
SELECT a.question, a.slice, a.model, a.k, e.channel, coalesce(o.conversions, 0) AS conversions, o.amount, coalesce(o.slack, 0) AS slack, o.conversions IS NULL AS never,
       coalesce(o.conversions, 0) / nullif((SELECT count(*) FROM conversion c WHERE c.slice = a.slice), 0) AS share,
       CASE WHEN e.channel IS NOT NULL THEN coalesce(i.conversions, 0) END AS influenced, i.amount AS influenced_amount,
       CASE WHEN a.question > 1000 AND e.channel IS NOT NULL AND EXISTS (SELECT FROM touch t WHERE t.slice = a.slice) THEN coalesce(f.effect, 0) END AS effect
FROM asked a JOIN every e USING (slice) LEFT JOIN of_channel o ON o.question = a.question AND o.channel IS NOT DISTINCT FROM e.channel
LEFT JOIN influenced i ON (i.slice, i.channel) = (a.slice, e.channel) LEFT JOIN effect f ON (f.question, f.channel) = (a.question, e.channel);
CREATE TABLE got_attribution AS
SELECT a.question, r.* FROM asked a JOIN slice s USING (slice) JOIN cohort USING (cohort)
CROSS JOIN LATERAL funnel.attribution(cohort.c, s.conversion, a.name, a.milestones, s.channels, s.lookback, a.half_life, a.k, a.nulls, s.period, s.as_of)
           WITH ORDINALITY r(channel, conversions, amount, share, influenced, influenced_amount, removal_effect, nth);

CREATE FUNCTION near(a float8, b numeric) RETURNS boolean
IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL ELSE abs(a - b::float8) <= 1e-12 * greatest(1, abs(a)) END $$;
CREATE TABLE difference_attribution AS
SELECT w.slice, w.model, w.k, coalesce(g.question, w.question) AS question, coalesce(g.channel, w.channel) AS channel, v.*
FROM got_attribution g FULL JOIN want_attribution w ON w.question = g.question AND coalesce(w.channel, '-') = coalesce(g.channel, '-')
CROSS JOIN LATERAL (VALUES
    ('row',               g.question::text,          w.question::text,          g.question = w.question),
    ('conversions',       g.conversions::text,       w.conversions::text,       near(g.conversions, w.conversions)),
    ('amount',            g.amount::text,            w.amount::text,            CASE WHEN w.slack = 0 THEN g.amount IS NOT DISTINCT FROM w.amount ELSE abs(g.amount - w.amount) <= w.slack END),
    ('share',             g.share::text,             w.share::text,             near(g.share, w.share)),
    ('influenced',        g.influenced::text,        w.influenced::text,        g.influenced IS NOT DISTINCT FROM w.influenced),
    ('influenced_amount', g.influenced_amount::text, w.influenced_amount::text, g.influenced_amount IS NOT DISTINCT FROM w.influenced_amount),
    ('removal_effect',    g.removal_effect::text,    w.effect::text,            near(g.removal_effect, w.effect))) v("column", funnel, oracle, same)
WHERE v.same IS NOT TRUE;
SELECT kind AS attribution, count(DISTINCT question) AS questions, count(*) AS rows, count(*) FILTER (WHERE channel IS NULL) AS untouched, count(*) FILTER (WHERE never) AS never,
       count(*) FILTER (WHERE effect BETWEEN 1e-9 AND 1 - 1e-9) AS effects,
       format('%s differences', (SELECT count(*) FROM difference_attribution d WHERE CASE WHEN d.k > 1 OR d.model = 'markov' THEN 'markov ' || d.k ELSE split_part(d.model, ' ', 1) END = kind)) AS answers
FROM want_attribution w CROSS JOIN LATERAL (SELECT CASE WHEN w.k > 1 OR w.model = 'markov' THEN 'markov ' || w.k ELSE split_part(w.model, ' ', 1) END) m(kind) GROUP BY kind ORDER BY kind COLLATE "C";
SELECT * FROM difference_attribution ORDER BY question, channel LIMIT 6;

-- Rows come with the highest credit first, those of one credit by name, the untouched last.
SELECT count(*) AS rows, count(*) FILTER (WHERE tie) AS ties, count(*) FILTER (WHERE wrong) AS out_of_order
FROM (SELECT lag(w.conversions) OVER q = w.conversions AND w.channel IS NOT NULL AS tie,
             lag(w.channel) OVER q IS NULL AND lag(nth) OVER q IS NOT NULL OR lag(g.conversions) OVER q < g.conversions AND w.channel IS NOT NULL
             OR lag(w.conversions) OVER q = w.conversions AND lag(w.channel) OVER q > w.channel COLLATE "C" AS wrong
      FROM got_attribution g JOIN want_attribution w ON w.question = g.question AND w.channel IS NOT DISTINCT FROM g.channel WINDOW q AS (PARTITION BY g.question ORDER BY nth)) r;

-- shapley by the definition. A set's value: the conversions all of whose channels lie in it. A channel's part: what it adds to a
-- set, averaged over all orders in which the channels may come. A set is written as the bits of its channels.
CREATE TABLE played AS
SELECT slice, channel, (row_number() OVER (PARTITION BY slice ORDER BY channel))::int - 1 AS bit, (count(*) OVER (PARTITION BY slice))::int AS n FROM (SELECT DISTINCT slice, channel FROM touch) c;
CREATE TABLE coalition AS
WITH won AS MATERIALIZED (
    SELECT slice, members, count(*) AS conversions, coalesce(sum(amount), 0) AS amount
    FROM (SELECT slice, lead, conv, sum(1 << bit)::int AS members FROM (SELECT DISTINCT slice, lead, conv, channel FROM touch) t JOIN played USING (slice, channel) GROUP BY slice, lead, conv) m
    JOIN conversion USING (slice, lead, conv) GROUP BY slice, members
)
SELECT p.slice, p.n, members, bit_count(members::bit(10)) AS size, v.conversions, v.amount
FROM (SELECT DISTINCT slice, n FROM played) p CROSS JOIN LATERAL generate_series(0, (1 << n) - 1) s(members)
CROSS JOIN LATERAL (SELECT coalesce(sum(w.conversions), 0) AS conversions, coalesce(sum(w.amount), 0) AS amount FROM won w WHERE w.slice = p.slice AND w.members & ~ s.members = 0) v;
ANALYZE coalition;
WITH want AS (
    SELECT p.slice, p.channel, p.n, sum(f.orders * (b.conversions - a.conversions)) / factorial(p.n) AS conversions, sum(f.orders * (b.amount - a.amount)) / factorial(p.n) AS amount
    FROM played p JOIN coalition a ON a.slice = p.slice AND a.members & (1 << p.bit) = 0 JOIN coalition b ON b.slice = p.slice AND b.members = a.members | (1 << p.bit)
    CROSS JOIN LATERAL (SELECT factorial(a.size) * factorial(p.n - a.size - 1)) f(orders) GROUP BY p.slice, p.channel, p.n
), got AS (
    SELECT s.slice, a.* FROM slice s JOIN cohort USING (cohort)
    CROSS JOIN LATERAL funnel.attribution(cohort.c, s.conversion, 'shapley', channels => s.channels, lookback => s.lookback, period => s.period, as_of => s.as_of) a
)
SELECT slice, count(*) AS channels, round(sum(w.conversions), 6) AS conversions, count(*) FILTER (WHERE near(g.conversions, w.conversions)) AS same,
       count(*) FILTER (WHERE abs(g.amount - w.amount) <= slack) AS same_amount, round(max(slack), 3) AS most_slack
FROM want w LEFT JOIN got g USING (slice, channel)
CROSS JOIN LATERAL (SELECT sum(10::numeric ^ -scale(amount)) FROM (SELECT DISTINCT t.lead, t.conv FROM touch t WHERE (t.slice, t.channel) = (w.slice, w.channel)) t JOIN conversion c USING (lead, conv)
                    WHERE c.slice = w.slice) s(slack)            -- a unit of each conversion's amount
GROUP BY slice ORDER BY slice;

--
-- sourced: of slices without channels, for it has the teams.
--
CREATE TABLE first_touch AS
SELECT c.slice, c.amount, coalesce((array_agg(team ORDER BY position))[1], 'none') AS sourced, array_agg(team) AS teams
FROM conversion c JOIN slice s USING (slice) LEFT JOIN touch USING (slice, lead, conv)
CROSS JOIN LATERAL (SELECT CASE WHEN channel IN ('ads', 'email', 'zz') THEN 'marketing' WHEN channel IN ('sdr', 'won', 'field event') THEN 'sales' WHEN channel IS NOT NULL THEN 'other' END) t(team)
WHERE s.channels IS NULL GROUP BY c.slice, c.lead, c.conv, c.amount;
CREATE TABLE want_sourced AS
SELECT s.slice, n, team, (SELECT count(*) FROM first_touch f WHERE f.slice = s.slice) AS conversions, f.*
FROM slice s CROSS JOIN unnest('{marketing,sales,other,none}'::text[]) WITH ORDINALITY t(team, n)
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE sourced = team) AS sourced, sum(amount) FILTER (WHERE sourced = team) AS sourced_amount,
                           CASE WHEN team <> 'none' THEN count(*) FILTER (WHERE team = ANY (teams)) END AS influenced, sum(amount) FILTER (WHERE team = ANY (teams)) AS influenced_amount,
                           CASE WHEN team <> 'none' THEN count(*) FILTER (WHERE assists) END AS assisted, sum(amount) FILTER (WHERE assists) AS assisted_amount
                    FROM first_touch f CROSS JOIN LATERAL (SELECT sourced = team AND CASE team WHEN 'marketing' THEN 'sales' = ANY (teams) WHEN 'sales' THEN 'marketing' = ANY (teams)
                                                                                                WHEN 'other' THEN teams && '{marketing,sales}' ELSE false END) a(assists)
                    WHERE f.slice = s.slice) f
WHERE s.channels IS NULL;
CREATE TABLE got_sourced AS
SELECT s.slice, r.* FROM slice s JOIN cohort USING (cohort)
CROSS JOIN LATERAL funnel.sourced(cohort.c, s.conversion, '{ads,email,zz}', '{sdr,won,"field event"}', s.as_of, s.period, s.lookback)
           WITH ORDINALITY r(team, sourced, sourced_amount, sourced_share, influenced, influenced_amount, assisted, assisted_amount, n) WHERE s.channels IS NULL;
SELECT count(*) AS sourced, count(*) FILTER (WHERE w.sourced > 0) AS not_empty, count(*) FILTER (WHERE w.assisted > 0) AS assisted,
       format('%s differences', count(*) FILTER (WHERE (g.sourced, g.sourced_amount, g.influenced, g.influenced_amount, g.assisted, g.assisted_amount)
                                                       IS DISTINCT FROM (w.sourced, w.sourced_amount, w.influenced, w.influenced_amount, w.assisted, w.assisted_amount)
                                                    OR NOT near(g.sourced_share, w.sourced * 1.0 / nullif(w.conversions, 0)))) AS answers
FROM want_sourced w FULL JOIN got_sourced g USING (slice, n, team);
SELECT * FROM want_sourced w FULL JOIN got_sourced g USING (slice, n, team)
WHERE (g.sourced, g.sourced_amount, g.influenced, g.influenced_amount, g.assisted, g.assisted_amount)
      IS DISTINCT FROM (w.sourced, w.sourced_amount, w.influenced, w.influenced_amount, w.assisted, w.assisted_amount)
ORDER BY slice, n LIMIT 6;

--
-- touch_paths, all of them and the first three.
--
CREATE TABLE want_path AS
SELECT slice, path, length, conversions, amount, CASE WHEN path IS NOT NULL THEN missed END AS missed,
       CASE WHEN path IS NOT NULL THEN row_number() OVER (PARTITION BY slice ORDER BY path IS NULL, conversions DESC, missed DESC, path COLLATE "C") END AS nth
FROM (SELECT slice, array_to_string(steps, ' > ') AS path, coalesce(cardinality(steps), 0) AS length, count(*) FILTER (WHERE converts) AS conversions, sum(c.amount) AS amount,
             count(*) FILTER (WHERE NOT converts) AS missed
      FROM (SELECT slice, lead, conv, converts, steps FROM journey UNION ALL
            SELECT slice, lead, conv, true, NULL FROM conversion c WHERE NOT EXISTS (SELECT FROM touch t WHERE (t.slice, t.lead, t.conv) = (c.slice, c.lead, c.conv))) j
      LEFT JOIN conversion c USING (slice, lead, conv) GROUP BY slice, steps) p;
CREATE TABLE got_path AS
SELECT s.slice, most, p.path, p.length, p.conversions, p.amount, p.non_converting AS missed, p.rate,
       CASE WHEN p.path IS NOT NULL THEN p.nth END AS nth, max(p.nth) OVER (PARTITION BY slice, most) = p.nth AS is_last
FROM slice s JOIN cohort USING (cohort) CROSS JOIN unnest('{3,100000}'::int[]) most
CROSS JOIN LATERAL funnel.touch_paths(cohort.c, s.conversion, s.channels, s.lookback, most, s.period, s.as_of) WITH ORDINALITY p(path, length, conversions, amount, non_converting, rate, nth);
CREATE TABLE difference_path AS
SELECT k.*, g.conversions AS funnel_conversions, w.conversions AS oracle_conversions, g.amount AS funnel_amount, w.amount AS oracle_amount,
       g.missed AS funnel_missed, w.missed AS oracle_missed, g.rate, g.nth AS funnel_nth, w.nth AS oracle_nth
FROM (SELECT * FROM want_path CROSS JOIN unnest('{3,100000}'::int[]) most WHERE nth <= most OR nth IS NULL) w FULL JOIN (SELECT *, coalesce(path, '-') AS key FROM got_path) g
     ON (g.slice, g.most, g.key, g.length) = (w.slice, w.most, coalesce(w.path, '-'), w.length)
CROSS JOIN LATERAL (SELECT coalesce(w.slice, g.slice), coalesce(w.most, g.most), coalesce(w.path, g.path), coalesce(w.length, g.length)) k(slice, most, path, length)
WHERE (g.conversions, g.amount, g.missed, g.nth) IS DISTINCT FROM (w.conversions, w.amount, w.missed, w.nth)
   OR NOT near(g.rate, CASE WHEN w.path IS NOT NULL THEN w.conversions * 1.0 / (w.conversions + w.missed) END) OR g.path IS NULL AND NOT is_last;
SELECT most, count(*) AS touch_paths, max(length) AS longest, sum(conversions) AS conversions, sum(missed) AS non_converting, count(*) FILTER (WHERE conversions > 0 AND missed > 0) AS both,
       format('%s differences', (SELECT count(*) FROM difference_path d WHERE d.most = m.most)) AS answers
FROM want_path w, unnest('{3,100000}'::int[]) m(most) WHERE nth <= most OR nth IS NULL GROUP BY most ORDER BY most;
SELECT * FROM difference_path ORDER BY slice, most, path LIMIT 6;

--
-- The window function credit over the touches of one conversion, in their order; a row without a time, one after the conversion
-- and one of no conversion get nothing and disturb nobody. The milestones are the times of the entries.
--
CREATE TABLE times AS SELECT question, lead, conv, to_jsonb(array_agg(entry ORDER BY nth)) AS milestones FROM milestone GROUP BY question, lead, conv;
CREATE TABLE windowed AS
SELECT q.question, t.lead, t.conv, t.position, t.at,
       funnel.credit(q.name, t.at, c.at, m.milestones, q.half_life) OVER (PARTITION BY q.question, t.slice, t.lead, t.conv ORDER BY t.at NULLS FIRST, t.position) AS credit
FROM question q JOIN (SELECT slice, lead, conv, position, at FROM touch
                      UNION ALL SELECT slice, lead, conv, NULL, extra FROM conversion
                                CROSS JOIN LATERAL (VALUES (NULL), (at + interval '1 microsecond'), (at + interval '9 days')) e(extra)) t USING (slice)
JOIN conversion c USING (slice, lead, conv) LEFT JOIN times m USING (question, lead, conv)
WHERE q.model <> 'shapley' AND q.slice <> 1;
CREATE TABLE difference_window AS
SELECT question, d.lead, d.conv, d.position, d.at, d.credit, w.credit AS oracle_credit, n.part::float8 AS near
FROM windowed d LEFT JOIN want w USING (question, lead, conv, position) LEFT JOIN near n USING (question, lead, conv, position)
WHERE CASE WHEN n.part IS NULL THEN d.credit IS DISTINCT FROM CASE WHEN d.position IS NOT NULL THEN w.credit END ELSE (abs(d.credit - n.part::float8) <= 1e-12) IS NOT TRUE END;
SELECT count(*) AS window_rows, count(position) AS touches, count(DISTINCT question) AS questions, format('%s differences', (SELECT count(*) FROM difference_window)) AS answers FROM windowed;
SELECT q.model, d.* FROM difference_window d JOIN question q USING (question) ORDER BY question, lead, conv, position LIMIT 6;
SELECT count(*) AS touches, count(credit) AS with_credit FROM (SELECT funnel.credit('linear', at, NULL) OVER (PARTITION BY lead ORDER BY at) AS credit FROM touch WHERE slice = 1) w;

DROP SCHEMA touched CASCADE;
