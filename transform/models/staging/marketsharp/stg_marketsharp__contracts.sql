-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'contracts', {
    'id': 'text',
    'balance_due': 'numeric',
    'cash_total': 'numeric',
    'completed_date': 'timestamptz',
    'contract_date': 'timestamptz',
    'finance_total': 'numeric',
    'gross': 'numeric',
    'gross_percent': 'numeric',
    'is_active': 'boolean',
    'job_id': 'text',
    'payment_type': 'text',
    'status': 'text',
    'total_contract': 'numeric',
}) }}
