-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('salespro', 'appointments', {
    'id': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
    'is_sale': 'boolean',
    'result_full_string': 'text',
    'customer_last_name': 'text',
    'customer_first_name': 'text',
    'customer_estimate_name': 'text',
    'salesrep_email': 'text',
    'salesrep_first_name': 'text',
    'salesrep_last_name': 'text',
    'sale_amount': 'numeric',
},
    emails=["salesrep_email"]) }}
