-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'csv_users', {
    'id': 'bigint',
    'first_name': 'text',
    'first_name_alt': 'text',
    'last_name': 'text',
    'email': 'text',
    'personal_email': 'text',
    'birth_date': 'date',
    'gender_id': 'bigint',
    'marital_status_id': 'bigint',
    'time_zone_name': 'text',
    'title_id': 'bigint',
    'manager_user_id': 'bigint',
    'hired_on': 'timestamptz',
    'start_date': 'timestamptz',
    'add_user_id': 'bigint',
    'add_datetime': 'timestamptz',
    'division_id': 'bigint',
},
    emails=["email", "personal_email"]) }}
