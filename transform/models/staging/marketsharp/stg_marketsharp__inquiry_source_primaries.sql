-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'inquiry_source_primaries', {
    'id': 'text',
    'name': 'text',
    'is_active': 'boolean',
    'company_id': 'bigint',
}) }}
