-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'product_details', {
    'id': 'text',
    'product_type_id': 'text',
    'name': 'text',
    'is_active': 'boolean',
    'company_id': 'bigint',
}) }}
