-- Every record of every CRM that describes a person, with what identifies one.
-- The columns *_id of other CRMs are the ids under which a record names another one.
with records as (

    select
        'genius' as crm_source, 'prospects' as stream, id::text as record_id,
        first_name, last_name,
        array[email_normal] as emails, array[phone1_e164, phone2_e164] as phones,
        address1, address2, city, state_normal as state, zip_normal as zip, division_id::text as division_ref,
        coalesce(add_date, updated_at) as created_at, coalesce(updated_at, add_date) as updated_at,
        array[
            'genius.prospect:' || id,
            {{ named('hubspot.contact', 'hubspot_contact_id') }},
            {{ named('marketsharp.contact', 'lower(marketsharp_id)') }}
        ] as ids
    from {{ ref('stg_genius__prospects') }}

    union all
    select
        'genius', 'leads', lead_id::text,
        first_name, last_name,
        array[email_normal], array[phone1_e164, phone2_e164, phone3_e164, phone4_e164],
        address1, address2, city, state_normal, zip_normal, division_id::text,
        coalesce(added_on, sourced_on, updated_at), coalesce(updated_at, added_on),
        array[
            'genius.lead:' || lead_id,
            'genius.prospect:' || nullif(prospect_id, 0),
            'salesrabbit.lead:' || nullif(salesrabbit_lead_id, 0)
        ]
    from {{ ref('stg_genius__leads') }}

    union all
    select
        'hubspot', 'contacts', id,
        firstname, lastname,
        array[email_normal], array[phone_e164, lead_phone1_e164, lead_phone2_e164, lead_phone3_e164, prospect_phone1_e164],
        address, null, city, state_normal, zip_normal, null,
        coalesce(createdate, created_at), coalesce(lastmodifieddate, updated_at),
        array[
            'hubspot.contact:' || id,
            'genius.prospect:' || nullif(prospect_id, 0),
            'genius.lead:' || nullif(lead_id, 0),
            {{ named('marketsharp.contact', "lower(coalesce(nullif(marketsharp_id, ''), prospect_marketsharp_id))") }},
            {{ named('salesrabbit.lead', "coalesce(lead_salesrabbit_lead_id_new::text, nullif(sales_rabbit_lead_id, ''), lead_salesrabbit_lead_id)") }}
        ]
    from {{ ref('stg_hubspot__contacts') }}
    where archived is not true

    union all
    select
        'hubspot', 'appointments', id,
        first_name, last_name,
        array[email_normal], array[phone1_e164, phone2_e164],
        address1, address2, city, state_normal, zip_normal, null,
        coalesce(hs_createdate, created_at), coalesce(hs_lastmodifieddate, updated_at),
        array[
            'hubspot.appointment:' || id,
            {{ named('hubspot.contact', "coalesce(nullif(a.hscontact_id, ''), c.contact_id)") }},
            {{ named('genius.prospect', "coalesce(nullif(genius_prospect_id, ''), prospect_id)") }}
        ]
    from {{ ref('stg_hubspot__appointments') }} as a
    -- A couple's appointment names two contacts, and makes no one person of them.
    left join (
        select
            case when from_object_type = 'contacts' then to_id else from_id end as appointment_id,
            min(case when from_object_type = 'contacts' then from_id else to_id end) as contact_id
        from {{ ref('stg_hubspot__associations') }}
        where (from_object_type, to_object_type) in (('contacts', 'appointments'), ('appointments', 'contacts'))
        group by 1
        having count(distinct case when from_object_type = 'contacts' then from_id else to_id end) = 1
    ) as c on c.appointment_id = a.id
    where archived is not true

    union all
    select
        'marketsharp', 'contacts', c.id,
        c.first_name, c.last_name,
        array[c.email1_normal, c.email2_normal, c.email3_normal],
        array[p.cell_phone_e164, p.home_phone_e164, p.work_phone_e164, p.other_phone_e164, p.cell_phone2_e164, p.home_phone2_e164],
        a.line1, a.line2, a.city, a.state_normal, a.zip_normal, null,
        coalesce(c.creation_date, c.created_date, c.last_update), coalesce(c.last_update, c.creation_date),
        array['marketsharp.contact:' || lower(c.id)]
    from {{ ref('stg_marketsharp__contacts') }} as c
    left join {{ ref('stg_marketsharp__contact_phones') }} as p on p.contact_id = c.id
    left join {{ ref('stg_marketsharp__addresses') }} as a on a.id = c.primary_address_id

    union all
    select
        'salesrabbit', 'leads', id::text,
        first_name, last_name,
        array[email_normal], array[phone_primary_e164, phone_alternate_e164],
        street1, street2, city, state_normal, zip_normal, null,
        date_created, coalesce(date_modified, date_created),
        array['salesrabbit.lead:' || id]
    from {{ ref('stg_salesrabbit__leads') }}
    where deleted_at is null

    union all
    -- A customer has neither phone nor e-mail; the address stands in the estimate.
    select
        'salespro', 'customers', c.customer_id,
        c.customer_first_name, c.customer_last_name,
        array[null::text], array[null::text],
        e.street_address, null, e.city, e.state_normal, e.zip_code_normal, null,
        c.created_at, coalesce(c.updated_at, c.created_at),
        array[
            'salespro.customer:' || c.customer_id,
            case
                when lower(c.crm_source) = 'hubspot' then {{ named('hubspot.contact', 'c.crm_source_id') }}
                when lower(c.crm_source) = 'genius' then {{ named('genius.prospect', 'c.crm_source_id') }}
                when lower(c.crm_source) = 'marketsharp' then {{ named('marketsharp.contact', 'lower(c.crm_source_id)') }}
            end
        ]
    from {{ ref('stg_salespro__customers') }} as c
    left join (
        select distinct on (customer_id) *
        from {{ ref('stg_salespro__estimates') }} order by customer_id, updated_at desc nulls last, estimate_id
    ) as e on e.customer_id = c.customer_id

    union all
    select
        'arrivy', 'customers', id,
        first_name, last_name,
        array[email_normal], array[phone_e164, mobile_number_e164],
        address_line_1, address_line_2, city, state_normal, zipcode_normal, null,
        null, null,
        array['arrivy.customer:' || id]
    from {{ ref('stg_arrivy__customers') }}

    union all
    select
        'arrivy', 'tasks', id,
        coalesce(customer_first_name, first_name), coalesce(customer_last_name, last_name),
        array[customer_email_normal, email_normal],
        array[customer_phone_e164, customer_mobile_number_e164, mobile_number_e164],
        coalesce(customer_address_line_1, address), customer_address_line_2,
        coalesce(customer_city, city), coalesce(customer_state_normal, state_normal),
        coalesce(customer_zipcode_normal, zipcode_normal), null,
        coalesce(created, created_on), coalesce(updated, created),
        array['arrivy.task:' || id, {{ named('arrivy.customer', 'customer_id') }}]
    from {{ ref('stg_arrivy__tasks') }}

    union all
    select
        'five9', 'contacts', number1 || '/' || list_name,
        first_name, last_name,
        array[email_normal], array[number1_e164, number2_e164, number3_e164],
        street, null, city, state_normal, zip_normal, null,
        sys_created_date, coalesce(modified_at, sys_created_date),
        array[{{ named('hubspot.contact', 'hub_spot_contact_id') }}]
    from {{ ref('stg_five9__contacts') }}

    union all
    select
        'leadconduit', 'leads', lead_id,
        first_name, last_name,
        array[email_normal], array[phone_e164],
        address, null, city, state_normal, zip_code_normal, null,
        submitted_utc, submitted_utc,
        array['leadconduit.lead:' || lead_id, {{ named('salesrabbit.lead', 'salesrabbit_lead_id_hge') }}]
    from {{ ref('stg_leadconduit__leads') }}

    union all
    select
        'gsheet', 'marketing_leads', id,
        first_name, last_name,
        array[email_address_normal], array[phone_number_e164],
        null, null, null, null, form_submit_zipcode_normal, null,
        created_at, coalesce(sheet_last_modified, created_at),
        array['gsheet.marketing_lead:' || id]
    from {{ ref('stg_gsheet__marketing_leads') }}

    union all
    select
        'callrail', 'form_submissions', id,
        split_part(btrim(customer_name), ' ', 1), nullif(substr(btrim(customer_name), length(split_part(btrim(customer_name), ' ', 1)) + 2), ''),
        array[customer_email_normal, person_email_normal], array[customer_phone_number_e164],
        null, null, null, null, null, null,
        submitted_at, submitted_at,
        array['callrail.form_submission:' || id]
    from {{ ref('stg_callrail__form_submissions') }}
)

select
    crm_source || '.' || stream || ':' || record_id as record_key,
    hashtextextended(crm_source || '.' || stream || ':' || record_id, 0) as record_number,
    crm_source,
    stream,
    record_id,
    nullif(btrim(first_name), '') as first_name,
    nullif(btrim(last_name), '') as last_name,
    -- First letter and last name: what has to agree beside an e-mail address or a number.
    left(core.name_normal(first_name), 1) || '|' || core.name_normal(last_name) as name_key,
    {{ distinct_values('emails') }} as emails,
    {{ distinct_values('phones') }} as phones,
    emails[1] as email,
    phones[1] as phone,
    nullif(btrim(address1), '') as address1,
    nullif(btrim(address2), '') as address2,
    nullif(btrim(city), '') as city,
    state,
    zip,
    core.street_normal(address1) || coalesce(' ' || core.street_normal(address2), '') || '|' || zip as address_key,
    division_ref as division_id,
    created_at,
    updated_at,
    array_remove(ids, null) as ids
from records
