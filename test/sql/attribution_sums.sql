--
-- What attribution has to conserve: a conversion is divided among its touches without rest, its amount to the last cent, the
-- totals too, whatever the model; and the answer depends on the bag of rows only, to the last bit. Then chains of markov whose
-- effects are known as fractions.
--
SET client_min_messages = error;
SET timezone = 'UTC';
SET jit = off;
CREATE SCHEMA sums;
SET search_path = sums;
\pset null '-'

CREATE FUNCTION pick(seed text, n int) RETURNS int
IMMUTABLE LANGUAGE sql AS $$ SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n $$;

--
-- Random histories: 150 leads, up to three deals each (won, some of them again later), up to eleven touches over seven channels,
-- at hours of 40 days. Every fifth row comes twice.
--
CREATE TABLE happened (lead int, kind text, label text, at timestamptz, amount numeric, ref text);
INSERT INTO happened
SELECT l, kind,
       CASE kind WHEN 'stage' THEN ('{mql,opportunity,won,won,lost}'::text[])[1 + pick(seed || ' stage', 5)] ELSE ('{ads,email,sdr,webinar,partner,seo,fair}'::text[])[1 + pick(seed || ' channel', 7)] END,
       timestamptz '2024-03-01' + pick(seed || ' at', 960) * interval '1 hour',
       CASE kind WHEN 'stage' THEN ('{NULL,0,0.00,19.99,100,0.01,-0.05,1234.567,1000000.1,-7,33.3333333333}'::numeric[])[1 + pick(seed || ' amount', 11)] END,
       CASE kind WHEN 'stage' THEN ('{NULL,a,b}'::text[])[1 + pick(seed || ' ref', 3)] END
FROM generate_series(1, 150) l, unnest('{stage,touch}'::text[]) kind, LATERAL generate_series(1, pick(format('%s %s', l, kind), CASE kind WHEN 'stage' THEN 7 ELSE 12 END)) e,
     LATERAL (SELECT format('%s %s %s', l, kind, e)) s(seed), LATERAL generate_series(0, (pick(seed || ' twice', 5) = 0)::int);

-- The same bag in many forms. Shuffled; cut by rows, by leads, by time, by kind, and merged again in one order or the other; from
-- the text form; stored, in a column whose values lie out of line.
CREATE FUNCTION piece(events happened[]) RETURNS funnel.cohort LANGUAGE sql AS $$
    SELECT funnel.merge(c) FROM (SELECT funnel.cohort(lead, label, at, amount, ref) FILTER (WHERE kind = 'stage') FROM unnest(events)
                                 UNION ALL SELECT funnel.touches(lead, label, at) FILTER (WHERE kind = 'touch') FROM unnest(events)) p(c)
$$;
CREATE TABLE form (form text PRIMARY KEY, bag funnel.cohort);
INSERT INTO form SELECT 'fresh', piece(array_agg(r ORDER BY lead, at)) FROM happened r;
INSERT INTO form SELECT 'shuffled ' || n, piece(array_agg(r ORDER BY md5(n || r::text))) FROM happened r, generate_series(1, 3) n GROUP BY n;
INSERT INTO form SELECT 'backwards', piece(array_agg(r ORDER BY lead DESC, at DESC)) FROM happened r;
INSERT INTO form
SELECT format('cut by %s, merged %s', cut, direction), funnel.merge(c ORDER BY CASE direction WHEN 'forwards' THEN part ELSE -part END)
FROM (SELECT cut, part, piece(array_agg(r ORDER BY md5(r::text))) AS c
      FROM (SELECT r, row_number() OVER (ORDER BY r) AS n FROM happened r) r,
           LATERAL (VALUES ('row', n % 5), ('lead', (r).lead % 3), ('time', extract(day FROM (r).at)::int % 7), ('kind', ((r).kind = 'stage')::int)) k(cut, part) GROUP BY cut, part) p,
     unnest('{forwards,backwards}'::text[]) direction
GROUP BY cut, direction;
INSERT INTO form SELECT 'from text', bag::text::funnel.cohort FROM form WHERE form = 'fresh';
INSERT INTO form SELECT 'of two', funnel.merge(a.c, b.c)
FROM (SELECT piece(array_agg(r)) FROM happened r WHERE lead < 60) a(c), (SELECT piece(array_agg(r)) FROM happened r WHERE lead >= 60) b(c);

-- Every model, some of them asked several ways.
CREATE TABLE question (n serial PRIMARY KEY, model text, milestones text[] DEFAULT '{}', half_life interval DEFAULT '7 days', k int DEFAULT 1, nulls boolean DEFAULT true,
                       channels text[], lookback interval, period tstzrange, as_of timestamptz DEFAULT '2025-01-01', called text);
INSERT INTO question (model) SELECT unnest('{first,last,linear,u_shaped,j_shaped,inverse_j,time_decay,shapley,markov}'::text[]);
INSERT INTO question (model, milestones) VALUES ('w_shaped', '{mql,opportunity}'), ('full_path', '{mql,opportunity}'), ('full_path', '{opportunity,mql}');
INSERT INTO question (model, milestones) SELECT funnel.attribution_model(0.7, 0.11, 0.13, '{0.333333}', no_middle, missing, scope), '{opportunity}'
FROM unnest('{normalize,even}'::text[]) no_middle, unnest('{drop,next}'::text[]) missing, unnest('{between,all}'::text[]) scope;
INSERT INTO question (model, half_life) SELECT 'time_decay', unnest('{NULL,0,1 microsecond,1 hour,90 days}'::interval[]);
INSERT INTO question (model, k, nulls) SELECT 'markov', k, nulls FROM generate_series(1, 3) k, unnest('{true,false}'::boolean[]) nulls WHERE k > 1 OR NOT nulls;
INSERT INTO question (model, milestones, channels, lookback, period, as_of, k)
SELECT model, CASE model WHEN 'w_shaped' THEN '{mql,opportunity}' ELSE '{}' END::text[], channels, lookback, period, as_of, 2
FROM unnest('{last,linear,w_shaped,shapley,markov}'::text[]) model,
     (VALUES ('{ads,sdr,seo}'::text[], '10 days'::interval, NULL, timestamptz '2025-01-01'), (NULL, NULL, tstzrange('2024-03-10', '2024-03-25'), '2024-04-02 12:00')) a(channels, lookback, period, as_of);
UPDATE question SET called = CASE WHEN model ~ '^[a-z_]+$' THEN model ELSE 'weights' END;

CREATE TABLE credit AS
SELECT q.n AS question, q.called, c.* FROM question q, form,
       LATERAL funnel.credits(bag, 'won', q.model, q.milestones, q.channels, q.lookback, q.half_life, q.k, q.nulls, q.period, q.as_of)
               WITH ORDINALITY c(lead, ref, converted_at, amount, position, channel, touched_at, credit, credited_amount, nth)
WHERE form = 'fresh';
CREATE TABLE earned AS
SELECT q.n AS question, q.called, a.* FROM question q, form, LATERAL funnel.attribution(bag, 'won', q.model, q.milestones, q.channels, q.lookback, q.half_life, q.k, q.nulls, q.period, q.as_of) a
WHERE form = 'fresh';
-- funnel.stays says what there is to be divided.
CREATE TABLE conversion AS
SELECT question, called, lead, ref, min(entered_at) AS converted_at, (array_agg(amount ORDER BY stay DESC) FILTER (WHERE amount IS NOT NULL))[1] AS amount
-- the stays of one ref in won, one after the other as far as that ref goes
FROM (SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY question, lead, ref ORDER BY stay) AS nth
      FROM (SELECT q.n AS question, q.called, q.period, s.*, s.stage = 'won' AND lag(s.stage) OVER (PARTITION BY q.n, s.lead, s.ref ORDER BY s.stay) IS DISTINCT FROM 'won' AS begins
            FROM question q, form, LATERAL funnel.stays(bag, NULL, q.as_of) WITH ORDINALITY s(lead, stage, ref, entered_at, left_at, next_stage, days, is_open, amount, stay) WHERE form = 'fresh') s) s
WHERE stage = 'won' GROUP BY question, called, lead, ref, nth, period HAVING period IS NULL OR min(entered_at) <@ period;

-- Every conversion is there, once; its credits sum to exactly 1, however they are added; each is a multiple of 2^-52; its amounts
-- sum to the amount, digit for digit, none of them against its sign.
SELECT called, count(DISTINCT question) AS questions, count(*) AS conversions, sum(touches) AS touches, max(touches) AS most, count(*) - count(amount) AS no_amount,
       count(*) FILTER (WHERE NOT (forwards = 1 AND backwards = 1 AND smallest_first = 1 AND largest_first = 1 AND anyhow = 1)) AS not_one,
       count(*) FILTER (WHERE NOT multiples OR lowest < 0) AS not_multiples,
       count(*) FILTER (WHERE credited::text IS DISTINCT FROM amount::text OR none <> (amount IS NULL) OR against) AS not_the_amount,
       (SELECT count(*) FROM (SELECT called, question, lead, ref, converted_at, amount::text FROM credit WHERE coalesce(position, 1) = 1
                              EXCEPT ALL SELECT called, question, lead, ref, converted_at, amount::text FROM conversion) e WHERE e.called = d.called)
       + abs(count(*) - (SELECT count(*) FROM conversion c WHERE c.called = d.called)) AS not_the_stays
FROM (SELECT question, called, lead, ref, converted_at, amount, count(position) AS touches,
             sum(credit ORDER BY nth) AS forwards, sum(credit ORDER BY nth DESC) AS backwards, sum(credit ORDER BY credit) AS smallest_first, sum(credit ORDER BY credit DESC) AS largest_first,
             sum(credit ORDER BY md5(credit::text || nth)) AS anyhow, bool_and(credit * 4503599627370496 = trunc(credit * 4503599627370496)) AS multiples, min(credit) AS lowest,
             sum(credited_amount) AS credited, bool_or(credited_amount IS NULL) AS none, bool_or(credited_amount * sign(amount) < 0) AS against
      FROM credit GROUP BY question, called, lead, ref, converted_at, amount) d
GROUP BY called ORDER BY called COLLATE "C";

-- The channels together have all conversions and all of their amounts; each has what it got of the credits (but for markov, which
-- divides the totals); and it influenced the conversions in which it has a touch.
SELECT t.called, count(*) AS questions, sum(t.channels) AS rows, count(*) FILTER (WHERE abs(t.conversions - c.conversions) > 1e-9) AS not_all,
       count(*) FILTER (WHERE t.amount IS DISTINCT FROM c.amount) AS not_all_amounts,
       count(*) FILTER (WHERE abs(t.share - 1) > 1e-12) AS not_one, count(*) FILTER (WHERE t.lowest < 0 OR t.untouched IS DISTINCT FROM c.untouched) AS wrong
FROM (SELECT question, called, count(*) AS channels, sum(conversions) AS conversions, sum(amount) AS amount, sum(share) AS share, min(conversions) AS lowest,
             sum(conversions) FILTER (WHERE channel IS NULL)::bigint AS untouched FROM earned GROUP BY question, called) t
JOIN (SELECT c.question, count(*) AS conversions, sum(c.amount) AS amount,
             (SELECT nullif(count(*), 0) FROM credit d WHERE d.question = c.question AND position IS NULL) AS untouched FROM conversion c GROUP BY c.question) c USING (question)
GROUP BY t.called ORDER BY t.called COLLATE "C";
SELECT e.called, count(*) AS rows, count(*) FILTER (WHERE e.called <> 'markov' AND (abs(e.conversions - c.conversions) <= 1e-9) IS NOT TRUE) AS credits_differ,
       count(*) FILTER (WHERE e.called <> 'markov' AND e.amount IS DISTINCT FROM c.amount) AS amounts_differ,
       count(*) FILTER (WHERE (e.influenced, e.influenced_amount) IS DISTINCT FROM (c.influenced, c.influenced_amount)) AS influenced_differ,
       count(*) FILTER (WHERE (e.removal_effect BETWEEN 0 AND 1) IS DISTINCT FROM CASE WHEN e.called = 'markov' AND e.channel IS NOT NULL THEN true END) AS effects_wrong
FROM earned e JOIN (SELECT question, channel, sum(credit) AS conversions, sum(credited) AS amount, CASE WHEN channel IS NOT NULL THEN count(*) END AS influenced,
                           CASE WHEN channel IS NOT NULL THEN sum(amount) END AS influenced_amount
                    FROM (SELECT question, channel, lead, ref, converted_at, amount, sum(credit) AS credit, sum(credited_amount) AS credited FROM credit
                          GROUP BY question, channel, lead, ref, converted_at, amount) d
                    GROUP BY question, channel) c ON c.question = e.question AND c.channel IS NOT DISTINCT FROM e.channel
GROUP BY e.called ORDER BY e.called COLLATE "C";
-- markov's credits too are in proportion to the effects, which attribution has.
SELECT count(*) AS touches, count(*) FILTER (WHERE abs(credit - removal_effect / total) > 1e-12) AS differ
FROM (SELECT c.credit, e.removal_effect, sum(e.removal_effect) OVER (PARTITION BY c.question, c.lead, c.ref, c.converted_at, c.amount) AS total
      FROM credit c JOIN earned e USING (question, channel) WHERE c.called = 'markov' AND c.position IS NOT NULL) t;

-- Every form gives the same rows in the same order, bit for bit (as text: the shortest that reads back as the same float8).
CREATE TABLE answer AS
SELECT form, q.n AS question, md5(string_agg(a::text, ' ' ORDER BY a.nth)) AS attribution,
       (SELECT md5(string_agg(c::text, ' ' ORDER BY c.nth))
        FROM funnel.credits(bag, 'won', q.model, q.milestones, q.channels, q.lookback, q.half_life, q.k, q.nulls, q.period, q.as_of)
             WITH ORDINALITY c(lead, ref, converted_at, amount, position, channel, touched_at, credit, credited_amount, nth)) AS credits,
       (SELECT md5(string_agg(p::text, ' ' ORDER BY p.nth))
        FROM funnel.touch_paths(bag, 'won', q.channels, q.lookback, 1000, q.period, q.as_of) WITH ORDINALITY p(path, length, conversions, amount, non_converting, rate, nth)) AS paths,
       (SELECT md5(string_agg(s::text, ' ')) FROM funnel.sourced(bag, 'won', '{ads,seo}', '{sdr}', q.as_of, q.period, q.lookback) s) AS sourced
FROM form, question q, LATERAL funnel.attribution(bag, 'won', q.model, q.milestones, q.channels, q.lookback, q.half_life, q.k, q.nulls, q.period, q.as_of)
                               WITH ORDINALITY a(channel, conversions, amount, share, influenced, influenced_amount, removal_effect, nth)
GROUP BY form, q.n;
SELECT form, count(*) AS questions, count(*) FILTER (WHERE a.attribution <> f.attribution) AS attribution, count(*) FILTER (WHERE a.credits <> f.credits) AS credits,
       count(*) FILTER (WHERE a.paths <> f.paths) AS touch_paths, count(*) FILTER (WHERE a.sourced <> f.sourced) AS sourced
FROM answer a JOIN (SELECT * FROM answer WHERE form = 'fresh') f(fresh, question, attribution, credits, paths, sourced) USING (question) GROUP BY form ORDER BY form COLLATE "C";
SELECT count(DISTINCT attribution) AS attributions, count(DISTINCT credits) AS credits, count(DISTINCT paths) AS touch_paths, count(DISTINCT sourced) AS sourced FROM answer WHERE form = 'fresh';

CREATE TABLE alone AS SELECT lead, piece(array_agg(r)) AS c FROM happened r GROUP BY lead;
-- A lead alone has the credits it has among others: where the model asks no others. (A milestone that no event of it has is an error.)
SELECT called, count(*) AS rows, count(*) FILTER (WHERE NOT same) AS differ
FROM (SELECT q.called, coalesce(bool_and(c.credit = a.credit AND c.credited_amount IS NOT DISTINCT FROM a.credited_amount), false) AS same
      FROM question q JOIN credit c ON c.question = q.n
      LEFT JOIN (SELECT q.n, a.* FROM question q, alone l,
                 LATERAL funnel.credits(l.c, 'won', q.model, q.milestones, q.channels, q.lookback, q.half_life, q.k, q.nulls, q.period, q.as_of) a WHERE q.called <> 'markov' AND q.milestones = '{}') a
          ON a.n = q.n AND (a.lead, coalesce(a.ref, '-'), a.converted_at, coalesce(a.position, 0)) = (c.lead, coalesce(c.ref, '-'), c.converted_at, coalesce(c.position, 0))
             AND a.amount IS NOT DISTINCT FROM c.amount
      WHERE q.called <> 'markov' AND q.milestones = '{}' GROUP BY q.called, c.question, c.nth) s
GROUP BY called ORDER BY called COLLATE "C";

-- An amount that cannot be divided is that of every touch that has a part.
SELECT model, string_agg(format('%s %s', channel, credited_amount), ', ' ORDER BY lead, position) AS credited
FROM (SELECT funnel.merge(t, w) FROM (SELECT funnel.touches(l, c, '2024-01-01'::timestamptz) FROM generate_series(1, 3) l, unnest('{a,b}'::text[]) c) e(t),
                                     (SELECT funnel.cohort(l, 'won', '2024-01-02'::timestamptz, ('{NaN,Infinity,-Infinity}'::numeric[])[l]) FROM generate_series(1, 3) l) f(w)) odd(c),
     unnest('{linear,last,time_decay,shapley,markov}'::text[]) model, LATERAL funnel.credits(c, 'won', model, as_of => '2025-01-01') GROUP BY model ORDER BY model COLLATE "C";

--
-- touch_paths of many paths: every lead's own, some of which converted, and one of all of them. Nothing may get lost.
--
SELECT n AS leads, count(path) AS paths, sum(p.conversions) AS conversions, sum(p.non_converting) AS non_converting,
       min(p.conversions + p.non_converting) AS least, max(p.conversions + p.non_converting) AS most
FROM unnest('{1,31,63,64,65,127,128,129,300,1025}'::int[]) n
CROSS JOIN LATERAL (SELECT funnel.merge(c) FROM (SELECT funnel.touches(l, 'channel ' || e, '2024-01-01'::timestamptz) FROM generate_series(1, n) l, LATERAL (VALUES (0), (l)) v(e)
                                                 UNION ALL SELECT funnel.cohort(l, CASE l % 3 WHEN 0 THEN 'won' ELSE 'lost' END, '2024-01-02'::timestamptz) FROM generate_series(1, n) l
                                                 UNION ALL SELECT funnel.touches(-l, 'channel 0', '2024-01-01'::timestamptz) FROM generate_series(1, n) l) e(c)) x(c)
CROSS JOIN LATERAL funnel.touch_paths(c, 'won', most => 10000) p GROUP BY n ORDER BY n;

--
-- Chains whose effects are known. 'a b>2 a>1.5' reads: two leads were touched by a, then b, and won; five by a, and did not.
--
CREATE TABLE chain (about text, journeys text, k int, nulls boolean, effects text, n serial PRIMARY KEY);
CREATE FUNCTION touched(journeys text) RETURNS funnel.cohort LANGUAGE sql AS $$
    WITH journey AS (
        SELECT m[1] AS steps, m[2]::int AS converting, m[3]::int AS other, n FROM regexp_split_to_table(journeys, ', *') WITH ORDINALITY i(item, n), regexp_match(item, '^(.*)>([0-9]+)\.([0-9]+)$') m
    ), lead AS (
        SELECT n * 1000 + l AS lead, steps, l <= converting AS converts FROM journey, generate_series(1, converting + other) l
    )
    SELECT funnel.merge(c)
    FROM (SELECT funnel.touches(lead, step, timestamptz '2024-01-01' + at * interval '1 hour') FROM lead, regexp_split_to_table(steps, ' +') WITH ORDINALITY s(step, at)
          UNION ALL SELECT funnel.cohort(lead, 'won', timestamptz '2024-06-01', 100) FROM lead WHERE converts) e(c)
$$;
INSERT INTO chain VALUES
('one channel',
 'a>1.0', 1, true, 'a=1/1'),
('one channel, again and again',
 'a a a>2.3, a>0.7', 1, true, 'a=1/1'),
-- Of four visits of a: two to a itself, one to the conversion, one to nowhere. So from a 1/2; from the start a 2/3, b 1/3. P = 2/3.
('a loop of a to itself',
 'a a a>1.0, a>0.1, b>1.0', 1, true, 'a=1/2 b=1/2'),
-- a goes on to b (3 of 4) or ends well (1 of 4); b to a (2 of 4), well (1), nowhere (1). A = 1/4 + 3/4 B, B = 1/4 + 1/2 A: A = 7/10, B = 3/5.
-- P = 2/3 A + 1/3 B = 2/3. Without a: from b 1/4, by 1/3: 1/12; without b: from a 1/4, by 2/3: 1/6. Of 2/3: 7/8, 3/4.
('a and b in turns',
 'a b a>1.0, b a b>1.0, a b>0.1', 1, true, 'a=7/8 b=3/4'),
-- From b to the conversion or to z, half each; from the start a and b 1/7 and 2/7: both convert in 1/7.
('z never converts: exactly nothing',
 'a>1.0, z>0.3, b z>0.2, b>1.0', 1, true, 'a=1/2 b=1/2 z=0/1'),
('z comes after those that convert only in those that do not',
 'a>1.0, a z>0.1, a z z>0.1', 1, true, 'a=1/1 z=0/1'),
-- m goes on to b, to the conversion, to nowhere: 2/3. a goes to m 1 in 2, from the start 2/6; c to m 1 in 5, to itself 2 in 5, so
-- 1/3 in the end, from the start 3/6; m from the start 1/6. Each comes to m in 1/6, so P = 1/2 of 2/3; b has half of m's.
('m is in every way to the conversion',
 'a m b>1.0, c m>1.0, a>0.1, c c>0.2, m>0.1', 1, true, 'm=1/1 a=1/3 b=1/2 c=1/3'),
-- Here every journey that converted has m, but in the chain of order 1 from a, too, one of two converts, with m or without.
('m is in all journeys that convert, not in all ways of the chain',
 'm a>1.0, a>0.1', 1, true, 'm=1/2 a=1/1'),
('... in windows of two it is', 'm a>1.0, a>0.1', 2, true, 'm=1/1 a=1/1'),
('order 1: what was before the last is forgotten', 'm b a>1.0, b a>0.1', 1, true, 'm=1/2 b=1/1 a=1/1'),
('order 2: before the last two',                   'm b a>1.0, b a>0.1', 2, true, 'm=1/2 b=1/1 a=1/1'),
('order 3',                                        'm b a>1.0, b a>0.1', 3, true, 'm=1/1 b=1/1 a=1/1'),
-- Nothing but conversions: the effect is the probability of coming by. a 1/3 at once, b 2/3, of which half by a.
('only journeys that convert', 'a>1.0, b a>1.0, b>1.0', 1, true, 'a=2/3 b=2/3'),
('those that do not are left out: a 1/2 of 2', 'a>1.0, b>1.0, a>0.5, c>0.9', 1, false, 'a=1/2 b=1/2 c=0/1'),
-- With them: a converts 1 in 6, by 6/16; b 1 in 1, by 1/16; P = 2/16: the same effects, for nothing leads from one to the other.
('... and with them', 'a>1.0, b>1.0, a>0.5, c>0.9', 1, true, 'a=1/2 b=1/2 c=0/1'),
-- b: of four 1 to a, 1 converts; a 1 of 2. P = 4/5 (1/4 + 1/8) + 1/5 1/2 = 2/5, of it by way of a 1/10 + 1/10, of b 3/10. Without those
-- that do not convert P = 1, of it by way of a 1/2, and b always.
('with them, where it matters', 'b a>1.0, b>1.0, b>0.2, a>0.1', 1, true, 'b=3/4 a=1/2'),
('without them', 'b a>1.0, b>1.0, b>0.2, a>0.1', 1, false, 'b=1/1 a=1/2'),
('nobody converts', 'a>0.1, a b>0.2', 1, true, 'a=- b=-');

-- 0 and 1 are exactly so. conversions and amounts (100 each) in proportion.
CREATE FUNCTION differs(got float8, want numeric) RETURNS boolean
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE WHEN want IS NULL OR got IS NULL THEN want IS NOT NULL OR got IS NOT NULL WHEN want IN (0, 1) THEN got <> want::float8 ELSE abs(got / want::float8 - 1) > 1e-12 END
$$;
SELECT about,
       string_agg(format('%s=%s', channel, CASE WHEN differs(removal_effect, want) THEN coalesce(removal_effect::text, 'nothing') ELSE e.effect END), ' ' ORDER BY e.nth) AS removal_effects,
       count(*) - count(nth) AS unexpected,
       count(*) FILTER (WHERE abs(a.conversions - e.converted) > 1e-12) AS not_in_proportion,
       count(*) FILTER (WHERE abs(a.amount - 100 * e.converted) > 1) AS amounts_not, sum(a.amount) AS amount
FROM chain CROSS JOIN (SELECT funnel.cohort('later', 'won', '2030-01-01'::timestamptz) FROM (VALUES (1)) v) l(later)
CROSS JOIN LATERAL funnel.attribution(funnel.merge(touched(journeys), later), 'won', 'markov', model_order => k, include_null => nulls, as_of => '2025-01-01') a
LEFT JOIN LATERAL (SELECT m[1] AS channel, m[2] AS effect, x AS want, nth, x / nullif(sum(x) OVER (), 0) * conversions AS converted
                   FROM regexp_split_to_table(effects, ' ') WITH ORDINALITY i(item, nth), regexp_match(item, '^(.*)=(.*)$') m,
                        LATERAL (SELECT split_part(nullif(m[2], '-'), '/', 1)::numeric / split_part(nullif(m[2], '-'), '/', 2)::numeric) v(x),
                        LATERAL (SELECT sum(r[1]::int) FROM regexp_matches(journeys, '>([0-9]+)\.', 'g') r) t(conversions)) e USING (channel)
GROUP BY chain.n ORDER BY chain.n;

-- A loop of a and b that is left twice in 104,000 rounds (where floating point that subtracts is wrong by more than 1e-12: 1 - 103998/104000
-- by 2.8e-12 of itself): from b once to c and the conversion, once to nowhere. P = 2/3 1/2 + 1/3 = 2/3, of it by way of a and b 1/3, and
-- always of c: 1/2, 1/2, 1. For windows of two and three the same (the first a and the first b are states of their own, which lead into it).
CREATE TABLE loop AS
SELECT funnel.merge(c) AS c
FROM (SELECT funnel.touches(lead, CASE i % 2 WHEN 1 THEN 'a' ELSE 'b' END, timestamptz '2024-01-01' + i * interval '1 second')
      FROM (VALUES (1, 104000), (2, 104000)) l(lead, touches), LATERAL generate_series(1, touches) i
      UNION ALL SELECT funnel.touches(lead, 'c', '2024-03-01'::timestamptz) FROM (VALUES (1), (4)) l(lead)
      UNION ALL SELECT funnel.cohort(lead, 'won', '2024-04-01'::timestamptz, 100) FROM (VALUES (1), (4)) l(lead)) e(c);
SELECT k AS model_order, string_agg(format('%s %s', channel, CASE WHEN NOT differs(removal_effect, want) THEN want ELSE removal_effect::numeric END), ', ' ORDER BY channel) AS effects,
       count(*) FILTER (WHERE abs(conversions - want) > 1e-12) AS wrong, string_agg(amount::text, ' ' ORDER BY channel) AS amounts, min(influenced) AS influenced
FROM loop, generate_series(1, 3) k, LATERAL funnel.attribution(c, 'won', 'markov', model_order => k, as_of => '2025-01-01') a
JOIN (VALUES ('a', 0.5), ('b', 0.5), ('c', 1)) w(channel, want) USING (channel)
GROUP BY k ORDER BY k;
-- Of the credits of lead 1 every touch of a and of b gets half of what that of c gets: 1/104,002, and 1/52,001; each to a multiple of 2^-52.
SELECT lead, count(*) AS touches, sum(credit) = 1 AS one,
       max(abs(credit - CASE channel WHEN 'c' THEN 1 ELSE 0.5 END / CASE lead WHEN '1' THEN 52001 ELSE 1 END)) <= 1 / 4503599627370496.0 AS right, sum(credited_amount) AS amount
FROM loop, LATERAL funnel.credits(c, 'won', 'markov', as_of => '2025-01-01') GROUP BY lead ORDER BY lead;

-- Twenty channels in no order have 8,000 windows of three: too many, and an error; not so those of two.
CREATE TABLE wild AS
SELECT funnel.merge(t, w) AS c
FROM (SELECT funnel.touches(1, 'c' || pick('wild ' || i, 20), timestamptz '2024-01-01' + i * interval '1 second'), funnel.cohort(1, 'won', '2024-06-01'::timestamptz)
      FROM generate_series(1, 6000) i) e(t, w);
SELECT k AS model_order, count(*) AS channels, count(*) FILTER (WHERE removal_effect > 0.9 AND removal_effect <= 1) AS nearly_always
FROM wild, generate_series(1, 2) k, LATERAL funnel.attribution(c, 'won', 'markov', model_order => k, include_null => false, as_of => '2025-01-01') GROUP BY k ORDER BY k;
\set VERBOSITY sqlstate
SELECT count(*) FROM wild, funnel.attribution(c, 'won', 'markov', model_order => 3, as_of => '2025-01-01');
SELECT count(*) FROM wild, funnel.credits(c, 'won', 'markov', model_order => 3, as_of => '2025-01-01');
\set VERBOSITY default

DROP SCHEMA sums CASCADE;
