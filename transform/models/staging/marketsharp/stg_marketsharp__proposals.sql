-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'proposals', {
    'id': 'text',
    'appointment_id': 'text',
    'company_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'date': 'timestamptz',
    'date_delivered': 'timestamptz',
    'discounted_price': 'numeric',
    'discount_offered': 'numeric',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'note': 'text',
    'price_quoted': 'numeric',
    'sent': 'boolean',
    'status': 'text',
}) }}
