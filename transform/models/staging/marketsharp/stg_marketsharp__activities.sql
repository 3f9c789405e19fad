-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'activities', {
    'id': 'text',
    'contact_id': 'text',
    'name': 'text',
    'type': 'text',
    'completed_date': 'timestamptz',
    'due_date': 'timestamptz',
    'reminder_minutes': 'bigint',
    'notes': 'text',
    'appointment_id': 'text',
    'assign_to_employee_id': 'text',
    'scheduled_by_employee_id': 'text',
    'reminder_dismissed': 'boolean',
    'is_active': 'boolean',
    'last_updated_by': 'text',
    'last_update': 'timestamptz',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'inquiry_id': 'text',
    'activity_result_id': 'bigint',
    'activity_reference_id': 'bigint',
}) }}
