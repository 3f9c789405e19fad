-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'activity_references', {
    'id': 'bigint',
    'company_id': 'bigint',
    'name': 'text',
    'inquiry_required': 'boolean',
    'appointment_required': 'boolean',
    'is_active': 'boolean',
    'created_by': 'text',
    'created_date_utc': 'timestamptz',
    'last_update_by': 'text',
    'last_update_utc': 'timestamptz',
}) }}
