"""``crm state``: what is shown, and that each change has an author, a reason and the stream to itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import discovery
from crm_cli.author import author
from crm_cli.main import crm
from sync_history import bookmarks, runs

if TYPE_CHECKING:
    from crm_cli.project import Project

AT = "2026-01-05T08:00:00.000000+00:00"
MARK = {"replication_key": "updated_at", "replication_key_value": AT}
WHY = ("--reason", "a test")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["state", *arguments], env={"COLUMNS": "250"})


def current(seed: Any, stream: str = "users") -> Any:
    return bookmarks.current_bookmarks(seed.conn, "acme").get(stream)


@pytest.fixture
def stored(seed: Any, warehouse_url: str) -> Any:
    """A stream with a bookmark."""
    del warehouse_url
    seed.run("users", bookmark=MARK)
    return seed


def test_every_stream_is_shown_with_what_the_next_run_reads(stored: Any) -> None:
    resume = {"from": AT, "until": AT, "last_key": [17], "seen": None}
    stored.run("deals", bookmark={**MARK, "resume": resume})
    shown = {one["stream"]: one for one in json.loads(run("show", "acme", "--json").stdout)["streams"]}
    assert list(shown) == ["users", "deals", "calls"]
    assert shown["users"]["bookmark"] == MARK
    assert shown["users"]["edited_by"] is None
    assert shown["users"]["next_run_reads"].startswith("what changed since 2026-01-05 08:00:00, and the stretch before")
    assert "from where it was interrupted (key [17])" in shown["deals"]["next_run_reads"]
    assert shown["calls"]["next_run_reads"] == "everything"
    assert shown["calls"]["set_at"] is None
    text = run("show").stdout
    assert "2026-01-05 08:00:00" in text
    assert "calls" not in text, "without a source only what has been read"


def test_one_stream_is_shown_with_its_changes(stored: Any) -> None:
    assert run("rewind", "acme", "users", "--by", "1d", *WHY).exit_code == 0
    told = json.loads(run("show", "acme", "users", "--json").stdout)
    assert [one["stream"] for one in told["streams"]] == ["users"]
    (edit,) = told["edits"]
    assert (edit["edited_by"], edit["reason"], edit["before"]) == (author(), "a test", MARK)
    assert edit["after"] == current(stored)
    text = run("show", "acme", "users").stdout
    assert f"{author()}: 2026-01-05 08:00:00 -> 2026-01-04 08:00:00 (a test)" in text


@pytest.mark.parametrize(
    ("how", "value"),
    [
        (["--by", "7d"], "2025-12-29T08:00:00.000000+00:00"),
        (["--by", "90m"], "2026-01-05T06:30:00.000000+00:00"),
        (["--to", "2026-01-01"], "2026-01-01T00:00:00.000000+00:00"),
    ],
)
def test_a_bookmark_goes_back(stored: Any, how: list[str], value: str) -> None:
    result = run("rewind", "acme", "users", *how, *WHY)
    assert result.exit_code == 0, result.output
    assert current(stored) == {"replication_key": "updated_at", "replication_key_value": value}
    assert "was 2026-01-05 08:00:00" in result.stdout
    assert "The next run reads what changed since" in result.stdout
    newest = runs.find_runs(stored.conn, edits=True, limit=1)[0]
    assert newest.configuration == {"edited_by": author(), "reason": "a test"}
    assert newest.bookmark_before == MARK


def test_a_cleared_bookmark_reads_everything(stored: Any) -> None:
    result = run("rewind", "acme", "users", "--clear", *WHY)
    assert result.exit_code == 0
    assert "The next run reads everything." in result.stdout
    assert current(stored) is None


def test_a_bookmark_is_set(stored: Any) -> None:
    assert run("set", "acme", "users", "2025-12-01T00:00:00+01:00", *WHY).exit_code == 0
    assert current(stored)["replication_key_value"] == "2025-11-30T23:00:00.000000+00:00"
    result = run("set", "acme", "users", "2026-02-01", *WHY)
    assert "What changed between 2025-11-30 23:00:00 and then will not be read." in result.stderr
    again = run("set", "acme", "users", "2026-02-01", *WHY)
    assert "nothing was changed" in again.stdout


def test_a_whole_bookmark_is_set(stored: Any) -> None:
    whole = {"replication_key": "changed", "replication_key_value": AT}
    assert run("set", "acme", "users", "--json", json.dumps(whole), *WHY).exit_code == 0
    assert current(stored) == whole
    assert run("set", "acme", "users", "--json", "{}", *WHY).exit_code == 0
    assert current(stored) is None


@pytest.mark.usefixtures("stored")
def test_a_stream_that_was_never_read_asks_its_tap_for_the_column(seed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [{"tap_stream_id": "deals", "replication_key": "changed"}, {"tap_stream_id": "calls"}]
    monkeypatch.setattr(discovery, "discover", lambda *_: entries)
    assert run("set", "acme", "deals", "2026-01-01", *WHY).exit_code == 0
    assert current(seed, "deals")["replication_key"] == "changed"
    refused = run("set", "acme", "calls", "2026-01-01", *WHY)
    assert refused.exit_code == 2
    assert "has no time of change" in refused.stderr


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "acme", "users", *WHY], "either a VALUE or --json"),
        (["set", "acme", "users", "2026-01-01", "--json", "{}", *WHY], "either a VALUE or --json"),
        (["set", "acme", "users", "yesterday", *WHY], "is no date"),
        (["set", "acme", "users", "2026-01-01"], "Missing option '--reason'"),
        (["set", "acme", "users", "--json", "[]", *WHY], "must be a JSON object"),
        (["set", "acme", "users", "--json", '{"value": 1}', *WHY], "--json has value"),
        (["set", "acme", "users", "--json", '{"replication_key": "x"}', *WHY], "together"),
        (["set", "acme", "user", "2026-01-01", *WHY], "is no stream of acme"),
        (["rewind", "acme", "users", *WHY], "one of --to, --by and --clear"),
        (["rewind", "acme", "users", "--by", "1d", "--clear", *WHY], "one of --to, --by and --clear"),
        (["rewind", "acme", "users", "--to", "2026-01-06", *WHY], "is not before the bookmark"),
        (["rewind", "acme", "users", "--by", "0d", *WHY], "is not before the bookmark"),
        (["rewind", "acme", "deals", "--by", "1d", *WHY], "no moment to go back from"),
        (["show", "acme", "user"], "is no stream of acme"),
        (["show", "hubspot"], "is no source"),
    ],
)
def test_wrong_words_are_refused_and_change_nothing(seed: Any, arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert current(seed) == MARK


def test_a_stream_at_work_is_left_alone(stored: Any, warehouse_url: str) -> None:
    with psycopg.connect(warehouse_url, autocommit=True) as other:
        assert runs.take_locks(other, "acme", ["users"]) is None
        stored.run("users", run_id="the-run-at-work", close=False)
        result = run("rewind", "acme", "users", "--clear", *WHY)
    assert result.exit_code == 1
    assert "acme users is at work (run the-run-at-work, since 2026-01-05" in result.stderr
    assert current(stored) == MARK


def test_a_run_that_was_killed_does_not_hold_its_stream(stored: Any) -> None:
    stored.run("users", close=False)
    assert run("rewind", "acme", "users", "--clear", *WHY).exit_code == 0
    assert current(stored) is None


@pytest.mark.usefixtures("seed", "warehouse_url")
def test_nothing_read_yet() -> None:
    assert "No stream has been read yet" in run("show").stdout


def test_the_author_is_an_account_of_a_machine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    del project
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    monkeypatch.setattr("socket.gethostname", lambda: "crm1")
    assert author() == "ann@crm1"

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert author() == "unknown@crm1"
