-- Every appointment once. One that Genius has is taken from there; HubSpot's and MarketSharp's rows of the same
-- appointment are left out: see appointment_keys.
with pg_timezone_names_cached as materialized (
    select name from pg_timezone_names
),

genius as (
    select
        'genius.appointments:' || a.id as appointment_key, 'genius' as crm_source, a.id::text as appointment_id,
        'genius.prospects:' || a.prospect_id as record_key,
        coalesce(a.add_date, a.updated_at) as created_at,
        -- Date and time are of the wall clock of the division.
        (a.date + case when a.time ~ '^([01]\d|2[0-3]):[0-5]\d' then left(a.time, 5)::time else '00:00'::time end)
            at time zone coalesce(z.name, '{{ var("business_time_zone") }}') as starts_at,
        coalesce(z.name, '{{ var("business_time_zone") }}') as time_zone,
        a.date as starts_on,
        ms.label as source_name, d.label as division, p.division_id, a.user_id::text as sales_rep_id,
        nullif(btrim(concat_ws(' ', btrim(u.first_name), btrim(u.last_name))), '') as sales_rep,
        o.label as outcome, ot.label as outcome_type,
        a.is_complete = 1 as is_complete, coalesce(o.label ~* 'cancel', false) or coalesce(ot.label ~* 'cancel', false) as is_cancelled,
        nullif(btrim(a.leap_estimate_id), '') as leap_estimate_id
    from {{ ref('stg_genius__appointments') }} as a
    left join {{ ref('stg_genius__prospects') }} as p on p.id = a.prospect_id
    left join {{ ref('stg_genius__divisions') }} as d on d.id = p.division_id
    left join {{ ref('stg_genius__division_groups') }} as g on g.id = d.group_id
    left join pg_timezone_names_cached as z on z.name = g.default_time_zone_name
    left join {{ ref('stg_genius__prospect_sources') }} as ps on ps.id = a.prospect_source_id
    left join {{ ref('stg_genius__marketing_sources') }} as ms on ms.id = ps.marketing_source_id
    left join {{ ref('stg_genius__users') }} as u on u.id = a.user_id
    left join {{ ref('stg_genius__appointment_outcomes') }} as o on o.id = a.complete_outcome_id
    left join {{ ref('stg_genius__appointment_outcome_types') }} as ot on ot.id = o.type_id
),

hubspot as (
    select
        'hubspot.appointments:' || h.id as appointment_key, 'hubspot' as crm_source, h.id as appointment_id,
        'hubspot.appointments:' || h.id as record_key,
        coalesce(h.hs_createdate, h.created_at) as created_at,
        h.hs_appointment_start as starts_at, '{{ var("business_time_zone") }}' as time_zone,
        coalesce({{ business_day('h.hs_appointment_start') }}, h.date) as starts_on,
        h.primary_source as source_name, h.division, null::bigint as division_id, h.user_id as sales_rep_id,
        null::text as sales_rep, h.complete_outcome_id_text as outcome, null::text as outcome_type,
        h.is_complete,
        coalesce(h.appointment_status, '') ~* 'cancel' or coalesce(h.cancel_reason, '') <> '' as is_cancelled,
        nullif(btrim(h.salespro_estimate_id), '') as leap_estimate_id
    from {{ ref('stg_hubspot__appointments') }} as h
    where h.archived is not true
),

marketsharp as (
    select
        'marketsharp.appointments:' || a.id as appointment_key, 'marketsharp' as crm_source, a.id as appointment_id,
        'marketsharp.contacts:' || i.contact_id as record_key,
        coalesce(a.set_date, a.created_date) as created_at,
        a.appointment_date as starts_at, '{{ var("business_time_zone") }}' as time_zone,
        {{ business_day('a.appointment_date') }} as starts_on,
        coalesce(s2.name, s1.name) as source_name, i.division, null::bigint as division_id, a.salesperson1_id as sales_rep_id,
        e.name as sales_rep, r.name as outcome, null::text as outcome_type,
        r.id is not null as is_complete, coalesce(r.name ~* 'cancel', false) as is_cancelled, null::text as leap_estimate_id
    from {{ ref('stg_marketsharp__appointments') }} as a
    left join {{ ref('stg_marketsharp__inquiries') }} as i on i.id = a.inquiry_id
    left join {{ ref('stg_marketsharp__inquiry_source_primaries') }} as s1 on s1.id = i.inquiry_source_primary_id
    left join {{ ref('stg_marketsharp__inquiry_source_secondaries') }} as s2 on s2.id = i.inquiry_source_secondary_id
    left join {{ ref('stg_marketsharp__employees') }} as e on e.id = a.salesperson1_id
    left join {{ ref('stg_marketsharp__appointment_results') }} as r on r.id = a.result_id
)

select
    a.appointment_key, a.crm_source, a.appointment_id, m.person_id, a.record_key, a.created_at,
    a.starts_at, a.starts_on, a.time_zone,
    k.marketing_source_key, s.marketing_source, s.channel,
    a.division, a.division_id, a.sales_rep_id, a.sales_rep, a.outcome, a.outcome_type, a.is_complete, a.is_cancelled,
    a.leap_estimate_id
from (select * from genius union all select * from hubspot union all select * from marketsharp) as a
join {{ ref('appointment_keys') }} as own on own.source_key = a.appointment_key and own.appointment_key = a.appointment_key
left join {{ ref('person_members') }} as m using (record_key)
cross join lateral (select {{ source_key('a.source_name') }} as marketing_source_key) as k
left join {{ ref('marketing_sources') }} as s on s.marketing_source_key = k.marketing_source_key
