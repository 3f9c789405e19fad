-- Every job. It is sold if it has a day of sale and was not cancelled; the amount is that of the contract.
with found as (
    select 'genius.jobs:' || j.id as job_key, 'genius' as crm_source, j.id::text as job_id,
        'genius.prospects:' || j.prospect_id as record_key, null as appointment_key,
        coalesce(j.add_date, j.updated_at) as created_at,
        j.sold_date as sold_on, j.start_date as started_on, coalesce(j.finish_date, j.end_date) as finished_on,
        j.cancel_date as cancelled_on, j.contract_amount as amount, s.label as service, d.label as division,
        st.label as status
    from {{ ref('stg_genius__jobs') }} as j
    left join {{ ref('stg_genius__services') }} as s on s.id = j.service_id
    left join {{ ref('stg_genius__divisions') }} as d on d.id = j.division_id
    left join {{ ref('stg_genius__job_statuses') }} as st on st.id = j.status

    union all
    select 'marketsharp.jobs:' || j.id, 'marketsharp', j.id,
        'marketsharp.contacts:' || j.contact_id, k.appointment_key,
        j.created_date, {{ business_day('j.sale_date') }}, {{ business_day('j.start_date') }},
        {{ business_day('j.completed_date') }}, null, c.amount, j.type, null, j.status
    from {{ ref('stg_marketsharp__jobs') }} as j
    left join (
        select job_id, sum(total_contract) as amount from {{ ref('stg_marketsharp__contracts') }}
        where is_active is not false group by job_id
    ) as c on c.job_id = j.id
    left join {{ ref('appointment_keys') }} as k on k.source_key = 'marketsharp.appointments:' || j.appointment_id
)

select f.job_key, f.crm_source, f.job_id, m.person_id, f.record_key, f.appointment_key, f.created_at,
    f.sold_on, f.started_on, f.finished_on, f.cancelled_on,
    f.sold_on is not null and f.cancelled_on is null as is_sold,
    f.amount, f.service, f.division, f.status
from found as f
left join {{ ref('person_members') }} as m using (record_key)
