-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_tag') }}
select
    "id"::text as "id",
    "name" as "name",
    "color" as "color",
    "company_id" as "company_id",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__tags') }}
