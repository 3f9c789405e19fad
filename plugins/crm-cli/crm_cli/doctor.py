"""Looks whether everything that a run needs is there: one finding, one sentence for each thing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import psycopg
from psycopg import sql
from sync_history import schema

from crm_cli import logs, monitoring, schedules
from crm_cli.alerts import channels
from crm_cli.commands.cron import installed_lines
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.pipeline import LOADER, bin_folder, meltano_environment
from crm_cli.rundir import run_folder
from crm_cli.sources import installed_sources
from crm_cli.warehouse import connect, find_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crm_cli.project import Project
    from crm_cli.sources import Source

State: TypeAlias = Literal["ok", "warning", "bad", "skipped"]

OLDEST_PYTHON: Final = (3, 11)
OLDEST_POSTGRES: Final = 14
# Bookmarks are capped by the source's clock, so a skew loses nothing; but times in the history would mislead.
SKEW_SECONDS: Final = 5.0
LEAST_FREE_BYTES: Final = 1_000_000_000
TEST_SECONDS: Final = 180
# A vendor that is down is not waited for as long as a run would.
RETRY_SECONDS: Final = 15
TESTS_AT_ONCE: Final = 4
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+) *\\?$")
# What tap-kit says of the clock of a source.
_CLOCK: Final = re.compile(r"The clock of the source is \d+ s (?:ahead of|behind) this machine's\.")


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found of one thing.

    Attributes:
        what: Its name.
        state: ``bad``: no run can work, or this CRM's cannot. ``skipped``: it is not set up.
        sentence: What was found, and what to do.
    """

    what: str
    state: State
    sentence: str


def examine(project: Project, *, ask_crms: bool = True) -> list[Examined]:
    """Look at everything; what cannot be looked at is a finding, never an error."""
    found = [
        python(),
        environment(project),
        *files(project),
        disk(project),
        time_zone(),
        *_guarded("warehouse", lambda: warehouse(project)),
        *_guarded("health.yml", lambda: health_file(project)),
        *_guarded("alerts", lambda: alerts(project)),
        *_guarded("cron", lambda: cron(project)),
    ]
    sources = list(installed_sources().values())
    settings = {source.name: settings_of(project, source) for source in sources}
    found += settings.values()
    if ask_crms:
        ready = [source for source in sources if settings[source.name].state == "ok"]
        with ThreadPoolExecutor(TESTS_AT_ONCE) as pool:
            found += pool.map(lambda source: connection(project, source), ready)
    return found


def _guarded(what: str, look: Callable[[], Iterator[Examined]]) -> list[Examined]:
    """Return what was found, and what prevented the rest."""
    found: list[Examined] = []
    try:
        found.extend(look())
    except (CrmError, CrmUsageError) as error:
        found.append(Examined(what, "bad", error.message))
    return found


# -- this machine ------------------------------------------------------------------------------------------------------


def python(running: tuple[int, int] = sys.version_info[:2]) -> Examined:
    """Look at the version of Python."""
    text = ".".join(map(str, running))
    if running < OLDEST_PYTHON:
        return Examined("Python", "bad", f"It is {text}; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed.")
    return Examined("Python", "ok", f"It is {text}.")


def environment(project: Project) -> Examined:
    """Look whether the virtual environment has every program, and the versions of the lock."""
    folder = Path(bin_folder())
    programs = ["meltano", LOADER, *(source.tap for source in installed_sources().values())]
    missing = [name for name in programs if not (folder / name).exists()]
    if missing:
        return Examined("environment", "bad", f"These programs are missing: {', '.join(missing)}. Run `make setup`.")
    lock = project.root / "requirements.lock"
    wrong = [name for name, pinned in _pins(lock) if not _has(name, pinned)]
    if wrong:
        named = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")  # noqa: PLR2004 -- some
        return Examined("environment", "warning", f"Not as in requirements.lock: {named}. Run `make setup`.")
    return Examined("environment", "ok", f"{len(programs)} programs are there.")


def _pins(lock: Path) -> list[tuple[str, str]]:
    """Return names and versions of a lock, but for those of other platforms or Pythons."""
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    return [(match[1], match[2]) for line in lines if (match := _PIN.match(line))]


def _has(name: str, pinned: str) -> bool:
    try:
        return version(name) == pinned
    except PackageNotFoundError:
        return False


def files(project: Project) -> Iterator[Examined]:
    """Look who may read the settings, and whether we may write."""
    dotenv = project.root / ".env"
    if not dotenv.is_file():
        yield Examined(".env", "ok", "There is none: settings come from the environment.")
    elif dotenv.stat().st_mode & 0o077:
        yield Examined(".env", "warning", "Other accounts of this machine may read its secrets: run `chmod 600 .env`.")
    else:
        yield Examined(".env", "ok", "Only you may read it.")
    state = project.state_folder
    place = state if state.exists() else state.parent
    if not os.access(place, os.W_OK):
        yield Examined("files", "bad", f"{place} cannot be written: logs and runs have no place.")


def disk(project: Project, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Examined:
    """Look at the space that is left."""
    total, _, free = usage(project.root)
    text = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free."
    if free < LEAST_FREE_BYTES:
        return Examined("disk", "bad", f"{text} Make room: a log or the embedded Postgres may need it.")
    return Examined("disk", "warning" if free < total * 0.05 else "ok", text)


def time_zone() -> Examined:
    """Look whether cron will mean what the timetable means."""
    if time.localtime().tm_gmtoff:
        return Examined(
            "time zone", "warning", f"This machine has {time.tzname[0]}, the timetable is in UTC: set it to UTC."
        )
    return Examined("time zone", "ok", "UTC.")


# -- the warehouse -----------------------------------------------------------------------------------------------------


def warehouse(project: Project) -> Iterator[Examined]:
    """Look whether the warehouse can be reached and written, its version, encoding, clock and history.

    Raises:
        CrmError: If it cannot be reached.
    """
    place = find_warehouse(project)
    with connect(place) as conn:
        yield Examined("warehouse", "ok", f"{place.shown} answers.")
        info = conn.info
        major = info.server_version // 10_000
        state: State = "ok" if major >= OLDEST_POSTGRES else "bad"
        also = "" if state == "ok" else f"; {OLDEST_POSTGRES} or newer is needed"
        yield Examined(
            "version", state, f"Postgres {info.server_version // 10_000}.{info.server_version % 10_000}{also}."
        )
        yield _encoding(conn)
        yield _writable(conn)
        yield _clock(conn)
        yield _history(conn)


def _encoding(conn: psycopg.Connection) -> Examined:
    row = conn.execute("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
    [encoding] = row.fetchone() or [""]
    if encoding != "UTF8":
        return Examined("encoding", "bad", f"It is {encoding}: names in other scripts cannot be stored. Use UTF8.")
    return Examined("encoding", "ok", "UTF8.")


def _writable(conn: psycopg.Connection) -> Examined:
    """Make a schema with a table, as a first run would, and take it back."""
    name = sql.Identifier(f"crm_doctor_{uuid.uuid4().hex}")
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            conn.execute(sql.SQL("CREATE TABLE {}.t AS SELECT 1 AS a").format(name))
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        return Examined(
            "writing", "bad", f"The login may not make schemas and tables ({reason}): see docs/warehouse.md."
        )
    return Examined("writing", "ok", "Schemas and tables can be made.")


def _clock(conn: psycopg.Connection) -> Examined:
    before = datetime.now(UTC)
    [there] = conn.execute("SELECT clock_timestamp()").fetchone() or [before]
    after = datetime.now(UTC)
    # Nobody knows when within the question the answer was made.
    skew = max((there - after).total_seconds(), (before - there).total_seconds(), 0.0)
    if skew > SKEW_SECONDS:
        side = "ahead of" if there > after else "behind"
        return Examined("clock", "warning", f"The warehouse's is {skew:.0f} s {side} this machine's: mend one (NTP).")
    return Examined("clock", "ok", "The warehouse's and this machine's agree.")


def _history(conn: psycopg.Connection) -> Examined:
    if not schema.is_migrated(conn):
        return Examined("history", "ok", "There is none yet: the first run makes it.")
    schema.check(conn)
    running = conn.execute("SELECT count(*) FROM orchestration.sync_history WHERE status = 'running'").fetchone()
    return Examined("history", "ok", f"It is there; {running[0] if running else 0} streams are at work.")


# -- the project -------------------------------------------------------------------------------------------------------


def health_file(project: Project) -> Iterator[Examined]:
    """Look whether health.yml can be used.

    Raises:
        CrmUsageError: If not.
    """
    monitoring.project_rules(project)
    yield Examined("health.yml", "ok", "Its rules can be used.")


def alerts(project: Project) -> Iterator[Examined]:
    """Look whether anybody is told.

    Raises:
        CrmUsageError: If a channel is set up by halves.
    """
    found = [channel.name for channel in channels(project.environment)]
    if found:
        yield Examined("alerts", "ok", f"They go to: {', '.join(found)}. `crm alerts test` tries it.")
    else:
        yield Examined("alerts", "warning", "Nobody is told when a stream fails: set up a channel (docs/crm.md).")


def cron(project: Project) -> Iterator[Examined]:
    """Look whether cron runs the timetable.

    Raises:
        CrmError: If there is no cron.
        CrmUsageError: If the timetable cannot be used.
    """
    wanted = sum(one.interval != schedules.NEVER for one in schedules.declared(project))
    try:
        lines = installed_lines(project)
    except CrmError as error:
        yield Examined("cron", "warning", f"{error.message} Without it something else has to start the runs.")
        return
    if lines < wanted:
        sentence = f"{lines} of {wanted} schedules are in the crontab of this account: run `crm cron install`."
        yield Examined("cron", "warning", sentence)
    else:
        yield Examined("cron", "ok", f"{lines} lines are in the crontab of this account.")


# -- the CRMs ----------------------------------------------------------------------------------------------------------


def settings_of(project: Project, source: Source) -> Examined:
    """Look whether the settings of a CRM are there; one without any is simply not in use."""
    what = f"{source.name} settings"
    if not project.settings(source.tap):
        return Examined(what, "skipped", f"No Meltano file of this project declares {source.tap}.")
    missing = project.missing_settings(source.tap)
    if not missing:
        return Examined(what, "ok", "They are there.")
    names = ", ".join(setting.env for setting in missing)
    given = any(project.environment.get(setting.env) for setting in project.settings(source.tap))
    if given:
        return Examined(what, "bad", f"Nothing sets {names}.")
    return Examined(what, "skipped", f"It is not set up (that takes {names}).")


def connection(project: Project, source: Source) -> Examined:
    """Let the tap read a record of each stream, and throw it away."""
    code, log = _test(project, source)
    if code is None:
        return Examined(source.name, "bad", f"The test took longer than {TEST_SECONDS} s and was ended.")
    text = logs.mask(log, project.secrets(source.tap))
    if code:
        said = logs.failure_sentence(text)
        sentence = logs.split_category(said)[0] if said else "The test failed without a word."
        return Examined(source.name, "bad", sentence)
    if clock := _CLOCK.search(text):
        return Examined(source.name, "warning", f"A record of each stream can be read. {clock[0]}")
    return Examined(source.name, "ok", "A record of each stream can be read.")


def _test(project: Project, source: Source) -> tuple[int | None, str]:
    """Run the tap's own test; return its exit code, None if it took too long, and what it said."""
    retry = {one.env: str(RETRY_SECONDS) for one in project.settings(source.tap) if one.name == "retry_seconds"}
    with run_folder(project.state_folder / "runs", str(uuid.uuid4())) as (folder, descriptor):
        process = subprocess.Popen(  # noqa: S603 -- our own program and arguments
            [Path(bin_folder()) / "meltano", "--log-level=error", "invoke", source.tap, "--test"],
            env=meltano_environment(project, folder) | retry,
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            # Records: nobody is to see them.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=[descriptor],
            umask=0o077,
        )
        try:
            _, log = process.communicate(timeout=TEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, ""
    return process.returncode, log


def worst(found: Sequence[Examined]) -> State:
    """Return the state that counts most."""
    states = {one.state for one in found}
    order: tuple[State, ...] = ("bad", "warning")
    return next((state for state in order if state in states), "ok")
