"""Reads a stretch of time again in windows, each an ordinary run that leaves the bookmark as it is.

How far it has come stands in the history: every row of a window says under ``backfill`` of its configuration which
backfill it belongs to. A second call with the same bounds goes on where the first one stopped.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sync_history import runs as history

from crm_cli.pipeline import CONFIGURATION_VARIABLE, FAILED, LOADER, OK, PARTIAL, Request, run_pipeline
from crm_cli.project import variable
from crm_cli.warehouse import connect, has_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime, timedelta

    from sync_history.runs import Run

    from crm_cli.pipeline import Outcome, Watcher
    from crm_cli.project import Project
    from crm_cli.sources import Source
    from crm_cli.warehouse import Warehouse

# An hourly run of the same stream is waited for, instead of ending the backfill.
LOCK_WAIT_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, its end exclusive; UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Plan:
    """A backfill: its windows, and what became of those that were read.

    ``rows`` holds the newest history row of a window by its start. A window with rejects has been read, too: they
    wait in the warehouse.
    """

    source: Source
    stream: str
    windows: tuple[Window, ...]
    bounds: dict[str, Any]
    id: str
    rows: dict[datetime, Run] = field(default_factory=dict)

    def is_done(self, window: Window) -> bool:
        """Tell whether a window was read to its end."""
        row = self.rows.get(window.start)
        return row is not None and row.status in ("success", "partial")

    @property
    def left(self) -> list[Window]:
        """The windows that are still to be read, oldest first."""
        return [window for window in self.windows if not self.is_done(window)]

    @property
    def exit_code(self) -> int:
        """1 if a window is not done, 3 if some have rejects, else 0."""
        if self.left:
            return FAILED
        return PARTIAL if any(row.status == "partial" for row in self.rows.values()) else OK

    def request(self, window: Window, *, log_level: str) -> Request:
        """Return the run of one window."""
        told = {"backfill": {**self.bounds, "id": self.id, "window": window.start.isoformat()}}
        tap = self.source.tap
        return Request(
            self.source,
            streams=(self.stream,),
            log_level=log_level,
            variables={
                variable(tap, "since"): window.start.isoformat(),
                variable(tap, "end_date"): window.end.isoformat(),
                variable(LOADER, "lock_wait_seconds"): str(LOCK_WAIT_SECONDS),
                CONFIGURATION_VARIABLE: json.dumps(told),
            },
        )


def windows_between(start: datetime, end: datetime, step: timedelta) -> tuple[Window, ...]:
    """Return touching windows from ``start`` to ``end``, oldest first; the last one may be shorter."""
    found = []
    while start < end:
        found.append(Window(start, min(start + step, end)))
        start += step
    return tuple(found)


def make_plan(
    warehouse: Warehouse,
    source: Source,
    stream: str,
    start: datetime,
    end: datetime,
    step: timedelta,
    *,
    restart: bool,
) -> Plan:
    """Return the backfill with these bounds: the one that was begun before, unless ``restart``, or a new one."""
    bounds = {"from": start.isoformat(), "to": end.isoformat(), "step": int(step.total_seconds())}
    rows: list[Run] = []
    if not restart and has_history(warehouse):
        with connect(warehouse) as conn:
            history.close_stale_runs(conn)
            rows = history.last_backfill(conn, source.name, stream, bounds)
    windows = windows_between(start, end, step)
    known = {row.configuration["backfill"]["window"]: row for row in rows}
    id_ = rows[0].configuration["backfill"]["id"] if rows else str(uuid.uuid4())
    done = {window.start: known[window.start.isoformat()] for window in windows if window.start.isoformat() in known}
    return Plan(source, stream, windows, bounds, id_, done)


def run_plan(
    project: Project, warehouse: Warehouse, plan: Plan, watch: Callable[[Window], Any], *, log_level: str
) -> Outcome | None:
    """Read the windows that are left; return the outcome of the one that failed and ended it, or None.

    Args:
        project: The project.
        warehouse: Its warehouse.
        plan: What to read; what becomes of its windows is noted in it.
        watch: Returns a context that shows the run of a window.
        log_level: How much the logs hold.
    """
    for window in plan.left:
        watcher: Watcher
        with watch(window) as watcher:
            outcome = run_pipeline(project, warehouse, plan.request(window, log_level=log_level), watcher)
        for row in outcome.rows:
            if row.sync_type == plan.stream:
                plan.rows[window.start] = row
        if outcome.exit_code == FAILED:
            return outcome
    return None


def without_bookmark(entries: Iterable[dict[str, Any]], stream: str) -> str | None:
    """Return why a stream cannot be read by time, as a sentence; None if it can."""
    entry = next((one for one in entries if one["tap_stream_id"] == stream), None)
    if entry is None:
        return f"The source does not show the stream {stream}."
    if not entry.get("replication_key"):
        return f"The stream {stream} has no time of change, so it is read whole by every run: use crm sync --full."
    return None
