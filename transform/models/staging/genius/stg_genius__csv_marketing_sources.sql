-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'csv_marketing_sources', {
    'id': 'bigint',
    'type_id': 'bigint',
    'division_id': 'bigint',
    'label': 'text',
    'description': 'text',
    'start_date': 'date',
    'end_date': 'date',
    'add_user_id': 'bigint',
    'add_date': 'timestamptz',
    'is_active': 'boolean',
    'is_allow_lead_modification': 'boolean',
}) }}
