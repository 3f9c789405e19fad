-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='gsheet_marketing_spend') }}
select
    "sheet_row_number" as "sheet_row_number",
    "sheet_last_modified" as "sheet_last_modified",
    "spend_date" as "spend_date",
    "cost" as "cost",
    "division" as "division",
    "channel" as "channel",
    "campaign" as "campaign",
    "campaign_id" as "campaign_id",
    "campaign_type" as "campaign_type",
    "event_start_date" as "event_start_date",
    "event_end_date" as "event_end_date",
    "event_fee" as "event_fee",
    "event_labor_cost" as "event_labor_cost",
    "raw_data" as "raw_data",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_gsheet__marketing_spends') }}
