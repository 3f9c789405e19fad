-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'future_interests', {
    'id': 'text',
    'contact_id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'interest_date': 'timestamptz',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'product_detail_id': 'text',
    'product_type_id': 'text',
}) }}
