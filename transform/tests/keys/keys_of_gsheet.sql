-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_gsheet__spreadsheet_metadata' as model, count(*) as keys from (
    select 1 from {{ ref('stg_gsheet__spreadsheet_metadata') }} group by "spreadsheet_id" having count(*) > 1 or "spreadsheet_id" is null
) as found having count(*) > 0
union all
select 'stg_gsheet__sheet_metadata' as model, count(*) as keys from (
    select 1 from {{ ref('stg_gsheet__sheet_metadata') }} group by "spreadsheet_id", "sheet_id" having count(*) > 1 or "spreadsheet_id" is null or "sheet_id" is null
) as found having count(*) > 0
union all
select 'stg_gsheet__marketing_leads' as model, count(*) as keys from (
    select 1 from {{ ref('stg_gsheet__marketing_leads') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_gsheet__marketing_spends' as model, count(*) as keys from (
    select 1 from {{ ref('stg_gsheet__marketing_spends') }} group by "sheet_row_number" having count(*) > 1 or "sheet_row_number" is null
) as found having count(*) > 0
