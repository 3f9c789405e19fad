-- Every marketing source that any CRM or the spend sheet names, once. Names that differ only in case and blanks are one;
-- further synonyms stand in the seed marketing_source_aliases. `channel` is the type of the source in Genius.
with named as (
    select s.label as name, t.label as channel, 'genius' as crm_source
    from {{ ref('stg_genius__marketing_sources') }} as s
    left join {{ ref('stg_genius__marketing_source_types') }} as t on t.id = s.type_id
    union all
    select name, null, 'marketsharp' from {{ ref('stg_marketsharp__inquiry_source_primaries') }}
    union all
    select name, null, 'marketsharp' from {{ ref('stg_marketsharp__inquiry_source_secondaries') }}
    union all
    select channel, null, 'gsheet' from {{ ref('stg_gsheet__marketing_spends') }}
    union all
    select coalesce(genius_marketing_source, marketsharp_source, channel), null, 'gsheet' from {{ ref('stg_gsheet__marketing_leads') }}
    union all
    select coalesce(hge_primary_source, original_lead_source), null, 'hubspot' from {{ ref('stg_hubspot__contacts') }}
    union all
    select primary_source, null, 'hubspot' from {{ ref('stg_hubspot__appointments') }}
    union all
    -- Its leads come from canvassing, and name no source.
    select 'SalesRabbit', null, 'salesrabbit'
    union all
    select source_name, null, 'leadconduit' from {{ ref('stg_leadconduit__leads') }}
    union all
    select source, null, 'callrail' from {{ ref('stg_callrail__form_submissions') }}
    union all
    select source, null, 'callrail' from {{ ref('stg_callrail__calls') }}
)

select
    {{ source_key('n.name') }} as marketing_source_key,
    (array_agg(coalesce(a.marketing_source, btrim(n.name)) order by n.crm_source <> 'genius', btrim(n.name) collate "C"))[1] as marketing_source,
    min(n.channel) as channel,
    array_agg(distinct n.crm_source order by n.crm_source) as crm_sources
from named as n
left join {{ ref('marketing_source_aliases') }} as a on lower(a.alias) = lower(btrim(regexp_replace(n.name, '\s+', ' ', 'g')))
where btrim(n.name) <> ''
group by 1
