-- Every person and the household it belongs to. A household is called by its first person.
{{ config(indexes=[{'columns': ['person_id'], 'unique': true}]) }}
with components as (
    select member, component
    from core.connected_components('{{ ref("household_links") }}', 'person_number', 'value_number')
),

members as (
    select p.person_id, p.first_seen_at, coalesce(c.component, hashtextextended(p.person_id, 1)) as component
    from {{ ref('people') }} as p
    left join components as c on c.member = hashtextextended(p.person_id, 1)
)

select
    person_id,
    first_value(person_id) over (partition by component order by first_seen_at nulls last, person_id collate "C") as household_id,
    count(*) over (partition by component) as people
from members
