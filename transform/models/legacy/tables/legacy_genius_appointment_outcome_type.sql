-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_appointment_outcome_type') }}
select
    "id" as "id",
    "label" as "label",
    "sort_idx" as "sort_idx",
    "is_active" as "is_active",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__appointment_outcome_types') }}
