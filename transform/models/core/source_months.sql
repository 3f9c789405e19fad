-- Each marketing source in each month: what came of it and what it cost, spend without any lead included. Opportunities
-- and their sales stand in the month in which they began.
with figures as (
    select date_trunc('month', started_on)::date as month, marketing_source_key, 1 as opportunities,
        (appointments > 0)::int as with_appointment, (quotes > 0)::int as with_quote, (sold_jobs > 0)::int as with_sale,
        sold_jobs, sold_amount, lead_cost as cost
    from {{ ref('funnel') }}
    union all
    select date_trunc('month', spent_on)::date, marketing_source_key, 0, 0, 0, 0, 0, 0, amount from {{ ref('spend') }}
),

sums as (
    select month, marketing_source_key,
        sum(opportunities) as opportunities, sum(with_appointment) as with_appointment, sum(with_quote) as with_quote,
        sum(with_sale) as with_sale, sum(sold_jobs) as sold_jobs, sum(sold_amount) as sold_amount, sum(cost) as cost
    from figures
    group by 1, 2
)

select f.*, s.marketing_source, s.channel, round(f.cost / nullif(f.sold_jobs, 0), 2) as cost_per_sold_job
from sums as f
left join {{ ref('marketing_sources') }} as s using (marketing_source_key)
