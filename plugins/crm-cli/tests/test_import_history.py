"""``crm import-history``: from a file and from a database, once and again."""

from __future__ import annotations

import csv
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import history_import, sources
from crm_cli.errors import CrmError
from crm_cli.main import crm
from psycopg import sql
from sync_history import bookmarks, runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crm_cli.project import Project

COLUMNS = [
    "id",
    "crm_source",
    "sync_type",
    "endpoint",
    "status",
    "start_time",
    "end_time",
    "records_processed",
    "records_created",
    "records_updated",
    "records_failed",
    "error_message",
    "performance_metrics",
    "configuration",
    "created_at",
]
ROWS: list[tuple[Any, ...]] = [
    (1, "acme", "users", "/users", "completed", "2025-05-01 08:00:00+00", "2025-05-01 08:05:00+00", 5, 5, 0, 0, None),
    (2, "acme", "user", None, "success", "2025-05-02 08:00:00+00", "2025-05-02 08:05:00+00", 5, 0, 5, 0, None),
    (3, "Acme", "calls_sync", None, "error", "2025-05-02 09:00:00+00", None, 0, 0, 0, 0, "401 for ann@example.com"),
    (4, "acme", "all", None, "success", "2025-05-02 10:00:00+00", "2025-05-02 10:05:00+00", 3, 0, 0, 0, None),
    (5, "acme", "toys", None, "success", "2025-05-02 10:00:00+00", "2025-05-02 10:05:00+00", 3, 0, 0, 0, None),
    (6, "elsewhere", "users", None, "success", "2025-05-02 10:00:00+00", "2025-05-02 10:05:00+00", 3, 0, 0, 0, None),
    (7, "acme", "deals", None, "paused", "2025-05-02 10:00:00+00", "2025-05-02 10:05:00+00", 3, 0, 0, 0, None),
    (8, "acme", "deals", None, "success", "2025-05-03 10:00:00+00", "2025-05-03 10:05:00+00", 3, 3, 0, 0, None),
    (9, "acme", "calls", None, "success", "2025-05-03 11:00:00+00", "2025-05-03 11:05:00+00", 3, 3, 0, 0, None),
]
MORE = ("{}", '{"full": true}', "2025-05-04 00:00:00+00")


@pytest.fixture(autouse=True)
def _no_names_from_before() -> Iterator[None]:
    history_import._today.cache_clear()
    yield
    history_import._today.cache_clear()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows((*row, *MORE) for row in ROWS)
    return path


@pytest.fixture
def old_database(postgres_url: str) -> Iterator[str]:
    """The old system's Postgres."""
    name = f"old_{uuid.uuid4().hex}"
    url = f"{postgres_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(url, autocommit=True) as old:
            old.execute("CREATE SCHEMA orchestration")
            old.execute(
                "CREATE TABLE orchestration.sync_history (id bigserial PRIMARY KEY, crm_source varchar(50),"
                " sync_type varchar(100), endpoint varchar(200), status varchar(20), start_time timestamptz,"
                " end_time timestamptz, records_processed int, records_created int, records_updated int,"
                " records_failed int, error_message text, performance_metrics jsonb, configuration jsonb,"
                " created_at timestamptz)"
            )
            holes = ", ".join(["%s"] * len(COLUMNS))
            with old.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO orchestration.sync_history VALUES ({holes})".encode(), [(*row, *MORE) for row in ROWS]
                )
        yield url
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["import-history", *arguments], env={"COLUMNS": "200"})


TOLD = "9 rows read: 5 taken over, 0 known already, 1 umbrella rows left out, 3 others left out."


def test_a_file_is_taken_over_once(seed: Any, warehouse_url: str, file: Path) -> None:
    assert warehouse_url
    result = run(str(file))
    assert result.exit_code == 0, result.output
    assert TOLD in result.stdout
    assert "left out: 1 with unknown name acme toys" in result.stderr
    assert "left out: 1 with unknown name elsewhere users" in result.stderr
    assert "left out: 1 with status 'paused'" in result.stderr
    rows = runs.find_runs(seed.conn)
    assert [(row.sync_type, row.status) for row in rows] == [
        ("calls", "success"),
        ("deals", "success"),
        ("calls", "failed"),
        ("users", "success"),
        ("users", "success"),
    ]
    assert rows[2].error_category == "authentication"
    assert "example.com" not in str(rows)
    assert all(row.configuration["imported"]["full"] is True for row in rows)
    assert "9 rows read: 0 taken over, 5 known already" in run(str(file)).stdout
    assert len(runs.find_runs(seed.conn)) == 5


def test_a_database_is_taken_over_as_a_file_is(seed: Any, warehouse_url: str, file: Path, old_database: str) -> None:
    assert warehouse_url
    result = run(old_database)
    assert result.exit_code == 0, result.output
    assert TOLD in result.stdout
    assert "0 taken over, 5 known already" in run(str(file)).stdout
    assert len(runs.find_runs(seed.conn)) == 5


def test_a_dry_run_writes_nothing(seed: Any, warehouse_url: str, file: Path, asked: None) -> None:
    assert (warehouse_url, asked) == (warehouse_url, None)
    result = run(str(file), "--dry-run", "--seed-bookmarks")
    assert TOLD in result.stdout
    assert "1 bookmarks are set." in result.stdout
    assert "A dry run: nothing of this was written." in result.stdout
    assert runs.find_runs(seed.conn, edits=True) == []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tap that shows users by time, deals by number, and calls without a bookmark."""
    streams = [
        {"tap_stream_id": "users", "replication_key": "at", "schema": {"properties": {"at": {"format": "date-time"}}}},
        {"tap_stream_id": "deals", "replication_key": "n", "schema": {"properties": {"n": {"type": "integer"}}}},
        {"tap_stream_id": "calls", "replication_key": None, "schema": {"properties": {}}},
    ]
    monkeypatch.setattr(history_import, "discover", lambda *_: streams)


@pytest.mark.usefixtures("asked", "warehouse_url")
def test_bookmarks_are_seeded_from_the_start_of_the_last_good_run(seed: Any, file: Path) -> None:
    result = run(str(file), "--seed-bookmarks", "--overlap", "12h")
    assert result.exit_code == 0, result.output
    assert bookmarks.current_bookmarks(seed.conn, "acme") == {
        "users": {"replication_key": "at", "replication_key_value": "2025-05-01T20:00:00.000000+00:00"}
    }
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "acme calls none it is read whole" in lines
    assert "acme deals none its bookmark n is no time" in lines
    assert "acme users 2025-05-01T20:00:00.000000+00:00 at" in lines
    assert "No row is stored of: acme users." in result.stderr
    [edit] = [row for row in runs.find_runs(seed.conn, edits=True) if "edited_by" in row.configuration]
    assert edit.configuration["edited_by"].startswith("crm import-history (")


@pytest.mark.usefixtures("asked", "warehouse_url")
def test_a_bookmark_that_is_there_stays(seed: Any, file: Path) -> None:
    mark = {"replication_key": "at", "replication_key_value": "2025-01-01T00:00:00.000000+00:00"}
    seed.run("users", bookmark=mark)
    seed.conn.execute("CREATE SCHEMA acme; CREATE TABLE acme.users AS SELECT 1 AS id")
    result = run(str(file), "--seed-bookmarks")
    assert "0 bookmarks are set." in result.stdout
    assert "it has a bookmark" in result.stdout
    assert bookmarks.current_bookmarks(seed.conn, "acme") == {"users": mark}
    assert "No row is stored" not in result.stderr


@pytest.mark.usefixtures("warehouse_url", "seed")
def test_a_tap_that_cannot_be_asked_leaves_the_history_taken_over(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CrmError("The login was refused.\nMore.")

    monkeypatch.setattr(history_import, "discover", refuse)
    result = run(str(file), "--seed-bookmarks")
    assert result.exit_code == 0, result.output
    assert "its tap could not be asked: The login was refused." in result.stdout
    assert "0 bookmarks are set." in result.stdout
    assert "0 taken over, 5 known" in run(str(file)).stdout


@pytest.mark.usefixtures("warehouse_url")
def test_a_place_that_is_no_old_history_is_refused(tmp_path: Path, postgres_url: str, seed: Any) -> None:
    assert run(str(tmp_path / "none.csv")).exit_code == 2
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    result = run(str(tmp_path / "odd.csv"))
    assert result.exit_code == 2
    assert "it lacks id, crm_source, sync_type, status, start_time." in result.stderr
    assert "holds a history of this suite" in run(postgres_url).stderr
    away = run("postgresql://crm:hunter2@127.0.0.1:1/old")
    assert away.exit_code == 1
    assert "hunter2" not in away.output
    assert runs.find_runs(seed.conn) == []


def test_a_source_that_names_its_stream(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project
    points = [
        SimpleNamespace(name=name, dist=SimpleNamespace(name=f"tap-{name}"), load=lambda streams=streams: streams)
        for name, streams in (("gsheet", ["marketing_leads"]), ("five9", ["contacts", "contact_lists"]))
    ]
    monkeypatch.setattr(sources, "entry_points", lambda **_: points)
    assert history_import._today("gsheet_marketing_leads", "full_refresh_of_it") == ("gsheet", "marketing_leads")
    assert history_import._today("gsheet", "marketing_leads_2024") == ("gsheet", "marketing_leads")
    assert history_import._today("five9", "contacts_dialer_update") == ("five9", "contacts")
    assert history_import._today("five9", "contact_lists") == ("five9", "contact_lists")
    assert history_import._today("five9", "all") == ("five9", None)
    assert history_import._today("five9", "nonsense") is None
