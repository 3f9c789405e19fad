-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_prospect_source') }}
select
    "id" as "id",
    "prospect_id" as "prospect_id",
    "marketing_source_id" as "marketing_source_id",
    "source_date" as "source_date",
    "notes" as "notes",
    "add_user_id" as "add_user_id",
    "add_date" as "add_date",
    "updated_at" as "updated_at",
    "source_user_id" as "source_user_id",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__prospect_sources') }}
