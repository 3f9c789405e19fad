{# The columns are a key: no row lacks one of them, no two rows have the same. #}
{% test key(model, columns) %}
select {{ columns | join(', ') }}, count(*) as rows_with_it
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or {% for name in columns %}{{ name }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
