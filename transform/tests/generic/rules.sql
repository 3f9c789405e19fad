{# An amount is not below zero. #}
{% test not_negative(model, column_name) %}
select * from {{ model }} where {{ column_name }} < 0
{% endtest %}

{# As `key`, where a column may be NULL. #}
{% test key_or_null(model, columns) %}
select {{ columns | join(', ') }}, count(*) as rows_with_it
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{# A person can be reached: a valid e-mail address or number. #}
{% test reachable(model) %}
select record_key from {{ model }}
where emails = '{}' and phones = '{}' and stream in ('prospects', 'leads', 'contacts', 'marketing_leads')
{% endtest %}
