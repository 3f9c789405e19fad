-- Which records are one person, and by which rule: all records of one link_key are.
--   shared_id       1.00  one names the other's id, or both name the same id
--   email_and_name  0.95  same e-mail address, last name and first letter of the first name
--   phone_and_name  0.90  same number, last name and first letter of the first name
--   email_alone     0.85  same e-mail address; no two names among its records
--   phone_alone     0.70  same number; no two names among its records
-- What is_shared_by_many does not count. A record without a name whose addresses and numbers belong to different names
-- (a form with her e-mail address and his number) is linked by the best one only: it must not make one person of two.
with candidates as (
    select *
    from {{ ref('person_identifiers') }}
    where records > 1 and not is_shared_by_many
),

alone as (
    select kind, value, record_key, record_number, name_key, only_name
    from candidates
    where kind in ('email', 'phone') and nameless > 0 and names <= 1
),

torn as (
    select record_key
    from alone
    where name_key is null
    group by record_key
    having count(distinct only_name) > 1
),

best as (
    select distinct on (record_key) record_key, kind, value
    from alone
    join torn using (record_key)
    where only_name is not null
    order by record_key, kind, value
),

links as (
    select 'shared_id' as rule, 1.00 as confidence, value as link_key, record_key, record_number
    from candidates where kind = 'id'
    union all
    select kind || '_and_name', case kind when 'email' then 0.95 else 0.90 end, kind || ':' || value || '|' || name_key, record_key, record_number
    from candidates where kind in ('email', 'phone') and name_key is not null
    union all
    select a.kind || '_alone', case a.kind when 'email' then 0.85 else 0.70 end, a.kind || ':' || a.value, a.record_key, a.record_number
    from alone as a
    left join torn as t using (record_key)
    left join best as b using (record_key, kind, value)
    where t.record_key is null or b.record_key is not null
),

sizes as (
    select rule, link_key from links group by rule, link_key having count(distinct record_number) > 1
)

select distinct l.rule, l.confidence, hashtextextended(l.rule || l.link_key, 0) as link_number, l.link_key, l.record_key, l.record_number
from links as l
join sizes using (rule, link_key)
