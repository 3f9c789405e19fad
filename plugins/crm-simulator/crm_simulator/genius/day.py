"""One more day at the made-up company: rows are added, changed and removed."""

from __future__ import annotations

import random
import typing as t
from datetime import datetime, timedelta

from crm_simulator.genius.schema import STREAMS, TABLES, zero_dates_allowed
from crm_simulator.genius.seeding import NOW, World, insert

if t.TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

_SHARE = 0.02  # of a table's rows, but never fewer than one

# Streams that get new rows, in the order of their references.
_NEW = (
    *("users", "prospects", "leads", "prospect_sources", "appointments", "appointment_services"),
    *("jobs", "quotes", "job_financings", "job_change_orders", "job_change_order_items"),
)
# What a change of a row does; it gives a value that the row did not have.
_CHANGES = {
    "users": "is_inactive = 1 - is_inactive",
    "marketing_sources": "is_active = 1 - is_active",
    "prospects": "notes = CONCAT(COALESCE(notes, ''), '\\nCalled again ☎')",
    "leads": "status = COALESCE(status, 0) + 1",
    "appointments": "is_complete = 1 - is_complete",
    "jobs": "contract_amount = contract_amount / 2 + 1.25, is_reviewed = 1 - is_reviewed",
    "quotes": "status_id = status_id + 1",
    "job_financings": "status = status + 1",
    "job_change_orders": "status_id = status_id + 1",
}
_REMOVALS = ("leads", "appointment_services", "quotes", "job_change_order_items")
_KEYS = {
    "user_data": ("user_id",),
    "lead": ("lead_id",),
    "job_financing": ("job_id",),
    "marketsharp_marketing_source_map": ("marketsharp_id",),
    "appointment_to_service": ("appointment_id", "service_id"),
}
_UNTIMED = frozenset({"job_financings"})  # changed, but without a column that tells


def pass_a_day(conn: Connection[Cursor], seed: int = 2, now: datetime | None = None) -> dict[str, dict[str, int]]:
    """Change the source as a day of business would and return what was done to each stream.

    New and changed rows carry ``now`` as their modification time; removed ones are just gone. No row is counted twice.

    Args:
        conn: A connection to a seeded database.
        seed: Which day.
        now: Naive UTC; default: a day after the latest change of any prospect.

    Returns:
        Per stream that has any: the numbers of rows that are ``new``, ``changed`` and ``removed``.
    """
    done: dict[str, dict[str, int]] = {}
    with zero_dates_allowed(conn), conn.cursor() as cursor:
        now = now or _next_day(cursor)
        world = World(random.Random(seed), now, keys={table: _fetch_keys(cursor, table) for table in TABLES})
        left = {stream: sorted(world.keys[table]) for stream, table in STREAMS.items()}
        for keys in left.values():
            world.random.shuffle(keys)
        portion = {stream: max(1, round(len(keys) * _SHARE)) for stream, keys in left.items()}
        # Nothing refers to these streams. Their keys stay known, so that no new row takes a removed one's key.
        for stream in _REMOVALS:
            removed = [left[stream].pop() for _ in range(min(portion[stream], len(left[stream])))]
            _delete(cursor, STREAMS[stream], removed)
            done.setdefault(stream, _nothing())["removed"] = len(removed)
        for stream, change in _CHANGES.items():
            changed = left[stream][: portion[stream]]
            moment = "" if stream in _UNTIMED else ", updated_at = %s"
            _update(cursor, STREAMS[stream], change + moment, [] if stream in _UNTIMED else [now], changed)
            done.setdefault(stream, _nothing())["changed"] = len(changed)
        for stream in _NEW:
            rows = world.grow(STREAMS[stream], portion[stream])
            for row in rows:
                row.update({column: now for column in ("updated_at", "add_date", "added_on") if column in row})
            insert(conn, STREAMS[stream], rows)
            done.setdefault(stream, _nothing())["new"] = len(rows)
    conn.commit()
    return {stream: done[stream] for stream in STREAMS if stream in done}


def _nothing() -> dict[str, int]:
    return {"new": 0, "changed": 0, "removed": 0}


def _next_day(cursor: Cursor) -> datetime:
    cursor.execute("SELECT MAX(updated_at) FROM prospect")
    found = cursor.fetchone()
    latest = found[0] if found and isinstance(found[0], datetime) else NOW
    return max(latest, NOW) + timedelta(days=1)


def _key(table: str) -> tuple[str, ...]:
    return _KEYS.get(table, ("id",))


def _fetch_keys(cursor: Cursor, table: str) -> list[t.Any]:
    columns = ", ".join(_key(table))
    cursor.execute(f"SELECT {columns} FROM `{table}` ORDER BY {columns}")
    rows = cursor.fetchall()
    return [row if len(row) > 1 else row[0] for row in rows]


def _delete(cursor: Cursor, table: str, keys: list[t.Any]) -> None:
    cursor.executemany(f"DELETE FROM `{table}` WHERE ({', '.join(_key(table))}) = {_place(table)}", _rows(keys))


def _update(cursor: Cursor, table: str, change: str, values: list[t.Any], keys: list[t.Any]) -> None:
    cursor.executemany(
        f"UPDATE `{table}` SET {change} WHERE ({', '.join(_key(table))}) = {_place(table)}",
        [(*values, *row) for row in _rows(keys)],
    )


def _place(table: str) -> str:
    return f"({', '.join(['%s'] * len(_key(table)))})"


def _rows(keys: list[t.Any]) -> list[tuple[t.Any, ...]]:
    return [key if isinstance(key, tuple) else (key,) for key in keys]
