-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'job_product_commission_payments', {
    'id': 'text',
    'company_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'is_active': 'boolean',
    'job_product_commission_id': 'text',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'payment_amount': 'numeric',
    'payment_date': 'timestamptz',
    'payment_description': 'text',
    'payment_note': 'text',
}) }}
