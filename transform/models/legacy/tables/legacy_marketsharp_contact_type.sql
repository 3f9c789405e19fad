-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_contact_type') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    case when "contact_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "contact_id"::uuid end as "contact_id",
    "contact_type" as "contact_type",
    "is_active" as "is_active",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__contact_types') }}
