-- Each CRM: when it was last loaded well, and its streams that were not for freshness_hours. A CRM that was never loaded
-- is none of ours.
with streams as (
    select crm_source, sync_type,
        max(end_time) filter (where status in ('success', 'partial')) as last_good_at
    from {{ source('orchestration', 'sync_history') }}
    where {{ real_runs() }}
    group by crm_source, sync_type
)

select
    crm_source,
    max(last_good_at) as last_good_at,
    round(extract(epoch from now() - max(last_good_at))::numeric / 3600, 1) as hours_ago,
    count(*) as streams,
    count(*) filter (where {{ stale('last_good_at') }}) as stale_streams,
    array_agg(sync_type order by sync_type) filter (where {{ stale('last_good_at') }}) as stale_stream_names,
    count(*) filter (where {{ stale('last_good_at') }}) = 0 as is_fresh
from streams
group by crm_source
