-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'services', {
    'id': 'bigint',
    'label': 'text',
    'is_active': 'boolean',
    'is_lead_required': 'boolean',
    'order_number': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
