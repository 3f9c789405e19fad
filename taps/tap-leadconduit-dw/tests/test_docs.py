"""What is written about the tap is what the tap does."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from tap_kit.rest import load_schema
from tap_leadconduit_dw.names import STREAMS as NAMES
from tap_leadconduit_dw.streams import STREAMS
from tap_leadconduit_dw.tap import OWN_SETTINGS, TapLeadConduit
from tap_leadconduit_dw.values import SECRETS

if t.TYPE_CHECKING:
    from tap_kit.rest import RestStream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
PAGE = (PACKAGE.parents[1] / "docs" / "leadconduit.md").read_text(encoding="utf-8")


def test_the_readme_tells_every_stream() -> None:
    tap = TapLeadConduit(config={"api_key": "key"})
    rows = re.findall(r"^\| `(\w+)` \| `GET (\S+)` \| `(\w+)` \| (\S+) \| .* \|$", README, flags=re.MULTILINE)
    assert [name for name, *_ in rows] == list(NAMES)
    for name, path, key, bookmark in rows:
        stream = tap.rest_stream(name)
        assert (path, [key]) == (stream.path, stream.primary_keys)
        assert bookmark == (f"`{stream.replication_key}`" if stream.replication_key else "none")
        assert stream.schema["properties"][key]["type"] == "string"


def test_the_page_tells_every_stream_and_the_own_settings() -> None:
    assert [name for name in NAMES if f"| `{name}` |" not in PAGE] == []
    assert [name for name in OWN_SETTINGS.wrapped if f"TAP_LEADCONDUIT_DW_{name.upper()}" not in PAGE] == []


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_column_is_described(stream: type[RestStream]) -> None:
    columns = load_schema(stream, stream.name)["properties"]
    assert [name for name, column in columns.items() if len(column["description"]) < 3] == []
    keys = {"flows": {"id"}, "destinations": {"instance_id"}, "events": {"id"}, "leads": {"lead_id", "event_id"}}
    assert {name for name, column in columns.items() if "null" not in column["type"]} == keys[stream.name]


@pytest.mark.parametrize(("stream", "count"), [("flows", 19), ("destinations", 6), ("events", 55), ("leads", 26)])
def test_no_column_is_missing(stream: str, count: int) -> None:
    assert len(TapLeadConduit(config={"api_key": "key"}).rest_stream(stream).schema["properties"]) == count


def test_meltano_leaves_out_the_same_columns_as_the_tap() -> None:
    (lock,) = (PACKAGE.parents[1] / "plugins" / "extractors").glob("tap-leadconduit-dw--*.lock")
    assert set(json.loads(lock.read_text(encoding="utf-8"))["select"]) == {"*.*"} | {
        f"!events.{name}" for name in SECRETS
    }
    columns = load_schema(STREAMS[2], "events")["properties"]
    assert {name for name, column in columns.items() if column.get("x-sensitivity") == "secret"} == SECRETS


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\*Why\s+this\s+matters:\*", text)) == len(re.findall(r"^\*\*", text, flags=re.MULTILINE))
    assert text.count("\n**") >= 20
