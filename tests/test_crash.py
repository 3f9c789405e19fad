"""Kill any part at any point: nothing is lost, nothing is doubled, and the history adds up.

60,000 prospects, a STATE every 500 records and a commit at each of them. After the crash the run is started
again, from the bookmarks that the warehouse holds, until it succeeds.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from crm_cli.project import Project
from crm_simulator import genius
from sync_history import bookmarks, runs, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_cli.servers.mariadb import Database
    from crm_cli.servers.postgres import EmbeddedPostgres

ROWS = 60_000
STATE_EVERY = 500
ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
DEADLINE_SECONDS = 120


@pytest.fixture
def meltano_project(tmp_path: Path) -> Path:
    """A copy of the project's Meltano files."""
    folder = tmp_path / "project"
    for file in Project(ROOT).files:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return folder


@pytest.fixture
def prospects(mariadb: Database) -> Database:
    with contextlib.closing(mariadb.connect()) as connection:
        genius.create_schema(connection)
        genius.generate_prospects(connection, ROWS)
    return mariadb


def unmeasured() -> dict[str, str]:
    """The environment without coverage: a signal's exception within its lock would leave the lock taken for ever."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@dataclass
class Pipe:
    """``tap-genius | target-postgres-dw``, with the state that a fresh start would get."""

    folder: Path
    source: Database
    url: str

    def start(self) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        with psycopg.connect(self.url, autocommit=True) as conn:
            schema.migrate(conn)
            state = {"bookmarks": bookmarks.current_bookmarks(conn, "genius")}
        tap_config = {
            **{name: getattr(self.source, name) for name in ("host", "port", "user", "password", "database")},
            "page_size": STATE_EVERY,
        }
        target_config = {"sqlalchemy_url": self.url, "batch_size_rows": STATE_EVERY}
        for name, content in (
            ("tap", tap_config),
            ("target", target_config),
            ("state", state),
            ("catalog", self._catalog(tap_config)),
        ):
            (self.folder / f"{name}.json").write_text(json.dumps(content))
        with (
            (self.folder / "tap.log").open("ab") as tap_log,
            (self.folder / "target.log").open("ab") as target_log,
            (self.folder / "states.jsonl").open("ab") as states,
        ):
            tap = subprocess.Popen(
                [
                    BIN / "tap-genius",
                    f"--config={self.folder}/tap.json",
                    f"--state={self.folder}/state.json",
                    f"--catalog={self.folder}/catalog.json",
                ],
                stdout=subprocess.PIPE,
                stderr=tap_log,
                env=unmeasured(),
            )
            target = subprocess.Popen(
                [BIN / "target-postgres-dw", f"--config={self.folder}/target.json"],
                stdin=tap.stdout,
                stdout=states,
                stderr=target_log,
            )
        assert tap.stdout is not None
        tap.stdout.close()
        return tap, target

    def _catalog(self, config: dict[str, Any]) -> dict[str, Any]:
        """Discover once, and select prospects only."""
        path = self.folder / "catalog.json"
        if path.exists():
            catalog: dict[str, Any] = json.loads(path.read_text())
            return catalog
        (self.folder / "tap.json").write_text(json.dumps(config))
        discovered = subprocess.run(
            [BIN / "tap-genius", f"--config={self.folder}/tap.json", "--discover"],
            check=True,
            capture_output=True,
        ).stdout
        streams = [stream for stream in json.loads(discovered)["streams"] if stream["tap_stream_id"] == "prospects"]
        for entry in streams[0]["metadata"]:
            if entry["breadcrumb"] == []:
                entry["metadata"]["selected"] = True
        return {"streams": streams}

    def finish(self) -> None:
        """Run to the end, which must succeed."""
        tap, target = self.start()
        assert target.wait(DEADLINE_SECONDS) == 0, (self.folder / "target.log").read_text()
        assert tap.wait(DEADLINE_SECONDS) == 0, (self.folder / "tap.log").read_text()

    def start_and_wait_for(self, created: int) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        """Start, and wait until this attempt has brought the table to so many rows."""
        before = history_of(self.url)
        tap, target = self.start()
        wait_until(lambda: has_created(self.url, created, more_runs_than=len(before)))
        return tap, target


def history_of(url: str) -> list[runs.Run]:
    with psycopg.connect(url, autocommit=True) as conn:
        schema.migrate(conn)
        return runs.find_runs(conn, sync_type="prospects")


def has_created(url: str, rows: int, *, more_runs_than: int = 0) -> bool:
    """Tell whether a new attempt has opened its row, committed something, and all attempts together so many rows."""
    history = history_of(url)
    return (
        len(history) > more_runs_than
        and history[0].records_processed > 0
        and sum(run.records_created for run in history) >= rows
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def points(seed: str, count: int) -> list[int]:
    """Seeded points of the stream at which something dies."""
    return sorted(random.Random(seed).sample(range(1, ROWS - 4 * STATE_EVERY), count))  # noqa: S311 -- no secret


def check_everything(source: Database, url: str, attempts: int) -> None:
    """Compare the table with the source row by row, and the history with the table."""
    with contextlib.closing(source.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, first_name, COALESCE(notes, ''), zip, email FROM prospect ORDER BY id")
        expected = cursor.fetchall()
    with psycopg.connect(url, autocommit=True) as conn:
        stored = conn.execute(
            "SELECT id, first_name, coalesce(notes, ''), zip, email FROM genius.prospects ORDER BY id"
        )
        assert stored.fetchall() == list(expected)
        runs.close_stale_runs(conn)
        history = runs.find_runs(conn, sync_type="prospects")
    assert len(history) == attempts
    assert history[0].status == "success"
    assert {run.status for run in history[1:]} <= {"failed"}
    assert sum(run.records_created for run in history) == ROWS
    assert sum(run.records_updated + run.records_failed + run.records_deleted for run in history) == 0
    for run in history:
        assert run.records_processed == run.records_created + run.records_unchanged
    assert history[0].bookmark is not None
    assert "resume" not in history[0].bookmark


@pytest.mark.parametrize("victim", ["loader", "tap"])
def test_kill_one_side_of_the_pipe(victim: str, tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = Pipe(tmp_path, prospects, postgres_url)
    deaths = points(victim, 3)
    for committed in deaths:
        tap, target = pipe.start_and_wait_for(committed)
        (target if victim == "loader" else tap).kill()
        assert target.wait(DEADLINE_SECONDS) != 0
        assert tap.wait(DEADLINE_SECONDS) != 0
    pipe.finish()
    check_everything(prospects, postgres_url, attempts=len(deaths) + 1)


def test_the_run_after_a_killed_loader_starts_at_once(tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = Pipe(tmp_path, prospects, postgres_url)
    tap, target = pipe.start_and_wait_for(1)
    target.kill()
    target.wait(DEADLINE_SECONDS)
    pipe.finish()
    tap.wait(DEADLINE_SECONDS)
    with psycopg.connect(postgres_url) as conn:
        history = runs.find_runs(conn, sync_type="prospects")
    assert [(run.status, run.error_category) for run in history] == [("success", None), ("failed", "interrupted")]


def test_postgres_stops_at_once(tmp_path: Path, prospects: Database, postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    pipe = Pipe(tmp_path, prospects, url)
    deaths = points("postgres", 2)
    for committed in deaths:
        tap, target = pipe.start_and_wait_for(committed)
        postgres_server.stop_immediately()
        assert target.wait(DEADLINE_SECONDS) == 1
        assert tap.wait(DEADLINE_SECONDS) != 0
        assert "Traceback" not in (tmp_path / "target.log").read_text()
        pipe.url = url = postgres_server.up()
    pipe.finish()
    check_everything(prospects, url, attempts=len(deaths) + 1)


@pytest.mark.parametrize("victim", ["loader", "tap"])
def test_terminate_one_side_of_the_pipe(victim: str, tmp_path: Path, prospects: Database, postgres_url: str) -> None:
    pipe = Pipe(tmp_path, prospects, postgres_url)
    tap, target = pipe.start_and_wait_for(STATE_EVERY)
    (target if victim == "loader" else tap).send_signal(signal.SIGTERM)
    if victim == "loader":
        assert target.wait(DEADLINE_SECONDS) == 128 + signal.SIGTERM
    else:
        target.wait(DEADLINE_SECONDS)
    assert tap.wait(DEADLINE_SECONDS) != 0
    with psycopg.connect(postgres_url) as conn:
        run = runs.find_runs(conn, sync_type="prospects", limit=1)[0]
        stored = conn.execute("SELECT count(*) FROM genius.prospects").fetchone()
    assert (run.status, run.error_category) == ("failed", "interrupted")
    assert stored == (run.records_created,)
    assert run.bookmark is not None
    assert run.bookmark["resume"]["last_key"][0] >= STATE_EVERY
    pipe.finish()
    check_everything(prospects, postgres_url, attempts=2)


def children(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and theirs."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    found = {pid}
    while more := {child for child, parent in parents if parent in found} - found:
        found |= more
    yield from found - {pid}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "terminate"])
def test_meltano_is_killed(
    number: signal.Signals, tmp_path: Path, prospects: Database, postgres_url: str, meltano_project: Path
) -> None:
    environment = {
        **unmeasured(),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "WAREHOUSE_URL": postgres_url,
        "MELTANO_DATABASE_URI": f"sqlite:///{tmp_path}/meltano.db",
        "TAP_GENIUS_PAGE_SIZE": str(STATE_EVERY),
        "TAP_GENIUS__SELECT_FILTER": '["prospects"]',
        "TARGET_POSTGRES_DW_BATCH_SIZE_ROWS": str(STATE_EVERY),
        **{
            f"TAP_GENIUS_{name.upper()}": str(getattr(prospects, name))
            for name in ("host", "port", "user", "password", "database")
        },
    }

    def meltano() -> subprocess.Popen[bytes]:
        with (tmp_path / "meltano.log").open("ab") as log:
            return subprocess.Popen(
                [BIN / "meltano", "run", "--force", "tap-genius", "target-postgres-dw"],
                cwd=meltano_project,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    with psycopg.connect(postgres_url, autocommit=True) as conn:
        schema.migrate(conn)
    (death,) = points(f"meltano {number.name}", 1)
    process = meltano()
    wait_until(lambda: has_created(postgres_url, death))
    started = set(children(process.pid))
    assert started
    process.send_signal(number)
    assert process.wait(DEADLINE_SECONDS) != 0
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))

    again = meltano()
    assert again.wait(DEADLINE_SECONDS) == 0, (tmp_path / "meltano.log").read_text()
    check_everything(prospects, postgres_url, attempts=2)
