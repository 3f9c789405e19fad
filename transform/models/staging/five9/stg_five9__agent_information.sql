-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['agent_id']) }}
{{ staging('five9', 'agent_information', {
    'agent_id': 'bigint',
    'agent': 'text',
    'agent_first_name': 'text',
    'agent_last_name': 'text',
    'agent_name': 'text',
    'extension': 'text',
    'agent_email': 'text',
    'agent_start_month': 'text',
    'agent_start_year': 'bigint',
    'enabled_for_video': 'boolean',
},
    emails=["agent_email"]) }}
