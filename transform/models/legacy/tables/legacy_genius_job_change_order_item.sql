-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_job_change_order_item') }}
select
    "id" as "id",
    "change_order_id" as "change_order_id",
    "description" as "description",
    "amount" as "amount",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__job_change_order_items') }}
