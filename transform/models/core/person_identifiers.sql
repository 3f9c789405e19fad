-- What identifies each record, a row per value.
-- A record without a name has the name of the records with which it shares an id, if they have one name only.
-- A value that people of too many names share, or too many records without a name, identifies nobody (a switchboard, a
-- made-up number, an id that somebody typed in to fill a field): is_shared_by_many.
with ids as (
    select record_key, name_key, unnest(ids) as value from {{ ref('person_records') }}
),

named_ids as (
    select value, min(name_key) as name_key from ids
    group by value
    having min(name_key) = max(name_key) and count(*) > 1
),

borrowed as (
    select i.record_key, min(n.name_key) as name_key
    from ids as i
    join named_ids as n using (value)
    where i.name_key is null
    group by i.record_key
    having min(n.name_key) = max(n.name_key)
),

records as (
    select r.record_key, r.record_number, coalesce(r.name_key, b.name_key) as name_key, r.ids, r.emails, r.phones
    from {{ ref('person_records') }} as r
    left join borrowed as b using (record_key)
),

identifiers as (
    select record_key, record_number, name_key, 'id' as kind, unnest(ids) as value from records
    union all
    select record_key, record_number, name_key, 'email', unnest(emails) from records
    union all
    select record_key, record_number, name_key, 'phone', unnest(phones) from records
),

sizes as (
    select
        kind, value,
        count(*) as records,
        count(distinct name_key) as names,
        count(*) filter (where name_key is null) as nameless,
        min(name_key) as name_key
    from identifiers
    group by kind, value
    having count(*) > 1
)

select
    i.record_key, i.record_number, i.name_key, i.kind, i.value,
    coalesce(s.records, 1) as records,
    coalesce(s.names, (i.name_key is not null)::int) as names,
    coalesce(s.nameless, (i.name_key is null)::int) as nameless,
    -- The name, if there is one only.
    case when s.names = 1 then s.name_key end as only_name,
    coalesce(s.names, 1) > {{ var('most_names_per_identifier') }}
        or i.kind <> 'id' and coalesce(s.nameless, 0) > {{ var('most_nameless_per_identifier') }} as is_shared_by_many
from identifiers as i
left join sizes as s using (kind, value)
