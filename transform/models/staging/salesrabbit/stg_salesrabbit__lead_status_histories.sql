-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['lead_id', 'id', 'status_updated']) }}
{{ staging('salesrabbit', 'lead_status_histories', {
    'id': 'bigint',
    'lead_id': 'bigint',
    'name': 'text',
    'abbreviation': 'text',
    'active': 'boolean',
    'changed_by_user_id': 'text',
    'status_updated': 'timestamptz',
    'lead_created': 'timestamptz',
    'lead_modified': 'timestamptz',
}) }}
