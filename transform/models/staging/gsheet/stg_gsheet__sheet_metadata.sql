-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['spreadsheet_id', 'sheet_id']) }}
{{ staging('gsheet', 'sheet_metadata', {
    'spreadsheet_id': 'text',
    'sheet_id': 'bigint',
    'title': 'text',
    'index': 'bigint',
    'sheet_type': 'text',
    'hidden': 'boolean',
    'row_count': 'bigint',
    'column_count': 'bigint',
    'frozen_row_count': 'bigint',
}) }}
