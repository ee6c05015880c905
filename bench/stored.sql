-- stored: the events as one cohort. stored_parts: the same leads as twelve.

CREATE UNLOGGED TABLE stored AS SELECT funnel.cohort(lead, stage, at) AS c FROM events;
CREATE UNLOGGED TABLE stored_parts AS
SELECT lead % 12 AS part, funnel.cohort(lead, stage, at) AS c FROM events GROUP BY lead % 12;

VACUUM (FREEZE, ANALYZE) stored;
VACUUM (FREEZE, ANALYZE) stored_parts;
