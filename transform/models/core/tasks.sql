-- Visits that are planned in Arrivy, and activities of MarketSharp.
with found as (
    select 'arrivy.tasks:' || id as task_key, 'arrivy' as crm_source, id as task_id, 'arrivy.tasks:' || id as record_key,
        title, coalesce(template_type, 'task') as type, status, created as created_at, start_datetime as starts_at,
        end_datetime as ends_at, status = 'COMPLETE' as is_done
    from {{ ref('stg_arrivy__tasks') }}
    union all
    select 'marketsharp.activities:' || id, 'marketsharp', id, 'marketsharp.contacts:' || contact_id,
        name, type, null, created_date, due_date, completed_date, completed_date is not null
    from {{ ref('stg_marketsharp__activities') }}
)

select f.task_key, f.crm_source, f.task_id, m.person_id, f.title, f.type, f.status, f.created_at, f.starts_at, f.ends_at, f.is_done
from found as f
left join {{ ref('person_members') }} as m using (record_key)
