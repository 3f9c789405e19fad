-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_marketsharp_source') }}
select
    "id" as "id",
    "marketsharp_id" as "marketsharp_id",
    "source_name" as "source_name",
    "inactive" as "inactive",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__marketsharp_sources') }}
