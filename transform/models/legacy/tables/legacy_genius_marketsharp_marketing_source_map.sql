-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_marketsharp_marketing_source_map') }}
select
    "marketsharp_id" as "marketsharp_id",
    "marketing_source_id" as "marketing_source_id",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__marketsharp_marketing_source_maps') }}
