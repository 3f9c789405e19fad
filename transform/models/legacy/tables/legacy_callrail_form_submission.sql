-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='callrail_form_submission') }}
select
    "id" as "id",
    null::timestamptz as "submission_time",
    "company_id" as "company_id",
    "person_id" as "person_id",
    "form_data" as "form_data",
    "form_url" as "form_url",
    "landing_page_url" as "landing_page_url",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_callrail__form_submissions') }}
