-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'lead_paint_to_renovators', {
    'id': 'text',
    'lead_paint_id': 'text',
    'renovator_id': 'text',
}) }}
