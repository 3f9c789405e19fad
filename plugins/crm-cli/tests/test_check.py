"""``crm check``: its exit code, its forms, and what it compares."""

from __future__ import annotations

import json
import re
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import monitoring, prometheus, schedules
from crm_cli.errors import CrmError
from crm_cli.main import crm
from crm_cli.project import Project
from crm_cli.sources import find_source
from sync_history import health, runs
from sync_history.health_rules import load_rules

if TYPE_CHECKING:
    from pathlib import Path

TIMETABLE = """
jobs:
- {name: acme, tasks: [tap-acme target-postgres-dw]}
schedules:
- {name: acme-hourly, interval: 8 * * * *, job: acme}
- {name: acme-office, interval: '0 9 * * 1-5', job: acme, env: {TAP_ACME__SELECT_FILTER: '["calls"]'}}
- {name: acme-by-hand, interval: '@once', job: acme}
"""
ERROR = "The password hunter2 of ann@example.com is wrong."


@pytest.fixture
def timetable(project: Project) -> Project:
    file = project.root / "meltano.yml"
    file.write_text(file.read_text() + TIMETABLE)
    return Project(project.root)


@pytest.fixture
def recent(seed: Any) -> Any:
    """A history whose rows are of the last hour."""
    seed.started = datetime.now(UTC) - timedelta(hours=1)
    return seed


def check(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["check", *arguments], env={"COLUMNS": "200"})


@pytest.mark.usefixtures("warehouse_url", "timetable")
def test_a_healthy_warehouse_exits_with_zero(recent: Any) -> None:
    for stream in ("users", "deals", "calls"):
        recent.run(stream, counts=runs.Counts(created=1))
    result = check()
    assert result.exit_code == 0, result.output
    assert "3 streams" in result.stdout
    assert "3 healthy, 0 findings, 0 warnings" in result.stdout
    assert "3 success, 0 partial, 0 failed" in result.stdout


@pytest.mark.usefixtures("warehouse_url")
def test_compliance_is_about_every_row_of_the_history(seed: Any) -> None:
    seed.run("users", counts=runs.Counts(created=1))
    result = check("--compliance")
    assert result.exit_code == 0, result.output
    seed.conn.execute("ALTER TABLE orchestration.sync_history DROP CONSTRAINT counts_add_up")
    seed.conn.execute("UPDATE orchestration.sync_history SET records_created = 7")
    result = check("--compliance")
    assert result.exit_code == 1
    assert "counts: acme.users: records_processed must be" in result.stdout
    told = json.loads(check("--compliance", "--json").stdout)
    assert [one["rule"] for one in told["breaches"]] == ["counts", "constraints"]
    assert check("acme", "--compliance").exit_code == 2


@pytest.mark.usefixtures("warehouse_url")
def test_an_unhealthy_stream_exits_with_one_and_no_text_of_its_error(recent: Any) -> None:
    for _ in range(3):
        recent.run("users", error=ERROR)
    result = check()
    assert result.exit_code == 1
    assert "The last 3 runs failed (source)." in result.stdout
    assert "docs/runbook.md" in result.stderr
    shown = check("--json")
    record = json.loads(shown.stdout)
    assert (shown.exit_code, record["healthy"]) == (1, False)
    assert {one["rule"] for one in record["findings"]} == {"failures", "success_rate"}
    assert record["streams"][0]["consecutive_failures"] == 3
    assert record["streams"][0]["last_error_category"] == "source"
    for text in (result.output, shown.output, check("--prometheus").output):
        assert "hunter2" not in text
        assert "example.com" not in text


@pytest.mark.usefixtures("warehouse_url")
def test_check_changes_nothing(recent: Any) -> None:
    recent.run("users", close=False)
    check()
    assert [row.status for row in runs.find_runs(recent.conn)] == ["running"]


@pytest.mark.usefixtures("warehouse_url")
def test_a_wrong_name_and_a_wrong_file_exit_with_two(recent: Any, project: Project) -> None:
    recent.run("users")
    assert check("acm").exit_code == 2
    assert check("--json", "--prometheus").exit_code == 2
    (project.root / "health.yml").write_text("defaults: {window: 3}")
    result = check()
    assert result.exit_code == 2
    assert "Did you mean window_hours?" in result.stderr


@pytest.mark.usefixtures("warehouse_url")
def test_the_file_of_the_project_counts(recent: Any, project: Project) -> None:
    for _ in range(3):
        recent.run("users", error=ERROR)
    (project.root / "health.yml").write_text("sources: {acme: {streams: {users: {ignore: true}}}}")
    result = check("acme")
    assert result.exit_code == 0
    assert "0 streams" in result.stdout


@pytest.mark.usefixtures("warehouse_url")
def test_a_crm_that_is_set_up_and_scheduled_must_have_run(
    recent: Any, timetable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timetable.missing_settings("tap-acme")
    assert check().exit_code == 0
    for name in ("TAP_ACME_HOST", "TAP_ACME_USER", "ACME_SECRET"):
        monkeypatch.setenv(name, "x")
    assert "never_run" in check().stdout
    recent.run("users")
    assert check().exit_code == 0


def test_how_fresh_a_stream_must_be_follows_from_its_most_frequent_schedule(timetable: Project) -> None:
    due = monitoring.due_within(schedules.declared(timetable), datetime(2026, 3, 4, 12, 30, tzinfo=UTC))
    assert due == {("acme", stream): timedelta(hours=2) for stream in ("users", "deals", "calls")}
    [office] = [one for one in schedules.declared(timetable) if one.name == "acme-office"]
    assert monitoring.due_within([office], datetime(2026, 3, 4, tzinfo=UTC)) == {("acme", "calls"): timedelta(days=6)}


# -- Prometheus --------------------------------------------------------------------------------------------------------

SAMPLE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? -?[0-9.e+-]+')


def assert_is_prometheus(text: str) -> None:
    """Check the text against the rules of the exposition format."""
    seen: set[str] = set()
    current = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in seen, "one block a metric"
            seen.add(current)
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [current, "gauge"]
        else:
            assert SAMPLE.fullmatch(line), line
            assert re.match(r"[a-z_]+", line)[0] == current  # type: ignore[index]
    assert text.endswith("\n")


@pytest.mark.usefixtures("warehouse_url", "timetable")
def test_prometheus_gets_a_whole_file(recent: Any, tmp_path: Path) -> None:
    recent.run("users", counts=runs.Counts(created=1, failed=1))
    file = tmp_path / "crm.prom"
    file.write_text("old")
    result = check("--prometheus", str(file))
    assert result.exit_code == 0, result.output
    text = file.read_text()
    assert_is_prometheus(text)
    assert 'crm_stream_runs{source="acme",stream="users",status="partial"} 1' in text
    assert 'crm_stream_fresh_within_seconds{source="acme",stream="users"} 7200' in text
    assert "crm_warehouse_up 1" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["crm.prom"]
    assert check("--prometheus").stdout.startswith("# HELP crm_warehouse_up ")


def test_prometheus_is_told_when_the_warehouse_is_away(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = check("--prometheus", str(tmp_path / "crm.prom"))
    assert result.exit_code == 1
    text = (tmp_path / "crm.prom").read_text()
    assert_is_prometheus(text)
    assert text.splitlines()[-1] == "crm_warehouse_up 0"
    assert "crm_healthy" not in text


@pytest.mark.usefixtures("warehouse_url")
def test_a_file_that_cannot_be_written_is_told(recent: Any, tmp_path: Path) -> None:
    recent.run("users")
    result = check("--prometheus", str(tmp_path / "missing" / "crm.prom"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory." in result.stderr


def test_a_label_is_escaped() -> None:
    finding = health.Finding("acme", 'a"b\\c\nd', "quota", "warning", "x", 1, 1)
    text = prometheus.rendered(health.Health(datetime(2026, 1, 1, tzinfo=UTC), [], [finding, finding]))
    assert_is_prometheus(text)
    # The same name and labels must not come twice.
    assert 'stream="a\\"b\\\\c\\nd",rule="quota",level="warning"} 2' in text


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "crm.prom"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        prometheus.write(file, "\ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


# -- drift -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def discovered(recent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRM whose users have lost a column and got another; its deals were never loaded."""
    recent.run("users")
    recent.conn.execute("CREATE SCHEMA acme; CREATE TABLE acme.users (id int, fax text, _sdc_batched_at timestamptz)")
    streams = [{"tap_stream_id": name, "schema": {"properties": {"id": {}, "mail": {}}}} for name in ("users", "deals")]
    monkeypatch.setattr(monitoring, "discover", lambda *_: streams)
    for name in ("TAP_ACME_HOST", "TAP_ACME_USER", "ACME_SECRET"):
        monkeypatch.setenv(name, "x")


@pytest.mark.usefixtures("warehouse_url", "discovered")
def test_drift_names_the_columns_and_is_a_warning(project: Project) -> None:
    result = check("--drift")
    assert result.exit_code == 0
    assert "The columns have changed (new in the CRM: mail; gone from the CRM: fax)." in result.stdout
    assert "deals" not in result.stdout
    (project.root / "health.yml").write_text("sources: {acme: {streams: {users: {ignore: true}}}}")
    assert "columns have changed" not in check("--drift").stdout
    assert "columns have changed" not in check().stdout


@pytest.mark.usefixtures("warehouse_url", "discovered")
def test_a_crm_that_cannot_be_asked_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CrmError("The login was refused.")

    monkeypatch.setattr(monitoring, "discover", refuse)
    result = check("--drift")
    assert result.exit_code == 0
    assert "Not asked for its columns: acme: The login was refused." in result.stderr


@pytest.mark.usefixtures("discovered")
def test_drift_reads_the_tables_of_the_source_alone(
    project: Project, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres_url) as conn:
        [finding] = monitoring.drift(project, conn, find_source("acme"))
        assert (finding.sync_type, finding.value) == ("users", 2)
        same = [{"tap_stream_id": "users", "schema": {"properties": {"id": {}, "fax": {}, "x" * 64: {}}}}]
        monkeypatch.setattr(monitoring, "discover", lambda *_: same)
        assert monitoring.drift(project, conn, find_source("acme")) == []
    assert load_rules(project.root / "health.yml").of("acme").drift_rejects == 20
