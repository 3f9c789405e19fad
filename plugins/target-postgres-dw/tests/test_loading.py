"""Rows, counts, rejects, history and bookmarks: what one run leaves in the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sync_history import runs
from target_postgres_dw.run import Run
from target_postgres_dw.testing import (
    DATE_TIME,
    INTEGER,
    NUMBER,
    TEXT,
    Message,
    bookmark,
    header,
    load,
    records,
    schema,
    state,
)

PROPERTIES = {"id": INTEGER, "name": TEXT, "amount": NUMBER, "updated_at": DATE_TIME}
JAN, FEB, MAR = (f"2026-0{month}-01T00:00:00.000000+00:00" for month in (1, 2, 3))


def people(*rows: dict[str, Any], stored: str = MAR, status: str = "success") -> list[Message | list[Message]]:
    """Return the messages of a complete run of one stream."""
    return [
        header("people"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", *rows),
        state({"people": bookmark(stored)}, people=status),
    ]


def row(number: int, name: str = "Ann", updated_at: str | None = JAN, amount: float | None = 1.5) -> dict[str, Any]:
    return {"id": number, "name": name, "amount": amount, "updated_at": updated_at}


def last_run(url: str, stream: str = "people") -> runs.Run:
    with psycopg.connect(url) as conn:
        return runs.find_runs(conn, sync_type=stream, limit=1)[0]


def counts(url: str, stream: str = "people") -> tuple[int, int, int, int, int]:
    run = last_run(url, stream)
    return (
        run.records_created,
        run.records_updated,
        run.records_unchanged,
        run.records_failed,
        run.records_deleted,
    )


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(sql.encode()).fetchall()


def test_a_run_leaves_rows_counts_and_bookmark(postgres_url: str) -> None:
    result = load(postgres_url, *people(row(1), row(2, "Bo")))

    assert result.exit_code == 0
    assert query(postgres_url, "SELECT id, name, amount::text, updated_at FROM genius.people ORDER BY id") == [
        (1, "Ann", "1.5", datetime(2026, 1, 1, tzinfo=UTC)),
        (2, "Bo", "1.5", datetime(2026, 1, 1, tzinfo=UTC)),
    ]
    run = last_run(postgres_url)
    assert (run.status, run.records_processed, run.bookmark) == ("success", 2, bookmark(MAR))
    assert counts(postgres_url) == (2, 0, 0, 0, 0)
    assert run.configuration == {"page_size": 500}
    assert run.start_time == datetime(2026, 3, 1, tzinfo=UTC)
    assert run.performance_metrics["success_rate"] == 1
    assert set(run.performance_metrics) >= {"duration_seconds", "records_per_second", "requests", "retries"}


def test_state_is_printed_without_the_report_and_with_the_run_id(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELTANO_RUN_ID", "5e0b1a52-0000-4000-8000-000000000001")
    result = load(postgres_url, *people(row(1)))

    assert result.states == [
        {"bookmarks": {"people": bookmark(MAR)}, "sync_run_id": "5e0b1a52-0000-4000-8000-000000000001"}
    ]
    assert last_run(postgres_url).run_id == "5e0b1a52-0000-4000-8000-000000000001"


def test_state_is_printed_after_its_data_is_committed(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []
    print_state = Run._print_state

    def watching(run: Run, state: dict[str, Any] | None) -> None:
        sql = (
            "SELECT (SELECT count(*) FROM genius.people), records_created, bookmark IS NOT NULL"
            " FROM orchestration.sync_history"
        )
        seen.extend(query(postgres_url, sql))
        print_state(run, state)

    monkeypatch.setattr(Run, "_print_state", watching)
    result = load(postgres_url, *people(row(1), row(2)))

    assert seen == [(2, 2, True)]
    assert len(result.states) == 1


def test_rows_do_not_outlive_a_history_that_cannot_be_written(postgres_url: str) -> None:
    load(postgres_url, *people(row(1)))
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF NEW.records_created > 0 THEN RAISE disk_full; END IF; RETURN NEW; END $$;"
            " CREATE TRIGGER refuse BEFORE UPDATE ON orchestration.sync_history"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    result = load(postgres_url, *people(row(2), row(3), stored="2026-04-01T00:00:00.000000+00:00"))

    assert result.exit_code == 1
    assert result.states == []
    assert query(postgres_url, "SELECT id FROM genius.people") == [(1,)]
    run = last_run(postgres_url)
    assert (run.status, run.error_category, run.records_processed, run.bookmark) == ("failed", "warehouse", 0, None)
    with psycopg.connect(postgres_url) as conn:
        current = conn.execute("SELECT bookmark FROM orchestration.current_bookmark").fetchall()
    assert current == [(bookmark(MAR),)]


def test_the_same_input_again_changes_nothing(postgres_url: str) -> None:
    rows = [row(number, f"name {number}") for number in range(2500)]
    load(postgres_url, *people(*rows))
    versions = "SELECT ctid::text, xmin::text FROM genius.people ORDER BY id"
    before = query(postgres_url, versions)
    load(postgres_url, *people(*rows))

    assert counts(postgres_url) == (0, 0, 2500, 0, 0)
    assert query(postgres_url, versions) == before  # no row was written again, so there is no dead one


def test_created_updated_and_unchanged_are_told_apart(postgres_url: str) -> None:
    load(postgres_url, *people(row(1), row(2), row(3)))
    load(postgres_url, *people(row(1), row(2, "Bea", FEB), row(3, amount=None), row(4)))

    assert counts(postgres_url) == (1, 2, 1, 0, 0)
    assert query(postgres_url, "SELECT name, amount FROM genius.people WHERE id IN (2, 3) ORDER BY id")[1][1] is None


def test_a_newer_stored_row_stays_unless_forced(postgres_url: str) -> None:
    load(postgres_url, *people(row(1, "new", FEB)))
    load(postgres_url, *people(row(1, "old", JAN)))
    assert counts(postgres_url) == (0, 0, 1, 0, 0)
    assert query(postgres_url, "SELECT name FROM genius.people") == [("new",)]

    load(postgres_url, *people(row(1, "old", JAN)), force=True)
    assert counts(postgres_url) == (0, 1, 0, 0, 0)
    assert query(postgres_url, "SELECT name FROM genius.people") == [("old",)]
    assert last_run(postgres_url).configuration["force"] is True


@pytest.mark.parametrize("force", [False, True])
def test_of_two_rows_with_one_key_the_newer_wins_and_of_equals_the_last(postgres_url: str, *, force: bool) -> None:
    load(
        postgres_url,
        *people(row(1, "b", FEB), row(1, "a", JAN), row(2, "first"), row(2, "last"), row(3, "c", None), row(3, "d")),
        force=force,
    )

    assert query(postgres_url, "SELECT name FROM genius.people ORDER BY id") == [("b",), ("last",), ("d",)]
    assert counts(postgres_url) == (3, 0, 3, 0, 0)


def test_a_bookmark_never_goes_down_by_a_run(postgres_url: str) -> None:
    load(postgres_url, *people(row(1), stored=MAR))
    load(postgres_url, *people(row(1), stored=FEB))

    assert last_run(postgres_url).bookmark == bookmark(MAR)
    assert last_run(postgres_url).bookmark_before == bookmark(MAR)


def test_a_tap_that_ends_without_a_word_has_failed(postgres_url: str) -> None:
    result = load(
        postgres_url,
        header("people", "pets"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", row(1)),
        state({"people": bookmark(JAN)}, people="running"),
        records("people", row(2)),
    )

    assert result.exit_code == 1
    assert "pets" in (result.error or "")
    run = last_run(postgres_url)
    assert (run.status, run.error_category, run.records_created) == ("failed", "interrupted", 2)
    assert run.bookmark == bookmark(JAN)
    assert last_run(postgres_url, "pets").status == "failed"


def test_a_stream_that_its_tap_reports_failed_keeps_its_bookmark_and_rows(postgres_url: str) -> None:
    report = {"status": "failed", "error": "Genius said no.", "error_category": "permission", "endpoint": "person"}
    result = load(
        postgres_url,
        header("people", "pets"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", row(1)),
        state({"people": bookmark(JAN)}, people=report, pets="success"),
    )

    run = last_run(postgres_url)
    assert (run.status, run.error_message, run.error_category) == ("failed", "Genius said no.", "permission")
    assert (run.endpoint, run.records_created) == ("person", 1)
    assert last_run(postgres_url, "pets").status == "success"
    assert result.exit_code == 0  # the tap ends non-zero for what it reported itself


FOUR = {"resume": {"last_key": [4]}}


def test_rows_of_a_keyless_stream_wait_for_the_state_that_covers_them(postgres_url: str) -> None:
    log = schema("log", {"line": TEXT}, key=())
    lines = [{"line": f"line {number}"} for number in range(10)]
    load(
        postgres_url,
        header("log"),
        log,
        records("log", *lines[:4]),
        state({"log": FOUR}, log="running"),
        records("log", *lines[4:7]),
    )
    assert query(postgres_url, "SELECT count(*) FROM genius.log") == [(4,)]

    again = header("log", bookmarks={"log": FOUR})
    load(postgres_url, again, log, records("log", *lines[4:]), state({"log": {}}, log="success"))
    assert query(postgres_url, "SELECT count(*), count(DISTINCT line) FROM genius.log") == [(10, 10)]
    assert counts(postgres_url, "log") == (6, 0, 0, 0, 0)


@pytest.mark.parametrize("bookmarks", [{}, {"log": {"resume": {"last_key": [2]}}}], ids=["none", "older"])
def test_rows_without_a_key_that_another_run_may_have_loaded_are_refused(
    postgres_url: str, bookmarks: dict[str, Any]
) -> None:
    """Two runs were started at once; the second waited for the first, with the bookmark of before."""
    log = schema("log", {"line": TEXT}, key=())
    pets = [schema("pets", {"id": INTEGER}), *records("pets", {"id": 1})]
    first = [log, *records("log", {"line": "one"}), *pets, state({"log": FOUR}, log="success", pets="success")]
    second = [*pets, log, *records("log", {"line": "one"}), state({"log": FOUR}, log="success", pets="success")]
    assert load(postgres_url, header("log", "pets"), first).error is None
    result = load(postgres_url, header("log", "pets", bookmarks=bookmarks), second)
    assert "genius log: another run loaded rows after this tap had been given its bookmark" in (result.error or "")
    assert query(postgres_url, "SELECT line FROM genius.log") == [("one",)]
    assert [last_run(postgres_url, name).error_category for name in ("log", "pets")] == ["overlap", "overlap"]

    with psycopg.connect(postgres_url) as conn:
        conn.execute("UPDATE orchestration.sync_history SET heartbeat_at = heartbeat_at - interval '1 hour'")
    assert load(postgres_url, header("log", "pets", bookmarks={"log": FOUR}), second).error is None
    # Long after the other run an absent bookmark means: read all again.
    with psycopg.connect(postgres_url) as conn:
        conn.execute("UPDATE orchestration.sync_history SET heartbeat_at = heartbeat_at - interval '1 hour'")
    assert load(postgres_url, header("log", "pets"), second).error is None
    assert query(postgres_url, "SELECT count(*) FROM genius.log") == [(3,)]


def test_keyless_rows_without_any_state_do_not_fill_the_memory(postgres_url: str) -> None:
    lines = [{"line": f"line {number}"} for number in range(50)]
    load(
        postgres_url,
        header("log"),
        schema("log", {"line": TEXT}, key=()),
        records("log", *lines),
        batch_size_rows=10,
    )
    assert query(postgres_url, "SELECT count(*) FROM genius.log") == [(40,)]


def test_a_run_is_committed_in_steps(postgres_url: str) -> None:
    steps = [
        [*records("people", row(number)), state({"people": bookmark(JAN, resume={"last_key": [number]})})]
        for number in range(6)
    ]
    messages = [message for step in steps for message in step]
    result = load(
        postgres_url,
        header("people"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        messages,
        state({"people": bookmark(MAR)}, people="success"),
        batch_size_rows=2,
    )

    keys = [value["bookmarks"]["people"].get("resume", {}).get("last_key") for value in result.states]
    assert keys == [[1], [3], [5], None]
    assert counts(postgres_url) == (6, 0, 0, 0, 0)
    assert last_run(postgres_url).bookmark == bookmark(MAR)


def test_a_run_whose_row_was_closed_from_outside_cannot_commit(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        load(postgres_url, *people(row(1)))
        conn.execute(
            "CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := 'failed';"
            " NEW.end_time := now(); RETURN NEW; END $$;"
            " CREATE TRIGGER steal BEFORE INSERT ON orchestration.sync_history"
            " FOR EACH ROW EXECUTE FUNCTION steal()"
        )
        result = load(postgres_url, *people(row(2)))

        assert result.exit_code == 1
        assert "closed from outside" in (result.error or "")
        assert query(postgres_url, "SELECT id FROM genius.people") == [(1,)]


def test_a_second_run_of_a_stream_is_refused_by_the_name_of_the_first(postgres_url: str) -> None:
    load(postgres_url, *people(row(1)))
    with psycopg.connect(postgres_url, autocommit=True) as holder:
        assert runs.take_locks(holder, "genius", ["pets"]) is None
        runs.open_run(
            holder,
            run_id="the-first",
            crm_source="genius",
            sync_type="pets",
            started_at=datetime(2026, 1, 1, tzinfo=UTC),
            configuration={},
            bookmark_before=None,
        )
        result = load(postgres_url, header("people", "pets"), schema("people", PROPERTIES), records("people", row(2)))

    assert result.exit_code == 1
    assert "the-first" in (result.error or "")
    assert query(postgres_url, "SELECT id FROM genius.people") == [(1,)]
    for stream in ("people", "pets"):
        run = last_run(postgres_url, stream)
        assert (run.status, run.error_category) == ("failed", "overlap")
    assert load(postgres_url, *people(row(2))).exit_code == 0  # the refused run held on to nothing


def test_the_running_row_of_a_dead_process_is_closed_by_the_next_run(postgres_url: str) -> None:
    load(postgres_url, *people(row(1)))
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        for stream in ("people", "pets"):
            runs.open_run(
                conn,
                run_id="dead",
                crm_source="genius",
                sync_type=stream,
                started_at=datetime(2026, 1, 1, tzinfo=UTC),
                configuration={},
                bookmark_before=None,
            )
        assert load(postgres_url, *people(row(1))).exit_code == 0
        dead = runs.find_runs(conn, run_id="dead")

    assert {(run.sync_type, run.status, run.error_category) for run in dead} == {
        ("people", "failed", "interrupted"),
        ("pets", "failed", "interrupted"),
    }


def test_a_tap_without_a_header_succeeds_at_the_end_of_its_input(postgres_url: str) -> None:
    result = load(
        postgres_url,
        schema("public-Users", PROPERTIES, replication_key="updated_at"),
        records("public-Users", row(1)),
        {"type": "STATE", "value": {"bookmarks": {"public-Users": bookmark(JAN)}}},
        records("public-Users", row(2)),
        default_target_schema="tap_github",
    )

    assert result.exit_code == 0
    run = last_run(postgres_url, "public_users")
    assert (run.crm_source, run.status, run.records_created, run.bookmark) == ("github", "success", 2, bookmark(JAN))
    assert query(postgres_url, "SELECT count(*) FROM tap_github.public_users") == [(2,)]


def test_a_bookmark_stays_with_a_stream_whose_later_flushes_bring_nothing_new(postgres_url: str) -> None:
    load(
        postgres_url,
        header("people", "pets"),
        schema("people", PROPERTIES, replication_key="updated_at"),
        records("people", row(1)),
        state({"people": bookmark(FEB)}, people="success"),
        schema("pets", {"id": INTEGER}),
        [
            message
            for number in range(5)
            for message in (*records("pets", {"id": number}), state({"people": bookmark(FEB)}))
        ],
        state({"people": bookmark(FEB), "pets": {}}, pets="success"),
        batch_size_rows=1,
    )
    assert last_run(postgres_url).bookmark == bookmark(FEB)
    assert last_run(postgres_url, "pets").bookmark == {}


@pytest.mark.parametrize("end", [[], [{"type": "RECORD", "stream": "cats", "record": {}}]], ids=["well", "badly"])
def test_a_run_that_has_ended_holds_no_lock(postgres_url: str, end: list[dict[str, Any]]) -> None:
    """Postgres notices a closed connection a moment later; the next run may begin sooner. Here it never does."""
    held = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE datname = current_database()"
    close = psycopg.Connection.close
    left_open: list[psycopg.Connection] = []

    def leave_open(connection: psycopg.Connection) -> None:
        left_open.append(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "close", leave_open)
        assert bool(load(postgres_url, *people(row(1)), *end).error) == bool(end)
    assert left_open
    assert query(postgres_url, f"{held} AND locktype = 'advisory'") == [(0,)]
    for connection in left_open:
        close(connection)
