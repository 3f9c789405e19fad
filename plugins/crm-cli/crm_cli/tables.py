"""What the command shows of history rows: tables for people, dictionaries for scripts."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sync_history.runs import Run

    from crm_cli.schedules import Schedule

_COLOURS = {"success": "green", "partial": "yellow", "failed": "red", "running": "cyan"}
COUNTS = ("processed", "created", "updated", "unchanged", "deleted", "failed")
# Wide enough for every column: a file has no width of its own, and a number must not be cut.
_FILE_WIDTH = 160
_WIDE = 120


def console() -> Console:
    """Return a console on standard output that never cuts a table short in a file or a pipe."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = max(out.width, _FILE_WIDTH)
    return out


def run_table(rows: Sequence[Run], seconds: float | None = None, width: int = _FILE_WIDTH) -> Table:
    """Return the result of one run: a line per stream and the totals.

    Args:
        rows: the history rows of the run, in the order to show.
        seconds: how long the whole run took, for the last line.
        width: of the screen; on a narrow one the columns move together.
    """
    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False, collapse_padding=True, caption=_summary(rows))
    table.caption_justify = "left"
    table.padding = (0, 1 if width >= _WIDE else 0)
    table.add_column("stream", footer="total", overflow="fold")
    table.add_column("status", no_wrap=True)
    for name in COUNTS:
        total = sum(_count(row, name) for row in rows)
        table.add_column(name, footer=f"{total:,}", justify="right", no_wrap=True)
    table.add_column("seconds", footer="" if seconds is None else f"{seconds:.1f}", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.sync_type, _status(row), *(_number(_count(row, name)) for name in COUNTS), _seconds_text(row))
    return table


def sources_table(
    results: Mapping[str, tuple[Sequence[Run], float]], seconds: float, width: int = _FILE_WIDTH
) -> Table:
    """Return the result of several runs: a line per CRM and the totals.

    Args:
        results: the history rows of each CRM's run, and how long it took.
        seconds: how long all of it took.
        width: of the screen; on a narrow one the columns move together.
    """
    rows = [row for found, _ in results.values() for row in found]
    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False, collapse_padding=True, caption=_summary(rows))
    table.caption_justify = "left"
    table.padding = (0, 1 if width >= _WIDE else 0)
    table.add_column("source", footer="total", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("streams", footer=f"{len(rows):,}", justify="right", no_wrap=True)
    for name in COUNTS:
        table.add_column(name, footer=f"{sum(_count(row, name) for row in rows):,}", justify="right", no_wrap=True)
    table.add_column("seconds", footer=f"{seconds:.1f}", justify="right", no_wrap=True)
    for source, (found, took) in results.items():
        counts = (_number(sum(_count(row, name) for row in found)) for name in COUNTS)
        table.add_row(source, _worst(found), f"{len(found):,}", *counts, f"{took:.1f}")
    return table


def _worst(rows: Sequence[Run]) -> Text:
    """Return the status that counts most among the streams of a run, and how many have it."""
    statuses = [row.status for row in rows]
    worst = next((status for status in ("failed", "running", "partial") if status in statuses), "success")
    if not rows:
        return Text("failed", style=_COLOURS["failed"])
    count = statuses.count(worst)
    return Text(worst if count == len(rows) else f"{worst} ({count})", style=_COLOURS[worst])


def status_table(
    rows: Sequence[Run], rejects: Mapping[tuple[str, str], int], now: datetime, width: int = _FILE_WIDTH
) -> Table:
    """Return where each stream stands, a line per stream; a narrow screen gets less of the run."""
    wide = width >= _WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("source", no_wrap=True)
    table.add_column("stream", overflow="fold")
    table.add_column("status", no_wrap=True)
    if wide:
        table.add_column("when (UTC)", no_wrap=True)
    table.add_column("" if wide else "when", no_wrap=True)
    table.add_column("bookmark (UTC)", overflow="fold")
    for name in ("rows", "failed", "rejects") if wide else ("rows", "rejects"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        when = row.end_time or row.start_time
        table.add_row(
            row.crm_source,
            row.sync_type,
            _status(row),
            *([utc(when)] if wide else []),
            ago(when, now),
            bookmark_text(row.bookmark),
            _number(row.records_processed),
            *([_number(row.records_failed)] if wide else []),
            _number(rejects.get((row.crm_source, row.sync_type), 0)),
        )
    return table


def history_table(rows: Sequence[Run], width: int = _FILE_WIDTH) -> Table:
    """Return runs, a line per stream and run; a narrow screen gets fewer counts."""
    counts = COUNTS if width >= _WIDE else ("processed", "failed")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("started (UTC)", no_wrap=True)
    table.add_column("source", no_wrap=True)
    table.add_column("stream", overflow="fold")
    table.add_column("status", no_wrap=True)
    for name in (*counts, "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            utc(row.start_time),
            row.crm_source,
            row.sync_type,
            _status(row),
            *(_number(_count(row, name)) for name in counts),
            _seconds_text(row),
        )
    return table


def schedule_record(schedule: Schedule, last: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Return a schedule as it stands in ``--json`` output: its next run, and what became of its last one."""
    due = schedule.next_run(now)
    return {
        "schedule": schedule.name,
        "source": schedule.source.name,
        "interval": schedule.interval,
        "next_run": None if due is None else _iso(due),
        "last_run": None if last is None else _iso(last["started_at"]),
        "last_status": None if last is None else last["status"],
    }


def schedules_table(records: Sequence[Mapping[str, Any]], width: int = _FILE_WIDTH) -> Table:
    """Return when each schedule is due, and what became of its last run."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.padding = (0, 1 if width >= _WIDE else 0)
    for name in ("schedule", "interval (UTC)", "next run (UTC)", "last run (UTC)", "status"):
        table.add_column(name, overflow="fold")
    for record in records:
        moments = [
            "" if record[name] is None else utc(datetime.fromisoformat(record[name]))
            for name in ("next_run", "last_run")
        ]
        status = record["last_status"] or ""
        table.add_row(record["schedule"], record["interval"], *moments, Text(status, style=_COLOURS.get(status, "")))
    return table


def errors(rows: Iterable[Run]) -> list[str]:
    """Return a line for each run that has an error."""
    return [
        f"{utc(row.start_time)} {row.crm_source} {row.sync_type}: {row.error_message}"
        for row in rows
        if row.error_message
    ]


def run_record(row: Run) -> dict[str, Any]:
    """Return a history row as it stands in ``--json`` output. These names are stable: fields may only be added."""
    return {
        "run_id": row.run_id,
        "source": row.crm_source,
        "stream": row.sync_type,
        "status": row.status,
        "started_at": _iso(row.start_time),
        "ended_at": _iso(row.end_time),
        "seconds": seconds_of(row),
        **{name: _count(row, name) for name in COUNTS},
        "bookmark": row.bookmark,
        "error": row.error_message,
        "error_category": row.error_category,
        "dry_run": is_dry_run(row),
    }


def is_dry_run(row: Run) -> bool:
    """Whether a run only counted."""
    return bool(row.configuration.get("dry_run"))


def seconds_of(row: Run) -> float | None:
    """How long a stream took, None while it runs."""
    if row.end_time is None:
        return None
    return round((row.end_time - row.start_time).total_seconds(), 3)


def bookmark_text(bookmark: Mapping[str, Any] | None) -> str:
    """Return the value of a bookmark as people read it; a read to be resumed is marked as such."""
    if not bookmark:
        return ""
    value = bookmark.get("replication_key_value")
    text = "" if value is None else str(value)
    # An id, or a number, may serve as well; of digits alone Python would make a date.
    if "-" in text[:5]:
        with suppress(ValueError):
            text = utc(datetime.fromisoformat(text))
    return f"{text} (to be resumed)".lstrip() if bookmark.get("resume") else text


def utc(moment: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, in its greatest unit."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _count(row: Run, name: str) -> int:
    return int(getattr(row, f"records_{name}"))


def _number(value: int) -> Text:
    return Text(f"{value:,}", style="" if value else "dim")


def _seconds_text(row: Run) -> str:
    seconds = seconds_of(row)
    return "" if seconds is None else f"{seconds:.1f}"


def _status(row: Run) -> Text:
    dry = " (dry run)" if is_dry_run(row) else ""
    return Text(f"{row.status}{dry}", style=_COLOURS.get(row.status, ""))


def _summary(rows: Iterable[Run]) -> str:
    statuses = [row.status for row in rows]
    return ", ".join(f"{statuses.count(status)} {status}" for status in _COLOURS if status in statuses)
