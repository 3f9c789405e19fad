-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('arrivy', 'statuses', {
    'id': 'text',
    'name': 'text',
    'title': 'text',
    'description': 'text',
    'is_active': 'boolean',
    'type_id': 'text',
    'status_type': 'text',
    'order': 'bigint',
    'visible_to_customer': 'boolean',
    'require_signature': 'boolean',
    'require_rating': 'boolean',
    'color': 'text',
    'created': 'timestamptz',
    'updated': 'timestamptz',
}) }}
