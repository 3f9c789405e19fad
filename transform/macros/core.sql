{# What marketing sources are compared by: small letters, one blank between words, synonyms replaced. #}
{% macro source_key(name) -%}
coalesce(
    (select lower(x.marketing_source) from {{ ref('marketing_source_aliases') }} as x
     where lower(x.alias) = lower(btrim(regexp_replace({{ name }}, '\s+', ' ', 'g')))),
    nullif(lower(btrim(regexp_replace({{ name }}, '\s+', ' ', 'g'))), '')
)
{%- endmacro %}


{# A day of a business, for a moment. #}
{% macro business_day(moment) -%}
({{ moment }} at time zone '{{ var("business_time_zone") }}')::date
{%- endmacro %}


{# Seconds of a duration as Five9 writes it, HH:MM:SS. #}
{% macro seconds(duration) -%}
case when {{ duration }} ~ '^\d+:\d\d:\d\d$' then
    split_part({{ duration }}, ':', 1)::int * 3600 + split_part({{ duration }}, ':', 2)::int * 60 + split_part({{ duration }}, ':', 3)::int
end
{%- endmacro %}


{#
    The id of a record of another CRM, if it can be one: a number, or MarketSharp's GUID. What somebody typed into the
    field to fill it is no id.
#}
{% macro named(what, id) -%}
{%- set pattern = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' if what.startswith('marketsharp') else '^[1-9][0-9]{0,18}$' -%}
case when btrim({{ id }}) ~ '{{ pattern }}' then '{{ what }}:' || btrim({{ id }}) end
{%- endmacro %}


{# The values of an array that are not NULL, each once. Most arrays hold one or none, and need no query of their own. #}
{% macro distinct_values(list) -%}
case when cardinality(array_remove({{ list }}, null)) < 2 then array_remove({{ list }}, null)
    else array(select distinct v from unnest({{ list }}) as v where v is not null) end
{%- endmacro %}
