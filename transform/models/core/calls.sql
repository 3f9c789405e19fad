-- Every call seen by CallRail or Five9. The person is the one that the number of the customer belongs to, if it belongs
-- to one only.
with found as (
    select 'callrail.calls:' || id as call_key, 'callrail' as crm_source, id as call_id,
        start_time as started_at, direction, customer_phone_number_e164 as phone, customer_name,
        answered as is_answered, duration as seconds, source as source_name, campaign, agent_email as agent, lead_status as outcome
    from {{ ref('stg_callrail__calls') }}

    union all
    select 'five9.call_log:' || call_id, 'five9', call_id,
        timestamp, case when call_type ~* 'inbound' then 'inbound' when call_type ~* 'outbound|dial|preview|manual' then 'outbound' end,
        case when call_type ~* 'inbound' then ani_e164 else dnis_e164 end, customer_name,
        {{ seconds('talk_time') }} > 0, {{ seconds('call_time') }}, null, campaign, agent_name, disposition
    from {{ ref('stg_five9__call_log') }}
),

owners as (
    select r.phone, min(m.person_id) as person_id
    from (select record_key, unnest(phones) as phone from {{ ref('person_records') }}) as r
    join {{ ref('person_members') }} as m using (record_key)
    where r.phone in (select phone from found)
        and not exists (
            select from {{ ref('person_identifiers') }} as i where i.kind = 'phone' and i.value = r.phone and i.is_shared_by_many
        )
    group by r.phone
    having count(distinct m.person_id) = 1
)

select f.call_key, f.crm_source, f.call_id, o.person_id, f.started_at, f.direction, f.phone, f.customer_name,
    f.is_answered, f.seconds, {{ source_key('f.source_name') }} as marketing_source_key, f.campaign, f.agent, f.outcome
from found as f
left join owners as o using (phone)
