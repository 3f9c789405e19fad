-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['object_type', 'pipeline_id', 'id']) }}
{{ staging('hubspot', 'pipeline_stages', {
    'object_type': 'text',
    'pipeline_id': 'text',
    'id': 'text',
    'label': 'text',
    'display_order': 'bigint',
    'probability': 'numeric',
    'is_closed': 'boolean',
    'metadata': 'jsonb',
    'archived': 'boolean',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
