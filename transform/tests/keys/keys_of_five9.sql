-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_five9__contact_fields' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__contact_fields') }} group by "name" having count(*) > 1 or "name" is null
) as found having count(*) > 0
union all
select 'stg_five9__contact_lists' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__contact_lists') }} group by "name" having count(*) > 1 or "name" is null
) as found having count(*) > 0
union all
select 'stg_five9__campaigns' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__campaigns') }} group by "name" having count(*) > 1 or "name" is null
) as found having count(*) > 0
union all
select 'stg_five9__dispositions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__dispositions') }} group by "name" having count(*) > 1 or "name" is null
) as found having count(*) > 0
union all
select 'stg_five9__contacts' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__contacts') }} group by "number1", "list_name" having count(*) > 1 or "number1" is null or "list_name" is null
) as found having count(*) > 0
union all
select 'stg_five9__call_log' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__call_log') }} group by "call_id" having count(*) > 1 or "call_id" is null
) as found having count(*) > 0
union all
select 'stg_five9__agent_login_logout' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__agent_login_logout') }} group by "agent", "date" having count(*) > 1 or "agent" is null or "date" is null
) as found having count(*) > 0
union all
select 'stg_five9__agent_occupancy' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__agent_occupancy') }} group by "agent", "date" having count(*) > 1 or "agent" is null or "date" is null
) as found having count(*) > 0
union all
select 'stg_five9__agent_information' as model, count(*) as keys from (
    select 1 from {{ ref('stg_five9__agent_information') }} group by "agent_id" having count(*) > 1 or "agent_id" is null
) as found having count(*) > 0
