-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'addresses', {
    'id': 'text',
    'contact_id': 'text',
    'line1': 'text',
    'line2': 'text',
    'city': 'text',
    'state': 'text',
    'county': 'text',
    'zip': 'text',
    'country': 'text',
    'carrier_route': 'text',
    'cass': 'text',
    'latitude': 'numeric',
    'longitude': 'numeric',
    'zip4': 'text',
    'dpbc2': 'text',
    'bar_code': 'text',
    'is_active': 'boolean',
},
    states=["state"],
    zips=["zip"]) }}
