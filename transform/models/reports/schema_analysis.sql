-- Every column of every loaded table: its type, how complete it is, when its table last changed at the source.
-- One look at each table.
{%- set tables = {} -%}
{%- set times = ['updated_at', 'last_modified', 'modified_date', 'hs_lastmodifieddate', 'lastmodifieddate', 'last_update', 'date_modified', 'updated'] -%}
{%- if execute -%}
    {%- set schemas = graph.sources.values() | map(attribute='schema') | reject('equalto', 'orchestration') | unique | list -%}
    {%- set query -%}
        select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p')
        join pg_namespace as n on n.oid = c.relnamespace
        where a.attnum > 0 and not a.attisdropped and a.attname not like '\_sdc\_%' and n.nspname in ('{{ schemas | join("', '") }}')
        order by n.nspname, c.relname, a.attnum
    {%- endset -%}
    {%- for row in run_query(query).rows -%}
        {%- do tables.setdefault((row[0], row[1]), {}).update({row[2]: row[3]}) -%}
    {%- endfor -%}
{%- endif %}
with looked_at as (
    select null::text as crm_source, null::text as table_name, 0::bigint as row_count, null::timestamptz as last_updated, null::jsonb as filled
    where false
{%- for (schema, table), columns in tables.items() %}
    union all
    select '{{ schema }}', '{{ table }}', count(*),
        coalesce({% for time in times if columns.get(time, '').startswith('timestamp') %}max({{ adapter.quote(time) }}), {% endfor %}null::timestamptz),
        jsonb_object(array[{% for name in columns %}'{{ name }}'{{ ', ' if not loop.last }}{% endfor %}]::text[], array[
            {%- for name, type in columns.items() %}count({% if type == 'text' or type.startswith('character') %}nullif({{ adapter.quote(name) }}, ''){% else %}{{ adapter.quote(name) }}{% endif %})::text{{ ', ' if not loop.last }}{% endfor %}]::text[])
    from {{ adapter.quote(schema) }}.{{ adapter.quote(table) }}
{%- endfor %}
)

select
    l.crm_source, l.table_name, l.row_count, l.last_updated,
    f.key as column_name, format_type(a.atttypid, a.atttypmod) as data_type, not a.attnotnull as is_nullable,
    coalesce(round(100.0 * f.value::bigint / nullif(l.row_count, 0), 1), 0.0) as completeness
from looked_at as l
cross join lateral jsonb_each_text(l.filled) as f
join pg_attribute as a
    on a.attrelid = to_regclass(quote_ident(l.crm_source) || '.' || quote_ident(l.table_name)) and a.attname = f.key
