-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('arrivy', 'crews', {
    'id': 'text',
    'name': 'text',
    'entities_data': 'jsonb',
    'entity_ids': 'jsonb',
}) }}
