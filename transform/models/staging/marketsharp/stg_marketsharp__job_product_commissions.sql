-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'job_product_commissions', {
    'id': 'text',
    'adjustment_amount': 'numeric',
    'adjustment_description': 'text',
    'commission_amount': 'numeric',
    'company_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'is_active': 'boolean',
    'job_product_id': 'text',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'salesperson_id': 'text',
}) }}
