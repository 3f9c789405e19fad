-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('hubspot', 'tickets', {
    'id': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
    'archived': 'boolean',
    'archived_at': 'timestamptz',
    'merged_into': 'text',
    'removal_reason': 'text',
    'properties': 'jsonb',
    'subject': 'text',
    'content': 'text',
    'hs_pipeline': 'text',
    'hs_pipeline_stage': 'text',
    'hs_ticket_priority': 'text',
    'hs_ticket_category': 'text',
    'createdate': 'timestamptz',
    'hs_lastmodifieddate': 'timestamptz',
    'hs_object_id': 'text',
}) }}
