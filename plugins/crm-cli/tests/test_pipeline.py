"""The pipeline with a stand-in for Meltano: what it is given, and what is made of each of its ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import pipeline, sources
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.main import crm
from crm_cli.pipeline import Request, build_environment, exit_code_of, run_pipeline
from crm_cli.project import Project
from crm_cli.sources import find_source
from crm_cli.warehouse import Warehouse
from sync_history import runs, schema

if TYPE_CHECKING:
    from sync_history.runs import Run


class Quiet:
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[list[Run]] = []

    def update(self, rows: list[Run]) -> None:
        self.seen.append(list(rows))


def sync(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["sync", "acme", *arguments], env={"COLUMNS": "200"})


def seen(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.root / "seen.json").read_text())
    return found


pytestmark = pytest.mark.usefixtures("warehouse_url", "without_meltano_tables")


def test_a_good_run(project: Project, meltano: Any) -> None:
    meltano(
        """
        for stream in ("users", "deals", "calls"):
            row = opened(stream)
            progress(row, created=2)
            runs.close_run(conn, row)
        print("the password is hunter2")
        """
    )
    result = sync()
    assert result.exit_code == 0, result.output
    assert "3 success" in result.stdout
    environment = seen(project)
    assert environment["argv"] == ["run", "--force", "tap-acme", "target-postgres-dw"]
    assert environment["PATH"].split(os.pathsep)[0] == str(project.root / "bin")
    assert "TAP_ACME__SELECT_FILTER" not in environment
    assert "MELTANO_RUN_FULL_REFRESH" not in environment
    assert environment["MELTANO_CLI_LOG_LEVEL"] == "info"
    assert not Path(environment["MELTANO_SYS_DIR_ROOT"]).exists()
    assert list((project.root / ".crm" / "runs").iterdir()) == []
    [log] = (project.root / ".crm" / "logs").iterdir()
    assert log.read_text() == "the password is ***\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_flags_become_the_environment_of_the_run(project: Project, meltano: Any) -> None:
    meltano("runs.close_run(conn, opened('users'))")
    assert sync("calls", "users", "--full", "--log-level", "debug").exit_code == 0
    environment = seen(project)
    assert json.loads(environment["TAP_ACME__SELECT_FILTER"]) == ["users", "calls"]
    assert environment["MELTANO_RUN_FULL_REFRESH"] == "1"
    assert environment["MELTANO_CLI_LOG_LEVEL"] == "debug"
    assert "TARGET_POSTGRES_DW_FORCE" not in environment
    assert sync("--force", "--dry-run").exit_code == 0
    environment = seen(project)
    assert environment["MELTANO_RUN_FULL_REFRESH"] == "1"
    assert environment["TARGET_POSTGRES_DW_FORCE"] == "true"
    assert environment["TARGET_POSTGRES_DW_DRY_RUN"] == "true"


def test_flags_of_a_narrowed_run_become_settings_of_the_tap(project: Project, meltano: Any) -> None:
    meltano("runs.close_run(conn, opened('users'))")
    given = ["--start-date", "2026-01-01", "--end-date", "2026-02-01T00:00:00Z", "--max-records", "9"]
    assert sync("--force", "--skip-validation", "--batch-size", "50", *given).exit_code == 0
    environment = seen(project)
    settings = {name: environment.get(f"TAP_ACME_{name}") for name in ("SINCE", "END_DATE", "MAX_RECORDS", "PAGE_SIZE")}
    assert settings == {
        "SINCE": "2026-01-01T00:00:00+00:00",
        "END_DATE": "2026-02-01T00:00:00+00:00",
        "MAX_RECORDS": "9",
        "PAGE_SIZE": "50",
    }
    assert environment["TAP_ACME_VALIDATION"] == "off"
    assert environment["TARGET_POSTGRES_DW_FORCE"] == "true"
    # The bookmarks are not hidden: the start date wins over them anyway.
    assert "MELTANO_RUN_FULL_REFRESH" not in environment


@pytest.mark.parametrize(
    ("old", "told"),
    [
        ("--since=2026-01-01", "--start-date"),
        ("--verbose", "--debug"),
        ("--test", "--debug"),
        ("--force-overwrite", "--force"),
    ],
)
def test_an_old_flag_works_and_says_its_new_name(project: Project, meltano: Any, old: str, told: str) -> None:
    meltano("runs.close_run(conn, opened('users'))")
    result = sync(old)
    assert result.exit_code == 0, result.output
    assert f"is the old name of {told}" in result.stderr
    environment = seen(project)
    if told == "--debug":
        assert environment["MELTANO_CLI_LOG_LEVEL"] == "debug"
    else:
        assert environment.get("TAP_ACME_SINCE") or environment["TARGET_POSTGRES_DW_FORCE"] == "true"


@pytest.mark.parametrize("flag", ["--quiet", "--no-progress"])
def test_a_quiet_run_shows_its_result_only(meltano: Any, flag: str) -> None:
    meltano(
        """
        row = opened("users")
        progress(row, created=2)
        time.sleep(0.5)
        runs.close_run(conn, row)
        """
    )
    result = sync(flag)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "1 success" in result.stdout


def test_lines_as_json_end_with_one_summary(project: Project, meltano: Any) -> None:
    meltano(
        """
        row = opened("users")
        progress(row, created=2, failed=1)
        runs.close_run(conn, row)
        row = opened("deals")
        runs.close_run(conn, row, error="The scope deals.read is missing.", category="authentication")
        print(json.dumps({"event": "the password is hunter2", "level": "info", "name": "tap-acme"}))
        time.sleep(0.5)
        sys.exit(1)
        """
    )
    result = sync("--log-format", "json")
    assert result.exit_code == 1, result.output
    assert seen(project)["MELTANO_CLI_LOG_FORMAT"] == "json"
    assert result.stdout == ""
    *lines, last = [json.loads(line) for line in result.stderr.splitlines()]
    assert {(line["stream"], line["status"], line["level"]) for line in lines} >= {("users", "partial", "warning")}
    assert (last["event"], last["level"]) == ("Finished acme sync: 1 failed, 1 partial", "error")
    assert last["statuses"] == {"failed": 1, "partial": 1}
    assert [last[name] for name in ("source", "exit_code", "processed", "created", "failed", "stream_count")] == [
        *("acme", 1, 3, 2, 1, 2)
    ]
    assert last["error"] == "deals: The scope deals.read is missing."
    assert [line for line in lines if line["event"].startswith("Finished")] == []
    assert [json.loads(line)["event"] for line in Path(last["log"]).read_text().splitlines()] == ["the password is ***"]


def test_the_format_of_lines_may_stand_in_the_environment(
    project: Project, meltano: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    meltano("row = opened('users'); runs.close_run(conn, row)")
    monkeypatch.setenv("CRM_LOG_FORMAT", "json")
    assert json.loads(sync("--quiet").stderr)["exit_code"] == 0
    assert "1 success" in sync("--log-format", "text").stdout
    assert seen(project)["MELTANO_CLI_LOG_FORMAT"] == "uncolored"
    monkeypatch.setenv("CRM_LOG_FORMAT", "xml")
    result = sync()
    assert result.exit_code == 2
    assert "CRM_LOG_FORMAT is 'xml'; it must be text or json." in result.stderr


def test_files_of_the_run_are_private(project: Project, meltano: Any) -> None:
    meltano(
        """
        Path(os.environ["MELTANO_PROJECT_ROOT"], "left-behind.json").write_text("secret")
        runs.close_run(conn, opened('users'))
        """
    )
    assert sync().exit_code == 0
    assert stat.S_IMODE((project.root / "left-behind.json").stat().st_mode) == 0o600


def test_rejected_records_make_it_partial(meltano: Any) -> None:
    meltano(
        """
        row = opened("users")
        progress(row, created=1, failed=1)
        runs.close_run(conn, row)
        runs.close_run(conn, opened("deals"))
        """
    )
    result = sync("--json")
    assert result.exit_code == 3
    payload = json.loads(result.stdout)
    assert payload["exit_code"] == 3
    assert payload["error"] is None
    assert [row["status"] for row in payload["streams"]] == ["partial", "success"]
    assert "some records were rejected" in result.stderr


def test_a_failed_stream_makes_it_failed(meltano: Any) -> None:
    meltano(
        """
        runs.close_run(conn, opened("users"))
        runs.close_run(conn, opened("deals"), error="No permission for deals.", category="permission")
        runs.close_run(conn, opened("calls"), error="No permission for calls.", category="permission")
        sys.exit(1)
        """
    )
    result = sync()
    assert result.exit_code == 1
    assert "Failed: deals: No permission for deals. (1 more failed)" in result.stderr
    assert "Log: " in result.stderr


def test_a_run_that_meltano_calls_failed_is_failed(meltano: Any) -> None:
    meltano(
        "runs.close_run(conn, opened('users')); print('Something: ERROR no disk'); print('ERROR: no disk'); sys.exit(1)"
    )
    result = sync("--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "no disk"


def test_a_tap_that_cannot_discover_is_in_the_history(meltano: Any, warehouse_url: str) -> None:
    meltano(
        """
        stamp = "2026-01-05T08:00:00.000001Z"
        print(f"{stamp} [info     ] tap-acme     Access denied for hunter2: check ACME_SECRET.")
        print(f"{stamp} [error    ] meltano      Cannot start plugin tap-acme")
        sys.exit(1)
        """
    )
    result = sync("users", "deals")
    assert result.exit_code == 1
    assert "Failed: Access denied for ***: check ACME_SECRET." in result.stderr
    with psycopg.connect(warehouse_url) as conn:
        rows = runs.find_runs(conn)
    assert {(row.sync_type, row.status, row.error_category) for row in rows} == {
        ("users", "failed", "source"),
        ("deals", "failed", "source"),
    }
    assert {row.error_message for row in rows} == {"Access denied for ***: check ACME_SECRET."}
    assert len({row.run_id for row in rows}) == 1


def test_a_run_without_a_word_is_failed(meltano: Any, warehouse_url: str) -> None:
    meltano("sys.exit(1)")
    result = sync("users")
    assert result.exit_code == 1
    assert "ended before the first stream started, without a word" in result.stderr
    with psycopg.connect(warehouse_url) as conn:
        assert runs.latest_runs(conn)[0].error_category == "internal"


def test_nothing_selected_is_no_success(meltano: Any, warehouse_url: str) -> None:
    meltano("")
    result = sync()
    assert result.exit_code == 1
    assert "no stream was read" in result.stderr
    with psycopg.connect(warehouse_url) as conn:
        assert runs.latest_runs(conn) == []


def test_a_killed_loader_leaves_no_running_row(meltano: Any) -> None:
    meltano("progress(opened('users'), created=5); sys.exit(1)")
    result = sync("--json")
    assert result.exit_code == 1
    [row] = json.loads(result.stdout)["streams"]
    assert row["status"] == "failed"
    assert row["created"] == 5
    assert row["error_category"] == "interrupted"


def test_progress_is_shown_while_it_runs(project: Project, meltano: Any, warehouse_url: str) -> None:
    meltano(
        """
        row = opened("users")
        progress(row, created=5)
        flag = Path(os.environ["MELTANO_PROJECT_ROOT"], "go on")
        while not flag.exists():
            time.sleep(0.02)
        runs.close_run(conn, row)
        """
    )

    class Impatient(Quiet):
        def update(self, rows: list[Run]) -> None:
            super().update(rows)
            if rows and rows[0].records_processed == 5:
                (project.root / "go on").touch()

    watcher = Impatient()
    outcome = run_pipeline(project, Warehouse(warehouse_url), Request(find_source("acme")), watcher)
    assert outcome.exit_code == 0
    assert "running" in {rows[0].status for rows in watcher.seen if rows}
    assert [row.status for row in outcome.rows] == ["success"]


def test_a_warehouse_that_is_away_for_a_moment_does_not_disturb(
    project: Project,
    meltano: Any,
    warehouse_url: str,
) -> None:
    meltano(
        """
        row = opened("users")
        progress(row, created=5)
        flag = Path(os.environ["MELTANO_PROJECT_ROOT"], "go on")
        while not flag.exists():
            time.sleep(0.02)
        runs.close_run(conn, row)
        """
    )

    class Cutting(Quiet):
        """Cuts the connection over which it is told."""

        def update(self, rows: list[Run]) -> None:
            super().update(rows)
            told = sum(1 for rows in self.seen if rows)
            if told == 1:
                with psycopg.connect(warehouse_url, autocommit=True) as conn:
                    conn.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND pid <> pg_backend_pid() AND query LIKE '%run_id = %'"
                    )
            if told == 4:
                (project.root / "go on").touch()

    watcher = Cutting()
    assert run_pipeline(project, Warehouse(warehouse_url), Request(find_source("acme")), watcher).exit_code == 0
    first = next(number for number, rows in enumerate(watcher.seen) if rows)
    assert all(watcher.seen[first:])


def test_whatever_happens_no_run_is_left_alone(project: Project, meltano: Any, warehouse_url: str) -> None:
    meltano(
        """
        Path(os.environ["MELTANO_PROJECT_ROOT"], "pid").write_text(str(os.getpid()))
        time.sleep(60)
        """
    )

    class Broken(Quiet):
        def update(self, rows: list[Run]) -> None:
            if (project.root / "pid").exists():
                raise RuntimeError(f"the screen is gone: {rows}")

    with pytest.raises(RuntimeError, match="the screen is gone"):
        run_pipeline(project, Warehouse(warehouse_url), Request(find_source("acme")), Broken())
    with pytest.raises(ProcessLookupError):
        os.kill(int((project.root / "pid").read_text()), 0)


def crm_process(project: Project, *arguments: str) -> subprocess.Popen[str]:
    """Start `crm sync acme` in a process of its own, with the stand-ins of this test."""
    script = f"""
from types import SimpleNamespace
from crm_cli import pipeline, sources
pipeline.bin_folder = lambda: {str(project.root / "bin")!r}
pipeline._POLL_SECONDS = 0.1
pipeline._STOP_SECONDS = 1.0
point = SimpleNamespace(name="acme", dist=None, load=lambda: ["users"])
sources.entry_points = lambda group: [point]
from crm_cli.main import crm
crm(["sync", "acme", *{arguments!r}])
"""
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_good_order(
    project: Project,
    meltano: Any,
    warehouse_url: str,
    number: signal.Signals,
) -> None:
    """As Meltano does, the stand-in ends its plugin and leaves; the loader, the last, closes its row."""
    meltano(
        """
        loader = (
            "import os, psycopg, signal, time; from sync_history import runs;"
            "signal.signal(signal.SIGTERM, lambda *_: None);"
            "open(os.environ['MELTANO_PROJECT_ROOT'] + '/listening', 'w').close();"
            "signal.pause(); time.sleep(0.5);"
            "conn = psycopg.connect(os.environ['WAREHOUSE_URL'], autocommit=True);"
            "row = runs.find_runs(conn)[0];"
            "runs.close_run(conn, row.id, error='Stopped.', category='interrupted')"
        )
        assert runs.take_locks(conn, "acme", ["users"]) is None
        progress(opened("users"), created=5)
        child = subprocess.Popen([sys.executable, "-c", loader])
        while not Path(os.environ["MELTANO_PROJECT_ROOT"], "listening").exists():
            time.sleep(0.02)
        def stop(*_):
            child.send_signal(signal.SIGTERM)
            os._exit(143)
        signal.signal(signal.SIGTERM, stop)
        Path(os.environ["MELTANO_PROJECT_ROOT"], "ready").touch()
        signal.pause()
        """
    )
    process = crm_process(project)
    wait_for(project.root / "ready")
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Failed: users: " in errors
    with psycopg.connect(warehouse_url) as conn:
        [row] = runs.find_runs(conn)
    assert row.status == "failed"
    assert row.error_category == "interrupted"


def test_a_run_that_does_not_listen_is_ended_after_a_while(
    project: Project,
    meltano: Any,
    warehouse_url: str,
) -> None:
    meltano(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(os.environ["MELTANO_PROJECT_ROOT"], "ready").touch()
        time.sleep(60)
        """
    )
    process = crm_process(project)
    wait_for(project.root / "ready")
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "stopped before the first stream started" in errors
    with psycopg.connect(warehouse_url) as conn:
        [row] = runs.find_runs(conn)
    assert row.error_category == "interrupted"


def test_without_meltano_the_sentence_says_what_to_do(meltano: Any) -> None:
    del meltano
    result = sync()
    assert result.exit_code == 1
    assert "Meltano is not installed beside this command" in result.output


def test_a_setting_of_this_run_only_counts_as_set(project: Project) -> None:
    variables = {"TAP_ACME_HOST": "h", "TAP_ACME_USER": "u"}
    request = Request(find_source("acme"), variables=variables)
    with pytest.raises(CrmUsageError, match=r"nothing sets\n  ACME_SECRET  \(setting password\)\nSet it in"):
        pipeline.check_settings(project, request)
    pipeline.check_settings(project, replace(request, variables={**variables, "ACME_SECRET": "s"}))


def test_meltano_keeps_its_own_tables_where_the_warehouse_is(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def uri(warehouse: Warehouse) -> str:
        environment = build_environment(
            Project(project.root), warehouse, Request(find_source("acme")), run_id="r", system_folder=tmp_path
        )
        return environment["MELTANO_DATABASE_URI"]

    url = "postgresql://u:p@h/db"
    assert uri(Warehouse(url, chosen=True)) == "sqlite://"
    monkeypatch.delenv("MELTANO_DATABASE_URI")
    assert uri(Warehouse(url)) == f"sqlite:///{tmp_path}/meltano.db"
    assert uri(Warehouse(url, chosen=True)) == "postgresql+psycopg://u:p@h/db?options=-csearch_path%3Dmeltano"
    (project.root / ".env").write_text("MELTANO_DATABASE_URI=sqlite:///mine.db\n")
    assert uri(Warehouse(url, chosen=True)) == "sqlite:///mine.db"


VERSION = "SELECT version_num FROM meltano.alembic_version"


def test_meltanos_tables_are_made_once(
    project: Project,
    meltano: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MELTANO_DATABASE_URI")
    head = pipeline._meltano_head()
    meltano(
        f"""
        if sys.argv[1:] == ["state", "list"]:
            conn.execute("CREATE TABLE meltano.alembic_version AS SELECT %s AS version_num", ["{head}"])
            print("made")
        else:
            assert conn.execute({VERSION!r}).fetchone() is not None
            runs.close_run(conn, opened("users"))
        """
    )
    assert sync().exit_code == 0
    assert seen(project)["argv"][0] == "run"
    # A second time CREATE TABLE would fail.
    assert sync().exit_code == 0


def test_meltano_that_cannot_make_its_tables_is_a_sentence(
    meltano: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MELTANO_DATABASE_URI")
    meltano("print('ERROR: permission denied'); sys.exit(1)")
    result = sync()
    assert result.exit_code == 1
    assert "Meltano could not prepare its tables in the warehouse: permission denied" in result.output


@pytest.mark.parametrize(
    ("statuses", "code", "expected"),
    [
        ([], 0, 1),
        (["success"], 0, 0),
        (["success"], 1, 1),
        (["success", "partial"], 0, 3),
        (["success", "partial"], 1, 3),
        (["partial", "failed"], 1, 1),
        (["running"], 0, 1),
    ],
)
def test_the_exit_code_comes_from_the_history(
    statuses: list[str], code: int, expected: int, warehouse_url: str
) -> None:
    with psycopg.connect(warehouse_url, autocommit=True) as conn:
        schema.migrate(conn)
        runs.open_run(
            conn,
            run_id="r",
            crm_source="acme",
            sync_type="s",
            started_at=_now(conn),
            configuration={},
            bookmark_before=None,
        )
        [row] = runs.find_runs(conn)
    assert exit_code_of([replace(row, status=status) for status in statuses], code) == expected


def _now(conn: psycopg.Connection) -> Any:
    row = conn.execute("SELECT now()").fetchone()
    assert row is not None
    return row[0]


def test_errors_have_the_promised_exit_codes() -> None:
    assert CrmError("x").exit_code == 1
    assert CrmUsageError("x").exit_code == 2


# -- several at once --------------------------------------------------------------------------------------------------

SECOND_TAP = """
plugins:
  extractors:
  - name: tap-best
    namespace: tap_best
    executable: tap-best
    settings:
    - {name: token, kind: string, sensitive: true}
    settings_group_validation:
    - [token]
"""


@pytest.fixture
def two_sources(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second source beside acme: best, with one stream."""
    [acme] = vars(sources)["entry_points"](group=sources.GROUP)
    best = SimpleNamespace(name="best", dist=SimpleNamespace(name="tap-best"), load=lambda: ["quotes"])
    monkeypatch.setattr(sources, "entry_points", lambda group: [acme, best] if group == sources.GROUP else [])
    (project.root / "taps" / "tap-best").mkdir()
    (project.root / "taps" / "tap-best" / "meltano.yml").write_text(textwrap.dedent(SECOND_TAP))


def sync_all(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["sync", "--all", *arguments], env={"COLUMNS": "200"})


@pytest.mark.usefixtures("two_sources")
def test_all_sources_are_synced_and_a_failing_one_stops_no_other(meltano: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_BEST_TOKEN", "t")
    meltano(
        """
row = opened("users" if source == "acme" else "quotes")
progress(row, created=2)
runs.close_run(conn, row, **({} if source == "acme" else {"error": "It broke.", "category": "source"}))
sys.exit(source != "acme")
"""
    )
    result = sync_all("--at-once", "1")
    assert result.exit_code == 1
    lines = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.split()}
    assert lines["acme"][1:5] == ["success", "1", "2", "2"]
    assert lines["best"][1:5] == ["failed", "1", "2", "2"]
    assert lines["total"][1:3] == ["2", "4"]
    assert "Failed: best: quotes: It broke." in result.stderr
    record = json.loads(sync_all("--json").stdout)
    assert record["exit_code"] == 1
    assert [(one["source"], one["exit_code"]) for one in record["sources"]] == [("acme", 0), ("best", 1)]
    assert record["left_out"] == []


@pytest.mark.usefixtures("two_sources")
def test_a_source_that_is_not_set_up_is_left_out_and_named(meltano: Any) -> None:
    meltano("runs.close_run(conn, opened('users'))")
    result = sync_all()
    assert result.exit_code == 0, result.output
    assert "left out: best." in result.stderr
    assert "1 success" in result.stdout


@pytest.mark.usefixtures("two_sources", "project")
def test_nothing_set_up_is_a_usage_error() -> None:
    result = sync_all()
    assert result.exit_code == 2
    assert "No CRM is set up" in result.stderr
    assert "acme, best" in result.stderr


@pytest.mark.usefixtures("two_sources")
def test_a_run_that_cannot_take_place_is_told_and_the_other_goes_on(
    project: Project, meltano: Any, monkeypatch: pytest.MonkeyPatch, warehouse_url: str
) -> None:
    meltano("runs.close_run(conn, opened('users'))")
    start = pipeline._start

    def refuse(project: Project, command: list[str], *rest: Any) -> Any:
        if "tap-best" in command:
            raise CrmError("There is no room.")
        return start(project, command, *rest)

    monkeypatch.setattr(pipeline, "_start", refuse)
    requests = [Request(find_source(name), variables={"TAP_BEST_TOKEN": "t"}) for name in ("acme", "best")]
    good, bad = pipeline.run_pipelines(project, Warehouse(warehouse_url), requests, Quiet(), at_once=2)
    assert isinstance(good, pipeline.Outcome)
    assert good.exit_code == 0
    assert isinstance(bad, CrmError)


@pytest.mark.usefixtures("two_sources")
def test_a_signal_ends_all_runs_also_those_that_wait(project: Project, meltano: Any, warehouse_url: str) -> None:
    meltano(
        """
row = opened("users")
def stop(*_):
    runs.close_run(conn, row, error="interrupted", category="interrupted")
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""
    )
    requests = [Request(find_source(name), variables={"TAP_BEST_TOKEN": "t"}) for name in ("acme", "best")]
    first, second = pipeline.run_pipelines(project, Warehouse(warehouse_url), requests, Quiet(), at_once=1)
    assert isinstance(first, pipeline.Outcome)
    assert isinstance(second, pipeline.Outcome)
    assert [row.error_category for row in first.rows] == ["interrupted"]
    assert [row.error_category for row in second.rows] == ["interrupted"]
    assert second.sentence is not None
    assert "stopped before the first stream" in second.sentence


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--all", "acme"], "--all means every CRM"), ([], "Name a CRM, or say --all. There are: acme.")],
)
def test_which_sources_are_meant_has_to_be_clear(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(crm, ["sync", *arguments])
    assert result.exit_code == 2
    assert told in result.stderr


# -- time and places --------------------------------------------------------------------------------------------------


def test_a_run_that_takes_too_long_is_ended_and_says_so(
    project: Project, meltano: Any, monkeypatch: pytest.MonkeyPatch, warehouse_url: str
) -> None:
    monkeypatch.setattr(pipeline._Stop, "after", _end_at_once)
    meltano(
        """
        row = opened("users")
        def stop(*_):
            runs.close_run(conn, row, error="Interrupted by SIGTERM.", category="interrupted")
            sys.exit(1)
        signal.signal(signal.SIGTERM, stop)
        time.sleep(60)
        """
    )
    request = Request(find_source("acme"), variables={"CRM_TIMEOUT_MINUTES": "5"})
    outcome = run_pipeline(project, Warehouse(warehouse_url), request, Quiet())
    assert outcome.exit_code == 1
    assert outcome.sentence == "The run took longer than 5 minutes and was ended."
    assert [(row.error_category, row.error_message) for row in outcome.rows] == [("timeout", outcome.sentence)]


def _end_at_once(stop: Any, minutes: int) -> None:
    """Set the limit as ``after`` does, but let it be over as soon as the run has begun."""
    stop._minutes, stop._deadline = minutes, time.monotonic() + 1


def test_a_timeout_that_is_no_number_is_refused(project: Project, warehouse_url: str) -> None:
    request = Request(find_source("acme"), variables={"CRM_TIMEOUT_MINUTES": "soon", **SET_UP})
    with pytest.raises(CrmUsageError, match="CRM_TIMEOUT_MINUTES is 'soon'; it must be a whole number"):
        run_pipeline(project, Warehouse(warehouse_url), request, Quiet())


SET_UP = {"TAP_ACME_HOST": "x", "TAP_ACME_USER": "x", "ACME_SECRET": "x"}


def test_one_more_run_than_a_source_may_have_is_refused_and_recorded(
    project: Project, meltano: Any, warehouse_url: str
) -> None:
    meltano("runs.close_run(conn, opened('users'))")
    request = Request(find_source("acme"), variables={"CRM_RUNS_PER_SOURCE": "2", "CRM_SCHEDULE": "acme-hourly"})
    with (
        psycopg.connect(warehouse_url, autocommit=True) as conn,
        psycopg.connect(warehouse_url, autocommit=True) as other,
    ):
        schema.migrate(conn)
        assert runs.take_place(conn, "acme", 2)
        assert runs.take_place(other, "acme", 2)
        with pytest.raises(CrmError, match="2 runs of acme are at work"):
            run_pipeline(project, Warehouse(warehouse_url), request, Quiet())
        refused = runs.find_runs(conn)
        assert {(row.status, row.error_category) for row in refused} == {("failed", "overlap")}
        assert refused[0].configuration == {"schedule": "acme-hourly"}
    assert run_pipeline(project, Warehouse(warehouse_url), request, Quiet()).exit_code == 0
