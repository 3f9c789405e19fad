"""Backfill and reconcile through Meltano: what was lost comes back, and no bookmark moves."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli.commands.simulator import plain
from crm_cli.main import crm
from crm_cli.project import Project, variable
from crm_cli.sources import installed_sources
from crm_simulator.server import make_crms
from sync_history import bookmarks, runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_cli.servers.mariadb import Database

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the Meltano project, whose warehouse is the test's database."""
    for name in list(os.environ):
        if name.startswith(("TAP_", "TARGET_", "MELTANO_", "WAREHOUSE_URL")):
            monkeypatch.delenv(name)
    for file in Project(ROOT).files:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, arguments, env={"COLUMNS": "200"})


def compared(*arguments: str, code: int) -> dict[str, Any]:
    result = run("reconcile", *arguments, "--json")
    assert result.exit_code == code, result.output
    return {one["stream"]: one for one in json.loads(result.stdout)["streams"]}


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def stored_bookmarks(url: str, source: str) -> dict[str, Any]:
    with psycopg.connect(url) as conn:
        return bookmarks.current_bookmarks(conn, source)


def keys_of(record: dict[str, Any], kind: str) -> list[Any]:
    return [found["key"] for found in record["differences"][kind]["keys"]]


@pytest.mark.usefixtures("project")
def test_genius(genius_db: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("host", "port", "user", "password", "database"):
        monkeypatch.setenv(variable("tap-genius", name), str(getattr(genius_db, name)))
    streams = ("prospects", "appointment_services", "job_statuses")
    assert run("sync", "genius", *streams, "--quiet").exit_code == 0
    before = stored_bookmarks(postgres_url, "genius")
    execute(
        postgres_url,
        "DELETE FROM genius.prospects WHERE id = 3;"
        " UPDATE genius.prospects SET updated_at = updated_at - interval '1 day' WHERE id = 4;"
        " INSERT INTO genius.prospects (id, first_name, _sdc_batched_at) VALUES (-5, 'Nobody', '2020-01-01');"
        " DELETE FROM genius.appointment_services WHERE (appointment_id, service_id) IN"
        "  (SELECT appointment_id, service_id FROM genius.appointment_services LIMIT 2)",
    )
    found = compared("genius", *streams, code=1)
    assert {stream: one["equal"] for stream, one in found.items()} == dict(
        zip(streams, (False, False, True), strict=True)
    )
    assert keys_of(found["prospects"], "missing") == [{"id": 3}]
    assert keys_of(found["prospects"], "changed") == [{"id": 4}]
    assert keys_of(found["prospects"], "extra") == [{"id": -5}]
    assert found["appointment_services"]["differences"]["missing"]["count"] == 2

    result = run("reconcile", "genius", *streams, "--repair", "--delete-extra")
    assert result.exit_code == 0, result.output
    assert stored_bookmarks(postgres_url, "genius") == before
    with psycopg.connect(postgres_url) as conn:
        newest = {row.sync_type: row for row in reversed(runs.find_runs(conn))}
        first = [row for row in runs.find_runs(conn, sync_type="prospects") if "reconcile" in row.configuration]
    assert newest["appointment_services"].records_created == 2
    assert [(row.records_created, row.records_updated, row.records_deleted) for row in first] == [(0, 0, 1), (1, 1, 0)]


@pytest.mark.usefixtures("project")
def test_genius_in_windows(genius_db: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("host", "port", "user", "password", "database"):
        monkeypatch.setenv(variable("tap-genius", name), str(getattr(genius_db, name)))
    assert run("sync", "genius", "prospects", "--quiet").exit_code == 0
    before = stored_bookmarks(postgres_url, "genius")
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        bounds = conn.execute(
            "SELECT min(updated_at)::date, max(updated_at)::date + 1 FROM genius.prospects"
        ).fetchone()
        assert bounds is not None
        gone = conn.execute("DELETE FROM genius.prospects WHERE updated_at IS NOT NULL").rowcount
        days = (bounds[1] - bounds[0]).days
    window = ["--from", str(bounds[0]), "--to", str(bounds[1]), "--step", f"{-(-days // 2)}d"]
    result = run("backfill", "genius", "prospects", *window, "--json", "--quiet")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert len(record["windows"]) == 2
    assert sum(one["run"]["created"] for one in record["windows"]) == gone
    assert stored_bookmarks(postgres_url, "genius") == before
    again = run("backfill", "genius", "prospects", *window)
    assert again.exit_code == 0
    assert "were read: --restart" in again.stderr
    refused = run("backfill", "genius", "job_statuses", *window)
    assert refused.exit_code == 2
    assert "has no time of change" in refused.stderr


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "stream", "table"),
    [("callrail", "calls", "calls"), ("arrivy", "tasks", "tasks"), ("salesrabbit", "leads", "leads")],
)
def test_a_crm_with_an_http_api(
    name: str,
    stream: str,
    table: str,
    postgres_url: str,
    simulate: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (simulated,) = make_crms([name], size=60)
    simulated.lift_limits()
    tap = installed_sources()[name].tap
    for setting, value in simulated.tap_settings(simulate(simulated)).items():
        monkeypatch.setenv(variable(tap, setting), plain(value))
    assert run("sync", name, stream, "--quiet").exit_code == 0
    before = stored_bookmarks(postgres_url, name)
    execute(
        postgres_url,
        f"DELETE FROM {name}.{table} WHERE id IN (SELECT id FROM {name}.{table}"
        " WHERE _sdc_deleted_at IS NULL ORDER BY id LIMIT 3)"
        if name == "salesrabbit"
        else f"DELETE FROM {name}.{table} WHERE id IN (SELECT id FROM {name}.{table} ORDER BY id LIMIT 3)",
    )
    found = compared(name, stream, code=1)[stream]
    assert found["differences"]["missing"]["count"] + found["waiting"] == 3
    assert (found["differences"]["extra"]["count"], found["differences"]["changed"]["count"]) == (0, 0)
    assert (found["within"] is not None) == (name == "callrail")
    assert found["source"]["count"] > 10
    repaired = compared(name, stream, "--repair", code=0)[stream]
    assert repaired["waiting"] == found["waiting"]
    assert stored_bookmarks(postgres_url, name) == before
