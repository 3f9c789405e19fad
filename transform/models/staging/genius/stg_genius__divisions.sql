-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'divisions', {
    'id': 'bigint',
    'group_id': 'bigint',
    'region_id': 'bigint',
    'label': 'text',
    'abbreviation': 'text',
    'is_utility': 'boolean',
    'is_corp': 'boolean',
    'is_omniscient': 'boolean',
    'is_inactive': 'bigint',
    'account_scheduler_id': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
