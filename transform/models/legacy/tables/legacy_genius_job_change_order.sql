-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_job_change_order') }}
select
    "id" as "id",
    "job_id" as "job_id",
    "number" as "number",
    "status_id" as "status_id",
    "type_id" as "type_id",
    "adjustment_change_order_id" as "adjustment_change_order_id",
    "effective_date" as "effective_date",
    "total_amount" as "total_amount",
    "add_user_id" as "add_user_id",
    "add_date" as "add_date",
    "sold_user_id" as "sold_user_id",
    "sold_date" as "sold_date",
    "cancel_user_id" as "cancel_user_id",
    "cancel_date" as "cancel_date",
    "reason_id" as "reason_id",
    "envelope_id" as "envelope_id",
    "total_contract_amount" as "total_contract_amount",
    "total_pre_change_orders_amount" as "total_pre_change_orders_amount",
    "signer_name" as "signer_name",
    "signer_email" as "signer_email",
    "financing_note" as "financing_note",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__job_change_orders') }}
