-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_activity_result') }}
select
    "id" as "id",
    "company_id" as "company_id",
    "name" as "name",
    "email_success" as "email_success",
    "email_failure" as "email_failure",
    "confirmed" as "confirmed",
    "is_active" as "is_active",
    case when "last_update_by" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "last_update_by"::uuid end as "last_update_by",
    "last_update" as "last_update",
    "created_by" as "created_by",
    "created_date" as "created_date",
    "count_as_appt_confirmed" as "count_as_appt_confirmed",
    "count_as_appt_created" as "count_as_appt_created",
    "count_as_contacted" as "count_as_contacted",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__activity_results') }}
