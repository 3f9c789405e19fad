-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('arrivy', 'resources', {
    'id': 'text',
    'type': 'text',
    'owner': 'text',
    'name': 'text',
    'details': 'text',
    'extra_fields': 'jsonb',
    'image_id': 'text',
    'image_path': 'text',
    'external_id': 'text',
}) }}
