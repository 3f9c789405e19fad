-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'lead_paint_attachments', {
    'id': 'text',
    'attachment_file_name': 'text',
    'attachment_path': 'text',
    'company_id': 'text',
    'date': 'timestamptz',
    'description': 'text',
    'is_active': 'boolean',
    'lead_paint_id': 'text',
    'type': 'bigint',
}) }}
