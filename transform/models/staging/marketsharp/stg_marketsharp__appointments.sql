-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'appointments', {
    'id': 'text',
    'inquiry_id': 'text',
    'salesperson1_id': 'text',
    'salesperson2_id': 'text',
    'set_by_id': 'text',
    'result_id': 'text',
    'last_update_by': 'text',
    'created_by': 'text',
    'appointment_date': 'timestamptz',
    'set_date': 'timestamptz',
    'issued_date': 'timestamptz',
    'note': 'text',
    'subject': 'text',
    'type': 'text',
    'result_reason': 'text',
    'is_active': 'boolean',
    'last_update': 'timestamptz',
    'created_date': 'timestamptz',
}) }}
