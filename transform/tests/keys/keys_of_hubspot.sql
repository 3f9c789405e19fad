-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_hubspot__contacts' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__contacts') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__appointments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__appointments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__deals' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__deals') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__divisions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__divisions') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__genius_users' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__genius_users') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__companies' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__companies') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__tickets' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__tickets') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__associations' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__associations') }} group by "from_object_type", "from_id", "to_object_type", "to_id", "association_type_id" having count(*) > 1 or "from_object_type" is null or "from_id" is null or "to_object_type" is null or "to_id" is null or "association_type_id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__owners' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__owners') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__pipelines' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__pipelines') }} group by "object_type", "id" having count(*) > 1 or "object_type" is null or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__pipeline_stages' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__pipeline_stages') }} group by "object_type", "pipeline_id", "id" having count(*) > 1 or "object_type" is null or "pipeline_id" is null or "id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__properties' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__properties') }} group by "object_type", "name" having count(*) > 1 or "object_type" is null or "name" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__association_labels' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__association_labels') }} group by "from_object_type", "to_object_type", "type_id" having count(*) > 1 or "from_object_type" is null or "to_object_type" is null or "type_id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__custom_object_schemas' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__custom_object_schemas') }} group by "object_type_id" having count(*) > 1 or "object_type_id" is null
) as found having count(*) > 0
union all
select 'stg_hubspot__zipcodes' as model, count(*) as keys from (
    select 1 from {{ ref('stg_hubspot__zipcodes') }} group by "zipcode" having count(*) > 1 or "zipcode" is null
) as found having count(*) > 0
