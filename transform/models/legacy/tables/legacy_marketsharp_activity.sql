-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_activity') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    case when "contact_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "contact_id"::uuid end as "contact_id",
    "name" as "name",
    "type" as "type",
    "completed_date" as "completed_date",
    "due_date" as "due_date",
    "reminder_minutes" as "reminder_minutes",
    "notes" as "notes",
    case when "appointment_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "appointment_id"::uuid end as "appointment_id",
    case when "assign_to_employee_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "assign_to_employee_id"::uuid end as "assign_to_employee_id",
    case when "scheduled_by_employee_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "scheduled_by_employee_id"::uuid end as "scheduled_by_employee_id",
    "reminder_dismissed" as "reminder_dismissed",
    "is_active" as "is_active",
    "last_updated_by" as "last_updated_by",
    "last_update" as "last_update",
    "created_by" as "created_by",
    "created_date" as "created_date",
    case when "inquiry_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "inquiry_id"::uuid end as "inquiry_id",
    "activity_result_id" as "activity_result_id",
    "activity_reference_id" as "activity_reference_id",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__activities') }}
