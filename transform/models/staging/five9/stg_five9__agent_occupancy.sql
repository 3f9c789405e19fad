-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['agent', 'date']) }}
{{ staging('five9', 'agent_occupancy', {
    'agent': 'text',
    'agent_first_name': 'text',
    'agent_last_name': 'text',
    'date': 'timestamptz',
    'login_time': 'text',
    'not_ready_time': 'text',
    'wait_time': 'text',
    'ringing_time': 'text',
    'on_call_time': 'text',
    'on_voicemail_time': 'text',
    'on_acw_time': 'text',
    'available_time__login_less_not_ready_': 'text',
    'occupancy__login_less_wait_': 'text',
    'utilization__login_less_wait_and_not_ready_': 'text',
}) }}
