-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'marketsharp_sources', {
    'id': 'bigint',
    'marketsharp_id': 'text',
    'source_name': 'text',
    'inactive': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
