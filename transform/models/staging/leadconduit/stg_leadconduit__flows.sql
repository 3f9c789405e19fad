-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('leadconduit', 'flows', {
    'id': 'text',
    'name': 'text',
    'enabled': 'boolean',
    'fields': 'jsonb',
    'sources': 'jsonb',
    'steps': 'jsonb',
    'destinations': 'jsonb',
    'caps': 'jsonb',
    'acceptance_criteria': 'jsonb',
    'pricing': 'jsonb',
    'list_checks': 'jsonb',
    'ping_enabled': 'boolean',
    'ping_limits': 'jsonb',
    'pricing_service': 'jsonb',
    'firehose': 'jsonb',
    'errors': 'jsonb',
    'level': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
