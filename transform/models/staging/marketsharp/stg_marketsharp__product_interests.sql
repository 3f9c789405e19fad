-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'product_interests', {
    'id': 'text',
    'inquiry_id': 'text',
    'product_type_id': 'text',
    'product_detail_id': 'text',
    'price_quoted': 'numeric',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
}) }}
