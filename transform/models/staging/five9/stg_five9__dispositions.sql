-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['name']) }}
{{ staging('five9', 'dispositions', {
    'name': 'text',
    'description': 'text',
    'type': 'text',
    'agent_must_complete_worksheet': 'boolean',
    'agent_must_confirm': 'boolean',
    'reset_attempts_counter': 'boolean',
    'send_email_notification': 'boolean',
    'send_im_notification': 'boolean',
    'track_as_first_call_resolution': 'boolean',
    'type_parameters': 'jsonb',
}) }}
