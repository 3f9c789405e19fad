{#
    The materialization of the staging models. Only what was loaded since the newest row that the model knows is read
    (by _sdc_batched_at, with lookback_minutes before it), and afterwards the model holds what a full build would give:
    changed rows are replaced, and rows that were removed (softly or for good) go. The last statement also finds rows
    whose key is no longer in the table at all; it reads keys only.

    A model that was built from something else (other columns, other macros, another include_deleted) is built anew, as
    if --full-refresh had been asked for. What it was built from stands in the comment of its table.

    dbt's own `incremental` sends some fourteen statements per model; with a hundred models those are most of the time.
#}
{% materialization mirror, adapter='postgres' %}
{%- set target = this.incorporate(type='table') -%}
{%- set key = config.get('unique_key') -%}
{%- set version = 'crm: ' ~ local_md5(sql ~ var('staging_version') ~ var('include_deleted')) -%}
{%- set wanted = '' if var('include_deleted') else 'where _sdc_deleted_at is null' -%}
{%- set loaded = source(model.sources[0][0], model.sources[0][1]) -%}
{%- set existing = load_cached_relation(this) -%}
{%- if existing is not none and not existing.is_table -%}
    {%- do adapter.drop_relation(existing) -%}
    {%- set existing = none -%}
{%- endif -%}
{%- set built_from = none -%}
{%- if existing is not none and not should_full_refresh() -%}
    {%- set built_from = run_query("select obj_description('" ~ target.include(database=false) ~ "'::regclass, 'pg_class')").rows[0][0] -%}
{%- endif -%}

{{ run_hooks(pre_hooks) }}
{%- if built_from != version -%}
{%- call statement('main') -%}
    create table {{ target.schema }}.{{ target.identifier }}__new as
    select * from (
{{ sql }}
    ) as loaded {{ wanted }};
    drop table if exists {{ target.include(database=false) }} cascade;
    alter table {{ target.schema }}.{{ target.identifier }}__new rename to {{ target.identifier }};
    comment on table {{ target.include(database=false) }} is '{{ version }}';
    {{ column_comments('table', target) }}
    analyze {{ target.include(database=false) }};
{%- endcall -%}
{%- elif not columns_found(loaded) -%}
{%- call statement('main') -%}
    select 'there is no such table' as nothing_to_do
{%- endcall -%}
{%- else -%}
{%- set changed = target.identifier ~ '__changed' -%}
{%- call statement('main') -%}
    create temp table {{ changed }} on commit drop as
    select * from (
{{ sql }}
    ) as loaded
    where _sdc_batched_at >= (
        select coalesce(max(_sdc_batched_at) - interval '{{ var("lookback_minutes") }} minutes', '-infinity')
        from {{ target.include(database=false) }}
    );

    delete from {{ target.include(database=false) }} as t using {{ changed }} as c
    where {% for name in key %}t.{{ adapter.quote(name) }} = c.{{ adapter.quote(name) }}{{ ' and ' if not loop.last }}{% endfor %};

    delete from {{ target.include(database=false) }} as t
    where not exists (
        select from {{ loaded }} as s
        where {% for name in key %}s.{{ adapter.quote(name) }}::text = t.{{ adapter.quote(name) }}::text{{ ' and ' if not loop.last }}{% endfor %}
    );

    insert into {{ target.include(database=false) }} select * from {{ changed }} {{ wanted }};
{%- endcall -%}
{%- endif -%}
{{ run_hooks(post_hooks) }}
{%- do adapter.commit() -%}
{{ return({'relations': [target]}) }}
{% endmaterialization %}


{# A view, made by one statement: of a hundred views, dbt's own renaming of old and new is most of the time. #}
{% materialization plain_view, adapter='postgres' %}
{%- set target = this.incorporate(type='view') -%}
{%- call statement('main') -%}
    drop view if exists {{ target.include(database=false) }};
    create view {{ target.include(database=false) }} as
{{ sql }};
    {{ column_comments('view', target) }}
{%- endcall -%}
{%- do adapter.commit() -%}
{{ return({'relations': [target]}) }}
{% endmaterialization %}


{# What is known of each column, for \d+ and for programs that show it. #}
{% macro column_comments(kind, target) -%}
{%- for column in model.columns.values() if column.description %}
comment on column {{ target.include(database=false) }}.{{ adapter.quote(column.name) }} is '{{ column.description | replace("'", "''") }}';
{%- endfor -%}
{%- endmacro %}
