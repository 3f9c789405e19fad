-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['estimate_id', 'job_type_number']) }}
{{ staging('salespro', 'lead_result_line_items', {
    'estimate_id': 'text',
    'job_type_number': 'bigint',
    'job_type': 'text',
    'job_type_amount': 'numeric',
}) }}
