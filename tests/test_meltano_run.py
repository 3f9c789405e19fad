"""The whole pipeline, from a MariaDB with made-up rows through Meltano into Postgres."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from crm_cli.project import Project
from crm_simulator import genius
from sync_history import bookmarks, runs, schema
from tap_genius.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_cli.servers.mariadb import Database

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
STATE_ID = "prod:tap-genius-to-target-postgres-dw"
PER_STREAM_PLUGIN = """plugins:
  extractors:
  - name: tap-genius--prospects
    inherit_from: tap-genius
    select_filter: [prospects]
"""


@dataclass
class Suite:
    """A copy of the project's Meltano files, a source and a warehouse."""

    folder: Path
    source: Database
    warehouse: psycopg.Connection
    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BIN / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def meltano_run(self, tap: str = "tap-genius", **variables: str) -> dict[str, runs.Run]:
        """Run the pipeline by Meltano alone; return the history rows of the run by stream."""
        run_id = str(uuid.uuid4())
        done = self.run("meltano", "run", "--force", tap, "target-postgres-dw", MELTANO_RUN_ID=run_id, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return {row.sync_type: row for row in runs.find_runs(self.warehouse, run_id=run_id)}

    def count(self, stream: str) -> int:
        row = self.warehouse.execute(f"SELECT count(*) FROM genius.{stream} WHERE _sdc_deleted_at IS NULL").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def suite(tmp_path: Path, genius_db: Database, postgres_url: str) -> Iterator[Suite]:
    for file in Project(ROOT).files:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    # One more file, which the project includes.
    with (tmp_path / "meltano.yml").open("a") as main:
        main.write("\ninclude_paths: [./plugins/*/meltano.yml]\n")
    more = tmp_path / "plugins" / "per-stream"
    more.mkdir(parents=True)
    (more / "meltano.yml").write_text(PER_STREAM_PLUGIN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAP_", "TARGET_", "MELTANO_"))}
    environment = {
        **kept,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "WAREHOUSE_URL": postgres_url,
        "MELTANO_CLI_LOG_FORMAT": "uncolored",
        "TAP_GENIUS_HOST": genius_db.host,
        "TAP_GENIUS_PORT": str(genius_db.port),
        "TAP_GENIUS_USER": genius_db.user,
        "TAP_GENIUS_PASSWORD": genius_db.password,
        "TAP_GENIUS_DATABASE": genius_db.database,
    }
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        schema.migrate(conn)
        yield Suite(tmp_path, genius_db, conn, environment)


def source_counts(source: Database) -> dict[str, int]:
    """Rows of each stream's table."""
    counts = {}
    with closing(source.connect()) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM `{table.table}`")
            row = cursor.fetchone()
            assert row is not None
            counts[table.name] = int(row[0])
    return counts


def test_a_full_run_lands_every_stream_and_the_next_is_a_delta(suite: Suite) -> None:
    first = suite.meltano_run()
    assert set(first) == {table.name for table in TABLES}
    assert {row.status for row in first.values()} <= {"success", "partial"}
    assert first["prospects"].configuration["batch_config"] == {"encoding": {"format": "copy-text"}}
    in_source = source_counts(suite.source)
    assert {stream: row.records_processed for stream, row in first.items()} == in_source
    assert {stream: suite.count(stream) for stream in first} == {
        stream: row.records_created for stream, row in first.items()
    }

    with closing(suite.source.connect(autocommit=True)) as connection:
        changes = genius.pass_a_day(connection)
    second = suite.meltano_run()
    assert sum(row.records_created for row in second.values()) == sum(change["new"] for change in changes.values())
    assert sum(row.records_updated for row in second.values()) == sum(change["changed"] for change in changes.values())
    assert {row.records_deleted for row in second.values()} == {0}
    for stream in ("prospects", "leads", "appointments", "quotes", "jobs"):
        assert 0 < second[stream].records_processed < in_source[stream], stream
        assert second[stream].bookmark_before == first[stream].bookmark


def test_a_stream_has_one_bookmark_however_it_is_run(suite: Suite) -> None:
    filtered = suite.meltano_run(TAP_GENIUS__SELECT_FILTER='["prospects"]')
    assert set(filtered) == {"prospects"}
    assert filtered["prospects"].bookmark_before is None

    inherited = suite.meltano_run(
        "tap-genius--prospects",
        **{name.replace("TAP_GENIUS_", "TAP_GENIUS__PROSPECTS_"): value for name, value in suite.environment.items()},
    )
    assert set(inherited) == {"prospects"}
    assert inherited["prospects"].crm_source == "genius"
    assert inherited["prospects"].bookmark_before == filtered["prospects"].bookmark
    assert inherited["prospects"].records_created == 0
    assert inherited["prospects"].records_processed < filtered["prospects"].records_processed

    whole = suite.meltano_run()
    assert whole["prospects"].bookmark_before == inherited["prospects"].bookmark
    assert whole["prospects"].records_processed == inherited["prospects"].records_processed
    assert whole["leads"].bookmark_before is None
    assert suite.count("leads") > 0


def test_meltanos_state_commands_work_on_the_history(suite: Suite) -> None:
    mark = {"replication_key": "updated_at", "replication_key_value": "2025-01-02T03:04:05.000000+00:00"}
    state = json.dumps({"singer_state": {"bookmarks": {"prospects": mark}}})
    done = suite.run("meltano", "state", "set", "--force", STATE_ID, state)
    assert done.returncode == 0, done.stderr
    assert bookmarks.current_bookmarks(suite.warehouse, "genius") == {"prospects": mark}

    assert STATE_ID in suite.run("meltano", "--environment=prod", "state", "list").stdout.splitlines()
    found = json.loads(suite.run("meltano", "state", "get", STATE_ID).stdout)
    assert found["singer_state"] == {"bookmarks": {"prospects": mark}}

    assert suite.run("meltano", "state", "clear", "--force", STATE_ID).returncode == 0
    assert bookmarks.current_bookmarks(suite.warehouse, "genius") == {}
    edits = runs.find_runs(suite.warehouse, edits=True)
    assert [row.configuration["edited_by"].startswith("meltano state") for row in edits] == [True, True]


def crm_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_crm_sync_with_an_awkward_password(suite: Suite) -> None:
    """Meltano takes a dollar sign in some values for a variable; here it must reach the source as it is."""
    user, password = f"u{uuid.uuid4().hex[:12]}", "pa$HOME:@/'%41 ${PATH}"
    with closing(suite.source.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER '{user}'@'%%' IDENTIFIED BY %s", (password,))
        cursor.execute(f"GRANT SELECT ON `{suite.source.database}`.* TO '{user}'@'%'")
    try:
        account = {"TAP_GENIUS_USER": user, "TAP_GENIUS_PASSWORD": password}
        dry = suite.run("crm", "sync", "genius", "prospects", "--dry-run", "--json", **account)
        assert dry.returncode == 0, dry.stderr
        [row] = crm_json(dry)["streams"]
        assert row["dry_run"] is True
        assert row["created"] == source_counts(suite.source)["prospects"]
        assert bookmarks.current_bookmarks(suite.warehouse, "genius") == {}

        done = suite.run("crm", "sync", "genius", "prospects", **account)
        assert done.returncode == 0, done.stderr
        assert "1 success" in done.stdout
        assert suite.count("prospects") == row["created"]
        [again] = crm_json(suite.run("crm", "sync", "genius", "prospects", "--full", "--json", **account))["streams"]
        assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, row["created"])
        for log in (suite.folder / ".crm" / "logs").iterdir():
            assert password not in log.read_text()
    finally:
        with closing(suite.source.connect(autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER '{user}'@'%'")
    assert list((suite.folder / ".crm" / "runs").iterdir()) == []
    # Meltano's own tables lie in a schema of their own.
    assert suite.warehouse.execute("SELECT to_regclass('meltano.runs') IS NOT NULL").fetchone() == (True,)
    assert suite.warehouse.execute("SELECT to_regclass('public.runs') IS NULL").fetchone() == (True,)


def test_a_source_that_refuses_is_one_sentence_and_in_the_history(suite: Suite) -> None:
    done = suite.run("crm", "sync", "genius", "prospects", "leads", "--json", TAP_GENIUS_PASSWORD="not-this-one")
    assert done.returncode == 1
    result = crm_json(done)
    assert "check the settings user and password" in result["error"]
    assert "not-this-one" not in done.stdout + done.stderr
    assert "\n" not in result["error"]
    assert {(row["stream"], row["status"]) for row in result["streams"]} == {
        ("prospects", "failed"),
        ("leads", "failed"),
    }
    assert {row.error_message for row in runs.latest_runs(suite.warehouse)} == {result["error"]}


def test_a_run_is_refused_by_name_while_another_holds_a_stream(suite: Suite, postgres_url: str) -> None:
    holder = str(uuid.uuid4())
    with psycopg.connect(postgres_url, autocommit=True) as other:
        assert runs.take_locks(other, "genius", ["leads"]) is None
        row = other.execute("SELECT now()").fetchone()
        assert row is not None
        runs.open_run(
            other,
            run_id=holder,
            crm_source="genius",
            sync_type="leads",
            started_at=row[0],
            configuration={},
            bookmark_before=None,
        )
        done = suite.run(
            "crm", "sync", "genius", "prospects", "leads", "--json", TARGET_POSTGRES_DW_LOCK_WAIT_SECONDS="0"
        )
    assert done.returncode == 1
    result = crm_json(done)
    assert holder in result["error"]
    assert {row["error_category"] for row in result["streams"]} == {"overlap"}
    assert suite.warehouse.execute("SELECT to_regclass('genius.prospects')").fetchone() == (None,)


def test_several_first_runs_at_once_do_not_disturb_each_other(suite: Suite) -> None:
    """Both make the history's and Meltano's tables; the same stream is loaded by one of them at a time."""
    suite.warehouse.execute("DROP SCHEMA orchestration CASCADE")
    processes = [
        suite.start("crm", "sync", "genius", "prospects", "--json"),
        suite.start("crm", "sync", "genius", "prospects", "--json"),
    ]
    results = []
    for process in processes:
        out, errors = process.communicate(timeout=180)
        assert out, errors
        results.append(json.loads(out))
    codes = sorted(result["exit_code"] for result in results)
    assert codes in ([0, 0], [0, 1]), results
    for result in results:
        [row] = result["streams"]
        assert row["status"] == "success" or row["error_category"] == "overlap", result
    assert suite.count("prospects") == source_counts(suite.source)["prospects"]
