-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'integration_fields', {
    'id': 'bigint',
    'definition_id': 'bigint',
    'user_id': 'bigint',
    'division_id': 'bigint',
    'field_value': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
