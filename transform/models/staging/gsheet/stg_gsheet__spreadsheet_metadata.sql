-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['spreadsheet_id']) }}
{{ staging('gsheet', 'spreadsheet_metadata', {
    'spreadsheet_id': 'text',
    'title': 'text',
    'locale': 'text',
    'time_zone': 'text',
    'url': 'text',
    'name': 'text',
    'created_time': 'timestamptz',
    'modified_time': 'timestamptz',
    'version': 'text',
}) }}
