-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('marketsharp', 'surveys', {
    'id': 'text',
    'created_by': 'text',
    'created_date': 'timestamptz',
    'installation_crew_rating': 'text',
    'is_active': 'boolean',
    'job_id': 'text',
    'last_update': 'timestamptz',
    'last_update_by': 'text',
    'office_staff_rating': 'text',
    'other_estimates': 'text',
    'overall_satisfaction': 'text',
    'purchase_reason': 'text',
    'sales_rep_rating': 'text',
    'value_of_home': 'text',
    'would_refer_others': 'text',
}) }}
