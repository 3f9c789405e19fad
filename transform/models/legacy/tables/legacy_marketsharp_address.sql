-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_address') }}
select
    case when "id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "id"::uuid end as "id",
    case when "contact_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "contact_id"::uuid end as "contact_id",
    "line1" as "line1",
    "line2" as "line2",
    "city" as "city",
    "state" as "state",
    "county" as "county",
    "zip" as "zip",
    "country" as "country",
    "carrier_route" as "carrier_route",
    "cass" as "cass",
    "latitude" as "latitude",
    "longitude" as "longitude",
    "zip4" as "zip4",
    "dpbc2" as "dpbc2",
    "bar_code" as "bar_code",
    "is_active" as "is_active",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__addresses') }}
