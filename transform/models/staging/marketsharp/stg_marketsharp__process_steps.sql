-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'process_steps', {
    'id': 'text',
    'actual_end_date': 'timestamptz',
    'actual_start_date': 'timestamptz',
    'assigned_employee_id': 'text',
    'company_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'description': 'text',
    'expected_end_date': 'timestamptz',
    'expected_start_date': 'timestamptz',
    'is_active': 'boolean',
    'job_product_id': 'text',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'note': 'text',
    'step_order': 'bigint',
}) }}
