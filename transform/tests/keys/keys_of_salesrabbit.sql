-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_salesrabbit__users' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salesrabbit__users') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_salesrabbit__lead_statuses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salesrabbit__lead_statuses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_salesrabbit__leads' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salesrabbit__leads') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_salesrabbit__lead_status_histories' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salesrabbit__lead_status_histories') }} group by "lead_id", "id", "status_updated" having count(*) > 1 or "lead_id" is null or "id" is null or "status_updated" is null
) as found having count(*) > 0
union all
select 'stg_salesrabbit__lead_status_activities' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salesrabbit__lead_status_activities') }} group by "disposition_id" having count(*) > 1 or "disposition_id" is null
) as found having count(*) > 0
