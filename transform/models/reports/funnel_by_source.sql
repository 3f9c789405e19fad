-- Each marketing source over all time: what came of it, and what a sold job cost.
select
    coalesce(marketing_source, '(unknown)') as marketing_source, min(channel) as channel,
    sum(opportunities) as opportunities, sum(with_appointment) as with_appointment, sum(with_quote) as with_quote,
    sum(with_sale) as with_sale, sum(sold_jobs) as sold_jobs, sum(sold_amount) as sold_amount, sum(cost) as cost,
    round(sum(cost) / nullif(sum(sold_jobs), 0), 2) as cost_per_sold_job
from {{ ref('source_months') }}
group by 1
