-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_marketing_source') }}
select
    "id" as "id",
    "type_id" as "type_id",
    "label" as "label",
    "description" as "description",
    "start_date" as "start_date",
    "end_date" as "end_date",
    "add_user_id" as "add_user_id",
    "add_date" as "add_date",
    "is_active" as "is_active",
    "is_allow_lead_modification" as "is_allow_lead_modification",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__marketing_sources') }}
