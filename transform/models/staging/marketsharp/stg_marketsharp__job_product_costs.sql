-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'job_product_costs', {
    'id': 'text',
    'amount': 'numeric',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'date': 'timestamptz',
    'description': 'text',
    'is_active': 'boolean',
    'job_product_cost_id': 'text',
    'job_product_id': 'text',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'paid_to': 'text',
}) }}
