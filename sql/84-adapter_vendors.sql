-- The kinds of adapters for what Salesforce, HubSpot, Marketo, Odoo and SuiteCRM keep.

INSERT INTO funnel.adapter_kind (kind, vendor, is_touch, is_utc, meaning) VALUES
('salesforce_opportunity_history', 'salesforce', false, true, 'OpportunityHistory, or the versions of opportunities that a sync keeps'),
('salesforce_field_history', 'salesforce', false, true, 'LeadHistory, ContactHistory, OpportunityFieldHistory and their like'),
('salesforce_conversion', 'salesforce', false, true, 'leads, contacts and opportunities under one key'),
('salesforce_campaign_member', 'salesforce', true, true, 'members of campaigns who responded'),
('hubspot_deal_stage', 'hubspot', false, true, 'the stages that deals went through, with their labels'),
('hubspot_property_history', 'hubspot', false, true, 'the history of a property of deals, contacts or companies'),
('marketo_change_data', 'marketo', false, true, 'activities "Change Data Value" of a field of leads'),
('marketo_activities', 'marketo', true, true, 'activities of leads, by type'),
('odoo_tracking', 'odoo', false, true, 'the tracked changes in the messages of leads and opportunities'),
('suitecrm_audit', 'suitecrm', false, true, 'leads_audit, opportunities_audit and their like; SugarCRM has the same');

INSERT INTO funnel.adapter_source (kind, "position", source, is_required, key, meaning) VALUES
('salesforce_opportunity_history', 1, 'history', true, NULL, 'OpportunityHistory'),
('salesforce_opportunity_history', 2, 'opportunity', false, 'id', 'Opportunity: which are deleted'),
('salesforce_field_history', 1, 'history', true, NULL, 'LeadHistory, ContactHistory, OpportunityFieldHistory, ...'),
('salesforce_field_history', 2, 'record', false, 'id', 'Lead, Contact, Opportunity, ...: creation, value of today, merges'),
('salesforce_conversion', 1, 'lead', true, 'id', 'Lead'),
('salesforce_conversion', 2, 'opportunity', true, 'id', 'Opportunity'),
('salesforce_conversion', 3, 'lead_history', false, NULL, 'LeadHistory'),
('salesforce_conversion', 4, 'opportunity_history', false, NULL, 'OpportunityHistory'),
('salesforce_conversion', 5, 'opportunity_contact_role', false, NULL, 'OpportunityContactRole: whose opportunity it is'),
('salesforce_conversion', 6, 'contact', false, 'id', 'Contact: account, merges'),
('salesforce_conversion', 7, 'account', false, NULL, 'Account: merges'),
('salesforce_campaign_member', 1, 'member', true, 'id', 'CampaignMember'),
('salesforce_campaign_member', 2, 'campaign', true, 'id', 'Campaign'),
('salesforce_campaign_member', 3, 'lead', false, 'id', 'Lead: what contacts were before, merges'),
('salesforce_campaign_member', 4, 'opportunity', false, 'id', 'Opportunity'),
('salesforce_campaign_member', 5, 'opportunity_contact_role', false, NULL, 'OpportunityContactRole'),
('salesforce_campaign_member', 6, 'contact', false, 'id', 'Contact: account, merges'),
('salesforce_campaign_member', 7, 'account', false, NULL, 'Account: merges'),
('hubspot_deal_stage', 1, 'deal_stage', true, NULL, 'a row per stage that a deal entered'),
('hubspot_deal_stage', 2, 'stage', true, NULL, 'the stages of deal pipelines, with their labels'),
('hubspot_deal_stage', 3, 'deal', false, 'deal_id', 'deals: amount, merges, which are deleted'),
('hubspot_deal_stage', 4, 'merged', false, NULL, 'pairs of merged deals'),
('hubspot_property_history', 1, 'history', true, NULL, 'a row per value that a property had'),
('hubspot_property_history', 2, 'stage', false, NULL, 'the stages of deal pipelines, with their labels'),
('hubspot_property_history', 3, 'record', false, 'id', 'the deals, contacts or companies: amount, merges, which are deleted'),
('hubspot_property_history', 4, 'merged', false, NULL, 'pairs of merged records'),
('marketo_change_data', 1, 'activity', true, NULL, 'activities "Change Data Value"'),
('marketo_change_data', 2, 'lead', false, 'id', 'leads: creation, value of today'),
('marketo_change_data', 3, 'merge', false, NULL, 'activities "Merge Leads"'),
('marketo_change_data', 4, 'deleted', false, NULL, 'activities "Delete Lead"'),
('marketo_activities', 1, 'activity', true, NULL, 'activities'),
('marketo_activities', 2, 'activity_type', false, NULL, 'names of the types of activities'),
('marketo_activities', 3, 'merge', false, NULL, 'activities "Merge Leads"'),
('marketo_activities', 4, 'deleted', false, NULL, 'activities "Delete Lead"'),
('odoo_tracking', 1, 'tracking', true, NULL, 'mail_tracking_value'),
('odoo_tracking', 2, 'message', true, NULL, 'mail_message'),
('odoo_tracking', 3, 'fields', false, NULL, 'ir_model_fields; needed where tracking names fields by number'),
('odoo_tracking', 4, 'stage', false, NULL, 'crm_stage'),
('odoo_tracking', 5, 'lead', false, 'id', 'crm_lead: creation, stage of today, amount'),
('suitecrm_audit', 1, 'audit', true, NULL, 'leads_audit, opportunities_audit, ...'),
('suitecrm_audit', 2, 'record', false, 'id', 'leads, opportunities, ...: creation, value of today, amount, which are deleted');

INSERT INTO funnel.adapter_column (kind, source, "column", type, names, is_required, meaning) VALUES
('salesforce_opportunity_history', 'history', 'opportunity_id', 'key', '{OpportunityId,Id}', true, 'the opportunity'),
('salesforce_opportunity_history', 'history', 'stage_name', 'label', '{StageName}', true, 'its stage from then on'),
('salesforce_opportunity_history', 'history', 'changed_at', 'time', '{_fivetran_start,CreatedDate}', true, 'when it changed'),
('salesforce_opportunity_history', 'history', 'ended_at', 'end', '{_fivetran_end}', false, 'when the version ended'),
('salesforce_opportunity_history', 'history', 'amount', 'amount', '{Amount}', false, 'its amount then'),
('salesforce_opportunity_history', 'history', 'is_deleted', 'flag', '{IsDeleted}', false, 'is it deleted?'),
('salesforce_opportunity_history', 'opportunity', 'id', 'key', '{Id}', true, 'the opportunity'),
('salesforce_opportunity_history', 'opportunity', 'is_deleted', 'flag', '{IsDeleted}', true, 'is it deleted?'),
('salesforce_field_history', 'history', 'record_id', 'key', '{LeadId,OpportunityId,ContactId,AccountId,CaseId,ParentId}', true, 'the record'),
('salesforce_field_history', 'history', 'opportunity_id', 'ref', '{OpportunityId}', false, 'the record, if it is an opportunity'),
('salesforce_field_history', 'history', 'field_name', 'text', '{Field}', true, 'the field that was changed'),
('salesforce_field_history', 'history', 'old_value', 'label', '{OldValue}', true, 'its value before'),
('salesforce_field_history', 'history', 'new_value', 'label', '{NewValue}', true, 'its value after'),
('salesforce_field_history', 'history', 'created_date', 'time', '{CreatedDate}', true, 'when it was changed'),
('salesforce_field_history', 'history', 'is_deleted', 'flag', '{IsDeleted}', false, 'is it deleted?'),
('salesforce_field_history', 'history', 'place', 'order', '{Id}', false, 'the order of changes of one second'),
('salesforce_field_history', 'record', 'id', 'key', '{Id}', true, 'the record'),
('salesforce_field_history', 'record', 'created_date', 'time', '{CreatedDate}', true, 'when it was created'),
('salesforce_field_history', 'record', 'value', 'label', '{"{field}"}', true, 'what the field has today'),
('salesforce_field_history', 'record', 'amount', 'amount', '{Amount}', false, 'its amount today'),
('salesforce_field_history', 'record', 'is_deleted', 'flag', '{IsDeleted}', false, 'is it deleted?'),
('salesforce_field_history', 'record', 'master_record_id', 'link', '{MasterRecordId}', false, 'the record that it was merged into'),
('hubspot_deal_stage', 'deal_stage', 'deal_id', 'key', '{deal_id}', true, 'the deal'),
('hubspot_deal_stage', 'deal_stage', 'stage_id', 'label', '{value,stage_id,dealstage}', true, 'the stage'),
('hubspot_deal_stage', 'deal_stage', 'entered_at', 'time', '{date_entered,timestamp,_fivetran_start,entered_at}', true, 'when the deal entered it'),
('hubspot_deal_stage', 'deal_stage', 'ended_at', 'end', '{_fivetran_end}', false, 'when the version ended'),
('hubspot_deal_stage', 'stage', 'stage_id', 'text', '{stage_id,id}', true, 'the stage'),
('hubspot_deal_stage', 'stage', 'label', 'label', '{label}', true, 'its label'),
('hubspot_deal_stage', 'stage', 'is_archived', 'flag', '{_fivetran_deleted,archived,is_deleted}', false, 'is it deleted? deals of old have it nevertheless'),
('hubspot_deal_stage', 'deal', 'deal_id', 'key', '{deal_id,id,hs_object_id,"Record ID"}', true, 'the deal'),
('hubspot_deal_stage', 'deal', 'amount', 'amount', '{amount,property_amount,properties_amount}', false, 'its amount today'),
('hubspot_deal_stage', 'deal', 'is_deleted', 'flag', '{is_deleted,archived,_fivetran_deleted}', false, 'is it deleted?'),
('hubspot_deal_stage', 'deal', 'merged_ids', 'ids', '{hs_merged_object_ids,property_hs_merged_object_ids,properties_hs_merged_object_ids,"Merged Deal IDs"}', false, 'the deals that were merged into it'),
('hubspot_deal_stage', 'merged', 'deal_id', 'key', '{deal_id}', true, 'the deal that remains'),
('hubspot_deal_stage', 'merged', 'merged_id', 'key', '{merged_deal_id}', true, 'the deal that was merged into it'),
('hubspot_property_history', 'history', 'record_id', 'key', '{deal_id,contact_id,company_id,vid,ticket_id,object_id}', true, 'the record'),
('hubspot_property_history', 'history', 'deal_id', 'ref', '{deal_id}', false, 'the record, if it is a deal'),
('hubspot_property_history', 'history', 'name', 'text', '{name,property,property_name}', true, 'the property'),
('hubspot_property_history', 'history', 'value', 'label', '{value}', true, 'its value from then on'),
('hubspot_property_history', 'history', 'timestamp', 'time', '{timestamp}', true, 'when it was set'),
('hubspot_property_history', 'stage', 'stage_id', 'text', '{stage_id,id}', true, 'the stage'),
('hubspot_property_history', 'stage', 'label', 'label', '{label}', true, 'its label'),
('hubspot_property_history', 'stage', 'is_archived', 'flag', '{_fivetran_deleted,archived,is_deleted}', false, 'is it deleted? deals of old have it nevertheless'),
('hubspot_property_history', 'record', 'id', 'key', '{id,hs_object_id,"Record ID",deal_id,contact_id,company_id,vid,ticket_id}', true, 'the record'),
('hubspot_property_history', 'record', 'amount', 'amount', '{amount,property_amount,properties_amount}', false, 'its amount today'),
('hubspot_property_history', 'record', 'is_deleted', 'flag', '{is_deleted,archived,_fivetran_deleted}', false, 'is it deleted?'),
('hubspot_property_history', 'record', 'merged_ids', 'ids', '{hs_merged_object_ids,property_hs_merged_object_ids,properties_hs_merged_object_ids,hs_calculated_merged_vids,property_hs_calculated_merged_vids}', false, 'the records that were merged into it'),
('hubspot_property_history', 'merged', 'id', 'key', '{deal_id,contact_id,company_id,vid,id}', true, 'the record that remains'),
('hubspot_property_history', 'merged', 'merged_id', 'key', '{merged_deal_id,merged_contact_id,merged_company_id,vid_to_merge,merged_id}', true, 'the record that was merged into it'),
('marketo_change_data', 'activity', 'lead_id', 'key', '{lead_id}', true, 'the lead'),
('marketo_change_data', 'activity', 'activity_date', 'time', '{activity_date}', true, 'when it was changed'),
('marketo_change_data', 'activity', 'activity_type_id', 'ref', '{activity_type_id}', false, 'type of the activity; 13 is "Change Data Value"'),
('marketo_change_data', 'activity', 'field_name', 'text', '{primary_attribute_value}', true, 'the field that was changed'),
('marketo_change_data', 'activity', 'old_value', 'label', '{old_value}', true, 'its value before'),
('marketo_change_data', 'activity', 'new_value', 'label', '{new_value}', true, 'its value after'),
('marketo_change_data', 'activity', 'place', 'order', '{id,marketo_guid}', false, 'the order of changes of one second'),
('marketo_change_data', 'lead', 'id', 'key', '{id,lead_id}', true, 'the lead'),
('marketo_change_data', 'lead', 'created_at', 'time', '{created_at}', true, 'when it was created'),
('marketo_change_data', 'lead', 'value', 'label', '{"{field}"}', false, 'what the field has today'),
('marketo_change_data', 'lead', 'is_deleted', 'flag', '{is_deleted,_fivetran_deleted}', false, 'is it deleted?'),
('marketo_change_data', 'merge', 'lead_id', 'key', '{lead_id}', true, 'the lead that remains'),
('marketo_change_data', 'merge', 'merge_ids', 'ids', '{merge_ids}', true, 'the leads that were merged into it'),
('marketo_change_data', 'deleted', 'lead_id', 'key', '{lead_id}', true, 'the lead that was deleted'),
('marketo_activities', 'activity', 'lead_id', 'key', '{lead_id}', true, 'the lead'),
('marketo_activities', 'activity', 'activity_date', 'time', '{activity_date}', true, 'when'),
('marketo_activities', 'activity', 'activity_type_id', 'ref', '{activity_type_id}', true, 'type of the activity'),
('marketo_activities', 'activity', 'campaign_id', 'ref', '{campaign_id}', false, 'the campaign'),
('marketo_activities', 'activity_type', 'id', 'ref', '{id,activity_type_id}', true, 'the type'),
('marketo_activities', 'activity_type', 'name', 'label', '{name}', true, 'its name'),
('marketo_activities', 'merge', 'lead_id', 'key', '{lead_id}', true, 'the lead that remains'),
('marketo_activities', 'merge', 'merge_ids', 'ids', '{merge_ids}', true, 'the leads that were merged into it'),
('marketo_activities', 'deleted', 'lead_id', 'key', '{lead_id}', true, 'the lead that was deleted'),
('odoo_tracking', 'tracking', 'id', 'order', '{id}', false, 'the order of changes of one message'),
('odoo_tracking', 'tracking', 'message_id', 'key', '{mail_message_id}', true, 'the message'),
('odoo_tracking', 'tracking', 'field_name', 'ref', '{field_id,field}', true, 'the field, by name or by number'),
('odoo_tracking', 'tracking', 'old_integer', 'ref', '{old_value_integer}', true, 'its value before: number of the stage'),
('odoo_tracking', 'tracking', 'new_integer', 'ref', '{new_value_integer}', true, 'its value after'),
('odoo_tracking', 'tracking', 'old_char', 'label', '{old_value_char}', true, 'its value before: name of the stage then'),
('odoo_tracking', 'tracking', 'new_char', 'label', '{new_value_char}', true, 'its value after'),
('odoo_tracking', 'message', 'id', 'key', '{id}', true, 'the message'),
('odoo_tracking', 'message', 'model', 'text', '{model}', true, 'of which model'),
('odoo_tracking', 'message', 'res_id', 'key', '{res_id}', true, 'of which record'),
('odoo_tracking', 'message', 'date', 'time', '{date}', true, 'when'),
('odoo_tracking', 'fields', 'id', 'ref', '{id}', true, 'the field'),
('odoo_tracking', 'fields', 'model', 'text', '{model}', true, 'its model'),
('odoo_tracking', 'fields', 'name', 'text', '{name}', true, 'its name'),
('odoo_tracking', 'stage', 'id', 'ref', '{id}', true, 'the stage'),
('odoo_tracking', 'stage', 'name', 'label', '{name}', true, 'its name'),
('odoo_tracking', 'lead', 'id', 'key', '{id}', true, 'the lead'),
('odoo_tracking', 'lead', 'create_date', 'time', '{create_date}', true, 'when it was created'),
('odoo_tracking', 'lead', 'stage_id', 'ref', '{stage_id}', true, 'its stage today'),
('odoo_tracking', 'lead', 'amount', 'amount', '{expected_revenue,planned_revenue}', false, 'its amount today'),
('suitecrm_audit', 'audit', 'parent_id', 'key', '{parent_id}', true, 'the record'),
('suitecrm_audit', 'audit', 'field_name', 'text', '{field_name}', true, 'the field that was changed'),
('suitecrm_audit', 'audit', 'before_value', 'label', '{before_value_string}', true, 'its value before'),
('suitecrm_audit', 'audit', 'after_value', 'label', '{after_value_string}', true, 'its value after'),
('suitecrm_audit', 'audit', 'date_created', 'time', '{date_created}', true, 'when it was changed'),
('suitecrm_audit', 'record', 'id', 'key', '{id}', true, 'the record'),
('suitecrm_audit', 'record', 'date_entered', 'time', '{date_entered}', true, 'when it was created'),
('suitecrm_audit', 'record', 'value', 'label', '{"{field}"}', true, 'what the field has today'),
('suitecrm_audit', 'record', 'amount', 'amount', '{amount_usdollar,amount}', false, 'its amount today'),
('suitecrm_audit', 'record', 'own_amount', 'amount', '{amount}', false, 'the same in its own currency, where the other is blank'),
('suitecrm_audit', 'record', 'is_deleted', 'flag', '{deleted}', false, 'is it deleted?');

-- The objects that the conversion of leads and the members of campaigns have in common.
INSERT INTO funnel.adapter_column (kind, source, "column", type, names, is_required, meaning)
SELECT k.kind, c.source, c."column", c.type, c.names, c.is_required AND (k.is_first OR c.is_join), c.meaning
  FROM (VALUES
('lead', 'id', 'key', '{Id}'::text[], true, true, 'the lead'),
('lead', 'is_deleted', 'flag', '{IsDeleted}', false, false, 'is it deleted?'),
('lead', 'master_record_id', 'link', '{MasterRecordId}', false, false, 'the lead that it was merged into'),
('lead', 'converted_at', 'day', '{ConvertedDate}', true, true, 'day of its conversion'),
('lead', 'contact_id', 'link', '{ConvertedContactId}', true, true, 'the contact that it became'),
('lead', 'account_id', 'link', '{ConvertedAccountId}', true, true, 'the account that it became part of'),
('lead', 'opportunity_id', 'link', '{ConvertedOpportunityId}', true, true, 'the opportunity that it became'),
('lead', 'created_at', 'time', '{CreatedDate}', true, false, 'when it was created'),
('lead', 'is_converted', 'flag', '{IsConverted}', true, false, 'is it converted?'),
('lead', 'status', 'label', '{Status}', true, false, 'its status today'),
('opportunity', 'id', 'key', '{Id}', true, true, 'the opportunity'),
('opportunity', 'account_id', 'link', '{AccountId}', true, true, 'its account'),
('opportunity', 'contact_id', 'link', '{ContactId}', false, false, 'the contact that it was made for'),
('opportunity', 'created_at', 'time', '{CreatedDate}', true, true, 'when it was created'),
('opportunity', 'is_deleted', 'flag', '{IsDeleted}', false, false, 'is it deleted?'),
('opportunity', 'stage_name', 'label', '{StageName}', true, false, 'its stage today'),
('opportunity', 'amount', 'amount', '{Amount}', false, false, 'its amount today'),
('opportunity', 'is_closed', 'flag', '{IsClosed}', false, false, 'is it won or lost?'),
('opportunity', 'closed_at', 'day', '{CloseDate}', false, false, 'day on which it was closed or should be'),
('opportunity_contact_role', 'opportunity_id', 'key', '{OpportunityId}', true, true, 'the opportunity'),
('opportunity_contact_role', 'contact_id', 'key', '{ContactId}', true, true, 'a contact of it'),
('opportunity_contact_role', 'is_primary', 'flag', '{IsPrimary}', false, false, 'is it the primary one?'),
('opportunity_contact_role', 'is_removed', 'flag', '{IsDeleted}', false, false, 'is the role deleted?'),
('contact', 'id', 'key', '{Id}', true, true, 'the contact'),
('contact', 'account_id', 'link', '{AccountId}', true, true, 'its account'),
('contact', 'master_record_id', 'link', '{MasterRecordId}', false, false, 'the contact that it was merged into'),
('account', 'id', 'key', '{Id}', true, true, 'the account'),
('account', 'master_record_id', 'link', '{MasterRecordId}', true, true, 'the account that it was merged into'))
    AS c (source, "column", type, names, is_required, is_join, meaning),
       (VALUES ('salesforce_conversion', true), ('salesforce_campaign_member', false)) AS k (kind, is_first)
 WHERE k.is_first OR c.is_join OR c."column" IN ('master_record_id', 'contact_id', 'is_primary', 'is_removed')
       OR c.source = 'lead' AND c."column" = 'is_deleted';

INSERT INTO funnel.adapter_column (kind, source, "column", type, names, is_required, meaning) VALUES
('salesforce_conversion', 'lead_history', 'lead_id', 'key', '{LeadId}', true, 'the lead'),
('salesforce_conversion', 'lead_history', 'field_name', 'text', '{Field}', true, 'the field that was changed'),
('salesforce_conversion', 'lead_history', 'old_value', 'label', '{OldValue}', true, 'its value before'),
('salesforce_conversion', 'lead_history', 'new_value', 'label', '{NewValue}', true, 'its value after'),
('salesforce_conversion', 'lead_history', 'created_date', 'time', '{CreatedDate}', true, 'when it was changed'),
('salesforce_conversion', 'lead_history', 'place', 'order', '{Id}', false, 'the order of changes of one second'),
('salesforce_conversion', 'opportunity_history', 'opportunity_id', 'key', '{OpportunityId}', true, 'the opportunity'),
('salesforce_conversion', 'opportunity_history', 'stage_name', 'label', '{StageName}', true, 'its stage from then on'),
('salesforce_conversion', 'opportunity_history', 'created_date', 'time', '{CreatedDate}', true, 'when it changed'),
('salesforce_conversion', 'opportunity_history', 'amount', 'amount', '{Amount}', false, 'its amount then'),
('salesforce_campaign_member', 'member', 'id', 'text', '{Id}', false, 'the membership'),
('salesforce_campaign_member', 'member', 'lead_id', 'link', '{LeadId}', true, 'the lead'),
('salesforce_campaign_member', 'member', 'contact_id', 'link', '{ContactId}', true, 'the contact'),
('salesforce_campaign_member', 'member', 'account_id', 'link', '{AccountId}', false, 'the account, where accounts are members'),
('salesforce_campaign_member', 'member', 'campaign_id', 'key', '{CampaignId}', true, 'the campaign'),
('salesforce_campaign_member', 'member', 'created_at', 'time', '{CreatedDate}', true, 'when he was added'),
('salesforce_campaign_member', 'member', 'responded_at', 'day', '{FirstRespondedDate}', true, 'day of the first response'),
('salesforce_campaign_member', 'member', 'has_responded', 'flag', '{HasResponded}', true, 'has he responded?'),
('salesforce_campaign_member', 'member', 'is_deleted', 'flag', '{IsDeleted}', false, 'is it deleted?'),
('salesforce_campaign_member', 'contact', 'is_deleted', 'flag', '{IsDeleted}', false, 'is it deleted?'),
('salesforce_campaign_member', 'campaign', 'id', 'key', '{Id}', true, 'the campaign'),
('salesforce_campaign_member', 'campaign', 'name', 'label', '{Name}', false, 'its name'),
('salesforce_campaign_member', 'campaign', 'type', 'label', '{Type}', false, 'its type');

-- Which row of a record is the newest, where a sync adds rows.
INSERT INTO funnel.adapter_column (kind, source, "column", type, names, is_required, meaning)
SELECT s.kind, s.source, 'modified_at', 'time',
       '{SystemModstamp,LastModifiedDate,updated_at,date_modified,write_date,hs_lastmodifieddate,property_hs_lastmodifieddate,_fivetran_synced}', false,
       'when it was changed last: of several rows of one record the last one counts'
  FROM funnel.adapter_source AS s WHERE s.key IS NOT NULL;

INSERT INTO funnel.adapter_option (kind, option, type, default_value, allowed, required_with, meaning) VALUES
('salesforce_field_history', 'field', 'names', '["Status", "StageName"]', NULL, NULL, 'the field that holds the stage'),
('salesforce_conversion', 'grain', 'text', '"lead"', '{lead,account,opportunity}', NULL, 'what a lead of the cohort is'),
('salesforce_conversion', 'field', 'names', '"Status"', NULL, NULL, 'the field of leads that holds the stage'),
('salesforce_conversion', 'lead_began', 'text', NULL, NULL, NULL, 'label of what converted leads without a history began as'),
('salesforce_conversion', 'opportunity_began', 'text', NULL, NULL, NULL, 'label of what closed opportunities without a history began as'),
('salesforce_campaign_member', 'grain', 'text', '"lead"', '{lead,account,opportunity}', NULL, 'what a lead of the cohort is'),
('salesforce_campaign_member', 'channel', 'text', '"type"', '{type,name}', NULL, 'what is the channel: type or name of the campaign'),
('salesforce_campaign_member', 'members', 'text', '"responded"', '{responded,all}', NULL, 'which members count as touched: those who responded, or all, when they were added'),
('hubspot_property_history', 'field', 'names', '["dealstage", "lifecyclestage"]', NULL, NULL, 'the property that holds the stage'),
('marketo_change_data', 'field', 'names', NULL, NULL, '*', 'the field that holds the stage'),
('marketo_activities', 'types', 'names', NULL, NULL, NULL, 'names or numbers of the types that are touches; if it is not given, all are'),
('odoo_tracking', 'model', 'text', '"crm.lead"', NULL, NULL, 'the model'),
('odoo_tracking', 'field', 'names', '"stage_id"', NULL, NULL, 'the field that holds the stage'),
('odoo_tracking', 'lost', 'text', '"Lost"', NULL, NULL, 'label of the stage that archiving a lead means; null: none'),
('suitecrm_audit', 'field', 'names', '["sales_stage", "status"]', NULL, NULL, 'the field that holds the stage');

INSERT INTO funnel.adapter_part (kind, part, needs, query) VALUES
('salesforce_opportunity_history', 'events', '{}', $part$
SELECT h.opportunity_id AS lead, h.stage_name AS label, h.changed_at AS at, h.amount, h.opportunity_id::text AS ref,
       h.opportunity_id AS record, NULL::boolean AS is_deleted
  FROM {source history} AS h WHERE coalesce(h.ended_at > h.changed_at, true)$part$),
('salesforce_opportunity_history', 'versions', '{}', $part$
SELECT h.opportunity_id AS record, h.is_deleted, h.changed_at AS at FROM {source history} AS h
 WHERE coalesce(h.ended_at > h.changed_at, true) AND NOT {has opportunity.is_deleted}$part$),
('salesforce_opportunity_history', 'gone', '{opportunity.is_deleted,history.is_deleted}', $part$
SELECT o.id AS record FROM {source opportunity} AS o WHERE o.is_deleted
UNION ALL
{gone_at_last}$part$),

('salesforce_field_history', 'changes', '{}', $part$
SELECT h.record_id AS record, h.old_value AS old_label, h.new_value AS new_label, h.created_date AS at,
       NULL::timestamptz AS created_at, NULL::numeric AS amount, h.opportunity_id AS ref, h.place
  FROM {source history} AS h WHERE (h.field_name = ANY ({exact field}) OR funnel.label_key(h.field_name) = ANY ({field}))$part$),
('salesforce_field_history', 'records', '{}', $part$
SELECT r.id AS record, r.value AS label, r.created_date AS created_at, r.amount,
       CASE WHEN {has history.opportunity_id} THEN r.id::text END AS ref
  FROM {source record} AS r$part$),
('salesforce_field_history', 'versions', '{}', $part$
SELECT h.record_id AS record, h.is_deleted, h.created_date AS at FROM {source history} AS h WHERE NOT {has record.is_deleted}$part$),
('salesforce_field_history', 'gone', '{record.is_deleted,history.is_deleted}', $part$
SELECT r.id AS record FROM {source record} AS r WHERE r.is_deleted
UNION ALL
{gone_at_last}$part$),
('salesforce_field_history', 'merges', '{record.master_record_id}',
 'SELECT r.id AS merged, r.master_record_id AS survivor FROM {rows record} AS r'),

-- A stage that does not exist any more keeps the label that it had.
('hubspot', 'labels', '{}', $part$
SELECT DISTINCT ON (s.stage_id) s.stage_id, s.label FROM {source stage} AS s
 ORDER BY s.stage_id, coalesce(s.is_archived, false), s.label$part$),
('hubspot_deal_stage', 'events', '{}', $part$
SELECT e.record AS lead, coalesce(l.label, e.stage_id) AS label, e.at, r.amount, e.record::text AS ref, e.record, NULL::boolean AS is_deleted
  FROM (SELECT s.deal_id AS record, s.stage_id, s.entered_at AS at FROM {source deal_stage} AS s WHERE coalesce(s.ended_at > s.entered_at, true)) AS e
  LEFT JOIN ({labels}) AS l ON l.stage_id = e.stage_id {todays}$part$),
('hubspot_deal_stage', 'records', '{}', 'SELECT d.deal_id AS record, d.amount FROM {source deal} AS d'),
('hubspot_deal_stage', 'gone', '{deal.is_deleted}', 'SELECT d.deal_id AS record FROM {source deal} AS d WHERE d.is_deleted'),
('hubspot_deal_stage', 'merges', '{merged.deal_id,deal.merged_ids}', $part$
SELECT m.merged_id AS merged, m.deal_id AS survivor FROM {source merged} AS m
UNION ALL
SELECT i.id, d.deal_id FROM {rows deal} AS d, LATERAL unnest(d.merged_ids) AS i (id)$part$),
('hubspot_property_history', 'events', '{}', $part$
SELECT e.record AS lead, coalesce(l.label, e.value) AS label, e.at, r.amount, e.ref, e.record, NULL::boolean AS is_deleted
  FROM (SELECT h.record_id AS record, h.value, h."timestamp" AS at, h.deal_id AS ref FROM {source history} AS h
         WHERE (h.name = ANY ({exact field}) OR funnel.label_key(h.name) = ANY ({field}))) AS e
  LEFT JOIN ({labels}) AS l ON l.stage_id = e.value {todays}$part$),
('hubspot_property_history', 'records', '{}', 'SELECT r.id AS record, r.amount FROM {source record} AS r'),
('hubspot_property_history', 'gone', '{record.is_deleted}', 'SELECT r.id AS record FROM {source record} AS r WHERE r.is_deleted'),
('hubspot_property_history', 'merges', '{merged.id,record.merged_ids}', $part$
SELECT m.merged_id AS merged, m.id AS survivor FROM {source merged} AS m
UNION ALL
SELECT i.id, r.id FROM {rows record} AS r, LATERAL unnest(r.merged_ids) AS i (id)$part$),

('marketo', 'merges', '{merge.lead_id}', $part$
SELECT i.id AS merged, m.lead_id AS survivor FROM {source merge} AS m, LATERAL unnest(m.merge_ids) AS i (id)$part$),
('marketo_change_data', 'changes', '{}', $part$
SELECT a.lead_id AS record, a.old_value AS old_label, a.new_value AS new_label, a.activity_date AS at,
       NULL::timestamptz AS created_at, NULL::numeric AS amount, NULL::text AS ref, a.place
  FROM {source activity} AS a
 WHERE (a.field_name = ANY ({exact field}) OR funnel.label_key(a.field_name) = ANY ({field})) AND coalesce(a.activity_type_id = '13', true)$part$),
-- Without a column for what the field has today, leads that have no change tell nothing.
('marketo_change_data', 'records', '{lead.value}', $part$
SELECT l.id AS record, l.value AS label, l.created_at, NULL::numeric AS amount, NULL::text AS ref FROM {source lead} AS l$part$),
('marketo_change_data', 'records:else', '{}', $part$
SELECT l.id AS record, l.value AS label, l.created_at, NULL::numeric AS amount, NULL::text AS ref FROM {source lead} AS l
 WHERE EXISTS (SELECT FROM ({changes}) AS c WHERE c.record = l.id)$part$),
('marketo_change_data', 'gone', '{deleted.lead_id,lead.is_deleted}', $part$
SELECT d.lead_id AS record FROM {source deleted} AS d
UNION ALL
SELECT l.id FROM {source lead} AS l WHERE l.is_deleted$part$),
('marketo_activities', 'gone', '{deleted.lead_id}', 'SELECT d.lead_id AS record FROM {source deleted} AS d'),
('marketo_activities', 'events', '{}', $part$
SELECT a.lead_id AS lead, coalesce(t.name, a.activity_type_id) AS label, a.activity_date AS at, NULL::numeric AS amount,
       a.campaign_id AS ref, a.lead_id AS record, NULL::boolean AS is_deleted
  FROM {source activity} AS a LEFT JOIN (SELECT DISTINCT ON (t.id) t.id, t.name FROM {source activity_type} AS t ORDER BY t.id, t.name) AS t ON t.id = a.activity_type_id
 WHERE {types} IS NULL OR funnel.label_key(t.name) = ANY ({types}) OR a.activity_type_id = ANY ({types})$part$),

-- Once each, whatever a sync has: the planner then knows that they multiply nothing.
('odoo_tracking', 'stages', '{}', 'SELECT DISTINCT ON (s.id) s.id, s.name FROM {source stage} AS s ORDER BY s.id, s.name'),
('odoo_tracking', 'tracked', '{}', $part$
SELECT m.res_id AS record, t.field_name, t.old_integer, t.new_integer, t.old_char, t.new_char, m.date AS at, t.id AS place
  FROM {source tracking} AS t JOIN {source message} AS m ON m.id = t.message_id WHERE m.model = {model}$part$),
('odoo_tracking', 'changes', '{}', $part$
SELECT t.record, coalesce(o.name, t.old_char) AS old_label, coalesce(n.name, t.new_char) AS new_label, t.at,
       NULL::timestamptz AS created_at, NULL::numeric AS amount, NULL::text AS ref, t.place
  FROM ({tracked}) AS t
  LEFT JOIN ({stages}) AS o ON o.id = t.old_integer
  LEFT JOIN ({stages}) AS n ON n.id = t.new_integer
 WHERE t.field_name = ANY ({exact field}) OR funnel.label_key(t.field_name) = ANY ({field})
       OR t.field_name IN (SELECT f.id FROM {source fields} AS f WHERE f.model = {model} AND funnel.label_key(f.name) = ANY ({field}))$part$),
('odoo_tracking', 'records', '{}', $part$
SELECT l.id AS record, coalesce(s.name, l.stage_id::text) AS label, l.create_date AS created_at, l.amount, NULL::text AS ref
  FROM {source lead} AS l LEFT JOIN ({stages}) AS s ON s.id = l.stage_id$part$),
('odoo_tracking', 'archived', '{}', $part$
SELECT t.record, t.new_integer, t.at, t.place FROM ({tracked}) AS t
 WHERE (t.field_name = 'active' OR t.field_name IN (SELECT f.id FROM {source fields} AS f WHERE f.model = {model} AND f.name = 'active'))$part$),
-- A lead that is archived is lost; one that is restored is again in the stage that it was in: that of its last change until
-- then, or if there is none what it began with.
('odoo_tracking', 'archivings', '{}', $part$
SELECT DISTINCT ON (a.record {collate}, a.at) a.record, a.at,
       CASE WHEN a.new_integer::text = '0' THEN {lost} WHEN a.changes > 0 THEN a.last_label ELSE coalesce(f.old_label, r.label) END AS label
  FROM (SELECT a.*, max(a.label) OVER (PARTITION BY a.record {collate}, a.changes) AS last_label
          FROM (SELECT a.*, count(*) FILTER (WHERE NOT a.is_archiving) OVER (PARTITION BY a.record {collate}
                                ORDER BY a.at, a.is_archiving, a.place, a.label COLLATE "C" DESC ROWS UNBOUNDED PRECEDING) AS changes
                  FROM (SELECT c.record, c.at, false AS is_archiving, c.place, c.new_label AS label, NULL AS new_integer FROM ({changes}) AS c
                        UNION ALL
                        SELECT a.record, a.at, true, a.place, NULL, a.new_integer FROM ({archived}) AS a) AS a) AS a) AS a
  LEFT JOIN ({firsts}) AS f ON f.record = a.record
  LEFT JOIN ({records}) AS r ON r.record = a.record
 WHERE a.is_archiving AND {lost} IS NOT NULL
 ORDER BY a.record {collate}, a.at, a.place DESC, a.new_integer DESC$part$),
('odoo_tracking', 'events', '{}', $part$
SELECT e.record AS lead, e.label, e.at, r.amount, NULL::text AS ref, e.record, NULL::boolean AS is_deleted
  FROM ({past}
        UNION ALL
        SELECT a.record, a.label, a.at, NULL::numeric, NULL::text FROM ({archivings}) AS a) AS e {todays}$part$),

('suitecrm_audit', 'changes', '{}', $part$
SELECT a.parent_id AS record, a.before_value AS old_label, a.after_value AS new_label, a.date_created AS at,
       NULL::timestamptz AS created_at, NULL::numeric AS amount, NULL::text AS ref, NULL::text AS place
  FROM {source audit} AS a WHERE (a.field_name = ANY ({exact field}) OR funnel.label_key(a.field_name) = ANY ({field}))$part$),
('suitecrm_audit', 'records', '{}', $part$
SELECT r.id AS record, r.value AS label, r.date_entered AS created_at, coalesce(r.amount, r.own_amount) AS amount, NULL::text AS ref
  FROM {source record} AS r$part$),
('suitecrm_audit', 'gone', '{record.is_deleted}', 'SELECT r.id AS record FROM {source record} AS r WHERE r.is_deleted');


-- Leads, contacts and opportunities of Salesforce under one key. A person is a lead, a contact that never was one, or an
-- opportunity that has neither.

INSERT INTO funnel.adapter_part (kind, part, needs, query) VALUES
('salesforce', 'salesforce_merges', '{}', $part$
SELECT l.id AS merged, l.master_record_id AS survivor FROM {rows lead} AS l WHERE l.master_record_id IS NOT NULL
UNION ALL
SELECT c.id, c.master_record_id FROM {rows contact} AS c WHERE c.master_record_id IS NOT NULL
UNION ALL
SELECT a.id, a.master_record_id FROM {source account} AS a WHERE a.master_record_id IS NOT NULL$part$),
('salesforce_conversion', 'merges', '{lead.master_record_id,contact.master_record_id,account.master_record_id}', '{salesforce_merges}'),
('salesforce_campaign_member', 'merges', '{lead.master_record_id,contact.master_record_id,account.master_record_id}', '{salesforce_merges}'),
-- Leads, with what remains of all that was merged.
('salesforce', 'people', '{}', $part$
SELECT l.id, coalesce(sl.survivor, l.id) AS lead, coalesce(sc.survivor, l.contact_id) AS contact,
       coalesce(sa.survivor, l.account_id) AS account, l.opportunity_id, l.converted_at
  FROM {source lead} AS l
  LEFT JOIN {survivors} AS sl ON sl.merged = l.id
  LEFT JOIN {survivors} AS sc ON sc.merged = l.contact_id
  LEFT JOIN {survivors} AS sa ON sa.merged = l.account_id$part$),
('salesforce', 'contact_leads', '{}', $part$
SELECT DISTINCT ON (p.contact) p.contact, p.lead FROM ({people}) AS p
 WHERE p.contact IS NOT NULL ORDER BY p.contact, p.converted_at, p.lead$part$),
('salesforce', 'opportunity_leads', '{}', $part$
SELECT DISTINCT ON (p.opportunity_id) p.opportunity_id, p.lead FROM ({people}) AS p
 WHERE p.opportunity_id IS NOT NULL ORDER BY p.opportunity_id, p.converted_at, p.lead$part$),
('salesforce', 'roles', '{}', $part$
SELECT r.opportunity_id, coalesce(s.survivor, r.contact_id) AS contact, r.is_primary
  FROM (SELECT r.opportunity_id, r.contact_id, coalesce(r.is_primary, false) AS is_primary FROM {source opportunity_contact_role} AS r
         WHERE r.is_removed IS NOT TRUE
        UNION ALL
        SELECT o.id, o.contact_id, false FROM {source opportunity} AS o WHERE o.contact_id IS NOT NULL) AS r
  LEFT JOIN {survivors} AS s ON s.merged = r.contact_id
 WHERE r.contact_id IS NOT NULL$part$),
('salesforce', 'opportunity_contacts', '{}', $part$
SELECT DISTINCT ON (r.opportunity_id) r.opportunity_id, r.contact FROM ({roles}) AS r
 ORDER BY r.opportunity_id, r.is_primary DESC, r.contact$part$),
('salesforce', 'contact_opportunities', '{}', $part$
SELECT DISTINCT ON (r.contact) r.contact, r.opportunity_id FROM ({roles}) AS r JOIN {source opportunity} AS o ON o.id = r.opportunity_id
 ORDER BY r.contact, o.created_at, o.id$part$),
('salesforce', 'lead_keys', '{}', $part$
SELECT p.id, CASE {grain} WHEN 'lead' THEN p.lead
                          WHEN 'account' THEN coalesce(p.account, p.lead)
                          ELSE coalesce(p.opportunity_id, co.opportunity_id, p.lead) END AS key
  FROM ({people}) AS p LEFT JOIN ({contact_opportunities}) AS co ON {grain} = 'opportunity' AND co.contact = p.contact$part$),
('salesforce', 'contact_keys', '{}', $part$
SELECT c.id, CASE {grain} WHEN 'lead' THEN coalesce(cl.lead, c.contact)
                          WHEN 'account' THEN coalesce(c.account, p.account, c.contact)
                          ELSE coalesce(p.opportunity_id, co.opportunity_id, cl.lead, c.contact) END AS key
  FROM (SELECT DISTINCT ON (c.id) c.id, coalesce(sc.survivor, c.id) AS contact, coalesce(sa.survivor, c.account_id) AS account
          FROM (SELECT c.id, c.account_id FROM {source contact} AS c
                UNION ALL
                SELECT l.contact_id, NULL FROM {source lead} AS l WHERE l.contact_id IS NOT NULL
                UNION ALL
                SELECT r.contact_id, NULL FROM {source opportunity_contact_role} AS r) AS c
          LEFT JOIN {survivors} AS sc ON sc.merged = c.id
          LEFT JOIN {survivors} AS sa ON sa.merged = c.account_id
         ORDER BY c.id, account) AS c
  LEFT JOIN ({contact_leads}) AS cl ON cl.contact = c.contact
  LEFT JOIN (SELECT DISTINCT ON (p.contact) p.contact, p.account, p.opportunity_id FROM ({people}) AS p
              ORDER BY p.contact, p.converted_at, p.lead) AS p ON p.contact = c.contact
  LEFT JOIN ({contact_opportunities}) AS co ON {grain} = 'opportunity' AND co.contact = c.contact$part$),
('salesforce', 'opportunity_keys', '{}', $part$
SELECT o.id, CASE {grain} WHEN 'lead' THEN coalesce(ol.lead, cl.lead, oc.contact, o.id)
                          WHEN 'account' THEN coalesce(sa.survivor, o.account_id, o.id)
                          ELSE o.id END AS key
  FROM {source opportunity} AS o
  LEFT JOIN ({opportunity_leads}) AS ol ON ol.opportunity_id = o.id
  LEFT JOIN ({opportunity_contacts}) AS oc ON oc.opportunity_id = o.id
  LEFT JOIN ({contact_leads}) AS cl ON cl.contact = oc.contact
  LEFT JOIN {survivors} AS sa ON sa.merged = o.account_id$part$),

('salesforce_conversion', 'changes', '{}', $part$
SELECT h.lead_id AS record, h.old_value AS old_label, h.new_value AS new_label, h.created_date AS at,
       NULL::timestamptz AS created_at, NULL::numeric AS amount, NULL::text AS ref, h.place
  FROM {source lead_history} AS h WHERE (h.field_name = ANY ({exact field}) OR funnel.label_key(h.field_name) = ANY ({field}))$part$),
-- What a converted lead began as is not known without a history.
('salesforce_conversion', 'records', '{}', $part$
SELECT l.id AS record, CASE WHEN l.is_converted IS NOT TRUE THEN l.status ELSE {lead_began} END AS label, l.created_at, NULL::numeric AS amount,
       NULL::text AS ref
  FROM {source lead} AS l$part$),
('salesforce_conversion', 'events', '{}', $part$
SELECT coalesce(k.key, e.record) AS lead, e.label, e.at, e.amount, e.ref, e.record, e.is_deleted
  FROM ({field_history}
        UNION ALL
        SELECT l.id, l.status, greatest(l.converted_at, l.created_at + interval '1 microsecond'), NULL, NULL, l.id, NULL
          FROM {source lead} AS l
         WHERE l.is_converted AND NOT EXISTS (SELECT FROM ({changes}) AS c WHERE c.record = l.id)) AS e
  LEFT JOIN ({lead_keys}) AS k ON k.id = e.record
UNION ALL
SELECT coalesce(k.key, e.record), e.label, e.at, e.amount, e.record::text, e.record, NULL
  FROM (SELECT h.opportunity_id AS record, h.stage_name AS label, h.created_date AS at, h.amount FROM {source opportunity_history} AS h
        UNION ALL
        SELECT o.id, s.label, s.at, o.amount
          FROM {source opportunity} AS o,
               LATERAL (VALUES (CASE WHEN o.is_closed IS NOT TRUE THEN o.stage_name ELSE {opportunity_began} END, o.created_at),
                               (o.stage_name, CASE WHEN o.is_closed THEN
                                                  greatest(o.closed_at, o.created_at + interval '1 microsecond') END)) AS s (label, at)
         WHERE s.at IS NOT NULL AND NOT EXISTS (SELECT FROM {source opportunity_history} AS h WHERE h.opportunity_id = o.id)) AS e
  LEFT JOIN ({opportunity_keys}) AS k ON k.id = e.record$part$),
('salesforce_conversion', 'gone', '{lead.is_deleted,opportunity.is_deleted}', $part$
SELECT l.id AS record FROM {source lead} AS l WHERE l.is_deleted
UNION ALL
SELECT o.id FROM {source opportunity} AS o WHERE o.is_deleted$part$),

-- Who responded on the day on which he was added did so when he was added. A member is a lead, a contact, both (the contact
-- that the lead became), or an account.
('salesforce_campaign_member', 'events', '{}', $part$
SELECT coalesce(lk.key, m.lead_id, ck.key, m.contact_id, m.account_id) AS lead, CASE {channel} WHEN 'type' THEN c.type ELSE c.name END AS label,
       CASE WHEN {members} = 'all' OR m.responded_at IS NULL THEN m.created_at
            WHEN (m.created_at AT TIME ZONE {time_zone})::date = (m.responded_at AT TIME ZONE {time_zone})::date
            THEN greatest(m.created_at, m.responded_at)
            ELSE m.responded_at END AS at,
       NULL::numeric AS amount, m.campaign_id::text AS ref, coalesce(m.lead_id, m.contact_id, m.account_id) AS record,
       m.is_deleted OR t.is_deleted AS is_deleted
  FROM {source member} AS m
  LEFT JOIN {source campaign} AS c ON c.id = m.campaign_id
  LEFT JOIN ({lead_keys}) AS lk ON lk.id = m.lead_id
  LEFT JOIN ({contact_keys}) AS ck ON ck.id = m.contact_id
  LEFT JOIN {survivors} AS s ON s.merged = m.contact_id
  LEFT JOIN {source contact} AS t ON t.id = coalesce(s.survivor, m.contact_id)
 WHERE {members} = 'all' OR m.has_responded$part$),
-- A lead that became a contact is a touched person as long as the contact is.
('salesforce_campaign_member', 'gone', '{lead.is_deleted,contact.is_deleted}', $part$
SELECT l.id AS record FROM {source lead} AS l WHERE l.is_deleted AND l.contact_id IS NULL
UNION ALL
SELECT c.id FROM {source contact} AS c WHERE c.is_deleted$part$);
