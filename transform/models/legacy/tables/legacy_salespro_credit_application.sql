-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_credit_application') }}
select
    "leap_credit_app_id" as "leap_credit_app_id",
    "company_id" as "company_id",
    "company_name" as "company_name",
    "sales_rep_id" as "sales_rep_id",
    "customer_id" as "customer_id",
    "credit_app_vendor" as "credit_app_vendor",
    "credit_app_vendor_id" as "credit_app_vendor_id",
    "credit_app_amount" as "credit_app_amount",
    "credit_app_status" as "credit_app_status",
    "credit_app_note" as "credit_app_note",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__credit_applications') }}
