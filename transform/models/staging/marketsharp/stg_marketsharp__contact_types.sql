-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'contact_types', {
    'id': 'text',
    'contact_id': 'text',
    'contact_type': 'text',
    'is_active': 'boolean',
}) }}
