-- Contacts of HubSpot that belong to more than one division, which division their postal code belongs to, and which
-- links go beyond it. Nothing is changed in HubSpot.
with links as (
    select distinct
        case when from_object_type = 'contacts' then from_id else to_id end as contact_id,
        case when from_object_type = 'contacts' then to_id else from_id end as division_id
    from {{ ref('stg_hubspot__associations') }}
    where (from_object_type, to_object_type) in (('contacts', 'divisions'), ('divisions', 'contacts'))
),

named as (
    select l.contact_id, l.division_id, coalesce(d.division_label, d.label, d.division_name) as label, z.division as expected
    from links as l
    join {{ ref('stg_hubspot__contacts') }} as c on c.id = l.contact_id and c.archived is not true
    left join {{ ref('stg_hubspot__divisions') }} as d on d.id = l.division_id
    left join (
        select zipcode_normal, min(division) as division from {{ ref('stg_hubspot__zipcodes') }}
        where zipcode_normal is not null group by zipcode_normal
    ) as z on z.zipcode_normal = c.zip_normal
)

select
    n.contact_id, nullif(btrim(concat_ws(' ', c.firstname, c.lastname)), '') as contact_name, c.email, c.zip,
    count(*) as divisions,
    jsonb_agg(jsonb_build_object('id', n.division_id, 'label', n.label) order by n.division_id) as linked,
    min(n.expected) as expected_division,
    coalesce(jsonb_agg(jsonb_build_object('id', n.division_id, 'label', n.label) order by n.division_id)
        filter (where n.expected is not null and lower(btrim(n.label)) is distinct from lower(btrim(n.expected))), '[]') as to_unlink
from named as n
join {{ ref('stg_hubspot__contacts') }} as c on c.id = n.contact_id
group by n.contact_id, c.firstname, c.lastname, c.email, c.zip
having count(*) >= {{ var('contact_divisions') }}
