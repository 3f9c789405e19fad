-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'lead_paint_workers', {
    'id': 'text',
    'address': 'text',
    'city': 'text',
    'email': 'text',
    'firm_id': 'text',
    'first_name': 'text',
    'is_active': 'boolean',
    'last_name': 'text',
    'phone': 'text',
    'state': 'text',
    'zip': 'text',
},
    phones=["phone"],
    emails=["email"],
    states=["state"],
    zips=["zip"]) }}
