-- Every quote: of Genius, estimates of SalesPro, proposals of MarketSharp.
with found as (
    select 'genius.quotes:' || q.id as quote_key, 'genius' as crm_source, q.id::text as quote_id,
        'genius.prospects:' || q.prospect_id as record_key,
        a.appointment_key,
        case when nullif(q.job_id, 0) is not null then 'genius.jobs:' || q.job_id end as job_key,
        coalesce(q.add_date, q.updated_at) as created_at, q.amount, s.label as service, q.status_id::text as status
    from {{ ref('stg_genius__quotes') }} as q
    left join {{ ref('appointment_keys') }} as a on a.source_key = 'genius.appointments:' || nullif(q.appointment_id, 0)
    left join {{ ref('stg_genius__services') }} as s on s.id = q.service_id

    union all
    select 'salespro.estimates:' || e.estimate_id, 'salespro', e.estimate_id,
        'salespro.customers:' || e.customer_id,
        a.appointment_key, null,
        e.created_at, e.sale_amount, e.job_type, case when e.is_sale then 'sold' else 'open' end
    from {{ ref('stg_salespro__estimates') }} as e
    left join (
        select leap_estimate_id, min(appointment_key) as appointment_key
        from {{ ref('appointments') }} where leap_estimate_id is not null group by leap_estimate_id
    ) as a on a.leap_estimate_id = e.estimate_id

    union all
    select 'marketsharp.proposals:' || p.id, 'marketsharp', p.id,
        'marketsharp.contacts:' || i.contact_id, k.appointment_key, null,
        coalesce(p.date, p.created_date), coalesce(p.discounted_price, p.price_quoted), null, p.status
    from {{ ref('stg_marketsharp__proposals') }} as p
    left join {{ ref('stg_marketsharp__appointments') }} as a on a.id = p.appointment_id
    left join {{ ref('stg_marketsharp__inquiries') }} as i on i.id = a.inquiry_id
    left join {{ ref('appointment_keys') }} as k on k.source_key = 'marketsharp.appointments:' || p.appointment_id
)

select f.quote_key, f.crm_source, f.quote_id, m.person_id, f.record_key, f.appointment_key, f.job_key,
    f.created_at, f.amount, f.service, f.status
from found as f
left join {{ ref('person_members') }} as m using (record_key)
