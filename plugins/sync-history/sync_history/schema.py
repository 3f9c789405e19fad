"""Creates and migrates the ``orchestration`` schema from the numbered SQL files beside this module."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

# Any two migrations of one database exclude each other by this advisory lock.
_MIGRATION_LOCK = 7_221_140_513


class SchemaTooNewError(RuntimeError):
    """The database was migrated by a newer version of this package."""


def migrations() -> list[tuple[int, str]]:
    """Return (version, SQL) of every migration this package knows, in order."""
    folder = files("sync_history") / "sql"
    return sorted(
        (int(entry.name.split("_", 1)[0]), entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )


def migrate(conn: Connection[TupleRow]) -> None:
    """Bring the database to the newest version; do nothing if it is there already.

    Safe when two runs start at once on an empty database: one waits for the other.
    Runs in a transaction of its own (a savepoint if the caller has one open).

    Raises:
        SchemaTooNewError: if a newer version of the suite has migrated the database.
    """
    known = migrations()
    if check(conn) == known[-1][0]:
        return
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        conn.execute("CREATE SCHEMA IF NOT EXISTS orchestration")
        conn.execute(
            "CREATE TABLE IF NOT EXISTS orchestration.schema_version"
            " (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = _version(conn)
        for version, sql in known:
            if version > done:
                conn.execute(sql.encode())
                conn.execute("INSERT INTO orchestration.schema_version (version) VALUES (%s)", (version,))


def check(conn: Connection[TupleRow]) -> int:
    """Return the version of the database; 0 if it has never been migrated.

    Raises:
        SchemaTooNewError: if a newer version of the suite has migrated the database.
    """
    newest, current = migrations()[-1][0], _version(conn)
    if current > newest:
        raise SchemaTooNewError(
            f"The warehouse's orchestration schema has version {current}, this installation knows {newest}: "
            "update the suite on this machine."
        )
    return current


def is_migrated(conn: Connection[TupleRow]) -> bool:
    """Tell whether the tables of this package exist, in whatever version."""
    return _version(conn) > 0


def _version(conn: Connection[TupleRow]) -> int:
    with conn.transaction():
        row = conn.execute("SELECT to_regclass('orchestration.schema_version') IS NOT NULL").fetchone()
        if row is None or not row[0]:
            return 0
        row = conn.execute("SELECT coalesce(max(version), 0) FROM orchestration.schema_version").fetchone()
    return int(row[0]) if row else 0
