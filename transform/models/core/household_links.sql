-- Every person and the household it belongs to: people at one address, or with a number or e-mail address in common.
-- A household is called by its first person.
with evidence as (
    select distinct m.person_id, i.kind || ':' || i.value as value
    from {{ ref('person_identifiers') }} as i
    join {{ ref('person_members') }} as m using (record_key)
    where i.kind in ('email', 'phone') and i.records > 1 and not i.is_shared_by_many
    union
    select distinct m.person_id, 'address:' || r.address_key
    from {{ ref('person_records') }} as r
    join {{ ref('person_members') }} as m using (record_key)
    where r.address_key is not null
)

select
    hashtextextended(person_id, 1) as person_number,
    person_id,
    hashtextextended(e.value, 0) as value_number,
    e.value
from evidence as e
join (
    select value from evidence
    group by value
    having count(*) between 2 and {{ var('most_people_per_household') }}
) as shared using (value)
