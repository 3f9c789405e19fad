-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_product_interest') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    case when "inquiry_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "inquiry_id"::uuid end as "inquiry_id",
    case when "product_type_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "product_type_id"::uuid end as "product_type_id",
    case when "product_detail_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "product_detail_id"::uuid end as "product_detail_id",
    "price_quoted" as "price_quoted",
    "is_active" as "is_active",
    "last_update" as "last_update",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__product_interests') }}
