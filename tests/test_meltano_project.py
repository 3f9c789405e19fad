"""The Meltano files declare what plugins take, in a way that Meltano can pass on."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from crm_cli.project import Project
from crm_cli.sources import installed_sources

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = Project(ROOT)
MAIN: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text())
DEFINITIONS = {
    locked["name"]: locked
    for locked in (json.loads(file.read_text()) for file in PROJECT.files if file.suffix == ".lock")
}
PLUGINS: dict[str, dict[str, Any]] = {
    plugin["name"]: DEFINITIONS.get(plugin["name"], {}) | plugin
    for plugins in MAIN["plugins"].values()
    for plugin in plugins
}
# The programs that describe themselves by --about.
SINGER = [name for name in PLUGINS if name.startswith(("tap-", "target-"))]
# Meltano 4.4 cannot write a `decimal` into a plugin's configuration.
KINDS = {"string", "integer", "boolean", "date_iso8601", "array", "object", "options"}


@cache
def about(executable: str) -> dict[str, Any]:
    done = subprocess.run([BIN / executable, "--about", "--format=json"], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)["settings"]
    return found


def test_the_project_is_complete() -> None:
    assert "version" not in MAIN
    assert MAIN["project_id"]
    assert MAIN["send_anonymous_usage_stats"] is False
    assert MAIN["auto_install"] is False
    assert MAIN["default_environment"] in {environment["name"] for environment in MAIN["environments"]}
    assert MAIN["state_backend"]["uri"] == "synchistory://"
    assert {"target-postgres-dw", "tap-genius"} <= set(PLUGINS)


@pytest.mark.parametrize("name", PLUGINS)
def test_plugins_need_no_installation_and_no_hub(name: str) -> None:
    assert ("variant" in PLUGINS[name]) == (name in DEFINITIONS), (
        "Meltano asks its Hub for a variant that is not locked"
    )
    assert PLUGINS[name]["namespace"] == name.replace("-", "_")
    assert "pip_url" not in PLUGINS[name]
    assert (BIN / PLUGINS[name]["executable"]).exists()


@pytest.mark.parametrize("name", SINGER)
def test_every_setting_of_a_plugin_is_declared(name: str) -> None:
    declared = {setting["name"] for setting in PLUGINS[name]["settings"]}
    tops = {setting.split(".", 1)[0] for setting in declared}
    known = about(PLUGINS[name]["executable"])["properties"]
    assert set(known) - tops == set()
    assert tops - set(known) == set()


@pytest.mark.parametrize("name", PLUGINS)
def test_kinds_can_be_passed_on(name: str) -> None:
    assert {setting["kind"] for setting in PLUGINS[name]["settings"]} <= KINDS


@pytest.mark.parametrize("name", PLUGINS)
def test_options_are_texts(name: str) -> None:
    """YAML reads a bare ``off`` as false."""
    options = [option for setting in PLUGINS[name]["settings"] for option in setting.get("options", [])]
    assert [option for option in options if not isinstance(option["value"], str)] == []
    assert [option for option in options if not isinstance(option["label"], str)] == []


@pytest.mark.parametrize("name", SINGER)
def test_secrets_are_marked(name: str) -> None:
    sensitive = {setting["name"] for setting in PLUGINS[name]["settings"] if setting.get("sensitive")}
    known = about(PLUGINS[name]["executable"])["properties"]
    secret = {setting for setting, schema in known.items() if schema.get("secret")}
    assert secret - sensitive == set()
    assert {setting["name"] for setting in PLUGINS[name]["settings"] if "password" in setting["name"]} <= sensitive


@pytest.mark.parametrize("name", [name for name in PLUGINS if name.startswith("tap-")])
def test_a_tap_says_what_it_cannot_start_without(name: str) -> None:
    groups = PLUGINS[name]["settings_group_validation"]
    declared = {setting["name"] for setting in PLUGINS[name]["settings"]}
    required = set(about(PLUGINS[name]["executable"]).get("required") or [])
    assert groups
    assert all(required <= set(group) <= declared for group in groups)


@pytest.mark.parametrize("name", [name for name in PLUGINS if name.startswith("tap-")])
def test_a_tap_is_a_source_of_crm_with_a_job(name: str) -> None:
    [source] = [source for source in installed_sources().values() if source.tap == name]
    assert source.streams
    jobs = {job["name"]: job["tasks"] for job in MAIN["jobs"]}
    assert jobs[source.name] == [f"{name} target-postgres-dw"]


def test_names_of_streams_need_no_sdk() -> None:
    script = (
        "import sys; from crm_cli.sources import installed_sources; assert installed_sources(); "
        "print([name for name in ('singer_sdk', 'meltano', 'pymysql') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_example_of_the_environment_names_what_the_taps_need() -> None:
    example = (ROOT / ".env.example").read_text()
    assert "WAREHOUSE_URL=" in example
    needed = [setting.env for name in PLUGINS if name.startswith("tap-") for setting in PROJECT.settings(name)]
    required = {env for env in needed if f"{env}=" in example}
    for name, plugin in PLUGINS.items():
        for group in plugin.get("settings_group_validation") or []:
            assert {f"{name.upper().replace('-', '_')}_{setting.upper()}" for setting in group} <= required
