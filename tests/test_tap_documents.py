"""What each tap's README and Meltano definition say is what the tap does; a new tap is checked without a line here."""

from __future__ import annotations

import json
import tomllib
import typing as t
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from tap_kit.tap import Tap

ROOT = Path(__file__).parents[1]
PACKAGES = {file.parent.name: file.parent for file in sorted(ROOT.glob("taps/*/meltano.yml"))}
KINDS = {"string": "string", "integer": "integer", "boolean": "boolean", "array": "array", "object": "object"}


def tap_class(name: str) -> type[Tap]:
    """Return the class behind the command of a tap."""
    described = tomllib.loads((PACKAGES[name] / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, path = described["project"]["scripts"][name].partition(":")
    found = getattr(import_module(module), path.removesuffix(".cli"))
    assert issubclass(found, Tap)
    return t.cast("type[Tap]", found)


def settings(name: str) -> dict[str, dict[str, t.Any]]:
    schema = json.loads(json.dumps(tap_class(name).config_jsonschema))
    tap_class(name).append_builtin_config(schema)
    properties: dict[str, dict[str, t.Any]] = schema["properties"]
    return properties


def plugin(name: str) -> dict[str, t.Any]:
    (found,) = yaml.safe_load((PACKAGES[name] / "meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    assert isinstance(found, dict)
    return found


def test_the_taps_are_found() -> None:
    assert set(PACKAGES) >= {"tap-genius", "tap-callrail-dw", "tap-arrivy-dw"}


@pytest.mark.parametrize("name", PACKAGES)
def test_meltano_knows_the_tap(name: str) -> None:
    found = plugin(name)
    assert (found["name"], found["namespace"], found["executable"]) == (name, name.replace("-", "_"), name)
    assert sorted(found["capabilities"]) == sorted(c.value for c in tap_class(name).capabilities)


@pytest.mark.parametrize("name", PACKAGES)
def test_meltano_knows_every_setting(name: str) -> None:
    assert [setting["name"] for setting in plugin(name)["settings"]] == list(settings(name))


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, setting) for name in PACKAGES for setting in plugin(name)["settings"]],
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_meltano_describes_a_setting_as_the_tap_does(name: str, setting: dict[str, t.Any]) -> None:
    schema = settings(name)[setting["name"]]
    types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    if setting["kind"] == "date_iso8601":
        assert schema["format"] == "date-time"
    elif setting["kind"] == "options":
        assert [option["value"] for option in setting["options"]] == schema["enum"]
    else:
        assert setting["kind"] in {KINDS.get(kind) for kind in types}
    assert bool(setting.get("sensitive")) is bool(schema.get("secret"))
    assert setting["description"] == schema.get("description", "")
    assert setting["label"]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_readme_tells_every_setting(name: str) -> None:
    readme = (PACKAGES[name] / "README.md").read_text(encoding="utf-8")
    for setting, schema in settings(name).items():
        (line,) = [line for line in readme.splitlines() if line.startswith(f"| `{setting}`")]
        assert line.rstrip(" |").endswith(schema.get("description", "").rstrip())
        assert ("(secret)" in line) is bool(schema.get("secret"))
        if schema.get("default") is not None:
            assert f"`{json.dumps(schema['default'])}`" in line
