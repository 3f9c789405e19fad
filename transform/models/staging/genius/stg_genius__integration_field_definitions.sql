-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'integration_field_definitions', {
    'id': 'bigint',
    'integration_id': 'bigint',
    'label': 'text',
    'key_name': 'text',
    'is_user': 'boolean',
    'is_division': 'boolean',
    'hint': 'text',
    'input_type': 'text',
}) }}
