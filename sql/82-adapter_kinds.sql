-- The kinds of adapters that any history can use, and what all kinds have in common.
--
-- Part "events" of a kind gives rows (lead, label, at, amount, ref, record, is_deleted); funnel.create_adapter() puts merged
-- leads together and turns labels into stages. Kinds that read a history of field values give {changes} (record, old_label,
-- new_label, at, created_at, amount, ref, place) and {records} (record, label, created_at, amount, ref). What is deleted as a
-- whole is in {gone} (record); is_deleted is for what rows tell of themselves.

INSERT INTO funnel.adapter_option (kind, option, type, default_value, allowed, required_with, meaning) VALUES
('*', 'null_label', 'text', '"(none)"', NULL, NULL, 'stage or channel of rows whose label is NULL or blank'),
('*', 'deleted', 'text', '"keep"', '{keep,omit}', NULL, 'omit leaves out what the source says is deleted, of merged records what they have become'),
('*', 'source', 'text', NULL, NULL, NULL, 'one more name under which funnel.stage_alias has labels for this adapter, first of all'),
('*', 'language', 'text', '"en_US"', NULL, NULL, 'which translation of labels that are kept as JSON by language'),
('*', 'security_invoker', 'flag', 'false', NULL, NULL, 'may a reader of the view see only what he may see in the sources? (PostgreSQL 15 and later)');

INSERT INTO funnel.adapter_part (kind, part, needs, query) VALUES
('*', 'events', '{}', '{field_history}'),
('*', 'field_history', '{record.amount,lead.amount}', $part$
SELECT e.record AS lead, e.label, e.at, coalesce(e.amount, r.amount) AS amount, e.ref, e.record, NULL::boolean AS is_deleted
  FROM ({past}) AS e {todays}$part$),
('*', 'field_history:else', '{}', $part$
SELECT e.record AS lead, e.label, e.at, e.amount, e.ref, e.record, NULL::boolean AS is_deleted FROM ({past}) AS e$part$),
-- What is of today is that of what a record has become.
('*', 'todays', '{merges}', $part$
  LEFT JOIN {survivors} AS s ON s.merged = e.record LEFT JOIN ({records}) AS r ON r.record = coalesce(s.survivor, e.record)$part$),
('*', 'todays:else', '{}', 'LEFT JOIN ({records}) AS r ON r.record = e.record'),
-- Where it is not told when records were created, their beginnings are not known.
('*', 'past', '{record.lead,record.id,lead.id,history.created_at}', $part$
{past:else}
UNION ALL
SELECT b.record, b.label, b.at, b.amount, b.ref FROM ({beginnings}) AS b$part$),
('*', 'past:else', '{}', 'SELECT c.record, c.new_label AS label, c.at, c.amount, c.ref FROM ({changes}) AS c'),
-- What a record began with: the old value of its first change, or what it has today if nothing changed. It lies before the
-- first change, also where the record was created in the same second.
('*', 'beginnings', '{}', $part$
SELECT coalesce(f.record, r.record) AS record, CASE WHEN f.record IS NULL THEN r.label ELSE f.old_label END AS label,
       least(coalesce(r.created_at, f.created_at), f.at - interval '1 microsecond') AS at,
       f.amount, coalesce(f.ref, r.ref) AS ref
  FROM ({firsts}) AS f FULL JOIN ({records}) AS r ON r.record = f.record
 WHERE f.record IS NULL OR coalesce(r.created_at, f.created_at) < f.at
       OR f.old_label IS NOT NULL AND coalesce(r.created_at, f.created_at) IS NOT NULL$part$),
-- Of changes of one time the first is one whose old value none of the others has made: each stands twice, with the value
-- that it found and with the one that it made.
('*', 'firsts', '{}', $part$
SELECT DISTINCT ON (c.record {collate}) c.record, c.old_label, c.at, c.created_at, c.amount, c.ref
  FROM (SELECT c.*, v.is_made, bool_or(v.is_made) OVER (PARTITION BY c.record {collate}, v.label COLLATE "C") AS was_made
          FROM (SELECT c.*, rank() OVER (PARTITION BY c.record {collate} ORDER BY c.at) AS nth FROM ({changes}) AS c) AS c,
               LATERAL (VALUES (false, c.old_label), (true, c.new_label)) AS v (is_made, label)
         WHERE c.nth = 1 AND c.record IS NOT NULL) AS c
 WHERE NOT c.is_made
 ORDER BY c.record {collate}, c.was_made, c.place, c.old_label COLLATE "C", c.created_at, c.amount, c.ref$part$),
('*', 'deleted', '{}', 'SELECT DISTINCT g.record FROM ({gone}) AS g'),
-- Of {versions} (record, is_deleted, at) the last one counts: what was deleted can be restored. One
-- without a time is of before all others.
('*', 'gone_at_last', '{}', $part$
SELECT v.record FROM (SELECT v.record, v.is_deleted, coalesce(v.at, '-infinity') AS at FROM ({versions}) AS v) AS v GROUP BY v.record
HAVING coalesce(max(v.at) FILTER (WHERE v.is_deleted) >= max(v.at) FILTER (WHERE NOT v.is_deleted), bool_or(v.is_deleted))$part$),
-- The same of rows of a lead that tell of different records, by ref: of merged leads all of them.
('*', 'is_gone', '{rows.is_deleted}', $part$
coalesce(max(coalesce({version_at}, '-infinity')) FILTER (WHERE r.is_deleted) OVER (PARTITION BY r.lead {collate}, r.ref)
         >= max(coalesce({version_at}, '-infinity')) FILTER (WHERE NOT r.is_deleted) OVER (PARTITION BY r.lead {collate}, r.ref),
         bool_or(r.is_deleted) OVER (PARTITION BY r.lead {collate}, r.ref))$part$),
('*', 'is_gone:else', '{}', 'NULL::boolean'),
('*', 'gone_rows', '{}', $part$
SELECT r.lead AS record FROM ({versions}) AS r GROUP BY r.lead HAVING bool_and(coalesce(r.is_gone, false))$part$),
-- Rows that repeat what their record was already are no events: between them may lie those of another record of the lead.
-- If a lead has one record only, repeating changes nothing. Of several rows of one time the cohort says which is last, so
-- these stay, and the row after them.
('*', 'news', '{rows.ref,rows.merged_into}', $part$
SELECT r.* FROM (SELECT r.*, {version_at} IS NULL OR lag(true) OVER nth IS NULL
                             OR (r.stage, r.amount) IS DISTINCT FROM (lag(r.stage) OVER nth, lag(r.amount) OVER nth)
                             OR {version_at} IN (lag({version_at}) OVER nth, lead({version_at}) OVER nth)
                             OR lag({version_at}) OVER nth = lag({version_at}, 2) OVER nth AS is_news
                   FROM ({versions}) AS r
                 WINDOW nth AS (PARTITION BY r.lead {collate}, r.ref ORDER BY {version_at}, r.stage COLLATE "C", r.amount)) AS r
 WHERE r.is_news$part$),
('*', 'news:else', '{}', '{versions}'),
('*', 'survivors', '{}', $part$
(SELECT s.merged, s.survivor
   FROM (SELECT array_agg(m.merged) AS merged, array_agg(m.survivor) AS survivors FROM ({merges}) AS m WHERE m.merged <> m.survivor) AS a,
        LATERAL funnel.survivors(a.merged, a.survivors) AS s)$part$);


-- Stage events or touches as they are.

INSERT INTO funnel.adapter_kind (kind, vendor, is_touch, is_utc, meaning) VALUES
('events', NULL, false, false, 'a row per event, of a stage or, where the source has a column channel, of a touch'),
('events:touch', NULL, true, false, 'kind events of touches'),
('stage_dates', NULL, false, false, 'a row per lead, a column per stage that tells when the lead entered it'),
('scd2', NULL, false, false, 'a row per version of a lead, with the times from which and to which it was valid'),
('snapshots', NULL, false, false, 'a row per lead and day'),
('field_history', NULL, false, false, 'a row per change, with the old and the new value');

INSERT INTO funnel.adapter_source (kind, "position", source, is_required, key, meaning) VALUES
('events', 1, 'events', true, NULL, 'a row per event'),
('events:touch', 1, 'events', true, NULL, 'a row per touch'),
('stage_dates', 1, 'rows', true, NULL, 'a row per lead'),
('scd2', 1, 'rows', true, NULL, 'a row per version of a lead'),
('snapshots', 1, 'rows', true, NULL, 'a row per lead and day'),
('field_history', 1, 'history', true, NULL, 'a row per change'),
('field_history', 2, 'record', false, 'lead', 'a row per lead: when it was created, what it is now');

INSERT INTO funnel.adapter_column (kind, source, "column", type, names, is_required, meaning) VALUES
('events', 'events', 'lead', 'key', '{lead,lead_id}', true, 'the lead'),
('events', 'events', 'stage', 'label', '{stage}', true, 'the stage'),
('events', 'events', 'at', 'time', '{at,entered_at,changed_at,timestamp}', true, 'when'),
('events', 'events', 'amount', 'amount', '{amount}', false, 'the amount'),
('events', 'events', 'ref', 'ref', '{ref}', false, 'the record that the event belongs to'),
('events', 'events', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('events:touch', 'events', 'lead', 'key', '{lead,lead_id}', true, 'the lead'),
('events:touch', 'events', 'channel', 'label', '{channel}', true, 'the channel'),
('events:touch', 'events', 'at', 'time', '{at,touched_at,timestamp}', true, 'when'),
('events:touch', 'events', 'ref', 'ref', '{ref}', false, 'the record that the touch belongs to'),
('events:touch', 'events', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('stage_dates', 'rows', 'lead', 'key', '{lead,lead_id,id}', true, 'the lead'),
('stage_dates', 'rows', 'amount', 'amount', '{amount}', false, 'the amount'),
('stage_dates', 'rows', 'ref', 'ref', '{ref}', false, 'the record that the row is of'),
('stage_dates', 'rows', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('stage_dates', 'rows', 'merged_into', 'link', '{merged_into}', false, 'the lead that it was merged into'),
('scd2', 'rows', 'lead', 'key', '{lead,lead_id,id}', true, 'the lead'),
('scd2', 'rows', 'stage', 'label', '{stage}', true, 'the stage'),
('scd2', 'rows', 'valid_from', 'time', '{valid_from,dbt_valid_from,_fivetran_start}', true, 'from when'),
('scd2', 'rows', 'valid_to', 'end', '{valid_to,dbt_valid_to,_fivetran_end}', true, 'to when'),
('scd2', 'rows', 'amount', 'amount', '{amount}', false, 'the amount'),
('scd2', 'rows', 'ref', 'ref', '{ref}', false, 'the record that the row is of'),
('scd2', 'rows', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('scd2', 'rows', 'merged_into', 'link', '{merged_into}', false, 'the lead that it was merged into'),
('snapshots', 'rows', 'lead', 'key', '{lead,lead_id,id}', true, 'the lead'),
('snapshots', 'rows', 'stage', 'label', '{stage}', true, 'the stage'),
('snapshots', 'rows', 'day', 'time', '{day,date,snapshot_date,snapshot_day,snapshot_at,at}', true, 'the day'),
('snapshots', 'rows', 'amount', 'amount', '{amount}', false, 'the amount'),
('snapshots', 'rows', 'ref', 'ref', '{ref}', false, 'the record that the row is of'),
('snapshots', 'rows', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('snapshots', 'rows', 'merged_into', 'link', '{merged_into}', false, 'the lead that it was merged into'),
('field_history', 'history', 'lead', 'key', '{lead,lead_id,record_id,parent_id}', true, 'the lead'),
('field_history', 'history', 'field_name', 'text', '{field,field_name}', false, 'the field that was changed'),
('field_history', 'history', 'old_value', 'label', '{old_value,before_value,from_stage}', true, 'its value before'),
('field_history', 'history', 'new_value', 'label', '{new_value,after_value,to_stage}', true, 'its value after'),
('field_history', 'history', 'changed_at', 'time', '{changed_at,at}', true, 'when'),
('field_history', 'history', 'created_at', 'time', '{created_at}', false, 'when the lead was created'),
('field_history', 'history', 'amount', 'amount', '{amount}', false, 'the amount'),
('field_history', 'history', 'ref', 'ref', '{ref}', false, 'the record that the change belongs to'),
('field_history', 'history', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('field_history', 'history', 'place', 'order', '{sequence,id}', false, 'the order of changes of one time'),
('field_history', 'record', 'lead', 'key', '{id,lead,lead_id}', true, 'the lead'),
('field_history', 'record', 'created_at', 'time', '{created_at}', true, 'when it was created'),
('field_history', 'record', 'stage', 'label', '{stage,"{field}"}', true, 'its stage now'),
('field_history', 'record', 'amount', 'amount', '{amount}', false, 'its amount now'),
('field_history', 'record', 'is_deleted', 'flag', '{is_deleted,deleted}', false, 'is it deleted?'),
('field_history', 'record', 'merged_into', 'link', '{merged_into}', false, 'the lead that it was merged into');

INSERT INTO funnel.adapter_option (kind, option, type, default_value, required_with, meaning) VALUES
('stage_dates', 'stages', 'map', NULL, NULL, 'the column of each stage: {"mql": "became_mql_on"}; if it is not given, the columns that are named like stages of the pipeline'),
('scd2', 'ended', 'text', NULL, NULL, 'stage that a lead enters when its last version ends; if it is not given, it stays where it was'),
('field_history', 'field', 'names', NULL, 'history.field_name', 'the field that holds the stage');

INSERT INTO funnel.adapter_part (kind, part, needs, query) VALUES
('events', 'events', '{}', $part$
SELECT e.lead, e.stage AS label, e.at, e.amount, e.ref, e.lead AS record, e.is_deleted FROM {source events} AS e$part$),
('events:touch', 'events', '{}', $part$
SELECT e.lead, e.channel AS label, e.at, NULL::numeric AS amount, e.ref, e.lead AS record, e.is_deleted FROM {source events} AS e$part$),
('stage_dates', 'events', '{}', $part$
SELECT r.lead, s.label, s.at, r.amount, r.ref, r.lead AS record, r.is_deleted
  FROM {source rows} AS r, LATERAL (VALUES {stages}) AS s (label, at) WHERE s.at IS NOT NULL$part$),
('stage_dates', 'gone', '{rows.merged_into}', $part$
SELECT r.lead AS record FROM {source rows} AS r GROUP BY r.lead HAVING bool_and(coalesce(r.is_deleted, false))$part$),
('stage_dates', 'merges', '{rows.merged_into}', 'SELECT r.lead AS merged, r.merged_into AS survivor FROM {source rows} AS r'),
-- A version that ends when it begins was never in force, unless it is of a day, the last of which it includes.
('scd2', 'valid_rows', '{}', $part$
SELECT r.*, CASE WHEN r.valid_to = (r.valid_to AT TIME ZONE {time_zone})::date::timestamp AT TIME ZONE {time_zone}
                 THEN ((r.valid_to AT TIME ZONE {time_zone})::date + 1)::timestamp AT TIME ZONE {time_zone} END AS day_after
  FROM {source rows} AS r$part$),
('scd2', 'versions', '{}', $part$
SELECT r.*, {is_gone} AS is_gone FROM ({valid_rows}) AS r
 WHERE coalesce(r.valid_to > r.valid_from OR r.valid_to = r.valid_from AND r.day_after IS NOT NULL, true)$part$),
-- The last version ends with its last day if that is how versions join: the next one begins a day later.
('scd2', 'events', '{}', $part$
SELECT r.lead, r.stage AS label, r.valid_from AS at, r.amount, r.ref, r.lead AS record, r.is_gone AS is_deleted FROM ({news}) AS r
UNION ALL
SELECT r.lead, {ended}, CASE WHEN r.has_last_days OR r.valid_to = r.valid_from THEN coalesce(r.day_after, r.valid_to) ELSE r.valid_to END,
       r.amount, r.ref, r.lead, r.is_gone
  FROM (SELECT r.*, count(*) FILTER (WHERE r.next_from = r.day_after) OVER () > count(*) FILTER (WHERE r.next_from = r.valid_to) OVER () AS has_last_days
          FROM (SELECT r.*, lead(true) OVER nth IS NULL AS is_last, lead(r.valid_from) OVER nth AS next_from FROM ({versions}) AS r
                WINDOW nth AS (PARTITION BY r.lead {collate}, r.ref ORDER BY r.valid_from NULLS FIRST, r.valid_to, r.amount)) AS r) AS r
  LEFT JOIN {survivors} AS s ON s.merged = r.lead
 WHERE {ended} IS NOT NULL AND r.is_last AND r.valid_to IS NOT NULL AND s.merged IS NULL$part$),
('scd2', 'version_at', '{}', 'r.valid_from'),
('scd2', 'gone', '{rows.merged_into}', '{gone_rows}'),
('scd2', 'merges', '{rows.merged_into}', 'SELECT r.lead AS merged, r.merged_into AS survivor FROM {source rows} AS r'),
('snapshots', 'versions', '{}', 'SELECT r.*, {is_gone} AS is_gone FROM {source rows} AS r'),
('snapshots', 'events', '{}', $part$
SELECT r.lead, r.stage AS label, r.day AS at, r.amount, r.ref, r.lead AS record, r.is_gone AS is_deleted FROM ({news}) AS r$part$),
('snapshots', 'version_at', '{}', 'r.day'),
('snapshots', 'gone', '{rows.merged_into}', '{gone_rows}'),
('snapshots', 'merges', '{rows.merged_into}', 'SELECT r.lead AS merged, r.merged_into AS survivor FROM {source rows} AS r'),
('field_history', 'changes', '{}', $part$
SELECT h.lead AS record, h.old_value AS old_label, h.new_value AS new_label, h.changed_at AS at, h.created_at, h.amount, h.ref, h.place
  FROM {source history} AS h
 WHERE {field} IS NULL OR NOT {has history.field_name} OR h.field_name = ANY ({exact field}) OR funnel.label_key(h.field_name) = ANY ({field})$part$),
('field_history', 'versions', '{}', $part$
SELECT h.lead AS record, h.is_deleted, h.changed_at AS at FROM {source history} AS h WHERE NOT {has record.is_deleted}$part$),
('field_history', 'gone', '{record.is_deleted,history.is_deleted}', $part$
SELECT r.lead AS record FROM {source record} AS r WHERE r.is_deleted
UNION ALL
{gone_at_last}$part$),
('field_history', 'records', '{}', $part$
SELECT r.lead AS record, r.stage AS label, r.created_at, r.amount, NULL::text AS ref FROM {source record} AS r$part$),
('field_history', 'merges', '{record.merged_into}', 'SELECT r.lead AS merged, r.merged_into AS survivor FROM {rows record} AS r');
