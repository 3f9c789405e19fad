"""The records that could not be loaded: ``orchestration.sync_reject``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta  # noqa: TC003 -- class_row reads the annotations
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

Category = Literal["record", "value"]


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was not loaded (``record``), or a value that was loaded as NULL (``value``)."""

    stream: str
    reason: str
    category: Category
    key: dict[str, Any] | None
    record: Any
    field: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same fault of the same record has the same fingerprint, run after run."""
        identity = self.key if self.key is not None else self.record
        text = json.dumps([identity, self.field, self.category], sort_keys=True, default=str)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def store(conn: Connection[TupleRow], *, history_id: int, crm_source: str, rejects: Iterable[Reject]) -> None:
    """Store rejects of one history row; one that is open already is counted again and gets the newest record."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO orchestration.sync_reject AS r (sync_history_id, crm_source, sync_type, category,"
            " field, reason, record_key, record, fingerprint)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s)"
            " ON CONFLICT (crm_source, sync_type, fingerprint) WHERE resolved_at IS NULL DO UPDATE SET"
            " times_seen = r.times_seen + 1, last_seen_at = now(), sync_history_id = excluded.sync_history_id,"
            " reason = excluded.reason, record = excluded.record",
            [
                (
                    history_id,
                    crm_source,
                    reject.stream,
                    reject.category,
                    _storable(reject.field),
                    _storable(reject.reason),
                    _json(reject.key),
                    _json(reject.record),
                    reject.fingerprint,
                )
                for reject in rejects
            ],
        )


@dataclass(frozen=True, slots=True)
class StoredReject:
    """A reject as it stands in the warehouse. ``record`` and ``key`` may hold personal data; moments are UTC."""

    id: int
    run_id: str
    crm_source: str
    sync_type: str
    category: Category
    field: str | None
    reason: str
    record_key: dict[str, Any] | None
    record: dict[str, Any] | None
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    resolution: str | None


def find(
    conn: Connection[TupleRow],
    *,
    ids: Sequence[int] | None = None,
    crm_source: str | None = None,
    stream: str | None = None,
    reason: str | None = None,
    not_seen_for: timedelta | None = None,
    resolved: bool = False,
    limit: int | None = None,
) -> list[StoredReject]:
    """Return rejects, those seen last first.

    Args:
        conn: To the warehouse.
        ids: Only these.
        crm_source: Only those of this source.
        stream: Only those of this stream.
        reason: Only those whose reason contains this text.
        not_seen_for: Only those that were seen last so long ago, or longer.
        resolved: Also those that were answered.
        limit: How many at most.
    """
    with conn.cursor(row_factory=class_row(StoredReject)) as cursor:
        return cursor.execute(
            "SELECT r.id, h.run_id, r.crm_source, r.sync_type, r.category, r.field, r.reason, r.record_key, r.record,"
            " r.times_seen, r.first_seen_at, r.last_seen_at, r.resolved_at, r.resolution"
            " FROM orchestration.sync_reject r JOIN orchestration.sync_history h ON h.id = r.sync_history_id"
            " WHERE (%(ids)s::bigint[] IS NULL OR r.id = ANY (%(ids)s))"
            " AND (%(source)s::text IS NULL OR r.crm_source = %(source)s)"
            " AND (%(stream)s::text IS NULL OR r.sync_type = %(stream)s)"
            " AND (%(reason)s::text IS NULL OR position(lower(%(reason)s) in lower(r.reason)) > 0)"
            " AND (%(age)s::interval IS NULL OR r.last_seen_at <= now() - %(age)s::interval)"
            " AND (%(resolved)s OR r.resolved_at IS NULL)"
            " ORDER BY r.last_seen_at DESC, r.id DESC LIMIT %(limit)s",
            {
                "ids": None if ids is None else list(ids),
                "source": crm_source,
                "stream": stream,
                "reason": reason,
                "age": not_seen_for,
                "resolved": resolved,
                "limit": limit,
            },
        ).fetchall()


def resolve(
    conn: Connection[TupleRow], ids: Iterable[int], resolution: str, *, unless_refused_again: Iterable[Reject] = ()
) -> int:
    """Answer open rejects; return how many. Those whose record was refused again, for whatever reason, stay open."""
    again = list(unless_refused_again)
    return conn.execute(
        "UPDATE orchestration.sync_reject SET resolved_at = now(), resolution = %s"
        " WHERE id = ANY (%s) AND resolved_at IS NULL AND fingerprint <> ALL (%s)"
        " AND (record_key IS NULL OR record_key <> ALL (%s::jsonb[]))",
        (
            resolution,
            list(ids),
            [reject.fingerprint for reject in again],
            [_json(reject.key) for reject in again if reject.key is not None],
        ),
    ).rowcount


def count_open(conn: Connection[TupleRow], crm_source: str | None = None) -> dict[tuple[str, str], int]:
    """Return how many rejects wait for an answer, by (crm_source, stream)."""
    with conn.transaction():
        rows = conn.execute(
            "SELECT crm_source, sync_type, count(*) FROM orchestration.sync_reject"
            " WHERE resolved_at IS NULL AND (%(source)s::text IS NULL OR crm_source = %(source)s)"
            " GROUP BY 1, 2",
            {"source": crm_source},
        ).fetchall()
    return {(source, stream): int(count) for source, stream, count in rows}


def _storable(text: str | None) -> str | None:
    """Postgres text holds neither NUL nor half a surrogate pair."""
    if text is None:
        return None
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _json(value: object) -> str | None:
    """Encode for jsonb, which refuses an escaped NUL and a lone surrogate."""
    if value is None:
        return None
    return _storable(json.dumps(_without_nul(value), ensure_ascii=False, default=str))


def _without_nul(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value
