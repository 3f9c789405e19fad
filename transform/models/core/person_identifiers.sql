-- What identifies each record, a row per value. An e-mail address or a number that too many records share identifies
-- nobody: is_shared_by_many.
with identifiers as (
    select record_key, record_number, name_key, 'id' as kind, unnest(ids) as value from {{ ref('person_records') }}
    union all
    select record_key, record_number, name_key, 'email', unnest(emails) from {{ ref('person_records') }}
    union all
    select record_key, record_number, name_key, 'phone', unnest(phones) from {{ ref('person_records') }}
),

sizes as (
    select
        kind, value,
        count(*) as records,
        count(distinct name_key) as names,
        count(*) filter (where name_key is null) as nameless
    from identifiers
    group by kind, value
    having count(*) > 1
)

select
    i.record_key, i.record_number, i.name_key, i.kind, i.value,
    coalesce(s.records, 1) as records,
    coalesce(s.names, 1) as names,
    coalesce(s.nameless, 0) as nameless,
    i.kind <> 'id' and coalesce(s.records, 1) > {{ var('most_records_per_identifier') }} as is_shared_by_many
from identifiers as i
left join sizes as s using (kind, value)
