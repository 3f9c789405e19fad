-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'employees', {
    'id': 'text',
    'name': 'text',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'created_date': 'timestamptz',
    'company_id': 'bigint',
}) }}
