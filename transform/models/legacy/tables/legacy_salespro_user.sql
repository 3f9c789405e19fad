-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='salespro_user') }}
select
    "user_object_id" as "user_object_id",
    "username" as "username",
    "first_name" as "first_name",
    "last_name" as "last_name",
    "email" as "email",
    "phone_number" as "phone_number",
    "is_active" as "is_active",
    "is_manager" as "is_manager",
    "is_available_to_call" as "is_available_to_call",
    "can_activate_users" as "can_activate_users",
    "can_change_settings" as "can_change_settings",
    "can_submit_credit_apps" as "can_submit_credit_apps",
    "disable_change_company" as "disable_change_company",
    "company_id" as "company_id",
    "selected_office" as "selected_office",
    "allowed_offices"::text as "allowed_offices",
    "identifier" as "identifier",
    "license_number" as "license_number",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    "last_login_date" as "last_login_date",
    "deactivated_date" as "deactivated_date",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_salespro__users') }}
