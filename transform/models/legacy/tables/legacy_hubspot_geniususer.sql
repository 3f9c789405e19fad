-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='hubspot_geniususer') }}
select
    "id" as "id",
    "archived" as "archived",
    "hs_object_id" as "hs_object_id",
    "hs_createdate" as "hs_createdate",
    "hs_lastmodifieddate" as "hs_lastmodifieddate",
    "arrivy_user_id" as "arrivy_user_id",
    "division" as "division",
    "division_id" as "division_id",
    "email" as "email",
    "job_title" as "job_title",
    "name" as "name",
    "title_id" as "title_id",
    "user_account_type" as "user_account_type",
    "user_id" as "user_id",
    "user_status_inactive" as "user_status_inactive",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_hubspot__genius_users') }}
