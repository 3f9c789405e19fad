"""``crm rejects``: what is shown, and what replaying and discarding do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from crm_cli import replay
from crm_cli.errors import CrmError
from crm_cli.main import crm
from sync_history import rejects, runs

if TYPE_CHECKING:
    from crm_cli.project import Project


ENTRY = {
    "tap_stream_id": "users",
    "schema": {"properties": {"id": {"type": "integer"}, "age": {"type": "integer"}, "email": {"type": "string"}}},
    "key_properties": ["id"],
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["rejects", *arguments], env={"COLUMNS": "200"})


@pytest.fixture
def waiting(seed: Any, warehouse_url: str) -> list[int]:
    """Two rejects of acme's users, 7 and 8; their ids."""
    del warehouse_url
    row = seed.run("users")
    seed.conn.execute(
        "UPDATE orchestration.sync_history SET records_failed = 2, records_processed = 2, status = 'partial'"
    )
    rejects.store(
        seed.conn,
        history_id=row,
        crm_source="acme",
        rejects=[
            rejects.Reject("users", "age should be integer, but is a string", "record", {"id": key}, record, "age")
            for key in (7, 8)
            for record in [{"id": key, "age": "old", "email": f"ann{key}@example.com", "vip": True, "note": None}]
        ],
    )
    return sorted(one.id for one in rejects.find(seed.conn))


@pytest.fixture
def loader(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tap that knows its stream, and the real loader without Meltano around it."""
    del project

    def invoke(_: Any, plugin: str, *arguments: str, text: str, variables: dict[str, str], **__: Any) -> str:
        config = {"TARGET_POSTGRES_DW_SQLALCHEMY_URL": variables["WAREHOUSE_URL"]}
        done = subprocess.run(
            [Path(sys.executable).parent / plugin, "--config=ENV", *arguments],
            env={**os.environ, **variables, **config},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CrmError(done.stderr)
        return done.stdout

    monkeypatch.setattr(replay, "invoke", invoke)
    monkeypatch.setattr(replay, "discover", lambda *_: [ENTRY])


def test_the_list_shows_keys_and_reasons_but_no_other_value(waiting: list[int]) -> None:
    result = run("list")
    assert result.exit_code == 0, result.output
    assert "age should be integer" in result.stdout
    assert "example.com" not in result.stdout
    shown = json.loads(run("list", "acme", "users", "--json").stdout)["rejects"]
    assert [one["id"] for one in shown] == sorted(waiting, reverse=True)
    assert {one["key"]["id"] for one in shown} == {7, 8}
    assert "example.com" not in json.dumps(shown)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("narrowed", [["hubspot"], ["--reason", "born"], ["--older-than", "1h"]])
def test_the_list_may_be_narrowed(narrowed: list[str]) -> None:
    assert "No reject waits" in run("list", *narrowed).stdout


def test_values_are_masked_unless_they_are_asked_for(waiting: list[int]) -> None:
    shown = json.loads(run("show", str(waiting[0])).stdout)
    assert shown["record"] == {
        "id": "(number)",
        "age": "(3 characters)",
        "email": "(16 characters)",
        "vip": True,
        "note": None,
    }
    revealed = json.loads(run("show", str(waiting[0]), "--reveal").stdout)
    assert revealed["record"]["email"] == "ann7@example.com"


def test_discarding_keeps_the_reject_with_its_reason(waiting: list[int]) -> None:
    assert "1 rejects are discarded" in run("discard", str(waiting[0]), "--reason", "a test record").stdout
    assert [one["id"] for one in json.loads(run("list", "--json").stdout)["rejects"]] == [waiting[1]]
    everything = json.loads(run("list", "--all", "--json").stdout)["rejects"]
    assert {one["resolution"] for one in everything} == {None, "discarded: a test record"}


@pytest.mark.usefixtures("waiting", "loader")
@pytest.mark.parametrize(
    "arguments", [["show", "999"], ["discard", "999", "--reason", "x"], ["replay", "acme", "users", "999"]]
)
def test_an_unknown_id_is_refused(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "No such reject waits for an answer here: 999." in result.stderr


@pytest.mark.usefixtures("loader")
def test_a_corrected_record_is_loaded_and_its_reject_answered(waiting: list[int], warehouse_url: str) -> None:
    result = run("replay", "acme", "users", str(waiting[0]), "--set", "age=80", "--set", "email=ann@example.org")
    assert result.exit_code == 0, result.output
    assert "1 of 1 rejects are answered" in result.stdout
    with psycopg.connect(warehouse_url) as conn:
        assert conn.execute("SELECT id, age, email FROM acme.users").fetchall() == [(7, 80, "ann@example.org")]
        assert [one.id for one in rejects.find(conn)] == [waiting[1]]
        last = runs.find_runs(conn, limit=1)[0]
    assert last.bookmark is None
    assert last.configuration["replay"] == 1


@pytest.mark.usefixtures("loader")
def test_corrected_records_may_come_from_a_file(waiting: list[int], warehouse_url: str, tmp_path: Path) -> None:
    file = tmp_path / "corrected.jsonl"
    file.write_text('{"id": 8, "age": 81}\n\n')
    result = run("replay", "acme", "users", "--file", str(file))
    assert result.exit_code == 3, result.output
    assert "1 of 2 rejects are answered" in result.stdout
    with psycopg.connect(warehouse_url) as conn:
        assert conn.execute("SELECT id, age FROM acme.users").fetchall() == [(8, 81)]
        (left,) = rejects.find(conn)
    assert (left.id, left.times_seen) == (waiting[0], 2)


@pytest.mark.usefixtures("loader", "waiting")
def test_a_dry_replay_writes_nothing(warehouse_url: str) -> None:
    result = run("replay", "acme", "users", "--dry-run")
    assert result.exit_code == 3
    assert "partial (dry run)" in result.stdout
    with psycopg.connect(warehouse_url) as conn:
        assert len(rejects.find(conn)) == 2


@pytest.mark.usefixtures("loader", "waiting")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["acme", "users", "--set", "age=1"], "--set corrects one record: give its ID"),
        (["acme", "users", "1", "--set", "age"], "write FIELD=VALUE"),
        (["acme", "user"], "is no stream of acme"),
    ],
)
def test_wrong_words_are_refused(arguments: list[str], told: str) -> None:
    result = run("replay", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.usefixtures("loader", "waiting")
def test_a_file_with_a_line_that_is_no_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "corrected.jsonl"
    file.write_text('{"id": 8}\n[1]\n')
    result = run("replay", "acme", "users", "--file", str(file))
    assert result.exit_code == 2
    assert "corrected.jsonl, line 2: there is no JSON object" in result.stderr


@pytest.mark.usefixtures("loader", "seed", "warehouse_url")
def test_nothing_to_replay_is_no_failure() -> None:
    result = run("replay", "acme", "users")
    assert result.exit_code == 0
    assert "No reject of this stream waits" in result.stdout


@pytest.mark.usefixtures("loader", "waiting")
def test_a_stream_that_is_gone_cannot_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "discover", lambda *_: [])
    result = run("replay", "acme", "users")
    assert result.exit_code == 2
    assert "has no stream users any more" in result.stderr


@pytest.mark.usefixtures("loader", "waiting")
def test_a_loader_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise CrmError("The disk is full.")

    monkeypatch.setattr(replay, "invoke", fail)
    result = run("replay", "acme", "users")
    assert result.exit_code == 1
    assert "nothing was changed: The disk is full." in result.stderr
