-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['leap_credit_app_id']) }}
{{ staging('salespro', 'credit_applications', {
    'leap_credit_app_id': 'text',
    'company_id': 'text',
    'company_name': 'text',
    'sales_rep_id': 'text',
    'customer_id': 'text',
    'credit_app_vendor': 'text',
    'credit_app_vendor_id': 'text',
    'credit_app_amount': 'numeric',
    'credit_app_status': 'text',
    'credit_app_note': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
