-- Every row that a CRM has of an appointment, and the appointment it is: one that Genius has is Genius's, else HubSpot's.
-- HubSpot and MarketSharp store Genius's id, Genius stores theirs.
with genius as (
    select id::text as id, 'genius.appointments:' || id as key,
        nullif(btrim(hubspot_appointment_id), '') as hubspot_id, nullif(lower(btrim(marketsharp_id)), '') as marketsharp_id
    from {{ ref('stg_genius__appointments') }}
),

by_hubspot as (select hubspot_id, min(key collate "C") as key from genius where hubspot_id is not null group by hubspot_id),
by_marketsharp as (select marketsharp_id, min(key collate "C") as key from genius where marketsharp_id is not null group by marketsharp_id),

hubspot as (
    select h.id, coalesce(b.key, g1.key, g2.key, 'hubspot.appointments:' || h.id) as key,
        nullif(lower(btrim(h.marketsharp_id)), '') as marketsharp_id
    from {{ ref('stg_hubspot__appointments') }} as h
    left join by_hubspot as b on b.hubspot_id = h.id
    left join genius as g1 on g1.id = h.genius_appointment_id
    left join genius as g2 on g2.id = h.appointment_id
    where h.archived is not true
),

hubspot_by_marketsharp as (select marketsharp_id, min(key collate "C") as key from hubspot where marketsharp_id is not null group by marketsharp_id)

select 'genius.appointments:' || id as source_key, key as appointment_key from genius
union all
select 'hubspot.appointments:' || id, key from hubspot
union all
select 'marketsharp.appointments:' || a.id, coalesce(g.key, h.key, 'marketsharp.appointments:' || a.id)
from {{ ref('stg_marketsharp__appointments') }} as a
left join by_marketsharp as g on g.marketsharp_id = lower(a.id)
left join hubspot_by_marketsharp as h on h.marketsharp_id = lower(a.id)
