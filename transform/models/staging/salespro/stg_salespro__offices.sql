-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['office_id']) }}
{{ staging('salespro', 'offices', {
    'office_id': 'text',
    'name': 'text',
    'company_id': 'text',
    'company_name': 'text',
    'can_search_all_estimates': 'boolean',
    'last_edit_user': 'text',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
    'last_edit_date': 'timestamptz',
}) }}
