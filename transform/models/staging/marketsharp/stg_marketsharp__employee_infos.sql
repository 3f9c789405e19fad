-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'employee_infos', {
    'id': 'text',
    'email_address': 'text',
    'employee_id': 'text',
    'user_name': 'text',
},
    emails=["email_address"]) }}
