--
-- Adapters for Salesforce, in the layouts of its API and of a warehouse sync
--
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE SCHEMA sf;
SET search_path = sf, public;
SELECT funnel.create_pipeline('sf', '{inquiry,mql,sal,opportunity,won}', exits => '{lost}', allow_skips => true);
INSERT INTO funnel.stage_alias VALUES
  ('sf', 'salesforce', 'Open - Not Contacted', 'inquiry'), ('sf', 'salesforce', 'Working - Contacted', 'mql'), ('sf', 'salesforce', 'Closed - Converted', 'sal'),
  ('sf', 'salesforce', 'Prospecting', 'opportunity'), ('sf', 'salesforce', 'Closed Won', 'won'), ('sf', 'salesforce', 'Closed Lost', 'lost');

-- OpportunityHistory: a row when the opportunity is made, and whenever stage, amount, probability or close date change.
CREATE TABLE "OpportunityHistory" ("Id" text, "OpportunityId" text, "StageName" text, "Amount" numeric, "CreatedDate" text, "IsDeleted" boolean);
INSERT INTO "OpportunityHistory" VALUES
  ('008A', '006A', 'Prospecting', 1000, '2024-01-31T10:00:00.000+0000', false), ('008B', '006A', 'Prospecting', 1500, '2024-02-02T10:00:00.000+0000', false),
  ('008C', '006A', 'Closed Won', 1500, '2024-02-09T10:00:00.000+0100', false), ('008D', '006B', 'Prospecting', NULL, '2024-02-01T10:00:00.000+0000', true);
SELECT funnel.create_adapter('salesforce_opportunity_history', 'deals', '{"history": "\"OpportunityHistory\""}', 'sf');
SELECT lead, stage, at, amount, ref, label, is_deleted FROM deals ORDER BY lead, at;
SELECT lead, stage, ref, entered_at, left_at, amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM deals) s, funnel.stays(c, as_of => '2024-03-01');
SELECT funnel.create_adapter('salesforce_opportunity_history', 'deals', '{"history": "\"OpportunityHistory\""}', 'sf', '{"deleted": "omit"}');
SELECT DISTINCT lead FROM deals;
-- The versions of opportunities as a sync keeps them: created_date is not when a version began.
CREATE TABLE opportunity_history (id text, stage_name text, amount numeric, created_date timestamp, _fivetran_start timestamp, _fivetran_end timestamp, _fivetran_active boolean, is_deleted boolean);
INSERT INTO opportunity_history VALUES
  ('006A', 'Prospecting', 1000, '2024-01-31 10:00', '2024-01-31 10:05', '2024-02-09 08:59:59.999', false, false),
  ('006A', 'Closed Won', 1500, '2024-01-31 10:00', '2024-02-09 09:00', '9999-12-31 23:59:59', true, false);
SELECT funnel.create_adapter('salesforce_opportunity_history', 'synced_deals', '"opportunity_history"', 'sf', time_zone => 'Europe/Berlin');
SELECT lead, stage, at, amount FROM synced_deals ORDER BY lead, at;

-- LeadHistory: only the field asked for; Q2 was never changed; Q3 was merged into Q4, and Q4 into Q1; Q5 is deleted.
CREATE TABLE "Lead" ("Id" text, "Status" text, "CreatedDate" timestamptz, "IsDeleted" text, "MasterRecordId" text);
INSERT INTO "Lead" VALUES ('00Q1', 'Closed - Converted', '2024-01-01 08:00+00', 'false', ''), ('00Q2', 'Open - Not Contacted', '2024-01-02 08:00+00', 'false', NULL),
  ('00Q3', 'Open - Not Contacted', '2023-12-01 08:00+00', 'TRUE', '00Q4'), ('00Q4', 'Working - Contacted', '2023-12-02 08:00+00', 'true', '00Q1'),
  ('00Q5', NULL, '2024-01-05 08:00+00', 'true', NULL);
CREATE TABLE "LeadHistory" ("Id" text, "LeadId" text, "Field" text, "OldValue" text, "NewValue" text, "CreatedDate" text, "IsDeleted" boolean);
INSERT INTO "LeadHistory" VALUES
  ('017A', '00Q1', 'created', NULL, NULL, '2024-01-01T08:00:00.000+0000', false),
  ('017B', '00Q1', 'Status', 'Open - Not Contacted', 'Working - Contacted', '2024-01-03T08:00:00.000+0000', false),
  ('017C', '00Q1', 'Owner', 'Ann', 'Ben', '2024-01-03T08:00:00.000+0000', false), ('017D', '00Q1', 'Owner', '005A', '005B', '2024-01-03T08:00:00.000+0000', false),
  ('017E', '00Q1', 'Status', 'Working - Contacted', 'Closed - Converted', '2024-01-09T08:00:00.000+0000', false),
  ('017F', '00Q1', 'leadConverted', NULL, NULL, '2024-01-09T08:00:00.000+0000', false);
SELECT funnel.create_adapter('salesforce_field_history', 'lead_stages', '{"history": "\"LeadHistory\"", "record": "\"Lead\""}', 'sf');
SELECT lead, stage, at, ref, record, is_deleted FROM lead_stages ORDER BY lead, at;
SELECT funnel.create_adapter('salesforce_field_history', 'lead_stages', '{"history": "\"LeadHistory\"", "record": "\"Lead\""}', 'sf',
  '{"deleted": "omit", "null_label": "inquiry"}');
SELECT lead, stage, record FROM lead_stages WHERE record > '00Q2' ORDER BY record;
-- OpportunityFieldHistory, of which amounts are those of today; ContactHistory of a field of one's own
CREATE TABLE opportunity_field_history (id text, opportunity_id text, field text, old_value text, new_value text, created_date timestamptz);
INSERT INTO opportunity_field_history VALUES ('1', '006A', 'StageName', 'Prospecting', 'Closed Won', '2024-02-09 09:00+00'),
  ('2', '006A', 'Amount', '1000.0', '1500.0', '2024-02-02 10:00+00');
CREATE TABLE opportunity (id text, created_date timestamptz, stage_name text, amount numeric);
INSERT INTO opportunity VALUES ('006A', '2024-01-31 10:00+00', 'Closed Won', 1500), ('006B', '2024-02-01 10:00+00', 'Prospecting', 70);
SELECT funnel.create_adapter('salesforce_field_history', 'deal_stages', '{"history": "opportunity_field_history", "record": "opportunity"}', 'sf');
SELECT lead, stage, at, amount, ref FROM deal_stages ORDER BY lead, at;
CREATE TABLE contact_history (contact_id text, field text, old_value text, new_value text, created_date timestamptz);
CREATE TABLE contact (id text, created_date timestamptz, lifecycle__c text);
INSERT INTO contact_history VALUES ('003A', 'Lifecycle__c', 'mql', 'sal', '2024-02-09 09:00+00');
INSERT INTO contact VALUES ('003A', '2024-01-31 10:00+00', 'sal'), ('003B', '2024-01-31 10:00+00', 'mql');
SELECT funnel.create_adapter('salesforce_field_history', 'contact_stages', '{"history": "contact_history", "record": "contact"}', 'sf', '{"field": "Lifecycle__c"}');
SELECT lead, stage, at FROM contact_stages ORDER BY lead, at;

-- Leads, contacts and opportunities under one key.
--   Q1 (history) became contact C1 of account A1 and opportunity O1, won; later C1, merged into C2, got O2.
--   Q2 (no history) was converted on the day it was created, into the same account, without an opportunity.
--   Q3 is open; its account is not known.  Q4 became A2, merged into A1.  Q5 was merged into Q3.
--   O3 has a contact, C3, that never was a lead; O4 has nobody; O5 is deleted, and closed without a history.
CREATE SCHEMA conversion;
SET search_path = conversion, public;
CREATE TABLE lead (id text, status text, created_date timestamptz, is_converted boolean, converted_date date, converted_contact_id text,
  converted_account_id text, converted_opportunity_id text, is_deleted boolean, master_record_id text);
INSERT INTO lead VALUES
  ('Q1', 'Closed - Converted', '2024-01-01 08:00+00', true, '2024-01-10', 'C1', 'A1', 'O1', false, NULL),
  ('Q2', 'Closed - Converted', '2024-01-02 08:00+00', true, '2024-01-02', 'C4', 'A1', NULL, false, NULL),
  ('Q3', 'Working - Contacted', '2024-01-03 08:00+00', false, NULL, NULL, NULL, NULL, false, NULL),
  ('Q4', 'Closed - Converted', '2024-01-04 08:00+00', true, '2024-01-12', 'C5', 'A2', 'O6', false, NULL),
  ('Q5', 'Open - Not Contacted', '2023-12-05 08:00+00', false, NULL, NULL, NULL, NULL, true, 'Q3');
CREATE TABLE lead_history (id text, lead_id text, field text, old_value text, new_value text, created_date timestamptz);
INSERT INTO lead_history VALUES ('1', 'Q1', 'Status', 'Open - Not Contacted', 'Working - Contacted', '2024-01-05 08:00+00'),
  ('2', 'Q1', 'Status', 'Working - Contacted', 'Closed - Converted', '2024-01-10 09:00+00'),
  ('3', 'Q4', 'Status', 'Open - Not Contacted', 'Closed - Converted', '2024-01-12 09:00+00');
CREATE TABLE contact (id text, account_id text, master_record_id text);
INSERT INTO contact VALUES ('C1', 'A1', 'C2'), ('C2', 'A1', NULL), ('C3', 'A3', NULL), ('C4', 'A1', NULL), ('C5', 'A1', NULL);
CREATE TABLE account (id text, master_record_id text);
INSERT INTO account VALUES ('A1', NULL), ('A2', 'A1'), ('A3', NULL);
CREATE TABLE opportunity (id text, account_id text, stage_name text, amount numeric, created_date timestamptz, is_closed boolean, close_date date, is_deleted boolean);
INSERT INTO opportunity VALUES ('O1', 'A1', 'Closed Won', 100, '2024-01-10 09:00+00', true, '2024-02-01', false), ('O2', 'A1', 'Prospecting', 200, '2024-03-01 09:00+00', false, '2024-12-31', false),
  ('O3', 'A3', 'Prospecting', 300, '2024-03-02 09:00+00', false, '2024-12-31', false), ('O4', NULL, 'Prospecting', 400, '2024-03-03 09:00+00', false, '2024-12-31', false),
  ('O5', 'A1', 'Closed Lost', 500, '2024-03-04 09:00+00', true, '2024-03-05', true), ('O6', 'A1', 'Closed Lost', 600, '2024-01-12 09:00+00', true, '2024-02-20', false);
CREATE TABLE opportunity_history (opportunity_id text, stage_name text, amount numeric, created_date timestamptz);
INSERT INTO opportunity_history VALUES ('O1', 'Prospecting', 90, '2024-01-10 09:00+00'), ('O1', 'Closed Won', 100, '2024-02-01 15:00+00'),
  ('O6', 'Prospecting', 600, '2024-01-12 09:00+00'), ('O6', 'Closed Lost', 600, '2024-02-20 15:00+00');
CREATE TABLE role (opportunity_id text, contact_id text, is_primary boolean);
INSERT INTO role VALUES ('O2', 'C2', true), ('O2', 'C3', false), ('O3', 'C3', false);
\set sources '{"lead": "lead", "lead_history": "lead_history", "contact": "contact", "account": "account", "opportunity": "opportunity", "opportunity_history": "opportunity_history", "opportunity_contact_role": "role"}'
SELECT funnel.create_adapter('salesforce_conversion', 'by_lead', :'sources', 'sf', '{"grain": "lead"}', 'Europe/Berlin');
SELECT lead, stage, at, amount, ref, record, is_deleted FROM by_lead ORDER BY lead, at, ref NULLS FIRST;
-- A lead is converted, and its opportunity made, in one second: the pipeline's order tells which comes first.
SELECT stage, ref FROM (SELECT funnel.in_order(funnel.cohort(lead, stage, at, amount, ref), '{inquiry,mql,sal,opportunity,won,lost}') AS c FROM by_lead WHERE lead = 'Q1') s, funnel.stays(c, as_of => '2025-01-01');
SELECT funnel.create_adapter('salesforce_conversion', 'by_account', :'sources', 'sf', '{"grain": "account"}');
SELECT lead, string_agg(DISTINCT record, ' ' ORDER BY record) AS records FROM by_account GROUP BY lead ORDER BY lead;
SELECT funnel.create_adapter('salesforce_conversion', 'by_opportunity', :'sources', 'sf', '{"grain": "opportunity", "deleted": "omit"}');
SELECT lead, string_agg(DISTINCT record, ' ' ORDER BY record) AS records FROM by_opportunity GROUP BY lead ORDER BY lead;
-- What is counted: leads who won, accounts that won, opportunities won; the amount is the same.
SELECT 'lead' AS grain, leads, amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM by_lead) s, funnel.steps(c, '{opportunity,won}', as_of => '2025-01-01') WHERE step = 2
UNION ALL
SELECT 'account', leads, amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM by_account) s, funnel.steps(c, '{opportunity,won}', as_of => '2025-01-01') WHERE step = 2
UNION ALL
SELECT 'opportunity', leads, amount FROM (SELECT funnel.cohort(lead, stage, at, amount, ref) AS c FROM by_opportunity) s, funnel.steps(c, '{opportunity,won}', as_of => '2025-01-01') WHERE step = 2 ORDER BY 1;
SELECT * FROM funnel.unmapped('by_lead');
-- Without histories only what is known today; what converted leads and closed opportunities began as, the caller says.
SELECT funnel.create_adapter('salesforce_conversion', 'today', '{"lead": "lead", "opportunity": "opportunity"}', 'sf', '{"lead_began": "inquiry", "opportunity_began": "Prospecting"}');
SELECT lead, stage, at, amount, ref FROM today WHERE lead IN ('Q1', 'Q2', 'O2') ORDER BY lead, at;
SELECT count(*) AS lost FROM (SELECT id FROM lead UNION ALL SELECT id FROM opportunity EXCEPT SELECT record FROM today) x;

-- Campaign members: who responded, under the same keys. Q2 responded on the day he was added, at an hour that is not known;
-- C3 is a contact; Q5 is Q3 now; Q3 has not responded; the campaign X is not there.
CREATE TABLE campaign (id text, name text, type text);
INSERT INTO campaign VALUES ('W', 'Spring webinar', 'Webinar'), ('P', 'Autumn fair', NULL);
CREATE TABLE campaign_member (lead_id text, contact_id text, campaign_id text, created_date timestamptz, first_responded_date date, has_responded boolean, is_deleted boolean);
INSERT INTO campaign_member VALUES
  ('Q1', NULL, 'W', '2023-12-20 10:00+00', '2024-01-04', true, false), ('Q2', '', 'W', '2024-01-02 12:00+00', '2024-01-02', true, false),
  (NULL, 'C3', 'P', '2024-02-01 10:00+00', '2024-02-02', true, false), (NULL, 'C1', 'X', '2024-02-03 10:00+00', NULL, true, true),
  ('Q5', NULL, 'W', '2023-12-06 10:00+00', '2023-12-07', true, false), ('Q3', NULL, 'P', '2024-01-05 10:00+00', NULL, false, false);
\set sources '{"member": "campaign_member", "campaign": "campaign", "lead": "lead", "contact": "contact", "account": "account", "opportunity": "opportunity", "opportunity_contact_role": "role"}'
SELECT funnel.create_adapter('salesforce_campaign_member', 'responses', :'sources');
SELECT lead, channel, at, ref, record, is_deleted FROM responses ORDER BY at;
SELECT funnel.create_adapter('salesforce_campaign_member', 'members', :'sources', columns => '{"channel": "name", "members": "all", "grain": "account", "deleted": "omit", "null_label": "unknown"}');
SELECT lead, channel, at, record FROM members ORDER BY at;
SELECT funnel.create_adapter('salesforce_campaign_member', 'by_deal', :'sources', columns => '{"grain": "opportunity"}');
SELECT lead, record FROM by_deal ORDER BY at;
-- ... and without knowing the leads
SELECT funnel.create_adapter('salesforce_campaign_member', 'alone', '{"member": "campaign_member", "campaign": "campaign"}', time_zone => 'America/New_York');
SELECT lead, channel, at FROM alone ORDER BY at;
-- Touches and stages of one key unite.
SELECT lead, channel, credit, amount FROM (SELECT (SELECT funnel.cohort(lead, stage, at, amount, ref) FROM by_lead) OPERATOR(funnel.||) (SELECT funnel.touches(lead, channel, at) FROM responses) AS c) s,
  funnel.credits(c, 'won', 'linear', as_of => '2025-01-01');

-- Days, which syncs store as midnight UTC: CloseDate, ConvertedDate and FirstRespondedDate are days of the time zone.
CREATE TABLE synced_lead (id text, status text, created_date timestamp, is_converted boolean, converted_date timestamp, converted_contact_id text,
  converted_account_id text, converted_opportunity_id text);
INSERT INTO synced_lead VALUES ('Q1', 'Closed - Converted', '2024-01-01 18:00', true, '2024-01-10 00:00', 'C1', 'A1', 'O1');
CREATE TABLE synced_opportunity (id text, account_id text, stage_name text, amount text, created_date text, is_closed text, close_date text);
INSERT INTO synced_opportunity VALUES ('O1', 'A1', 'Closed Won', '5', '2024-01-10 19:51:13', 'true', '2024-02-19 00:00:00'),
  ('O2', 'A1', 'Closed Won', '5', '2024-01-10 19:51:13', 'true', '2024-02-19'), ('O3', 'A1', 'Closed Won', '5', '2024-01-10 19:51:13', 'true', '2024-02-19T00:00:00.000Z');
SELECT funnel.create_adapter('salesforce_conversion', 'synced', '{"lead": "synced_lead", "opportunity": "synced_opportunity"}', 'sf', time_zone => 'America/Los_Angeles');
SELECT record, stage, at AT TIME ZONE 'America/Los_Angeles' AS "there" FROM synced WHERE stage IN ('sal', 'won') ORDER BY record;
CREATE TABLE typed_opportunity AS SELECT id, account_id, stage_name, created_date::timestamptz, is_closed::boolean, close_date::timestamptz FROM synced_opportunity;
SELECT funnel.create_adapter('salesforce_conversion', 'typed', '{"lead": "synced_lead", "opportunity": "typed_opportunity"}', 'sf', time_zone => 'America/Los_Angeles');
SELECT record, at AT TIME ZONE 'America/Los_Angeles' AS "there" FROM typed WHERE stage = 'won' ORDER BY record;
-- A response of the day on which the member was added, also where that day has 25 hours, is when he was added, in every session.
CREATE TABLE synced_member (lead_id text, contact_id text, campaign_id text, created_date timestamptz, first_responded_date text, has_responded boolean);
INSERT INTO synced_member VALUES ('Q1', NULL, 'W', '2024-10-27 22:30+00', '2024-10-27', true), ('Q2', NULL, 'W', '2024-03-31 22:30+00', '2024-03-31', true),
  ('Q3', NULL, 'W', '2024-10-27 22:30+00', '2024-10-27 00:00:00', true), ('Q4', NULL, 'W', '2024-10-27 22:30+00', '2024-10-28T00:00:00Z', true);
SELECT funnel.create_adapter('salesforce_campaign_member', 'synced_responses', '{"member": "synced_member", "campaign": "campaign"}', time_zone => 'Europe/Berlin');
SELECT lead, at AT TIME ZONE 'Europe/Berlin' AS "there" FROM synced_responses ORDER BY lead;
SET timezone = 'Europe/Berlin';
SELECT lead, at AT TIME ZONE 'Europe/Berlin' AS "there" FROM synced_responses ORDER BY lead;
SET timezone = 'UTC';

-- Deletion: Q5 became Q3, which is deleted now; Q1 is deleted, but the contact that he became is not. Members say nothing of it.
CREATE TABLE deleted_lead AS SELECT id, status, created_date, is_converted, converted_date, converted_contact_id, converted_account_id, converted_opportunity_id,
  is_deleted OR id IN ('Q1', 'Q3') AS is_deleted, master_record_id FROM lead;
SELECT funnel.create_adapter('salesforce_conversion', 'left_over', '{"lead": "deleted_lead", "opportunity": "opportunity"}', 'sf');
SELECT lead, record, bool_and(is_deleted) AS is_deleted FROM left_over WHERE record IN ('Q1', 'Q2', 'Q3', 'Q5', 'O1', 'O5') GROUP BY lead, record ORDER BY record;
CREATE TABLE silent_member AS SELECT lead_id, contact_id, campaign_id, created_date, first_responded_date, has_responded FROM campaign_member;
SELECT funnel.create_adapter('salesforce_campaign_member', 'left_touches', '{"member": "silent_member", "campaign": "campaign", "lead": "deleted_lead"}', columns => '{"deleted": "omit"}');
SELECT lead, record FROM left_touches ORDER BY at;
\set SHOW_CONTEXT never
-- That a role is deleted, or an opportunity, says nothing of members.
ALTER TABLE role ADD is_deleted boolean;
SELECT funnel.create_adapter('salesforce_campaign_member', 'x', '{"member": "silent_member", "campaign": "campaign", "opportunity": "opportunity", "opportunity_contact_role": "role"}',
  columns => '{"deleted": "omit"}');
-- Members who are a lead and the contact that it became, which is deleted, or was merged into one that is not; members who are accounts.
CREATE TABLE contact_deleted (id text, account_id text, master_record_id text, is_deleted boolean);
INSERT INTO contact_deleted VALUES ('C1', 'A1', 'C2', true), ('C2', 'A1', NULL, false), ('C4', 'A1', NULL, true);
CREATE TABLE both_member (lead_id text, contact_id text, account_id text, campaign_id text, created_date timestamptz, first_responded_date date, has_responded boolean);
INSERT INTO both_member VALUES ('Q1', 'C1', '', 'W', '2024-02-01 10:00+00', NULL, true), ('Q2', 'C4', '', 'W', '2024-02-02 10:00+00', NULL, true),
  ('', '', 'A2', 'W', '2024-02-03 10:00+00', NULL, true), ('', '', 'A3', 'W', '2024-02-04 10:00+00', NULL, true);
SELECT funnel.create_adapter('salesforce_campaign_member', 'both_touches', '{"member": "both_member", "campaign": "campaign", "lead": "lead", "contact": "contact_deleted", "account": "account"}',
  columns => '{"grain": "account"}');
SELECT lead, record, is_deleted FROM both_touches ORDER BY at;
SELECT funnel.create_adapter('salesforce_campaign_member', 'both_touches', '{"member": "both_member", "campaign": "campaign", "contact": "contact_deleted"}', columns => '{"deleted": "omit"}');
SELECT lead, record FROM both_touches ORDER BY at;
-- Of the versions of an opportunity the last one tells: O1 is deleted, O2 was restored.
CREATE TABLE opportunity_versions (id text, stage_name text, _fivetran_start timestamp, _fivetran_end timestamp, is_deleted boolean);
INSERT INTO opportunity_versions VALUES ('O1', 'Prospecting', '2024-01-01', '2024-01-05', false), ('O1', 'Closed Won', '2024-01-05', '2024-01-09', false), ('O1', 'Closed Won', '2024-01-09', '9999-12-31', true),
  ('O2', 'Prospecting', '2024-01-01', '2024-01-05', true), ('O2', 'Prospecting', '2024-01-05', '9999-12-31', false);
SELECT funnel.create_adapter('salesforce_opportunity_history', 'versions', '"opportunity_versions"', 'sf');
SELECT lead, stage, at, is_deleted FROM versions ORDER BY lead, at;

-- Several rows of one record, as a sync that adds rows has them, are one: of campaigns, members, leads and opportunities.
CREATE TABLE campaign_rows AS SELECT *, '2024-01-01'::timestamptz AS last_modified_date FROM campaign UNION ALL SELECT 'W', 'Spring webinar', 'Online event', '2024-01-02';
CREATE TABLE member_rows AS SELECT 'M' || row_number() OVER () AS id, *, '2024-01-01'::timestamptz AS system_modstamp FROM campaign_member;
INSERT INTO member_rows SELECT id, lead_id, contact_id, campaign_id, created_date, '2024-01-08', true, is_deleted, '2024-01-09' FROM member_rows WHERE lead_id = 'Q3';
SELECT funnel.create_adapter('salesforce_campaign_member', 'touched_once', '{"member": "member_rows", "campaign": "campaign_rows"}');
SELECT lead, channel, at FROM touched_once WHERE lead LIKE 'Q%' ORDER BY at;
CREATE TABLE lead_rows AS TABLE lead UNION ALL TABLE lead;
CREATE TABLE opportunity_rows AS TABLE opportunity UNION ALL TABLE opportunity;
SELECT funnel.create_adapter('salesforce_conversion', 'told_once', '{"lead": "lead_rows", "lead_history": "lead_history", "contact": "contact", "account": "account",
  "opportunity": "opportunity_rows", "opportunity_history": "opportunity_history", "opportunity_contact_role": "role"}', 'sf', '{"grain": "lead"}', 'Europe/Berlin');
SELECT count(*) AS differ FROM ((TABLE by_lead EXCEPT ALL TABLE told_once) UNION ALL (TABLE told_once EXCEPT ALL TABLE by_lead)) x;

SET client_min_messages = warning;
DROP SCHEMA sf, conversion CASCADE;
DELETE FROM funnel.pipeline WHERE name = 'sf';
DELETE FROM funnel.stage_alias;
