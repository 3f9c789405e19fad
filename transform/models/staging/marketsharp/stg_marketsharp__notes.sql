-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'notes', {
    'id': 'text',
    'contact_id': 'text',
    'contact_type': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'date_time': 'timestamptz',
    'employee_id': 'text',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'note': 'text',
}) }}
