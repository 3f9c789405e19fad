-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'appointment_results', {
    'id': 'text',
    'name': 'text',
    'presentation': 'boolean',
    'sold': 'boolean',
    'is_active': 'boolean',
}) }}
