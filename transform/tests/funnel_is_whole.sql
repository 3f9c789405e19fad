-- Every sold job and every cost of a lead stands in the funnel exactly once.
with expected as (
    select (select count(*) from {{ ref('jobs') }} where is_sold) as jobs,
        (select coalesce(sum(amount), 0) from {{ ref('jobs') }} where is_sold) as amount,
        (select coalesce(sum(cost), 0) from {{ ref('leads') }}) as lead_cost
),
found as (
    select coalesce(sum(sold_jobs), 0) as jobs, coalesce(sum(sold_amount), 0) as amount, coalesce(sum(lead_cost), 0) as lead_cost
    from {{ ref('funnel') }}
)
select * from expected, found
where expected.jobs <> found.jobs or expected.amount <> found.amount or expected.lead_cost <> found.lead_cost
