-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_inquiry_status') }}
select
    "id" as "id",
    "company_id" as "company_id",
    "name" as "name",
    "is_active" as "is_active",
    case when "last_update_by" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "last_update_by"::uuid end as "last_update_by",
    "last_update_utc" as "last_update_utc",
    "created_by" as "created_by",
    "created_date_utc" as "created_date_utc",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__inquiry_statuses') }}
