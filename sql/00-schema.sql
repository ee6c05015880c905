\echo Use "CREATE EXTENSION funnel" to load this file. \quit

-- Anybody may ask; what they may read is decided by the tables they ask about.
GRANT USAGE ON SCHEMA funnel TO PUBLIC;
