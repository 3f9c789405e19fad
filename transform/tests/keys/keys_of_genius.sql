-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_genius__division_groups' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__division_groups') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__division_regions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__division_regions') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__divisions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__divisions') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__user_titles' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__user_titles') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__services' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__services') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__appointment_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__appointment_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__appointment_outcome_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__appointment_outcome_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__appointment_outcomes' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__appointment_outcomes') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__marketing_source_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__marketing_source_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__marketsharp_sources' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__marketsharp_sources') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_statuses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_statuses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_change_order_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_change_order_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_change_order_statuses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_change_order_statuses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_change_order_reasons' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_change_order_reasons') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__integration_field_definitions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__integration_field_definitions') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__user_associations' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__user_associations') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__users' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__users') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__marketing_sources' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__marketing_sources') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__marketsharp_marketing_source_maps' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__marketsharp_marketing_source_maps') }} group by "marketsharp_id" having count(*) > 1 or "marketsharp_id" is null
) as found having count(*) > 0
union all
select 'stg_genius__integration_fields' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__integration_fields') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__prospects' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__prospects') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__leads' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__leads') }} group by "lead_id" having count(*) > 1 or "lead_id" is null
) as found having count(*) > 0
union all
select 'stg_genius__prospect_sources' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__prospect_sources') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__appointments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__appointments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__appointment_services' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__appointment_services') }} group by "appointment_id", "service_id" having count(*) > 1 or "appointment_id" is null or "service_id" is null
) as found having count(*) > 0
union all
select 'stg_genius__jobs' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__jobs') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__quotes' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__quotes') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_financings' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_financings') }} group by "job_id" having count(*) > 1 or "job_id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_change_orders' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_change_orders') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__job_change_order_items' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__job_change_order_items') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__csv_users' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__csv_users') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__csv_appointments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__csv_appointments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__csv_marketing_sources' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__csv_marketing_sources') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_genius__csv_marketing_source_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_genius__csv_marketing_source_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
