-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'lead_paints', {
    'id': 'text',
    'child_occupied': 'bigint',
    'company_id': 'text',
    'has_lead_paint': 'bigint',
    'housing_type': 'bigint',
    'inquiry_id': 'text',
    'is_active': 'boolean',
    'job_id': 'text',
    'pre1978': 'bigint',
    'year_built': 'text',
}) }}
