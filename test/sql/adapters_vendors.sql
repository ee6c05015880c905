--
-- Adapters for HubSpot, Marketo, Odoo and SuiteCRM
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE SCHEMA vendor;
SET search_path = vendor, public;
SELECT funnel.create_pipeline('vendor', '{new,qualified,won}', exits => '{lost}', allow_skips => true);

-- HubSpot: stages are numbers with labels. Stage 3 was deleted, and 9 is nowhere. Open ends are of 2050. Deal 2 became 3 and 3
-- became 1; hs_merged_object_ids tells of 4. Deal 5 is deleted.
CREATE TABLE deal_stage (deal_id bigint, value text, date_entered text, _fivetran_start timestamp, _fivetran_end text, _fivetran_active boolean);
INSERT INTO deal_stage VALUES
  (1, '1', '2024-01-01 6:49:18', '2024-01-01 06:49:18', '2024-01-03 08:00:00', false), (1, '2', '2024-01-03 8:00:01', '2024-01-03 08:00:01', '2050-01-01 00:00:00', true),
  (2, 'closedwon', '1706695200000', '2024-01-31', '9999-12-31', true), (3, '3', '2024-01-02T08:00:00Z', '2024-01-02', NULL, true),
  (4, '9', '2024-01-04T08:00:00Z', '2024-01-04', 'infinity', true), (5, NULL, '2024-01-05T08:00:00Z', '2024-01-05', '', true),
  (1, '3', '2024-01-02 8:00:00', '2024-01-02 08:00:00', '2024-01-02 08:00:00', false);
CREATE TABLE deal_pipeline_stage (stage_id text, label text, pipeline_id text, _fivetran_deleted boolean);
INSERT INTO deal_pipeline_stage VALUES ('1', 'New', 'default', false), ('2', 'Qualified to buy', 'default', false), ('3', 'Qualified', 'default', true), ('closedwon', 'Closed Won', 'default', false),
  ('1', 'Renamed before', 'default', true);
CREATE TABLE deal (deal_id bigint, property_amount float8, is_deleted boolean, property_hs_merged_object_ids text);
INSERT INTO deal VALUES (1, 99.5, false, '4;40'), (2, 7, true, NULL), (3, 8, true, ''), (5, NULL, true, NULL);
CREATE TABLE merged_deal (deal_id bigint, merged_deal_id bigint);
INSERT INTO merged_deal VALUES (3, 2), (1, 3);
INSERT INTO funnel.stage_alias VALUES ('vendor', 'hubspot', 'Closed won', 'won');
SELECT funnel.create_adapter('hubspot_deal_stage', 'hubspot', '{"deal_stage": "deal_stage", "stage": "deal_pipeline_stage", "deal": "deal", "merged": "merged_deal"}', 'vendor');
SELECT lead, stage, at, amount, ref, record, is_deleted, is_mapped FROM hubspot ORDER BY at;
SELECT label, events FROM funnel.unmapped('hubspot');
SELECT funnel.create_adapter('hubspot_deal_stage', 'hubspot', '{"deal_stage": "deal_stage", "stage": "deal_pipeline_stage", "deal": "deal"}', 'vendor', '{"deleted": "omit"}');
SELECT lead, stage, record FROM hubspot ORDER BY at;

-- The history of properties: values of several properties, in milliseconds; a lifecycle stage is cleared before it is set back.
CREATE TABLE contact_property_history (contact_id bigint, name text, value text, "timestamp" bigint);
INSERT INTO contact_property_history VALUES (1, 'lifecyclestage', 'lead', 1704067200000), (1, 'email', 'a@example.com', 1704067200001), (1, 'lifecyclestage', 'qualified', 1704153600000),
  (1, 'lifecyclestage', '', 1704240000000), (1, 'lifecyclestage', 'new', 1704240000001), (2, 'hs_lead_status', 'OPEN', 1704067200000), (3, 'lifecyclestage', 'won', 1704326400000);
CREATE TABLE contact (id bigint, property_hs_calculated_merged_vids text);
INSERT INTO contact VALUES (1, '3:1704400000000;4:1704400000001'), (2, NULL);
SELECT funnel.create_adapter('hubspot_property_history', 'contacts', '{"history": "contact_property_history", "record": "contact"}', 'vendor');
SELECT lead, stage, at, amount, ref, record FROM contacts ORDER BY at;
SELECT funnel.create_adapter('hubspot_property_history', 'contacts', '"contact_property_history"', 'vendor', '{"field": "hs_lead_status"}');
SELECT lead, stage, label FROM contacts;
CREATE TABLE deal_property_history (deal_id bigint, name text, value text, "timestamp" timestamptz);
INSERT INTO deal_property_history VALUES (1, 'dealstage', '1', '2024-01-01'), (4, 'dealstage', '3', '2024-01-03'), (1, 'dealstage', 'closedwon', '2024-01-05'), (1, 'amount', '5', '2024-01-02');
SELECT funnel.create_adapter('hubspot_property_history', 'deals', '{"history": "deal_property_history", "stage": "deal_pipeline_stage", "record": "deal"}', 'vendor');
SELECT lead, stage, at, amount, ref FROM deals ORDER BY at;
-- A deals export that has a day per stage is of kind stage_dates.
CREATE TABLE deals_export (U&"\FEFFRecord ID" text, "Amount" text, hs_date_entered_new text, hs_date_entered_qualified text, "Date entered ""Closed Won""" text);
INSERT INTO deals_export VALUES ('77', '5', '2024-01-31T10:00:00.123Z', '', '2024-02-01');
SELECT funnel.create_adapter('stage_dates', 'export_stages', '"deals_export"', 'vendor', '{"lead": "Record ID"}');
SELECT lead, stage, at, amount FROM export_stages;
SELECT funnel.create_adapter('stage_dates', 'export_stages', '"deals_export"', 'vendor',
  '{"lead": "Record ID", "stages": {"new": "hs_date_entered_new", "Closed Won": "Date entered \"Closed Won\""}, "source": "hubspot"}', 'Europe/Berlin');
SELECT lead, stage, at, amount FROM export_stages ORDER BY at;

-- Marketo: of all changes those of one field. Lead 3 became 2, 2 became 1 (a merge without leads, too); 4 has no change;
-- 5 is deleted; lead 1 changed twice in a second, the second time with the higher number.
CREATE TABLE activity (id bigint, activity_date timestamp, activity_type_id int, lead_id bigint, primary_attribute_value text, old_value text, new_value text);
INSERT INTO activity VALUES
  (11, '2024-01-05 00:14:31', 13, 1, 'Lead Status', 'Qualified', 'Won'), (10, '2024-01-05 00:14:31', 13, 1, 'Lead Status', 'New', 'Qualified'),
  (12, '2024-01-03', 13, 2, 'lead status', NULL, 'New'), (13, '2024-01-02', 13, 3, 'Lead Status', 'New', 'Lost'),
  (14, '2024-01-06', 13, 1, 'Priority', '10', '20'), (15, '2024-01-07', 13, 5, 'Lead Status', 'New', ''), (16, '2024-01-08', 22, 1, 'Lead Status', 'x', 'y');
CREATE TABLE lead (id bigint, created_at timestamp, lead_status text);
INSERT INTO lead VALUES (1, '2024-01-01', 'Won'), (2, '2024-01-02', 'New'), (4, '2024-01-04', 'Qualified'), (5, '2024-01-04', NULL);
CREATE TABLE merge (lead_id bigint, merge_ids text);
INSERT INTO merge VALUES (1, '[2]'), (2, '[3, 30]'), (5, NULL), (5, '[]');
CREATE TABLE deleted (U&"\FEFFid" bigint, lead_id bigint);
INSERT INTO deleted VALUES (1, 5), (2, 3);
SELECT funnel.create_adapter('marketo_change_data', 'marketo', '{"activity": "activity", "lead": "lead", "merge": "merge", "deleted": "deleted"}', 'vendor', '{"field": "Lead Status"}');
SELECT lead, stage, at, record, is_deleted FROM marketo ORDER BY lead, at, stage;
SELECT funnel.create_adapter('marketo_change_data', 'marketo', '{"activity": "activity", "merge": "merge", "deleted": "deleted"}', 'vendor', '{"field": "Lead Status", "deleted": "omit"}');
SELECT lead, stage, at, record FROM marketo ORDER BY lead, at, stage;
CREATE TABLE activity_type (id int, name text);
INSERT INTO activity_type VALUES (1, 'Visit Webpage'), (2, 'Fill Out Form'), (13, 'Change Data Value');
CREATE TABLE activities (lead_id bigint, activity_date text, activity_type_id int, campaign_id int);
INSERT INTO activities VALUES (1, '2024-01-01T10:00:00Z', 1, 7), (3, '2024-01-02T10:00:00Z', 2, NULL), (1, '2024-01-03T10:00:00Z', 13, NULL), (5, '2024-01-04T10:00:00Z', 99, NULL);
SELECT funnel.create_adapter('marketo_activities', 'touches', '{"activity": "activities", "activity_type": "activity_type", "merge": "merge", "deleted": "deleted"}',
  columns => '{"types": ["visit webpage", "Fill Out Form", 99]}');
SELECT lead, channel, at, ref, record, is_deleted FROM touches ORDER BY at;
SELECT funnel.create_adapter('marketo_activities', 'touches', '"activities"');
SELECT lead, channel FROM touches ORDER BY at;

-- Odoo: fields by number (from 14 on, column field, from 17 on field_id) or by name; stages by number, whose names are today's,
-- in one language or in several; names in the language of who made the change where a stage is gone. Archiving is losing:
-- lead 1 was lost and restored. Lead 3 never changed. Messages are of other models too.
CREATE TABLE mail_message (id int, model text, res_id int, date timestamp);
INSERT INTO mail_message VALUES (1, 'crm.lead', 1, '2024-01-03 10:00'), (2, 'crm.lead', 1, '2024-01-05 10:00'), (3, 'crm.lead', 1, '2024-01-06 10:00'), (4, 'crm.lead', 1, '2024-01-07 10:00'),
  (5, 'crm.lead', 2, '2024-01-04 10:00'), (6, 'res.partner', 1, '2024-01-04 10:00'), (7, 'crm.lead', 4, '2024-01-08 10:00');
CREATE TABLE mail_tracking_value (id int, mail_message_id int, field_id int, old_value_integer int, new_value_integer int, old_value_char text, new_value_char text);
INSERT INTO mail_tracking_value VALUES (1, 1, 500, 1, 2, 'Neu', 'Qualifiziert'), (2, 2, 501, 1, 0, NULL, NULL), (3, 3, 501, 0, 1, NULL, NULL), (4, 4, 500, 2, 4, 'Qualified', 'Gagné'),
  (5, 5, 500, 9, 2, 'Old stage', 'Qualified'), (6, 6, 500, 1, 2, 'x', 'y'), (7, 7, 501, 1, 0, NULL, NULL), (8, 1, 502, 1, 2, 'Ann', 'Ben');
CREATE TABLE ir_model_fields (id int, model text, name text);
INSERT INTO ir_model_fields VALUES (500, 'crm.lead', 'stage_id'), (501, 'crm.lead', 'active'), (502, 'crm.lead', 'user_id'), (503, 'res.partner', 'stage_id');
CREATE TABLE crm_stage (id int, name jsonb);
INSERT INTO crm_stage VALUES (1, '{"en_US": "New", "de_DE": "Neu"}'), (2, '{"en_US": "Qualified", "de_DE": "Qualifiziert"}'), (4, '{"en_US": "Won"}');
CREATE TABLE crm_lead (id int, create_date timestamp, stage_id int, expected_revenue numeric);
INSERT INTO crm_lead VALUES (1, '2024-01-01 10:00', 4, 100), (2, '2024-01-02 10:00', 2, NULL), (3, '2024-01-03 10:00', 1, 30), (4, '2024-01-04 10:00', 2, 40);
\set sources '{"tracking": "mail_tracking_value", "message": "mail_message", "fields": "ir_model_fields", "stage": "crm_stage", "lead": "crm_lead"}'
SELECT funnel.create_adapter('odoo_tracking', 'odoo', :'sources', 'vendor');
SELECT lead, stage, at, amount, is_mapped FROM odoo ORDER BY lead, at;
SELECT label, events FROM funnel.unmapped('odoo');
SELECT funnel.create_adapter('odoo_tracking', 'odoo', :'sources', columns => '{"language": "de_DE", "lost": null}');
SELECT lead, stage, at FROM odoo ORDER BY lead, at;
\set VERBOSITY terse
SELECT funnel.create_adapter('odoo_tracking', 'x', '{"tracking": "mail_tracking_value", "message": "mail_message"}', 'vendor');
SELECT funnel.create_adapter('marketo_change_data', 'x', '"activity"');
\set VERBOSITY default
CREATE TABLE old_tracking (mail_message_id int, field text, old_value_integer int, new_value_integer int, old_value_char text, new_value_char text);
INSERT INTO old_tracking VALUES (1, 'stage_id', 1, 2, 'New', 'Qualified'), (4, 'stage_id', 2, 4, 'Qualified', 'Won'), (1, 'user_id', 1, 2, 'Ann', 'Ben'), (7, 'active', 1, 0, NULL, NULL);
SELECT funnel.create_adapter('odoo_tracking', 'old_odoo', '{"tracking": "old_tracking", "message": "mail_message"}', 'vendor');
SELECT lead, stage, at FROM old_odoo ORDER BY lead, at;

-- SuiteCRM: times are UTC, flags are 0 and 1.
CREATE TABLE opportunities_audit (id uuid DEFAULT '00000000-0000-0000-0000-000000000000', parent_id char(36), date_created timestamp, field_name varchar(100), data_type varchar(100), before_value_string varchar(255), after_value_string varchar(255));
INSERT INTO opportunities_audit (parent_id, date_created, field_name, data_type, before_value_string, after_value_string) VALUES
  ('a1', '2024-01-05 10:00', 'sales_stage', 'enum', 'Prospecting', 'Closed Won'), ('a1', '2024-01-04 10:00', 'amount', 'currency', '1', '2'), ('a2', '2024-01-06 10:00', 'sales_stage', 'enum', 'Prospecting', 'Closed Lost');
CREATE TABLE opportunities (id char(36), date_entered timestamp, sales_stage varchar(255), amount double precision, amount_usdollar double precision, deleted smallint);
INSERT INTO opportunities VALUES ('a1', '2024-01-01 10:00', 'Closed Won', 900, 1000, 0), ('a2', '2024-01-02 10:00', 'Closed Lost', 50, 55, 1), ('a3', '2024-01-03 10:00', 'Prospecting', 7, 8, 0);
INSERT INTO funnel.stage_alias VALUES ('vendor', 'suitecrm', 'Prospecting', 'new'), ('vendor', 'suitecrm', 'Closed Won', 'won'), ('vendor', 'suitecrm_audit', 'Closed Lost', 'lost');
SELECT funnel.create_adapter('suitecrm_audit', 'suitecrm', '{"audit": "opportunities_audit", "record": "opportunities"}', 'vendor', '{"record.amount": "amount"}', 'Europe/Berlin');
SELECT lead, stage, at, amount, is_deleted FROM suitecrm ORDER BY lead, at;
CREATE TABLE leads_audit (parent_id char(36), date_created timestamp, field_name text, before_value_string text, after_value_string text);
INSERT INTO leads_audit VALUES ('l1', '2024-01-05 10:00', 'status', 'New', 'Qualified');
SELECT funnel.create_adapter('suitecrm_audit', 'suite_leads', '"leads_audit"', 'vendor');
SELECT lead, stage, at FROM suite_leads;

-- Where sources leave something open.
\set SHOW_CONTEXT never
-- HubSpot's properties of stages have the last time a deal entered and the last time it left: who is in a stage again left it before.
CREATE TABLE deal_stage_dates (deal_id bigint, stage_id text, date_entered timestamptz, date_exited timestamptz);
INSERT INTO deal_stage_dates VALUES (1, '1', '2024-03-01', '2024-02-01'), (1, '2', '2024-02-01', '2024-03-01'), (2, '1', '2024-02-01', '2024-02-01');
SELECT funnel.create_adapter('hubspot_deal_stage', 'last_entries', '{"deal_stage": "deal_stage_dates", "stage": "deal_pipeline_stage"}', 'vendor');
SELECT lead, stage, at FROM last_entries ORDER BY lead, at;
-- That a stage is deleted says nothing of the deals that were in it.
SELECT funnel.create_adapter('hubspot_property_history', 'x', '{"history": "deal_property_history", "stage": "deal_pipeline_stage"}', 'vendor', '{"deleted": "omit"}');
SELECT funnel.create_adapter('odoo_tracking', 'x', '{"tracking": "old_tracking", "message": "mail_message"}', 'vendor', '{"deleted": "omit"}');
-- What became a lead that is deleted now: 2 became 1.
CREATE TABLE marketo_change (lead_id int, activity_date timestamp, primary_attribute_value text, old_value text, new_value text);
INSERT INTO marketo_change VALUES (1, '2024-01-02', 'Status', 'new', 'won'), (2, '2024-01-01', 'Status', 'new', 'won'), (3, '2024-01-03', 'Status', 'new', 'won');
CREATE TABLE marketo_merge (lead_id int, merge_ids text);
INSERT INTO marketo_merge VALUES (1, '[2]');
CREATE TABLE marketo_deleted (lead_id int);
INSERT INTO marketo_deleted VALUES (1), (1), (2);
SELECT funnel.create_adapter('marketo_change_data', 'marketo_left', '{"activity": "marketo_change", "merge": "marketo_merge", "deleted": "marketo_deleted"}', 'vendor',
  '{"field": "Status"}');
SELECT lead, record, is_deleted FROM marketo_left ORDER BY record;
-- Several rows of one deal, as a sync that adds rows has them: the last one counts.
CREATE TABLE deal_rows (deal_id bigint, amount numeric, is_deleted boolean, _fivetran_synced text);
INSERT INTO deal_rows VALUES (1, 10, true, '2024-01-01 08:00:00.5'), (1, 20, false, '2024-01-01 08:00:01'), (2, 7, false, '2024-01-01 08:00:00');
SELECT funnel.create_adapter('hubspot_deal_stage', 'deals_once', '{"deal_stage": "deal_stage_dates", "stage": "deal_pipeline_stage", "deal": "deal_rows"}', 'vendor');
SELECT lead, stage, amount, is_deleted FROM deals_once ORDER BY lead, at;
-- Marketo: leads without a column for the field tell nothing of those that never changed, but when the others were created.
CREATE TABLE marketo_lead (id int, created_at timestamp, "Status__c" text);
INSERT INTO marketo_lead VALUES (1, '2024-01-01', 'won'), (4, '2024-01-04', 'qualified');
SELECT funnel.create_adapter('marketo_change_data', 'marketo_fields', '{"activity": "marketo_change", "lead": "marketo_lead"}', 'vendor', '{"field": "Status"}');
SELECT lead, stage, at FROM marketo_fields ORDER BY lead, at;
SELECT funnel.create_adapter('marketo_change_data', 'marketo_fields', '{"activity": "marketo_change", "lead": "marketo_lead"}', 'vendor', '{"field": "Status", "lead.value": "Status__c"}');
SELECT lead, stage, at FROM marketo_fields WHERE lead = 4;
-- SuiteCRM: the amount in the currency of the system, or the deal's own where that is blank.
CREATE TABLE amounts (id text, date_entered timestamp, sales_stage text, amount text, amount_usdollar text);
INSERT INTO amounts VALUES ('a1', '2024-01-01', 'Prospecting', '900', '1000'), ('a2', '2024-01-02', 'Prospecting', '500', ''), ('a3', '2024-01-03', 'Prospecting', '', NULL);
SELECT funnel.create_adapter('suitecrm_audit', 'suite_amounts', '{"audit": "leads_audit", "record": "amounts"}', 'vendor');
SELECT record, amount FROM suite_amounts WHERE record LIKE 'a%' ORDER BY record;
SELECT funnel.create_adapter('suitecrm_audit', 'suite_amounts', '{"audit": "leads_audit", "record": "amounts"}', 'vendor', '{"record.amount": "amount"}');
SELECT record, amount FROM suite_amounts WHERE record LIKE 'a%' ORDER BY record;
-- Odoo: a lead that moves on twice, is archived, and restored, with one message: the higher number is later, however the rows lie.
INSERT INTO mail_message VALUES (8, 'crm.lead', 3, '2024-01-09 10:00');
CREATE TABLE tracked (id int, mail_message_id int, field text, old_value_integer int, new_value_integer int, old_value_char text, new_value_char text);
INSERT INTO tracked VALUES (9, 8, 'active', 1, 0, NULL, NULL), (10, 8, 'stage_id', 1, 2, 'New', 'Qualified'), (12, 8, 'stage_id', 2, 4, 'Qualified', 'Won'), (13, 8, 'active', 0, 1, NULL, NULL);
CREATE TABLE tracked_turned AS SELECT * FROM tracked ORDER BY id DESC;
SELECT funnel.create_adapter('odoo_tracking', 'restored', '{"tracking": "tracked", "message": "mail_message"}', 'vendor');
SELECT funnel.create_adapter('odoo_tracking', 'restored_turned', '{"tracking": "tracked_turned", "message": "mail_message"}', 'vendor');
SELECT stage, count(*) FROM restored GROUP BY stage ORDER BY stage;
SELECT stage, count(*) FROM restored_turned GROUP BY stage ORDER BY stage;
-- A lead that is archived and restored before its first change, twice after it, and once after it lost its stage.
CREATE TABLE archivings (mail_message_id int, field text, old_value_integer int, new_value_integer int, old_value_char text, new_value_char text);
INSERT INTO archivings VALUES (11, 'active', 1, 0, NULL, NULL), (12, 'active', 0, 1, NULL, NULL), (13, 'stage_id', 1, 2, 'New', 'Qualified'), (14, 'active', 1, 0, NULL, NULL), (15, 'active', 0, 1, NULL, NULL),
  (16, 'active', 1, 0, NULL, NULL), (17, 'active', 0, 1, NULL, NULL), (18, 'stage_id', 2, 0, 'Qualified', NULL), (19, 'active', 1, 0, NULL, NULL), (20, 'active', 0, 1, NULL, NULL);
INSERT INTO mail_message SELECT i, 'crm.lead', 3, '2024-02-01'::timestamp + i * interval '1 day' FROM generate_series(11, 20) AS i;
SELECT funnel.create_adapter('odoo_tracking', 'archived_often', '{"tracking": "archivings", "message": "mail_message", "lead": "crm_lead"}', 'vendor');
SELECT stage, at::date AS day, amount FROM archived_often WHERE lead = 3 ORDER BY at;
-- ... and one that is archived and moved thousands of times
INSERT INTO mail_message SELECT i, 'crm.lead', 5, '2024-03-01'::timestamp + i * interval '1 minute' FROM generate_series(101, 12100) AS i;
INSERT INTO archivings SELECT i, 'active', 1, 0, NULL, NULL FROM generate_series(101, 12100, 2) AS i UNION ALL SELECT i, 'stage_id', 1, 2, 'New', 'Qualified' FROM generate_series(102, 12100, 2) AS i;
SET statement_timeout = '15s';
SELECT stage, count(*) FROM archived_often WHERE lead = 5 GROUP BY stage ORDER BY stage;
RESET statement_timeout;

-- Numbers of fields as tools write them that take every number with a gap for a fraction.
CREATE TABLE fractions AS SELECT id, mail_message_id, field_id || '.0' AS field_id, old_value_integer, new_value_integer, old_value_char, new_value_char FROM mail_tracking_value;
SELECT funnel.create_adapter('odoo_tracking', 'odoo', :'sources', 'vendor'), funnel.create_adapter('odoo_tracking', 'odoo_fractions', :'sources'::jsonb || '{"tracking": "fractions"}', 'vendor');
SELECT count(*) AS events, count(*) FILTER (WHERE f.lead IS NULL) AS lost FROM odoo o LEFT JOIN odoo_fractions f USING (lead, stage, at);

SET client_min_messages = warning;
DROP SCHEMA vendor CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'vendor';
DELETE FROM funnel.stage_alias;
