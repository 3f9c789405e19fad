-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['from_object_type', 'to_object_type', 'type_id']) }}
{{ staging('hubspot', 'association_labels', {
    'from_object_type': 'text',
    'to_object_type': 'text',
    'type_id': 'bigint',
    'category': 'text',
    'label': 'text',
}) }}
