-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_appointment_service') }}
select
    "appointment_id" as "appointment_id",
    "service_id" as "service_id",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__appointment_services') }}
