-- Appointments of Genius whose sales rep belongs to another division than the prospect.
select
    a.id as appointment_id, a.add_date, a.date, p.id as prospect_id,
    nullif(btrim(concat_ws(' ', p.first_name, p.last_name)), '') as prospect_name,
    u.id as user_id, nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), '') as sales_rep,
    p.division_id as prospect_division_id, dp.label as prospect_division,
    u.division_id as sales_rep_division_id, du.label as sales_rep_division
from {{ ref('stg_genius__appointments') }} as a
join {{ ref('stg_genius__prospects') }} as p on p.id = a.prospect_id
join {{ ref('stg_genius__users') }} as u on u.id = a.user_id
left join {{ ref('stg_genius__divisions') }} as dp on dp.id = p.division_id
left join {{ ref('stg_genius__divisions') }} as du on du.id = u.division_id
where p.division_id <> u.division_id
    and a.add_date > '{{ var("division_mismatch_since") }}'::timestamp at time zone '{{ var("business_time_zone") }}'
