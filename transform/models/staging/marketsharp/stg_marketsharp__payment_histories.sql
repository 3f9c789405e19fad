-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'payment_histories', {
    'id': 'text',
    'company_id': 'text',
    'contract_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'payment_amount': 'numeric',
    'payment_applies_to': 'text',
    'payment_date': 'timestamptz',
    'payment_description': 'text',
    'payment_method': 'text',
    'payment_type': 'text',
}) }}
