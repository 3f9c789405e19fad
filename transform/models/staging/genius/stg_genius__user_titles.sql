-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'user_titles', {
    'id': 'bigint',
    'title': 'text',
    'abbreviation': 'text',
    'roles': 'text',
    'type_id': 'bigint',
    'section_id': 'bigint',
    'sort': 'bigint',
    'pay_component_group_id': 'bigint',
    'is_active': 'boolean',
    'is_unique_per_division': 'boolean',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
