-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_leadconduit__flows' as model, count(*) as keys from (
    select 1 from {{ ref('stg_leadconduit__flows') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_leadconduit__destinations' as model, count(*) as keys from (
    select 1 from {{ ref('stg_leadconduit__destinations') }} group by "instance_id" having count(*) > 1 or "instance_id" is null
) as found having count(*) > 0
union all
select 'stg_leadconduit__events' as model, count(*) as keys from (
    select 1 from {{ ref('stg_leadconduit__events') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_leadconduit__leads' as model, count(*) as keys from (
    select 1 from {{ ref('stg_leadconduit__leads') }} group by "lead_id" having count(*) > 1 or "lead_id" is null
) as found having count(*) > 0
