"""Runs about keys: what Genius is asked for."""

from __future__ import annotations

import json
import typing as t

import pytest
from tap_genius import streams
from tap_genius.client import Client
from tap_genius.tap import TapGenius
from tap_kit.testing import run_tap

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Config: t.TypeAlias = "dict[str, t.Any]"
STREAM = "appointment_services"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were sent."""
    statements: list[str] = []
    original = Client._execute

    def execute(self: Client, statement: str, parameters: t.Any) -> Iterator[t.Any]:
        statements.append(statement)
        return original(self, statement, parameters)

    monkeypatch.setattr(Client, "_execute", execute)
    return statements


@pytest.fixture
def pairs(source: t.Any) -> None:
    """A table with a key of two columns; the last row has no modification time."""
    source.run(
        "CREATE TABLE appointment_to_service (appointment_id INT, service_id INT, note VARCHAR(9) DEFAULT 'x',"
        " updated_at DATETIME NULL, PRIMARY KEY (appointment_id, service_id))",
        "INSERT INTO appointment_to_service (appointment_id, service_id, updated_at)"
        " SELECT seq DIV 3, seq MOD 3, '2025-01-01' + INTERVAL seq DAY FROM seq_1_to_9",
        "INSERT INTO appointment_to_service (appointment_id, service_id) VALUES (9, 9)",
    )


def keys_in(folder: Path, *keys: tuple[t.Any, ...]) -> str:
    path = folder / "keys.jsonl"
    lines = [{"stream": STREAM, "key": {"appointment_id": one, "service_id": other}} for one, other in keys]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def found(records: list[dict[str, t.Any]]) -> list[tuple[int, int]]:
    return [(record["appointment_id"], record["service_id"]) for record in records]


@pytest.mark.usefixtures("pairs")
def test_only_keys_and_times_are_selected(empty_config: Config, asked: list[str]) -> None:
    run = run_tap(TapGenius, {**empty_config, "keys_only": True})
    assert len(run.records(f"{STREAM}_keys")) == 10
    (statement,) = [text for text in asked if "ORDER BY" in text and "appointment_to_service" in text]
    assert "note" not in statement
    assert statement.count("`updated_at`") == 1


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_some_keys_are_asked_for_in_few_statements(
    empty_config: Config, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(streams, "KEYS_AT_ONCE", at_once)
    wanted = [(0, 1), (2, 2), (9, 9)]
    run = run_tap(TapGenius, {**empty_config, "only_keys": keys_in(tmp_path, *wanted, ("7", 7))})
    assert found(run.records(STREAM)) == wanted
    assert run.records(STREAM)[0]["note"] == "x"
    assert len([text for text in asked if "FROM `appointment_to_service`" in text]) == -(-4 // at_once)


@pytest.mark.usefixtures("pairs")
def test_some_keys_since_a_moment_are_both(empty_config: Config, tmp_path: Path) -> None:
    file = keys_in(tmp_path, (0, 1), (2, 2), (9, 9))
    run = run_tap(TapGenius, {**empty_config, "only_keys": file, "since": "2025-01-05"})
    assert found(run.records(STREAM)) == [(2, 2), (9, 9)]


@pytest.mark.usefixtures("pairs")
def test_asking_for_keys_uses_the_index(source: t.Any) -> None:
    source.run("INSERT INTO appointment_to_service (appointment_id, service_id) SELECT seq, 1 FROM seq_100_to_9000")
    from tap_genius.client import Query  # noqa: PLC0415

    key = ("t.appointment_id", "t.service_id")
    query = Query(STREAM, ", ".join(key), "appointment_to_service t", key, (0, 1)).of_keys([(150, 1), (8000, 1)])
    statement, parameters = query.page(None, 10)
    ((_, _, _, kind, *_),) = source.run("EXPLAIN " + statement % parameters)
    assert kind == "range"


def test_keys_from_a_fallback_host_are_not_compared(genius_config: Config) -> None:
    hosts = {"host": "127.0.0.1", "port": 1, "fallback_hosts": [f"127.0.0.1:{genius_config['port']}"]}
    run = run_tap(TapGenius, {**genius_config, **hosts, "keys_only": True}, streams=["services"])
    assert run.exit_code == 1
    assert "cannot be trusted" in run.report("services")["error"]
