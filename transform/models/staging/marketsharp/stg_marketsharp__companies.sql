-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'companies', {
    'id': 'bigint',
    'number': 'bigint',
    'name': 'text',
    'owner': 'text',
    'address_line1': 'text',
    'address_line2': 'text',
    'address_city': 'text',
    'address_state': 'text',
    'address_zip': 'text',
    'email': 'text',
    'website': 'text',
    'contact_name': 'text',
    'contact_title': 'text',
    'phone': 'text',
    'fax': 'text',
    'time_zone': 'text',
},
    phones=["phone", "fax"],
    emails=["email"],
    states=["address_state"],
    zips=["address_zip"]) }}
