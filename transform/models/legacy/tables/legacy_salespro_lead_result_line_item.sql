-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_lead_result_line_item') }}
select
    "estimate_id" as "estimate_id",
    "job_type_number" as "job_type_number",
    "job_type" as "job_type",
    "job_type_amount" as "job_type_amount",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__lead_result_line_items') }}
