-- The months of the sources hold all spend and all costs of leads.
select * from (
    select (select coalesce(sum(amount), 0) from {{ ref('spend') }}) + (select coalesce(sum(cost), 0) from {{ ref('leads') }}) as expected,
        (select coalesce(sum(cost), 0) from {{ ref('source_months') }}) as found
) as sums
where expected <> found
