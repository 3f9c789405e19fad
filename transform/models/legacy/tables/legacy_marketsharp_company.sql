-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_company') }}
select
    "id" as "id",
    "number" as "number",
    "name" as "name",
    "owner" as "owner",
    "address_line1" as "address_line1",
    "address_line2" as "address_line2",
    "address_city" as "address_city",
    "address_state" as "address_state",
    "address_zip" as "address_zip",
    "email" as "email",
    "website" as "website",
    "contact_name" as "contact_name",
    "contact_title" as "contact_title",
    "phone" as "phone",
    "fax" as "fax",
    "time_zone" as "time_zone",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__companies') }}
