-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'quotes', {
    'id': 'bigint',
    'prospect_id': 'bigint',
    'appointment_id': 'bigint',
    'job_id': 'bigint',
    'client_cid': 'bigint',
    'service_id': 'bigint',
    'label': 'text',
    'description': 'text',
    'amount': 'numeric',
    'expire_date': 'date',
    'status_id': 'bigint',
    'contract_file_id': 'bigint',
    'estimate_file_id': 'bigint',
    'add_user_id': 'bigint',
    'add_date': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
