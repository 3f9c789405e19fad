"""Dry runs, stream maps, and other ways to run the loader."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sync_history import bookmarks, runs
from target_postgres_dw.testing import DATE_TIME, INTEGER, TEXT, Result, bookmark, header, load, records, schema, state

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


@pytest.mark.parametrize("limit", [{"batch_size_bytes": 60}, {"batch_size_rows": 1}], ids=["bytes", "rows"])
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
