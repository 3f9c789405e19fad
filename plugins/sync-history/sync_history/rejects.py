"""The records that could not be loaded: ``orchestration.sync_reject``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

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
