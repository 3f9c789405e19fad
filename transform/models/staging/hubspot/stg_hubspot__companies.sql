-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('hubspot', 'companies', {
    'id': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
    'archived': 'boolean',
    'archived_at': 'timestamptz',
    'merged_into': 'text',
    'removal_reason': 'text',
    'properties': 'jsonb',
    'name': 'text',
    'domain': 'text',
    'createdate': 'timestamptz',
    'hs_lastmodifieddate': 'timestamptz',
    'hs_object_id': 'text',
}) }}
