"""Kill any part at any point: nothing is lost, nothing is doubled, and the history adds up.

60,000 prospects, a STATE every 500 records and a commit at each of them. After the crash the run is started
again, from the bookmarks that the warehouse holds, until it succeeds. More faults, fewer rows: tests/crash.
"""

from __future__ import annotations

import contextlib
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from crash import checks
from crash.pipeline import MeltanoPipe, Pipe, children, has_created
from crash.waiting import DEADLINE_SECONDS, wait_until
from crm_simulator import genius
from sync_history import runs

if TYPE_CHECKING:
    from crm_cli.servers.mariadb import Database
    from crm_cli.servers.postgres import EmbeddedPostgres

ROWS = 60_000
STATE_EVERY = 500


@pytest.fixture
def prospects(mariadb: Database) -> Database:
    with contextlib.closing(mariadb.connect()) as connection:
        genius.create_schema(connection)
        genius.generate_prospects(connection, ROWS)
    return mariadb


def points(seed: str, count: int) -> list[int]:
    """Seeded points of the stream at which something dies."""
    return sorted(random.Random(seed).sample(range(1, ROWS - 4 * STATE_EVERY), count))  # noqa: S311 -- no secret


def check_everything(source: Database, url: str, attempts: int) -> None:
    """Compare the table with the source row by row, and the history with the table."""
    with psycopg.connect(url, autocommit=True) as conn:
        checks.check_against_source(conn, source)
        checks.check_counters(conn, "genius", ["prospects"])
        runs.close_stale_runs(conn)
        history = runs.find_runs(conn, sync_type="prospects")
    assert len(history) == attempts
    assert history[0].status == "success"
    assert {run.status for run in history[1:]} <= {"failed"}
    assert sum(run.records_created for run in history) == ROWS
    assert sum(run.records_updated + run.records_failed + run.records_deleted for run in history) == 0
    assert history[0].bookmark is not None
    assert "resume" not in history[0].bookmark


@pytest.mark.parametrize("victim", ["loader", "tap"])
def test_kill_one_side_of_the_pipe(victim: str, tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = Pipe(tmp_path, prospects, postgres_url, state_every=STATE_EVERY)
    deaths = points(victim, 3)
    for committed in deaths:
        attempt = pipe.start_and_wait_for(committed)
        attempt.signal(victim, signal.SIGKILL)
        assert 0 not in attempt.wait().values()
    pipe.finish()
    check_everything(prospects, postgres_url, attempts=len(deaths) + 1)


def test_the_run_after_a_killed_loader_starts_at_once(tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = Pipe(tmp_path, prospects, postgres_url, state_every=STATE_EVERY)
    attempt = pipe.start_and_wait_for(1)
    attempt.signal("loader", signal.SIGKILL)
    attempt.processes["loader"].wait(DEADLINE_SECONDS)
    pipe.finish()
    attempt.wait()
    with psycopg.connect(postgres_url) as conn:
        history = runs.find_runs(conn, sync_type="prospects")
    assert [(run.status, run.error_category) for run in history] == [("success", None), ("failed", "interrupted")]


def test_postgres_stops_at_once(tmp_path: Path, prospects: Database, postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    pipe = Pipe(tmp_path, prospects, url, state_every=STATE_EVERY)
    deaths = points("postgres", 2)
    for committed in deaths:
        attempt = pipe.start_and_wait_for(committed)
        postgres_server.stop_immediately()
        codes = attempt.wait()
        assert codes["loader"] == 1
        assert codes["tap"] != 0
        assert "Traceback" not in attempt.log
        pipe.url = url = postgres_server.up()
    pipe.finish()
    check_everything(prospects, url, attempts=len(deaths) + 1)


@pytest.mark.parametrize("victim", ["loader", "tap"])
def test_terminate_one_side_of_the_pipe(victim: str, tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = Pipe(tmp_path, prospects, postgres_url, state_every=STATE_EVERY)
    attempt = pipe.start_and_wait_for(STATE_EVERY)
    attempt.signal(victim, signal.SIGTERM)
    codes = attempt.wait()
    if victim == "loader":
        assert codes["loader"] == 128 + signal.SIGTERM
    assert codes["tap"] != 0
    with psycopg.connect(postgres_url) as conn:
        run = runs.find_runs(conn, sync_type="prospects", limit=1)[0]
        stored = conn.execute("SELECT count(*) FROM genius.prospects").fetchone()
    assert (run.status, run.error_category) == ("failed", "interrupted")
    assert stored == (run.records_created,)
    assert run.bookmark is not None
    assert run.bookmark["resume"]["last_key"][0] >= STATE_EVERY
    pipe.finish()
    check_everything(prospects, postgres_url, attempts=2)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "terminate"])
def test_meltano_is_killed(number: signal.Signals, tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = MeltanoPipe(tmp_path, prospects, postgres_url, state_every=STATE_EVERY)
    attempt = pipe.start()
    (death,) = points(f"meltano {number.name}", 1)
    wait_until(lambda: has_created(postgres_url, death))
    process = attempt.processes["meltano"]
    started = set(children(process.pid))
    assert started
    attempt.signal("meltano", number)
    assert process.wait(DEADLINE_SECONDS) != 0
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))

    again = pipe.start()
    assert again.wait() == {"meltano": 0}, again.log
    check_everything(prospects, postgres_url, attempts=2)
