-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'work_crews', {
    'id': 'text',
    'company_id': 'text',
    'is_active': 'boolean',
    'name': 'text',
}) }}
