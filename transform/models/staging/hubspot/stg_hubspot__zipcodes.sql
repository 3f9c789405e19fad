-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['zipcode']) }}
{{ staging('hubspot', 'zipcodes', {
    'zipcode': 'text',
    'division': 'text',
    'city': 'text',
    'county': 'text',
    'state': 'text',
},
    states=["state"],
    zips=["zipcode"]) }}
