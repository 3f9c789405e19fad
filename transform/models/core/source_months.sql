-- Each marketing source in each month: what came of it and what it cost, spend without any lead included.
with outcomes as (
    select date_trunc('month', started_on)::date as month, marketing_source_key,
        count(*) as opportunities, count(*) filter (where appointments > 0) as with_appointment,
        count(*) filter (where quotes > 0) as with_quote, count(*) filter (where sold_jobs > 0) as with_sale,
        sum(sold_jobs) as sold_jobs, sum(sold_amount) as sold_amount, sum(lead_cost) as lead_cost
    from {{ ref('funnel') }}
    group by 1, 2
),

costs as (
    select date_trunc('month', spent_on)::date as month, marketing_source_key, sum(amount) as spend
    from {{ ref('spend') }}
    group by 1, 2
)

select
    month, marketing_source_key, s.marketing_source, s.channel,
    coalesce(opportunities, 0) as opportunities, coalesce(with_appointment, 0) as with_appointment,
    coalesce(with_quote, 0) as with_quote, coalesce(with_sale, 0) as with_sale, coalesce(sold_jobs, 0) as sold_jobs,
    coalesce(sold_amount, 0) as sold_amount,
    coalesce(spend, 0) + coalesce(lead_cost, 0) as cost,
    round((coalesce(spend, 0) + coalesce(lead_cost, 0)) / nullif(sold_jobs, 0), 2) as cost_per_sold_job
from (
    select
        coalesce(o.month, c.month) as month, coalesce(o.marketing_source_key, c.marketing_source_key) as marketing_source_key,
        o.opportunities, o.with_appointment, o.with_quote, o.with_sale, o.sold_jobs, o.sold_amount, o.lead_cost, c.spend
    from outcomes as o
    full join costs as c on c.month = o.month and c.marketing_source_key is not distinct from o.marketing_source_key
) as joined
left join {{ ref('marketing_sources') }} as s using (marketing_source_key)
