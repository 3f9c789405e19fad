-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_marketing_source_type') }}
select
    "id" as "id",
    "label" as "label",
    "description" as "description",
    "is_active" as "is_active",
    "list_order" as "list_order",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__marketing_source_types') }}
