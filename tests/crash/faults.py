"""What can happen to a run. Each fault waits for its moment, strikes, and tells whether it hit a living run."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
from crm_cli.servers import process

from crash import checks
from crash.waiting import wait_until

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from crash.chain import Link

ROOT = Path("/")
_LONGEST_PAUSE_SECONDS = 0.03


@dataclass(frozen=True)
class Fault:
    """A fault: its name, what it does, how often it is drawn, and on which pipelines it makes sense."""

    name: str
    strike: Callable[[Link], bool]
    weight: int
    on: frozenset[str] = frozenset({"pipe", "counting", "meltano"})
    needs_small_disk: bool = False


def wait_for_moment(link: Link) -> bool:
    """Wait for the point that the seed has chosen; False if the run is over before it comes.

    One point in five lies in the time before the first row: connecting, discovering, making tables. How long that is
    depends on the machine, so the first row that is committed ends it.
    """
    if link.at_start:
        end = time.monotonic() + link.random.uniform(0, link.start_seconds)
        wait_until(lambda: time.monotonic() > end or link.has_rows(), unless=lambda: link.attempt.is_over)
    elif not wait_until(lambda: link.has_rows(link.after_rows), unless=lambda: link.attempt.is_over):
        return False
    else:
        time.sleep(link.random.uniform(0, _LONGEST_PAUSE_SECONDS))
    return not link.attempt.is_over


def _has_failed(link: Link) -> bool:
    return any(running.returncode for running in link.attempt.processes.values())


def _signal(role: str, number: signal.Signals) -> Callable[[Link], bool]:
    def strike(link: Link) -> bool:
        return wait_for_moment(link) and link.attempt.signal(role, number)

    return strike


def _crash_postgres(link: Link) -> bool:
    hit = wait_for_moment(link)
    link.chain.servers.postgres.stop_immediately()
    link.attempt.wait()
    link.chain.restart_postgres()
    return hit


def _lose_power(link: Link) -> bool:
    """Everything ends at once: tap, loader (or Meltano) and warehouse."""
    hit = wait_for_moment(link)
    for role in link.attempt.processes:
        link.attempt.signal(role, signal.SIGKILL)
    link.chain.servers.postgres.stop_immediately()
    link.attempt.wait()
    link.chain.restart_postgres()
    return hit


_DURING_COPY = "query ILIKE 'COPY %%' AND state = 'active'"
_ANY = "true"


def _terminate_backend(condition: str) -> Callable[[Link], bool]:
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        f" AND application_name = %s AND {condition}"
    )

    def strike(link: Link) -> bool:
        if not wait_for_moment(link):
            return False
        with checks.connect(link.chain.url) as conn:
            return wait_until(
                lambda: conn.execute(query.encode(), (checks.LOADER,)).fetchone() is not None,
                unless=lambda: link.attempt.is_over,
            )

    return strike


_SLOW_COMMIT = """
CREATE FUNCTION orchestration.slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep({seconds});
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slow_commit AFTER UPDATE ON orchestration.sync_history DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.records_processed >= {rows} AND OLD.records_processed < {rows})
    EXECUTE FUNCTION orchestration.slow_commit();
"""
_NO_SLOW_COMMIT = "DROP FUNCTION IF EXISTS orchestration.slow_commit CASCADE"


def _during_commit(link: Link) -> bool:
    """A trigger makes one COMMIT slow; the session, the loader or the server ends in the middle of it."""
    seconds, rows = link.random.choice([0.5, 5.0]), link.random.randrange(1, link.chain.servers.rows // 16)
    how = link.random.choice(["session", "loader", "server"]) if "loader" in link.attempt.processes else "session"
    link.note = f"{how}, {seconds} s"
    with checks.connect(link.chain.url) as conn:
        # The row of this attempt may be there already: what counts is its next commits.
        conn.execute(_SLOW_COMMIT.format(seconds=seconds, rows=rows).encode())
        sleeping = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
            " AND query = 'COMMIT' AND state = 'active' AND wait_event = 'PgSleep'"
        )
        hit = wait_until(
            lambda: conn.execute(sleeping, (checks.LOADER,)).fetchone() is not None,
            unless=lambda: link.attempt.is_over,
        )
        if hit and how == "session":
            conn.execute(f"SELECT pg_terminate_backend(pid) FROM ({sleeping}) AS s".encode(), (checks.LOADER,))
        elif hit and how == "loader":
            link.attempt.signal("loader", signal.SIGKILL)
        elif hit:
            link.chain.servers.postgres.stop_immediately()
    link.attempt.wait()
    link.chain.restart_postgres()
    with checks.connect(link.chain.url) as conn:
        checks.wait_for_sessions(conn)
        conn.execute(_NO_SLOW_COMMIT)
    return hit


def _lose_reply_to_commit(link: Link) -> bool:
    """The warehouse commits, and the loader never learns of it."""
    link.chain.warehouse.lose_reply_to(b"COMMIT", link.random.randrange(3, 12))
    return wait_until(link.chain.warehouse.sprung.is_set, unless=lambda: link.attempt.is_over)


def _cut_in_copy(link: Link) -> bool:
    link.chain.warehouse.cut_at(b"COPY ", link.random.randrange(1, 10))
    return wait_until(link.chain.warehouse.sprung.is_set, unless=lambda: link.attempt.is_over)


def _cut_warehouse(link: Link) -> bool:
    return wait_for_moment(link) and link.chain.warehouse.cut()


def _cut_source(link: Link) -> bool:
    """The tap connects again, and the run goes on."""
    return wait_for_moment(link) and link.chain.source_proxy.cut()


def _source_goes_away(link: Link) -> bool:
    hit = wait_for_moment(link)
    link.chain.source_proxy.refuses = True
    return link.chain.source_proxy.cut() and hit


def _kill_source_session(link: Link) -> bool:
    if not wait_for_moment(link):
        return False
    with contextlib.closing(link.chain.source.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
        sessions = [number for (number,) in cursor.fetchall()]
        for number in sessions:
            with contextlib.suppress(pymysql.err.OperationalError):  # it has ended meanwhile
                cursor.execute(f"KILL {number:d}")
    return bool(sessions)


def _crash_source(link: Link) -> bool:
    hit = wait_for_moment(link)
    link.chain.servers.mariadb.kill()
    if link.random.random() < 0.5:
        link.attempt.wait()
    link.chain.servers.mariadb.up()
    link.chain.source_proxy.upstream_port = link.chain.servers.mariadb.port
    return hit


def _stall(link: Link) -> bool:
    """The network, the tap or the loader stands still for a while."""
    if not wait_for_moment(link):
        return False
    seconds = link.random.uniform(0.1, 3)
    role = link.random.choice(["network to Postgres", "network to MariaDB", *link.attempt.processes])
    link.note = f"{role}, {seconds:.1f} s"
    if role in link.attempt.processes:
        hit = link.attempt.signal(role, signal.SIGSTOP)
        time.sleep(seconds)
        link.attempt.signal(role, signal.SIGCONT)
        return hit
    proxy = link.chain.warehouse if role == "network to Postgres" else link.chain.source_proxy
    proxy.flowing.clear()
    time.sleep(seconds)
    proxy.flowing.set()
    return True


def _fill_disk(link: Link) -> bool:
    """The file system of the warehouse's tables is full (ENOSPC)."""
    if not wait_for_moment(link):
        return False
    assert link.chain.small_disk is not None
    filler = link.chain.small_disk / "filler"
    # The run must not be over before the disk is full.
    link.attempt.signal("loader", signal.SIGSTOP)
    with filler.open("wb") as file:
        free = os.statvfs(link.chain.small_disk)
        left = link.random.randrange(0, 256 * 1024)
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - left, 1))
    link.attempt.signal("loader", signal.SIGCONT)
    link.attempt.wait()
    filler.unlink()
    return _has_failed(link)


def _limit_files(link: Link) -> bool:
    """No file of the session may grow: not the tables', or not the log's, upon which Postgres panics and recovers."""
    if not wait_for_moment(link):
        return False
    limit = link.random.choice([0, 1 << 20])
    link.note = f"{limit} bytes"
    with checks.connect(link.chain.url) as conn:
        sessions = conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
            (checks.LOADER,),
        ).fetchall()
    hit = False
    for (pid,) in sessions:
        # Root may lack the right to limit another account's process: the server's own account does it.
        home = link.chain.servers.postgres._home
        limited = process.run(["prlimit", f"--pid={pid}", f"--fsize={limit}:"], account=home.account, folder=ROOT)
        hit |= limited.returncode == 0
    link.attempt.wait()
    link.chain.restart_postgres()
    return hit and _has_failed(link)


def _second_run(link: Link) -> bool:
    """The same run is started a second time; now and then the first is killed while the second waits or works."""
    if not wait_for_moment(link):
        return False
    second = link.chain.pipeline.start()
    link.chain.started += 1
    link.chain.refused = True
    if link.random.random() < 0.5:
        end = time.monotonic() + link.random.uniform(0, 3)
        wait_until(lambda: time.monotonic() > end, unless=lambda: link.attempt.is_over or second.is_over)
        for role in link.attempt.processes:
            link.attempt.signal(role, signal.SIGKILL)
    second.wait()
    return True


FAULTS: tuple[Fault, ...] = (
    Fault("kill tap", _signal("tap", signal.SIGKILL), 14, frozenset({"pipe", "counting"})),
    Fault("terminate tap", _signal("tap", signal.SIGTERM), 10, frozenset({"pipe"})),
    Fault("kill loader", _signal("loader", signal.SIGKILL), 20, frozenset({"pipe", "counting"})),
    Fault("terminate loader", _signal("loader", signal.SIGTERM), 14, frozenset({"pipe", "counting"})),
    Fault("kill Meltano", _signal("meltano", signal.SIGKILL), 8, frozenset({"meltano"})),
    Fault("terminate Meltano", _signal("meltano", signal.SIGTERM), 8, frozenset({"meltano"})),
    Fault("Postgres stops at once", _crash_postgres, 16),
    Fault("power is lost", _lose_power, 10),
    Fault("session ended", _terminate_backend(_ANY), 10),
    Fault("session ended during COPY", _terminate_backend(_DURING_COPY), 14, frozenset({"pipe", "counting"})),
    Fault("end during COMMIT", _during_commit, 18, frozenset({"pipe", "counting"})),
    Fault("reply to COMMIT lost", _lose_reply_to_commit, 14, frozenset({"pipe", "counting"})),
    Fault("network cut during COPY", _cut_in_copy, 10, frozenset({"pipe", "counting"})),
    Fault("network to Postgres cut", _cut_warehouse, 12),
    Fault("network to MariaDB cut", _cut_source, 10, frozenset({"pipe", "meltano"})),
    Fault("MariaDB out of reach", _source_goes_away, 8, frozenset({"pipe", "meltano"})),
    Fault("session of MariaDB killed", _kill_source_session, 8, frozenset({"pipe"})),
    Fault("MariaDB killed", _crash_source, 8, frozenset({"pipe"})),
    Fault("stands still", _stall, 6, frozenset({"pipe", "counting"})),
    Fault("disk full", _fill_disk, 8, frozenset({"pipe"}), needs_small_disk=True),
    Fault("files cannot grow", _limit_files, 8, frozenset({"pipe", "counting"})),
    Fault("second run at once", _second_run, 8, frozenset({"pipe", "counting"})),
)


def draw(chance: random.Random, pipeline: str, *, small_disk: bool) -> Fault:
    """Draw a fault that makes sense on a pipeline."""
    usable = [fault for fault in FAULTS if pipeline in fault.on and fault.needs_small_disk <= small_disk]
    return chance.choices(usable, weights=[fault.weight for fault in usable])[0]
