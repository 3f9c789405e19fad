{{ config(alias='hubspot_appointment_contact_assoc') }}
-- The old system's links between appointments and contacts, one row per pair.
select distinct
    case when from_object_type = 'contacts' then from_id else to_id end::bigint as contact_id,
    case when from_object_type = 'contacts' then to_id else from_id end::bigint as appointment_id
from {{ ref('stg_hubspot__associations') }}
where (from_object_type, to_object_type) in (('contacts', 'appointments'), ('appointments', 'contacts'))
