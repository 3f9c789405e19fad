-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'user_associations', {
    'id': 'bigint',
    'primary_user_id': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
