-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['name']) }}
{{ staging('five9', 'contact_lists', {
    'name': 'text',
    'size': 'bigint',
}) }}
