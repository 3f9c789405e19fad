-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'prospect_sources', {
    'id': 'bigint',
    'prospect_id': 'bigint',
    'marketing_source_id': 'bigint',
    'source_date': 'timestamptz',
    'notes': 'text',
    'add_user_id': 'bigint',
    'add_date': 'timestamptz',
    'updated_at': 'timestamptz',
    'source_user_id': 'bigint',
}) }}
