-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_appointment') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    case when "inquiry_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "inquiry_id"::uuid end as "inquiry_id",
    case when "salesperson1_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "salesperson1_id"::uuid end as "salesperson1_id",
    case when "salesperson2_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "salesperson2_id"::uuid end as "salesperson2_id",
    case when "set_by_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "set_by_id"::uuid end as "set_by_id",
    case when "result_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "result_id"::uuid end as "result_id",
    case when "last_update_by" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "last_update_by"::uuid end as "last_update_by",
    case when "created_by" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "created_by"::uuid end as "created_by",
    "appointment_date" as "appointment_date",
    "set_date" as "set_date",
    "issued_date" as "issued_date",
    "note" as "note",
    "subject" as "subject",
    "type" as "type",
    "result_reason" as "result_reason",
    "is_active" as "is_active",
    "last_update" as "last_update",
    "created_date" as "created_date",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__appointments') }}
