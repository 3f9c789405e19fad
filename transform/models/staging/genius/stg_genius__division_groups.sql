-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('genius', 'division_groups', {
    'id': 'bigint',
    'group_label': 'text',
    'region': 'bigint',
    'default_time_zone_name': 'text',
    'intern_payroll_start': 'bigint',
    'painter_payroll_start': 'bigint',
    'is_active': 'boolean',
    'cc_profile_id': 'text',
    'docusign_acct_id': 'text',
    'hub_account_id': 'bigint',
    'created_at': 'timestamptz',
    'updated_at': 'timestamptz',
}) }}
