-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'inquiry_statuses', {
    'id': 'bigint',
    'company_id': 'bigint',
    'name': 'text',
    'is_active': 'boolean',
    'last_update_by': 'text',
    'last_update_utc': 'timestamptz',
    'created_by': 'text',
    'created_date_utc': 'timestamptz',
}) }}
