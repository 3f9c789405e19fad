-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_activity_reference') }}
select
    "id" as "id",
    "company_id" as "company_id",
    "name" as "name",
    "inquiry_required" as "inquiry_required",
    "appointment_required" as "appointment_required",
    "is_active" as "is_active",
    "created_by" as "created_by",
    "created_date_utc" as "created_date_utc",
    case when "last_update_by" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "last_update_by"::uuid end as "last_update_by",
    "last_update_utc" as "last_update_utc",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__activity_references') }}
