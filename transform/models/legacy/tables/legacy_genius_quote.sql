-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_quote') }}
select
    "id" as "id",
    "prospect_id" as "prospect_id",
    "appointment_id" as "appointment_id",
    "job_id" as "job_id",
    "client_cid" as "client_cid",
    "service_id" as "service_id",
    "label" as "label",
    "description" as "description",
    "amount" as "amount",
    "expire_date" as "expire_date",
    "status_id" as "status_id",
    "contract_file_id" as "contract_file_id",
    "estimate_file_id" as "estimate_file_id",
    "add_user_id" as "add_user_id",
    "add_date" as "add_date",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__quotes') }}
