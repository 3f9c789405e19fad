-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'appointment_types', {
    'id': 'bigint',
    'label': 'text',
    'is_active': 'boolean',
}) }}
