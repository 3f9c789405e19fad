-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['object_type', 'id']) }}
{{ staging('hubspot', 'pipelines', {
    'object_type': 'text',
    'id': 'text',
    'label': 'text',
    'display_order': 'bigint',
    'stages': 'jsonb',
    'archived': 'boolean',
    'archived_at': 'timestamptz',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
