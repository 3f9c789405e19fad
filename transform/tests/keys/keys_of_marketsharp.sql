-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_marketsharp__companies' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__companies') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__employees' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__employees') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__contacts' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__contacts') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__contact_phones' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__contact_phones') }} group by "contact_id" having count(*) > 1 or "contact_id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__contact_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__contact_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__addresses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__addresses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__custom_fields' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__custom_fields') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__customers' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__customers') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__leads' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__leads') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__prospects' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__prospects') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__inquiry_source_primaries' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__inquiry_source_primaries') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__inquiry_source_secondaries' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__inquiry_source_secondaries') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__inquiry_statuses' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__inquiry_statuses') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__inquiries' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__inquiries') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__appointment_results' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__appointment_results') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__appointments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__appointments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__jobs' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__jobs') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__activity_references' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__activity_references') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__activity_results' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__activity_results') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__activities' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__activities') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__product_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__product_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__product_details' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__product_details') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__product_interests' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__product_interests') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__additional_contacts' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__additional_contacts') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__future_interests' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__future_interests') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__notes' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__notes') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__contracts' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__contracts') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__loans' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__loans') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__payment_histories' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__payment_histories') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__proposals' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__proposals') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__work_crews' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__work_crews') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__job_products' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__job_products') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__job_product_details' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__job_product_details') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__job_product_cost_types' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__job_product_cost_types') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__job_product_costs' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__job_product_costs') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__job_product_commissions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__job_product_commissions') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__job_product_commission_payments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__job_product_commission_payments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__process_steps' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__process_steps') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__service_orders' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__service_orders') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__surveys' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__surveys') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__employee_infos' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__employee_infos') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__call_leads' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__call_leads') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_firms' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_firms') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_renovators' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_renovators') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_workers' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_workers') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paints' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paints') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_attachments' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_attachments') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_to_firms' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_to_firms') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_to_renovators' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_to_renovators') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_marketsharp__lead_paint_to_workers' as model, count(*) as keys from (
    select 1 from {{ ref('stg_marketsharp__lead_paint_to_workers') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
