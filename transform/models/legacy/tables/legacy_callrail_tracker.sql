-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_tracker') }}
select
    "id" as "id",
    "name" as "name",
    "type" as "type",
    "status" as "status",
    "destination_number" as "destination_number",
    "tracking_numbers" as "tracking_numbers",
    "whisper_message" as "whisper_message",
    "sms_supported" as "sms_supported",
    "sms_enabled" as "sms_enabled",
    "company" as "company",
    "call_flow" as "call_flow",
    "source" as "source",
    "created_at" as "api_created_at",
    "disabled_at" as "disabled_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__trackers') }}
