-- Every record and the person it belongs to, with the strongest rule that links it to another record of that person.
{{ config(indexes=[{'columns': ['person_id']}]) }}
with components as (
    select member, component from core.connected_components('{{ ref("person_links") }}', 'record_number', 'link_number')
),

strongest as (
    select record_number, max(confidence) as confidence from {{ ref('person_links') }} group by record_number
),

members as (
    select r.record_key, r.record_number, r.crm_source, r.stream, r.record_id, r.created_at,
        coalesce(c.component, r.record_number) as component
    from {{ ref('person_records') }} as r
    left join components as c on c.member = r.record_number
),

-- A person is called by its first record, so that the name stays when later ones come.
names as (
    select distinct on (component) component, record_key as person_id
    from members
    order by component, created_at nulls last, record_key collate "C"
)

select
    m.record_key, m.crm_source, m.stream, m.record_id,
    n.person_id,
    case s.confidence
        when 1.00 then 'shared_id' when 0.95 then 'email_and_name' when 0.90 then 'phone_and_name'
        when 0.85 then 'email_alone' when 0.70 then 'phone_alone' else 'only_record'
    end as rule,
    coalesce(s.confidence, 1.00) as confidence
from members as m
join names as n using (component)
left join strongest as s using (record_number)
