-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_job_status') }}
select
    "id" as "id",
    "label" as "label",
    "is_system" as "is_system",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__job_statuses') }}
