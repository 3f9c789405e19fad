"""``crm doctor``: each thing it looks at, in order and out of order."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import doctor, pipeline
from crm_cli.doctor import Examined
from crm_cli.main import crm
from crm_cli.project import Project
from crm_cli.sources import find_source
from psycopg import sql
from sync_history import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def meltano(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put scripts in the place of the programs, and give the tap what it needs."""
    folder = project.root / "bin"
    folder.mkdir()
    for module in (pipeline, doctor):
        monkeypatch.setattr(module, "bin_folder", lambda: str(folder))
    for name in ("TAP_ACME_HOST", "TAP_ACME_USER"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("ACME_SECRET", "hunter2")

    def script(body: str) -> None:
        for name in ("meltano", "tap-acme", "target-postgres-dw"):
            (folder / name).write_text(f"#!{sys.executable}\nimport sys, os, time\n{textwrap.dedent(body)}\n")
            (folder / name).chmod(0o755)

    script("print('a record of ann@example.com')")
    return script


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["doctor", *arguments], env={"COLUMNS": "200"})


def states(*arguments: str) -> dict[str, str]:
    shown = json.loads(run("--json", *arguments).stdout)
    return {one["what"]: one["state"] for one in shown["examined"]}


@pytest.mark.usefixtures("meltano", "warehouse_url")
def test_all_is_well() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "A record of each stream can be read." in result.stdout
    assert "ann@example.com" not in result.output
    found = states()
    assert {what for what, state in found.items() if state != "ok"} <= {"alerts", "cron", "time zone", "disk"}
    assert {"warehouse", "version", "encoding", "writing", "clock", "history", "acme settings", "acme"} <= set(found)
    assert "acme" not in states("--offline")


@pytest.mark.usefixtures("warehouse_url")
def test_why_a_crm_cannot_be_read_is_one_sentence_without_secrets(meltano: Callable[[str], None]) -> None:
    meltano("sys.exit('2026-01-01 00:00:00,1 | ERROR | tap-acme | The key hunter2 is refused. [authentication]')")
    result = run("--json")
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["state"] == "bad"
    assert shown["examined"][-1] == {"what": "acme", "state": "bad", "sentence": "The key *** is refused."}


def test_a_test_without_a_word_and_one_without_an_end(
    meltano: Callable[[str], None], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    meltano("sys.exit(3)")
    assert doctor.connection(project, find_source("acme")).sentence == "The test failed without a word."
    monkeypatch.setattr(doctor, "TEST_SECONDS", 0.5)
    meltano("os.fork(); time.sleep(600)")
    found = doctor.connection(project, find_source("acme"))
    assert (found.state, found.sentence) == ("bad", "The test took longer than 0.5 s and was ended.")


def test_a_clock_of_a_crm_that_differs_is_told(meltano: Callable[[str], None], project: Project) -> None:
    meltano("print('INFO The clock of the source is 90 s behind this machine\\'s.', file=sys.stderr)")
    found = doctor.connection(project, find_source("acme"))
    assert found.state == "warning"
    assert found.sentence.endswith("The clock of the source is 90 s behind this machine's.")


@pytest.mark.usefixtures("warehouse_url")
def test_missing_settings_are_named_only_where_some_are_set(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = doctor.settings_of(project, find_source("acme"))
    assert nothing.state == "skipped"
    monkeypatch.setenv("TAP_ACME_HOST", "h")
    some = doctor.settings_of(Project(project.root), find_source("acme"))
    assert (some.state, some.sentence) == ("bad", "Nothing sets TAP_ACME_USER, ACME_SECRET.")
    assert "acme" not in states()


def test_a_tap_that_the_project_does_not_declare(project: Project) -> None:
    (project.root / "taps" / "tap-acme" / "meltano.yml").unlink()
    found = doctor.settings_of(Project(project.root), find_source("acme"))
    assert (found.state, found.sentence) == ("skipped", "No Meltano file of this project declares tap-acme.")


# -- this machine ------------------------------------------------------------------------------------------------------


def test_an_old_python() -> None:
    assert doctor.python((3, 10)).state == "bad"
    assert doctor.python().state == "ok"


@pytest.mark.usefixtures("meltano")
def test_the_environment_must_be_as_in_the_lock(project: Project) -> None:
    lock = project.root / "requirements.lock"
    lock.write_text(
        "click==0.1 \\\n    --hash=sha256:00\nnot-there==1.0 \\\n    --hash=sha256:00\n"
        "colorama==0.1 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    found = doctor.environment(project)
    assert found.state == "warning"
    assert "Not as in requirements.lock: click, not-there. Run `make setup`." in found.sentence
    (project.root / "bin" / "tap-acme").unlink()
    assert "These programs are missing: tap-acme." in doctor.environment(project).sentence


def test_a_file_of_secrets_that_others_may_read(project: Project) -> None:
    file = project.root / ".env"
    file.write_text("A=1")
    file.chmod(0o644)
    assert [one.state for one in doctor.files(project)] == ["warning"]
    file.chmod(0o600)
    assert [one.state for one in doctor.files(project)] == ["ok"]


def test_a_place_that_cannot_be_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [one.state for one in doctor.files(project)] == ["ok", "bad"]


@pytest.mark.parametrize(("free", "state"), [(5e8, "bad"), (4e9, "warning"), (5e10, "ok")])
def test_a_full_disk(project: Project, free: float, state: str) -> None:
    assert doctor.disk(project, lambda _: (int(1e11), 0, int(free))).state == state


def test_another_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        monkeypatch.setenv("TZ", "America/Denver")
        time.tzset()
        assert doctor.time_zone().state == "warning"
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        assert doctor.time_zone() == Examined("time zone", "ok", "UTC.")
    finally:
        monkeypatch.undo()
        time.tzset()


# -- the warehouse -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_a_warehouse_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://crm:hunter2@127.0.0.1:1/none")
    result = run()
    assert result.exit_code == 1
    assert "cannot be used" in result.stdout
    assert "hunter2" not in result.output


@pytest.fixture
def reader(postgres_url: str) -> Iterator[str]:
    """A login that may only read."""
    name = f"reader_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(name)))
        yield postgres_url.replace(postgres_url.split("://")[1].split("@", maxsplit=1)[0], f"{name}:x")
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_login_that_may_not_write(project: Project, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", reader)
    found = {one.what: one for one in doctor.warehouse(project)}
    assert found["writing"].state == "bad"
    assert "permission denied for database" in found["writing"].sentence
    assert found["clock"].state == "ok"


def test_the_test_of_writing_leaves_nothing(project: Project, warehouse_url: str) -> None:
    assert {one.state for one in doctor.warehouse(project)} == {"ok"}
    with psycopg.connect(warehouse_url) as conn:
        assert conn.execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'crm_doctor%'").fetchone() is None
        assert not schema.is_migrated(conn)


class Answers:
    """A connection that gives one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def execute(self, _query: str) -> Answers:
        return self

    def fetchone(self) -> tuple[Any]:
        return (self.answer,)


def test_a_clock_and_an_encoding_that_are_off() -> None:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 -- for one test

    ahead: Any = Answers(datetime.now(UTC) + timedelta(hours=1))
    assert "s ahead of this machine's" in doctor._clock(ahead).sentence
    behind: Any = Answers(datetime.now(UTC) - timedelta(hours=1))
    assert "s behind this machine's" in doctor._clock(behind).sentence
    latin: Any = Answers("LATIN1")
    assert doctor._encoding(latin).state == "bad"


def test_a_history_of_a_newer_suite(seed: Any, warehouse_url: str) -> None:
    assert warehouse_url
    assert states("--offline")["history"] == "ok"
    seed.conn.execute("INSERT INTO orchestration.schema_version (version) VALUES (999)")
    assert "update the suite" in run("--offline").stdout


# -- the project -------------------------------------------------------------------------------------------------------


def test_the_timetable_must_be_in_the_crontab(
    project: Project, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warehouse_url
    file = project.root / "meltano.yml"
    file.write_text(
        file.read_text()
        + "jobs:\n- {name: acme, tasks: [tap-acme target-postgres-dw]}\n"
        + "schedules:\n- {name: a, interval: 8 * * * *, job: acme}\n- {name: b, interval: '@once', job: acme}\n"
    )
    project = Project(project.root)
    for lines, state in ((0, "warning"), (1, "ok")):
        monkeypatch.setattr(doctor, "installed_lines", lambda _, count=lines: count)
        [found] = doctor.cron(project)
        assert found.state == state
    file.write_text(
        file.read_text().replace("8 * * * *", "whenever").replace("job: acme}\n- {name: b", "job: x}\n- {name: b")
    )
    assert states("--offline")["cron"] == "bad"


@pytest.mark.usefixtures("warehouse_url")
def test_a_wrong_file_of_rules_and_a_half_channel(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states("--offline")["alerts"] == "warning"
    monkeypatch.setenv("CRM_ALERT_SLACK_URL", "https://hooks.example.com/x")
    assert states("--offline")["alerts"] == "ok"
    monkeypatch.setenv("CRM_ALERT_SLACK_URL", "nonsense")
    (project.root / "health.yml").write_text("nonsense: 1")
    found = states("--offline")
    assert (found["alerts"], found["health.yml"]) == ("bad", "bad")
