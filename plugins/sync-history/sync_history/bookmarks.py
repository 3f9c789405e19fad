"""Where each stream stands: read from the history, moved by runs, edited by operators."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

Bookmark = dict[str, Any]


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
) -> list[str]:
    """Set bookmarks by an operator's word; None clears one. Return the streams that changed.

    Each change is one history row, so that every bookmark has an author and a time.
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
                    Jsonb({"edited_by": author}),
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
