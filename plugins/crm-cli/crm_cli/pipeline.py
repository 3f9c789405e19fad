"""Runs taps into the loader through ``meltano run``, and reads from the history what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psycopg
from sync_history import runs as history
from sync_history import schema

from crm_cli import logs
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.rundir import run_folder
from crm_cli.warehouse import connect, meltano_database_uri, password_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from sync_history.runs import Run

    from crm_cli.project import Project
    from crm_cli.sources import Source
    from crm_cli.warehouse import Warehouse

LOADER = "target-postgres-dw"
OK, FAILED, USAGE, PARTIAL = 0, 1, 2, 3
# Variables of a run that are for this command and the loader, not for Meltano.
TIMEOUT_VARIABLE, SCHEDULE_VARIABLE = "CRM_TIMEOUT_MINUTES", "CRM_SCHEDULE"
# What the history says of a run that is part of something longer, as a JSON object.
CONFIGURATION_VARIABLE = "CRM_RUN_CONFIGURATION"
# How many runs of one CRM may be at work at once; its rate limits are shared by them.
RUNS_VARIABLE = "CRM_RUNS_PER_SOURCE"
# What the lines of a run look like: for people, or a JSON object each.
LOG_FORMAT_VARIABLE = "CRM_LOG_FORMAT"
LOG_FORMATS = ("text", "json")

_POLL_SECONDS = 1.0
# After this long without an end, a run that was told to stop is told again, with more weight.
_STOP_SECONDS = 30.0
# Held while Meltano's own tables are made or changed; Meltano itself does not exclude a second one.
_MELTANO_MIGRATION_LOCK = 7_221_140_514


class Watcher(Protocol):
    """Is shown the history rows of a run, about once a second, while it works."""

    def update(self, rows: list[Run]) -> None:
        """Take the newest rows."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to sync and how.

    No stream means all. ``full`` hides the bookmarks from the tap; ``force`` lets the loader replace newer rows.
    """

    source: Source
    streams: tuple[str, ...] = ()
    full: bool = False
    force: bool = False
    dry_run: bool = False
    log_level: str = "info"
    # Settings of this run only, as environment variables; they beat everything else.
    variables: Mapping[str, str] = field(default_factory=dict)

    def variable(self, project: Project, name: str) -> str:
        """Return a variable of this run, else of the project; empty if nothing sets it."""
        return self.variables.get(name) or project.environment.get(name) or ""

    def logs_json(self, project: Project) -> bool:
        """Tell whether the lines of this run are JSON objects.

        Raises:
            CrmUsageError: If the variable names no format.
        """
        return logs_json(self.variable(project, LOG_FORMAT_VARIABLE))

    @property
    def configuration(self) -> dict[str, object]:
        """What the history says of the run whatever becomes of it."""
        schedule = self.variables.get(SCHEDULE_VARIABLE)
        told: dict[str, object] = json.loads(self.variables.get(CONFIGURATION_VARIABLE) or "{}")
        return {**({"schedule": schedule} if schedule else {}), **told}

    @property
    def expected(self) -> tuple[str, ...]:
        """The streams that this run is about."""
        return self.streams or self.source.streams


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. ``sentence`` says why it failed, if it did."""

    run_id: str
    rows: list[Run]
    exit_code: int
    log: Path
    seconds: float
    sentence: str | None = None


def logs_json(chosen: str) -> bool:
    """Tell whether a format of logs is JSON; the empty one is not.

    Raises:
        CrmUsageError: If there is no such format.
    """
    if chosen and chosen not in LOG_FORMATS:
        raise CrmUsageError(f"{LOG_FORMAT_VARIABLE} is {chosen!r}; it must be {' or '.join(LOG_FORMATS)}.")
    return chosen == "json"


def check_settings(project: Project, request: Request) -> None:
    """Find out before anything starts whether the tap has what it needs.

    Raises:
        CrmUsageError: names each missing setting and the environment variable that sets it.
    """
    missing = project.missing_settings(request.source.tap, request.variables)
    if missing:
        width = max(len(setting.env) for setting in missing)
        listed = "\n".join(f"  {setting.env:<{width}}  (setting {setting.name})" for setting in missing)
        raise CrmUsageError(
            f"{request.source.tap} cannot start: nothing sets\n{listed}\n"
            f"Set {'it' if len(missing) == 1 else 'them'} in the environment or in {project.root / '.env'}."
        )


def build_environment(
    project: Project, warehouse: Warehouse, request: Request, *, run_id: str, system_folder: Path
) -> dict[str, str]:
    """Return the environment of ``meltano run``.

    One run id for Meltano, tap and loader; the plugins of this virtual environment before all others; the choice of
    streams on the tap's own extra (Meltano ignores MELTANO_EXTRACT__SELECT_FILTER). Meltano keeps its own tables in
    the warehouse if one was chosen, so that several machines see one another; else in the run's folder, where two
    runs at once do not wait for one file.
    """
    tap, loader = _prefix(request.source.tap), _prefix(LOADER)
    variables = meltano_environment(project, system_folder) | {
        "WAREHOUSE_URL": warehouse.url,
        "MELTANO_RUN_ID": run_id,
        "MELTANO_CLI_LOG_LEVEL": request.log_level,
    }
    if request.logs_json(project):
        variables["MELTANO_CLI_LOG_FORMAT"] = "json"
    if warehouse.chosen and not project.environment.get("MELTANO_DATABASE_URI"):
        variables["MELTANO_DATABASE_URI"] = meltano_database_uri(warehouse)
    if request.streams:
        variables[f"{tap}__SELECT_FILTER"] = json.dumps(request.streams)
    if request.full:
        variables["MELTANO_RUN_FULL_REFRESH"] = "1"
    if request.force:
        variables[f"{loader}_FORCE"] = "true"
    if request.dry_run:
        variables[f"{loader}_DRY_RUN"] = "true"
    return {**variables, **request.variables}


def meltano_environment(project: Project, system_folder: Path) -> dict[str, str]:
    """Return the environment of any Meltano command: this environment's plugins first, files of its own."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([bin_folder(), os.environ.get("PATH", os.defpath)]),
        "MELTANO_PROJECT_ROOT": str(project.root),
        "MELTANO_SYS_DIR_ROOT": str(system_folder),
        "MELTANO_DATABASE_URI": project.environment.get("MELTANO_DATABASE_URI")
        or f"sqlite:///{system_folder}/meltano.db",
        "MELTANO_CLI_LOG_FORMAT": "uncolored",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        "NO_COLOR": "1",
    }


def run_pipeline(project: Project, warehouse: Warehouse, request: Request, watcher: Watcher) -> Outcome:
    """Run the pipeline to its end, or until a signal ends it, and read its outcome from the history.

    Raises:
        CrmUsageError: if a setting is missing.
        CrmError: if the warehouse cannot be used or Meltano is not installed.
    """
    stop = _Stop()
    with _forwarded_signals(stop.ask):
        return _run(project, warehouse, request, watcher, stop)


def run_pipelines(
    project: Project, warehouse: Warehouse, requests: Sequence[Request], watcher: Watcher, *, at_once: int
) -> list[Outcome | CrmError]:
    """Run several pipelines, so many at once, each whatever becomes of the others; a signal ends all of them.

    Returns:
        What came of each request, in their order; an error stands for a run that could not take place.
    """
    stops = [_Stop() for _ in requests]
    together = _Together(watcher)

    def run(request: Request, stop: _Stop) -> Outcome | CrmError:
        try:
            return _run(project, warehouse, request, together.part(request.source.name), stop)
        except CrmError as error:
            return error

    def ask(number: int, frame: FrameType | None) -> None:
        for stop in stops:
            stop.ask(number, frame)

    with _forwarded_signals(ask), ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(run, requests, stops))


def _run(project: Project, warehouse: Warehouse, request: Request, watcher: Watcher, stop: _Stop) -> Outcome:
    check_settings(project, request)
    started_at, started = datetime.now(UTC), time.monotonic()
    run_id = str(uuid.uuid4())
    log = logs.new_log(project.state_folder / "logs", f"{started_at:%Y%m%dT%H%M%SZ}-{request.source.name}-{run_id[:8]}")
    log.touch(mode=0o600)
    with run_folder(project.state_folder / "runs", run_id) as (folder, descriptor):
        environment = build_environment(project, warehouse, request, run_id=run_id, system_folder=folder)
        with connect(warehouse) as conn:
            schema.migrate(conn)
            history.close_stale_runs(conn)
            if environment["MELTANO_DATABASE_URI"] == meltano_database_uri(warehouse):
                _prepare_meltano_tables(conn, project, environment)
        code = FAILED
        with _slot(project, warehouse, request, run_id, started_at):
            if not stop.asked:
                with closing(_Poll(warehouse, run_id)) as poll:
                    # Meltano's --force: its guess that a run is alive (a heartbeat within five minutes) gives way to
                    # our locks.
                    command = ["run", "--force", request.source.tap, LOADER]
                    stop.after(minutes=_number(project, request, TIMEOUT_VARIABLE))
                    code = _wait(_start(project, command, environment, log, descriptor), stop, poll, watcher)
    logs.mask_file(log, _secrets(project, warehouse, request))
    with connect(warehouse) as conn:
        history.close_stale_runs(conn)
        sentence = stop.timeout
        if sentence:
            history.blame_timeout(conn, run_id, sentence)
        rows = history.find_runs(conn, run_id=run_id)
        if not rows:
            category = "timeout"
            if not sentence:
                sentence, category = _why_nothing_ran(log, code, stopped=stop.asked)
            if code != 0:
                history.record_failure(
                    conn,
                    run_id=run_id,
                    crm_source=request.source.name,
                    streams=request.expected,
                    error_message=sentence,
                    error_category=category,
                    started_at=started_at,
                    configuration=request.configuration,
                )
                rows = history.find_runs(conn, run_id=run_id)
    rows.sort(key=lambda row: row.id)
    exit_code = exit_code_of(rows, code)
    if exit_code == FAILED and sentence is None:
        sentence = _why_it_failed(rows, log)
    return Outcome(run_id, rows, exit_code, log, time.monotonic() - started, sentence)


@contextmanager
def _slot(
    project: Project, warehouse: Warehouse, request: Request, run_id: str, started_at: datetime
) -> Iterator[None]:
    """Hold one of the places that a CRM's runs may have at once.

    Raises:
        CrmError: if all are taken; the history says so, as for a stream that is at work.
    """
    places = _number(project, request, RUNS_VARIABLE)
    if not places:
        yield
        return
    with connect(warehouse) as conn:
        if not history.take_place(conn, request.source.name, places):
            sentence = (
                f"{places} runs of {request.source.name} are at work, as many as {RUNS_VARIABLE} allows, so this one "
                "was refused and has changed nothing."
            )
            history.record_failure(
                conn,
                run_id=run_id,
                crm_source=request.source.name,
                streams=request.expected,
                error_message=sentence,
                error_category="overlap",
                started_at=started_at,
                configuration=request.configuration,
            )
            raise CrmError(sentence)
        yield


def _number(project: Project, request: Request, name: str) -> int:
    """Return a variable as a whole number; 0 if nothing sets it.

    Raises:
        CrmUsageError: If it is no whole number.
    """
    text = request.variable(project, name)
    if text and not text.isdigit():
        raise CrmUsageError(f"{name} is {text!r}; it must be a whole number.")
    return int(text or 0)


class _Together:
    """Shows one watcher the rows of several runs, which report from threads of their own."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._lock = threading.Lock()
        self._rows: dict[str, list[Run]] = {}

    def part(self, name: str) -> Watcher:
        """Return the watcher of one run."""
        return _Part(self, name)

    def update(self, name: str, rows: list[Run]) -> None:
        """Take the newest rows of one run."""
        with self._lock:
            self._rows[name] = rows
            self._watcher.update([row for part in self._rows.values() for row in part])


@dataclass(frozen=True, slots=True)
class _Part:
    """One run of several."""

    whole: _Together
    name: str

    def update(self, rows: list[Run]) -> None:
        """Pass the rows on."""
        self.whole.update(self.name, rows)


def exit_code_of(rows: list[Run], meltano_code: int) -> int:
    """Derive the exit code from the history rows of a run; Meltano knows only 0 and 1.

    1 if a stream failed or Meltano failed although no stream did, 3 if no stream failed but records were rejected.
    """
    statuses = {row.status for row in rows}
    if not rows or statuses & {"failed", "running"}:
        return FAILED
    if "partial" in statuses:
        return PARTIAL
    return OK if meltano_code == 0 else FAILED


def bin_folder() -> str:
    """The folder of this environment's programs (meltano, the taps, the loader)."""
    return str(Path(sys.executable).parent)


def _prefix(plugin: str) -> str:
    return plugin.upper().replace("-", "_")


def _start(
    project: Project, command: list[str], environment: Mapping[str, str], log: Path, descriptor: int
) -> subprocess.Popen[bytes]:
    meltano = Path(bin_folder()) / "meltano"
    if not meltano.exists():
        raise CrmError(f"Meltano is not installed beside this command ({meltano} is missing): run `make setup`.")
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 -- our own program and arguments
            [str(meltano), *command],
            cwd=project.root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches only us, and we decide who is told in which order.
            start_new_session=True,
            pass_fds=[descriptor],
            umask=0o077,
        )


def _wait(process: subprocess.Popen[bytes], stop: _Stop, poll: _Poll, watcher: Watcher) -> int:
    """Show the history until the process and its plugins have ended; return its exit code."""
    stop.attach(process)
    try:
        while True:
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                stop.insist()
                watcher.update(poll.rows())
            else:
                break
    except BaseException:
        # Whatever went wrong in here, no run goes on that nobody watches.
        _signal_group(process.pid, signal.SIGTERM)
        raise
    finally:
        process.wait()
        _wait_for_group(process.pid)
    return process.returncode


class _Poll:
    """Reads the history while a run works. A warehouse that does not answer is no reason to disturb the run."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._url = warehouse.url
        self._run_id = run_id
        self._conn: psycopg.Connection | None = None
        self._rows: list[Run] = []

    def rows(self) -> list[Run]:
        """Return the newest rows, or those of the last time if they cannot be had."""
        try:
            if self._conn is None:
                self._conn = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
            self._rows = history.find_runs(self._conn, run_id=self._run_id)
        except psycopg.Error:
            self.close()
        return self._rows

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None


class _Stop:
    """Passes a request to stop on to the run: first to Meltano, which ends its plugins in order, then to all."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asked_at: list[float] = []
        self._minutes = 0
        self._deadline: float | None = None
        self._timed_out = False

    @property
    def asked(self) -> bool:
        """Whether the run was told to stop."""
        return bool(self._asked_at)

    @property
    def timeout(self) -> str | None:
        """Why the run was ended by its time, as a sentence; None if it was not."""
        return f"The run took longer than {self._minutes} minutes and was ended." if self._timed_out else None

    def after(self, minutes: int) -> None:
        """End the run if it takes longer; 0 for no limit."""
        self._minutes = minutes
        self._deadline = time.monotonic() + 60 * minutes if minutes else None

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Say which process is meant; a request that came before it reaches it now."""
        self._process = process
        if self._asked_at:
            process.send_signal(signal.SIGTERM)

    def ask(self, _signal: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        """Tell the run to stop; each repetition is meant more seriously."""
        self._asked_at.append(time.monotonic())
        if self._process is None:
            return
        if len(self._asked_at) == 1:
            self._process.send_signal(signal.SIGTERM)
        else:
            # The second time every process of the run, the third time without asking.
            _signal_group(self._process.pid, signal.SIGTERM if len(self._asked_at) == 2 else signal.SIGKILL)  # noqa: PLR2004

    def insist(self) -> None:
        """Ask if the time of the run is over; ask again if it was asked and has not ended in time."""
        now = time.monotonic()
        if self._deadline is not None and now > self._deadline and not self._asked_at:
            self._timed_out = True
            self.ask()
        elif self._asked_at and now - self._asked_at[-1] > _STOP_SECONDS:
            self.ask()


@contextmanager
def _forwarded_signals(ask: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group; return whether it still has a member."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _wait_for_group(group: int) -> None:
    """Wait for the plugins of a Meltano that is gone: the loader may be committing what it has."""
    deadline = time.monotonic() + _STOP_SECONDS
    while _signal_group(group, 0):
        if time.monotonic() > deadline:
            _signal_group(group, signal.SIGKILL)
        time.sleep(0.05)


def _prepare_meltano_tables(conn: psycopg.Connection, project: Project, environment: Mapping[str, str]) -> None:
    """Let one process at a time create or update Meltano's own tables in the warehouse.

    Meltano does this at each start and without a lock, so two first runs at once would collide. Afterwards the
    version is known and this costs one query.
    """
    wanted = _meltano_head()
    if _meltano_version(conn) == wanted:
        return
    conn.execute("SELECT pg_advisory_lock(%s)", (_MELTANO_MIGRATION_LOCK,))
    try:
        if _meltano_version(conn) == wanted:
            return
        conn.execute("CREATE SCHEMA IF NOT EXISTS meltano")
        # Any command that opens Meltano's database brings it up to date.
        done = subprocess.run(  # noqa: S603 -- our own program and arguments
            [str(Path(bin_folder()) / "meltano"), "state", "list"],
            cwd=project.root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o077,
            check=False,
        )
        if _meltano_version(conn) != wanted:
            reason = logs.failure_sentence(done.stderr + done.stdout) or f"exit code {done.returncode}"
            raise CrmError(f"Meltano could not prepare its tables in the warehouse: {reason}")
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", (_MELTANO_MIGRATION_LOCK,))


def _meltano_head() -> str:
    """Return the version of Meltano's own tables that the installed Meltano wants, without importing it."""
    spec = find_spec("meltano")
    # A namespace package: it has locations, but no __init__.
    for location in (spec.submodule_search_locations or []) if spec else []:
        file = Path(location) / "migrations" / "db.lock"
        if file.is_file():
            return file.read_text(encoding="utf-8").strip()
    raise CrmError("Meltano is not installed: run `make setup`.")


def _meltano_version(conn: psycopg.Connection) -> str | None:
    row = conn.execute("SELECT to_regclass('meltano.alembic_version') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    row = conn.execute("SELECT version_num FROM meltano.alembic_version").fetchone()
    return str(row[0]) if row else None


def _why_nothing_ran(log: Path, code: int, *, stopped: bool) -> tuple[str, str]:
    """Say why a run left no row in the history, in the tap's own words if it had any; and the error's category."""
    if stopped:
        return "The run was stopped before the first stream started.", "interrupted"
    if code == 0:
        return "Meltano ended well, but no stream was read: the tap's `select` leaves none of them.", "configuration"
    said = logs.failure_sentence(log.read_text(encoding="utf-8", errors="replace"))
    if said:
        sentence, category = logs.split_category(said)
        return sentence, category or "source"
    return "The run ended before the first stream started, without a word.", "internal"


def _secrets(project: Project, warehouse: Warehouse, request: Request) -> list[str]:
    found = [*project.secrets(request.source.tap, LOADER), password_of(warehouse.url)]
    return [secret for secret in found if secret]


def _why_it_failed(rows: list[Run], log: Path) -> str | None:
    """Return the first error of the rows, else what the log says."""
    for row in rows:
        if row.status == "failed" and row.error_message:
            others = sum(1 for other in rows if other.status == "failed") - 1
            also = f" ({others} more failed)" if others else ""
            return f"{row.sync_type}: {row.error_message}{also}"
    said = logs.failure_sentence(log.read_text(encoding="utf-8", errors="replace"))
    return None if said is None else logs.split_category(said)[0]
