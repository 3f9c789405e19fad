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
