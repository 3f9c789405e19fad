"""Where each stream stands: read from the history, moved by runs, edited by operators."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

Bookmark = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SetBookmark:
    """The bookmark of a stream now or at some time, and who set it: a run, or an operator's edit. Moments are UTC."""

    crm_source: str
    sync_type: str
    bookmark: Bookmark
    bookmark_before: Bookmark | None
    run_id: str
    set_at: datetime
    edited_by: str | None
    reason: str | None


_SET_BOOKMARK = (
    "h.crm_source, h.sync_type, h.bookmark, h.bookmark_before, h.run_id,"
    " coalesce(h.heartbeat_at, h.end_time, h.start_time) AS set_at,"
    " h.configuration ->> 'edited_by' AS edited_by,"
    " CASE WHEN h.configuration ? 'edited_by' THEN h.configuration ->> 'reason' END AS reason"
)


def find_current(conn: Connection[TupleRow], crm_source: str | None = None) -> list[SetBookmark]:
    """Return the newest bookmark of every stream, and who set it, by source and stream; an empty one is cleared."""
    with conn.cursor(row_factory=class_row(SetBookmark)) as cursor:
        return cursor.execute(
            f"SELECT {_SET_BOOKMARK} FROM orchestration.current_bookmark AS c"
            " JOIN orchestration.sync_history AS h ON h.id = c.sync_history_id"
            " WHERE %(source)s::text IS NULL OR h.crm_source = %(source)s ORDER BY h.crm_source, h.sync_type",
            {"source": crm_source},
        ).fetchall()


def find_edits(conn: Connection[TupleRow], crm_source: str, stream: str, limit: int) -> list[SetBookmark]:
    """Return the operators' edits of a bookmark, newest first."""
    with conn.cursor(row_factory=class_row(SetBookmark)) as cursor:
        return cursor.execute(
            f"SELECT {_SET_BOOKMARK} FROM orchestration.sync_history AS h"
            " WHERE h.crm_source = %s AND h.sync_type = %s AND h.configuration ? 'edited_by'"
            " ORDER BY h.id DESC LIMIT %s",
            (crm_source, stream, limit),
        ).fetchall()


def current_bookmarks(conn: Connection[TupleRow], crm_source: str) -> dict[str, Bookmark]:
    """Return the bookmark of every stream of a source that has one.

    An empty bookmark ``{}`` (read in full, or cleared by an operator) is left out.
    """
    with conn.transaction():
        rows = conn.execute(
            "SELECT sync_type, bookmark FROM orchestration.current_bookmark WHERE crm_source = %s AND bookmark <> '{}'",
            (crm_source,),
        ).fetchall()
    return dict(rows)


def advance(stored: Mapping[str, Any] | None, incoming: Mapping[str, Any]) -> Bookmark:
    """Return ``incoming`` with the greater of both replication key values: a run never lowers a bookmark.

    A full refresh hides the stored bookmark from the tap, so what the tap sends may be older. Everything
    else (where a read is to be resumed) is the newest word and comes from ``incoming``.
    """
    bookmark = dict(incoming)
    if not stored or "replication_key_value" not in stored:
        return bookmark
    if incoming.get("replication_key") is None:
        # A read from the beginning, not at its end yet or of nothing: it says where it stands, not how far it was.
        value = {name: stored[name] for name in ("replication_key", "replication_key_value") if name in stored}
        return value | {name: part for name, part in bookmark.items() if part is not None}
    if stored.get("replication_key") != incoming["replication_key"]:
        return bookmark
    old, new = stored.get("replication_key_value"), incoming.get("replication_key_value")
    if old is not None and (new is None or _is_later(old, new)):
        bookmark["replication_key_value"] = old
    return bookmark


def edit_bookmarks(
    conn: Connection[TupleRow],
    crm_source: str,
    bookmarks: Mapping[str, Mapping[str, Any] | None],
    author: str,
    reason: str | None = None,
) -> list[str]:
    """Set bookmarks by an operator's word; None clears one. Return the streams that changed.

    Each change is one history row, so that every bookmark has an author, a time and a reason.
    """
    changed = []
    with conn.transaction():
        now = datetime.now(UTC)
        run_id = str(uuid.uuid4())
        stored = current_bookmarks(conn, crm_source)
        for stream, bookmark in bookmarks.items():
            new = dict(bookmark or {})
            if new == stored.get(stream, {}):
                continue
            conn.execute(
                "INSERT INTO orchestration.sync_history (run_id, crm_source, sync_type, status, start_time,"
                " end_time, bookmark, bookmark_before, configuration)"
                " VALUES (%s, %s, %s, 'success', %s, %s, %s, %s, %s)",
                (
                    run_id,
                    crm_source,
                    stream,
                    now,
                    now,
                    Jsonb(new),
                    Jsonb(stored[stream]) if stream in stored else None,
                    Jsonb({"edited_by": author} | ({} if reason is None else {"reason": reason})),
                ),
            )
            changed.append(stream)
    return changed


def _is_later(one: object, other: object) -> bool:
    """Compare two replication key values: as moments if both read as such, else as what they are."""
    if isinstance(one, str) and isinstance(other, str):
        try:
            return _moment(one) > _moment(other)
        except ValueError:
            return one > other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one > other
    return False


def _moment(text: str) -> datetime:
    if "-" not in text[:5]:
        # fromisoformat also reads bare digits, as an id may be: 202501011101010061674780.
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
