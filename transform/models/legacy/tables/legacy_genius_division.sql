-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='genius_division') }}
select
    "id" as "id",
    "group_id" as "group_id",
    "region_id" as "region_id",
    "label" as "label",
    "abbreviation" as "abbreviation",
    "is_utility" as "is_utility",
    "is_corp" as "is_corp",
    "is_omniscient" as "is_omniscient",
    "is_inactive" as "is_inactive",
    "account_scheduler_id" as "account_scheduler_id",
    "created_at" as "created_at",
    "updated_at" as "updated_at",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_genius__divisions') }}
