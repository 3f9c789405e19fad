"""The orchestration schema, and what its rows promise."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sync_history import bookmarks, rejects, runs, schema
from sync_history.names import crm_source_of, sync_type_of, tap_of_state_id

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def conn(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        schema.migrate(connection)
        yield connection


def open_run(conn: psycopg.Connection, stream: str = "people", run_id: str = "r", **more: Any) -> int:
    values = {"crm_source": "genius", "started_at": START, "configuration": {}, "bookmark_before": None, **more}
    return runs.open_run(conn, run_id=run_id, sync_type=stream, **values)


def progress(conn: psycopg.Connection, row: int, **counts: int) -> None:
    runs.record_progress(
        conn, row, counts=runs.Counts(**counts), bookmark={"n": row}, metrics={"requests": 1}, endpoint="e" * 300
    )


def test_migrating_twice_does_nothing(conn: psycopg.Connection) -> None:
    before = conn.execute("SELECT version, applied_at FROM orchestration.schema_version").fetchall()
    schema.migrate(conn)
    assert conn.execute("SELECT version, applied_at FROM orchestration.schema_version").fetchall() == before
    assert [version for version, _ in before] == [version for version, _ in schema.migrations()]
    assert schema.is_migrated(conn)


def test_two_first_runs_at_once_do_not_collide(postgres_url: str) -> None:
    errors: list[BaseException] = []
    gate = threading.Barrier(4)

    def first_run() -> None:
        try:
            with psycopg.connect(postgres_url, autocommit=True) as conn:
                assert not schema.is_migrated(conn)
                gate.wait(30)
                schema.migrate(conn)
        except BaseException as error:  # noqa: BLE001 -- the test reports it
            errors.append(error)

    threads = [threading.Thread(target=first_run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_a_newer_database_is_left_alone(conn: psycopg.Connection) -> None:
    conn.execute("INSERT INTO orchestration.schema_version (version) VALUES (999)")
    with pytest.raises(schema.SchemaTooNewError, match="version 999"):
        schema.migrate(conn)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'completed', end_time = now()",
        "status = 'success'",
        "end_time = now()",
        "crm_source = 'Genius'",
        "crm_source = 'genius_db'",
        "sync_type = 'all'",
        "sync_type = 'people_sync'",
        "sync_type = 'People'",
        "records_processed = 1",
        "records_created = 1",
        "records_deleted = -1",
    ],
)
def test_the_table_refuses_what_the_rules_forbid(conn: psycopg.Connection, change: str) -> None:
    open_run(conn)
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(f"UPDATE orchestration.sync_history SET {change}".encode())


def test_a_run_from_start_to_end(conn: psycopg.Connection) -> None:
    row = open_run(conn)
    progress(conn, row, created=2, updated=1)
    progress(conn, row, unchanged=3, failed=1, deleted=5)
    assert runs.close_run(conn, row) == "partial"

    (run,) = runs.latest_runs(conn)
    assert (run.status, run.records_processed, run.records_deleted, run.bookmark) == ("partial", 7, 5, {"n": row})
    assert run.endpoint == "e" * 200
    assert run.end_time is not None
    assert run.performance_metrics["success_rate"] == pytest.approx(0.8571)
    assert runs.latest_runs(conn, "hubspot") == []


@pytest.mark.parametrize(("error", "status"), [(None, "success"), ("it broke", "failed")])
def test_the_status_follows_from_errors(conn: psycopg.Connection, error: str | None, status: str) -> None:
    row = open_run(conn)
    assert runs.close_run(conn, row, error=error, category="source" if error else None) == status


def test_a_closed_row_cannot_be_moved_any_more(conn: psycopg.Connection) -> None:
    row = open_run(conn)
    runs.close_run(conn, row)
    with pytest.raises(runs.LostRunError):
        progress(conn, row, created=1)
    with pytest.raises(runs.LostRunError):
        runs.beat(conn, [row])
    with pytest.raises(runs.LostRunError):
        runs.close_run(conn, row)


def test_only_rows_whose_lock_is_free_are_stale(conn: psycopg.Connection, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as living:
        assert runs.take_locks(living, "genius", ["alive"]) is None
        alive, dead, own = (open_run(conn, stream) for stream in ("alive", "dead", "own"))
        closed = runs.close_stale_runs(conn, own=[own])
        assert [run.id for run in closed] == [dead]
        assert closed[0].status == "failed"
        runs.beat(conn, [alive, own])
        # A server frees the locks of a connection a moment after its client has closed it.
        living.execute("SELECT pg_advisory_unlock_all()")
    assert {run.id for run in runs.close_stale_runs(conn)} == {alive, own}
    assert runs.close_stale_runs(conn) == []


def test_locks_are_taken_all_or_none(conn: psycopg.Connection, postgres_url: str) -> None:
    with (
        psycopg.connect(postgres_url, autocommit=True) as first,
        psycopg.connect(postgres_url, autocommit=True) as second,
    ):
        assert runs.take_locks(first, "genius", ["b"]) is None
        assert runs.take_locks(second, "genius", ["c", "b", "a"]) == "b"
        assert runs.take_locks(conn, "genius", ["a", "c"]) is None
        assert runs.take_locks(second, "hubspot", ["b"]) is None


def test_runs_are_found_by_what_they_are(conn: psycopg.Connection) -> None:
    first, second = open_run(conn, "people", "one"), open_run(conn, "pets", "two")
    bookmarks.edit_bookmarks(conn, "genius", {"people": {"a": 1}}, author="Ann")

    assert [run.id for run in runs.find_runs(conn)] == [second, first]
    assert [run.id for run in runs.find_runs(conn, run_id="one")] == [first]
    assert [run.id for run in runs.find_runs(conn, sync_type="pets", limit=1)] == [second]
    assert len(runs.find_runs(conn, crm_source="genius", edits=True)) == 3
    assert runs.running_run(conn, "genius", "pets") == {"run_id": "two", "start_time": START}
    assert runs.running_run(conn, "genius", "cars") is None


def test_a_run_that_never_read_leaves_a_failed_row_per_stream(conn: psycopg.Connection) -> None:
    runs.record_failure(
        conn,
        run_id="r",
        crm_source="genius",
        streams=["people", "pets"],
        error_message="The password has expired.",
        error_category="authentication",
        started_at=START,
    )
    assert {(run.sync_type, run.status, run.error_category, run.bookmark) for run in runs.find_runs(conn)} == {
        ("people", "failed", "authentication", None),
        ("pets", "failed", "authentication", None),
    }


def test_a_metric_is_that_of_the_last_complete_run(conn: psycopg.Connection) -> None:
    for version, error in ((1, None), (2, "no")):
        row = open_run(conn)
        runs.record_progress(
            conn, row, counts=runs.Counts(), bookmark=None, metrics={"table_version": version}, endpoint=None
        )
        runs.close_run(conn, row, error=error)
    assert runs.last_metric(conn, "genius", "people", "table_version") == 1
    assert runs.last_metric(conn, "genius", "people", "other") is None


def test_counts_are_false_when_nothing_was_counted() -> None:
    assert not runs.Counts()
    assert runs.Counts(deleted=1)


# -- bookmarks ---------------------------------------------------------------------------------------------------------


def test_the_bookmark_is_that_of_the_newest_row_that_has_one(conn: psycopg.Connection) -> None:
    first = open_run(conn)
    progress(conn, first)
    second = open_run(conn)
    assert bookmarks.current_bookmarks(conn, "genius") == {"people": {"n": first}}
    progress(conn, second)
    assert bookmarks.current_bookmarks(conn, "genius") == {"people": {"n": second}}
    assert bookmarks.current_bookmarks(conn, "hubspot") == {}


def test_an_edit_is_a_row_with_an_author(conn: psycopg.Connection) -> None:
    row = open_run(conn)
    progress(conn, row)
    changed = bookmarks.edit_bookmarks(conn, "genius", {"people": {"n": 5}, "pets": None, "cars": {}}, author="Ann")

    assert changed == ["people"]
    assert bookmarks.current_bookmarks(conn, "genius") == {"people": {"n": 5}}
    edit = runs.find_runs(conn, edits=True)[0]
    assert (edit.configuration, edit.bookmark_before) == ({"edited_by": "Ann"}, {"n": row})

    assert bookmarks.edit_bookmarks(conn, "genius", {"people": None}, author="Bo") == ["people"]
    assert bookmarks.current_bookmarks(conn, "genius") == {}


def mark(value: object, key: str = "updated_at", **more: object) -> dict[str, object]:
    return {"replication_key": key, "replication_key_value": value, **more}


@pytest.mark.parametrize(
    ("stored", "incoming", "result"),
    [
        (None, mark(1), mark(1)),
        (mark(5), mark(4), mark(5)),
        (mark(5), mark(6), mark(6)),
        (mark(5), mark("a"), mark("a")),
        (
            mark("2026-01-01T00:00:00+00:00"),
            mark("2026-01-01T00:00:00.000001+00:00"),
            mark("2026-01-01T00:00:00.000001+00:00"),
        ),
        (mark("2026-01-01T02:00:00+02:00"), mark("2025-12-31T23:00:00"), mark("2026-01-01T02:00:00+02:00")),
        (mark("b"), mark("a"), mark("b")),
        # Digits alone are an id, even where they could be read as the first of January.
        (mark("202501012101010061674780"), mark("202501011101010061674790"), mark("202501012101010061674780")),
        (mark(9), mark(1, key="id"), mark(1, key="id")),
        (mark(9), {}, mark(9)),
        (mark(9), {"resume": {"last_key": [1]}}, mark(9, resume={"last_key": [1]})),
        ({"resume": {"last_key": [1]}}, {}, {}),
        (mark(9), {"replication_key": "updated_at", "resume": {"last_key": [1]}}, mark(9, resume={"last_key": [1]})),
        (mark(9, resume={"last_key": [1]}), mark(9), mark(9)),
    ],
)
def test_a_run_never_lowers_a_bookmark(stored: Any, incoming: Any, result: Any) -> None:
    assert bookmarks.advance(stored, incoming) == result


# -- rejects -----------------------------------------------------------------------------------------------------------


def test_rejects_are_kept_once_and_counted(conn: psycopg.Connection) -> None:
    row = open_run(conn)
    twice = rejects.Reject("people", "bad", "record", {"id": 1}, {"id": 1, "note": ["a\x00", {"\x00b": None}]})
    other = rejects.Reject("people", "bad", "value", {"id": 1}, None, "note")
    rejects.store(conn, history_id=row, crm_source="genius", rejects=[twice, twice, other])

    assert rejects.count_open(conn) == {("genius", "people"): 2}
    assert rejects.count_open(conn, "hubspot") == {}
    kept = conn.execute("SELECT times_seen, record, field FROM orchestration.sync_reject ORDER BY id").fetchall()
    assert kept == [(2, {"id": 1, "note": ["a\ufffd", {"\ufffdb": None}]}, None), (1, None, "note")]

    conn.execute("UPDATE orchestration.sync_reject SET resolved_at = now()")
    rejects.store(conn, history_id=row, crm_source="genius", rejects=[twice])
    assert rejects.count_open(conn) == {("genius", "people"): 1}


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [("tap-genius", "genius"), ("tap-hubspot-dw", "hubspot"), ("tap_hubspot_dw", "hubspot"), ("Tap-Foo.Bar", "foobar")],
)
def test_crm_source_of(name: str, source: str) -> None:
    assert crm_source_of(name) == source


def test_a_name_without_letters_is_no_source() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        crm_source_of("--")


@pytest.mark.parametrize(
    ("stream", "plain"),
    [
        ("job_statuses", "job_statuses"),
        ("public-Users", "public_users"),
        ("dealStages", "deal_stages"),
        ("all", "all_stream"),
        ("a_sync", "a"),
        ("!", "stream"),
    ],
)
def test_sync_type_of(stream: str, plain: str) -> None:
    assert sync_type_of(stream) == plain


@pytest.mark.parametrize(
    ("state_id", "tap"),
    [
        ("prod:tap-genius-to-target-postgres-dw", "tap-genius"),
        ("dev:tap-genius--prospects-to-target-postgres-dw:suffix", "tap-genius--prospects"),
        ("tap-genius-to-target-postgres-dw", "tap-genius"),
        ("my-own-name", None),
    ],
)
def test_tap_of_state_id(state_id: str, tap: str | None) -> None:
    assert tap_of_state_id(state_id) == tap


def test_the_last_run_of_a_schedule_has_the_worst_status_of_its_streams(conn: psycopg.Connection) -> None:
    hourly = {"configuration": {"schedule": "genius-hourly"}}
    for run_id, error in (("old", "It broke."), ("new", None)):
        rows = [open_run(conn, stream, run_id, **hourly) for stream in ("people", "deals")]
        if run_id == "new":
            conn.execute("UPDATE orchestration.sync_history SET start_time = now() WHERE run_id = 'new'")
        runs.close_run(conn, rows[0], error=error, category="source" if error else None)
        runs.close_run(conn, rows[1])
    open_run(conn, "others", "by hand")
    found = runs.last_scheduled_runs(conn)
    assert set(found) == {"genius-hourly"}
    assert (found["genius-hourly"]["run_id"], found["genius-hourly"]["status"]) == ("new", "success")
    running = open_run(conn, "people", "newest", **hourly, started_at=datetime.now(UTC))
    last = runs.last_scheduled_runs(conn)["genius-hourly"]
    assert (last["status"], last["ended_at"]) == ("running", None)
    runs.close_run(conn, running, error="It broke.", category="source")
    assert runs.last_scheduled_runs(conn)["genius-hourly"]["status"] == "failed"


def test_a_timeout_is_blamed_on_what_it_interrupted_alone(conn: psycopg.Connection) -> None:
    done, broken, left = (open_run(conn, stream) for stream in ("people", "deals", "calls"))
    runs.close_run(conn, done)
    runs.close_run(conn, broken, error="It broke.", category="source")
    runs.close_run(conn, left, error="Interrupted.", category="interrupted")
    runs.blame_timeout(conn, "r", "It took too long.")
    categories = {row.sync_type: row.error_category for row in runs.find_runs(conn, run_id="r")}
    assert categories == {"people": None, "deals": "source", "calls": "timeout"}


def reject(conn: psycopg.Connection, key: int, field: str = "name", category: rejects.Category = "record") -> int:
    """Store a reject, and return its id."""
    row = open_run(conn)
    one = rejects.Reject("people", f"{field} is odd", category, {"id": key}, {"id": key, field: "x"}, field)
    rejects.store(conn, history_id=row, crm_source="genius", rejects=[one])
    runs.close_run(conn, row)
    found = conn.execute("SELECT max(id) FROM orchestration.sync_reject").fetchone()
    assert found is not None
    return int(found[0])


def test_rejects_are_found_by_source_stream_reason_age_and_id(conn: psycopg.Connection) -> None:
    first, second = reject(conn, 1), reject(conn, 2, "born")
    conn.execute(
        "UPDATE orchestration.sync_reject SET last_seen_at = now() - interval '3 days' WHERE id = %s", (first,)
    )
    assert [one.id for one in rejects.find(conn)] == [second, first]
    assert [one.id for one in rejects.find(conn, reason="BORN")] == [second]
    assert [one.id for one in rejects.find(conn, ids=[first])] == [first]
    assert [one.id for one in rejects.find(conn, not_seen_for=timedelta(days=2))] == [first]
    assert [one.id for one in rejects.find(conn, limit=1)] == [second]
    assert rejects.find(conn, crm_source="hubspot") == rejects.find(conn, stream="deals") == []
    (found,) = rejects.find(conn, ids=[second], crm_source="genius", stream="people")
    assert (found.record_key, found.record, found.field) == ({"id": 2}, {"id": 2, "born": "x"}, "born")


def test_an_answered_reject_is_shown_only_when_it_is_asked_for(conn: psycopg.Connection) -> None:
    number = reject(conn, 1)
    assert rejects.resolve(conn, [number], "discarded: a test") == 1
    assert rejects.resolve(conn, [number], "again") == 0
    assert rejects.find(conn) == []
    (found,) = rejects.find(conn, resolved=True)
    assert found.resolution == "discarded: a test"
    assert found.resolved_at is not None


def test_a_record_that_is_refused_again_stays_open_whatever_the_reason(conn: psycopg.Connection) -> None:
    value, other = reject(conn, 1, category="value"), reject(conn, 2)
    again = rejects.Reject("people", "born is odd", "record", {"id": 1}, {"id": 1}, "born")
    assert rejects.resolve(conn, [value, other], "replayed", unless_refused_again=[again]) == 1
    assert [one.id for one in rejects.find(conn)] == [value]


def test_an_edit_says_who_and_why_and_the_current_bookmark_who_set_it(conn: psycopg.Connection) -> None:
    row = open_run(conn, run_id="run")
    progress(conn, row)
    runs.close_run(conn, row)
    (current,) = bookmarks.find_current(conn)
    assert (current.run_id, current.edited_by, current.bookmark) == ("run", None, {"n": row})
    assert bookmarks.edit_bookmarks(conn, "genius", {"people": None}, "ann@host", "read all again") == ["people"]
    (current,) = bookmarks.find_current(conn, "genius")
    assert (current.edited_by, current.reason, current.bookmark) == ("ann@host", "read all again", {})
    assert current.bookmark_before == {"n": row}
    assert bookmarks.find_edits(conn, "genius", "people", 10) == [current]
    assert bookmarks.find_edits(conn, "genius", "orders", 10) == []
    assert bookmarks.find_current(conn, "hubspot") == []


def test_the_windows_of_the_last_backfill_are_told_by_their_newest_row(conn: psycopg.Connection) -> None:
    wanted = {"from": "2026-01-01T00:00:00+00:00", "to": "2026-02-01T00:00:00+00:00", "step": "7d"}

    def window(id_: str, day: int, error: str | None = None, **other: str) -> int:
        told = {**wanted, "id": id_, "window": f"2026-01-{day:02}T00:00:00+00:00", **other}
        row = open_run(conn, configuration={"backfill": told})
        runs.close_run(conn, row, error=error, category="source" if error else None)
        return row

    window("old", 1)
    window("new", 8, error="x")
    second = window("new", 8)
    first = window("new", 1)
    window("other", 1, step="1d")
    found = runs.last_backfill(conn, "genius", "people", wanted)
    assert [row.id for row in found] == [first, second]
    assert runs.last_backfill(conn, "genius", "people", {**wanted, "step": "2d"}) == []
