-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salesrabbit_user') }}
select
    "id" as "id",
    "first_name" as "first_name",
    "last_name" as "last_name",
    "email" as "email",
    "phone" as "phone",
    "active" as "active",
    "hire_date" as "hire_date",
    "business_unit" as "business_unit",
    "department" as "department",
    "role" as "role",
    "office" as "office",
    "team" as "team",
    "region" as "region",
    "org_id" as "org_id",
    "supervisor_id" as "supervisor_id",
    "recruiter_id" as "recruiter_id",
    "cms_id" as "cms_id",
    "lead_rep_cms_id" as "lead_rep_cms_id",
    "photo_url" as "photo_url",
    "external_ids" as "external_ids",
    "date_created" as "date_created",
    "date_modified" as "date_modified",
    "data" as "data",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salesrabbit__users') }}
