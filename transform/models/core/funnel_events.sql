-- Everything that happens to a person on the way to a job, in order, and the opportunity that it belongs to.
-- An opportunity begins with a lead, unless that person had another lead in the same_lead_days before (one enquiry, seen
-- by several CRMs), or with the first thing that is known of a person. What follows belongs to the latest one.
-- What nobody can be found for (a job whose prospect is gone) is an opportunity without a person.
with events as (
    select coalesce(person_id, record_key, lead_key) as person_key, person_id, created_at as happened_at, 'lead' as kind, lead_key as event_key from {{ ref('leads') }}
    union all
    select coalesce(person_id, form_fill_key), person_id, submitted_at, 'lead', form_fill_key from {{ ref('form_fills') }}
    union all
    select coalesce(person_id, record_key, appointment_key), person_id, created_at, 'appointment', appointment_key from {{ ref('appointments') }}
    union all
    select coalesce(person_id, record_key, quote_key), person_id, created_at, 'quote', quote_key from {{ ref('quotes') }}
    union all
    select coalesce(person_id, record_key, job_key), person_id, 
        -- A day of sale counts to its end: what led to a sale happened before it, if on the same day.
        coalesce((sold_on + interval '1 day' - interval '1 second') at time zone '{{ var("business_time_zone") }}', created_at), 'job', job_key
    from {{ ref('jobs') }}
),

ordered as (
    select *,
        row_number() over everything as place,
        max(happened_at) filter (where kind = 'lead') over (everything rows between unbounded preceding and 1 preceding) as lead_before
    from events
    window everything as (
        partition by person_key
        order by happened_at, case kind when 'lead' then 1 when 'appointment' then 2 when 'quote' then 3 else 4 end, event_key collate "C"
    )
),

started as (
    select *,
        place = 1 or (
            kind = 'lead' and happened_at is not null
            and (lead_before is null or happened_at > lead_before + interval '{{ var("same_lead_days") }} days')
        ) as starts
    from ordered
)

select person_id, happened_at, kind, event_key, starts,
    person_key || '#' || sum(starts::int) over (partition by person_key order by place) as opportunity_id
from started
