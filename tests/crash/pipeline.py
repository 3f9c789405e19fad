"""Tap, loader and Meltano as processes: started as a fresh run would start them, watched, waited for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from crm_cli.project import Project
from sync_history import bookmarks, runs, schema
from tap_genius.tap import TapGenius

from crash.processes import BIN, Commands, Running, Starter, unmeasured
from crash.waiting import DEADLINE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crm_cli.servers.mariadb import Database

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mode:
    """How rows travel from tap to loader: settings on top of the others, and the folder that files pass through."""

    name: str
    tap: Mapping[str, Any] = field(default_factory=dict)
    loader: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    loader_program: str = "target-postgres-dw"


RECORD = Mode("record")
# Whether the tap can send batches.
HAS_BATCHES = "batch" in {str(capability) for capability in TapGenius.capabilities}


def batch_mode(folder: Path, rows: int) -> Mode:
    """Rows travel in files of so many rows, below a folder; the loader takes each for large enough to load alone."""
    config = {"encoding": {"format": "copy-text"}, "storage": {"root": str(folder)}, "batch_size": rows}
    return Mode("batch", tap={"batch_config": config}, folder=folder, loader_program="eager target-postgres-dw")


def children(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and theirs."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    found = {pid}
    while more := {child for child, parent in parents if parent in found} - found:
        found |= more
    yield from found - {pid}


@dataclass
class Attempt:
    """One run: its processes by role (tap, loader or meltano), their log, and the STATEs that the loader printed."""

    processes: dict[str, Running]
    log_file: Path
    states_file: Path | None

    @property
    def is_over(self) -> bool:
        """Whether every process has ended."""
        return all(process.poll() is not None for process in self.processes.values())

    def signal(self, role: str, number: signal.Signals) -> bool:
        """Send a signal; tells whether the process was alive."""
        process = self.processes[role]
        if process.poll() is not None:
            return False
        process.send_signal(number)
        return True

    def wait(self) -> dict[str, int]:
        """Wait for the end of every process, and of what it started; return the exit codes by role."""
        codes = {}
        for role in reversed(self.processes):
            codes[role] = self.processes[role].wait(DEADLINE_SECONDS)
        return codes

    def kill(self) -> None:
        """End what still runs."""
        for process in self.processes.values():
            for pid in [*children(process.pid), process.pid] if process.poll() is None else []:
                os.kill(pid, signal.SIGKILL)
            process.wait(DEADLINE_SECONDS)

    @property
    def log(self) -> str:
        """What the processes wrote to their standard error."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def states(self) -> list[dict[str, Any]]:
        """The STATEs that the loader printed; a torn last line is none."""
        if self.states_file is None or not self.states_file.is_file():
            return []
        lines = self.states_file.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


class Pipeline(Protocol):
    """What a chain of crashes needs to know of that which it crashes."""

    crm_source: str
    streams: Sequence[str]
    roles: Sequence[str]
    url: str

    def start(self, *, states_to: str | None = None) -> Attempt:
        """Start a run from the bookmarks that the warehouse holds."""


def pipe(
    starter: Starter,
    tap: tuple[str, Sequence[str]],
    loader_config: Path,
    folder: Path,
    states_to: str | None,
    *,
    loader: str = "target-postgres-dw",
) -> Attempt:
    """Start ``tap | loader``; the loader's STATEs go to a file of the attempt, or to ``states_to``."""
    number = len(list(folder.glob("attempt-*.log")))
    log_file, states_file = folder / f"attempt-{number}.log", folder / f"attempt-{number}.jsonl"
    reader, writer = os.pipe()
    try:
        with (
            log_file.open("ab") as log,
            Path(states_to or states_file).open("ab") as states,
            Path(os.devnull).open("rb") as nothing,
        ):
            program, arguments = tap
            reading = starter.start(program, arguments, stdin=nothing.fileno(), stdout=writer, stderr=log.fileno())
            loading = starter.start(
                loader,
                [f"--config={loader_config}"],
                stdin=reader,
                stdout=states.fileno(),
                stderr=log.fileno(),
            )
    finally:
        os.close(reader)
        os.close(writer)
    return Attempt({"tap": reading, "loader": loading}, log_file, None if states_to else states_file)


@dataclass
class LoaderSettings:
    """What every pipeline tells the loader."""

    url: str
    batch_size_rows: int
    lock_wait_seconds: int = 10
    more: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the loader's config file."""
        file = folder / "target.json"
        settings = {
            "sqlalchemy_url": self.url,
            "batch_size_rows": self.batch_size_rows,
            "lock_wait_seconds": self.lock_wait_seconds,
        }
        file.write_text(json.dumps({**settings, **self.more}))
        return file


def write_state(url: str, crm_source: str, folder: Path) -> Path:
    """Write the state that a fresh start gets: the bookmarks of the warehouse."""
    with psycopg.connect(url, autocommit=True) as conn:
        schema.migrate(conn)
        state = {"bookmarks": bookmarks.current_bookmarks(conn, crm_source)}
    file = folder / "state.json"
    file.write_text(json.dumps(state))
    return file


@dataclass
class Pipe:
    """``tap-genius | target-postgres-dw``, with a STATE and a commit every ``state_every`` records.

    ``url`` is the warehouse itself; ``loader_url`` and ``source_port`` are how the two programs reach theirs.
    """

    folder: Path
    source: Database
    url: str
    streams: Sequence[str] = ("prospects",)
    state_every: int = 500
    mode: Mode = RECORD
    loader_url: str | None = None
    source_port: int | None = None
    starter: Starter = field(default_factory=Commands)
    lock_wait_seconds: int = 10
    crm_source: str = "genius"
    roles: Sequence[str] = ("tap", "loader")

    def start(self, *, states_to: str | None = None) -> Attempt:
        """Start a run from the bookmarks that the warehouse holds."""
        tap_config = self.tap_config()
        config, catalog = self.folder / "tap.json", self.folder / "catalog.json"
        config.write_text(json.dumps(tap_config))
        if not catalog.exists():
            catalog.write_text(json.dumps(self._discover(config)))
        state = write_state(self.url, self.crm_source, self.folder)
        loader = LoaderSettings(
            self.loader_url or self.url, self.state_every, self.lock_wait_seconds, self.mode.loader
        ).write(self.folder)
        arguments = [f"--config={config}", f"--state={state}", f"--catalog={catalog}"]
        program = self.mode.loader_program
        return pipe(self.starter, ("tap-genius", arguments), loader, self.folder, states_to, loader=program)

    def tap_config(self) -> dict[str, Any]:
        """Return the settings of the tap."""
        return {
            **{name: getattr(self.source, name) for name in ("host", "user", "password", "database")},
            "port": self.source_port or self.source.port,
            "page_size": self.state_every,
            "retry_wait_seconds": 0,
            **self.mode.tap,
        }

    def _discover(self, config: Path) -> dict[str, Any]:
        """Return the catalog, with our streams selected."""
        discovered = self.folder / "discovered.json"
        with discovered.open("wb") as output, Path(os.devnull).open("r+b") as nothing:
            tap = self.starter.start(
                "tap-genius",
                [f"--config={config}", "--discover"],
                stdin=nothing.fileno(),
                stdout=output.fileno(),
                stderr=nothing.fileno(),
            )
            assert tap.wait(DEADLINE_SECONDS) == 0
        found = json.loads(discovered.read_text())["streams"]
        streams = [stream for stream in found if stream["tap_stream_id"] in self.streams]
        for stream in streams:
            for entry in stream["metadata"]:
                if entry["breadcrumb"] == []:
                    entry["metadata"]["selected"] = True
        return {"streams": streams}

    def finish(self) -> Attempt:
        """Run to the end, which must succeed."""
        attempt = self.start()
        codes = attempt.wait()
        assert set(codes.values()) == {0}, attempt.log
        return attempt

    def start_and_wait_for(self, created: int) -> Attempt:
        """Start, and wait until this attempt has brought the table to so many rows."""
        before = history_of(self.url)
        attempt = self.start()
        wait_until(lambda: has_created(self.url, created, more_runs_than=len(before)))
        return attempt


@dataclass
class CountingPipe:
    """A tap whose rows have no key (``counting_tap``) into the loader."""

    folder: Path
    url: str
    loader_url: str
    rows: int
    state_every: int
    starter: Starter = field(default_factory=Commands)
    crm_source: str = "counting"
    streams: Sequence[str] = ("events",)
    roles: Sequence[str] = ("tap", "loader")

    def start(self, *, states_to: str | None = None) -> Attempt:
        """Start a run from the bookmarks that the warehouse holds."""
        state = write_state(self.url, self.crm_source, self.folder)
        loader = LoaderSettings(self.loader_url, self.state_every).write(self.folder)
        arguments = [str(self.rows), str(self.state_every), str(state)]
        return pipe(self.starter, ("counting-tap", arguments), loader, self.folder, states_to)


@dataclass
class MeltanoPipe:
    """The same run under `meltano run`, in a copy of the project."""

    folder: Path
    source: Database
    url: str
    streams: Sequence[str] = ("prospects",)
    state_every: int = 500
    mode: Mode = RECORD
    loader_url: str | None = None
    source_port: int | None = None
    crm_source: str = "genius"
    roles: Sequence[str] = ("meltano",)

    def start(self, *, states_to: str | None = None) -> Attempt:
        """Start a run; Meltano asks its state backend for the bookmarks."""
        assert states_to is None, "Meltano reads the STATEs itself"
        project = self.folder / "project"
        if not project.exists():
            copy_project(project)
            with psycopg.connect(self.url, autocommit=True) as conn:
                schema.migrate(conn)
        log_file = self.folder / f"attempt-{len(list(self.folder.glob('attempt-*.log')))}.log"
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                [BIN / "meltano", "run", "--force", "tap-genius", "target-postgres-dw"],
                cwd=project,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return Attempt({"meltano": process}, log_file, None)

    def _environment(self) -> dict[str, str]:
        settings = {
            **{name: getattr(self.source, name) for name in ("host", "user", "password", "database")},
            "port": self.source_port or self.source.port,
            "page_size": self.state_every,
            "retry_wait_seconds": 0,
            # The project's definition asks for batches.
            "batch_config": {},
            **self.mode.tap,
        }
        return {
            **unmeasured(),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "WAREHOUSE_URL": self.loader_url or self.url,
            "MELTANO_DATABASE_URI": f"sqlite:///{self.folder}/meltano.db",
            "TAP_GENIUS__SELECT_FILTER": json.dumps(list(self.streams)),
            "TARGET_POSTGRES_DW_BATCH_SIZE_ROWS": str(self.state_every),
            **{f"TAP_GENIUS_{name.upper()}": _as_variable(value) for name, value in settings.items()},
            **{f"TARGET_POSTGRES_DW_{name.upper()}": _as_variable(value) for name, value in self.mode.loader.items()},
        }


def _as_variable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def copy_project(folder: Path) -> None:
    """Copy the project's Meltano files."""
    for file in Project(ROOT).files:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def history_of(url: str, stream: str = "prospects") -> list[runs.Run]:
    """Return the attempts at a stream, newest first."""
    with psycopg.connect(url, autocommit=True) as conn:
        schema.migrate(conn)
        return runs.find_runs(conn, sync_type=stream)


def has_created(url: str, rows: int, *, more_runs_than: int = 0) -> bool:
    """Tell whether a new attempt has opened its row, committed something, and all attempts together so many rows."""
    history = history_of(url)
    return (
        len(history) > more_runs_than
        and history[0].records_processed > 0
        and sum(run.records_created for run in history) >= rows
    )
