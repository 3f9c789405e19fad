-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'custom_fields', {
    'id': 'text',
    'name': 'text',
    'value': 'text',
    'contact_id': 'text',
}) }}
