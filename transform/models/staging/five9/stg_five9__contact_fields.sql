-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['name']) }}
{{ staging('five9', 'contact_fields', {
    'name': 'text',
    'display_as': 'text',
    'map_to': 'text',
    'type': 'text',
    'system': 'boolean',
    'restrictions': 'jsonb',
}) }}
