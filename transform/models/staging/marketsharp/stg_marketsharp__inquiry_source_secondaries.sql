-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'inquiry_source_secondaries', {
    'id': 'text',
    'inquiry_source_primary_id': 'text',
    'name': 'text',
    'is_active': 'boolean',
    'company_id': 'bigint',
}) }}
