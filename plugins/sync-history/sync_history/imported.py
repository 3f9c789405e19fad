"""Rows of the system before this one, made to obey the rules of this history.

They get ids below zero, in their own order: whatever asks for the newest row of a stream finds ours first, and a second
import of the same row meets its own id. They carry ``imported`` in their configuration, hold no bookmark, and count for
no health. The text of their errors stays where it was: nobody has ever looked for secrets in it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

# More rows than any history has.
_BELOW_ZERO: t.Final = 10**12
STATUSES: t.Final[Mapping[str, str]] = {
    "success": "success",
    "completed": "success",
    "complete": "success",
    "partial": "partial",
    "failed": "failed",
    "error": "failed",
    "cancelled": "failed",
    # What still says so in a copy was killed.
    "running": "failed",
    "pending": "failed",
}
# In this order: "connection timed out" is a time-out of a connection.
_CATEGORIES: t.Final = (
    ("rate_limit", r"rate.?limit|too many requests|\b429\b"),
    ("authentication", r"unauthori[sz]ed|authenticat|credential|\b401\b"),
    ("permission", r"forbidden|permission|\b403\b"),
    ("connection", r"connect|timed? ?-?out|network|refused|reset|\b50[234]\b"),
    ("data", r"valid|parse|decode|null value|duplicate|format"),
)
# Flags of the old runs that say how to read their counts; whatever else stood there is left where it was.
_FLAGS: t.Final = ("full", "full_sync", "force", "force_overwrite", "dry_run", "max_records", "start_date", "mode")
_NARROWING: t.Final = ("dry_run", "max_records", "start_date", "end_date")


class NotImportableError(ValueError):
    """A row of the old history cannot be taken over, and why."""


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """A row as it is stored. ``counts`` are created, updated, unchanged and failed."""

    old_id: int
    crm_source: str
    sync_type: str
    endpoint: str | None
    status: str
    start_time: datetime
    end_time: datetime
    counts: tuple[int, int, int, int]
    category: str | None
    metrics: Mapping[str, t.Any]
    details: Mapping[str, t.Any]


def normalised(row: Mapping[str, t.Any], crm_source: str, sync_type: str) -> ImportedRow:
    """Return an old row in the form of this history.

    Raises:
        NotImportableError: If its id, its status or its start makes no sense.
    """
    try:
        old_id = int(row["id"])
        start = _moment(row["start_time"])
    except (KeyError, TypeError, ValueError):
        raise NotImportableError("no id or no start") from None
    word = str(row.get("status") or "").strip().lower()
    if word not in STATUSES or not 0 < old_id < _BELOW_ZERO:
        raise NotImportableError(f"status {word!r}" if word not in STATUSES else "id out of range")
    processed, created, updated, failed = (
        _count(row.get(f"records_{name}")) for name in ("processed", "created", "updated", "failed")
    )
    # The old system counted in several ways; ours must add up.
    unchanged = max(processed - created - updated - failed, 0)
    status = STATUSES[word]
    if status == "success" and failed:
        status = "partial"
    try:
        end = max(_moment(row.get("end_time")), start)
    except (TypeError, ValueError):
        end = start
    configuration, metrics = _mapping(row.get("configuration")), _mapping(row.get("performance_metrics"))
    flags = {name: configuration[name] for name in _FLAGS if _is_plain(configuration.get(name))}
    return ImportedRow(
        old_id=old_id,
        crm_source=crm_source,
        sync_type=sync_type,
        endpoint=str(row["endpoint"])[:200] if row.get("endpoint") else None,
        status=status,
        start_time=start,
        end_time=end,
        counts=(created, updated, unchanged, failed),
        category=_category(word, str(row.get("error_message") or "")) if status == "failed" else None,
        metrics={name: value for name, value in metrics.items() if isinstance(value, int | float)},
        details={
            "id": old_id,
            "status": word,
            "processed": processed,
            "narrowed": any(configuration.get(name) not in (None, False, 0, "0", "") for name in _NARROWING),
            **flags,
        },
    )


def store(conn: Connection[TupleRow], rows: Iterable[ImportedRow]) -> int:
    """Store rows, inside the caller's transaction; return how many were not there yet."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO orchestration.sync_history (id, run_id, crm_source, sync_type, endpoint, status, start_time,"
            " end_time, records_processed, records_created, records_updated, records_unchanged, records_failed,"
            " error_message, error_category, performance_metrics, configuration) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO NOTHING",
            [
                (
                    row.old_id - _BELOW_ZERO,
                    f"imported-{row.old_id}",
                    *(row.crm_source, row.sync_type, row.endpoint, row.status, row.start_time, row.end_time),
                    *(sum(row.counts), *row.counts),
                    "The system before this one knows why." if row.status == "failed" else None,
                    row.category,
                    Jsonb(dict(row.metrics)),
                    Jsonb({"imported": dict(row.details)}),
                )
                for row in rows
            ],
        )
        return max(cursor.rowcount, 0)


def last_successes(conn: Connection[TupleRow]) -> dict[tuple[str, str], datetime]:
    """Return when the last good, whole run of each stream began in the system before this one.

    Its start, never its end: what changed while it ran may have come too late for it.
    """
    rows = conn.execute(
        "SELECT crm_source, sync_type, max(start_time) FROM orchestration.sync_history"
        " WHERE configuration ? 'imported' AND status = 'success'"
        " AND NOT coalesce((configuration #>> '{imported,narrowed}')::boolean, false) GROUP BY 1, 2"
    ).fetchall()
    return {(source, stream): moment for source, stream, moment in rows}


def _moment(value: t.Any) -> datetime:  # noqa: ANN401 -- of a database, or text of a file
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _mapping(value: t.Any) -> dict[str, t.Any]:  # noqa: ANN401 -- any JSON value
    return value if isinstance(value, dict) else {}


def _count(value: t.Any) -> int:  # noqa: ANN401 -- as above
    try:
        return max(int(value or 0), 0)
    except (TypeError, ValueError):
        return 0


def _is_plain(value: t.Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Tell whether a flag is a switch, a number, a date or a mode."""
    return isinstance(value, bool | int | float) or (
        isinstance(value, str) and re.fullmatch(r"[a-z0-9]{1,10}|\d{4}-\d\d-\d\d[0-9T:.+Z-]*", value) is not None
    )


def _category(word: str, message: str) -> str:
    if word in {"running", "pending", "cancelled"}:
        return "interrupted"
    return next((name for name, pattern in _CATEGORIES if re.search(pattern, message, re.IGNORECASE)), "source")
