"""Every CRM with an HTTP API, through Meltano into Postgres: all of it, a day later the delta, and nothing is amiss.

What stands in the warehouse after a full read, a day in the CRM and a delta has to be what a full read of that day
brings into an empty warehouse: row by row, column by column, deletes included.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from crm_cli.commands.simulator import plain
from crm_cli.project import Project, variable
from crm_cli.sources import installed_sources
from crm_simulator.server import CRMS, make_crms
from psycopg import sql
from sync_history import runs, schema
from tap_kit.testing import installed_tap, run_tap
from target_postgres_dw.target import TargetPostgresDw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crm_simulator.application import Crm
    from sync_history.runs import Run

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
# What a run needs to see everything that a first read would see, with its reason.
WHOLE: dict[str, dict[str, Any]] = {
    # A delta of tasks reads the schedule around the present; what changes outside of it waits for a full read.
    "arrivy": {"task_delta": "full"},
    # By default only the latest messages of a conversation are listed; older ones stay in the warehouse.
    "callrail": {"text_threads": "full"},
    # A first read of reports reaches back some days only: both have to begin with the same day.
    "five9": {"start_date": "{start}"},
    # Calculated properties and edits of associations change without a trace.
    "hubspot": {"full_pass": True, "associations_read": "full"},
}
# Columns that no delta can follow, with the reason.
BEYOND_A_DELTA = {
    # An event tells of its lead and its owner as they are now, and no event is sent again when those change.
    ("salesrabbit", "lead_status_activities"): "current_",
}
SOURCES = [name for name in installed_sources() if name in CRMS]


@dataclass
class Pair:
    """A simulated CRM, and a project whose settings lead there."""

    crm: Crm
    tap: str
    folder: Path
    environment: dict[str, str]
    settings: dict[str, Any]
    project: Project

    def sync(self, warehouse: str, **variables: str) -> dict[str, Run]:
        """Run the pipeline by Meltano alone; return the history rows of the run by stream."""
        run_id = str(uuid.uuid4())
        done = subprocess.run(
            [BIN / "meltano", "run", "--force", self.tap, "target-postgres-dw"],
            cwd=self.folder,
            env={**self.environment, "WAREHOUSE_URL": warehouse, "MELTANO_RUN_ID": run_id, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with psycopg.connect(warehouse) as conn:
            return {row.sync_type: row for row in runs.find_runs(conn, run_id=run_id)}

    def read_anew(self, warehouse: str) -> list[str]:
        """Read everything into an empty warehouse, by tap and loader alone; return the streams."""
        run = run_tap(installed_tap(self.tap), self.settings)
        assert run.exit_code == 0
        with redirect_stdout(io.StringIO()):
            TargetPostgresDw(config={"sqlalchemy_url": warehouse}).listen(io.StringIO(run.text))
        return list(run.states[0]["sync_report"]["run"]["streams"])

    def sweeping(self) -> dict[str, str]:
        """Return what makes the tap look for removed records."""
        # A small account loses a great share of its few tags in a day.
        values = {"deletions": "sweep", "max_deleted_share": "1"}
        return {s.env: values[s.name] for s in self.project.settings(self.tap) if s.name in values}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path, simulate: Callable[..., str]) -> Pair:
    """The CRM that a test is about, without the vendor's limits."""
    (crm,) = make_crms([request.param], size=60)
    crm.lift_limits()
    tap = installed_sources()[crm.name].tap
    settings = crm.tap_settings(simulate(crm))
    project = Project(ROOT)
    for file in project.files:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    start = f"{crm.world.now - timedelta(days=3):%Y-%m-%d}"
    extra = {
        name: value.format(start=start) if isinstance(value, str) else value
        for name, value in WHOLE.get(crm.name, {}).items()
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAP_", "TARGET_", "MELTANO_"))}
    environment = {
        **kept,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "MELTANO_CLI_LOG_FORMAT": "uncolored",
        **{variable(tap, name): plain(value) for name, value in (settings | extra).items()},
    }
    return Pair(crm, tap, tmp_path, environment, settings | extra, project)


@pytest.fixture
def second_warehouse(postgres_url: str) -> Iterator[str]:
    """A database for the rows as a first read of that day would bring them."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"{postgres_url.rpartition('/')[0]}/{name}"
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def live_rows(warehouse: str, source: str, stream: str) -> list[str]:
    """Return the rows that are not deleted, without the loader's own columns, in the order of their text."""
    with psycopg.connect(warehouse) as conn:
        columns = {
            name
            for (name,) in conn.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
                (source, stream),
            )
        }
        if not columns:
            return []
        where = "WHERE _sdc_deleted_at IS NULL" if "_sdc_deleted_at" in columns else ""
        query = f"SELECT to_jsonb(t) FROM {source}.{stream} t {where}"
        rows: list[dict[str, Any]] = [row for (row,) in conn.execute(query.encode())]
    left_out = ("_sdc_", BEYOND_A_DELTA.get((source, stream), "_sdc_"))
    kept = [{name: value for name, value in row.items() if not name.startswith(left_out)} for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in kept)


@pytest.mark.parametrize("pair", SOURCES, indirect=True)
def test_a_day_later_the_warehouse_is_what_the_crm_is(pair: Pair, postgres_url: str, second_warehouse: str) -> None:
    source = installed_sources()[pair.crm.name]
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        schema.migrate(conn)
    first = pair.sync(postgres_url)
    assert {row.status for row in first.values()} <= {"success", "partial"}
    assert set(first) <= set(source.streams)
    assert sum(row.records_created for row in first.values()) > 60

    happened = pair.crm.next_day()
    assert sum(sum(kinds.values()) for kinds in happened.values()) > 0
    second = pair.sync(postgres_url, **pair.sweeping())
    assert {row.status for row in second.values()} <= {"success", "partial"}
    assert set(second) == set(first)
    assert sum(row.records_created + row.records_updated + row.records_deleted for row in second.values()) > 0

    for stream in pair.read_anew(second_warehouse):
        assert live_rows(postgres_url, source.name, stream) == live_rows(second_warehouse, source.name, stream), stream
