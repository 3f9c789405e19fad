-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'division_regions', {
    'id': 'bigint',
    'name': 'text',
    'is_active': 'boolean',
}) }}
