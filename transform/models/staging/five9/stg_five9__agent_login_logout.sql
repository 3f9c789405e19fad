-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['agent', 'date']) }}
{{ staging('five9', 'agent_login_logout', {
    'agent': 'text',
    'date': 'timestamptz',
    'agent_first_name': 'text',
    'agent_last_name': 'text',
    'login_timestamp': 'timestamptz',
    'logout_timestamp': 'timestamptz',
    'login_time': 'text',
}) }}
