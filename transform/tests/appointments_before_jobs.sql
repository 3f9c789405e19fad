-- Jobs are not sold before the first thing that is known of their opportunity.
{{ config(severity='warn') }}
select opportunity_id, started_on, sold_on from {{ ref('funnel') }} where sold_on < started_on
