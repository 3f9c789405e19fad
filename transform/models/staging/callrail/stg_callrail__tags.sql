-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('callrail', 'tags', {
    'account_id': 'text',
    'id': 'bigint',
    'name': 'text',
    'tag_level': 'text',
    'color': 'text',
    'background_color': 'text',
    'company_id': 'text',
    'status': 'text',
    'created_at': 'timestamptz',
}) }}
