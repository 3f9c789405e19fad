-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('callrail', 'companies', {
    'account_id': 'text',
    'id': 'text',
    'name': 'text',
    'status': 'text',
    'time_zone': 'text',
    'created_at': 'timestamptz',
    'disabled_at': 'timestamptz',
    'dni_active': 'boolean',
    'script_url': 'text',
    'callscore_enabled': 'boolean',
    'lead_scoring_enabled': 'boolean',
    'callscribe_enabled': 'boolean',
    'keyword_spotting_enabled': 'boolean',
    'form_capture': 'boolean',
    'swap_exclude_jquery': 'boolean',
    'swap_ppc_override': 'boolean',
    'swap_landing_override': 'text',
    'swap_cookie_duration': 'bigint',
    'swap_cookie_duration_unit': 'text',
    'verified_caller_ids': 'jsonb',
}) }}
