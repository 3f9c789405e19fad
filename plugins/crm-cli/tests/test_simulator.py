"""``crm simulator up``: what it prints is what a tap needs."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from crm_cli.commands import simulator
from crm_cli.main import crm
from crm_simulator import server
from dotenv import dotenv_values

if TYPE_CHECKING:
    from pathlib import Path


def up(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["simulator", "up", *arguments])


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Sockets that a server would have listened on."""
    found: list[Any] = []
    monkeypatch.setattr(server._Server, "run", lambda _, sockets: found.append(sockets[0].getsockname()))
    return found


def test_it_prints_the_settings_of_the_taps(served: list[Any], tmp_path: Path) -> None:
    result = up("callrail", "arrivy", "--port", "0", "--size", "5")
    assert result.exit_code == 0, result.output
    address = f"http://127.0.0.1:{served[0][1]}"
    (tmp_path / ".env").write_text(result.stdout)
    settings = dotenv_values(tmp_path / ".env")
    assert settings["TAP_CALLRAIL_DW_API_URL"] == f"{address}/callrail"
    assert settings["TAP_ARRIVY_DW_AUTH_KEY"]
    assert f"curl -X POST {address}/control/callrail/day" in result.stderr


def test_an_unknown_name_is_refused() -> None:
    result = up("callrial")
    assert result.exit_code == 2
    assert "There is no simulated CRM 'callrial'; there are: arrivy, callrail" in result.stderr


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = up("callrail", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "choose another --port" in result.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), (5, "5"), (["a", "b"], """'["a", "b"]'"""), ("two words", "'two words'"), (True, "true")],
)
def test_values_are_quoted_where_they_have_to_be(value: object, text: str) -> None:
    assert simulator.quoted(value) == text
