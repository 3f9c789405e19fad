"""A small project of its own for each test of the command, with a tap that nobody has to install."""

from __future__ import annotations

import os
import sys
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from crm_cli import pipeline, sources
from crm_cli.project import Project
from sync_history import runs, schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MELTANO_YML = """
project_id: 0e6d6f1e-0000-4000-8000-000000000000
default_environment: prod
environments:
- name: prod
include_paths: ["./taps/*/meltano.yml"]
plugins:
  loaders:
  - name: target-postgres-dw
    namespace: target_postgres_dw
    executable: target-postgres-dw
    settings:
    - {name: sqlalchemy_url, kind: string, sensitive: true}
    config:
      sqlalchemy_url: $WAREHOUSE_URL
"""

TAP_YML = """
plugins:
  extractors:
  - name: tap-acme
    namespace: tap_acme
    executable: tap-acme
    settings:
    - {name: host, kind: string}
    - {name: port, kind: integer, value: 3306}
    - {name: user, kind: string}
    - {name: password, kind: string, sensitive: true, env: ACME_SECRET}
    settings_group_validation:
    - [host, port, user, password]
"""


PREAMBLE = """
import json, os, signal, subprocess, sys, time
from datetime import UTC, datetime
from pathlib import Path
import psycopg
from sync_history import runs

conn = psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True)
Path(os.environ["MELTANO_PROJECT_ROOT"], "seen.json").write_text(json.dumps({"argv": sys.argv[1:], **os.environ}))

source = next((word.removeprefix("tap-") for word in sys.argv if word.startswith("tap-")), "acme")

def opened(stream):
    # As the loader does; else another run that begins takes this one for dead.
    runs.take_locks(conn, source, [stream])
    return runs.open_run(conn, run_id=os.environ["MELTANO_RUN_ID"], crm_source=source, sync_type=stream,
        started_at=datetime.now(UTC), configuration={}, bookmark_before=None)

def progress(row, **counts):
    runs.record_progress(conn, row, counts=runs.Counts(**counts), bookmark=None, metrics={}, endpoint=None)
"""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("TAP_", "TARGET_", "MELTANO_", "WAREHOUSE_URL", "ACME_", "COLUMNS", "CRM_")):
            monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one tap, tap-acme, whose streams are users, deals and calls; the current folder."""
    (tmp_path / "taps" / "tap-acme").mkdir(parents=True)
    (tmp_path / "meltano.yml").write_text(textwrap.dedent(MELTANO_YML))
    (tmp_path / "taps" / "tap-acme" / "meltano.yml").write_text(textwrap.dedent(TAP_YML))
    point = SimpleNamespace(
        name="acme",
        dist=SimpleNamespace(name="tap-acme"),
        load=lambda: [SimpleNamespace(name="users"), "deals", "calls"],
    )
    monkeypatch.setattr(sources, "entry_points", lambda group: [point] if group == sources.GROUP else [])
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


@dataclass
class Seed:
    """Writes history rows as the loader would."""

    conn: psycopg.Connection
    started: datetime = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

    def run(
        self,
        stream: str = "users",
        *,
        source: str = "acme",
        run_id: str = "11111111-1111-1111-1111-111111111111",
        counts: runs.Counts | None = None,
        bookmark: dict[str, Any] | None = None,
        error: str | None = None,
        metrics: dict[str, Any] | None = None,
        configuration: dict[str, Any] | None = None,
        close: bool = True,
    ) -> int:
        """Write one row and return its id."""
        started = self.started
        self.started += timedelta(minutes=1)
        row = runs.open_run(
            self.conn,
            run_id=run_id,
            crm_source=source,
            sync_type=stream,
            started_at=started,
            configuration=configuration or {},
            bookmark_before=None,
        )
        runs.record_progress(
            self.conn, row, counts=counts or runs.Counts(), bookmark=bookmark, metrics=metrics or {}, endpoint=stream
        )
        if close:
            runs.close_run(self.conn, row, error=error, category="source" if error else None)
            self.conn.execute(
                "UPDATE orchestration.sync_history SET end_time = %s WHERE id = %s",
                (started + timedelta(seconds=4), row),
            )
        return row


@pytest.fixture
def seed(postgres_url: str) -> Iterator[Seed]:
    """An empty, migrated history in the test's database."""
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        schema.migrate(conn)
        yield Seed(conn)


@pytest.fixture
def warehouse_url(project: Project, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test's database, set as the project's warehouse."""
    del project
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url)
    return postgres_url


@pytest.fixture
def meltano(project: Project, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a script in Meltano's place, and give the tap what it needs."""
    folder = project.root / "bin"
    folder.mkdir()
    monkeypatch.setattr(pipeline, "bin_folder", lambda: str(folder))
    monkeypatch.setattr(pipeline, "_POLL_SECONDS", 0.1)
    for name in ("TAP_ACME_HOST", "TAP_ACME_USER"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("ACME_SECRET", "hunter2")

    def script(body: str) -> None:
        file = folder / "meltano"
        file.write_text(f"#!{sys.executable}\n{PREAMBLE}\n{textwrap.dedent(body)}")
        file.chmod(0o755)

    return script


@pytest.fixture
def without_meltano_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meltano's own tables are another test's matter."""
    monkeypatch.setenv("MELTANO_DATABASE_URI", "sqlite://")
