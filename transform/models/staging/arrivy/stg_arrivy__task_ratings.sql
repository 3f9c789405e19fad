-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('arrivy', 'task_ratings', {
    'id': 'text',
    'task_id': 'text',
    'rating': 'numeric',
    'text': 'text',
    'time': 'timestamptz',
    'time_original_iso_str': 'text',
    'customer_first_name': 'text',
    'customer_last_name': 'text',
    'customer_city': 'text',
    'customer_state': 'text',
    'customer_country': 'text',
},
    states=["customer_state"]) }}
