-- Which records are one person, and by which rule: all records of one link_key are.
--   shared_id       1.00  one names the other's id, or both name the same id
--   email_and_name  0.95  same e-mail address, last name and first letter of the first name
--   phone_and_name  0.90  same number, last name and first letter of the first name
--   email_alone     0.85  same e-mail address, and the records that have a name agree in it
--   phone_alone     0.70  same number, and the records that have a name agree in it
-- Addresses and numbers that more than most_records_per_identifier records share do not count.
with candidates as (
    select *
    from {{ ref('person_identifiers') }}
    where records > 1 and not is_shared_by_many
),

links as (
    select 'shared_id' as rule, 1.00 as confidence, value as link_key, record_key, record_number
    from candidates where kind = 'id'
    union all
    select kind || '_and_name', case kind when 'email' then 0.95 else 0.90 end, kind || ':' || value || '|' || name_key, record_key, record_number
    from candidates where kind in ('email', 'phone') and name_key is not null
    union all
    select kind || '_alone', case kind when 'email' then 0.85 else 0.70 end, kind || ':' || value, record_key, record_number
    from candidates where kind in ('email', 'phone') and nameless > 0 and names <= 1
),

sizes as (
    select rule, link_key from links group by rule, link_key having count(distinct record_number) > 1
)

select distinct l.rule, l.confidence, hashtextextended(l.rule || l.link_key, 0) as link_number, l.link_key, l.record_key, l.record_number
from links as l
join sizes using (rule, link_key)
