-- Prospects of Genius that look like one person: a row per prospect in a group of duplicates.
-- Two are duplicates if both names are alike (duplicate_name_similarity) and phone, e-mail and postal code are each equal
-- or missing on one side. Only names with the same first two letters are compared. Groups are what hangs together.
{%- set fields = ['phone', 'email', 'zip'] %}
{%- set t = var('duplicate_name_similarity') %}
with prospects as materialized (
    select id, first_name, last_name, email, phone1, zip, division_id, add_date,
        lower(btrim(first_name)) as first_normal, lower(btrim(last_name)) as last_normal,
        left(lower(btrim(first_name)), 2) || '|' || left(lower(btrim(last_name)), 2) as block,
        nullif(case when length(digits) = 11 and digits like '1%' then substr(digits, 2) else digits end, '') as phone_normal,
        nullif(lower(btrim(email)), '') as email_normal,
        nullif(left(regexp_replace(zip, '\D', '', 'g'), 5), '') as zip_normal
    from {{ ref('stg_genius__prospects') }}
    cross join lateral (select regexp_replace(phone1, '\D', '', 'g') as digits) as d
    where btrim(first_name) <> '' and btrim(last_name) <> ''
),

patterns as materialized (
    select *,
        (phone_normal is not null)::int + 2 * (email_normal is not null)::int + 4 * (zip_normal is not null)::int as pattern
    from prospects
),

-- For each combination of what two prospects have, an equality join on what both have.
pairs as (
{%- for one in range(8) %}{% for other in range(one, 8) %}
    select a.id as a, b.id as b, a.first_normal as a_first, b.first_normal as b_first, a.last_normal as a_last, b.last_normal as b_last,
        a.phone_normal is not null and b.phone_normal is not null as both_phones,
        a.email_normal is not null and b.email_normal is not null as both_emails
    from patterns as a
    join patterns as b on b.block = a.block
    {%- for field in fields %}{% if (one // 2 ** loop.index0) % 2 == 1 and (other // 2 ** loop.index0) % 2 == 1 %} and b.{{ field }}_normal = a.{{ field }}_normal{% endif %}{% endfor %}
    where a.pattern = {{ one }} and b.pattern = {{ other }}{% if one == other %} and a.id < b.id{% endif %}
    {%- if not (one == 7 and other == 7) %}
    union all
    {%- endif %}
{%- endfor %}{% endfor %}
),

alike as (
    select * from (
        select *, core.similarity(a_first, b_first) as first_similarity, core.similarity(a_last, b_last) as last_similarity
        from pairs
        -- Names whose lengths differ by more cannot be alike enough; this is cheaper than to compare them.
        where least(length(a_first), length(b_first)) * 100 >= {{ t }} * greatest(length(a_first), length(b_first))
            and least(length(a_last), length(b_last)) * 100 >= {{ t }} * greatest(length(a_last), length(b_last))
    ) as compared
    where first_similarity >= {{ t }} and last_similarity >= {{ t }}
)

select
    least(a, b) as a, greatest(a, b) as b,
    (first_similarity + last_similarity + case when both_phones then 100 else 0 end + case when both_emails then 100 else 0 end)
        / (2 + both_phones::int + both_emails::int) as score
from alike
