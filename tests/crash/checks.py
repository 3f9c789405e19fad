"""What must hold after a crash, and after the run that follows it."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from sync_history import bookmarks, runs

from crash.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_cli.servers.mariadb import Database
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from crash.pipeline import Attempt

LOADER = "target-postgres-dw"
KEYS = {"prospects": ("id",), "leads": ("lead_id",), "appointment_services": ("appointment_id", "service_id")}


def connect(url: str) -> Connection[TupleRow]:
    """Connect to the warehouse itself, past the proxy."""
    return psycopg.connect(url, autocommit=True)


def wait_for_sessions(conn: Connection[TupleRow]) -> None:
    """Wait until no session of a loader is left: one whose loader was killed may be in the middle of its commit."""
    left = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    wait_until(lambda: conn.execute(left, (LOADER,)).fetchone() is None)


def has_no_transaction(conn: Connection[TupleRow]) -> bool:
    """Tell whether no session of a loader is in a transaction."""
    busy = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    return conn.execute(f"{busy} AND state <> 'idle'".encode(), (LOADER,)).fetchone() is None


def exists(conn: Connection[TupleRow], schema: str, table: str) -> bool:
    """Tell whether a table is there."""
    return conn.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{schema}.{table}",)).fetchone() == (True,)


def count(conn: Connection[TupleRow], schema: str, table: str) -> int:
    """Return the rows of a table; 0 if there is none."""
    if not exists(conn, schema, table):
        return 0
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return int(row[0])


def fingerprint(conn: Connection[TupleRow], table: str, *, up_to: Sequence[Any] | None = None) -> tuple[int, str]:
    """Return the number of rows and a hash over all columns but the loader's own, up to a key (inclusive).

    1.50 counts as 1.5: they are one number, which batches write as the source does and records do not.
    """
    columns = [
        sql.SQL("trim_scale({})" if is_number else "{}").format(sql.Identifier(name))
        for name, is_number in conn.execute(
            "SELECT attname, atttypid = 'numeric'::regtype FROM pg_attribute WHERE attrelid = to_regclass(%s)"
            " AND attnum > 0 AND NOT attisdropped AND attname !~ '^_sdc_' ORDER BY attname",
            (f"genius.{table}",),
        )
    ]
    key = sql.SQL(", ").join(map(sql.Identifier, KEYS[table]))
    where: sql.Composable = sql.SQL("")
    if up_to is not None:
        where = sql.SQL("WHERE ({}) <= ({})").format(key, sql.SQL(", ").join(map(sql.Literal, up_to)))
    query = sql.SQL("SELECT count(*), coalesce(md5(string_agg(ROW({})::text, ';' ORDER BY {})), '') FROM {} {}")
    row = conn.execute(
        query.format(sql.SQL(", ").join(columns), key, sql.Identifier("genius", table), where)
    ).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


def check_counters(conn: Connection[TupleRow], crm_source: str, streams: Sequence[str]) -> None:
    """Each row of a table was created once, by one attempt, which says so."""
    for stream in streams:
        history = runs.find_runs(conn, crm_source=crm_source, sync_type=stream)
        created = sum(run.records_created for run in history)
        assert created == count(conn, crm_source, stream), f"{stream}: {created} created"
        for run in history:
            told = run.records_created + run.records_updated + run.records_unchanged + run.records_failed
            assert run.records_processed == told, run


def check_bookmarks(conn: Connection[TupleRow], reference: str) -> None:
    """What lies before each bookmark is there, as an undisturbed run leaves it."""
    with connect(reference) as undisturbed:
        for stream, bookmark in bookmarks.current_bookmarks(conn, "genius").items():
            resume = bookmark.get("resume")
            up_to = None if resume is None else resume["last_key"]
            found, expected = (fingerprint(where, stream, up_to=up_to) for where in (conn, undisturbed))
            assert found == expected, f"{stream}: the bookmark {bookmark} is ahead of the rows"


def check_states(conn: Connection[TupleRow], crm_source: str, attempt: Attempt) -> None:
    """No STATE was printed twice, and the last one is no further than the warehouse."""
    printed = attempt.states
    assert all(one != other for one, other in itertools.pairwise(printed)), "a STATE was printed twice"
    if not printed:
        return
    stored = bookmarks.current_bookmarks(conn, crm_source)
    for stream, bookmark in printed[-1]["bookmarks"].items():
        assert is_reached(bookmark, stored.get(stream, {})), f"{stream}: {bookmark} was not committed"


def is_reached(printed: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Tell whether a stored bookmark is as far as a printed one.

    A read in the middle keeps the value of the one before and adds where it is; its end takes that away, and need
    not raise the value. So of two with one value the one without a place is the start of a read or its end.
    """
    value, stored_value = printed.get("replication_key_value"), stored.get("replication_key_value")
    if value != stored_value:
        return value is None or (stored_value is not None and value < stored_value)
    if "resume" not in printed:
        return True
    if "resume" not in stored:
        return stored_value is not None
    return bool(printed["resume"]["last_key"] <= stored["resume"]["last_key"])


def check_end(
    conn: Connection[TupleRow], crm_source: str, streams: Sequence[str], *, attempts: int | None, refused: bool
) -> None:
    """The last attempt succeeded, at once; nothing is left running, locked or half done."""
    wait_for_sessions(conn)
    assert (
        conn.execute(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
        is None
    )
    stored = bookmarks.current_bookmarks(conn, crm_source)
    for stream in streams:
        history = runs.find_runs(conn, crm_source=crm_source, sync_type=stream)
        assert history[0].status in {"success", "partial"}, history[0]
        assert {run.status for run in history} <= {"success", "partial", "failed"}
        assert refused or "overlap" not in {run.error_category for run in history}
        assert attempts is None or len(history) <= attempts
        assert "resume" not in stored.get(stream, {})


def check_against_reference(conn: Connection[TupleRow], reference: str, streams: Sequence[str]) -> None:
    """Every column of every row is what an undisturbed run leaves."""
    with connect(reference) as undisturbed:
        for stream in streams:
            assert fingerprint(conn, stream) == fingerprint(undisturbed, stream), stream


def check_against_source(conn: Connection[TupleRow], source: Database) -> None:
    """Prospects are the source's, row by row, in the columns that are stored as they are read."""
    columns = "id, first_name, COALESCE(notes, ''), zip, email"
    with contextlib.closing(source.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM prospect ORDER BY id")
        expected = list(cursor.fetchall())
    found = conn.execute(f"SELECT {columns} FROM genius.prospects ORDER BY id".encode()).fetchall()
    assert len(found) == len(expected)
    assert found == expected


def check_counting(conn: Connection[TupleRow], rows: int | None = None) -> None:
    """Every event came once; all of those before the bookmark, or all there are."""
    bookmark = bookmarks.current_bookmarks(conn, "counting").get("events", {})
    expected = rows if rows is not None else bookmark.get("replication_key_value", 0)
    if not exists(conn, "counting", "events"):
        assert expected == 0
        return
    found = conn.execute(
        "SELECT count(*), count(DISTINCT n), coalesce(max(n), 0), count(*) FILTER (WHERE text <> 'event ' || n)"
        " FROM counting.events"
    ).fetchone()
    assert found == (expected, expected, expected, 0)
