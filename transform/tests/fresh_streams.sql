-- Every stream was loaded well within freshness_hours; a stream that was never loaded is none of ours.
{{ config(severity='warn') }}
select crm_source, sync_type, max(end_time) as last_good
from {{ source('orchestration', 'sync_history') }}
where not configuration ? 'edited_by' and not configuration ? 'dry_run'
group by crm_source, sync_type
having coalesce(max(end_time) filter (where status in ('success', 'partial')), '-infinity')
    < now() - interval '{{ var("freshness_hours") }} hours'
