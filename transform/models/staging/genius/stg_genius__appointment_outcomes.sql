-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'appointment_outcomes', {
    'id': 'bigint',
    'type_id': 'bigint',
    'label': 'text',
    'is_active': 'boolean',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
