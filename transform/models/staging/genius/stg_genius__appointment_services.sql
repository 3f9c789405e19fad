-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['appointment_id', 'service_id']) }}
{{ staging('genius', 'appointment_services', {
    'appointment_id': 'bigint',
    'service_id': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
