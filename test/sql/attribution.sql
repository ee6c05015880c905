--
-- attribution, credits, sourced, touch_paths and credit: cases that a reader can work out by hand
--
-- Random histories are in attribution_oracle, what must add up in attribution_sums.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET extra_float_digits = 0;
\pset null '-'

CREATE FUNCTION pg_temp.day(n float8) RETURNS timestamptz LANGUAGE sql AS
    $$SELECT timestamptz '2024-01-01' + n * interval '1 day'$$;

-- '~ads@1 mql@2 ~mail@3 won@5=100.00/x | ~ads@1': two leads. The first was touched by ads on day 1, became an MQL on day 2,
-- was touched by mail on day 3, and won on day 5, with an amount and a ref; the second was touched once.
CREATE FUNCTION pg_temp.leads(histories text) RETURNS funnel.cohort LANGUAGE sql AS $$
    WITH event AS (
        SELECT lead, m[1] = '~' AS touch, m[2] AS label, pg_temp.day(m[3]::float8) AS at, m[4]::numeric AS amount, m[5] AS ref
        FROM regexp_split_to_table(histories, ' *\| *') WITH ORDINALITY h(history, lead), regexp_split_to_table(history, ' +') item,
             regexp_match(item, '^(~?)([a-z]+)@([-0-9.]+)(?:=([-0-9.]+|NaN|Infinity))?(?:/(\w+))?$') m
    )
    SELECT CASE WHEN t IS NULL THEN s WHEN s IS NULL THEN t ELSE s OPERATOR(funnel.||) t END
    FROM (SELECT funnel.cohort(lead, label, at, amount, ref) FROM event WHERE NOT touch) stage(s),
         (SELECT funnel.touches(lead, label, at) FROM event WHERE touch) touch(t)
$$;
-- The credits of the first lead, in the order of its touches, to four decimals; its credited amounts.
CREATE FUNCTION pg_temp.credits(history text, model text, milestones text[] DEFAULT '{mql,sql}', lookback interval DEFAULT NULL, half_life interval DEFAULT '7 days',
                                OUT credits text, OUT amounts text) LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', coalesce(channel, 'nobody'), round(credit::numeric, 4)::float8), ', ' ORDER BY converted_at, ref, position),
           string_agg(credited_amount::text, ' ' ORDER BY converted_at, ref, position)
    FROM funnel.credits(pg_temp.leads(history), 'won', model, milestones, lookback => lookback, half_life => half_life, as_of => pg_temp.day(1000))
    WHERE lead = '1'
$$;

--
-- The presets, over one, two, three and five touches
--
-- MQL after the second touch, SQL after the third, or before there is any.
SELECT m.model, touches, c.credits
FROM unnest('{first,last,linear,u_shaped,w_shaped,full_path,j_shaped,inverse_j,time_decay,shapley}'::text[]) WITH ORDINALITY m(model, n),
     (VALUES (1, '~a@1 mql@2.5 sql@3.5 won@9'), (2, '~a@1 ~b@2 mql@2.5 sql@3.5 won@9'), (3, '~a@1 ~b@2 mql@2.5 ~c@3 sql@3.5 won@9'),
             (5, '~a@1 ~b@2 mql@2.5 ~c@3 sql@3.5 ~d@4 ~e@8 won@9')) h(touches, history),
     pg_temp.credits(history, model) c
ORDER BY m.n, touches;

--
-- Which touches count
--
SELECT c.credits, why
FROM (VALUES
    ('~a@1 ~b@9 ~c@9.1 won@9',         NULL::interval, 'at the very time of the conversion it counts, later it does not'),
    ('~a@1 ~b@2 won@9',                '7 days',       'a touch as old as lookback counts'),
    ('~a@1 ~b@2 won@9.00001',          '7 days',       '... and an older one does not'),
    ('~a@1 ~b@31.5 won@61.5',          '1 month',      'a month is 30 days'),
    ('~b@2 ~a@2 won@9',                NULL,           'of one time: by name'),
    ('~a@2 ~a@2 ~b@3 won@9',           NULL,           'the same twice is two touches'),
    ('mql@1 won@9',                    NULL,           'no touch'),
    ('~a@10 won@9',                    NULL,           'none before'),
    ('~a@1 won@9 won@10 won@11',       NULL,           'snapshots that repeat won are one conversion'),
    ('~a@1 won@9 mql@10 ~b@11 won@12', NULL,           'won again: a second conversion, with all touches before it'),
    ('~a@1 won@9/x ~b@10 won@11/y',    NULL,           'two deals of one account'),
    ('~a@1 won@9/x won@9/y won@10/x won@10/y', NULL,    '... whose snapshots alternate: each is won once'),
    ('~a@1 won@9/x won@9/y lost@10/x won@11/x', NULL,   '... unless it was in another stage meanwhile')) v(history, lookback, why),
    pg_temp.credits(history, 'linear', lookback => lookback) c;
-- The amount of a conversion is the last that its stay has, and its ref is told; the touches of both deals are the same.
SELECT c.* FROM funnel.credits(pg_temp.leads('~a@1 won@9=100/x won@10=90/x ~b@10.5 won@11=7.50/y won@12=95/x won@12/y | ~a@1'), 'won', as_of => pg_temp.day(1000)) c;

--
-- Milestones: the last touch at or before the last entry into the stage that is not after the conversion
--
SELECT model, c.credits, why
FROM (VALUES
    ('w_shaped',  '~a@1 ~b@2 mql@2 ~c@3 sql@3 ~d@4 won@9',               '{mql,sql}'::text[], 'a touch at the time of the entry is before it'),
    ('w_shaped',  '~a@1 mql@2 ~b@3 mql@4 ~c@5 sql@6 won@9',              '{mql,sql}', 'an MQL that is repeated is one entry'),
    ('w_shaped',  '~a@1 mql@2 ~b@3 sal@3.5 mql@4 ~c@5 sql@6 won@9',      '{mql,sql}', 'of two entries the last'),
    ('w_shaped',  '~a@1 ~b@2 mql@3 ~c@4 sql@5 won@9 ~d@10 mql@11',       '{mql,sql}', '... that is not after the conversion'),
    ('w_shaped',  '~a@1 ~b@2 ~c@3 sql@5 won@9',                          '{mql,sql}', 'a milestone without entry is dropped'),
    ('w_shaped',  'mql@0 ~a@1 ~b@2 ~c@3 sql@5 won@9',                    '{mql,sql}', '... and one without an earlier touch'),
    ('w_shaped',  '~a@1 ~b@2 ~c@3 won@9',                                '{mql,sql}', 'both: first alone is left'),
    ('w_shaped',  '~a@1 ~b@2 sql@2.5 ~c@3 mql@3.5 ~d@4 won@9',           '{mql,sql}', 'reached the other way round'),
    ('w_shaped',  '~a@1 ~b@2 sql@2.5 ~c@3 mql@3.5 ~d@4 won@9',           '{sql,mql}', '... the same, since both weigh the same'),
    ('full_path', '~a@1 mql@2 sql@3 ~b@4 won@9',                         '{mql,sql}', 'one touch may be three anchors'),
    ('w_shaped',  '~a@1 ~b@2 mql@3/x mql@3/y ~c@4 mql@5/x mql@5/y sql@6/x sql@6/y ~d@7 sql@8/x won@9/x', '{mql,sql}', 'snapshots of two deals that alternate: each entered once'),
    ('w_shaped',  '~a@1 mql@2/x ~b@3 sql@4/x ~c@5 mql@6/y ~d@7 sql@8/y won@9/x', '{mql,sql}', 'the milestones of another deal are not this one''s'),
    ('w_shaped',  '~a@1 ~b@2 mql@3 ~c@4 mql@5/y ~d@6 sql@7/x won@9/x',    '{mql,sql}', '... but those of no deal are everybody''s'),
    ('w_shaped',  '~a@1 ~b@8 ~c@9 won@9',                                '{won,won}', 'the conversion is a milestone too')) v(model, history, milestones, why),
    pg_temp.credits(history || ' | mql@1 sql@1', model, milestones) c;

--
-- Models of one's own
--
SELECT funnel.attribution_model(0.5, 0.3, 0.2) AS of_one_s_own, funnel.attribution_model(milestones => '{1,2.5}', no_middle => 'even', missing => 'next', scope => 'all') AS all_choices;
-- The presets are such models. Only proportions matter.
SELECT m.name, count(*) AS credits, bool_and(a.credit = b.credit AND a.credit = c.credit) AS same
FROM (VALUES ('u_shaped', 0.4, 0.4, 0.2, '{}'::float8[]), ('w_shaped', 0.3, 0, 0.1, '{0.3,0.3}'), ('full_path', 0.225, 0.225, 0.1, '{0.225,0.225}'), ('j_shaped', 0.2, 0.6, 0.2, '{}'),
             ('inverse_j', 0.6, 0.2, 0.2, '{}'), ('first', 1, 0, 0, '{}'), ('last', 0, 1, 0, '{}'), ('linear', 0, 0, 1, '{}')) m(name, first, last, middle, milestones),
     LATERAL (SELECT pg_temp.leads('~a@1 ~b@2 mql@2.5 ~c@3 sql@3.5 ~d@4 ~e@8 won@9 | ~a@1 won@3 | ~a@1 ~b@2 won@3 | mql@1 ~a@2 sql@3 won@9'), ARRAY['mql','sql'], pg_temp.day(1000)) q(c, stages, until),
     funnel.credits(q.c, 'won', m.name, stages, as_of => until) a
     JOIN funnel.credits(q.c, 'won', funnel.attribution_model(m.first, m.last, m.middle, m.milestones), stages[1:cardinality(m.milestones)], as_of => until) b USING (lead, position)
     JOIN funnel.credits(q.c, 'won', funnel.attribution_model(m.first * 100, m.last * 100, m.middle * 100, (SELECT coalesce(array_agg(w * 100), '{}') FROM unnest(m.milestones) w)), stages[1:cardinality(m.milestones)], as_of => until) c USING (lead, position)
GROUP BY m.name ORDER BY m.name;
SELECT c.credits, why
FROM (VALUES
    ('~a@1 ~b@2 won@9',                         funnel.attribution_model(0.2, 0.6, 0.2), '{}'::text[], 'no middle: what is there is scaled to 1'),
    ('~a@1 ~b@2 won@9',                         funnel.attribution_model(0.2, 0.6, 0.2, no_middle => 'even'), '{}', '... or the share of the middle goes to both'),
    ('~a@1 won@9',                              funnel.attribution_model(0.2, 0.6, 0.2, no_middle => 'even'), '{}', 'one touch has it all'),
    ('~a@1 ~b@2 mql@2.5 ~c@3 won@9',            funnel.attribution_model(0.2, 0, 0.2, '{0.6}'), '{mql}', 'between: what comes after the last anchor is out'),
    ('~a@1 ~b@2 mql@2.5 ~c@3 won@9',            funnel.attribution_model(0.2, 0, 0.2, '{0.6}', scope => 'all'), '{mql}', '... all: it is in'),
    ('~a@1 ~b@2 ~c@3 sql@3.5 ~d@4 won@9',       funnel.attribution_model(0.2, 0.2, 0.1, '{0.3,0.2}'), '{mql,sql}', 'no MQL: dropped, the rest scaled'),
    ('~a@1 ~b@2 ~c@3 sql@3.5 ~d@4 won@9',       funnel.attribution_model(0.2, 0.2, 0.1, '{0.3,0.2}', missing => 'next'), '{mql,sql}', '... or on the touch of the SQL'),
    ('~a@1 ~b@2 mql@2.5 ~c@3 ~d@4 won@9',       funnel.attribution_model(0.2, 0.2, 0.1, '{0.3,0.2}', missing => 'next'), '{mql,sql}', 'no SQL: on the last touch'),
    ('~a@1 ~b@2 ~c@3 won@9',                    funnel.attribution_model(milestones => '{1}'), '{mql}', 'nothing of the model is there: nobody is preferred'),
    ('~a@1 ~b@2 mql@2.5 ~c@3 won@9',            funnel.attribution_model(milestones => '{1}'), '{mql}', 'all on one'),
    ('~a@1 ~b@2 mql@2.5 ~c@3 won@9',            funnel.attribution_model(middle => 1, milestones => '{0}'), '{mql}', 'an anchor of weight 0 is none')) v(history, model, milestones, why),
    pg_temp.credits(history || ' | mql@1 sql@1', model, milestones) c;

--
-- time_decay: half as much for each half-life before the newest touch
--
SELECT half_life, c.credits
FROM unnest('{7 days,1 day,1 microsecond,0,300000 years,NULL}'::interval[]) half_life, pg_temp.credits('~a@1 ~b@8 ~c@15 won@90', 'time_decay', half_life => half_life) c;
-- Two touches at the newest time: without any half-life the later in order, otherwise both.
SELECT half_life, c.credits FROM unnest('{0,1 microsecond}'::interval[]) half_life, pg_temp.credits('~a@1 ~b@2 ~c@2 won@9', 'time_decay', half_life => half_life) c;
-- Centuries apart: nothing is left, but of the newest.
SELECT c.credits FROM pg_temp.credits('~a@-300000 ~b@2 won@9', 'time_decay') c;

--
-- Money: cents add up, what is left over goes to whom rounding took most, the earlier first; refunds mirror
--
SELECT model, amount, c.amounts
FROM unnest('{linear,u_shaped,time_decay,shapley}'::text[]) model,
     unnest('{100.00,0.01,0.05,1,0,-100.00,-0.05,100.0000,12345678901234567890.12,-12345678901234567890.12,NaN,Infinity}'::text[]) WITH ORDINALITY a(amount, n),
     pg_temp.credits(format('~a@1 ~b@2 ~c@3 ~b@4 ~d@8 ~a@8.5 won@9=%s', amount), model) c
ORDER BY model, n;
SELECT c.amounts, why
FROM (VALUES ('~a@1 won@9', 'no amount'), ('~a@1 won@9=5 won@10', 'the last there is'), ('won@9=5', 'nobody''s'), ('~a@1 ~b@2 won@9=3.00/x won@10=0.01/y', 'each deal by itself')) v(history, why),
     pg_temp.credits(history, 'linear') c;

--
-- attribution: by channel
--
-- Leads 1 to 3 convert, the third without a touch; lead 4 does not.
CREATE TEMP TABLE demo AS SELECT pg_temp.leads('~ads@1 ~mail@2 ~ads@3 won@9=90.00 | ~mail@1 won@4=10.00 | won@5=1.00 | ~ads@1 ~fair@2') AS c;
SELECT m.model, a.channel, round(a.conversions::numeric, 4)::float8 AS conversions, a.amount, round(a.share::numeric, 4)::float8 AS share, a.influenced, a.influenced_amount, a.removal_effect
FROM demo, unnest('{linear,shapley,markov}'::text[]) m(model), funnel.attribution(c, 'won', model, as_of => pg_temp.day(1000)) a;
-- The chain: start > ads 2 > mail 1 > fair 1, start > mail 1; ads > mail 1, converted 1, fair 1; mail > ads 1, converted 1. Of the three
-- paths two convert. Without ads: start > mail > converted, 1/3 x 1/2 = 1/6, instead of 2/3; without mail: start > ads > converted,
-- 2/3 x 1/3 = 2/9. So the effects are 3/4 and 2/3, and fair's is 0.
SELECT channel, removal_effect FROM demo, funnel.attribution(c, 'won', 'markov', as_of => pg_temp.day(1000)) a WHERE channel IS NOT NULL ORDER BY channel;
-- Without the paths that do not convert: without ads 1/2 x 1/2, without mail 1/2 x 1/2.
SELECT channel, removal_effect FROM demo, funnel.attribution(c, 'won', 'markov', include_null => false, as_of => pg_temp.day(1000)) a WHERE channel IS NOT NULL ORDER BY channel;
-- Order 3 remembers all of these paths: an effect is the share of conversions that the channel was in.
SELECT channel, removal_effect FROM demo, funnel.attribution(c, 'won', 'markov', model_order => 3, as_of => pg_temp.day(1000)) a WHERE channel IS NOT NULL ORDER BY channel;
-- credits by the same effects, of each conversion alone.
SELECT lead, position, channel, round(credit::numeric, 6) AS credit, credited_amount FROM demo, funnel.credits(c, 'won', 'markov', as_of => pg_temp.day(1000)) ORDER BY lead, position;
-- Some channels; a period; as of a time.
SELECT q.what, a.channel, a.conversions, a.amount, a.influenced
FROM demo, LATERAL (VALUES ('mail alone', '{mail}'::text[], NULL::tstzrange, pg_temp.day(1000)), ('none', '{}', NULL, pg_temp.day(1000)), ('from day 5', NULL, tstzrange(pg_temp.day(5), NULL), pg_temp.day(1000)),
                           ('as of day 5', NULL, NULL, pg_temp.day(5)), ('as of day 2', NULL, NULL, pg_temp.day(2)), ('as of day 0', NULL, NULL, pg_temp.day(0))) q(what, channels, period, until),
     funnel.attribution(c, 'won', channels => q.channels, period => q.period, as_of => q.until) a;
-- A path that does not convert counts in the period of its last touch; a lead that converts at another time is none.
SELECT lower(period) - pg_temp.day(0) AS since, p.path, p.conversions, p.non_converting
FROM demo, LATERAL (VALUES (tstzrange(pg_temp.day(0), pg_temp.day(4.5))), (tstzrange(pg_temp.day(2.5), pg_temp.day(4.5)))) q(period), funnel.touch_paths(c, 'won', period => q.period, as_of => pg_temp.day(1000)) p;

--
-- sourced and touch_paths
--
SELECT s.* FROM (SELECT pg_temp.leads('~ads@1 ~call@2 won@9=100 | ~call@1 ~ads@2 won@9=50 | ~call@1 won@9=7 | ~fair@1 ~ads@2 won@9=3 | won@9=2 | ~ads@1') AS c) q, funnel.sourced(c, 'won', '{ads,mail}', '{call}', pg_temp.day(1000)) s;
SELECT p.* FROM demo, funnel.touch_paths(c, 'won', as_of => pg_temp.day(1000)) p;
SELECT p.* FROM demo, funnel.touch_paths(c, 'won', '{mail,fair}', most => 1, as_of => pg_temp.day(1000)) p;

--
-- credit: the window function gives what credits does
--
CREATE TEMP TABLE touch AS SELECT * FROM (VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 8), (6, 'late', 10), (7, 'unknown', NULL)) t(id, channel, day);
SELECT m.model, bool_and(w.credit IS NOT DISTINCT FROM c.credit) AS same, count(w.credit) AS credited, count(*) AS touches
FROM (VALUES ('first', NULL::jsonb), ('last', NULL), ('linear', NULL), ('u_shaped', NULL), ('w_shaped', jsonb_build_array(pg_temp.day(2.5), pg_temp.day(3.5))), ('full_path', jsonb_build_array(pg_temp.day(2.5), NULL)),
             ('time_decay', NULL), (funnel.attribution_model(1, 1, 1), NULL)) m(model, milestones),
     LATERAL (SELECT t.channel, funnel.credit(m.model, pg_temp.day(t.day), pg_temp.day(9), m.milestones) OVER (ORDER BY t.day, t.id) AS credit FROM touch t) w
     LEFT JOIN LATERAL (SELECT * FROM funnel.credits(pg_temp.leads('~a@1 ~b@2 mql@2.5 ~c@3' || CASE WHEN m.model = 'full_path' THEN '' ELSE ' sql@3.5' END || ' ~d@4 ~e@8 won@9 | sql@1'), 'won', m.model, '{mql,sql}', as_of => pg_temp.day(1000))) c USING (channel)
GROUP BY m.model ORDER BY m.model;
-- A partition is a conversion; without one there is no credit.
SELECT deal, n, funnel.credit('linear', pg_temp.day(n), won) OVER (PARTITION BY deal ORDER BY n) AS credit
FROM (VALUES ('x', pg_temp.day(3)), ('y', pg_temp.day(2)), ('z', NULL)) d(deal, won), generate_series(1, 4) n ORDER BY deal, n;

--
-- Nothing to answer
--
SELECT (SELECT count(*) FROM funnel.attribution(NULL, 'won')) AS attribution, (SELECT count(*) FROM funnel.credits(NULL, 'won')) AS credits,
       (SELECT count(*) FROM funnel.sourced(NULL, 'won', '{}', '{}')) AS sourced, (SELECT count(*) FROM funnel.touch_paths(NULL, 'won')) AS touch_paths;
SELECT m AS model, (SELECT count(*) FROM funnel.attribution(e.c, 'won', m, '{mql,sql}')) AS attribution, (SELECT count(*) FROM funnel.credits(e.c, 'won', m, '{mql,sql}')) AS credits
FROM (SELECT funnel.as_of(c, '-infinity') FROM demo) e(c), unnest('{linear,w_shaped,markov,shapley}'::text[]) m;
-- No conversion: channels are there, with nothing; removal effects cannot be told.
SELECT m AS model, a.channel, a.conversions, a.amount, a.share, a.influenced, a.removal_effect
FROM unnest('{linear,markov}'::text[]) m, funnel.attribution(pg_temp.leads('~ads@1 | ~mail@1 won@2000'), 'won', m, as_of => pg_temp.day(1000)) a;

--
-- Arguments that make no sense
--
CREATE FUNCTION pg_temp.refused(query text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END $$;
SELECT call, r.*
FROM (VALUES
    ('attribution(c, NULL)'),
    ('attribution(c, ''won'', ''nix'')'),
    ('attribution(c, ''won'', NULL)'),
    ('attribution(c, ''won'', ''w_shaped'')'),
    ('attribution(c, ''won'', ''w_shaped'', ''{mql}'')'),
    ('attribution(c, ''won'', ''w_shaped'', ''{mql,NULL}'')'),
    ('attribution(c, ''won'', ''w_shaped'', ''{MQL,sql}'')'),
    ('attribution(c, ''won'', channels => ''{ads,NULL}'')'),
    ('attribution(c, ''won'', lookback => ''-1 day'')'),
    ('attribution(c, ''won'', lookback => ''0'')'),
    ('attribution(c, ''won'', ''time_decay'', half_life => ''-1 day'')'),
    ('attribution(c, ''won'', ''markov'', model_order => 4)'),
    ('attribution(c, ''won'', ''markov'', model_order => 0)'),
    ('attribution(c, ''won'', ''markov'', model_order => NULL)'),
    ('attribution(c, ''won'', ''markov'', include_null => NULL)'),
    ('attribution(c, ''won'', as_of => NULL)'),
    ('attribution(c, ''won'', ''{"first": 1, "lost": 2}'')'),
    ('attribution(c, ''won'', ''{"first": "much"}'')'),
    ('attribution(c, ''won'', ''{"first": -1}'')'),
    ('attribution(c, ''won'', ''{"first": 1, "scope": "some"}'')'),
    ('attribution(c, ''won'', ''{"first": 1, "milestones": [1, [2]]}'')'),
    ('attribution(c, ''won'', ''{"first": 1, "milestones": 3}'')'),
    ('attribution(c, ''won'', ''{"first": {"last": 1}}'')'),
    ('attribution(c, ''won'', ''{}'')'),
    ('attribution(c, ''won'', ''{'')'),
    ('attribution_model()'),
    ('attribution_model(-1)'),
    ('attribution_model(1001)'),
    ('attribution_model(0.0000001)'),
    ('attribution_model(''NaN'')'),
    ('attribution_model(''Infinity'')'),
    ('attribution_model(NULL)'),
    ('attribution_model(1, milestones => ''{1,NULL}'')'),
    ('attribution_model(1, milestones => ''{{1},{2}}'')'),
    ('attribution_model(1, milestones => array_fill(1.0::float8, ''{33}''))'),
    ('attribution_model(1, no_middle => ''odd'')'),
    ('attribution_model(1, missing => NULL)'),
    ('sourced(c, ''won'', ''{ads}'', ''{mail,ads}'')'),
    ('sourced(c, ''won'', NULL, ''{ads}'')'),
    ('touch_paths(c, ''won'', most => 0)')) v(call),
    pg_temp.refused(format('SELECT funnel.%s FROM (SELECT c OPERATOR(funnel.||) pg_temp.leads(''mql@1 sql@2'') FROM demo) d(c)', call)) r;
SELECT call, r.*
FROM (VALUES
    ('funnel.credit(''linear'', now(), now())'),
    ('funnel.credit(''markov'', pg_temp.day(day), pg_temp.day(9)) OVER (ORDER BY day)'),
    ('funnel.credit(''shapley'', pg_temp.day(day), pg_temp.day(9)) OVER (ORDER BY day)'),
    ('funnel.credit(''w_shaped'', pg_temp.day(day), pg_temp.day(9)) OVER (ORDER BY day)'),
    ('funnel.credit(''w_shaped'', pg_temp.day(day), pg_temp.day(9), ''{"mql": 1}'') OVER (ORDER BY day)'),
    ('funnel.credit(''w_shaped'', pg_temp.day(day), pg_temp.day(9), ''[1, 2]'') OVER (ORDER BY day)'),
    ('funnel.credit(''w_shaped'', pg_temp.day(day), pg_temp.day(9), ''["yesterday, or so", null]'') OVER (ORDER BY day)'),
    ('funnel.credit(''linear'', pg_temp.day(day), pg_temp.day(9)) OVER (ORDER BY day DESC)'),
    ('funnel.credit(''linear'', pg_temp.day(day), pg_temp.day(20 + day)) OVER (ORDER BY day)'),
    ('funnel.credit(NULL, pg_temp.day(day), pg_temp.day(9)) OVER (ORDER BY day)')) v(call),
    pg_temp.refused(format('SELECT %s FROM touch', call)) r;

-- What occurs nowhere: a warning, but for milestones, by which money would change hands.
SELECT count(*) FROM demo, funnel.attribution(c, 'Won', as_of => pg_temp.day(1000));
SELECT channel FROM demo, funnel.attribution(c, 'won', channels => '{mail,Ads}', as_of => pg_temp.day(1000));
SELECT team, sourced FROM demo, funnel.sourced(c, 'won', '{ads}', '{Call}', pg_temp.day(1000));
