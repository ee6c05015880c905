-- The events as twelve cohorts, each lead in one of them. Workers are given a
-- table page by page: the filler gives each cohort, which lies in TOAST, a page
-- of its own.

CREATE UNLOGGED TABLE stored_parts (part int, c funnel.cohort, filler text) WITH (parallel_workers = 1);
ALTER TABLE stored_parts ALTER filler SET STORAGE PLAIN;
INSERT INTO stored_parts
SELECT funnel.cohort_shard(lead, 12), funnel.cohort(lead, stage, at), repeat(' ', 4200) FROM events GROUP BY 1;

VACUUM (FREEZE, ANALYZE) stored_parts;
