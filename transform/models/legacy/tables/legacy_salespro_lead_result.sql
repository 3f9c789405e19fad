-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_lead_result') }}
select
    "estimate_id" as "estimate_id",
    "company_id" as "company_id",
    "lead_results_raw" as "lead_results",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__lead_results') }}
