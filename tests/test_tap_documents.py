"""What each tap's README says is what the tap does; a new tap is checked without a line here."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from crm_cli.definitions import plugin_packages
from tap_kit.testing import installed_tap

ROOT = Path(__file__).parents[1]
PACKAGES = {package.name: package for package in plugin_packages(ROOT) if package.name.startswith("tap-")}


def settings(name: str) -> dict[str, dict[str, t.Any]]:
    schema = json.loads(json.dumps(installed_tap(name).config_jsonschema))
    installed_tap(name).append_builtin_config(schema)
    properties: dict[str, dict[str, t.Any]] = schema["properties"]
    return properties


def test_the_taps_are_found() -> None:
    assert set(PACKAGES) >= {"tap-genius", "tap-callrail-dw", "tap-arrivy-dw"}


@pytest.mark.parametrize("name", PACKAGES)
def test_the_readme_tells_every_setting(name: str) -> None:
    readme = (PACKAGES[name] / "README.md").read_text(encoding="utf-8")
    for setting, schema in settings(name).items():
        (line,) = [line for line in readme.splitlines() if line.startswith(f"| `{setting}`")]
        assert line.rstrip(" |").endswith(schema.get("description", "").rstrip())
        assert ("(secret)" in line) is bool(schema.get("secret"))
        if schema.get("default") is not None:
            assert f"`{json.dumps(schema['default'])}`" in line
