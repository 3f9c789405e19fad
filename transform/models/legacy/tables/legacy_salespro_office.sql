-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_office') }}
select
    "office_id" as "office_id",
    "name" as "name",
    "company_id" as "company_id",
    "company_name" as "company_name",
    "can_search_all_estimates" as "can_search_all_estimates",
    "last_edit_user" as "last_edit_user",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    "last_edit_date" as "last_edit_date",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__offices') }}
