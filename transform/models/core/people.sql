-- One row per person. Of each column the value of the best record that has one: Genius before HubSpot before the
-- others, the newest first.
{{ config(indexes=[{'columns': ['person_id'], 'unique': true}]) }}
with ranked as (
    select
        m.person_id, m.confidence, r.*,
        row_number() over (
            partition by m.person_id
            order by
                case r.crm_source || '.' || r.stream
                    when 'genius.prospects' then 1 when 'hubspot.contacts' then 2 when 'marketsharp.contacts' then 3
                    when 'genius.leads' then 4 when 'salespro.customers' then 5 else 6
                end,
                r.updated_at desc nulls last, r.record_key
        ) as place
    from {{ ref('person_members') }} as m
    join {{ ref('person_records') }} as r using (record_key)
)

select
    p.person_id,
    (array_agg(first_name order by place) filter (where first_name is not null))[1] as first_name,
    (array_agg(last_name order by place) filter (where last_name is not null))[1] as last_name,
    (array_agg(email order by place) filter (where email is not null))[1] as email,
    (array_agg(phone order by place) filter (where phone is not null))[1] as phone,
    (array_agg(address1 order by place) filter (where address_key is not null))[1] as address1,
    (array_agg(address2 order by place) filter (where address_key is not null))[1] as address2,
    (array_agg(city order by place) filter (where city is not null))[1] as city,
    (array_agg(state order by place) filter (where state is not null))[1] as state,
    (array_agg(zip order by place) filter (where zip is not null))[1] as zip,
    (array_agg(address_key order by place) filter (where address_key is not null))[1] as address_key,
    array_agg(distinct crm_source order by crm_source) as crm_sources,
    count(*) as records,
    min(confidence) as confidence,
    min(created_at) as first_seen_at,
    max(updated_at) as last_changed_at
from ranked as p
group by p.person_id
