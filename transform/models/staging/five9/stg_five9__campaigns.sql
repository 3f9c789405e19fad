-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['name']) }}
{{ staging('five9', 'campaigns', {
    'name': 'text',
    'description': 'text',
    'mode': 'text',
    'profile_name': 'text',
    'state': 'text',
    'type': 'text',
    'training_mode': 'boolean',
}) }}
