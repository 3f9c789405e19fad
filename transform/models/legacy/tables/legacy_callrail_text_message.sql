-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_text_message') }}
select
    "id" as "id",
    "company_id" as "company_id",
    "direction" as "direction",
    "tracking_phone_number" as "tracking_phone_number",
    "customer_phone_number" as "customer_phone_number",
    "message" as "message",
    "sent_at" as "sent_at",
    null::text as "status",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__text_messages') }}
