--
-- No search_path, and a hostile one: what the extension does depends on neither
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE TEMP TABLE crm (lead text, stage text, at timestamptz, amount numeric, ref text);
INSERT INTO crm VALUES
  ('ann', 'mql', '2024-01-01', NULL, NULL), ('ann', 'won', '2024-01-11', 120.50, 'a'),
  ('ben', 'mql', '2024-01-02', NULL, NULL), ('ben', 'mql', '2024-01-03', 1e30, 'b'), ('cy', 'won', '2024-01-05', 5, '42');

-- Everything, by its whole name.
CREATE FUNCTION pg_temp.everything() RETURNS TABLE (what text, answer text) LANGUAGE plpgsql AS $$
DECLARE
    c funnel.cohort;
    m funnel.cohort;
BEGIN
    SELECT funnel.cohort(lead, stage, at, amount, ref) INTO c FROM crm;
    SELECT funnel.merge(p) INTO m FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS p FROM crm GROUP BY lead) s;
    RETURN QUERY VALUES
        ('merge', (m OPERATOR(funnel.=) c)::text), ('text', (c::text::funnel.cohort OPERATOR(funnel.=) c)::text),
        ('unite', (funnel.deduplicate(c OPERATOR(funnel.||) m) OPERATOR(funnel.<>) c)::text),
        ('events', (SELECT string_agg(e::text, ' ') FROM funnel.events(c) e)),
        ('stays', (SELECT string_agg(s::text, ' ') FROM funnel.stays(c, as_of => '2024-02-01') s)),
        ('describe', (SELECT (d.leads, d.events, d.stages, d.ignored)::text FROM funnel.describe(c) d)),
        ('filters', (SELECT string_agg(e.lead || e.label, ' ') FROM funnel.events(funnel.without(funnel.never_reached(funnel.entered(
            funnel.relabel(funnel.in_order(c, '{mql,won}'), '{"won": "yes"}'), 'mql', '(,)'), 'yes'), '{}')) e)),
        ('steps', (SELECT string_agg((s.step, s.leads, s.amount, s.pending)::text, ' ') FROM funnel.steps(c, '{mql,won}', '30 days', as_of => '2024-02-01') s)),
        ('conversion_rate', funnel.conversion_rate(c, 'mql', 'won', as_of => '2024-02-01')::text),
        ('velocity', funnel.velocity(c, 'mql', 'won', 0.5, as_of => '2024-02-01')::text),
        ('rows', (SELECT (funnel.conversion_rate(lead, stage, at, 'mql', 'won'), funnel.velocity(lead, stage, at, 'mql', 'won'))::text FROM crm)),
        ('keys', (SELECT string_agg(lead, ' ') FROM funnel.events((SELECT funnel.cohort(k, 'won'::funnel.lead_stage, '2024-01-01') FROM (VALUES (1.50)) v(k))))),
        ('types', (SELECT string_agg(lead || label, ' ') FROM funnel.events((SELECT funnel.cohort(k, s, '2024-01-01') FROM (VALUES (1.50, 'closed won'::funnel.lead_stage)) v(k, s)))));
END $$;
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.everything();
SELECT * FROM before;

SET search_path = '';
SELECT count(*) AS differ FROM pg_temp.everything() e JOIN pg_temp.before b ON b.what OPERATOR(pg_catalog.=) e.what WHERE b.answer IS DISTINCT FROM e.answer;

-- Operators and functions that lie, found before those of the server and of the extension.
RESET search_path;
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.lie(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.<> (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.< (FUNCTION = hostile.lie, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile.lie(numeric, numeric) RETURNS numeric LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE OPERATOR hostile.+ (FUNCTION = hostile.lie, LEFTARG = numeric, RIGHTARG = numeric);
CREATE FUNCTION hostile.cohort_eq(funnel.cohort, funnel.cohort) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.cohort_eq, LEFTARG = funnel.cohort, RIGHTARG = funnel.cohort);
CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile'; END$$;
CREATE TYPE hostile.lead_stage AS ENUM ('mql', 'won');
CREATE TYPE hostile.cohort AS (lie pg_catalog.text);
SET search_path = hostile, pg_catalog, funnel;
SELECT pg_catalog.count(*) AS differ
FROM pg_temp.before b
WHERE NOT EXISTS (SELECT FROM pg_temp.everything() e WHERE b.what OPERATOR(pg_catalog.||) coalesce(b.answer, '-') OPERATOR(pg_catalog.=) (e.what OPERATOR(pg_catalog.||) coalesce(e.answer, '-')));
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;

-- Who may ask: everybody. A role with no rights but those of PUBLIC uses types, aggregates and functions.
CREATE ROLE regress_funnel_reader;
GRANT SELECT ON crm TO regress_funnel_reader;
SET ROLE regress_funnel_reader;
SELECT s.step, s.leads, s.amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM crm) t(c), funnel.steps(c, '{mql,won}', as_of => '2024-02-01') s;
SELECT funnel.progress('mql'::funnel.lead_stage), funnel.conversion_rate(lead, stage, at, 'mql', 'won') FROM crm;
RESET ROLE;
REVOKE ALL ON crm FROM regress_funnel_reader;
DROP ROLE regress_funnel_reader;
