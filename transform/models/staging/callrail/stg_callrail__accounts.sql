-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('callrail', 'accounts', {
    'id': 'text',
    'name': 'text',
    'numeric_id': 'bigint',
    'outbound_recording_enabled': 'boolean',
    'hipaa_account': 'boolean',
    'inbound_recording_enabled': 'boolean',
    'created_at': 'timestamptz',
    'brand_status': 'text',
}) }}
