-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'job_change_order_items', {
    'id': 'bigint',
    'change_order_id': 'bigint',
    'description': 'text',
    'amount': 'numeric',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
