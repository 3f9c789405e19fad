"""The rules of names, statuses and counts: each one is found when it is broken, and none when all is well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from sync_history import bookmarks, compliance, runs, schema
from sync_history.compliance import check_compliance, check_names, is_plural

if TYPE_CHECKING:
    from collections.abc import Iterator

DECLARED = {"genius": ("people", "orders"), "gsheet": ("marketing_leads",)}


@pytest.fixture
def conn(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A history with one good row of each kind."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        schema.migrate(connection)
        for failed in (0, 1):
            row = open_run(connection)
            runs.record_progress(
                connection, row, counts=runs.Counts(created=1, failed=failed), bookmark={}, metrics={}, endpoint="e"
            )
            runs.close_run(connection, row)
        runs.close_run(connection, open_run(connection), error="The source is down.", category="source")
        open_run(connection, "orders")
        bookmarks.edit_bookmarks(connection, "genius", {"people": {"replication_key_value": "x"}}, "ann@host", "why")
        yield connection


def open_run(conn: psycopg.Connection, stream: str = "people", source: str = "genius") -> int:
    return runs.open_run(
        conn,
        run_id="r",
        crm_source=source,
        sync_type=stream,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        configuration={"since": "2026-01-01", "start_date": None, "page_size": 5},
        bookmark_before=None,
    )


def rules(conn: psycopg.Connection) -> list[str]:
    return [breach.rule for breach in check_compliance(conn, DECLARED, open_sources=["gsheet"])]


def test_what_the_suite_writes_breaks_no_rule(conn: psycopg.Connection) -> None:
    open_run(conn, "marketing_spends_of_spain", "gsheet")
    open_run(conn, "deals", "hubspot")
    assert rules(conn) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("crm_source = 'Genius CRM'", "source-name"),
        ("sync_type = 'people_sync'", "stream-name"),
        ("sync_type = 'all'", "stream-name"),
        ("sync_type = 'persons'", "stream-name"),
        ("status = 'completed'", "status"),
        ("end_time = NULL", "end"),
        ("end_time = '2020-01-01'", "order"),
        ("records_created = 7", "counts"),
        ("records_created = -1, records_processed = -1", "counts"),
        ("records_failed = 1, records_processed = 2", "partial"),
        ("status = 'partial'", "partial"),
        ("status = 'failed'", "reason"),
        ("performance_metrics = '{}'", "metrics"),
        ("""configuration = '{"since": 1735689600}'""", "dates"),
        ("""configuration = '{"end_date": "31.01.2026"}'""", "dates"),
        ("""configuration = '{"access_token": "x"}'""", "secrets"),
    ],
)
def test_a_row_that_breaks_a_rule_is_found(conn: psycopg.Connection, change: str, rule: str) -> None:
    for name in compliance._CONSTRAINTS:
        conn.execute(f"ALTER TABLE orchestration.sync_history DROP CONSTRAINT {name}".encode())
    row = conn.execute("SELECT min(id) FROM orchestration.sync_history").fetchone()
    conn.execute(f"UPDATE orchestration.sync_history SET {change} WHERE id = %s".encode(), row)
    found = [breach for breach in check_compliance(conn, DECLARED) if breach.rule != "constraints"]
    assert rule in {breach.rule for breach in found}
    assert all(breach.where in breach.sentence for breach in found)


def test_a_lost_constraint_is_found(conn: psycopg.Connection) -> None:
    conn.execute("ALTER TABLE orchestration.sync_history DROP CONSTRAINT counts_add_up")
    (breach,) = check_compliance(conn, DECLARED)
    assert breach.rule == "constraints"
    assert "counts_add_up" in breach.sentence


def test_the_constraints_are_those_of_the_table(conn: psycopg.Connection) -> None:
    rows = conn.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'orchestration.sync_history'::regclass AND contype = 'c'"
    ).fetchall()
    assert {name for (name,) in rows} == set(compliance._CONSTRAINTS)


@pytest.mark.parametrize("table", ["genius.people (synced_at timestamptz)", "public.sync_history (id int)"])
def test_other_books_are_found(conn: psycopg.Connection, table: str) -> None:
    conn.execute("CREATE SCHEMA genius")
    assert rules(conn) == []
    conn.execute(f"CREATE TABLE {table}".encode())
    assert rules(conn) == ["other-books"]


@pytest.mark.parametrize(
    ("declared", "rule"),
    [
        ({"Sales Force": ("people",)}, "source-name"),
        ({"genius": ("person",)}, "stream-name"),
        ({"genius": ("People",)}, "stream-name"),
        ({"genius": ("people_sync",)}, "stream-name"),
        ({"genius": ("all",)}, "stream-name"),
        ({"genius": ("users", "users")}, "stream-name"),
    ],
)
def test_names_that_a_tap_may_not_declare(declared: dict[str, tuple[str, ...]], rule: str) -> None:
    assert [breach.rule for breach in check_names(declared)] == [rule]


@pytest.mark.parametrize("name", ["users", "call_log", "agent_login_logout", "sheet_metadata", "zipcodes"])
def test_plurals(name: str) -> None:
    assert is_plural(name)


@pytest.mark.parametrize("name", ["user", "address", "lead_status_activity"])
def test_singulars(name: str) -> None:
    assert not is_plural(name)
