-- grouped: the rows of events, in the same order, with two columns to group by:
-- g100 has about 100 events of about 40 leads a group, g10 about 10 of about 4.
-- psql variable: events.

SET jit = off;

CREATE UNLOGGED TABLE grouped AS
SELECT ((hashint8extended(lead, 21) & 9223372036854775807) % greatest(:events::bigint / 100, 1))::int AS g100,
       ((hashint8extended(lead, 22) & 9223372036854775807) % greatest(:events::bigint / 10, 1))::int AS g10,
       lead, stage, at
  FROM events;

VACUUM (FREEZE, ANALYZE) grouped;
