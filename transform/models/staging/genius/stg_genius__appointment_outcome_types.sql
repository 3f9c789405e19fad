-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'appointment_outcome_types', {
    'id': 'bigint',
    'label': 'text',
    'sort_idx': 'bigint',
    'is_active': 'boolean',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
