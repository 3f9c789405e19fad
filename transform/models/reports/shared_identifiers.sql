-- Numbers and e-mail addresses that more records share than people do (a switchboard, a made-up number). They link nobody.
select kind, value, records, names as different_names
from (
    select kind, value, max(records) as records, max(names) as names
    from {{ ref('person_identifiers') }}
    where is_shared_by_many
    group by kind, value
) as shared
