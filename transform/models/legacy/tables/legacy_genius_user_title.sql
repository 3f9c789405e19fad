-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_user_title') }}
select
    "id" as "id",
    "title" as "title",
    "abbreviation" as "abbreviation",
    "roles" as "roles",
    "type_id" as "type_id",
    "section_id" as "section_id",
    "sort" as "sort",
    "pay_component_group_id" as "pay_component_group_id",
    "is_active" as "is_active",
    "is_unique_per_division" as "is_unique_per_division",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__user_titles') }}
