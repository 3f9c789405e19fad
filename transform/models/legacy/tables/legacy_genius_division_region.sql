-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_division_region') }}
select
    "id" as "id",
    "name" as "name",
    "is_active" as "is_active",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__division_regions') }}
