-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['instance_id']) }}
{{ staging('leadconduit', 'destinations', {
    'instance_id': 'text',
    'name': 'text',
    'integration_name': 'text',
    'integration_icon_url': 'text',
    'actions': 'jsonb',
    'flow_usages': 'jsonb',
}) }}
