-- Made by `make models` from the tap's schemas; do not edit.
-- Keys that a staging model lacks or has twice.
select 'stg_callrail__accounts' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__accounts') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__companies' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__companies') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__users' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__users') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__trackers' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__trackers') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__tags' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__tags') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__calls' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__calls') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__form_submissions' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__form_submissions') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__text_message_conversations' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__text_message_conversations') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
union all
select 'stg_callrail__text_messages' as model, count(*) as keys from (
    select 1 from {{ ref('stg_callrail__text_messages') }} group by "id" having count(*) > 1 or "id" is null
) as found having count(*) > 0
