{#
    One row per row of a loaded table, its columns as the tap declares them, and beside them the same values in one
    form: phones, e-mails, states, postal codes.

    Removed rows are in it; `mirror`, the materialization, leaves them out.

    The table need not be there (a CRM that is not synced), nor all of its columns: what is missing is empty, with the
    right type. A column that the loader had to widen is brought back to its type; what does not fit is NULL.
#}
{% macro staging(crm, stream, columns, phones=[], emails=[], states=[], zips=[]) %}
{%- set relation = source(crm, stream) -%}
{%- set found = columns_found(relation) -%}
select
{%- for name, type in columns.items() %}
    {{ typed(name, type, found.get(name)) }} as {{ adapter.quote(name) }},
{%- endfor %}
{%- for name in phones %}
    core.phone_e164({{ typed(name, 'text', found.get(name)) }}) as {{ adapter.quote(name ~ '_e164') }},
    core.phone_national(core.phone_e164({{ typed(name, 'text', found.get(name)) }})) as {{ adapter.quote(name ~ '_national') }},
{%- endfor %}
{%- for name in emails %}
    core.email_normal({{ typed(name, 'text', found.get(name)) }}) as {{ adapter.quote(name ~ '_normal') }},
{%- endfor %}
{%- for name in states %}
    core.state_normal({{ typed(name, 'text', found.get(name)) }}) as {{ adapter.quote(name ~ '_normal') }},
{%- endfor %}
{%- for name in zips %}
    core.zip_normal({{ typed(name, 'text', found.get(name)) }}) as {{ adapter.quote(name ~ '_normal') }},
{%- endfor %}
    {{ typed('_sdc_extracted_at', 'timestamptz', found.get('_sdc_extracted_at')) }} as _sdc_extracted_at,
    {{ typed('_sdc_batched_at', 'timestamptz', found.get('_sdc_batched_at')) }} as _sdc_batched_at,
    {{ typed('_sdc_deleted_at', 'timestamptz', found.get('_sdc_deleted_at')) }} as _sdc_deleted_at
{%- if not found %}
where false
{%- else %}
from {{ relation }}
{%- endif %}
{% endmacro %}


{# The columns that a table has and their types, as a dictionary; empty if there is no such table. #}
{% macro columns_found(relation) %}
{%- set found = {} -%}
{%- if execute and relation.schema -%}
    {%- set query -%}
        select attname, format_type(atttypid, null) from pg_attribute
        where attrelid = to_regclass('{{ relation.include(database=false) }}') and attnum > 0 and not attisdropped
        order by attnum
    {%- endset -%}
    {%- for row in run_query(query).rows -%}
        {%- do found.update({row[0]: row[1]}) -%}
    {%- endfor -%}
{%- endif -%}
{{ return(found) }}
{% endmacro %}


{# A column in the type that the tap declares, whatever type the table has. #}
{% macro typed(name, type, actual) %}
{%- set column = adapter.quote(name) -%}
{%- set families = {
    'character varying': 'text', 'text': 'text', 'uuid': 'uuid', 'character': 'text',
    'smallint': 'bigint', 'integer': 'bigint', 'bigint': 'bigint',
    'numeric': 'numeric', 'double precision': 'numeric', 'real': 'numeric',
    'timestamp with time zone': 'timestamptz', 'timestamp without time zone': 'timestamp',
    'date': 'date', 'boolean': 'boolean', 'jsonb': 'jsonb', 'json': 'json',
} -%}
{%- set is = families.get(actual, 'other') -%}
{%- if not actual -%} null::{{ type }}
{%- elif is == type and actual in ['text', 'bigint', 'numeric', 'timestamp with time zone', 'date', 'boolean', 'jsonb'] -%} {{ column }}
{%- elif type == 'text' -%} {{ column }}::text
{%- elif is == type or (type == 'numeric' and is == 'bigint') -%} {{ column }}::{{ type }}
{%- elif type == 'timestamptz' and is == 'timestamp' -%} {{ column }} at time zone 'UTC'
{%- elif type == 'date' and is in ['timestamp', 'timestamptz'] -%} {{ column }}::date
{%- elif type == 'timestamptz' and is == 'date' -%} {{ column }}::timestamp at time zone 'UTC'
{%- elif type == 'jsonb' -%} to_jsonb({{ column }})
{%- elif type == 'bigint' -%} case when {{ column }}::text ~ '^-?\d{1,18}$' then {{ column }}::text::bigint end
{%- elif type == 'numeric' -%} case when {{ column }}::text ~ '^-?\d+(\.\d+)?$' then {{ column }}::text::numeric end
{%- elif type == 'boolean' -%} case when lower({{ column }}::text) in ('true', 't', '1', 'yes') then true when lower({{ column }}::text) in ('false', 'f', '0', 'no') then false end
{%- elif type in ['timestamptz', 'date'] -%} case when {{ column }}::text ~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)' then {{ column }}::text::{{ type }} end
{%- else -%} {{ column }}::text::{{ type }}
{%- endif -%}
{% endmacro %}
