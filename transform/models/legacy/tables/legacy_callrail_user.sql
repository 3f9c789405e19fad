-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_user') }}
select
    "id" as "id",
    "email" as "email",
    "first_name" as "first_name",
    "last_name" as "last_name",
    "role" as "role",
    null::jsonb as "permissions",
    null::boolean as "is_active",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__users') }}
