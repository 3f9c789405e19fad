"""Rows of the system before this one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sync_history import bookmarks, imported, runs, schema
from sync_history.imported import NotImportableError, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def conn(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        schema.migrate(connection)
        yield connection


def old(**more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "status": "success",
        "start_time": "2025-05-01 08:00:00+02",
        "end_time": "2025-05-01 06:10:00",
        "records_processed": 10,
        "records_created": 2,
        "records_updated": 3,
        "records_failed": 0,
        **more,
    }


def test_a_row_in_the_form_of_this_history() -> None:
    row = normalised(old(endpoint="/x" * 200), "genius", "people")
    assert row.start_time == datetime(2025, 5, 1, 6, 0, tzinfo=UTC)
    assert row.end_time == datetime(2025, 5, 1, 6, 10, tzinfo=UTC)
    assert row.counts == (2, 3, 5, 0)
    assert len(row.endpoint or "") == 200
    assert row.details["narrowed"] is False


@pytest.mark.parametrize(
    ("word", "failed", "status"),
    [
        ("success", 0, "success"),
        ("SUCCESS", 0, "success"),
        ("completed", 0, "success"),
        ("completed", 2, "partial"),
        ("partial", 2, "partial"),
        ("error", 0, "failed"),
        ("failed", 5, "failed"),
        ("running", 0, "failed"),
    ],
)
def test_statuses_become_todays(word: str, failed: int, status: str) -> None:
    assert normalised(old(status=word, records_failed=failed), "genius", "people").status == status


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("429 Too Many Requests", "rate_limit"),
        ("HTTP 401: token hunter2", "authentication"),
        ("403 Forbidden", "permission"),
        ("Connection reset by peer", "connection"),
        ("Validation of ann@example.com", "data"),
        ("No idea", "source"),
    ],
)
def test_of_an_error_the_category_is_kept_and_not_the_text(
    conn: psycopg.Connection, message: str, category: str
) -> None:
    row = normalised(
        old(
            status="error",
            error_message=message,
            configuration={"api_key": "hunter2", "mode": "hunter 2", "full": True, "start_date": "2025-01-01"},
            performance_metrics={"duration_seconds": 4, "last_record": "ann@example.com"},
        ),
        "genius",
        "people",
    )
    assert row.category == category
    imported.store(conn, [row])
    [(text, metrics)] = conn.execute(
        "SELECT row_to_json(h)::text, performance_metrics FROM orchestration.sync_history h"
    ).fetchall()
    assert "hunter" not in text
    assert "example.com" not in text
    assert metrics == {"duration_seconds": 4}


def test_a_run_that_was_never_closed_was_interrupted() -> None:
    row = normalised(old(status="running", end_time=None), "genius", "people")
    assert (row.status, row.category, row.end_time) == ("failed", "interrupted", row.start_time)


@pytest.mark.parametrize(
    "counts",
    [
        {"records_processed": 0, "records_created": 9},
        {"records_processed": "12", "records_created": "", "records_updated": None},
        {"records_processed": -3, "records_failed": "x"},
    ],
)
def test_counts_add_up_however_the_old_ones_were(conn: psycopg.Connection, counts: dict[str, Any]) -> None:
    assert imported.store(conn, [normalised(old(**counts), "genius", "people")]) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [({"id": None}, "no id"), ({"start_time": ""}, "no start"), ({"status": "odd"}, "odd"), ({"id": -1}, "range")],
)
def test_what_makes_no_sense_is_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(NotImportableError, match=told):
        normalised(old(**more), "genius", "people")


def test_a_row_is_taken_over_once_and_never_the_newest(conn: psycopg.Connection) -> None:
    ours = runs.open_run(
        conn,
        run_id="r",
        crm_source="genius",
        sync_type="people",
        started_at=datetime(2024, 1, 1, tzinfo=UTC),
        configuration={},
        bookmark_before=None,
    )
    rows = [normalised(old(id=number), "genius", stream) for number, stream in ((8, "people"), (9, "pets"))]
    assert imported.store(conn, rows) == 2
    assert imported.store(conn, rows) == 0
    assert [run.id for run in runs.latest_runs(conn)] == [ours]
    history = runs.find_runs(conn)
    assert [run.run_id for run in history] == ["r", "imported-9", "imported-8"]
    assert bookmarks.current_bookmarks(conn, "genius") == {}


def test_the_start_of_the_last_good_whole_run_is_known(conn: psycopg.Connection) -> None:
    later = {"start_time": "2025-06-01 00:00:00+00"}
    rows = [
        normalised(old(), "genius", "people"),
        normalised(old(id=8, status="error", **later), "genius", "people"),
        normalised(old(id=9, records_failed=1, **later), "genius", "people"),
        normalised(old(id=10, configuration={"max_records": 10}, **later), "genius", "people"),
        normalised(old(id=11, configuration={"dry_run": True}, **later), "genius", "people"),
        normalised(old(id=12, status="error"), "genius", "pets"),
    ]
    imported.store(conn, rows)
    assert imported.last_successes(conn) == {("genius", "people"): datetime(2025, 5, 1, 6, 0, tzinfo=UTC)}
