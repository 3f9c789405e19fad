-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('salesrabbit', 'lead_statuses', {
    'id': 'bigint',
    'name': 'text',
    'abbreviation': 'text',
}) }}
