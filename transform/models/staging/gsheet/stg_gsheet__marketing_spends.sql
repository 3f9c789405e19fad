-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['sheet_row_number']) }}
{{ staging('gsheet', 'marketing_spends', {
    'sheet_row_number': 'bigint',
    'sheet_last_modified': 'timestamptz',
    'spend_date': 'date',
    'cost': 'numeric',
    'division': 'text',
    'channel': 'text',
    'campaign': 'text',
    'campaign_id': 'text',
    'campaign_type': 'text',
    'event_start_date': 'date',
    'event_end_date': 'date',
    'event_fee': 'numeric',
    'event_labor_cost': 'numeric',
    'raw_data': 'jsonb',
}) }}
