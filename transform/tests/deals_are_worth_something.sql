-- The amount of a deal is not below zero, and it is not closed before it was made.
{{ config(severity='warn') }}
select id, amount, createdate, closedate from {{ ref('stg_hubspot__deals') }}
where amount < 0 or closedate < createdate
