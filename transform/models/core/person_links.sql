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
    where not is_shared_by_many
),

alone as (
    select *
    from candidates
    where kind in ('email', 'phone') and nameless > 0 and names <= 1
),

torn as (
    select record_number
    from alone
    where name_key is null
    group by record_number
    having count(distinct only_name) > 1
),

best as (
    select distinct on (record_number) record_number, kind, value
    from alone
    join torn using (record_number)
    where only_name is not null
    order by record_number, kind, value
),

linked_alone as (
    select a.*, count(*) over (partition by a.kind, a.value) as linked
    from alone as a
    left join torn as t using (record_number)
    left join best as b using (record_number, kind, value)
    where t.record_number is null or b.record_number is not null
)

select 'shared_id' as rule, 1.00 as confidence, value_number as link_number, value as link_key, record_key, record_number
from candidates where kind = 'id'
union all
select kind || '_and_name', case kind when 'email' then 0.95 else 0.90 end, value_number # name_number,
    kind || ':' || value || '|' || name_key, record_key, record_number
from candidates where kind in ('email', 'phone') and records_of_name > 1
union all
select kind || '_alone', case kind when 'email' then 0.85 else 0.70 end, value_number # 1,
    kind || ':' || value, record_key, record_number
from linked_alone where linked > 1
