-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_service') }}
select
    "id" as "id",
    "label" as "label",
    "is_active" as "is_active",
    "is_lead_required" as "is_lead_required",
    "order_number" as "order_number",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__services') }}
