{#
    The functions that bring values into one form. They are made anew by every run, before the models.
    Each is one expression without FROM, so Postgres writes it into the query and there is no call per row; what is
    usual is tried first, by means that cost little.
#}
{% macro create_functions() %}
{% if execute and flags.WHICH in ['build', 'run', 'test', 'snapshot', 'seed'] %}
create schema if not exists core;

-- A number that is not written as usual: digits, without an extension.
create or replace function core.phone_digits(phone text) returns text language sql immutable parallel safe as $function$
    select regexp_replace(regexp_replace(phone, '(?i)\s*(x|ext\.?|#)\s*\d+\s*$', ''), '\D', '', 'g')
$function$;

-- +12065550100 for a number of North America, with or without its 1; a number with + as it is; else NULL.
create or replace function core.phone_e164(phone text) returns text language sql immutable parallel safe as $function$
    select case
        when translate(phone, ' ()-./', '') ~ '^(\+?1)?[2-9]\d{9}$' then '+1' || right(translate(phone, ' ()-./', ''), 10)
        when core.phone_digits(phone) ~ '^1?[2-9]\d{9}$' and phone !~ '^\s*\+\s*[^1]' then '+1' || right(core.phone_digits(phone), 10)
        when phone ~ '^\s*\+' and core.phone_digits(phone) ~ '^[1-9]\d{6,14}$' then '+' || core.phone_digits(phone)
    end
$function$;

-- (206) 555-0100 for a number of North America in E.164; NULL for any other.
create or replace function core.phone_national(phone text) returns text language sql immutable parallel safe as $function$
    select case when length(phone) = 12 and left(phone, 2) = '+1'
        then '(' || substr(phone, 3, 3) || ') ' || substr(phone, 6, 3) || '-' || substr(phone, 9) end
$function$;

-- The address in small letters; NULL if it is none.
create or replace function core.email_normal(email text) returns text language sql immutable parallel safe as $function$
    select case
        when lower(btrim(email, E' \t\r\n<>')) ~ '^[a-z0-9._%+''&/=?^{|}~!#$*-]+@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$'
            and strpos(email, '..') = 0 and length(email) <= 254 and strpos(btrim(email, E' \t\r\n<>'), '@') <= 65
            then lower(btrim(email, E' \t\r\n<>'))
    end
$function$;

-- The first five digits of a US code (four are padded), or a Canadian A1A 1A1; else NULL.
create or replace function core.zip_normal(zip text) returns text language sql immutable parallel safe as $function$
    select case
        when zip ~ '^\s*\d{5}(-?\d{4})?\s*$' then left(btrim(zip), 5)
        when zip ~ '^\s*\d{4}\s*$' then '0' || btrim(zip)
        when zip ~* '^\s*[A-Z]\d[A-Z] ?\d[A-Z]\d\s*$' then upper(left(btrim(zip), 3) || ' ' || right(btrim(zip), 3))
    end
$function$;

-- The two letters of a US state, of DC or of a territory, from its code or its name; else NULL.
create or replace function core.state_normal(state text) returns text language sql immutable parallel safe as $function$
    select case
        when state in ({% for code in states() %}'{{ code }}'{{ ', ' if not loop.last }}{% endfor %}) then state
        else '{{ states_json() }}'::jsonb ->> upper(btrim(regexp_replace(state, '[.\s]+', ' ', 'g')))
    end
$function$;

-- What two names are compared by: small letters and digits, without accents and what stands between them.
create or replace function core.name_normal(name text) returns text language sql immutable parallel safe as $function$
    select case
        when name ~ '^[A-Za-z]+$' then lower(name)
        else nullif(regexp_replace(translate(lower(name),
            'àáâãäåèéêëìíîïòóôõöøùúûüýÿñçšžðþ', 'aaaaaaeeeeiiiioooooouuuuyyncszdt'), '[^[:alnum:]]', '', 'g'), '')
    end
$function$;

-- A street address in one form: small letters, the usual abbreviations, one blank between words.
create or replace function core.street_normal(street text) returns text language sql immutable parallel safe as $function$
    select nullif(btrim(replace(replace(replace(replace(replace(replace(replace(
        ' ' || regexp_replace(lower(street), '[^[:alnum:]]+', ' ', 'g') || ' ',
        ' street ', ' st '), ' str ', ' st '), ' avenue ', ' ave '), ' av ', ' ave '), ' road ', ' rd '),
        ' drive ', ' dr '), ' lane ', ' ln ')), '')
$function$;

-- How alike two texts are: 100 * (1 - Levenshtein distance / length of the longer one).
create or replace function core.similarity(a text, b text) returns numeric language plpgsql immutable parallel safe as $function$
declare
    row_before int[];
    row_now int[];
    n int := length(b);
    cost int;
begin
    if a is null or b is null then return null; end if;
    if a = b then return 100; end if;
    if a = '' or b = '' then return 0; end if;
    row_before := array(select generate_series(0, n));
    for i in 1..length(a) loop
        row_now := array[i];
        for j in 1..n loop
            cost := case when substr(a, i, 1) = substr(b, j, 1) then 0 else 1 end;
            row_now := row_now || least(row_now[j] + 1, row_before[j + 1] + 1, row_before[j] + cost);
        end loop;
        row_before := row_now;
    end loop;
    return round(100 * (1 - row_before[n + 1]::numeric / greatest(length(a), n)), 4);
end
$function$;

-- Which members hang together, if all members of one group do: a row per member with the least number of its component.
create or replace function core.connected_components(links text, member_column text, group_column text)
returns table (member bigint, component bigint) language plpgsql as $function$
begin
    drop table if exists component_membership, component_of, component_open, component_step;
    execute format('create temp table component_membership as select %I::bigint as member, %I as grp from %s',
        member_column, group_column, links);
    create temp table component_of as
        select m.member, min(g.low) as component
        from component_membership as m
        join (select c.grp, min(c.member) as low from component_membership as c group by c.grp) as g using (grp)
        group by m.member;
    analyze component_of;
    loop
        -- Groups whose members are in several components. All others stay as they are: who is in one component with
        -- somebody remains so.
        drop table if exists component_open, component_step;
        create temp table component_open as
            select m.member, m.grp, o.component, g.low
            from component_membership as m
            join component_of as o using (member)
            join (
                select a.grp, min(b.component) as low
                from component_membership as a join component_of as b using (member)
                group by a.grp
                having min(b.component) <> max(b.component)
            ) as g using (grp);
        exit when not exists (select from component_open);
        create temp table component_step as
            select o.component as old, min(o.low) as new from component_open as o where o.low < o.component group by o.component;
        analyze component_step;
        -- A chain of steps is gone down in one go as far as it is known.
        update component_step as s set new = t.new from component_step as t where t.old = s.new;
        update component_of as c set component = s.new from component_step as s where s.old = c.component;
        drop table component_membership;
        create temp table component_membership as select o.member, o.grp from component_open as o;
    end loop;
    return query select c.member, c.component from component_of as c;
    drop table if exists component_membership, component_of, component_open, component_step;
end
$function$;
{% endif %}
{% endmacro %}


{% macro states() %}
{{ return({
    'AL': 'ALABAMA', 'AK': 'ALASKA', 'AZ': 'ARIZONA', 'AR': 'ARKANSAS', 'CA': 'CALIFORNIA', 'CO': 'COLORADO',
    'CT': 'CONNECTICUT', 'DE': 'DELAWARE', 'DC': 'DISTRICT OF COLUMBIA', 'FL': 'FLORIDA', 'GA': 'GEORGIA',
    'HI': 'HAWAII', 'ID': 'IDAHO', 'IL': 'ILLINOIS', 'IN': 'INDIANA', 'IA': 'IOWA', 'KS': 'KANSAS', 'KY': 'KENTUCKY',
    'LA': 'LOUISIANA', 'ME': 'MAINE', 'MD': 'MARYLAND', 'MA': 'MASSACHUSETTS', 'MI': 'MICHIGAN', 'MN': 'MINNESOTA',
    'MS': 'MISSISSIPPI', 'MO': 'MISSOURI', 'MT': 'MONTANA', 'NE': 'NEBRASKA', 'NV': 'NEVADA', 'NH': 'NEW HAMPSHIRE',
    'NJ': 'NEW JERSEY', 'NM': 'NEW MEXICO', 'NY': 'NEW YORK', 'NC': 'NORTH CAROLINA', 'ND': 'NORTH DAKOTA',
    'OH': 'OHIO', 'OK': 'OKLAHOMA', 'OR': 'OREGON', 'PA': 'PENNSYLVANIA', 'RI': 'RHODE ISLAND',
    'SC': 'SOUTH CAROLINA', 'SD': 'SOUTH DAKOTA', 'TN': 'TENNESSEE', 'TX': 'TEXAS', 'UT': 'UTAH', 'VT': 'VERMONT',
    'VA': 'VIRGINIA', 'WA': 'WASHINGTON', 'WV': 'WEST VIRGINIA', 'WI': 'WISCONSIN', 'WY': 'WYOMING',
    'PR': 'PUERTO RICO', 'GU': 'GUAM', 'VI': 'VIRGIN ISLANDS', 'AS': 'AMERICAN SAMOA',
    'MP': 'NORTHERN MARIANA ISLANDS',
}) }}
{% endmacro %}


{% macro states_json() %}
{%- set codes = {} -%}
{%- for code, name in states().items() -%}{%- do codes.update({code: code, name: code}) -%}{%- endfor -%}
{{ tojson(codes) }}
{%- endmacro %}
