-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['contact_id']) }}
{{ staging('marketsharp', 'contact_phones', {
    'contact_id': 'text',
    'assistant_phone': 'text',
    'work_fax': 'text',
    'cell_phone': 'text',
    'company_phone': 'text',
    'home_phone2': 'text',
    'home_fax': 'text',
    'pager': 'text',
    'work_phone2': 'text',
    'company_fax': 'text',
    'home_phone': 'text',
    'work_phone': 'text',
    'other_phone': 'text',
    'cell_phone2': 'text',
    'other_phone2': 'text',
},
    phones=["assistant_phone", "work_fax", "cell_phone", "company_phone", "home_phone2", "home_fax", "work_phone2", "company_fax", "home_phone", "work_phone", "other_phone", "cell_phone2", "other_phone2"]) }}
