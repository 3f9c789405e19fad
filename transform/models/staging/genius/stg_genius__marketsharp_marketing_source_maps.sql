-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['marketsharp_id']) }}
{{ staging('genius', 'marketsharp_marketing_source_maps', {
    'marketsharp_id': 'text',
    'marketing_source_id': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
