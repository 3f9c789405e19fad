-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'service_orders', {
    'id': 'text',
    'amount_paid': 'numeric',
    'completed_date': 'timestamptz',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'is_active': 'boolean',
    'is_billable': 'boolean',
    'is_warranty': 'boolean',
    'job_product_id': 'text',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'request_date': 'timestamptz',
    'service_amount': 'numeric',
    'service_date': 'timestamptz',
    'service_note': 'text',
    'service_type': 'text',
    'status': 'text',
    'technician_employee_id': 'text',
    'technician_note': 'text',
}) }}
