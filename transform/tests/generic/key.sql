{# The columns, or this one, are a key: no row lacks one of them, no two rows have the same. #}
{% test key(model, columns=none, column_name=none) %}
{%- set key = columns or [column_name] %}
select {{ key | join(', ') }}, count(*) as rows_with_it
from {{ model }}
group by {{ key | join(', ') }}
having count(*) > 1 or {% for name in key %}{{ name }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
