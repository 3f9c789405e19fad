-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'job_product_details', {
    'id': 'text',
    'definable1': 'text',
    'definable2': 'text',
    'definable3': 'text',
    'is_active': 'boolean',
    'job_product_id': 'text',
    'note': 'text',
    'price': 'numeric',
    'product_detail_id': 'text',
    'quantity': 'text',
    'unit': 'text',
}) }}
