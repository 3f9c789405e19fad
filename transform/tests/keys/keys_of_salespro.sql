-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_salespro__customers' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__customers') }} group by "customer_id" having count(*) > 1 or "customer_id" is null
) as found having count(*) > 0
union all
select 'stg_salespro__credit_applications' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__credit_applications') }} group by "leap_credit_app_id" having count(*) > 1 or "leap_credit_app_id" is null
) as found having count(*) > 0
union all
select 'stg_salespro__estimates' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__estimates') }} group by "estimate_id" having count(*) > 1 or "estimate_id" is null
) as found having count(*) > 0
union all
select 'stg_salespro__lead_results' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__lead_results') }} group by "estimate_id" having count(*) > 1 or "estimate_id" is null
) as found having count(*) > 0
union all
select 'stg_salespro__lead_result_line_items' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__lead_result_line_items') }} group by "estimate_id", "job_type_number" having count(*) > 1 or "estimate_id" is null or "job_type_number" is null
) as found having count(*) > 0
union all
select 'stg_salespro__offices' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__offices') }} group by "office_id" having count(*) > 1 or "office_id" is null
) as found having count(*) > 0
union all
select 'stg_salespro__users' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__users') }} group by "user_object_id" having count(*) > 1 or "user_object_id" is null
) as found having count(*) > 0
union all
select 'stg_salespro__appointments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_salespro__appointments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
