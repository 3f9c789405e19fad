-- Every form that somebody filled in on a web page, as CallRail saw it.
select
    'callrail.form_submissions:' || f.id as form_fill_key, 'callrail' as crm_source, f.id as form_fill_id,
    m.person_id, f.submitted_at, f.form_name, f.form_url, f.landing_page_url,
    {{ source_key('f.source') }} as marketing_source_key, f.campaign, f.keywords, f.lead_status
from {{ ref('stg_callrail__form_submissions') }} as f
left join {{ ref('person_members') }} as m on m.record_key = 'callrail.form_submissions:' || f.id
