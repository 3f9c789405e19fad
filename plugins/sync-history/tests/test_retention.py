"""Old rows go; what somebody still needs stays, however old it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sync_history import bookmarks, rejects, runs, schema
from sync_history.retention import prune

if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP = timedelta(days=90)


class History:
    """Writes rows that ended so many days ago."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def run(self, days: float = 100, stream: str = "people", error: str | None = None, **more: Any) -> int:
        """Write a row, and return its id."""
        row = runs.open_run(
            self.conn,
            run_id="r",
            crm_source="genius",
            sync_type=stream,
            started_at=datetime.now(UTC),
            configuration=more.get("configuration", {}),
            bookmark_before=None,
        )
        runs.record_progress(
            self.conn,
            row,
            counts=runs.Counts(failed=more.get("failed", 0)),
            bookmark=more.get("bookmark"),
            metrics=more.get("metrics", {}),
            endpoint=None,
        )
        if not more.get("running"):
            runs.close_run(self.conn, row, error=error, category=more.get("category"))
        self.age(row, days)
        return row

    def age(self, row: int, days: float) -> None:
        """Move a row into the past."""
        self.conn.execute(
            "UPDATE orchestration.sync_history SET start_time = now() - %(age)s, end_time = CASE WHEN end_time IS NOT"
            " NULL THEN now() - %(age)s END WHERE id = %(id)s",
            {"age": timedelta(days=days), "id": row},
        )

    def reject(self, row: int, *, answered: float | None = None) -> int:
        """Write a reject of a row; answered so many days ago."""
        reject = rejects.Reject("people", "no date", "record", {"id": row}, {"id": row})
        rejects.store(self.conn, history_id=row, crm_source="genius", rejects=[reject])
        newest = rejects.find(self.conn, limit=1)[0].id
        if answered is not None:
            rejects.resolve(self.conn, [newest], "discarded: a test")
            self.conn.execute(
                "UPDATE orchestration.sync_reject SET resolved_at = now() - %s WHERE id = %s",
                (timedelta(days=answered), newest),
            )
        return newest

    @property
    def ids(self) -> list[int]:
        """The rows that are there."""
        return [number for (number,) in self.conn.execute("SELECT id FROM orchestration.sync_history ORDER BY id")]


@pytest.fixture
def history(postgres_url: str) -> Iterator[History]:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        schema.migrate(conn)
        yield History(conn)


def test_old_rows_go_and_young_ones_stay(history: History) -> None:
    old = [history.run(), history.run(error="x"), history.run(91)]
    young = [history.run(89), history.run(0)]
    done = prune(history.conn, KEEP)
    assert (done.rows, done.rejects, done.kept) == (len(old), 0, {})
    assert history.ids == young


def test_a_dry_run_counts_the_same_and_removes_nothing(history: History) -> None:
    history.reject(history.run(), answered=95)
    for days in (100, 100, 0):
        history.run(days)
    before = history.ids
    dry = prune(history.conn, KEEP, dry_run=True)
    assert history.ids == before
    assert (dry.rows, dry.rejects) == (3, 1)
    assert prune(history.conn, KEEP) == dry


def test_the_last_success_and_the_last_attempt_of_each_stream_stay(history: History) -> None:
    history.run()
    success = history.run()
    history.run(configuration={"dry_run": True})
    history.run(error="x")
    attempt = history.run(error="x")
    history.run(error="refused", category="overlap")
    partial = history.run(stream="orders", failed=1)
    done = prune(history.conn, KEEP)
    assert history.ids == [success, attempt, partial]
    assert done.kept == {"last success": 1, "last attempt": 2}


def test_the_row_of_the_current_bookmark_stays(history: History) -> None:
    history.run(bookmark={"replication_key_value": "1"})
    current = history.run(bookmark={"replication_key_value": "2"})
    history.run()
    last = history.run(1)
    done = prune(history.conn, KEEP)
    assert history.ids == [current, last]
    assert done.kept == {"current bookmark": 1}
    assert bookmarks.current_bookmarks(history.conn, "genius") == {"people": {"replication_key_value": "2"}}


def test_a_current_edit_of_an_operator_stays_and_is_no_success(history: History) -> None:
    success = history.run()
    for value in ("1", "2"):
        bookmarks.edit_bookmarks(history.conn, "genius", {"people": {"replication_key_value": value}}, "ann", "why")
        history.age(history.ids[-1], 100)
    edit = history.ids[-1]
    prune(history.conn, KEEP)
    assert history.ids == [success, edit]


def test_a_run_at_work_stays_however_long_it_takes(history: History) -> None:
    running = history.run(running=True)
    history.run(1)
    assert prune(history.conn, KEEP).kept == {"at work": 1}
    assert running in history.ids


def test_rows_of_open_rejects_stay_with_them(history: History) -> None:
    row = history.run(failed=1)
    waiting = history.reject(row)
    history.run(1)
    assert prune(history.conn, KEEP).kept == {"reject": 1}
    assert row in history.ids
    assert [one.id for one in rejects.find(history.conn)] == [waiting]


def test_answered_rejects_go_once_they_and_their_row_are_old(history: History) -> None:
    gone = history.reject(history.run(failed=1), answered=91)
    fresh_answer = history.run(failed=1)
    kept = history.reject(fresh_answer, answered=5)
    fresh_row = history.run(5, failed=1)
    also_kept = history.reject(fresh_row, answered=91)
    done = prune(history.conn, KEEP)
    assert (done.rows, done.rejects) == (1, 1)
    assert history.ids == [fresh_answer, fresh_row]
    left = {one.id for one in rejects.find(history.conn, resolved=True)}
    assert left == {kept, also_kept}
    assert gone not in left


def test_the_last_table_version_stays(history: History) -> None:
    history.run(metrics={"table_version": 1})
    version = history.run(metrics={"table_version": 2})
    history.run()
    last = history.run(1)
    assert prune(history.conn, KEEP).kept == {"table version": 1}
    assert history.ids == [version, last]
    assert runs.last_metric(history.conn, "genius", "people", "table_version") == 2
