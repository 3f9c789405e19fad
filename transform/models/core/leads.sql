-- Every lead of every CRM, as that CRM has it. One enquiry is often several rows here; `funnel` puts them together.
with found as (
    select 'genius.leads:' || l.lead_id as lead_key, 'genius' as crm_source, 'leads' as stream,
        'genius.leads:' || l.lead_id as record_key,
        coalesce(l.added_on, l.sourced_on, l.updated_at) as created_at,
        s.label as source_name, d.label as division, l.status::text as status, l.lead_cost as cost
    from {{ ref('stg_genius__leads') }} as l
    left join {{ ref('stg_genius__marketing_sources') }} as s on s.id = l.marketing_source
    left join {{ ref('stg_genius__divisions') }} as d on d.id = l.division_id
    where l.is_dummy is distinct from 1

    union all
    -- Where a prospect came from: one row per enquiry.
    select 'genius.prospect_sources:' || ps.id, 'genius', 'prospect_sources',
        'genius.prospects:' || ps.prospect_id,
        coalesce(ps.source_date, ps.add_date, ps.updated_at), s.label, d.label, null, null
    from {{ ref('stg_genius__prospect_sources') }} as ps
    left join {{ ref('stg_genius__marketing_sources') }} as s on s.id = ps.marketing_source_id
    left join {{ ref('stg_genius__prospects') }} as p on p.id = ps.prospect_id
    left join {{ ref('stg_genius__divisions') }} as d on d.id = p.division_id

    union all
    -- HubSpot has a copy of what Genius's lead cost; it counts once.
    select 'hubspot.contacts:' || c.id, 'hubspot', 'contacts', 'hubspot.contacts:' || c.id,
        coalesce(c.createdate, c.created_at), coalesce(c.hge_primary_source, c.original_lead_source), c.division, c.lifecyclestage,
        case when l.lead_id is null then c.lead_cost end
    from {{ ref('stg_hubspot__contacts') }} as c
    left join {{ ref('stg_genius__leads') }} as l on l.lead_id = c.lead_id
    where c.archived is not true

    union all
    select 'marketsharp.inquiries:' || i.id, 'marketsharp', 'inquiries', 'marketsharp.contacts:' || i.contact_id,
        coalesce(i.inquiry_date, i.creation_date, i.created_date),
        coalesce(g.label, s2.name, s1.name), i.division, st.name, null
    from {{ ref('stg_marketsharp__inquiries') }} as i
    left join {{ ref('stg_marketsharp__inquiry_source_primaries') }} as s1 on s1.id = i.inquiry_source_primary_id
    left join {{ ref('stg_marketsharp__inquiry_source_secondaries') }} as s2 on s2.id = i.inquiry_source_secondary_id
    left join {{ ref('stg_marketsharp__inquiry_statuses') }} as st on st.id = i.inquiry_status_id
    -- Genius keeps which of its own sources one of MarketSharp's is.
    left join (
        select lower(btrim(marketsharp_id)) as marketsharp_id, min(marketing_source_id) as marketing_source_id
        from {{ ref('stg_genius__marketsharp_marketing_source_maps') }} group by 1
    ) as m on m.marketsharp_id = lower(coalesce(i.inquiry_source_secondary_id, i.inquiry_source_primary_id))
    left join {{ ref('stg_genius__marketing_sources') }} as g on g.id = m.marketing_source_id

    union all
    select 'salesrabbit.leads:' || id, 'salesrabbit', 'leads', 'salesrabbit.leads:' || id,
        date_created, 'SalesRabbit', null, status, null
    from {{ ref('stg_salesrabbit__leads') }}
    where deleted_at is null

    union all
    select 'leadconduit.leads:' || lead_id, 'leadconduit', 'leads', 'leadconduit.leads:' || lead_id,
        submitted_utc, source_name, null, outcome, null
    from {{ ref('stg_leadconduit__leads') }}

    union all
    select 'gsheet.marketing_leads:' || id, 'gsheet', 'marketing_leads', 'gsheet.marketing_leads:' || id,
        created_at, coalesce(genius_marketing_source, marketsharp_source, channel), division, lead_type, null
    from {{ ref('stg_gsheet__marketing_leads') }}
)

select
    f.lead_key, f.crm_source, f.stream, m.person_id, f.record_key, f.created_at,
    k.marketing_source_key, s.marketing_source, s.channel, f.division, f.status, f.cost
from found as f
left join {{ ref('person_members') }} as m using (record_key)
cross join lateral (select {{ source_key('f.source_name') }} as marketing_source_key) as k
left join {{ ref('marketing_sources') }} as s on s.marketing_source_key = k.marketing_source_key
