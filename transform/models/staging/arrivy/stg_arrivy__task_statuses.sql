-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('arrivy', 'task_statuses', {
    'id': 'text',
    'task_id': 'text',
    'type': 'text',
    'title': 'text',
    'time': 'timestamptz',
    'time_original_iso_str': 'text',
    'reporter_id': 'text',
    'reporter_name': 'text',
    'source': 'text',
    'extra_fields': 'jsonb',
    'current_destination': 'jsonb',
    'type_title': 'text',
    'color': 'text',
    'files': 'jsonb',
    'visible_to_customer': 'boolean',
}) }}
