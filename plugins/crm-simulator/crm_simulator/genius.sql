-- Schema of the Genius CRM source database: 30 streams and two lookup tables.
-- Loads in MariaDB 10.11 and MySQL 8. Names are known; types are inferred.
-- No foreign key constraints on purpose: orphans exist in real data.
-- Zero dates must be insertable: connections that insert them need a sql_mode without the strict date modes.
SET NAMES utf8mb4;
DROP TABLE IF EXISTS `third_party_source`;
CREATE TABLE `third_party_source` (
  `id` int NOT NULL,
  `third_party_id` varchar(255) NULL DEFAULT NULL,
  `third_party_source_type_id` int NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_third_party_source_third_party_source_type_id` (`third_party_source_type_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='lookup';

DROP TABLE IF EXISTS `third_party_source_type`;
CREATE TABLE `third_party_source_type` (
  `id` int NOT NULL,
  `label` varchar(64) NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_third_party_source_type_label` (`label`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='lookup';

DROP TABLE IF EXISTS `division_group`;
CREATE TABLE `division_group` (
  `id` smallint NOT NULL,
  `group_label` varchar(64) NULL DEFAULT NULL,
  `region` int NOT NULL DEFAULT 1,
  `default_time_zone_name` varchar(64) NOT NULL DEFAULT 'US/Pacific',
  `intern_payroll_start` int NULL DEFAULT NULL,
  `painter_payroll_start` int NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `cc_profile_id` varchar(32) NULL DEFAULT NULL,
  `mes_profile_id` varchar(25) NULL DEFAULT NULL,
  `mes_profile_key` varchar(50) NULL DEFAULT NULL,
  `docusign_acct_id` varchar(50) NULL DEFAULT NULL,
  `paysimple_username` varchar(20) NULL DEFAULT NULL,
  `paysimple_secret` varchar(150) NULL DEFAULT NULL,
  `hub_account_id` int NULL DEFAULT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_division_group_updated_at_id` (`updated_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream division_groups';

DROP TABLE IF EXISTS `division_region`;
CREATE TABLE `division_region` (
  `id` smallint NOT NULL,
  `name` varchar(64) NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream division_regions';

DROP TABLE IF EXISTS `division`;
CREATE TABLE `division` (
  `id` int NOT NULL,
  `group_id` smallint NULL DEFAULT NULL,
  `region_id` smallint NULL DEFAULT NULL,
  `label` varchar(255) NULL DEFAULT NULL,
  `abbreviation` varchar(50) NULL DEFAULT NULL,
  `is_utility` tinyint(1) NOT NULL DEFAULT 0,
  `is_corp` tinyint(1) NOT NULL DEFAULT 0,
  `is_omniscient` tinyint(1) NOT NULL DEFAULT 0,
  `is_inactive` tinyint NOT NULL DEFAULT 0,
  `account_scheduler_id` int NULL DEFAULT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_division_updated_at_id` (`updated_at`, `id`),
  KEY `idx_division_group_id` (`group_id`),
  KEY `idx_division_region_id` (`region_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream divisions';

DROP TABLE IF EXISTS `user_title`;
CREATE TABLE `user_title` (
  `id` smallint NOT NULL,
  `title` varchar(100) NULL DEFAULT NULL,
  `abbreviation` varchar(10) NULL DEFAULT NULL,
  `roles` varchar(256) NULL DEFAULT NULL,
  `type_id` smallint NOT NULL DEFAULT 0,
  `section_id` smallint NULL DEFAULT NULL,
  `sort` smallint NOT NULL DEFAULT 0,
  `pay_component_group_id` smallint NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `is_unique_per_division` tinyint(1) NOT NULL DEFAULT 0,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_user_title_updated_at_id` (`updated_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream user_titles';

DROP TABLE IF EXISTS `service`;
CREATE TABLE `service` (
  `id` smallint NOT NULL,
  `label` varchar(100) NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `is_lead_required` tinyint(1) NOT NULL DEFAULT 0,
  `order_number` smallint NOT NULL DEFAULT 0,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_service_updated_at_id` (`updated_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream services';

DROP TABLE IF EXISTS `appointment_type`;
CREATE TABLE `appointment_type` (
  `id` smallint NOT NULL,
  `label` varchar(50) NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream appointment_types';

DROP TABLE IF EXISTS `appointment_outcome_type`;
CREATE TABLE `appointment_outcome_type` (
  `id` smallint NOT NULL,
  `label` varchar(50) NULL DEFAULT NULL,
  `sort_idx` smallint unsigned NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_appointment_outcome_type_updated_at_id` (`updated_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream appointment_outcome_types';

DROP TABLE IF EXISTS `appointment_outcome`;
CREATE TABLE `appointment_outcome` (
  `id` smallint NOT NULL,
  `type_id` smallint unsigned NOT NULL DEFAULT 0,
  `label` varchar(50) NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_appointment_outcome_updated_at_id` (`updated_at`, `id`),
  KEY `idx_appointment_outcome_type_id` (`type_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream appointment_outcomes';

DROP TABLE IF EXISTS `marketing_source_type`;
CREATE TABLE `marketing_source_type` (
  `id` int NOT NULL,
  `label` varchar(255) NULL DEFAULT NULL,
  `description` text NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `list_order` int NULL DEFAULT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_marketing_source_type_updated_at_id` (`updated_at`, `id`),
  KEY `idx_marketing_source_type_created_at` (`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream marketing_source_types';

DROP TABLE IF EXISTS `marketsharp_source`;
CREATE TABLE `marketsharp_source` (
  `id` int NOT NULL,
  `marketsharp_id` varchar(256) NOT NULL DEFAULT '',
  `source_name` varchar(128) NOT NULL DEFAULT '',
  `inactive` tinyint NOT NULL DEFAULT 0,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_marketsharp_source_updated_at_id` (`updated_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream marketsharp_sources';

DROP TABLE IF EXISTS `job_status`;
CREATE TABLE `job_status` (
  `id` int NOT NULL,
  `label` varchar(50) NULL DEFAULT NULL,
  `is_system` tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_statuses';

DROP TABLE IF EXISTS `job_change_order_type`;
CREATE TABLE `job_change_order_type` (
  `id` smallint NOT NULL,
  `label` varchar(32) NULL DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_change_order_types';

DROP TABLE IF EXISTS `job_change_order_status`;
CREATE TABLE `job_change_order_status` (
  `id` smallint NOT NULL,
  `label` varchar(32) NOT NULL,
  `is_selectable` tinyint NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_change_order_statuses';

DROP TABLE IF EXISTS `job_change_order_reason`;
CREATE TABLE `job_change_order_reason` (
  `id` smallint NOT NULL,
  `label` varchar(100) NULL DEFAULT NULL,
  `description` varchar(255) NULL DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_change_order_reasons';

DROP TABLE IF EXISTS `integration_field_definition`;
CREATE TABLE `integration_field_definition` (
  `id` int NOT NULL,
  `integration_id` int NOT NULL,
  `label` varchar(32) NOT NULL,
  `key_name` varchar(64) NOT NULL,
  `is_user` tinyint(1) NOT NULL DEFAULT 0,
  `is_division` tinyint(1) NOT NULL DEFAULT 0,
  `hint` varchar(255) NULL DEFAULT NULL,
  `input_type` varchar(50) NULL DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream integration_field_definitions';

DROP TABLE IF EXISTS `users_userassociations`;
CREATE TABLE `users_userassociations` (
  `id` int NOT NULL,
  `primary_user_id` int NULL DEFAULT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_users_userassociations_updated_at_id` (`updated_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream user_associations';

DROP TABLE IF EXISTS `user_data`;
CREATE TABLE `user_data` (
  `user_id` int NOT NULL,
  `division_id` int NOT NULL,
  `title_id` smallint NULL DEFAULT NULL,
  `manager_user_id` int NULL DEFAULT NULL,
  `first_name` varchar(100) NULL DEFAULT NULL,
  `first_name_alt` varchar(100) NULL DEFAULT NULL,
  `last_name` varchar(100) NULL DEFAULT NULL,
  `email` varchar(254) NULL DEFAULT NULL,
  `personal_email` varchar(254) NULL DEFAULT NULL,
  `birth_date` date NULL DEFAULT NULL,
  `gender_id` tinyint NULL DEFAULT NULL,
  `marital_status_id` tinyint NULL DEFAULT NULL,
  `time_zone_name` varchar(50) NOT NULL DEFAULT '',
  `hired_on` datetime NULL DEFAULT NULL,
  `start_date` datetime NULL DEFAULT NULL,
  `add_user_id` int NULL DEFAULT NULL,
  `add_datetime` datetime NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `is_inactive` tinyint(1) NOT NULL DEFAULT 0,
  `inactive_on` datetime NULL DEFAULT NULL,
  `inactive_reason_id` smallint NULL DEFAULT NULL,
  `inactive_reason_other` varchar(255) NULL DEFAULT NULL,
  `inactive_transfer_division_id` int NULL DEFAULT NULL,
  `user_associations_id` int NULL DEFAULT NULL,
  `ssn` varchar(32) NULL DEFAULT NULL,
  `lead_radius_zip` varchar(12) NULL DEFAULT NULL,
  `lead_radius_distance` int NULL DEFAULT NULL,
  `lead_types` varchar(64) NULL DEFAULT NULL,
  `lead_views_allowed` int NULL DEFAULT NULL,
  `lead_call_center` int NULL DEFAULT NULL,
  `google_calendar_channel_id` varchar(128) NULL DEFAULT NULL,
  `google_calendar_resource_id` varchar(128) NULL DEFAULT NULL,
  `google_calendar_sync_token` varchar(255) NULL DEFAULT NULL,
  `google_calendar_sync_start` datetime NULL DEFAULT NULL,
  `google_calendar_last_sync` datetime NULL DEFAULT NULL,
  `google_calendar_channel_expiration` datetime NULL DEFAULT NULL,
  `project_commission_pct` decimal(6,3) NULL DEFAULT NULL,
  `salary_account_id` int NULL DEFAULT NULL,
  `advance_account_id` int NULL DEFAULT NULL,
  `override_paychex_department_id` int NULL DEFAULT NULL,
  `override_paychex_department_effective_date` date NULL DEFAULT NULL,
  `google_user_error` varchar(255) NULL DEFAULT NULL,
  `google_user_status` int NULL DEFAULT NULL,
  `google_user_id` varchar(64) NULL DEFAULT NULL,
  PRIMARY KEY (`user_id`),
  KEY `idx_user_data_updated_at_user_id` (`updated_at`, `user_id`),
  KEY `idx_user_data_division_id` (`division_id`),
  KEY `idx_user_data_user_associations_id` (`user_associations_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream users';

DROP TABLE IF EXISTS `marketing_source`;
CREATE TABLE `marketing_source` (
  `id` int NOT NULL,
  `type_id` int NOT NULL DEFAULT 0,
  `label` varchar(255) NULL DEFAULT NULL,
  `description` text NULL,
  `start_date` date NULL DEFAULT NULL,
  `end_date` date NULL DEFAULT NULL,
  `add_user_id` int NOT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL DEFAULT 1,
  `is_allow_lead_modification` tinyint(1) NOT NULL DEFAULT 0,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `division_id` int NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_marketing_source_updated_at_id` (`updated_at`, `id`),
  KEY `idx_marketing_source_type_id` (`type_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream marketing_sources';

DROP TABLE IF EXISTS `marketsharp_marketing_source_map`;
CREATE TABLE `marketsharp_marketing_source_map` (
  `marketsharp_id` varchar(128) NOT NULL,
  `marketing_source_id` int NULL DEFAULT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`marketsharp_id`),
  KEY `idx_marketsharp_marketing_source_map_updated_at_marketsharp_id` (`updated_at`, `marketsharp_id`),
  KEY `idx_marketsharp_marketing_source_map_marketing_source_id` (`marketing_source_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream marketsharp_marketing_source_maps';

DROP TABLE IF EXISTS `integration_field`;
CREATE TABLE `integration_field` (
  `id` int NOT NULL,
  `definition_id` int NOT NULL,
  `user_id` int NULL DEFAULT NULL,
  `division_id` int NULL DEFAULT NULL,
  `field_value` varchar(128) NULL DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_integration_field_updated_at_id` (`updated_at`, `id`),
  KEY `idx_integration_field_definition_id` (`definition_id`),
  KEY `idx_integration_field_user_id` (`user_id`),
  KEY `idx_integration_field_division_id` (`division_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream integration_fields';

DROP TABLE IF EXISTS `prospect`;
CREATE TABLE `prospect` (
  `id` int NOT NULL,
  `division_id` int NOT NULL,
  `user_id` int NULL DEFAULT NULL,
  `first_name` varchar(100) NULL DEFAULT NULL,
  `last_name` varchar(100) NULL DEFAULT NULL,
  `alt_first_name` varchar(100) NULL DEFAULT NULL,
  `alt_last_name` varchar(100) NULL DEFAULT NULL,
  `address1` varchar(255) NULL DEFAULT NULL,
  `address2` varchar(255) NULL DEFAULT NULL,
  `city` varchar(100) NULL DEFAULT NULL,
  `county` varchar(100) NULL DEFAULT NULL,
  `state` varchar(2) NULL DEFAULT NULL,
  `zip` varchar(20) NULL DEFAULT NULL,
  `year_built` smallint NULL DEFAULT NULL,
  `phone1` varchar(20) NULL DEFAULT NULL,
  `phone2` varchar(20) NULL DEFAULT NULL,
  `email` varchar(254) NULL DEFAULT NULL,
  `notes` text NULL,
  `add_user_id` int NOT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `marketsharp_id` varchar(100) NULL DEFAULT NULL,
  `leap_customer_id` varchar(100) NULL DEFAULT NULL,
  `third_party_source_id` int NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `is_address_valid` tinyint NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `idx_prospect_updated_at_id` (`updated_at`, `id`),
  KEY `idx_prospect_division_id` (`division_id`),
  KEY `idx_prospect_user_id` (`user_id`),
  KEY `idx_prospect_third_party_source_id` (`third_party_source_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream prospects';

DROP TABLE IF EXISTS `lead`;
CREATE TABLE `lead` (
  `lead_id` int NOT NULL,
  `contact` int NOT NULL DEFAULT 0,
  `division` int NOT NULL DEFAULT 0,
  `first_name` varchar(50) NULL DEFAULT NULL,
  `last_name` varchar(50) NULL DEFAULT NULL,
  `address1` varchar(50) NULL DEFAULT NULL,
  `address2` varchar(50) NULL DEFAULT NULL,
  `city` varchar(50) NULL DEFAULT NULL,
  `state` varchar(2) NULL DEFAULT NULL,
  `zip` varchar(7) NULL DEFAULT NULL,
  `cdyne_county` varchar(25) NULL DEFAULT NULL,
  `is_valid_address` tinyint NOT NULL DEFAULT 0,
  `email` varchar(100) NULL DEFAULT NULL,
  `phone1` varchar(12) NULL DEFAULT NULL,
  `type1` smallint NOT NULL DEFAULT 0,
  `phone2` varchar(12) NULL DEFAULT NULL,
  `type2` smallint NOT NULL DEFAULT 0,
  `phone3` varchar(12) NULL DEFAULT NULL,
  `type3` smallint NOT NULL DEFAULT 0,
  `phone4` varchar(12) NULL DEFAULT NULL,
  `type4` smallint NOT NULL DEFAULT 0,
  `source` smallint NOT NULL DEFAULT 0,
  `source_notes` varchar(64) NULL DEFAULT NULL,
  `sourced_on` datetime NULL DEFAULT NULL,
  `job_type` smallint NOT NULL DEFAULT 2,
  `rating` smallint NULL DEFAULT NULL,
  `year_built` varchar(4) NULL DEFAULT NULL,
  `is_year_built_verified` tinyint NOT NULL DEFAULT 0,
  `is_zillow` tinyint NOT NULL DEFAULT 0,
  `is_express_consent` tinyint NOT NULL DEFAULT 0,
  `express_consent_set_by` int NULL DEFAULT NULL,
  `express_consent_set_on` datetime NULL DEFAULT NULL,
  `express_consent_source` smallint NULL DEFAULT NULL,
  `express_consent_upload_file_id` int NULL DEFAULT NULL,
  `is_express_consent_being_reviewed` tinyint NOT NULL DEFAULT 0,
  `express_consent_being_reviewed_by` int NULL DEFAULT NULL,
  `notes` text NULL,
  `status` smallint NULL DEFAULT NULL,
  `substatus` smallint NULL DEFAULT NULL,
  `substatus_reason` int NULL DEFAULT NULL,
  `alternate_id` int NULL DEFAULT NULL,
  `added_by` int NOT NULL DEFAULT 0,
  `added_on` datetime NULL DEFAULT NULL,
  `viewed_on` datetime NULL DEFAULT NULL,
  `is_estimate_set` tinyint NOT NULL DEFAULT 0,
  `estimate_set_by` int NULL DEFAULT NULL,
  `estimate_set_on` datetime NULL DEFAULT NULL,
  `dead_on` datetime NULL DEFAULT NULL,
  `dead_by` int NULL DEFAULT NULL,
  `dead_note` varchar(100) NULL DEFAULT NULL,
  `is_credit_request` tinyint NULL DEFAULT NULL,
  `credit_request_by` int NULL DEFAULT NULL,
  `credit_request_on` datetime NULL DEFAULT NULL,
  `credit_request_reason` text NULL,
  `credit_request_status` smallint NULL DEFAULT NULL,
  `credit_request_update_on` datetime NULL DEFAULT NULL,
  `credit_request_update_by` int NULL DEFAULT NULL,
  `credit_request_note` text NULL,
  `lead_cost` double(10,2) NOT NULL DEFAULT 20.00,
  `import_source` varchar(100) NULL DEFAULT NULL,
  `call_screen_viewed_on` datetime NULL DEFAULT NULL,
  `call_screen_viewed_by` int NULL DEFAULT NULL,
  `copied_to_id` int NULL DEFAULT NULL,
  `copied_to_on` datetime NULL DEFAULT NULL,
  `copied_from_id` int NULL DEFAULT NULL,
  `copied_from_on` datetime NULL DEFAULT NULL,
  `cwp_client` int NOT NULL DEFAULT 0,
  `cwp_referral` int NULL DEFAULT NULL,
  `rc_paid_to` int NULL DEFAULT NULL,
  `rc_paid_on` datetime NULL DEFAULT NULL,
  `with_dm` tinyint NOT NULL DEFAULT -1,
  `voicemail_file` varchar(124) NULL DEFAULT NULL,
  `agent_id` varchar(48) NULL DEFAULT NULL,
  `agent_name` varchar(124) NULL DEFAULT NULL,
  `invalid_address` tinyint(1) NOT NULL DEFAULT 0,
  `is_valid_email` tinyint(1) NOT NULL DEFAULT 0,
  `is_high_potential` tinyint NOT NULL DEFAULT 0,
  `is_mobile_lead` tinyint NOT NULL DEFAULT 0,
  `is_dnc` tinyint NULL DEFAULT 0,
  `is_dummy` tinyint NOT NULL DEFAULT 0,
  `lead_central_estimate_date` datetime NULL DEFAULT NULL,
  `do_not_call_before` datetime NULL DEFAULT NULL,
  `is_estimate_confirmed` tinyint NULL DEFAULT NULL,
  `estimate_confirmed_by` int NULL DEFAULT NULL,
  `estimate_confirmed_on` datetime NULL DEFAULT NULL,
  `added_by_latitude` decimal(9,7) NULL DEFAULT NULL,
  `added_by_longitude` decimal(10,7) NULL DEFAULT NULL,
  `is_carpentry_followup` tinyint NOT NULL DEFAULT 0,
  `carpentry_followup_notes` text NULL,
  `marketing_source` int NULL DEFAULT NULL,
  `prospect_id` int NULL DEFAULT NULL,
  `added_by_supervisor` int NULL DEFAULT NULL,
  `salesrabbit_lead_id` int NULL DEFAULT NULL,
  `third_party_source_id` int NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`lead_id`),
  KEY `idx_lead_updated_at_lead_id` (`updated_at`, `lead_id`),
  KEY `idx_lead_added_on` (`added_on`),
  KEY `idx_lead_division` (`division`),
  KEY `idx_lead_prospect_id` (`prospect_id`),
  KEY `idx_lead_third_party_source_id` (`third_party_source_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream leads';

DROP TABLE IF EXISTS `prospect_source`;
CREATE TABLE `prospect_source` (
  `id` int NOT NULL,
  `prospect_id` int NOT NULL,
  `marketing_source_id` int NOT NULL,
  `source_date` datetime NULL DEFAULT NULL,
  `notes` text NULL,
  `add_user_id` int NULL DEFAULT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `source_user_id` int NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_prospect_source_updated_at_id` (`updated_at`, `id`),
  KEY `idx_prospect_source_add_date` (`add_date`),
  KEY `idx_prospect_source_prospect_id` (`prospect_id`),
  KEY `idx_prospect_source_marketing_source_id` (`marketing_source_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream prospect_sources';

DROP TABLE IF EXISTS `appointment`;
CREATE TABLE `appointment` (
  `id` int NOT NULL,
  `prospect_id` int NOT NULL,
  `prospect_source_id` int NULL DEFAULT NULL,
  `user_id` int NULL DEFAULT NULL,
  `type_id` int NOT NULL,
  `date` date NULL DEFAULT NULL,
  `time` time NULL DEFAULT NULL,
  `duration` time NULL DEFAULT NULL,
  `address1` varchar(255) NULL DEFAULT NULL,
  `address2` varchar(255) NULL DEFAULT NULL,
  `city` varchar(100) NULL DEFAULT NULL,
  `state` varchar(2) NULL DEFAULT NULL,
  `zip` varchar(20) NULL DEFAULT NULL,
  `email` varchar(254) NULL DEFAULT NULL,
  `notes` text NULL,
  `add_user_id` int NOT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `assign_date` datetime NULL DEFAULT NULL,
  `confirm_user_id` int NULL DEFAULT NULL,
  `confirm_date` datetime NULL DEFAULT NULL,
  `confirm_with` varchar(100) NULL DEFAULT NULL,
  `spouses_present` tinyint NOT NULL DEFAULT 0,
  `is_complete` tinyint NOT NULL DEFAULT 0,
  `complete_outcome_id` int NULL DEFAULT NULL,
  `complete_user_id` int NULL DEFAULT NULL,
  `complete_date` datetime NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `marketsharp_id` varchar(100) NULL DEFAULT NULL,
  `marketsharp_appt_type` varchar(100) NULL DEFAULT NULL,
  `leap_estimate_id` varchar(100) NULL DEFAULT NULL,
  `third_party_source_id` int NULL DEFAULT NULL,
  `marketing_task_id` int NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `idx_appointment_updated_at_id` (`updated_at`, `id`),
  KEY `idx_appointment_prospect_id` (`prospect_id`),
  KEY `idx_appointment_prospect_source_id` (`prospect_source_id`),
  KEY `idx_appointment_user_id` (`user_id`),
  KEY `idx_appointment_type_id` (`type_id`),
  KEY `idx_appointment_third_party_source_id` (`third_party_source_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream appointments';

DROP TABLE IF EXISTS `appointment_to_service`;
CREATE TABLE `appointment_to_service` (
  `appointment_id` int NOT NULL,
  `service_id` smallint NOT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`appointment_id`, `service_id`),
  KEY `idx_appointment_to_service_updated_at_appointment_id_service_id` (`updated_at`, `appointment_id`, `service_id`),
  KEY `idx_appointment_to_service_service_id` (`service_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream appointment_services';

DROP TABLE IF EXISTS `job`;
CREATE TABLE `job` (
  `id` int NOT NULL,
  `client_cid` int NULL DEFAULT NULL,
  `prospect_id` int NOT NULL,
  `division_id` int NOT NULL,
  `user_id` int NULL DEFAULT NULL,
  `production_user_id` int NULL DEFAULT NULL,
  `project_coordinator_user_id` int NULL DEFAULT NULL,
  `production_month` int NULL DEFAULT NULL,
  `subcontractor_id` int NULL DEFAULT NULL,
  `subcontractor_status_id` smallint NULL DEFAULT NULL,
  `subcontractor_confirmed` tinyint NOT NULL DEFAULT 0,
  `status` int NOT NULL DEFAULT 10,
  `is_in_progress` tinyint NOT NULL DEFAULT 0,
  `ready_status` smallint NULL DEFAULT NULL,
  `prep_status_id` smallint NULL DEFAULT NULL,
  `prep_status_set_date` datetime NULL DEFAULT NULL,
  `prep_status_is_reset` tinyint NOT NULL DEFAULT 0,
  `prep_status_notes` text NULL,
  `prep_issue_id` varchar(32) NULL DEFAULT NULL,
  `service_id` smallint NOT NULL,
  `is_lead_pb` tinyint NOT NULL DEFAULT 0,
  `contract_number` varchar(50) NULL DEFAULT NULL,
  `contract_date` date NULL DEFAULT NULL,
  `contract_amount` decimal(11,2) NOT NULL DEFAULT 0.00,
  `contract_amount_difference` text NULL,
  `contract_hours` int NOT NULL DEFAULT 0,
  `contract_file_id` int NULL DEFAULT NULL,
  `job_value` decimal(11,2) NOT NULL DEFAULT 0.00,
  `deposit_amount` decimal(11,2) NOT NULL DEFAULT 0.00,
  `deposit_type_id` smallint NULL DEFAULT NULL,
  `is_financing` tinyint NOT NULL DEFAULT 0,
  `sales_tax_rate` decimal(7,5) NOT NULL DEFAULT 0.00000,
  `is_sales_tax_exempt` tinyint NOT NULL DEFAULT 0,
  `commission_payout` decimal(11,2) NOT NULL DEFAULT 0.00,
  `accrued_commission_payout` decimal(11,2) NOT NULL DEFAULT 0.00,
  `sold_user_id` int NULL DEFAULT NULL,
  `sold_date` date NULL DEFAULT NULL,
  `start_request_date` date NULL DEFAULT NULL,
  `deadline_date` date NULL DEFAULT NULL,
  `ready_date` date NULL DEFAULT NULL,
  `jsa_sent` tinyint NULL DEFAULT NULL,
  `start_date` date NULL DEFAULT NULL,
  `end_date` date NULL DEFAULT NULL,
  `add_user_id` int NOT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `cancel_date` date NULL DEFAULT NULL,
  `cancel_user_id` int NULL DEFAULT NULL,
  `cancel_reason_id` smallint NULL DEFAULT NULL,
  `is_refund` tinyint NOT NULL DEFAULT 0,
  `refund_date` date NULL DEFAULT NULL,
  `refund_user_id` int NULL DEFAULT NULL,
  `finish_date` date NULL DEFAULT NULL,
  `is_earned_not_paid` tinyint NOT NULL DEFAULT 0,
  `materials_arrival_date` date NULL DEFAULT NULL,
  `measure_date` date NULL DEFAULT NULL,
  `measure_time` time NULL DEFAULT NULL,
  `measure_user_id` int NULL DEFAULT NULL,
  `time_format` smallint NULL DEFAULT NULL,
  `materials_estimated_arrival_date` date NULL DEFAULT NULL,
  `materials_ordered` datetime NULL DEFAULT NULL,
  `install_date` date NULL DEFAULT NULL,
  `install_time` time NULL DEFAULT NULL,
  `install_time_format` smallint NULL DEFAULT NULL,
  `price_level` varchar(32) NULL DEFAULT NULL,
  `price_level_goal` smallint NULL DEFAULT NULL,
  `price_level_commission` decimal(3,1) NULL DEFAULT NULL,
  `price_level_commission_reduction` smallint NULL DEFAULT NULL,
  `is_reviewed` tinyint NOT NULL DEFAULT 0,
  `reviewed_by` int NULL DEFAULT NULL,
  `pp_id_updated` tinyint NOT NULL DEFAULT 0,
  `hoa` tinyint NULL DEFAULT NULL,
  `hoa_approved` tinyint NULL DEFAULT NULL,
  `materials_ordered_old` smallint NULL DEFAULT NULL,
  `start_month_old` smallint NULL DEFAULT NULL,
  `cogs_report_month` varchar(50) NULL DEFAULT NULL,
  `is_cogs_report_month_updated` tinyint NOT NULL DEFAULT 0,
  `forecast_month` varchar(50) NULL DEFAULT NULL,
  `coc_sent_on` datetime NULL DEFAULT NULL,
  `coc_sent_by` int NULL DEFAULT NULL,
  `company_cam_link` varchar(256) NULL DEFAULT NULL,
  `pm_finished_on` date NULL DEFAULT NULL,
  `estimate_job_duration` smallint NULL DEFAULT NULL,
  `payment_not_finalized_reason` int NULL DEFAULT NULL,
  `reasons_other` varchar(255) NULL DEFAULT NULL,
  `payment_type` int NULL DEFAULT NULL,
  `payment_amount` decimal(11,2) NULL DEFAULT NULL,
  `is_payment_finalized` tinyint NULL DEFAULT NULL,
  `is_company_cam` tinyint NULL DEFAULT NULL,
  `is_five_star_review` tinyint NULL DEFAULT NULL,
  `projected_end_date` date NULL DEFAULT NULL,
  `is_company_cam_images_correct` tinyint NULL DEFAULT NULL,
  `post_pm_closeout_date` date NULL DEFAULT NULL,
  `pre_pm_closeout_date` date NULL DEFAULT NULL,
  `actual_install_date` datetime NULL DEFAULT NULL,
  `in_progress_substatus_id` int NULL DEFAULT NULL,
  `is_loan_document_uptodate` tinyint NULL DEFAULT NULL,
  `is_labor_adjustment_correct` tinyint NULL DEFAULT NULL,
  `is_change_order_correct` tinyint NULL DEFAULT NULL,
  `is_coc_pdf_attached` tinyint NOT NULL DEFAULT 0,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_job_updated_at_id` (`updated_at`, `id`),
  KEY `idx_job_prospect_id` (`prospect_id`),
  KEY `idx_job_division_id` (`division_id`),
  KEY `idx_job_user_id` (`user_id`),
  KEY `idx_job_status` (`status`),
  KEY `idx_job_service_id` (`service_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream jobs';

DROP TABLE IF EXISTS `quote`;
CREATE TABLE `quote` (
  `id` int NOT NULL,
  `prospect_id` int NOT NULL,
  `appointment_id` int NOT NULL,
  `job_id` int NULL DEFAULT NULL,
  `client_cid` int NULL DEFAULT NULL,
  `service_id` smallint NULL DEFAULT NULL,
  `label` varchar(255) NULL DEFAULT NULL,
  `description` text NULL,
  `amount` decimal(10,2) NOT NULL DEFAULT 0.00,
  `expire_date` date NULL DEFAULT NULL,
  `status_id` int NOT NULL DEFAULT 1,
  `contract_file_id` int NULL DEFAULT NULL,
  `estimate_file_id` int NULL DEFAULT NULL,
  `add_user_id` int NULL DEFAULT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_quote_updated_at_id` (`updated_at`, `id`),
  KEY `idx_quote_prospect_id` (`prospect_id`),
  KEY `idx_quote_appointment_id` (`appointment_id`),
  KEY `idx_quote_job_id` (`job_id`),
  KEY `idx_quote_service_id` (`service_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream quotes';

DROP TABLE IF EXISTS `job_financing`;
CREATE TABLE `job_financing` (
  `job_id` int NOT NULL,
  `term_id` int NULL DEFAULT NULL,
  `financed_amount` decimal(9,2) NOT NULL DEFAULT 0.00,
  `max_financed_amount` decimal(9,2) NOT NULL DEFAULT 0.00,
  `bid_rate` decimal(5,3) NULL DEFAULT NULL,
  `commission_reduction` decimal(5,3) NULL DEFAULT NULL,
  `signed_on` datetime NULL DEFAULT NULL,
  `cancellation_period_expires_on` datetime NULL DEFAULT NULL,
  `app_submission_date` datetime NULL DEFAULT NULL,
  `is_joint_application` tinyint NOT NULL DEFAULT 0,
  `applicant` varchar(50) NULL DEFAULT NULL,
  `co_applicant` varchar(50) NULL DEFAULT NULL,
  `status` tinyint NOT NULL DEFAULT 1,
  `approved_on` datetime NULL DEFAULT NULL,
  `loan_expiration_date` datetime NULL DEFAULT NULL,
  `denied_on` datetime NULL DEFAULT NULL,
  `denied_by` int NULL DEFAULT NULL,
  `why_book` text NULL,
  `would_book` tinyint NULL DEFAULT NULL,
  `is_financing_factor` tinyint NULL DEFAULT NULL,
  `satisfied` text NULL,
  `docs_completed` datetime NULL DEFAULT NULL,
  `active_stipulation_notes` text NULL,
  `is_active_stipulations_cleared` tinyint NOT NULL DEFAULT 0,
  `legal_app_name` varchar(100) NULL DEFAULT NULL,
  PRIMARY KEY (`job_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_financings';

DROP TABLE IF EXISTS `job_change_order`;
CREATE TABLE `job_change_order` (
  `id` int NOT NULL,
  `job_id` int NOT NULL,
  `number` varchar(20) NOT NULL,
  `status_id` smallint NOT NULL DEFAULT 1,
  `type_id` smallint NOT NULL DEFAULT 1,
  `adjustment_change_order_id` int NULL DEFAULT NULL,
  `effective_date` date NOT NULL,
  `total_amount` decimal(9,2) NOT NULL,
  `add_user_id` int NULL DEFAULT NULL,
  `add_date` datetime NULL DEFAULT NULL,
  `sold_user_id` int NULL DEFAULT NULL,
  `sold_date` datetime NULL DEFAULT NULL,
  `cancel_user_id` int NULL DEFAULT NULL,
  `cancel_date` datetime NULL DEFAULT NULL,
  `reason_id` smallint NULL DEFAULT NULL,
  `envelope_id` varchar(64) NULL DEFAULT NULL,
  `total_contract_amount` decimal(9,2) NOT NULL DEFAULT 0.00,
  `total_pre_change_orders_amount` decimal(9,2) NOT NULL DEFAULT 0.00,
  `signer_name` varchar(100) NULL DEFAULT NULL,
  `signer_email` varchar(100) NULL DEFAULT NULL,
  `financing_note` varchar(255) NULL DEFAULT NULL,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_job_change_order_updated_at_id` (`updated_at`, `id`),
  KEY `idx_job_change_order_job_id` (`job_id`),
  KEY `idx_job_change_order_type_id` (`type_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_change_orders';

DROP TABLE IF EXISTS `job_change_order_item`;
CREATE TABLE `job_change_order_item` (
  `id` int NOT NULL,
  `change_order_id` int NOT NULL,
  `description` varchar(256) NULL DEFAULT NULL,
  `amount` decimal(8,2) NOT NULL,
  `created_at` datetime NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` datetime NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_job_change_order_item_updated_at_id` (`updated_at`, `id`),
  KEY `idx_job_change_order_item_change_order_id` (`change_order_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='stream job_change_order_items';
