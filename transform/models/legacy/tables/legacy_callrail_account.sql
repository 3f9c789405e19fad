-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_account') }}
select
    "id" as "id",
    "name" as "name",
    "numeric_id" as "numeric_id",
    "outbound_recording_enabled" as "outbound_recording_enabled",
    "hipaa_account" as "hipaa_account",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__accounts') }}
