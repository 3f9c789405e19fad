-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='marketsharp_contact_phone') }}
select
    case when "contact_id" ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then "contact_id"::uuid end as "contact_id",
    "assistant_phone" as "assistant_phone",
    "work_fax" as "work_fax",
    "cell_phone" as "cell_phone",
    "company_phone" as "company_phone",
    "home_phone2" as "home_phone2",
    "home_fax" as "home_fax",
    "pager" as "pager",
    "work_phone2" as "work_phone2",
    "company_fax" as "company_fax",
    "home_phone" as "home_phone",
    "work_phone" as "work_phone",
    "other_phone" as "other_phone",
    "cell_phone2" as "cell_phone2",
    "other_phone2" as "other_phone2",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_marketsharp__contact_phones') }}
