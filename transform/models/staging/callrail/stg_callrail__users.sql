-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('callrail', 'users', {
    'account_id': 'text',
    'id': 'text',
    'email': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'name': 'text',
    'role': 'text',
    'accepted': 'boolean',
    'created_at': 'timestamptz',
    'companies': 'jsonb',
    'permissions': 'jsonb',
    'is_active': 'boolean',
},
    emails=["email"]) }}
