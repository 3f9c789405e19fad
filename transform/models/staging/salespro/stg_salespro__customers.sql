-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['customer_id']) }}
{{ staging('salespro', 'customers', {
    'customer_id': 'text',
    'estimate_id': 'text',
    'company_id': 'text',
    'company_name': 'text',
    'customer_first_name': 'text',
    'customer_last_name': 'text',
    'crm_source': 'text',
    'crm_source_id': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
