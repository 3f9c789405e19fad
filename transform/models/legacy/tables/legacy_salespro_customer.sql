-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_customer') }}
select
    "customer_id" as "customer_id",
    "estimate_id" as "estimate_id",
    "company_id" as "company_id",
    "company_name" as "company_name",
    "customer_first_name" as "customer_first_name",
    "customer_last_name" as "customer_last_name",
    "crm_source" as "crm_source",
    "crm_source_id" as "crm_source_id",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__customers') }}
