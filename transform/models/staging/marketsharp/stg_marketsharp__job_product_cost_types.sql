-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'job_product_cost_types', {
    'id': 'text',
    'code': 'text',
    'company_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'type': 'text',
}) }}
