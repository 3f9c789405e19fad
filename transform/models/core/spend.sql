-- What marketing cost, by day and source: the spend sheet, event fees and labour included.
select
    'gsheet.marketing_spends:' || s.sheet_row_number as spend_key, 'gsheet' as crm_source,
    s.spend_date as spent_on, k.marketing_source_key, m.marketing_source, m.channel,
    s.division, s.campaign, s.campaign_type,
    coalesce(s.cost, 0) + coalesce(s.event_fee, 0) + coalesce(s.event_labor_cost, 0) as amount
from {{ ref('stg_gsheet__marketing_spends') }} as s
cross join lateral (select {{ source_key('s.channel') }} as marketing_source_key) as k
left join {{ ref('marketing_sources') }} as m on m.marketing_source_key = k.marketing_source_key
