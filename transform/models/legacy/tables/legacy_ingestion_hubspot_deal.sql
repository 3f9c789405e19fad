-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='ingestion_hubspot_deal') }}
select
    "id" as "id",
    null::text as "deal_name",
    "amount" as "amount",
    "closedate" as "closedate",
    "createdate" as "createdate",
    "dealstage" as "dealstage",
    "dealtype" as "dealtype",
    "description" as "description",
    "hs_object_id" as "hs_object_id",
    "hubspot_owner_id" as "hubspot_owner_id",
    "pipeline" as "pipeline",
    "division" as "division",
    "priority" as "priority",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_hubspot__deals') }}
