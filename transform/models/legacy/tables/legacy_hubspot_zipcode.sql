-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='hubspot_zipcode') }}
select
    "zipcode" as "zipcode",
    "division" as "division",
    "city" as "city",
    "county" as "county",
    "state" as "state",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_hubspot__zipcodes') }}
