from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from crm_cli import warehouse
from crm_cli.commands import db as db_module
from crm_cli.main import COMMANDS, crm
from crm_cli.servers.errors import ServerError
from crm_cli.servers.postgres import EmbeddedPostgres
from sync_history import bookmarks, runs

if TYPE_CHECKING:
    from crm_cli.project import Project


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(crm, list(arguments), env={"COLUMNS": "200"})


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_help_needs_no_heavy_import() -> None:
    script = (
        "import sys; from crm_cli.main import crm; crm(['--help'], standalone_mode=False); "
        "print([name for name in ('meltano', 'singer_sdk', 'psycopg', 'rich', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_no_command_imports_meltano_or_the_sdk() -> None:
    script = (
        "import sys; from importlib import import_module; from crm_cli.main import COMMANDS; "
        "[import_module(path.split(':')[0]) for path, _ in COMMANDS.values()]; "
        "print([name for name in ('meltano', 'singer_sdk') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_they_say_of_themselves(name: str) -> None:
    module, attribute = COMMANDS[name][0].split(":")
    assert getattr(import_module(module), attribute).get_short_help_str(200) == COMMANDS[name][1]
    assert f"\n  {name} " in invoke("--help").output


def test_an_unknown_command_names_the_nearest() -> None:
    result = invoke("statsu")
    assert result.exit_code == 2
    assert "statsu is no command. Did you mean status?" in result.output


@pytest.mark.usefixtures("warehouse_url")
def test_status_shows_each_stream_once(seed: Any) -> None:
    mark = {"replication_key": "updated_at", "replication_key_value": "2026-01-05T07:00:00.000000+00:00"}
    seed.run("users", counts=runs.Counts(created=2000, failed=1), bookmark=mark)
    seed.run("users", error="The table is gone.")
    seed.run("deals", counts=runs.Counts(updated=3))
    result = invoke("status")
    assert result.exit_code == 0
    shown = lines(result.output)
    assert shown[0] == "source stream status when (UTC) bookmark (UTC) rows failed rejects"
    assert shown[2].startswith("acme deals success 2026-01-05 08:02:04 ")
    assert shown[3].startswith("acme users failed 2026-01-05 08:01:04 ")
    # The bookmark is that of the run before: the failed one set none.
    assert shown[3].endswith("ago 2026-01-05 07:00:00 0 0 0")


def test_status_as_json(seed: Any, warehouse_url: str) -> None:
    history_id = seed.run("users", counts=runs.Counts(created=2, failed=1), bookmark={"replication_key_value": 5})
    seed.conn.execute(
        "INSERT INTO orchestration.sync_reject (sync_history_id, crm_source, sync_type, category, reason, fingerprint)"
        " VALUES (%s, 'acme', 'users', 'record', 'no key', 'f')",
        (history_id,),
    )
    seed.run("notes", source="other")
    result = invoke("status", "acme", "--json")
    assert result.exit_code == 0
    payload = json.loads(result.output)
    assert payload["warehouse"] == warehouse.masked(warehouse_url)
    [stream] = payload["streams"]
    assert stream["stream"] == "users"
    assert stream["status"] == "partial"
    assert stream["processed"] == 3
    assert stream["open_rejects"] == 1
    assert stream["bookmark"] == {"replication_key_value": 5}


@pytest.mark.usefixtures("warehouse_url")
def test_status_closes_runs_whose_process_is_gone(seed: Any) -> None:
    seed.run("users", close=False)
    seed.run("deals", close=False)
    assert runs.take_locks(seed.conn, "acme", ["deals"]) is None
    streams = {row["stream"]: row for row in json.loads(invoke("status", "--json").output)["streams"]}
    assert streams["users"]["status"] == "failed"
    assert streams["users"]["error_category"] == "interrupted"
    assert streams["deals"]["status"] == "running"


@pytest.mark.usefixtures("seed", "warehouse_url")
def test_status_and_history_of_an_empty_history() -> None:
    for command in ("status", "history"):
        assert invoke(command).output == "Nothing has been synced yet.\n"
        assert invoke(command, "acme").output == "Nothing has been synced yet.\n"
        result = invoke(command, "acmee")
        assert result.exit_code == 2
        assert "Did you mean acme?" in result.output


@pytest.mark.usefixtures("warehouse_url")
def test_history_is_newest_first_and_can_be_narrowed(seed: Any) -> None:
    seed.run("users", counts=runs.Counts(created=2))
    seed.run("deals", error="No permission for deals.")
    seed.run("users", counts=runs.Counts(unchanged=2))
    bookmarks.edit_bookmarks(seed.conn, "acme", {"users": {"replication_key_value": 1}}, "somebody")
    shown = lines(invoke("history").output)
    assert [line.split()[3] for line in shown[2:5]] == ["users", "deals", "users"]
    assert shown[2] == "2026-01-05 08:02:00 acme users success 2 0 0 2 0 0 4.0"
    assert shown[5:] == ["2026-01-05 08:01:00 acme deals: No permission for deals."]
    assert len(json.loads(invoke("history", "-n", "2", "--json").output)["runs"]) == 2
    [row] = json.loads(invoke("history", "acme", "deals", "--json").output)["runs"]
    assert row["error"] == "No permission for deals."
    assert row["error_category"] == "source"
    result = invoke("history", "acme", "deal")
    assert result.exit_code == 2
    assert "Did you mean deals?" in result.output


@pytest.mark.usefixtures("warehouse_url")
def test_a_warehouse_without_history_is_one_sentence() -> None:
    for command in ("status", "history"):
        result = invoke(command)
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        assert "has no history yet" in result.output


@pytest.mark.usefixtures("project")
def test_sync_checks_names_and_settings_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke("sync", "acem")
    assert result.exit_code == 2
    assert "acem is no source. Did you mean acme? There are: acme." in result.output
    result = invoke("sync", "acme", "user")
    assert result.exit_code == 2
    assert "user is no stream of acme. Did you mean users?" in result.output
    monkeypatch.setenv("TAP_ACME_HOST", "db.example.com")
    result = invoke("sync", "acme")
    assert result.exit_code == 2
    assert "TAP_ACME_USER  (setting user)" in result.output
    assert "ACME_SECRET    (setting password)" in result.output
    assert "TAP_ACME_HOST" not in result.output
    assert not Path(".crm").exists()


class FakePostgres:
    running = False

    def __init__(self, _root: Path) -> None:
        pass

    def up(self) -> str:
        FakePostgres.running = True
        return "postgresql://crm:secret@127.0.0.1:1/warehouse"

    def down(self) -> None:
        FakePostgres.running = False

    def url(self) -> str | None:
        return self.up() if FakePostgres.running else None


@pytest.fixture
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePostgres, "running", False)
    monkeypatch.setattr(warehouse, "EmbeddedPostgres", FakePostgres)


@pytest.mark.usefixtures("project", "_embedded")
def test_db_starts_stops_and_addresses_the_embedded_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("db", "down").output == "Postgres is not running.\n"
    result = invoke("db", "url")
    assert result.exit_code == 1
    assert "crm db up" in result.output
    assert invoke("db", "up").output == "Postgres is running: postgresql://crm:***@127.0.0.1:1/warehouse\n"
    assert invoke("db", "url").output == "postgresql://crm:secret@127.0.0.1:1/warehouse\n"
    assert invoke("db", "url", "--demo").output == "postgresql://crm:secret@127.0.0.1:1/crm_demo\n"
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://u:p@elsewhere/db")
    assert "this is not the warehouse of the project" in invoke("db", "up").output
    assert invoke("db", "url").output == "postgresql://u:p@elsewhere/db\n"
    assert invoke("db", "down").output == "Postgres is stopped; its data are kept.\n"
    assert not FakePostgres.running


@pytest.mark.usefixtures("project")
def test_what_a_server_has_to_say_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_project: Project) -> None:
        raise ServerError("Postgres did not start: no space left.")

    monkeypatch.setattr(db_module, "embedded_postgres", broken)
    result = invoke("db", "up")
    assert result.exit_code == 1
    assert result.output == "Error: Postgres did not start: no space left.\n"


def crm_command(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from crm_cli.main import crm; crm(prog_name='crm')", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", [("psql",), ("db", "psql")])
def test_psql_opens_the_warehouse(project: Project, warehouse_url: str, command: tuple[str, ...]) -> None:
    done = crm_command(*command, "-XAtc", "SELECT current_database()", folder=project.root)
    assert done.stdout.strip() == warehouse_url.rsplit("/", 1)[1], done.stderr


def test_psql_shows_no_password_to_other_processes(project: Project, warehouse_url: str) -> None:
    password = warehouse.password_of(warehouse_url)
    assert password
    done = crm_command("psql", "-XAtc", r"\! tr '\0' ' ' < /proc/$PPID/cmdline", folder=project.root)
    assert "psql" in done.stdout
    assert password not in done.stdout


def test_psql_that_cannot_start_is_one_sentence(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del warehouse_url
    monkeypatch.setattr(EmbeddedPostgres, "binary", lambda _self, name: tmp_path / name)
    result = invoke("psql")
    assert result.exit_code == 1
    assert "psql cannot be started" in result.output


def test_a_refused_connection_is_one_sentence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    del project
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://u:secret@127.0.0.1:1/db")
    result = invoke("status")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "secret" not in result.output
    assert "cannot be used" in result.output


def test_the_command_knows_its_version() -> None:
    assert invoke("--version").output.startswith("crm, version ")
