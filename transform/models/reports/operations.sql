-- How the loading of each stream went in the last seven days, and what to look at.
with runs as (
    select *, extract(epoch from end_time - start_time) as seconds,
        start_time - lag(end_time) over (partition by crm_source, sync_type order by start_time) as gap
    from {{ source('orchestration', 'sync_history') }}
    where {{ real_runs() }}
        and error_category is distinct from 'overlap'
        and start_time > now() - interval '14 days'
),

measured as (
    select crm_source, sync_type,
        count(*) filter (where recent) as runs,
        count(*) filter (where recent and status in ('success', 'partial')) as good_runs,
        count(*) filter (where recent and status = 'failed') as failed_runs,
        count(*) filter (where not recent) as runs_before,
        count(*) filter (where not recent and status in ('success', 'partial')) as good_runs_before,
        coalesce(sum(records_processed) filter (where recent), 0) as records,
        coalesce(sum(records_failed) filter (where recent), 0) as rejected,
        round(max(seconds) filter (where recent)::numeric, 1) as slowest_seconds,
        max(gap) filter (where recent) as longest_gap,
        max(end_time) filter (where status in ('success', 'partial')) as last_good_at,
        (array_agg(error_message order by start_time desc) filter (where status = 'failed'))[1] as last_error
    from (select *, start_time > now() - interval '7 days' as recent from runs where status <> 'running') as r
    group by crm_source, sync_type
),

rated as (
    select *,
        round(100.0 * good_runs / nullif(runs, 0), 1) as success_percent,
        round(100.0 * good_runs_before / nullif(runs_before, 0), 1) as success_percent_before
    from measured
)

select
    crm_source, sync_type, runs, success_percent, failed_runs, records, rejected, slowest_seconds,
    round(extract(epoch from longest_gap)::numeric / 3600, 1) as longest_gap_hours, last_good_at,
    success_percent - success_percent_before as trend, last_error,
    case
        when runs = 0 then 'Not run for seven days: is it still scheduled?'
        when good_runs = 0 then 'Every run fails: see last_error.'
        when success_percent < 80 then 'One run in five or more fails: see last_error and crm history.'
        when rejected > 0 and rejected > 0.05 * records then 'More than 5 % of the records are rejected: crm rejects.'
    end as advice
from rated
