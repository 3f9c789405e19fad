-- Every record and the person it belongs to, with the strongest rule that links it to another record of that person.
{{ config(indexes=[{'columns': ['person_id']}]) }}
with components as (
    select member, component from core.connected_components('{{ ref("person_links") }}', 'record_number', 'link_number')
),

strongest as (
    select distinct on (record_number) record_number, rule, confidence
    from {{ ref('person_links') }}
    order by record_number, confidence desc, rule
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
    coalesce(s.rule, 'only_record') as rule,
    coalesce(s.confidence, 1.00) as confidence
from members as m
join names as n using (component)
left join strongest as s using (record_number)
