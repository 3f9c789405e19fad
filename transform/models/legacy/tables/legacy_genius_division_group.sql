-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_division_group') }}
select
    "id" as "id",
    "group_label" as "group_label",
    "region" as "region",
    "default_time_zone_name" as "default_time_zone_name",
    "intern_payroll_start" as "intern_payroll_start",
    "painter_payroll_start" as "painter_payroll_start",
    "is_active" as "is_active",
    "cc_profile_id" as "cc_profile_id",
    null::text as "mes_profile_id",
    null::text as "mes_profile_key",
    "docusign_acct_id" as "docusign_acct_id",
    null::text as "paysimple_username",
    null::text as "paysimple_secret",
    "hub_account_id" as "hub_account_id",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__division_groups') }}
