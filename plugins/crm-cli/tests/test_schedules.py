"""The timetable: what is declared, when it is due, and how it gets into a crontab."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from crm_cli import pipeline, schedules
from crm_cli.commands import cron
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.main import crm
from crm_cli.project import Project

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 25, 19, 30, tzinfo=UTC)
TIMETABLE = """
jobs:
- name: acme
  tasks: [tap-acme target-postgres-dw]
- name: other
  tasks: [[tap-elsewhere target-postgres-dw]]
schedules:
- name: acme-hourly
  interval: 8 * * * *
  job: acme
- name: acme-weekly
  interval: '@weekly'
  job: acme
  env: {TAP_ACME__SELECT_FILTER: '["deals", "users"]', MELTANO_RUN_FULL_REFRESH: 1}
- name: acme-by-hand
  interval: '@once'
  job: acme
"""


@pytest.fixture
def timetable(project: Project) -> Project:
    file = project.root / "meltano.yml"
    file.write_text(file.read_text() + TIMETABLE)
    return Project(project.root)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, list(arguments), env={"COLUMNS": "200"})


def test_a_schedule_is_due_at_the_next_moment_of_its_interval(timetable: Project) -> None:
    due = {one.name: one.next_run(NOW) for one in schedules.declared(timetable)}
    assert due == {
        "acme-hourly": datetime(2026, 11, 25, 20, 8, tzinfo=UTC),
        "acme-weekly": datetime(2026, 11, 29, 0, 0, tzinfo=UTC),
        "acme-by-hand": None,
    }


def test_its_env_is_what_its_runs_differ_by(timetable: Project) -> None:
    request = schedules.find(schedules.declared(timetable), "acme-weekly").request()
    assert request.source.name == "acme"
    assert request.streams == ("users", "deals")
    assert request.variables["MELTANO_RUN_FULL_REFRESH"] == "1"
    assert request.variables["CRM_SCHEDULE"] == "acme-weekly"


@pytest.mark.parametrize(
    ("interval", "job", "told"),
    [
        ("8 * * * *", "nothing", "names the job 'nothing', which does not exist"),
        ("8 * * * *", "other", "syncs no CRM of this project"),
        ("sometimes", "acme", "is no cron expression"),
        ("0 0 31 2 *", "acme", "is no cron expression that comes true"),
    ],
)
def test_a_schedule_that_cannot_be_run_is_refused(timetable: Project, interval: str, job: str, told: str) -> None:
    file = timetable.root / "meltano.yml"
    file.write_text(f"{file.read_text()}- name: odd\n  interval: '{interval}'\n  job: {job}\n")
    result = run("schedule", "list")
    assert result.exit_code == 2
    assert told in result.stderr


def test_an_unknown_schedule_is_refused(timetable: Project) -> None:
    with pytest.raises(CrmUsageError, match="Did you mean acme-hourly"):
        schedules.find(schedules.declared(timetable), "acme-hourl")


@pytest.mark.usefixtures("timetable")
def test_the_list_shows_when_each_is_due() -> None:
    shown = json.loads(run("schedule", "list", "--json").stdout)["schedules"]
    assert [one["schedule"] for one in shown] == ["acme-hourly", "acme-weekly", "acme-by-hand"]
    assert shown[0]["next_run"][14:] == "08:00Z"
    assert shown[2]["next_run"] is None
    assert "8 * * * *" in run("schedule", "list").stdout


# -- the crontab ------------------------------------------------------------------------------------------------------

FOREIGN = "# my own\n5 4 * * * /usr/local/bin/backup --all # nightly\n"
LISTED: dict[str, Any] = {
    "schedules": {
        "job": [
            {
                "name": "acme-hourly",
                "interval": "8 * * * *",
                "cron_interval": "8 * * * *",
                "env": {},
                "job": {"name": "acme", "tasks": ["tap-acme target-postgres-dw"]},
            },
            {
                "name": "acme-by-hand",
                "interval": "@once",
                "cron_interval": None,
                "env": {},
                "job": {"name": "acme", "tasks": ["tap-acme target-postgres-dw"]},
            },
        ],
        "elt": [],
    }
}


@pytest.fixture
def crontab(timetable: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crontab program that keeps its table in a file, and a Meltano that lists two schedules."""
    folder, table = timetable.root / "bin", timetable.root / "table"
    folder.mkdir()
    scripts = {
        "crontab": f"import sys, pathlib; table = pathlib.Path({str(table)!r})\n"
        "if sys.argv[1] == '-l':\n"
        "    sys.exit('no crontab for you') if not table.exists() else sys.stdout.write(table.read_text())\n"
        "else:\n"
        "    text = sys.stdin.read()\n"
        "    sys.exit('bad minute') if 'refuse me' in text else table.write_text(text)\n",
        "meltano": f"print({json.dumps(LISTED)!r})",
    }
    for name, body in scripts.items():
        (folder / name).write_text(f"#!{sys.executable}\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for module in (pipeline, schedules):
        monkeypatch.setattr(module, "bin_folder", lambda: str(folder))
    return table


def test_lines_are_installed_beside_foreign_ones_and_removed_again(crontab: Path, timetable: Project) -> None:
    crontab.write_text(FOREIGN)
    result = run("cron", "install")
    assert result.exit_code == 0, result.output
    assert "1 lines installed" in result.stdout
    text = crontab.read_text()
    assert FOREIGN.strip() in text
    [line] = [line for line in text.splitlines() if "schedule run" in line]
    assert line.startswith("8 * * * * cd ")
    assert "crm schedule run acme-hourly --quiet" in line
    assert line.endswith(f"# crm {timetable.root}: acme-hourly")
    assert run("cron", "install").exit_code == 0
    assert crontab.read_text().count("schedule run") == 1
    assert run("cron", "show").stdout.strip() == line
    assert cron.installed_lines(timetable) == 1
    assert "1 lines removed" in run("cron", "remove").stdout
    assert crontab.read_text().strip() == FOREIGN.strip()
    assert "has no line of this project" in run("cron", "show").stdout


def test_a_dry_run_prints_and_writes_nothing(crontab: Path) -> None:
    result = run("cron", "install", "--dry-run")
    assert "schedule run acme-hourly" in result.stdout
    assert not crontab.exists()


def test_alerts_get_a_line_if_anybody_is_to_be_told(
    crontab: Path, timetable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ALERT_SLACK_URL", "https://hooks.example.com/T1")
    assert "2 lines installed" in run("cron", "install").stdout
    [line] = [line for line in crontab.read_text().splitlines() if "alerts run" in line]
    assert line.startswith("*/10 * * * * cd ")
    assert line.endswith(f"# crm {timetable.root}: (alerts)")
    assert "2 lines removed" in run("cron", "remove").stdout


def test_lines_of_another_project_stay(crontab: Path) -> None:
    other = "8 * * * * cd /srv/b && crm schedule run acme-hourly # crm /srv/b: acme-hourly\n"
    crontab.write_text(other)
    assert run("cron", "install").exit_code == 0
    assert run("cron", "remove").exit_code == 0
    assert crontab.read_text().strip() == other.strip()


def test_a_refused_crontab_is_told(crontab: Path) -> None:
    crontab.write_text("# refuse me\n")
    result = run("cron", "install")
    assert result.exit_code == 1
    assert "crontab refused the lines: bad minute" in result.stderr


@pytest.mark.usefixtures("timetable")
def test_without_cron_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    result = run("cron", "show")
    assert result.exit_code == 1
    assert "There is no `crontab` here" in result.stderr


def test_a_path_with_odd_characters_is_quoted(timetable: Project) -> None:
    odd = timetable.root / "two words 100%"
    odd.mkdir()
    for name in ("meltano.yml", "taps"):
        (odd / name).symlink_to(timetable.root / name)
    project = Project(odd)
    [(_, command, _), *_] = schedules.crontab_lines(project, schedules.declared(project))
    assert "two words 100\\%'" in command


def test_a_meltano_that_fails_is_told(crontab: Path, timetable: Project) -> None:
    (crontab.parent / "bin" / "meltano").write_text(f"#!{sys.executable}\nimport sys; sys.exit('It is broken.')\n")
    with pytest.raises(CrmError, match="It is broken"):
        schedules.listed(timetable)
