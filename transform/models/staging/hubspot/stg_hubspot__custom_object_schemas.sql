-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['object_type_id']) }}
{{ staging('hubspot', 'custom_object_schemas', {
    'object_type_id': 'text',
    'id': 'text',
    'name': 'text',
    'fully_qualified_name': 'text',
    'labels': 'jsonb',
    'description': 'text',
    'primary_display_property': 'text',
    'required_properties': 'jsonb',
    'searchable_properties': 'jsonb',
    'associations': 'jsonb',
    'archived': 'boolean',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
