-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'job_change_order_statuses', {
    'id': 'bigint',
    'label': 'text',
    'is_selectable': 'bigint',
}) }}
