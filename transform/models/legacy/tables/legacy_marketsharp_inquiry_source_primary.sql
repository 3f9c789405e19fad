-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_inquiry_source_primary') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    "name" as "name",
    "is_active" as "is_active",
    "company_id" as "company_id",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__inquiry_source_primaries') }}
