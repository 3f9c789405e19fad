"""``crm backfill``: its windows, where it stops, and where it goes on."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from crm_cli.backfill import Window, windows_between
from crm_cli.commands import backfill as command
from crm_cli.main import crm
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from crm_cli.project import Project

BOUNDS = ("--from", "2026-01-01", "--to", "2026-01-20", "--step", "7d")
# Ends each window as the file of the same name says, well by default; notes what it was asked for.
TAP = """
asked = {name: os.environ.get(name) for name in ("TAP_ACME_SINCE", "TAP_ACME_END_DATE", "TAP_ACME__SELECT_FILTER",
    "TARGET_POSTGRES_DW_LOCK_WAIT_SECONDS", "MELTANO_RUN_FULL_REFRESH")}
folder = Path(os.environ["MELTANO_PROJECT_ROOT"])
with (folder / "asked.jsonl").open("a") as file:
    file.write(json.dumps(asked) + "\\n")
row = runs.open_run(conn, run_id=os.environ["MELTANO_RUN_ID"], crm_source="acme", sync_type="users",
    started_at=datetime.now(UTC), configuration=json.loads(os.environ["CRM_RUN_CONFIGURATION"]), bookmark_before=None)
how = folder / os.environ["TAP_ACME_SINCE"][:10]
word = how.read_text() if how.exists() else "well"
progress(row, created=2, failed=1 if word == "partial" else 0)
runs.close_run(conn, row, error="The source is down." if word == "failed" else None, category="source")
sys.exit(word == "failed")
"""


@pytest.fixture
def tap(project: Project, meltano: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tap that ends each window as it is told."""
    entries = [{"tap_stream_id": "users", "replication_key": "updated_at"}, {"tap_stream_id": "deals"}]
    monkeypatch.setattr(command, "discover", lambda *_: entries)
    meltano(TAP)

    def tell(day: str, word: str) -> None:
        (project.root / day).write_text(word)

    return tell


pytestmark = pytest.mark.usefixtures("warehouse_url", "without_meltano_tables", "tap")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["backfill", "acme", *arguments, "--quiet"], env={"COLUMNS": "200"})


def asked(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.root / "asked.jsonl").read_text().splitlines()]


def starts(project: Project) -> list[str]:
    return [one["TAP_ACME_SINCE"][:10] for one in asked(project)]


def test_the_windows_are_read_oldest_first(project: Project) -> None:
    result = run("users", *BOUNDS)
    assert result.exit_code == 0, result.output
    assert "3 of 3 windows were read" in result.stdout
    found = asked(project)
    bounds = [(one["TAP_ACME_SINCE"], one["TAP_ACME_END_DATE"]) for one in found]
    days = ["2026-01-01", "2026-01-08", "2026-01-15", "2026-01-20"]
    moments = [f"{day}T00:00:00+00:00" for day in days]
    assert bounds == list(itertools.pairwise(moments))
    assert found[0]["TAP_ACME__SELECT_FILTER"] == '["users"]'
    assert found[0]["TARGET_POSTGRES_DW_LOCK_WAIT_SECONDS"] == "900"
    assert found[0]["MELTANO_RUN_FULL_REFRESH"] is None


def test_a_window_that_fails_ends_it_and_the_same_call_goes_on_there(project: Project, tap: Any) -> None:
    tap("2026-01-08", "failed")
    result = run("users", *BOUNDS)
    assert result.exit_code == 1
    assert "Failed: users: The source is down." in result.stderr
    assert "2 of 3 windows are left: the same call goes on there" in result.stderr
    assert starts(project) == ["2026-01-01", "2026-01-08"]
    tap("2026-01-08", "well")
    assert run("users", *BOUNDS).exit_code == 0
    assert starts(project)[2:] == ["2026-01-08", "2026-01-15"]
    again = run("users", *BOUNDS)
    assert again.exit_code == 0
    assert "--restart reads them again" in again.stderr
    assert "3 of 3 windows were read" in again.stdout
    assert len(starts(project)) == 4


def test_other_bounds_are_another_backfill_and_restart_begins_anew(project: Project) -> None:
    assert run("users", *BOUNDS).exit_code == 0
    assert run("users", *BOUNDS[:-1], "19d").exit_code == 0
    assert len(starts(project)) == 4
    assert run("users", *BOUNDS, "--restart").exit_code == 0
    assert len(starts(project)) == 7


def test_a_restart_that_fails_is_gone_on_with(project: Project, tap: Any) -> None:
    assert run("users", *BOUNDS).exit_code == 0
    tap("2026-01-15", "failed")
    assert run("users", *BOUNDS, "--restart").exit_code == 1
    tap("2026-01-15", "well")
    assert run("users", *BOUNDS).exit_code == 0
    assert starts(project)[6:] == ["2026-01-15"]


def test_a_window_with_rejects_has_been_read(project: Project, tap: Any) -> None:
    tap("2026-01-01", "partial")
    result = run("users", *BOUNDS)
    assert result.exit_code == 3
    assert "`crm rejects list`" in result.stderr
    assert len(starts(project)) == 3
    assert run("users", *BOUNDS).exit_code == 3
    assert len(starts(project)) == 3


def test_the_result_as_json(tap: Any) -> None:
    tap("2026-01-08", "failed")
    result = run("users", *BOUNDS, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["exit_code"], told["error"]) == (1, 1, "users: The source is down.")
    assert [one["run"] and one["run"]["status"] for one in told["windows"]] == ["success", "failed", None]
    assert told["windows"][2]["to"] == "2026-01-20T00:00:00+00:00"
    assert told["windows"][0]["run"]["created"] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["deals", *BOUNDS], "The stream deals has no time of change"),
        (["calls", *BOUNDS], "does not show the stream calls"),
        (["user", *BOUNDS], "is no stream of acme"),
        (["users", "--from", "2026-01-02", "--to", "2026-01-02"], "Nothing lies between"),
        (["users", "--from", "2026-01-02", "--to", "2999-01-02"], "lies in the future"),
        (["users", *BOUNDS[:-1], "0d"], "--step must be longer"),
        (["users", *BOUNDS[:-1], "weekly"], "is no length of time"),
        (["users", "--from", "2026-01-02"], "Missing option '--to'"),
    ],
)
def test_wrong_words_are_refused(project: Project, arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert not (project.root / "asked.jsonl").exists()


@given(
    minutes=st.integers(1, 100_000),
    step=st.integers(60, 50_000),
)
def test_windows_touch_and_cover_everything_once(minutes: int, step: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(minutes=minutes)
    found = windows_between(start, end, timedelta(minutes=step))
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    assert all(window.start < window.end <= window.start + timedelta(minutes=step) for window in found)
    assert windows_between(start, start, timedelta(minutes=step)) == ()
    assert isinstance(found[0], Window)
