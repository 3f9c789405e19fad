"""Reads and writes rows of ``orchestration.sync_history``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow


class LostRunError(RuntimeError):
    """The history row of this run is no longer ``running``: another process holds the stream now."""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at one stream. Times are aware, UTC; the record counts are rows."""

    id: int
    run_id: str
    crm_source: str
    sync_type: str
    endpoint: str | None
    status: str
    start_time: datetime
    end_time: datetime | None
    heartbeat_at: datetime | None
    records_processed: int
    records_created: int
    records_updated: int
    records_unchanged: int
    records_failed: int
    records_deleted: int
    error_message: str | None
    error_category: str | None
    performance_metrics: dict[str, Any]
    configuration: dict[str, Any]
    bookmark: dict[str, Any] | None
    bookmark_before: dict[str, Any] | None


_LOST = (
    "A history row of this run was closed from outside while the run worked, so nothing of this batch was committed. "
    "Start the run again."
)
COLUMNS = ", ".join(Run.__dataclass_fields__)
# An operator's edit of a bookmark is a row as well, but no attempt to read anything.
_IS_RUN = "NOT (configuration ? 'edited_by')"
# Rows of the system before this one, see ``imported.py``.
_IS_OURS = "NOT (configuration ? 'imported')"


@dataclass(slots=True)
class Counts:
    """What became of the records of one stream."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    deleted: int = 0

    def __iadd__(self, other: Counts) -> Self:
        """Add another count, field by field."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.failed += other.failed
        self.deleted += other.deleted
        return self

    def __bool__(self) -> bool:
        """Tell whether anything was counted."""
        return any(asdict(self).values())


def latest_runs(conn: Connection[TupleRow], crm_source: str | None = None) -> list[Run]:
    """Return the newest attempt of each stream, ordered by source and stream.

    A run that was refused because another one was at work is no attempt: that other one is what matters.
    """
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            f"SELECT DISTINCT ON (crm_source, sync_type) {COLUMNS} FROM orchestration.sync_history"
            f" WHERE {_IS_RUN} AND {_IS_OURS} AND (%(source)s::text IS NULL OR crm_source = %(source)s)"
            " AND error_category IS DISTINCT FROM 'overlap' ORDER BY crm_source, sync_type, id DESC",
            {"source": crm_source},
        ).fetchall()


def find_runs(
    conn: Connection[TupleRow],
    *,
    crm_source: str | None = None,
    sync_type: str | None = None,
    run_id: str | None = None,
    limit: int | None = None,
    edits: bool = False,
) -> list[Run]:
    """Return attempts, newest first; ``edits`` adds the operators' edits of bookmarks."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            f"SELECT {COLUMNS} FROM orchestration.sync_history"
            f" WHERE ({_IS_RUN} OR %(edits)s)"
            " AND (%(source)s::text IS NULL OR crm_source = %(source)s)"
            " AND (%(stream)s::text IS NULL OR sync_type = %(stream)s)"
            " AND (%(run_id)s::text IS NULL OR run_id = %(run_id)s)"
            " ORDER BY id DESC LIMIT %(limit)s",
            {"source": crm_source, "stream": sync_type, "run_id": run_id, "limit": limit, "edits": edits},
        ).fetchall()


def close_stale_runs(conn: Connection[TupleRow], own: Collection[int] = ()) -> list[Run]:
    """Close the running rows whose process is gone (their advisory lock is free) as ``failed``; return them.

    ``own`` are the ids of rows that this very session has opened.
    """
    with conn.transaction(), conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(f"SELECT {COLUMNS} FROM orchestration.close_stale_runs(%s)", (list(own),)).fetchall()


def take_locks(conn: Connection[TupleRow], crm_source: str, streams: Iterable[str]) -> str | None:
    """Take the session lock of every stream, or none of them.

    Returns None, or the first stream that another session holds. Sorted, so that two runs
    cannot each hold what the other waits for.
    """
    with conn.transaction():
        held: list[str] = []
        for stream in sorted(streams):
            taken = conn.execute(
                "SELECT pg_try_advisory_lock(orchestration.stream_lock(%s, %s))", (crm_source, stream)
            ).fetchone()
            if taken is None or not taken[0]:
                for other in held:
                    conn.execute("SELECT pg_advisory_unlock(orchestration.stream_lock(%s, %s))", (crm_source, other))
                return stream
            held.append(stream)
    return None


def open_run(
    conn: Connection[TupleRow],
    *,
    run_id: str,
    crm_source: str,
    sync_type: str,
    started_at: datetime,
    configuration: Mapping[str, Any],
    bookmark_before: Mapping[str, Any] | None,
) -> int:
    """Insert a running row and return its id. The caller holds the stream's lock."""
    row = conn.execute(
        "INSERT INTO orchestration.sync_history"
        " (run_id, crm_source, sync_type, start_time, heartbeat_at, configuration, bookmark_before)"
        " VALUES (%s, %s, %s, %s, clock_timestamp(), %s, %s) RETURNING id",
        (
            run_id,
            crm_source,
            sync_type,
            started_at,
            Jsonb(dict(configuration)),
            None if bookmark_before is None else Jsonb(dict(bookmark_before)),
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 -- INSERT .. RETURNING returns its row
    return int(row[0])


def record_progress(
    conn: Connection[TupleRow],
    history_id: int,
    *,
    counts: Counts,
    bookmark: Mapping[str, Any] | None,
    metrics: Mapping[str, Any],
    endpoint: str | None,
    started_at: str | None = None,
) -> None:
    """Add counts to a running row, beat its heart and, unless None, set its bookmark, endpoint and start.

    ``started_at`` (ISO, with offset) is when the stream's own reading began; until then the row starts with its run.

    Raises:
        LostRunError: if the row is not running any more. The caller must roll back.
    """
    hit = conn.execute(
        "UPDATE orchestration.sync_history SET"
        " records_processed = records_processed + %(processed)s,"
        " records_created = records_created + %(created)s,"
        " records_updated = records_updated + %(updated)s,"
        " records_unchanged = records_unchanged + %(unchanged)s,"
        " records_failed = records_failed + %(failed)s,"
        " records_deleted = records_deleted + %(deleted)s,"
        " heartbeat_at = clock_timestamp(),"
        " endpoint = coalesce(%(endpoint)s, endpoint),"
        " start_time = coalesce(%(started_at)s::timestamptz, start_time),"
        " bookmark = coalesce(%(bookmark)s, bookmark),"
        " performance_metrics = performance_metrics || %(metrics)s"
        " WHERE id = %(id)s AND status = 'running'",
        {
            **asdict(counts),
            "processed": counts.created + counts.updated + counts.unchanged + counts.failed,
            "endpoint": None if endpoint is None else endpoint[:200],
            "started_at": started_at,
            "bookmark": None if bookmark is None else Jsonb(dict(bookmark)),
            "metrics": Jsonb(dict(metrics)),
            "id": history_id,
        },
    ).rowcount
    if hit != 1:
        raise LostRunError(_LOST)


def beat(conn: Connection[TupleRow], history_ids: Collection[int]) -> None:
    """Beat the heart of running rows.

    Raises:
        LostRunError: if one of them is not running any more. The caller must roll back.
    """
    hit = conn.execute(
        "UPDATE orchestration.sync_history SET heartbeat_at = clock_timestamp()"
        " WHERE id = ANY(%s) AND status = 'running'",
        (list(history_ids),),
    ).rowcount
    if hit != len(history_ids):
        raise LostRunError(_LOST)


def close_run(
    conn: Connection[TupleRow], history_id: int, *, error: str | None = None, category: str | None = None
) -> str:
    """Close a running row and return its status: failed if there is an error, partial if records failed, else success.

    Raises:
        LostRunError: if the row is not running any more. The caller must roll back.
    """
    row = conn.execute(
        "UPDATE orchestration.sync_history SET end_time = clock_timestamp(), heartbeat_at = clock_timestamp(),"
        " status = CASE WHEN %(error)s::text IS NOT NULL THEN 'failed'"
        "   WHEN records_failed > 0 THEN 'partial' ELSE 'success' END,"
        " error_message = %(error)s, error_category = %(category)s,"
        " performance_metrics = performance_metrics || jsonb_build_object("
        "   'duration_seconds', round(extract(epoch FROM clock_timestamp() - start_time), 3),"
        "   'records_per_second', round(records_processed"
        "     / greatest(extract(epoch FROM clock_timestamp() - start_time), 0.001), 1),"
        "   'success_rate', CASE WHEN records_processed > 0"
        "     THEN round(1 - records_failed::numeric / records_processed, 4) END)"
        " WHERE id = %(id)s AND status = 'running' RETURNING status",
        {"error": error, "category": category, "id": history_id},
    ).fetchone()
    if row is None:
        raise LostRunError(_LOST)
    return str(row[0])


def blame_timeout(conn: Connection[TupleRow], run_id: str, sentence: str) -> None:
    """Let the streams that a run left off because its time was over say so."""
    conn.execute(
        "UPDATE orchestration.sync_history SET error_message = %s, error_category = 'timeout'"
        " WHERE run_id = %s AND status = 'failed' AND error_category = 'interrupted'",
        (sentence, run_id),
    )


def take_place(conn: Connection[TupleRow], crm_source: str, places: int) -> bool:
    """Take one of the places that runs of a CRM may have at once; it is free again when the connection ends."""
    taken = conn.execute(
        "SELECT n FROM generate_series(1, %s) AS n"
        " WHERE pg_try_advisory_lock(hashtextextended('sync_history/place/' || %s || '/' || n, 0)) LIMIT 1",
        (places, crm_source),
    ).fetchone()
    return taken is not None


def last_scheduled_runs(conn: Connection[TupleRow]) -> dict[str, dict[str, Any]]:
    """Return the last run of each schedule: ``run_id``, ``started_at``, ``ended_at``, and the worst ``status``."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT DISTINCT ON (schedule) schedule, run_id, started_at, ended_at, status FROM ("
            " SELECT configuration ->> 'schedule' AS schedule, run_id, min(start_time) AS started_at,"
            "   CASE WHEN bool_or(status = 'running') THEN NULL ELSE max(end_time) END AS ended_at,"
            "   (array_agg(status ORDER BY array_position("
            "     ARRAY['failed', 'running', 'partial', 'success']::varchar[], status)))[1] AS status"
            " FROM orchestration.sync_history WHERE configuration ? 'schedule' GROUP BY 1, 2) AS runs"
            " ORDER BY schedule, started_at DESC"
        ).fetchall()
    return {row["schedule"]: row for row in rows}


def last_backfill(conn: Connection[TupleRow], crm_source: str, stream: str, wanted: Mapping[str, Any]) -> list[Run]:
    """Return the newest row of each window of the last backfill with these bounds, oldest window first.

    Args:
        conn: To the warehouse.
        crm_source: The source.
        stream: The stream.
        wanted: ``from``, ``to`` and ``step``, as its rows have them under ``backfill`` of their configuration.
    """
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            f"WITH windows AS (SELECT {COLUMNS}, configuration -> 'backfill' AS b FROM orchestration.sync_history"
            "  WHERE crm_source = %(source)s AND sync_type = %(stream)s AND configuration -> 'backfill' @> %(wanted)s)"
            f" SELECT DISTINCT ON ((b ->> 'window')::timestamptz) {COLUMNS} FROM windows"
            " WHERE b ->> 'id' = (SELECT b ->> 'id' FROM windows ORDER BY id DESC LIMIT 1)"
            " ORDER BY (b ->> 'window')::timestamptz, id DESC",
            {"source": crm_source, "stream": stream, "wanted": Jsonb(dict(wanted))},
        ).fetchall()


def record_failure(
    conn: Connection[TupleRow],
    *,
    run_id: str,
    crm_source: str,
    streams: Iterable[str],
    error_message: str,
    error_category: str,
    started_at: datetime,
    configuration: Mapping[str, Any] | None = None,
) -> None:
    """Write a failed row per stream for a run that never came to read anything (refused, or failed to start)."""
    with conn.transaction():
        for stream in streams:
            conn.execute(
                "INSERT INTO orchestration.sync_history (run_id, crm_source, sync_type, status, start_time,"
                " end_time, heartbeat_at, error_message, error_category, configuration)"
                " VALUES (%s, %s, %s, 'failed', %s, clock_timestamp(), clock_timestamp(), %s, %s, %s)",
                (
                    run_id,
                    crm_source,
                    stream,
                    started_at,
                    error_message,
                    error_category,
                    Jsonb(dict(configuration or {})),
                ),
            )


def running_run(conn: Connection[TupleRow], crm_source: str, stream: str) -> dict[str, Any] | None:
    """Return run_id and start_time of the run that works on this stream now, or None."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT run_id, start_time FROM orchestration.sync_history"
            " WHERE crm_source = %s AND sync_type = %s AND status = 'running' ORDER BY id DESC LIMIT 1",
            (crm_source, stream),
        ).fetchone()


def recently_active(conn: Connection[TupleRow], crm_source: str, within_seconds: float) -> set[str]:
    """Return the streams of which a run has committed records and was alive so many seconds ago, or less."""
    return {
        stream
        for (stream,) in conn.execute(
            "SELECT DISTINCT sync_type FROM orchestration.sync_history WHERE crm_source = %s AND records_processed > 0"
            " AND heartbeat_at > clock_timestamp() - make_interval(secs => %s)",
            (crm_source, within_seconds),
        )
    }


def last_metric(conn: Connection[TupleRow], crm_source: str, stream: str, name: str) -> Any:  # noqa: ANN401 -- any JSON value
    """Return one of ``performance_metrics`` of the newest complete run of a stream that has it, or None."""
    row = conn.execute(
        "SELECT performance_metrics -> %(name)s FROM orchestration.sync_history"
        " WHERE crm_source = %(source)s AND sync_type = %(stream)s AND status IN ('success', 'partial')"
        " AND performance_metrics ? %(name)s AND NOT (configuration ? 'dry_run') ORDER BY id DESC LIMIT 1",
        {"source": crm_source, "stream": stream, "name": name},
    ).fetchone()
    return row[0] if row else None
