"""`crm transform` and `crm-dbt`: how dbt is called, and what is made of what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner
from crm_cli.dbt_program import connection_variables, dbt_variables, output_folder
from crm_cli.main import crm
from crm_cli.transform import _LOCK, Build, exit_code_of, read_results

if TYPE_CHECKING:
    from pathlib import Path

    from crm_cli.project import Project


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ada:p%40ss@db.example.com:5433/sales", ("db.example.com", "5433", "ada", "p@ss", "sales")),
        ("postgresql://ada@/sales?host=/run/postgresql", ("/run/postgresql", "5432", "ada", "", "sales")),
        (
            "postgres://ada@db.example.com/sales?password=x&sslmode=require",
            ("db.example.com", "5432", "ada", "x", "sales"),
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPORT", "PGHOST", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    found = connection_variables(url)
    assert tuple(found[f"CRM_DBT_{name}"] for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE")) == expected
    assert found.get("CRM_DBT_SSLMODE") == ("require" if "sslmode" in url else None)
    assert "timezone=UTC" in found["PGOPTIONS"]


def test_a_url_that_names_no_database_is_not_shown() -> None:
    with pytest.raises(ValueError, match="must look like") as caught:
        connection_variables("postgresql://ada:hunter2@db.example.com")
    assert "hunter2" not in str(caught.value)


def test_without_a_warehouse_dbt_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="WAREHOUSE_URL"):
        dbt_variables({}, tmp_path)


def test_each_warehouse_has_files_of_its_own(tmp_path: Path) -> None:
    urls = ["postgresql://ada@a/sales", "postgresql://ada@b/sales", "postgresql://ada@a/demo"]
    assert len({output_folder(tmp_path, url) for url in urls}) == len(urls)
    # A new password is no other warehouse.
    assert output_folder(tmp_path, "postgresql://ada:x@a/sales") == output_folder(tmp_path, urls[0])


def result(unique_id: str, status: str, **extra: Any) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, "execution_time": 0.5, **extra}


GOOD = [result("model.crm.leads", "success"), result("test.crm.key_leads_id.0a1b", "pass", failures=0)]


@pytest.mark.parametrize(
    ("results", "dbt_code", "expected"),
    [
        (GOOD, 0, 0),
        ([*GOOD, result("test.crm.rule.0a1b", "warn", failures=3)], 0, 0),
        ([*GOOD, result("test.crm.rule.0a1b", "fail", failures=3)], 1, 3),
        ([*GOOD, result("model.crm.jobs", "error", message="no such column")], 1, 1),
        ([*GOOD, result("model.crm.jobs", "skipped")], 1, 1),
        (GOOD, 1, 1),
        ([], 0, 1),
    ],
)
def test_exit_codes(results: list[dict[str, Any]], dbt_code: int, expected: int, tmp_path: Path) -> None:
    file = tmp_path / "run_results.json"
    file.write_text(json.dumps({"results": results}))
    assert exit_code_of(read_results(file), dbt_code) == expected


def test_results_are_named_shortly(tmp_path: Path) -> None:
    file = tmp_path / "run_results.json"
    found = [*GOOD, result("unit_test.crm.funnel.one_rule", "pass"), result("operation.crm.start", "success")]
    file.write_text(json.dumps({"results": found}))
    assert [(node.name, node.kind, node.status) for node in read_results(file)] == [
        ("leads", "models", "ok"),
        ("key_leads_id", "tests", "ok"),
        ("funnel.one_rule", "unit tests", "ok"),
    ]


def test_what_to_build_is_told_dbt() -> None:
    assert Build().arguments() == []
    build = Build(select=("+funnel", "leads"), full=True, variables={"same_lead_days": 10})
    assert build.arguments() == ["--select", "+funnel", "leads", "--full-refresh", "--vars", '{"same_lead_days": 10}']


@pytest.fixture
def models(project: Project) -> Path:
    folder = project.root / "transform"
    folder.mkdir()
    (folder / "dbt_project.yml").touch()
    return folder


DBT = """
seen = json.loads(Path(os.environ["MELTANO_PROJECT_ROOT"], "seen.json").read_text())
Path(os.environ["DBT_TARGET_PATH"], "run_results.json").write_text(json.dumps({"results": %s}))
sys.exit(%d)
"""


@pytest.mark.usefixtures("models", "warehouse_url", "seed", "without_meltano_tables")
def test_it_runs_meltano_and_shows_what_became_of_it(project: Project, meltano: Any) -> None:
    meltano(DBT % ([*GOOD, result("test.crm.rule.0a1b", "warn", failures=3)], 0))
    done = CliRunner().invoke(crm, ["transform", "--select", "+funnel"])
    assert done.exit_code == 0, done.output
    assert "models" in done.stdout
    assert "rule: 3 rows" in done.stderr
    seen = json.loads((project.root / "seen.json").read_text())
    assert seen["argv"] == ["run", "--force", "dbt:build"]
    assert seen["CRM_DBT_ARGUMENTS"] == "--select +funnel"
    shown = json.loads(CliRunner().invoke(crm, ["transform", "--json"]).stdout)
    assert [node["name"] for node in shown["nodes"]] == ["leads", "key_leads_id", "rule"]


@pytest.mark.usefixtures("models", "warehouse_url", "seed", "without_meltano_tables")
def test_a_model_that_fails_is_named_with_its_message(meltano: Any) -> None:
    meltano(DBT % ([*GOOD, result("model.crm.jobs", "error", message="column x does not exist")], 1))
    done = CliRunner().invoke(crm, ["transform"])
    assert done.exit_code == 1
    assert "Failed: jobs: column x does not exist" in done.stderr
    assert "Log: " in done.stderr


@pytest.mark.usefixtures("models", "seed", "meltano", "without_meltano_tables")
def test_two_builds_at_once_are_refused(warehouse_url: str) -> None:
    with psycopg.connect(warehouse_url) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        done = CliRunner().invoke(crm, ["transform"])
    assert done.exit_code == 1
    assert "Another `crm transform` is at work" in done.stderr


@pytest.mark.usefixtures("project", "warehouse_url", "seed")
def test_a_project_without_models_is_told() -> None:
    done = CliRunner().invoke(crm, ["transform"])
    assert done.exit_code == 2
    assert "dbt_project.yml" in done.stderr


@pytest.mark.usefixtures("project", "warehouse_url", "seed")
def test_reports_need_models() -> None:
    done = CliRunner().invoke(crm, ["report", "funnel"])
    assert done.exit_code == 1
    assert "run `crm transform` first" in done.stderr


def test_the_lock_is_held_by_nobody_afterwards(seed: Any) -> None:
    row = seed.conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    assert row == (True,)
