-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'activity_results', {
    'id': 'bigint',
    'company_id': 'bigint',
    'name': 'text',
    'email_success': 'boolean',
    'email_failure': 'boolean',
    'confirmed': 'boolean',
    'is_active': 'boolean',
    'last_update_by': 'text',
    'last_update': 'timestamptz',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'count_as_appt_confirmed': 'boolean',
    'count_as_appt_created': 'boolean',
    'count_as_contacted': 'boolean',
}) }}
