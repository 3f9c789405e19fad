-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'loans', {
    'id': 'text',
    'contract_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'financed_by': 'text',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'loan_approved_date': 'timestamptz',
    'loan_credit_score': 'text',
    'loan_number': 'text',
    'loan_rate': 'text',
    'loan_status': 'text',
    'loan_term': 'text',
    'loan_type': 'text',
    'notes': 'text',
}) }}
