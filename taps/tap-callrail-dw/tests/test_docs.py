"""What is written about the tap is what the tap does."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from tap_callrail_dw.names import STREAM_NAMES
from tap_callrail_dw.tap import TapCallRail

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


def settings() -> dict[str, dict[str, t.Any]]:
    schema = json.loads(json.dumps(TapCallRail.config_jsonschema))
    TapCallRail.append_builtin_config(schema)
    properties: dict[str, dict[str, t.Any]] = schema["properties"]
    return properties


def plugin() -> dict[str, t.Any]:
    (found,) = yaml.safe_load((PACKAGE / "meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    assert isinstance(found, dict)
    return found


def test_meltano_knows_the_tap() -> None:
    found = plugin()
    assert (found["name"], found["namespace"], found["executable"]) == (
        "tap-callrail-dw",
        "tap_callrail_dw",
        "tap-callrail-dw",
    )
    assert sorted(found["capabilities"]) == sorted(c.value for c in TapCallRail.capabilities)


def test_meltano_knows_every_setting() -> None:
    assert [setting["name"] for setting in plugin()["settings"]] == list(settings())


KINDS = {"string": "string", "integer": "integer", "boolean": "boolean", "array": "array", "object": "object"}


@pytest.mark.parametrize("setting", plugin()["settings"], ids=lambda setting: setting["name"])
def test_meltano_describes_a_setting_as_the_tap_does(setting: dict[str, t.Any]) -> None:
    schema = settings()[setting["name"]]
    types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    if setting["kind"] == "date_iso8601":
        assert schema["format"] == "date-time"
    elif setting["kind"] == "options":
        assert [option["value"] for option in setting["options"]] == schema["enum"]
    else:
        assert setting["kind"] in {KINDS.get(name) for name in types}
    assert bool(setting.get("sensitive")) is bool(schema.get("secret"))
    assert setting["description"] == schema.get("description", "")
    assert setting["label"]


def test_the_readme_tells_every_setting() -> None:
    for name, schema in settings().items():
        (line,) = [line for line in README.splitlines() if line.startswith(f"| `{name}`")]
        assert line.rstrip(" |").endswith(schema.get("description", "").rstrip())
        assert ("(secret)" in line) is bool(schema.get("secret"))
        if schema.get("default") is not None:
            assert f"`{json.dumps(schema['default'])}`" in line


def test_the_readme_and_the_page_tell_every_stream() -> None:
    tap = TapCallRail(config={"api_key": "key"})
    streams = {name: tap.rest_stream(name) for name in STREAM_NAMES}
    page = (PACKAGE.parents[1] / "docs" / "callrail.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| `GET (.*)` \| `id` \| (.*) \|$", README, flags=re.MULTILINE)
    assert [(name, path) for name, path, _ in told] == [(name, streams[name].path) for name in STREAM_NAMES]
    for name, _, how in told:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        key = streams[name].replication_key
        assert (f"`{key}`" in how) is (f"`{key}`" in line) is (key is not None)


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
