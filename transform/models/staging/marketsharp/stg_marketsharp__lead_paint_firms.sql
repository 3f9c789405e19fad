-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'lead_paint_firms', {
    'id': 'text',
    'address': 'text',
    'certification_number': 'text',
    'city': 'text',
    'email': 'text',
    'is_active': 'boolean',
    'name': 'text',
    'phone': 'text',
    'state': 'text',
    'zip': 'text',
},
    phones=["phone"],
    emails=["email"],
    states=["state"],
    zips=["zip"]) }}
