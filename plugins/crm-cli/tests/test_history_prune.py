"""``crm history prune``, and that ``crm history`` means its list."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from crm_cli.main import crm
from sync_history import runs


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["history", *arguments], env={"COLUMNS": "200"})


@pytest.fixture
def old(seed: Any, warehouse_url: str) -> Any:
    """Three runs of a stream, long ago."""
    del warehouse_url
    for _ in range(3):
        seed.run("users")
    seed.conn.execute(
        "UPDATE orchestration.sync_history SET start_time = now() - interval '100 days',"
        " end_time = now() - interval '100 days'"
    )
    return seed


def test_old_rows_are_removed_but_those_that_are_needed(old: Any) -> None:
    dry = run("prune", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "2 rows of the history and 0 answered rejects would be removed." in dry.stdout
    assert len(runs.find_runs(old.conn)) == 3
    assert "2 rows of the history and 0 answered rejects were removed." in run("prune", "--keep", "99d").stdout
    assert len(runs.find_runs(old.conn)) == 1
    assert "because they are needed: 1 (last success)" in run("prune").stdout


def test_the_result_as_json(old: Any) -> None:
    told = json.loads(run("prune", "--json").stdout)
    assert told == {"rows": 2, "rejects": 0, "kept": {"last success": 1}, "dry_run": False}
    assert len(runs.find_runs(old.conn)) == 1


@pytest.mark.usefixtures("old")
def test_a_day_is_the_least_that_is_kept() -> None:
    result = run("prune", "--keep", "23h")
    assert result.exit_code == 2
    assert "one day at least" in result.stderr


@pytest.mark.usefixtures("old")
def test_without_a_command_it_is_the_list() -> None:
    assert run().stdout == run("list").stdout
    assert run("acme", "users", "-n", "1").stdout == run("list", "acme", "users", "-n", "1").stdout
    assert len(json.loads(run("--json").stdout)["runs"]) == 3
    assert "prune" in run("--help").stdout
