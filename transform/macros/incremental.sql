{#
    The incremental strategy of the staging models: afterwards the model holds what a full build would give.

    Changed rows are replaced, rows that were removed (softly or for good) go. The last statement also finds rows whose
    key is no longer in the table at all; it reads keys only.
#}
{% macro get_incremental_mirror_sql(arg_dict) %}
{%- set target, changed, key = arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'] -%}
{%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
{%- set loaded = source(model.sources[0][0], model.sources[0][1]) -%}
{%- set found = columns_found(loaded) -%}
{%- if not key %}
    delete from {{ target }};
    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ changed }}
    {%- if not var('include_deleted') %} where _sdc_deleted_at is null{% endif %};
{%- else %}
    delete from {{ target }} as t using {{ changed }} as c
    where {% for name in key %}t.{{ adapter.quote(name) }} = c.{{ adapter.quote(name) }}{{ ' and ' if not loop.last }}{% endfor %};

    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ changed }}
    {%- if not var('include_deleted') %} where _sdc_deleted_at is null{% endif %};

    delete from {{ target }} as t
    where not exists (
        select from {% if found %}{{ loaded }}{% else %}{{ changed }}{% endif %} as s
        where {% for name in key %}s.{{ adapter.quote(name) }}::text = t.{{ adapter.quote(name) }}::text{{ ' and ' if not loop.last }}{% endfor %}
    );
{%- endif %}
{% endmacro %}


{#
    What the rows of a staging model depend on besides the rows of its table: its columns, those of the table, and the
    macros. A model that was built from something else is built anew, as if --full-refresh had been asked for.
#}
{% macro staging_version() %}
{%- set loaded = source(model.sources[0][0], model.sources[0][1]) -%}
{{ return(local_md5(model.raw_code ~ columns_found(loaded) ~ var('staging_version') ~ var('include_deleted'))) }}
{% endmacro %}


{% macro remember_version() %}
{%- if execute and model.sources -%}
comment on table {{ this }} is 'crm: {{ staging_version() }}'
{%- endif -%}
{% endmacro %}


{% macro should_full_refresh() %}
{%- set asked = config.get('full_refresh') -%}
{%- if asked is none -%}{%- set asked = flags.FULL_REFRESH -%}{%- endif -%}
{%- if not asked and execute and model.sources and model.config.materialized == 'incremental' -%}
    {%- set query -%}
        select obj_description(to_regclass('{{ this.include(database=false) }}'), 'pg_class')
    {%- endset -%}
    {%- set asked = run_query(query).rows[0][0] != 'crm: ' ~ staging_version() -%}
{%- endif -%}
{{ return(asked) }}
{% endmacro %}
