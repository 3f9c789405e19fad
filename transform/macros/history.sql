{# Runs that say how loading goes: not edits of bookmarks, dry runs, replays, nor what another system wrote down. #}
{% macro real_runs() -%}
not (configuration ?| array['edited_by', 'dry_run', 'imported', 'replay'])
{%- endmacro %}


{# Whether a moment is further back than a stream may be behind. #}
{% macro stale(moment) -%}
coalesce({{ moment }}, '-infinity') < now() - interval '{{ var("freshness_hours") }} hours'
{%- endmacro %}
