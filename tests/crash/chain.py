"""A chain: one warehouse, some crashes one after the other, each run resuming the last, then a run to the end."""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict
from sync_history import schema

from crash import checks, faults
from crash.moving import Writer
from crash.pipeline import RECORD, Attempt, CountingPipe, MeltanoPipe, Mode, Pipe, Pipeline, batch_mode
from crash.processes import Commands, Starter
from crash.proxy import Proxy
from crash.servers import STREAMS, Servers, with_database, with_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crm_cli.servers.mariadb import Database
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from crash.faults import Fault

STATE_EVERY = 200
AT_START = 0.2
# Within this time the point of a fault lies that strikes before the first row: about as long as a program starts.
START_SECONDS = {"forked": 0.4, "command": 2.0, "meltano": 8.0}


@dataclass(frozen=True)
class Point:
    """What happened at one point: the fault, where it was meant to strike, and whether it met a living run."""

    kind: str
    mode: str
    fault: str
    where: str
    hit: bool
    note: str


@dataclass
class Link:
    """One fault on its way: everything that it may touch, and the moment that the seed has chosen for it.

    A fault may write a ``note``, count more runs as ``started``, and say that one of them may be ``refused``.
    """

    chain: Chain
    attempt: Attempt
    after_rows: int
    at_start: bool
    runs_before: int
    watch: Connection[TupleRow]
    note: str = ""

    @property
    def random(self) -> random.Random:
        """Where every choice comes from."""
        return self.chain.random

    @property
    def start_seconds(self) -> float:
        """How long the time before the first row is, about."""
        if self.chain.kind == "meltano":
            return START_SECONDS["meltano"]
        return START_SECONDS["command" if isinstance(self.chain.starter, Commands) else "forked"]

    def has_rows(self, least: int = 0) -> bool:
        """Tell whether this attempt has committed something, and all together ``least`` rows."""
        row = self.watch.execute(
            "SELECT count(*) FILTER (WHERE records_processed > 0 AND id > %s), coalesce(sum(records_created), 0)"
            " FROM orchestration.sync_history WHERE crm_source = %s",
            (self.runs_before, self.chain.pipeline.crm_source),
        ).fetchone()
        return row is not None and row[0] > 0 and row[1] >= least


@dataclass
class Chain:
    """Runs a chain of one kind and checks everything after each of its points.

    ``kind`` is pipe, counting (rows without key), meltano, or moving (the source changes while it is read). What
    is not checked after a point of a moving source: that its rows are those of a still one. ``batches``: rows travel
    in files, except those of the counting tap, which has none.
    """

    servers: Servers
    folder: Path
    kind: str
    seed: str
    batches: bool = False
    starter: Starter = field(default_factory=Commands)
    small_disk: Path | None = None
    points: list[Point] = field(default_factory=list)
    started: int = 0
    refused: bool = False

    mode: Mode = field(init=False)
    pipeline: Pipeline = field(init=False)
    random: random.Random = field(init=False)
    warehouse: Proxy = field(init=False)
    source_proxy: Proxy = field(init=False)
    source: Database = field(init=False)
    url: str = field(init=False)

    def run(self, chosen: Sequence[Fault] | None = None, length: int = 3) -> list[Point]:
        """Run the chain with the faults given, or ``length`` drawn ones; return what happened.

        Raises:
            AssertionError: as soon as something does not hold.
        """
        self.random = random.Random(self.seed)  # noqa: S311 -- no secret
        self.mode = batch_mode(self.folder / "batches", STATE_EVERY) if self.batches else RECORD
        drawn = chosen is None
        if chosen is None:
            on = "pipe" if self.kind == "moving" else self.kind
            small = self.small_disk is not None and self.kind == "pipe"
            chosen = [faults.draw(self.random, on, small_disk=small) for _ in range(length)]
        needs_small = any(fault.needs_small_disk for fault in chosen)
        with ExitStack() as stack:
            name = stack.enter_context(self.servers.new_warehouse("small" if needs_small else None))
            self.url = with_database(self.servers.postgres.up(), name)
            self.warehouse = stack.enter_context(Proxy(_port(self.url)))
            self.source_proxy = stack.enter_context(Proxy(self.servers.mariadb.port))
            self.source = self.servers.source
            writer = None
            if self.kind == "moving":
                self.source = self.servers.new_source(f"moving_{name}", self.servers.rows)
                writer = stack.enter_context(Writer(self.source, self.servers.rows, self.seed))
            self.pipeline = self._make_pipeline()
            with checks.connect(self.url) as conn:
                schema.migrate(conn)
            marks = sorted(self.random.sample(range(1, self.servers.rows * 5 // 6), len(chosen)))
            for fault, mark in zip(chosen, marks, strict=True):
                self._strike(fault, mark)
                if drawn and not self.points[-1].hit:
                    break  # the run was over before its moment came: there is nothing left to crash
            self._finish(writer)
        return self.points

    def restart_postgres(self) -> None:
        """Start Postgres if it has stopped, and wait until it accepts sessions again."""
        self.warehouse.upstream_port = _port(self.servers.postgres.up())

    def _make_pipeline(self) -> Pipeline:
        loader_url = with_port(self.url, self.warehouse.port)
        if self.kind == "counting":
            return CountingPipe(self.folder, self.url, loader_url, self.servers.rows, STATE_EVERY, self.starter)
        settings: dict[str, Any] = {
            "folder": self.folder,
            "source": self.source,
            "url": self.url,
            "streams": ("prospects",) if self.kind == "moving" else STREAMS,
            "state_every": STATE_EVERY,
            "mode": self.mode,
            "loader_url": loader_url,
            "source_port": self.source_proxy.port,
        }
        return MeltanoPipe(**settings) if self.kind == "meltano" else Pipe(**settings, starter=self.starter)

    def _strike(self, fault: Fault, mark: int) -> None:
        at_start = self.random.random() < AT_START
        with checks.connect(self.url) as watch:
            row = watch.execute("SELECT coalesce(max(id), 0) FROM orchestration.sync_history").fetchone()
            assert row is not None
            attempt = self.pipeline.start()
            self.started += 1
            link = Link(self, attempt, mark, at_start, row[0], watch)
            try:
                hit = fault.strike(link)
                attempt.wait()
            finally:
                attempt.kill()
        self.warehouse.reset()
        self.source_proxy.reset()
        self.restart_postgres()
        where = "start" if at_start else f"{mark} rows"
        self.points.append(Point(self.kind, self.mode.name, fault.name, where, hit, link.note))
        self._check_midway(attempt)

    def _check_midway(self, attempt: Attempt) -> None:
        assert self.kind == "meltano" or "Traceback" not in attempt.log, attempt.log
        with checks.connect(self.url) as conn:
            checks.wait_for_sessions(conn)
            checks.check_counters(conn, self.pipeline.crm_source, self.pipeline.streams)
            checks.check_states(conn, self.pipeline.crm_source, attempt)
            if self.kind == "counting":
                checks.check_counting(conn)
            elif self.kind != "moving":
                checks.check_bookmarks(conn, self.servers.reference)

    def _finish(self, writer: Writer | None) -> None:
        """Run to the end, at once, and compare."""
        self._age_batches()
        self._run_to_the_end()
        if writer is not None:
            writer.stop()
            assert writer.transactions > 0
            # What changed behind the reading position is later than the bookmark: the next delta has it.
            self._run_to_the_end()
        crm_source, streams = self.pipeline.crm_source, self.pipeline.streams
        with checks.connect(self.url) as conn:
            checks.check_end(conn, crm_source, streams, attempts=self.started, refused=self.refused)
            checks.check_counters(conn, crm_source, streams)
            if self.kind == "counting":
                checks.check_counting(conn, self.servers.rows)
                return
            checks.check_against_source(conn, self.source)
            if writer is None:
                checks.check_against_reference(conn, self.servers.reference, streams)
        if self.mode.folder is not None and self.mode.folder.exists():
            assert [file for file in self.mode.folder.rglob("*") if file.is_file()] == [], "a batch file is left"

    def _age_batches(self) -> None:
        """Let the folders of killed runs be old enough to be swept."""
        if self.mode.folder is not None:
            for place in self.mode.folder.rglob("*"):
                os.utime(place, (0, 0))

    def _run_to_the_end(self) -> None:
        attempt = self.pipeline.start()
        self.started += 1
        codes = attempt.wait()
        assert set(codes.values()) == {0}, attempt.log


def _port(url: str) -> int:
    return int(conninfo_to_dict(url)["port"] or 5432)
