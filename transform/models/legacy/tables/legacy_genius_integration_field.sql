-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_integration_field') }}
select
    "id" as "id",
    "definition_id" as "definition_id",
    "user_id" as "user_id",
    "division_id" as "division_id",
    "field_value" as "field_value",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__integration_fields') }}
