"""What is written about the tap is what the tap does."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from tap_genius.tables import TABLES
from tap_genius.tap import TapGenius

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


def settings() -> dict[str, dict[str, t.Any]]:
    schema = json.loads(json.dumps(TapGenius.config_jsonschema))
    TapGenius.append_builtin_config(schema)
    properties: dict[str, dict[str, t.Any]] = schema["properties"]
    return properties


def plugin() -> dict[str, t.Any]:
    (found,) = yaml.safe_load((PACKAGE / "meltano.yml").read_text(encoding="utf-8"))["plugins"]["extractors"]
    assert isinstance(found, dict)
    return found


def test_meltano_knows_the_tap() -> None:
    found = plugin()
    assert (found["name"], found["namespace"], found["executable"]) == ("tap-genius", "tap_genius", "tap-genius")
    assert sorted(found["capabilities"]) == sorted(c.value for c in TapGenius.capabilities)


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


def test_the_readme_tells_every_stream() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    told = {(name, table): (key, changed) for name, table, key, changed, _ in rows}
    for table in TABLES:
        key, changed = told[table.name, table.table]
        assert key == ", ".join(f"`{column}`" for column in table.key)
        assert (f"`{table.changed}`" in changed) is (table.changed is not None)
        assert (f"`{table.fallback}`" in changed) is (table.fallback is not None)


def test_there_are_thirty_streams_with_names_of_their_own() -> None:
    assert len(TABLES) == 30
    assert len({table.name for table in TABLES}) == len({table.table for table in TABLES}) == 30


def test_parents_come_before_children() -> None:
    places = {table.name: place for place, table in enumerate(TABLES)}
    for parent, child in [
        ("division_groups", "divisions"),
        ("divisions", "users"),
        ("user_associations", "users"),
        ("marketing_sources", "marketsharp_marketing_source_maps"),
        ("prospects", "prospect_sources"),
        ("appointments", "appointment_services"),
        ("jobs", "quotes"),
        ("jobs", "job_financings"),
        ("job_change_orders", "job_change_order_items"),
    ]:
        assert places[parent] < places[child]


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
