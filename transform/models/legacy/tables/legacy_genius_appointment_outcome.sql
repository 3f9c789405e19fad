-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_appointment_outcome') }}
select
    "id" as "id",
    "type_id" as "type_id",
    "label" as "label",
    "is_active" as "is_active",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__appointment_outcomes') }}
