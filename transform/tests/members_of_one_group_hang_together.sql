-- core.connected_components: who shares a group with somebody is in one component with all that hangs together with them.
{{ config(tags=['functions']) }}
with found as (
    -- A chain over groups 1 to 4, given out of order; a pair; one alone.
    select member, component from core.connected_components(
        '(values (5, 1), (9, 1), (9, 2), (3, 2), (8, 3), (3, 3), (8, 4), (1, 4), (20, 5), (21, 5), (30, 6)) as v (member, grp)', 'member', 'grp')
),

expected (member, component) as (
    values (1::bigint, 1::bigint), (3, 1), (5, 1), (8, 1), (9, 1), (20, 20), (21, 20), (30, 30)
)

(select * from found except select * from expected)
union all
(select * from expected except select * from found)
