-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['from_object_type', 'from_id', 'to_object_type', 'to_id', 'association_type_id']) }}
{{ staging('hubspot', 'associations', {
    'from_object_type': 'text',
    'from_id': 'text',
    'to_object_type': 'text',
    'to_id': 'text',
    'association_type_id': 'bigint',
    'association_category': 'text',
    'association_label': 'text',
}) }}
