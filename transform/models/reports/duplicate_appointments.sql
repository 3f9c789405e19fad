-- Appointments of HubSpot that one contact has twice at the same day and time: a row per appointment of such a group.
-- Day and time are those of the business; archived and cancelled appointments do not count.
with appointments as (
    select a.*, {{ business_day('a.hs_appointment_start') }} as day,
        coalesce(substring(a.time from '(?:^|T)(\d\d:\d\d)'), to_char(a.hs_appointment_start at time zone '{{ var("business_time_zone") }}', 'HH24:MI')) as clock
    from {{ ref('stg_hubspot__appointments') }} as a
    where a.hs_appointment_start is not null
        and a.archived is not true
        and coalesce(a.appointment_status, '') !~* 'cancel'
        and coalesce(a.cancel_reason, '') = ''
),

links as (
    select distinct
        case when from_object_type = 'contacts' then from_id else to_id end as contact_id,
        case when from_object_type = 'contacts' then to_id else from_id end as appointment_id
    from {{ ref('stg_hubspot__associations') }}
    where (from_object_type, to_object_type) in (('contacts', 'appointments'), ('appointments', 'contacts'))
),

members as (
    select l.contact_id, a.*, count(*) over (partition by a.day, a.clock, l.contact_id) as group_size
    from appointments as a
    join links as l on l.appointment_id = a.id
)

select
    m.contact_id || ' ' || m.day || ' ' || m.clock as group_id, m.id as appointment_id,
    row_number() over (partition by m.contact_id, m.day, m.clock order by m.hs_createdate desc nulls last, m.id desc) = 1 as is_primary,
    m.group_size, m.day, m.clock as time, m.contact_id,
    nullif(btrim(concat_ws(' ', c.firstname, c.lastname)), '') as contact_name, c.email as contact_email, c.phone as contact_phone,
    nullif(btrim(concat_ws(' ', m.first_name, m.last_name)), '') as appointment_name, m.email as appointment_email, m.phone1 as appointment_phone,
    m.appointment_status, m.hs_createdate
from members as m
left join {{ ref('stg_hubspot__contacts') }} as c on c.id = m.contact_id
where m.group_size > 1
