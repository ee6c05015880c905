-- The events as one cohort.

CREATE UNLOGGED TABLE stored AS SELECT funnel.cohort(lead, stage, at) AS c FROM events;

VACUUM (FREEZE, ANALYZE) stored;
