-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'csv_marketing_source_types', {
    'id': 'bigint',
    'label': 'text',
    'description': 'text',
    'is_active': 'boolean',
    'list_order': 'bigint',
}) }}
