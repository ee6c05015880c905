--
-- funnel.lead_stage: the B2B lead waterfall as a type
--
\pset null '(null)'

-- The stages, their order, and what they mean. Sorting, grouping and distinct
-- values need no schema on the search_path.
CREATE TEMP TABLE waterfall (stage funnel.lead_stage PRIMARY KEY);
INSERT INTO waterfall VALUES
  ('recycled'), ('disqualified'), ('lost'), ('won'), ('opportunity'), ('sql'), ('sal'), ('mql'), ('inquiry');
SELECT stage, funnel.label(stage), funnel.progress(stage), funnel.is_open(stage), funnel.is_won(stage),
       funnel.lead_stage_send(stage) AS binary
FROM waterfall ORDER BY stage;

-- One byte, by value.
SELECT typlen, typbyval, typalign, typstorage, typcategory, pg_column_size('mql'::funnel.lead_stage)
FROM pg_type WHERE oid = 'funnel.lead_stage'::regtype;

-- NULL in, NULL out.
SELECT funnel.label(NULL), funnel.progress(NULL), funnel.is_open(NULL), funnel.is_won(NULL),
       funnel.try_lead_stage(NULL), funnel.lead_stage(NULL);

--
-- Input
--

-- Case, spaces, tabs, "_" and "-" do not count, wherever they are.
SELECT 'MQL'::funnel.lead_stage, ' m q l '::funnel.lead_stage, E'\tMql\t'::funnel.lead_stage,
       'Closed - Won'::funnel.lead_stage, 'MARKETING_QUALIFIED_LEAD'::funnel.lead_stage,
       '--sales-accepted--lead--'::funnel.lead_stage;

-- Everything that is read as a stage.
CREATE TEMP TABLE reads (stage text, spelling text);
INSERT INTO reads
SELECT stage, unnest(spellings) FROM (VALUES
  ('inquiry', ARRAY[
    'Inquiry', 'Enquiry', 'New Inquiry', 'New Enquiry', 'Raw Inquiry', 'Lead', 'New Lead', 'Raw Lead', 'Lead In',
    'subscriber']),
  ('mql', ARRAY[
    'MQL', 'Marketing Qualified', 'marketingqualifiedlead', 'Marketing Qualified Lead (MQL)',
    'MQL - Marketing Qualified Lead', 'Qualified by Marketing', 'MQA', 'Marketing-Qualified Account']),
  ('sal', ARRAY[
    'SAL', 'Sales Accepted', 'Sales Accepted Lead', 'Sales Accepted Lead (SAL)', 'SAL - Sales Accepted Lead',
    'Accepted by Sales']),
  ('sql', ARRAY[
    'SQL', 'Sales Qualified', 'salesqualifiedlead', 'Sales Qualified Lead (SQL)', 'SQL - Sales Qualified Lead',
    'Qualified by Sales']),
  ('opportunity', ARRAY[
    'Opportunity', 'Opp', 'Oppty', 'New Opportunity', 'Open Opportunity', 'Opportunity - Open',
    'Opportunity Created', 'Sales Opportunity', 'Qualified Opportunity', 'Sales Qualified Opportunity',
    'Sales Qualified Opportunity (SQO)', 'SQO', 'Deal', 'New Deal', 'OPEN_DEAL', 'Deal Created',
    'qualifiedtobuy', 'presentationscheduled', 'decisionmakerboughtin', 'contractsent',
    'Needs Analysis', 'Value Proposition', 'Id. Decision Makers', 'Identify Decision Makers',
    'Perception Analysis', 'Proposal/Price Quote', 'Negotiation/Review', 'Proposition', 'Proposal Made',
    'Negotiations Started', 'Proposal', 'Proposal Sent', 'Negotiation', 'Develop', 'Propose']),
  ('won', ARRAY[
    'Won', 'closedwon', 'Close Won', 'Closed/Won', 'Won - Closed', 'Deal Won', 'Won Deal', 'Opportunity Won',
    'Won Opportunity', 'Customer', 'New Customer', 'evangelist']),
  ('lost', ARRAY[
    'Lost', 'closedlost', 'Close Lost', 'Closed/Lost', 'Lost - Closed', 'Deal Lost', 'Lost Deal',
    'Opportunity Lost', 'Lost Opportunity', 'Lost Lead', 'Closed-Lost to Competition', 'Out-Sold']),
  ('disqualified', ARRAY[
    'Disqualified', 'Disqualified Lead', 'Lead Disqualified', 'DQ', 'Unqualified', 'Unqualified Lead',
    'Not Qualified', 'Junk', 'Junk Lead', 'Closed - Not Converted', 'Cannot Contact', 'No Longer Interested']),
  ('recycled', ARRAY[
    'Recycled', 'Recycle', 'Recycled Lead', 'Lead Recycled', 'Recycled to Marketing', 'Recycled to Nurture',
    'Returned to Marketing', 'Return to Marketing', 'Back to Marketing', 'Sent back to Marketing',
    'Returned to Nurture', 'Return to Nurture', 'Back to Nurture'])
) AS v (stage, spellings);

SELECT stage, spelling, funnel.try_lead_stage(spelling) FROM reads
WHERE funnel.label(funnel.try_lead_stage(spelling)) IS DISTINCT FROM stage;

-- lead_stage_spellings() lists the same, each once, without the characters that do not count.
SELECT spelling, funnel.label(stage) FROM funnel.lead_stage_spellings()
EXCEPT ALL
SELECT lower(translate(spelling, ' -_', '')), stage FROM reads;
SELECT lower(translate(spelling, ' -_', '')), stage FROM reads
EXCEPT ALL
SELECT spelling, funnel.label(stage) FROM funnel.lead_stage_spellings();
SELECT stage, count(*) FROM funnel.lead_stage_spellings() GROUP BY stage ORDER BY stage;

-- And all of them in any case and with anything ignored in between.
SELECT count(*) AS checked,
       count(*) FILTER (WHERE funnel.label(funnel.try_lead_stage(upper(spelling))) = funnel.label(stage)) AS in_upper_case,
       count(*) FILTER (WHERE funnel.label(funnel.lead_stage(regexp_replace(spelling, '(.)', E'\\1 \t_-', 'g')))
                            = funnel.label(stage)) AS spaced_out,
       count(*) FILTER (WHERE funnel.try_lead_stage(spelling || 'x') IS NULL) AS longer_refused,
       count(*) FILTER (WHERE funnel.try_lead_stage('x' || spelling) IS NULL) AS other_refused
FROM funnel.lead_stage_spellings();

-- Not read, because CRMs mean different stages by them, or none.
SELECT spelling, funnel.try_lead_stage(spelling) FROM unnest(ARRAY[
  'New', 'Open', 'Open - Not Contacted', 'Contacted', 'Working - Contacted', 'In Progress', 'Attempted to Contact',
  'Connected', 'Qualified', 'Qualification', 'Qualify', 'Pre-Qualified', 'Converted', 'Closed - Converted', 'Closed',
  'Close', 'Nurturing', 'Prospect', 'Prospecting', 'Accepted', 'Rejected', 'Canceled', 'Bad Timing',
  'Appointment Scheduled', 'Demo Scheduled', 'Contact Made', 'Product Qualified Lead', 'Other']) AS spelling
WHERE funnel.try_lead_stage(spelling) IS NOT NULL;

-- What is no stage is an error that lists the stages ...
SELECT 'qualified'::funnel.lead_stage;
\echo :LAST_ERROR_SQLSTATE
SELECT ''::funnel.lead_stage;
\echo :LAST_ERROR_SQLSTATE
SELECT ' -_'::funnel.lead_stage;
\echo :LAST_ERROR_SQLSTATE
SELECT funnel.lead_stage('mql,sql');
\echo :LAST_ERROR_SQLSTATE
SELECT '2'::text::funnel.lead_stage;
\echo :LAST_ERROR_SQLSTATE

-- ... other white space counts, and only ASCII letters have a case
SELECT E'mql\n'::funnel.lead_stage;
SELECT 'ｍｑｌ'::funnel.lead_stage;
SELECT funnel.try_lead_stage('mql' || chr(160)) AS with_no_break_space;

-- ... and a long value is cut at a character.
SELECT repeat('mql', 1000000)::funnel.lead_stage;
SELECT funnel.lead_stage('x' || repeat('é', 1000000));
SELECT funnel.lead_stage(repeat('x', 60));
SELECT funnel.lead_stage(repeat('x', 61));
SELECT funnel.lead_stage(repeat(' ', 1000000) || 'm' || repeat('_', 1000000) || 'ql') AS long_but_ignored;

-- try_lead_stage gives NULL instead.
SELECT s, funnel.try_lead_stage(s) FROM (VALUES ('Closed Won'), ('nonsense'), (''), (NULL)) AS v (s);
SELECT funnel.try_lead_stage(repeat('mql', 1000000)), funnel.try_lead_stage('ｍｑｌ');

-- From 16 on, input hands its error to who asks for that; before, it can only be caught.
CREATE FUNCTION pg_temp.input_error(value text) RETURNS TABLE (sqlstate_of text, message text) LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    RETURN QUERY EXECUTE $q$SELECT e.sql_error_code, e.message FROM pg_input_error_info($1, 'funnel.lead_stage') e$q$
      USING value;
  ELSE
    BEGIN
      PERFORM value::funnel.lead_stage;
      RETURN QUERY SELECT NULL, NULL;
    EXCEPTION WHEN invalid_text_representation THEN
      RETURN QUERY SELECT SQLSTATE, SQLERRM;
    END;
  END IF;
END $$;
SELECT v, e.* FROM unnest('{Closed Won,nonsense}'::text[]) AS v, pg_temp.input_error(v) AS e;

--
-- Casts: by assignment or explicit, never implicit
--
CREATE TEMP TABLE lead (id int, status text, crm_status varchar(30), stage funnel.lead_stage);
INSERT INTO lead (id, status, crm_status) VALUES (1, 'Closed Won', 'closedwon'), (2, 'MQL', 'Sales Accepted Lead');
UPDATE lead SET stage = status;
SELECT id, stage FROM lead ORDER BY id;
UPDATE lead SET stage = crm_status;
SELECT id, stage FROM lead ORDER BY id;
UPDATE lead SET status = stage, crm_status = stage;
SELECT id, status, crm_status FROM lead ORDER BY id;
INSERT INTO lead (id, stage) SELECT 3, status FROM lead WHERE id = 2;
SELECT id, stage::text, stage::varchar, stage::varchar(2) AS cut, stage::char(4) AS padded, status::funnel.lead_stage,
       crm_status::char(30)::funnel.lead_stage AS from_char
FROM lead ORDER BY id;

SELECT castsource::regtype, casttarget::regtype, castcontext, castmethod
FROM pg_cast WHERE 'funnel.lead_stage'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";

-- Text is not compared with a stage unless one says as what.
SET search_path = public, funnel;
SELECT id FROM lead WHERE stage = status;
\echo :LAST_ERROR_SQLSTATE
SELECT id FROM lead WHERE stage < status;
SELECT lower(stage) FROM lead;
SELECT id FROM lead WHERE stage = status::lead_stage ORDER BY id;
SELECT 'inquiry'::lead_stage < 'mql' AND 'mql' < 'lost'::lead_stage AS by_stage,
       'mql'::lead_stage::text COLLATE "C" < 'lost'::lead_stage::text AS by_letters;

--
-- Comparison
--

-- Every pair agrees with the stages' places in the waterfall, as operator and as function.
CREATE TEMP VIEW pairs AS
SELECT a.stage AS a, b.stage AS b, a.place AS i, b.place AS j
FROM unnest('{inquiry,mql,sal,sql,opportunity,won,lost,disqualified,recycled}'::lead_stage[]) WITH ORDINALITY AS a (stage, place),
     unnest('{inquiry,mql,sal,sql,opportunity,won,lost,disqualified,recycled}'::lead_stage[]) WITH ORDINALITY AS b (stage, place);
SELECT count(*) AS pairs,
       count(*) FILTER (WHERE (a = b) = (i = j) AND lead_stage_eq(a, b) = (i = j)) AS eq,
       count(*) FILTER (WHERE (a <> b) = (i <> j) AND lead_stage_ne(a, b) = (i <> j)) AS ne,
       count(*) FILTER (WHERE (a < b) = (i < j) AND lead_stage_lt(a, b) = (i < j)) AS lt,
       count(*) FILTER (WHERE (a <= b) = (i <= j) AND lead_stage_le(a, b) = (i <= j)) AS le,
       count(*) FILTER (WHERE (a > b) = (i > j) AND lead_stage_gt(a, b) = (i > j)) AS gt,
       count(*) FILTER (WHERE (a >= b) = (i >= j) AND lead_stage_ge(a, b) = (i >= j)) AS ge,
       count(*) FILTER (WHERE sign(lead_stage_cmp(a, b)) = sign(i - j)) AS cmp,
       count(*) FILTER (WHERE (lead_stage_hash(a) = lead_stage_hash(b)) = (i = j)) AS hash,
       count(*) FILTER (WHERE lead_stage_hash_extended(a, 0) & 4294967295 = lead_stage_hash(a)::bigint & 4294967295
                          AND lead_stage_hash_extended(a, 0) <> lead_stage_hash_extended(a, 1)) AS hash_extended,
       count(*) FILTER (WHERE lead_stage_smaller(a, b) = least(a, b) AND lead_stage_larger(a, b) = greatest(a, b)
                          AND (lead_stage_smaller(a, b) = a) = (i <= j) AND (lead_stage_larger(a, b) = a) = (i >= j)) AS smaller_larger
FROM pairs;
SELECT 'mql'::lead_stage = NULL AS eq_null, lead_stage_lt(NULL, 'mql') AS lt_null;

SELECT stage FROM waterfall WHERE stage BETWEEN 'sal' AND 'won' AND stage <> 'sql' ORDER BY stage DESC;
SELECT stage FROM waterfall WHERE stage IN ('won', 'Closed Lost') OR stage = ANY ('{mql,"Sales Accepted Lead"}') ORDER BY stage;

-- The operators and operator classes are complete, and nothing is volatile or unsafe in parallel.
SELECT oprname,
       (SELECT n.oprname FROM pg_operator n WHERE n.oid = o.oprnegate) AS negator,
       (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprcom) AS commutator,
       oprcanmerge, oprcanhash, oprcode, oprrest, oprjoin
FROM pg_operator o WHERE oprleft = 'lead_stage'::regtype ORDER BY oprname COLLATE "C";
SELECT amname, opcname, opcdefault, amvalidate(c.oid)
FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE opcintype = 'lead_stage'::regtype ORDER BY 1;
SELECT provolatile, proparallel, proisstrict, proleakproof, string_agg(proname, ' ' ORDER BY proname COLLATE "C") AS functions
FROM pg_proc WHERE pronamespace = 'funnel'::regnamespace AND prokind = 'f'
  AND (proname ~ 'lead_stage' OR 'lead_stage'::regtype = ANY (proargtypes))
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

--
-- Plans
--
RESET search_path;
CREATE FUNCTION pg_temp.plan(query text, wanted text DEFAULT '') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line ~ wanted THEN
      RETURN NEXT line;
    END IF;
  END LOOP;
END $$;
CREATE FUNCTION pg_temp.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;

-- 100 inquiries, 200 mqls, ... 900 recycled leads
CREATE TABLE lead_stage_many AS
SELECT stage, n FROM waterfall, generate_series(1, 100 * get_byte(funnel.lead_stage_send(stage), 0)) AS n
ORDER BY n, stage;
CREATE INDEX lead_stage_many_stage ON lead_stage_many (stage);
VACUUM ANALYZE lead_stage_many;

-- Estimates are exact.
SELECT pg_temp.estimate('SELECT FROM lead_stage_many WHERE stage OPERATOR(funnel.=) ''mql''') AS eq,
       pg_temp.estimate('SELECT FROM lead_stage_many WHERE stage OPERATOR(funnel.<>) ''mql''') AS ne,
       pg_temp.estimate('SELECT FROM lead_stage_many WHERE stage OPERATOR(funnel.<) ''sal''') AS lt,
       pg_temp.estimate('SELECT FROM lead_stage_many WHERE stage OPERATOR(funnel.<=) ''sal''') AS le,
       pg_temp.estimate('SELECT FROM lead_stage_many WHERE stage OPERATOR(funnel.>) ''lost''') AS gt,
       pg_temp.estimate('SELECT FROM lead_stage_many WHERE stage OPERATOR(funnel.>=) ''lost''') AS ge;

-- Sorting: by the index, and without one.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT pg_temp.plan('SELECT stage FROM lead_stage_many ORDER BY stage');
SELECT stage, count(*) FROM (SELECT stage FROM lead_stage_many ORDER BY stage) s GROUP BY stage ORDER BY stage;
SET enable_seqscan = on;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT pg_temp.plan('SELECT stage FROM lead_stage_many ORDER BY stage DESC');
SELECT count(*) AS rows, count(*) FILTER (WHERE previous OPERATOR(funnel.<) stage) AS out_of_order
FROM (SELECT stage, lag(stage) OVER (ORDER BY stage DESC) AS previous FROM lead_stage_many) s;
RESET enable_indexscan;
RESET enable_indexonlyscan;

-- Without the schema on the search_path the operators have to be qualified ...
SELECT count(*) FROM lead_stage_many WHERE stage = 'mql';
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM lead_stage_many WHERE stage OPERATOR(funnel.=) 'mql';
-- ... and their functions are planned as they are: indexes, joins, estimates.
SET enable_seqscan = off;
SELECT pg_temp.plan('SELECT n FROM lead_stage_many WHERE stage OPERATOR(funnel.=) ''Marketing Qualified Lead''');
SELECT pg_temp.plan('SELECT n FROM lead_stage_many WHERE funnel.lead_stage_eq(stage, ''Marketing Qualified Lead'')');
SELECT pg_temp.plan('SELECT n FROM lead_stage_many WHERE funnel.lead_stage_lt(''disqualified'', stage)', 'Cond');
SELECT pg_temp.plan('SELECT n FROM lead_stage_many WHERE funnel.lead_stage_ge(stage, ''won'') AND funnel.lead_stage_le(stage, ''lost'')', 'Cond');
SELECT pg_temp.plan('SELECT n FROM lead_stage_many WHERE funnel.lead_stage_gt(stage, ''won'') AND NOT funnel.lead_stage_ne(stage, ''lost'')', 'Cond');
SET enable_seqscan = on;
SELECT pg_temp.estimate('SELECT FROM lead_stage_many WHERE funnel.lead_stage_eq(stage, ''mql'')') AS eq,
       pg_temp.estimate('SELECT FROM lead_stage_many WHERE funnel.lead_stage_ne(stage, ''mql'')') AS ne;
SELECT count(*) FROM lead_stage_many WHERE funnel.lead_stage_eq(stage, 'mql');
SELECT count(*) FROM lead_stage_many WHERE NOT funnel.lead_stage_ne('mql', stage);
SELECT funnel.lead_stage_eq('mql', 'Marketing Qualified Lead') AS of_constants, funnel.lead_stage_lt(NULL, 'mql') AS of_null;
RESET enable_bitmapscan;

-- Joining by hash and by merge, grouping by hash.
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT pg_temp.plan('SELECT FROM lead_stage_many m JOIN waterfall w ON m.stage OPERATOR(funnel.=) w.stage', 'Hash (Join|Cond)');
SELECT pg_temp.plan('SELECT FROM lead_stage_many m JOIN waterfall w ON funnel.lead_stage_eq(m.stage, w.stage)', 'Hash (Join|Cond)');
SELECT count(*), sum(n) FROM lead_stage_many m JOIN waterfall w ON m.stage OPERATOR(funnel.=) w.stage WHERE funnel.is_won(w.stage);
SET enable_mergejoin = on;
SET enable_hashjoin = off;
SELECT pg_temp.plan('SELECT FROM lead_stage_many m JOIN waterfall w ON m.stage OPERATOR(funnel.=) w.stage', 'Merge (Join|Cond)');
SELECT count(*), sum(n) FROM lead_stage_many m JOIN waterfall w ON m.stage OPERATOR(funnel.=) w.stage WHERE funnel.is_won(w.stage);
RESET enable_nestloop;
RESET enable_mergejoin;
RESET enable_hashjoin;
SET enable_sort = off;
SET enable_indexonlyscan = off;
SET enable_indexscan = off;
SELECT pg_temp.plan('SELECT stage, count(*) FROM lead_stage_many GROUP BY stage', 'Aggregate|Key');
SELECT string_agg(stage || ' ' || count, ', ' ORDER BY stage) FROM
  (SELECT stage, count(*) FROM lead_stage_many GROUP BY stage) s;
RESET enable_sort;
RESET enable_indexonlyscan;
RESET enable_indexscan;

-- min and max: in parallel, from the index, of nothing.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_indexonlyscan = off;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT pg_temp.plan('SELECT funnel.min(stage), funnel.max(stage) FROM lead_stage_many', 'Aggregate|Gather');
SELECT funnel.min(stage), funnel.max(stage) FROM lead_stage_many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET enable_indexonlyscan;
RESET enable_indexscan;
RESET enable_bitmapscan;
SET enable_seqscan = off;
SELECT pg_temp.plan('SELECT funnel.max(stage) FROM lead_stage_many', 'Scan');
SELECT funnel.min(stage), funnel.max(stage) FROM lead_stage_many;
RESET enable_seqscan;
SELECT funnel.min(stage), funnel.max(stage) FROM waterfall WHERE false;
SELECT funnel.max(stage) AS furthest FROM lead WHERE stage IS NULL OR funnel.is_open(stage);

-- On the search_path they do not get in the way of the others.
SET search_path = public, funnel;
SELECT min('b') AS min_text, max(NULL) AS max_null, min(2) AS min_int, max(stage) AS max_stage FROM waterfall;
RESET search_path;
DROP TABLE lead_stage_many;

--
-- As columns and keys of all kinds
--
CREATE TEMP TABLE by_list (stage funnel.lead_stage) PARTITION BY LIST (stage);
CREATE TEMP TABLE by_list_won PARTITION OF by_list FOR VALUES IN ('Closed Won');
CREATE TEMP TABLE by_list_rest PARTITION OF by_list DEFAULT;
CREATE TEMP TABLE by_hash (stage funnel.lead_stage) PARTITION BY HASH (stage);
CREATE TEMP TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_list SELECT stage FROM waterfall;
INSERT INTO by_hash SELECT stage FROM waterfall;
SELECT tableoid::regclass, array_agg(stage ORDER BY stage) FROM by_list GROUP BY 1 ORDER BY 1;
SELECT count(*) AS rows, count(DISTINCT tableoid) AS partitions FROM by_hash;

CREATE TEMP TABLE deal (
  id int,
  stage funnel.lead_stage NOT NULL DEFAULT 'inquiry' REFERENCES waterfall,
  progress int GENERATED ALWAYS AS (funnel.progress(stage)) STORED,
  CHECK (funnel.lead_stage_ne(stage, 'recycled')),
  UNIQUE (stage, id));
CREATE INDEX ON deal (funnel.progress(stage)) WHERE funnel.is_open(stage);
INSERT INTO deal VALUES (1, DEFAULT), (2, 'Closed Lost');
INSERT INTO deal VALUES (3, 'recycled');
INSERT INTO deal VALUES (1, 'inquiry');
SELECT d, to_json(d) FROM deal d ORDER BY id;

SELECT array_agg(stage ORDER BY stage) AS stages, (array_agg(stage ORDER BY stage DESC))[1] AS last FROM waterfall;
SELECT '{won,"Closed Lost",NULL,mql}'::funnel.lead_stage[] AS stages,
       '{won,mql}'::funnel.lead_stage[] < '{won,sal}'::funnel.lead_stage[] AS by_element;

PREPARE in_stage (funnel.lead_stage) AS SELECT stage FROM waterfall WHERE funnel.lead_stage_eq(stage, $1);
EXECUTE in_stage ('customer');

--
-- COPY
--
CREATE TEMP TABLE copied (id int, stage funnel.lead_stage);
COPY copied FROM stdin;
1	Marketing Qualified Lead
2	closedwon
3	\N
\.
COPY copied FROM stdin (FORMAT csv);
4,Sales Accepted Lead
5,
\.
COPY copied FROM stdin (FORMAT csv);
6,sal
7,""
\.
COPY copied TO stdout;

-- A binary round trip
\set copy_file `mktemp`
\setenv COPY_FILE :copy_file
CREATE TEMP TABLE binary_copy (stage funnel.lead_stage);
\copy waterfall TO PROGRAM 'cat > "$COPY_FILE"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'cat "$COPY_FILE"' (FORMAT binary)
\! rm -f "$COPY_FILE"
SELECT array_agg(stage ORDER BY stage) FROM binary_copy;

-- Binary input of 9, and of what is no stage: 0, 10, 255, no byte, two bytes
TRUNCATE binary_copy;
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\011\377\377"' (FORMAT binary)
SELECT stage FROM binary_copy;
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\000\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\012\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\377\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\000\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\002\001\001\377\377"' (FORMAT binary)
\set VERBOSITY sqlstate
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\000\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\012\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001\377\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\000\377\377"' (FORMAT binary)
\copy binary_copy FROM PROGRAM 'printf "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\002\001\001\377\377"' (FORMAT binary)
\set VERBOSITY default
SELECT count(*) FROM binary_copy;
