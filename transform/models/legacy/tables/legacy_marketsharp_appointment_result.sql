-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_appointment_result') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    "name" as "name",
    "presentation" as "presentation",
    "sold" as "sold",
    "is_active" as "is_active",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__appointment_results') }}
