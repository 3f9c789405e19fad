-- What identifies a record and another one too, a row per record and value: ids, e-mail addresses, numbers.
-- A record without a name has the name of the records with which it shares an id, if they have one name only.
-- A value that people of too many names share, or too many records without a name, identifies nobody (a switchboard, a
-- made-up number, an id that somebody typed in to fill a field): is_shared_by_many.
-- Values and names are compared by 64-bit hashes of theirs; millions of texts would be slow.
with nameless_ids as (
    select record_number, unnest(ids) as value from {{ ref('person_records') }} where name_key is null
),

named_ids as (
    select value, min(name_key) as name_key
    from (select name_key, unnest(ids) as value from {{ ref('person_records') }} where name_key is not null) as n
    where value in (select value from nameless_ids)
    group by value
    having min(name_key) = max(name_key)
),

borrowed as (
    select i.record_number, min(n.name_key) as name_key
    from nameless_ids as i
    join named_ids as n using (value)
    group by i.record_number
    having min(n.name_key) = max(n.name_key)
),

records as (
    select r.record_key, r.record_number, coalesce(r.name_key, b.name_key) as name_key, r.ids, r.emails, r.phones
    from {{ ref('person_records') }} as r
    left join borrowed as b using (record_number)
),

identifiers as materialized (
    select record_key, record_number, name_key, hashtextextended(name_key, 0) as name_number,
        kind, value, hashtextextended(value, kind_number) as value_number
    from (
        select record_key, record_number, name_key, 'id' as kind, 0 as kind_number, unnest(ids) as value from records
        union all
        select record_key, record_number, name_key, 'email', 1, unnest(emails) from records
        union all
        select record_key, record_number, name_key, 'phone', 2, unnest(phones) from records
    ) as all_values
),

names as (
    select value_number, name_number, min(name_key) as name_key, count(*) as records_of_name
    from identifiers
    group by value_number, name_number
),

sizes as (
    select
        value_number,
        sum(records_of_name)::bigint as records,
        count(name_number) as names,
        coalesce(sum(records_of_name) filter (where name_number is null), 0)::bigint as nameless,
        case when count(name_number) = 1 then min(name_key) end as only_name
    from names
    group by value_number
    having sum(records_of_name) > 1
)

select
    i.record_key, i.record_number, i.name_key, i.name_number, i.kind, i.value, i.value_number,
    s.records, s.names, s.nameless, s.only_name,
    -- How many of the records have this one's name.
    n.records_of_name,
    s.names > {{ var('most_names_per_identifier') }}
        or i.kind <> 'id' and s.nameless > {{ var('most_nameless_per_identifier') }} as is_shared_by_many
from identifiers as i
join sizes as s using (value_number)
left join names as n on n.value_number = i.value_number and n.name_number = i.name_number
