"""Dry runs, stream maps, and other ways to run the loader."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pytest
from sync_history import bookmarks, runs
from target_postgres_dw.target import TargetPostgresDw
from target_postgres_dw.testing import (
    DATE_TIME,
    INTEGER,
    TEXT,
    Result,
    bookmark,
    header,
    load,
    records,
    schema,
    state,
    to_lines,
)

PROPERTIES = {"id": INTEGER, "name": TEXT, "updated_at": DATE_TIME}
JAN, FEB = "2026-01-01T00:00:00.000000+00:00", "2026-02-01T00:00:00.000000+00:00"


def people(url: str, *rows: dict[str, Any], properties: dict[str, Any] | None = None, **config: Any) -> Result:
    return load(
        url,
        header("people"),
        schema("people", properties or PROPERTIES, replication_key="updated_at"),
        records("people", *rows),
        state({"people": bookmark(FEB)}, people="success"),
        **config,
    )


def row(number: int, name: str = "Ann", updated_at: str = JAN) -> dict[str, Any]:
    return {"id": number, "name": name, "updated_at": updated_at}


def last_run(url: str) -> runs.Run:
    with psycopg.connect(url) as conn:
        return runs.find_runs(conn, limit=1)[0]


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        found = conn.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'genius'")
        return {name for (name,) in found}


def columns(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        found = conn.execute("SELECT column_name FROM information_schema.columns WHERE table_schema = 'genius'")
        return {name for (name,) in found}


def test_a_dry_run_counts_truly_and_touches_nothing(postgres_url: str) -> None:
    people(postgres_url, row(1), row(2), row(3, updated_at=FEB))
    with psycopg.connect(postgres_url) as conn:
        before = conn.execute("SELECT ctid, xmin, * FROM genius.people ORDER BY id").fetchall()
    wider = {**PROPERTIES, "age": INTEGER}
    result = people(
        postgres_url,
        row(1),
        {**row(2, "Bo", FEB), "age": 5},
        row(3, "older"),
        row(4),
        row(4, "again"),
        {"id": 5, "name": 5},
        properties=wider,
        dry_run=True,
        batch_size_rows=2,
    )

    assert (result.exit_code, result.states) == (0, [])
    run = last_run(postgres_url)
    assert (run.records_created, run.records_updated, run.records_unchanged, run.records_failed) == (1, 2, 2, 1)
    assert run.configuration["dry_run"] is True
    assert run.bookmark is None
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT ctid, xmin, * FROM genius.people ORDER BY id").fetchall() == before
        assert bookmarks.current_bookmarks(conn, "genius") == {"people": bookmark(FEB)}
    assert "age" not in columns(postgres_url)


def test_a_dry_run_before_the_first_run_makes_no_table(postgres_url: str) -> None:
    people(postgres_url, row(1), row(2), dry_run=True)
    assert last_run(postgres_url).records_created == 2
    assert tables(postgres_url) == set()


def test_without_metadata_there_are_no_metadata_columns(postgres_url: str) -> None:
    people(postgres_url, row(1), add_record_metadata=False, activate_version=False)
    assert columns(postgres_url) == {"id", "name", "updated_at"}
    people(postgres_url, row(1), add_record_metadata=False, activate_version=False)
    assert last_run(postgres_url).records_unchanged == 1


def test_metadata_says_when_the_tap_read_the_row(postgres_url: str) -> None:
    people(postgres_url, row(1))
    with psycopg.connect(postgres_url) as conn:
        conn.execute("SET timezone TO 'UTC'")
        stamps = conn.execute(
            "SELECT _sdc_extracted_at::text, _sdc_batched_at > now() - interval '1 hour', _sdc_deleted_at"
            " FROM genius.people"
        ).fetchone()
    assert stamps == ("2026-03-01 00:00:01+00", True, None)


def test_stream_maps_change_records_before_they_are_typed(postgres_url: str) -> None:
    result = people(
        postgres_url,
        row(1),
        row(2, "Bo"),
        row(3, "drop me"),
        stream_maps={
            "people": {"name": "name.upper()", "twice": "int(id * 2)", "__filter__": "name != 'drop me'"},
        },
    )
    assert result.exit_code == 0
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT id, name, twice FROM genius.people ORDER BY id").fetchall() == [
            (1, "ANN", 2),
            (2, "BO", 4),
        ]
    assert last_run(postgres_url).records_created == 2


def test_a_type_error_in_mid_run_leaves_what_was_committed(postgres_url: str) -> None:
    result = load(
        postgres_url,
        header("people"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", row(1)),
        state({"people": bookmark(JAN)}),
        records("people", {"name": "no key"}),
        batch_size_rows=1,
    )
    assert "has no id, which is part of its key" in (result.error or "")
    assert (last_run(postgres_url).status, last_run(postgres_url).bookmark) == ("failed", bookmark(JAN))


@pytest.mark.parametrize("limit", [{"batch_size_bytes": 100}, {"batch_size_rows": 1}], ids=["bytes", "rows"])
def test_a_batch_ends_by_rows_or_bytes(postgres_url: str, limit: dict[str, int]) -> None:
    messages = [
        part
        for number in range(3)
        for part in (*records("people", row(number)), state({"people": bookmark(JAN, n=number)}))
    ]
    result = load(
        postgres_url,
        header("people"),
        schema("people", PROPERTIES),
        messages,
        state({"people": bookmark(FEB)}, people="success"),
        **limit,
    )
    assert [value["bookmarks"]["people"].get("n") for value in result.states] == [0, 1, 2, None]


def test_stream_maps_keep_decimals_exact_in_every_stream(postgres_url: str) -> None:
    number = "12345678901234567.89"
    lines = to_lines(header("people"), schema("people", {"id": INTEGER, "amount": {"type": "number"}}))
    lines += f'{{"type":"RECORD","stream":"people","record":{{"id":1,"amount":{number}}}}}\n'
    lines += to_lines(state({}, people="success"))
    for maps in ({"other": {"x": "1"}}, {"people": {"two": "int(2)"}}):
        target = TargetPostgresDw(config={"sqlalchemy_url": postgres_url, "stream_maps": maps})
        target.listen(io.StringIO(lines))
        with psycopg.connect(postgres_url) as conn:
            assert conn.execute("SELECT amount::text FROM genius.people").fetchone() == (number,)


def test_a_stream_can_be_left_out_but_not_renamed_by_stream_maps(postgres_url: str) -> None:
    assert people(postgres_url, row(1), stream_maps={"people": None}).exit_code == 0
    assert tables(postgres_url) == set()
    renamed = people(postgres_url, row(1), stream_maps={"people": {"__alias__": "persons"}})
    assert "Make a view with the other name" in (renamed.error or "")


def test_a_dry_run_stores_no_rejects_and_grows_its_twin(postgres_url: str) -> None:
    people(postgres_url, row(1))
    load(
        postgres_url,
        header("people"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", row(2), {"id": 3, "name": 5}),
        schema("people", {**PROPERTIES, "age": INTEGER}, replication_key="updated_at"),
        records("people", row(2, "Bo", FEB)),
        state({}, people="success"),
        dry_run=True,
    )
    run = last_run(postgres_url)
    assert (run.records_created, run.records_updated, run.records_failed) == (1, 1, 1)
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT count(*) FROM orchestration.sync_reject").fetchone() == (0,)


def test_a_bookmark_edited_after_the_tap_was_started_stays(postgres_url: str) -> None:
    people(postgres_url, row(1))
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        bookmarks.edit_bookmarks(conn, "genius", {"people": bookmark(JAN)}, author="Ann")
    load(
        postgres_url,
        header("people", bookmarks={"people": bookmark(FEB)}),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", row(2)),
        state({"people": bookmark("2026-04-01T00:00:00.000000+00:00")}, people="success"),
    )
    with psycopg.connect(postgres_url) as conn:
        assert bookmarks.current_bookmarks(conn, "genius") == {"people": bookmark(JAN)}
    assert last_run(postgres_url).records_created == 1


@pytest.mark.parametrize("names", [("Users", "users"), ("x", "x_sync")])
def test_two_streams_that_would_share_a_table_or_bookmark_are_refused(
    postgres_url: str, names: tuple[str, str]
) -> None:
    result = load(postgres_url, *(schema(name, {"id": INTEGER}) for name in names), default_target_schema="tap_x")
    assert f"The streams {names[0]} and {names[1]} would share" in (result.error or "")


@pytest.mark.parametrize("late", ["record", "reject", "schema"])
def test_a_stream_that_goes_on_after_its_end_is_an_error_of_the_tap(postgres_url: str, late: str) -> None:
    message: Any = {
        "record": records("people", row(2)),
        "reject": records("sync_rejects", {"stream": "people", "reason": "?", "category": "record"}),
        "schema": schema("people", {"id": INTEGER}),
    }[late]
    result = load(
        postgres_url,
        header("people"),
        schema("people", PROPERTIES),
        records("people", row(1)),
        state({"people": bookmark(FEB)}, people="success"),
        message,
        batch_size_rows=1,
    )
    assert "goes on after its final report" in (result.error or "")


def test_a_database_of_another_encoding_is_refused(postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2] + "_latin"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0".encode())
        try:
            result = people(postgres_url.rpartition("/")[0] + f"/{name}", row(1))
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    assert "has the encoding LATIN1" in (result.error or "")
