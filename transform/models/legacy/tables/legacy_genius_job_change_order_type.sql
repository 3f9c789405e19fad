-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_job_change_order_type') }}
select
    "id" as "id",
    "label" as "label",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__job_change_order_types') }}
