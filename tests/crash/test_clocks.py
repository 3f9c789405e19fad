"""Clocks that jump, and a source whose transactions commit late: what is caught, and what is not.

The limits that docs/crash-tests.md names are tested as well: who moves one should know.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from crash import checks
from crash.pipeline import Mode, Pipe, history_of
from crash.servers import with_database
from crash.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crm_cli.servers.mariadb import Database

    from crash.pipeline import Attempt
    from crash.processes import Nursery, Running
    from crash.servers import Servers

ROWS = 300


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    with servers.new_warehouse() as name:
        yield with_database(servers.postgres.up(), name)


@pytest.fixture
def source(servers: Servers) -> Database:
    return servers.new_source(f"clock_{uuid.uuid4().hex[:8]}", ROWS)


@pytest.fixture
def pipe(tmp_path: Path, source: Database, url: str, nursery: Nursery) -> Pipe:
    return Pipe(tmp_path, source, url, state_every=100, starter=nursery)


@contextlib.contextmanager
def session(source: Database, **options: Any) -> Iterator[Any]:
    """A session of the source, in UTC."""
    with contextlib.closing(source.connect(**options)) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = ''")
        cursor.connection = connection
        yield cursor


def source_time(source: Database) -> datetime:
    with session(source) as cursor:
        cursor.execute("SELECT UTC_TIMESTAMP()")
        [(now,)] = cursor.fetchall()
    assert isinstance(now, datetime)
    return now


def change(cursor: Any, number: int, name: str, moment: datetime) -> None:
    cursor.execute("UPDATE prospect SET first_name = %s, updated_at = %s WHERE id = %s", (name, moment, number))


def name_of(url: str, number: int) -> str:
    with checks.connect(url) as conn:
        row = conn.execute("SELECT first_name FROM genius.prospects WHERE id = %s", (number,)).fetchone()
    assert row is not None
    return str(row[0])


def bookmark_of(url: str) -> datetime:
    bookmark = history_of(url)[0].bookmark
    assert bookmark is not None
    return datetime.fromisoformat(bookmark["replication_key_value"]).replace(tzinfo=None)


def test_a_transaction_that_commits_late_is_caught_within_the_reread_window(pipe: Pipe, source: Database) -> None:
    pipe.finish()
    now = source_time(source)
    with session(source) as late, session(source, autocommit=True) as other:
        change(late, 1, "Late", now - timedelta(seconds=55))
        change(other, 2, "Early", now)
        pipe.finish()
        assert name_of(pipe.url, 2) == "Early"
        assert name_of(pipe.url, 1) != "Late"
        assert bookmark_of(pipe.url) == now
        late.connection.commit()
    pipe.finish()
    assert name_of(pipe.url, 1) == "Late"
    with checks.connect(pipe.url) as conn:
        checks.check_against_source(conn, source)


def test_later_than_the_reread_window_is_the_limit(pipe: Pipe, source: Database) -> None:
    pipe.finish()
    now = source_time(source)
    with session(source) as late, session(source, autocommit=True) as other:
        change(late, 1, "Too late", now - timedelta(seconds=65))
        change(other, 2, "Early", now)
        pipe.finish()
        late.connection.commit()
    pipe.finish()
    assert name_of(pipe.url, 1) != "Too late"
    wider = dataclasses.replace(pipe, mode=Mode("wider", tap={"reread_seconds": 120}))
    wider.finish()
    assert name_of(pipe.url, 1) == "Too late"


@pytest.fixture
def set_clock(servers: Servers, source: Database) -> Iterator[Any]:
    """Return a function that sets the clock of the source as ordinary users see it, and how to log in as one."""
    user = f"u{uuid.uuid4().hex[:12]}"
    with contextlib.closing(servers.mariadb.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'made-up'")
        cursor.execute(f"GRANT SELECT ON `{source.database}`.* TO '{user}'@'%'")

        def set_to(moment: datetime) -> Database:
            seconds = (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 -- UTC without saying so
            cursor.execute(f"SET GLOBAL init_connect = 'SET SESSION timestamp = {seconds:.6f}'")
            return dataclasses.replace(source, user=user, password="made-up")

        yield set_to
        cursor.execute("SET GLOBAL init_connect = ''")
        cursor.execute(f"DROP USER '{user}'@'%'")


@pytest.mark.parametrize(("seconds", "found"), [(30, True), (3600, False)], ids=["a little", "an hour"])
def test_the_clock_of_the_source_jumps_back(
    pipe: Pipe, source: Database, set_clock: Any, seconds: int, *, found: bool
) -> None:
    now = source_time(source)
    with session(source, autocommit=True) as cursor:
        change(cursor, 1, "Before", now)
    pipe.finish()
    assert bookmark_of(pipe.url) == now
    then = now - timedelta(seconds=seconds)
    pipe.source = set_clock(then)
    with session(source, autocommit=True) as cursor:
        change(cursor, 2, "After", then)
    pipe.finish()
    # The bookmark never goes down; what is stamped before the re-read window is the limit, until it changes again.
    assert bookmark_of(pipe.url) == now
    assert (name_of(pipe.url, 2) == "After") is found
    pipe.source = set_clock(now + timedelta(hours=2))
    with session(source, autocommit=True) as cursor:
        change(cursor, 2, "Again", now + timedelta(hours=1))
    pipe.finish()
    assert name_of(pipe.url, 2) == "Again"


def test_a_row_from_the_future_does_not_take_the_bookmark_along(pipe: Pipe, source: Database) -> None:
    now = source_time(source)
    with session(source, autocommit=True) as cursor:
        change(cursor, 1, "Tomorrow", now + timedelta(days=1))
    pipe.finish()
    assert bookmark_of(pipe.url) < now + timedelta(minutes=10)
    with session(source, autocommit=True) as cursor:
        change(cursor, 2, "Today", source_time(source))
    pipe.finish()
    assert name_of(pipe.url, 2) == "Today"


class JumpingClocks:
    """Starts programs whose own clock jumps."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery

    def start(self, program: str, arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int) -> Running:
        return self._nursery.start(f"jumping {program}", arguments, stdin=stdin, stdout=stdout, stderr=stderr)


def test_the_clock_of_our_own_machine_does_not_matter(pipe: Pipe, source: Database, nursery: Nursery) -> None:
    pipe.starter = JumpingClocks(nursery)
    pipe.finish()
    with session(source, autocommit=True) as cursor:
        change(cursor, 7, "Changed", source_time(source))
    pipe.finish()
    with checks.connect(pipe.url) as conn:
        checks.check_against_source(conn, source)
        checks.check_end(conn, "genius", ["prospects"], attempts=2, refused=False)
        checks.check_counters(conn, "genius", ["prospects"])
    assert bookmark_of(pipe.url) <= source_time(source)


@pytest.fixture
def many(servers: Servers, tmp_path: Path, url: str, nursery: Nursery) -> Pipe:
    return Pipe(tmp_path, servers.source, url, state_every=50, starter=nursery, lock_wait_seconds=1)


def stop_with_heartbeat(run: Attempt, url: str, moment: str) -> None:
    """Stop the loader between two of its transactions, since one locks the row of the history; then date the row.

    What it may have sent just before it was stopped is then the beginning of a transaction, which locks nothing yet.
    """
    with checks.connect(url) as conn:
        wait_until(lambda: checks.has_no_transaction(conn))
        run.signal("loader", signal.SIGSTOP)
        while not checks.has_no_transaction(conn):
            run.signal("loader", signal.SIGCONT)
            wait_until(lambda: checks.has_no_transaction(conn))
            run.signal("loader", signal.SIGSTOP)
        conn.execute("UPDATE orchestration.sync_history SET heartbeat_at = %s WHERE status = 'running'", (moment,))


def test_two_runs_at_once_and_a_heartbeat_of_another_century(many: Pipe, servers: Servers) -> None:
    """The second is refused as long as the first lives, however old its heartbeat; and not a moment longer."""
    first = many.start_and_wait_for(1)
    stop_with_heartbeat(first, many.url, "1970-01-01")
    second = many.start()
    assert 0 not in second.wait().values()
    newest, running = history_of(many.url)
    assert (newest.status, newest.error_category, running.status) == ("failed", "overlap", "running")
    assert running.run_id in (newest.error_message or "")

    with checks.connect(many.url) as conn:
        conn.execute("UPDATE orchestration.sync_history SET heartbeat_at = '2999-01-01' WHERE status = 'running'")
    first.signal("loader", signal.SIGKILL)
    first.wait()
    many.finish()
    with psycopg.connect(many.url) as conn:
        checks.check_end(conn, "genius", ["prospects"], attempts=3, refused=True)
        checks.check_counters(conn, "genius", ["prospects"])
        checks.check_against_source(conn, servers.source)


def test_a_run_that_waits_takes_over_when_the_first_is_killed(many: Pipe, servers: Servers) -> None:
    many.lock_wait_seconds = 60
    first = many.start_and_wait_for(1)
    first.signal("loader", signal.SIGSTOP)
    second = many.start()
    first.signal("loader", signal.SIGKILL)
    first.wait()
    assert set(second.wait().values()) == {0}, second.log
    many.finish()
    with psycopg.connect(many.url) as conn:
        checks.check_end(conn, "genius", ["prospects"], attempts=3, refused=False)
        checks.check_counters(conn, "genius", ["prospects"])
        checks.check_against_source(conn, servers.source)


def test_states_that_cannot_be_written_end_the_run(many: Pipe, servers: Servers) -> None:
    """The disk that the loader's output goes to is full."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("the system has no /dev/full")
    attempt = many.start(states_to=os.fspath(full))
    assert attempt.wait()["loader"] == 1
    assert "Traceback" not in attempt.log
    assert "output cannot be written (No space left on device)" in attempt.log
    many.finish()
    with psycopg.connect(many.url) as conn:
        checks.check_end(conn, "genius", ["prospects"], attempts=2, refused=False)
        checks.check_against_source(conn, servers.source)
