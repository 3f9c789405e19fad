-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('hubspot', 'owners', {
    'id': 'text',
    'email': 'text',
    'type': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'user_id': 'bigint',
    'user_id_including_inactive': 'bigint',
    'teams': 'jsonb',
    'archived': 'boolean',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
},
    emails=["email"]) }}
