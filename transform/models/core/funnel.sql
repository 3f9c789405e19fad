-- The way from lead to job: one row per opportunity (see funnel_events), whatever CRM knows of it.
-- A quote belongs where its appointment does, a job where its quote or appointment does; without such a link, by time.
{{ config(indexes=[{'columns': ['opportunity_id'], 'unique': true}]) }}
with by_time as (
    select event_key, opportunity_id, happened_at, person_id, kind from {{ ref('funnel_events') }}
),

quote_places as (
    select q.quote_key, q.job_key, q.amount, q.created_at, coalesce(a.opportunity_id, t.opportunity_id) as opportunity_id
    from {{ ref('quotes') }} as q
    left join by_time as a on a.event_key = q.appointment_key
    left join by_time as t on t.event_key = q.quote_key
),

job_places as (
    select j.job_key, j.amount, j.sold_on, j.is_sold, j.finished_on, j.cancelled_on,
        coalesce(q.opportunity_id, a.opportunity_id, t.opportunity_id) as opportunity_id
    from {{ ref('jobs') }} as j
    left join (
        select distinct on (job_key) job_key, opportunity_id from quote_places
        where job_key is not null and opportunity_id is not null order by job_key, created_at desc nulls last, quote_key
    ) as q on q.job_key = j.job_key
    left join by_time as a on a.event_key = j.appointment_key
    left join by_time as t on t.event_key = j.job_key
),

opportunities as (
    select opportunity_id, min(person_id) as person_id, min(happened_at) as started_at from by_time group by opportunity_id
),

lead_parts as (
    select t.opportunity_id, count(*) as leads, min(t.happened_at) as lead_at,
        -- The source of the first lead that names one.
        (array_agg(l.marketing_source_key order by t.happened_at, t.event_key) filter (where l.marketing_source_key is not null))[1] as marketing_source_key,
        (array_agg(l.division order by t.happened_at, t.event_key) filter (where l.division is not null))[1] as division,
        (array_agg(l.crm_source order by t.happened_at, t.event_key))[1] as first_crm_source,
        coalesce(sum(l.cost), 0) as cost
    from by_time as t
    join (
        select lead_key, crm_source, marketing_source_key, division, cost from {{ ref('leads') }}
        union all
        select form_fill_key, crm_source, marketing_source_key, null, null from {{ ref('form_fills') }}
    ) as l on l.lead_key = t.event_key
    group by t.opportunity_id
),

appointment_parts as (
    select t.opportunity_id, count(*) as appointments, min(a.created_at) as appointment_set_at, min(a.starts_at) as appointment_at,
        count(*) filter (where a.is_complete) as appointments_held,
        (array_agg(a.marketing_source_key order by a.created_at, a.appointment_key) filter (where a.marketing_source_key is not null))[1] as marketing_source_key,
        (array_agg(a.division order by a.created_at, a.appointment_key) filter (where a.division is not null))[1] as division,
        (array_agg(a.sales_rep order by a.created_at, a.appointment_key) filter (where a.sales_rep is not null))[1] as sales_rep
    from by_time as t
    join {{ ref('appointments') }} as a on a.appointment_key = t.event_key
    group by t.opportunity_id
),

quote_parts as (
    select opportunity_id, count(*) as quotes, min(created_at) as quoted_at, max(amount) as highest_quote
    from quote_places where opportunity_id is not null group by opportunity_id
),

job_parts as (
    select opportunity_id, count(*) as jobs, count(*) filter (where is_sold) as sold_jobs,
        min(sold_on) filter (where is_sold) as sold_on, max(finished_on) filter (where is_sold) as finished_on,
        coalesce(sum(amount) filter (where is_sold), 0) as sold_amount
    from job_places where opportunity_id is not null group by opportunity_id
),

together as (
    select
        o.opportunity_id, o.person_id, {{ business_day('o.started_at') }} as started_on, o.started_at,
        coalesce(l.marketing_source_key, a.marketing_source_key) as marketing_source_key,
        coalesce(l.division, a.division) as division, a.sales_rep, l.first_crm_source,
        coalesce(l.leads, 0) as leads, l.lead_at,
        coalesce(a.appointments, 0) as appointments, coalesce(a.appointments_held, 0) as appointments_held,
        a.appointment_set_at, a.appointment_at,
        coalesce(q.quotes, 0) as quotes, q.quoted_at, q.highest_quote,
        coalesce(j.jobs, 0) as jobs, coalesce(j.sold_jobs, 0) as sold_jobs, j.sold_on, j.finished_on,
        coalesce(j.sold_amount, 0) as sold_amount,
        coalesce(l.cost, 0) as lead_cost
    from opportunities as o
    left join lead_parts as l using (opportunity_id)
    left join appointment_parts as a using (opportunity_id)
    left join quote_parts as q using (opportunity_id)
    left join job_parts as j using (opportunity_id)
),

-- Spend of a month is shared by the opportunities of that month and source.
monthly as (
    select date_trunc('month', spent_on)::date as month, marketing_source_key, sum(amount) as amount
    from {{ ref('spend') }} where marketing_source_key is not null group by 1, 2
)

select
    t.*, s.marketing_source, s.channel,
    round(coalesce(m.amount, 0) / count(*) over (partition by date_trunc('month', t.started_on), t.marketing_source_key), 4) as spend,
    round(coalesce(m.amount, 0) / count(*) over (partition by date_trunc('month', t.started_on), t.marketing_source_key), 4) + t.lead_cost as cost
from together as t
left join {{ ref('marketing_sources') }} as s using (marketing_source_key)
left join monthly as m on m.month = date_trunc('month', t.started_on)::date and m.marketing_source_key = t.marketing_source_key
