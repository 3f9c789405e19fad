"""A table grows with its stream, or the stream is refused with a sentence."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sync_history import runs
from target_postgres_dw.identifiers import identifier, snake_case, unique_identifiers
from target_postgres_dw.tables import wider_type
from target_postgres_dw.testing import DATE_TIME, INTEGER, NUMBER, TEXT, Result, header, load, records, schema, state

SMALL = {"type": ["integer", "null"], "minimum": 0, "maximum": 100}
FLAG = {"type": ["boolean", "null"]}
OBJECT = {"type": ["object", "null"]}
DATE = {"type": ["string", "null"], "format": "date"}


def evolve(url: str, *steps: tuple[dict[str, Any], dict[str, Any]], **config: Any) -> Result:
    """Send one record under each of several schemas of one stream, in one run; a second stream comes after."""
    messages = [
        message
        for number, (properties, record) in enumerate(steps)
        for message in (schema("people", {"id": INTEGER, **properties}), *records("people", {"id": number, **record}))
    ]
    return load(
        url,
        header("people", "pets"),
        messages,
        state({"people": {"a": 1}}, people="success"),
        schema("pets", {"id": INTEGER}),
        records("pets", {"id": 1}),
        state({"people": {"a": 1}, "pets": {}}, pets="success"),
        **config,
    )


def column_type(url: str, column: str) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 'genius.people'::regclass AND attname = %s",
            (column,),
        ).fetchone()
    return str(row[0]) if row else ""


def values(url: str, column: str) -> list[str | None]:
    with psycopg.connect(url) as conn:
        rows = conn.execute(f"SELECT {column}::text FROM genius.people ORDER BY id".encode()).fetchall()
    return [value for (value,) in rows]


def runs_by_stream(url: str) -> dict[str, runs.Run]:
    with psycopg.connect(url) as conn:
        return {run.sync_type: run for run in runs.latest_runs(conn)}


def test_a_new_column_in_mid_stream(postgres_url: str) -> None:
    assert evolve(postgres_url, ({}, {}), ({"name": TEXT}, {"name": "Ann"})).exit_code == 0
    assert values(postgres_url, "name") == [None, "Ann"]
    assert runs_by_stream(postgres_url)["people"].records_created == 2


@pytest.mark.parametrize(
    ("before", "after", "first", "second", "becomes", "stored"),
    [
        (SMALL, INTEGER, 7, 2**40, "bigint", ["7", str(2**40)]),
        (INTEGER, SMALL, 2**40, 7, "bigint", [str(2**40), "7"]),
        (INTEGER, NUMBER, 7, 1.25, "numeric", ["7", "1.25"]),
        (DATE, DATE_TIME, "2026-01-02", "2026-01-02T03:04:05Z", "timestamp with time zone", None),
        (NUMBER, TEXT, 1.25, "more", "text", ["1.25", "more"]),
        (TEXT, INTEGER, "more", 5, "text", ["more", "5"]),
        (FLAG, INTEGER, True, 5, "text", ["true", "5"]),
        (INTEGER, {"type": ["integer", "null"]}, 5, None, "bigint", ["5", None]),
    ],
    ids=["wider", "narrower", "fraction", "time of day", "text", "stays text", "no common form", "nullable"],
)
def test_a_column_widens(
    postgres_url: str,
    before: dict[str, Any],
    after: dict[str, Any],
    first: Any,
    second: Any,
    becomes: str,
    stored: list[str | None] | None,
) -> None:
    result = evolve(postgres_url, ({"value": before}, {"value": first}), ({"value": after}, {"value": second}))
    assert result.exit_code == 0
    assert column_type(postgres_url, "value") == becomes
    if stored is not None:
        assert values(postgres_url, "value") == stored
    again = evolve(postgres_url, ({"value": before}, {"value": first}), ({"value": after}, {"value": second}))
    assert again.exit_code == 0
    assert runs_by_stream(postgres_url)["people"].records_unchanged == 2


def test_a_type_that_only_a_person_can_settle_refuses_the_stream_and_no_other(postgres_url: str) -> None:
    result = evolve(postgres_url, ({"value": TEXT}, {"value": "x"}), ({"value": OBJECT}, {"value": {}}))

    assert result.exit_code == 1
    assert "Stream people, column value" in (result.error or "")
    found = runs_by_stream(postgres_url)
    assert (found["people"].status, found["people"].error_category) == ("failed", "warehouse")
    assert found["people"].bookmark is None
    assert found["people"].records_created == 1  # what came under the first schema stands
    assert found["pets"].status == "success"
    assert result.states[-1]["bookmarks"] == {"pets": {}}  # nor does the STATE claim the refused stream


def test_a_column_that_a_view_uses_is_named(postgres_url: str) -> None:
    evolve(postgres_url, ({"value": INTEGER}, {"value": 1}))
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("CREATE VIEW report AS SELECT value FROM genius.people")
    result = evolve(postgres_url, ({"value": TEXT}, {"value": "x"}))
    assert "genius.people.value is bigint and must become text" in (result.error or "")


def test_a_changed_key_is_refused(postgres_url: str) -> None:
    evolve(postgres_url, ({"other": INTEGER}, {"other": 1}))
    result = load(
        postgres_url,
        header("people"),
        schema("people", {"id": INTEGER, "other": INTEGER}, key=("other",)),
        records("people", {"id": 9, "other": 9}),
        state({}, people="success"),
    )
    assert "its key is now (other), but the table genius.people has the primary key (id)" in (result.error or "")
    assert values(postgres_url, "id") == ["0"]


def test_a_key_can_be_given_to_a_table_that_had_none(postgres_url: str) -> None:
    def send(key: tuple[str, ...], number: int) -> Result:
        return load(
            postgres_url,
            header("people"),
            schema("people", {"id": INTEGER}, key=key),
            records("people", {"id": number}),
            state({}, people="success"),
        )

    assert send((), 1).exit_code == 0
    assert send(("id",), 1).exit_code == 0
    assert values(postgres_url, "id") == ["1"]
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE genius.people DROP CONSTRAINT people_pkey; INSERT INTO genius.people (id) VALUES (1)")
    refused = send(("id",), 2)
    assert "(id) cannot become it" in (refused.error or "")


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ("TABLE genius.people (id bigint PRIMARY KEY) PARTITION BY RANGE (id)", "a partitioned table"),
        ("VIEW genius.people AS SELECT 1 AS id", "a view"),
    ],
)
def test_what_is_no_ordinary_table_is_refused(postgres_url: str, definition: str, what: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE SCHEMA genius; CREATE {definition}".encode())
    result = evolve(postgres_url, ({}, {}))
    assert f"genius.people is {what}" in (result.error or "")


def test_a_schema_that_is_repeated_between_records_changes_nothing(postgres_url: str) -> None:
    people = schema("people", {"id": INTEGER, "name": TEXT})
    pets = schema("pets", {"name": TEXT, "id": INTEGER})
    messages = [
        message
        for number in range(20)
        for message in (
            *(people, *records("people", {"id": number, "name": f"n{number}"})),
            *(pets, *records("pets", {"id": number, "name": f"p{number}"})),
            {**people, "schema": {**people["schema"], "properties": {"name": TEXT, "id": INTEGER}}},
            *records("people", {"id": number + 100}),
        )
    ]
    result = load(postgres_url, header("people", "pets"), messages, state({}, people="success", pets="success"))
    assert result.error is None
    assert values(postgres_url, "name") == [*(f"n{number}" for number in range(20)), *[None] * 20]
    assert {name: run.records_created for name, run in runs_by_stream(postgres_url).items()} == {
        "people": 40,
        "pets": 20,
    }
    with psycopg.connect(postgres_url) as conn:
        # One transaction: a SCHEMA that says nothing new commits nothing.
        assert conn.execute("SELECT count(DISTINCT xmin::text) FROM genius.people").fetchone() == (1,)


def test_columns_the_schema_does_not_name_are_left_alone(postgres_url: str) -> None:
    evolve(postgres_url, ({"name": TEXT}, {"name": "Ann"}))
    evolve(postgres_url, ({"age": INTEGER}, {"age": 5}))
    assert values(postgres_url, "name") == ["Ann"]
    assert values(postgres_url, "age") == ["5"]


def test_a_missing_property_is_null(postgres_url: str) -> None:
    evolve(postgres_url, ({"name": TEXT}, {"name": "Ann"}))
    evolve(postgres_url, ({"name": TEXT}, {}))
    assert values(postgres_url, "name") == [None]


def test_names_of_any_form(postgres_url: str) -> None:
    long = "a_very_long_property_name_that_goes_on_and_on_until_it_passes_the_limit_"
    properties = {
        "Id": INTEGER,
        "id": INTEGER,
        "clientName": TEXT,
        "select": TEXT,
        "a:b%c": TEXT,
        f"{long}1": TEXT,
        f"{long}2": TEXT,
    }
    record = {name: number if name in {"Id", "id"} else f"v{number}" for number, name in enumerate(properties)}
    result = load(
        postgres_url,
        header("OddNames"),
        schema("OddNames", properties, key=("Id",)),
        records("OddNames", record),
        state({}, OddNames="success"),
    )
    assert result.exit_code == 0
    with psycopg.connect(postgres_url) as conn:
        cursor = conn.execute("SELECT * FROM genius.odd_names")
        found = dict(zip((column.name for column in cursor.description or []), cursor.fetchone() or (), strict=True))
    names = unique_identifiers(properties)
    assert len(set(names.values())) == len(properties)
    assert all(len(name.encode()) <= 63 for name in names.values())
    assert {names[name]: value for name, value in record.items()}.items() <= found.items()
    assert names["id"] == "id"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("clientName", "client_name"),
        ("HTTPCode", "http_code"),
        ("a:b?c", "a_b_c"),
        ("hs_v2_date", "hs_v2_date"),
        ("é", "é"),
    ],
)
def test_snake_case(name: str, plain: str) -> None:
    assert snake_case(name) == plain
    assert identifier(plain) == plain


def test_a_suffix_is_the_same_for_ever() -> None:
    assert identifier("x" * 70) == "x" * 54 + "_8fc6d96d"


@pytest.mark.parametrize(
    ("stored", "incoming", "wide"),
    [
        ("bigint", "bigint", "bigint"),
        ("smallint", "numeric", "numeric"),
        ("jsonb", "text", None),
        ("text", "jsonb", None),
        ("boolean", "bigint", "text"),
        ("date", "timestamp with time zone", "timestamp with time zone"),
        ("timestamp with time zone", "date", "timestamp with time zone"),
        ("numeric(10,2)", "numeric", "numeric"),
        ("numeric(10,2)", "bigint", "numeric"),
        ("character varying(10)", "text", "character varying"),
        ("character varying", "text", "character varying"),
        ("timestamp without time zone", "timestamp with time zone", "timestamp with time zone"),
        ("double precision", "numeric", "numeric"),
        ("json", "jsonb", "jsonb"),
        ("text[]", "jsonb", None),
        ("text[]", "text", None),
    ],
)
def test_wider_type(stored: str, incoming: str, wide: str | None) -> None:
    assert wider_type(stored, incoming) == wide


def test_what_colliding_names_become_does_not_depend_on_their_order() -> None:
    names = ["a-b", "a b", "a_b", "c"]
    assert unique_identifiers(names) == dict(reversed(unique_identifiers(names[::-1]).items()))
    assert unique_identifiers(names)["a_b"] == "a_b"
    assert unique_identifiers(["_SDC_deleted_at"], {"_sdc_deleted_at"}) != {"_SDC_deleted_at": "_sdc_deleted_at"}


def test_tables_of_the_stock_loader_keep_their_meaning(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(
            "CREATE SCHEMA genius; CREATE TABLE genius.people (id bigint PRIMARY KEY, amount numeric(10,2),"
            " at timestamp, note varchar(5));"
            " INSERT INTO genius.people VALUES (7, 1.25, '2026-01-01 12:00', 'abc')"
        )
    assert (
        evolve(
            postgres_url, ({"amount": NUMBER, "at": DATE_TIME, "note": TEXT}, {"note": "longer than five"})
        ).exit_code
        == 0
    )
    assert [column_type(postgres_url, name) for name in ("amount", "at", "note")] == [
        "numeric",
        "timestamp with time zone",
        "character varying",
    ]
    assert values(postgres_url, "amount") == [None, "1.25"]
    assert values(postgres_url, "extract(epoch from at)")[1] == "1767268800.000000"


def test_a_table_in_use_fails_its_stream_and_no_other(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("target_postgres_dw.tables._LOCK_TIMEOUT", "200ms")
    evolve(postgres_url, ({}, {}))
    with psycopg.connect(postgres_url) as analyst:
        analyst.execute("SELECT * FROM genius.people")
        result = evolve(postgres_url, ({"name": TEXT}, {"name": "Ann"}))
    assert "another session has kept it in use" in (result.error or "")
    assert {name: run.status for name, run in runs_by_stream(postgres_url).items()} == {
        "people": "failed",
        "pets": "success",
    }


@pytest.mark.parametrize(
    "definition",
    ["name text GENERATED ALWAYS AS ('x' || id::text) STORED", "id2 bigint"],
    ids=["generated", "ordinary"],
)
def test_a_column_that_the_table_generates_is_refused(postgres_url: str, definition: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE SCHEMA genius; CREATE TABLE genius.people (id bigint PRIMARY KEY, {definition})".encode())
    result = evolve(postgres_url, ({"name": TEXT}, {"name": "Ann"}))
    assert ("generates that column itself" in (result.error or "")) == ("GENERATED" in definition)
    assert evolve(postgres_url, ({}, {}), dry_run=True).exit_code == 0


def test_more_columns_than_postgres_has_fail_the_stream_only(postgres_url: str) -> None:
    wide = {f"c{number}": TEXT for number in range(1700)}
    result = evolve(postgres_url, (wide, {}))
    assert result.exit_code == 1
    assert {name: run.status for name, run in runs_by_stream(postgres_url).items()} == {
        "people": "failed",
        "pets": "success",
    }
