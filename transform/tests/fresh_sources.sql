-- Every stream of every CRM was loaded well within freshness_hours.
{{ config(severity='warn') }}
select * from {{ ref('freshness') }} where not is_fresh
