-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_arrivy__groups' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__groups') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__entities' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__entities') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__crews' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__crews') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__crew_members' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__crew_members') }} group by "division_id", "id" having count(*) > 1 or "division_id" is null or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__statuses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__statuses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__resources' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__resources') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__customers' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__customers') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__tasks' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__tasks') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__task_statuses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__task_statuses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__task_ratings' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__task_ratings') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__bookings' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__bookings') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_arrivy__csv_tasks' as model, count(*) as keys from (
    select 1 from {{ ref('stg_arrivy__csv_tasks') }} group by "task_id" having count(*) > 1 or "task_id" is null
) as found having count(*) > 0
