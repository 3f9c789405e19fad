"""Live progress of a run, from its history rows: a small table on a terminal, log lines elsewhere."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from crm_cli.tables import utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from sync_history.runs import Run

# A plain log repeats a stream that is still running after so long.
_LOG_SECONDS = 10.0
_LINES = 12
_LEVELS = {"failed": "error", "partial": "warning"}


@dataclass(slots=True)
class _Pace:
    """When a stream's first rows were seen, and the last change since."""

    first_at: float
    first_rows: int
    last_at: float
    last_rows: int

    @property
    def rate(self) -> float | None:
        """Rows a second since the first rows were seen; None before the second sight."""
        seconds = self.last_at - self.first_at
        return (self.last_rows - self.first_rows) / seconds if seconds > 0 else None


class Rates:
    """Measures how fast each stream loads. The start time of a row does not serve: all rows open with the run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paces: dict[tuple[str, str], _Pace] = {}

    def see(self, row: Run) -> float | None:
        """Take a stream's newest row; return its rows a second, or None if that cannot be said yet."""
        now, rows = self._clock(), row.records_processed
        if rows == 0:
            return None
        pace = self._paces.setdefault((row.crm_source, row.sync_type), _Pace(now, rows, now, rows))
        pace.last_at, pace.last_rows = now, rows
        return pace.rate


def describe(row: Run, rate: float | None) -> str:
    """Return what a running stream has done: rows, percentage if the total is known, rows a second."""
    words = [f"{row.records_processed:,} rows"]
    total = row.performance_metrics.get("records_total")
    if isinstance(total, int) and total > 0:
        words.append(f"{min(100, 100 * row.records_processed // total)} % of {total:,}")
    if rate is not None:
        words.append(f"{rate:,.0f} rows/s")
    return ", ".join(words)


def log_line(level: str, event: str, *, as_json: bool, **fields: object) -> str:
    """Return a line for a log: the event after the time, or a JSON object that has the fields as well."""
    now = datetime.now(UTC)
    if not as_json:
        return f"{utc(now)}Z {event}"
    return json.dumps({"timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", "level": level, "event": event, **fields})


class NoProgress:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *_details: object) -> None:
        """Do nothing."""

    def update(self, rows: list[Run]) -> None:
        """Do nothing."""


class LogProgress:
    """One line when a stream starts to deliver, every ten seconds after that, and when it ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, as_json: bool = False) -> None:
        self._clock = clock
        self._as_json = as_json
        self._rates = Rates(clock)
        self._written: dict[tuple[str, str], tuple[str, float]] = {}

    def __enter__(self) -> Self:
        """Do nothing: a line is written when it is due."""
        return self

    def __exit__(self, *_details: object) -> None:
        """Do nothing."""

    def update(self, rows: list[Run]) -> None:
        """Write the lines that are due."""
        for row in sorted(rows, key=lambda row: row.id):
            rate, stream = self._rates.see(row), (row.crm_source, row.sync_type)
            status, at = self._written.get(stream, ("", 0.0))
            if row.status == "running" and row.records_processed == 0:
                continue
            if row.status == status and (status != "running" or self._clock() - at < _LOG_SECONDS):
                continue
            self._written[stream] = (row.status, self._clock())
            error = f": {row.error_message}" if row.error_message else ""
            line = log_line(
                _LEVELS.get(row.status, "info"),
                f"{' '.join(stream)} {row.status}: {describe(row, rate)}{error}",
                as_json=self._as_json,
                run_id=row.run_id,
                source=row.crm_source,
                stream=row.sync_type,
                status=row.status,
                rows=row.records_processed,
                error_category=row.error_category,
            )
            click.echo(line, err=True)


class LiveProgress:
    """A few lines that are redrawn: how many streams are done, and those that are at work."""

    def __init__(self, console: Console, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._started = clock()
        self._rates = Rates(clock)
        self._rows: list[tuple[Run, float | None]] = []
        self._live = Live(console=console, transient=True, refresh_per_second=4, get_renderable=self._render)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(self, *_details: object) -> None:
        """Remove what was drawn: the result's table takes its place."""
        self._live.stop()

    def update(self, rows: list[Run]) -> None:
        """Take the newest rows; the screen follows by itself."""
        self._rows = [(row, self._rates.see(row)) for row in sorted(rows, key=lambda row: row.id)]

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 2))
        done = sum(1 for row, _ in self._rows if row.status != "running")
        at_work = [(row, rate) for row, rate in self._rows if row.status == "running" and row.records_processed]
        loaded = sum(row.records_processed for row, _ in self._rows)
        what = f"{done} of {len(self._rows)} streams, {loaded:,} rows" if self._rows else "starting"
        table.add_row(Text(self._title, style="bold"), f"{what}, {self._clock() - self._started:.0f} s")
        for row, rate in at_work[-_LINES:]:
            table.add_row(Text(f"  {row.crm_source} {row.sync_type}", style="cyan"), describe(row, rate))
        return table
