"""``crm sources``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from crm_cli import discovery
from crm_cli.main import crm

if TYPE_CHECKING:
    from crm_cli.project import Project

CATALOG = {
    "streams": [
        {
            "tap_stream_id": "users",
            "key_properties": ["id"],
            "replication_key": "updated_at",
            "schema": {"properties": {"id": {}, "updated_at": {}}},
        },
        {"tap_stream_id": "deals", "schema": {"properties": {"id": {}}}},
    ]
}


def meltano(project: Project, body: str) -> None:
    folder = project.root / "bin"
    folder.mkdir()
    (folder / "meltano").write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    (folder / "meltano").chmod(0o755)


@pytest.fixture
def set_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("TAP_ACME_HOST", "TAP_ACME_USER", "ACME_SECRET"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setattr(discovery, "bin_folder", lambda: str(project.root / "bin"))
    return project


@pytest.mark.usefixtures("project")
def test_every_source_is_shown_with_what_it_lacks() -> None:
    result = CliRunner().invoke(crm, ["sources", "--json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["modes"] == ["delta", "full", "force7"]
    assert shown["sources"] == [
        {
            "source": "acme",
            "tap": "tap-acme",
            "streams": 3,
            "missing_settings": ["TAP_ACME_HOST", "TAP_ACME_USER", "ACME_SECRET"],
        }
    ]
    plain = CliRunner().invoke(crm, ["sources"], env={"COLUMNS": "160"})
    assert "TAP_ACME_HOST, TAP_ACME_USER" in plain.stdout


def test_the_streams_are_those_that_the_tap_discovers(set_up: Project) -> None:
    meltano(set_up, f"assert sys.argv[2:] == ['invoke', 'tap-acme', '--discover']; print({json.dumps(CATALOG)!r})")
    result = CliRunner().invoke(crm, ["sources", "acme", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["streams"] == [
        {"stream": "users", "key": ["id"], "bookmark": "updated_at", "columns": 2},
        {"stream": "deals", "key": [], "bookmark": None, "columns": 1},
    ]


def test_a_tap_that_cannot_discover_says_why_without_a_secret(set_up: Project) -> None:
    meltano(set_up, "print('ERROR Access denied for hunter2. [authentication]', file=sys.stderr); sys.exit(1)")
    result = CliRunner().invoke(crm, ["sources", "acme"])
    assert result.exit_code == 1
    assert "Access denied for ***." in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.usefixtures("project")
def test_discovery_needs_the_settings() -> None:
    result = CliRunner().invoke(crm, ["sources", "acme"])
    assert result.exit_code == 2
    assert "TAP_ACME_HOST" in result.stderr
