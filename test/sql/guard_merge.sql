--
-- guard_merge: MERGE, which PostgreSQL has from 15 on; each row is judged as the insert, update or delete that it becomes
--
-- guard_merge_1.out is what 14 says to it.
SET client_min_messages = warning;
\pset null '-'
CREATE SCHEMA guard_merge;
SET search_path = guard_merge, public;
SELECT FROM funnel.create_pipeline('guard merge', '{mql,sal,won}', '{lost}');
CREATE TABLE leads (id int PRIMARY KEY, stage text);
SELECT funnel.attach('leads', 'guard merge');
INSERT INTO leads SELECT n, 'mql' FROM generate_series(1, 4) n;
UPDATE leads SET stage = 'sal' WHERE id IN (2, 3);
CREATE VIEW told AS SELECT lead, string_agg(concat_ws('>', from_stage, coalesce(to_stage, '-')), ' ' ORDER BY at) AS history FROM leads_history GROUP BY lead ORDER BY lead;

-- One row that is refused, and nothing of the statement stays: an update, an insert.
MERGE INTO leads USING (VALUES (1, 'sal'), (2, 'mql')) v(id, stage) ON v.id = leads.id WHEN MATCHED THEN UPDATE SET stage = v.stage;
MERGE INTO leads USING (VALUES (1, 'sal'), (9, 'sal')) v(id, stage) ON v.id = leads.id
    WHEN MATCHED THEN UPDATE SET stage = v.stage WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.stage);
MERGE INTO leads USING (VALUES (2)) v(id) ON v.id = leads.id WHEN MATCHED THEN UPDATE SET stage = NULL;
MERGE INTO leads USING (VALUES (2)) v(id) ON v.id = leads.id WHEN MATCHED THEN UPDATE SET id = 22;
SELECT * FROM told;
-- All three at once; rows that stay as they are are not recorded.
MERGE INTO leads USING (VALUES (1, 'sal'), (2, 'won'), (3, 'gone'), (4, 'mql'), (5, 'mql'), (6, 'nothing')) v(id, stage) ON v.id = leads.id
    WHEN MATCHED AND v.stage = 'gone' THEN DELETE
    WHEN MATCHED THEN UPDATE SET stage = v.stage
    WHEN NOT MATCHED AND v.stage = 'nothing' THEN DO NOTHING
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.stage);
SELECT * FROM told;

-- Rows that it moves to another partition.
CREATE TABLE parts (id int, region text, stage text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us');
SELECT funnel.attach('parts', 'guard merge');
INSERT INTO parts SELECT n, 'eu', 'mql' FROM generate_series(1, 3) n;
UPDATE parts SET stage = 'sal' WHERE id = 2;
-- back to mql would do for a new lead, but it is none
MERGE INTO parts USING (VALUES (2, 'mql')) v(id, stage) ON v.id = parts.id WHEN MATCHED THEN UPDATE SET region = 'us', stage = v.stage;
MERGE INTO parts USING (VALUES (1, 'mql'), (2, 'won'), (3, 'gone'), (4, 'mql')) v(id, stage) ON v.id = parts.id
    WHEN MATCHED AND v.stage = 'gone' THEN DELETE
    WHEN MATCHED THEN UPDATE SET region = 'us', stage = v.stage
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'us', v.stage);
SELECT * FROM parts ORDER BY id;
SELECT lead, string_agg(concat_ws('>', from_stage, coalesce(to_stage, '-')), ' ' ORDER BY at) AS history FROM parts_history GROUP BY lead ORDER BY lead;

SET client_min_messages = error;
DROP SCHEMA guard_merge CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'guard merge';
