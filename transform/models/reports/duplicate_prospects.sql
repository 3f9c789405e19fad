-- Prospects of Genius that look like one person: a row per prospect in a group of duplicates. See
-- duplicate_prospect_pairs for what makes two of them duplicates; a group is what hangs together.
with members as (
    select member as id, component as group_id
    from core.connected_components(
        '(select a as member, a::text || ''-'' || b as pair from {{ ref("duplicate_prospect_pairs") }}
          union all select b, a::text || ''-'' || b from {{ ref("duplicate_prospect_pairs") }}) as p', 'member', 'pair')
),

scores as (
    select m.group_id, round(avg(p.score), 2) as score, count(*) as pairs
    from {{ ref('duplicate_prospect_pairs') }} as p
    join members as m on m.id = p.a
    group by m.group_id
)

select
    m.group_id, p.id as prospect_id,
    row_number() over (
        partition by m.group_id
        order by p.add_date {{ 'desc' if var('duplicate_primary') == 'newest' else 'asc' }} nulls last, p.id
    ) = 1 as is_primary,
    count(*) over (partition by m.group_id) as group_size, s.score as group_score,
    max(p.add_date) over (partition by m.group_id) as newest_add_date,
    p.first_name, p.last_name, p.email, p.phone1, p.zip, p.division_id, d.label as division, p.add_date
from members as m
join {{ ref('stg_genius__prospects') }} as p on p.id = m.id
join scores as s on s.group_id = m.group_id
left join {{ ref('stg_genius__divisions') }} as d on d.id = p.division_id
