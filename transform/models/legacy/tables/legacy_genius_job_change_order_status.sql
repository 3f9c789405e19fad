-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_job_change_order_status') }}
select
    "id" as "id",
    "label" as "label",
    "is_selectable" as "is_selectable",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__job_change_order_statuses') }}
