-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_appointment_type') }}
select
    "id" as "id",
    "label" as "label",
    "is_active" as "is_active",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__appointment_types') }}
