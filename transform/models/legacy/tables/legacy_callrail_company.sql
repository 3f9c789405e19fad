-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_company') }}
select
    "id" as "id",
    "name" as "name",
    "status" as "status",
    "time_zone" as "time_zone",
    "created_at" as "api_created_at",
    null::timestamptz as "disabled_at",
    null::boolean as "dni_active",
    null::text as "script_url",
    null::boolean as "callscore_enabled",
    null::boolean as "lead_scoring_enabled",
    null::boolean as "callscribe_enabled",
    null::boolean as "keyword_spotting_enabled",
    null::boolean as "form_capture",
    null::boolean as "swap_exclude_jquery",
    null::boolean as "swap_ppc_override",
    null::text as "swap_landing_override",
    null::bigint as "swap_cookie_duration",
    null::text as "swap_cookie_duration_unit",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__companies') }}
