-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_appointment') }}
select
    "id" as "id",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    "is_sale" as "is_sale",
    "result_full_string" as "result_full_string",
    "customer_last_name" as "customer_last_name",
    "customer_first_name" as "customer_first_name",
    "customer_estimate_name" as "customer_estimate_name",
    "salesrep_email" as "salesrep_email",
    "salesrep_first_name" as "salesrep_first_name",
    "salesrep_last_name" as "salesrep_last_name",
    "sale_amount" as "sale_amount",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__appointments') }}
