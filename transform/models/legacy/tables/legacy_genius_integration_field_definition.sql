-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_integration_field_definition') }}
select
    "id" as "id",
    "integration_id" as "integration_id",
    "label" as "label",
    "key_name" as "key_name",
    "is_user" as "is_user",
    "is_division" as "is_division",
    "hint" as "hint",
    "input_type" as "input_type",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__integration_field_definitions') }}
