"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from tap_five9_dw.names import STREAMS as NAMES
from tap_five9_dw.streams import STREAMS
from tap_five9_dw.tap import OWN_SETTINGS, TapFive9
from tap_kit.rest import load_schema

if t.TYPE_CHECKING:
    from tap_five9_dw.client import Five9Stream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


def test_the_readme_tells_every_stream(account: t.Any) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    told = {name: (call, key, changed) for name, call, key, changed, _ in rows}
    tap = TapFive9(config=account.settings, setup_mapper=False)
    assert {stream.name for stream in tap.discover_streams()} == set(NAMES)
    for stream in tap.discover_streams():
        key = ", ".join(f"`{column}`" for column in stream.primary_keys)
        changed = f"`{stream.replication_key}`" if stream.replication_key else "none"
        assert all("null" not in stream.schema["properties"][name]["type"] for name in stream.primary_keys)
        assert told[stream.name] == (stream.endpoint, key, changed)
    tap.close()


def test_the_names_are_those_of_the_streams() -> None:
    assert tuple(stream.name for stream in STREAMS) == NAMES
    assert len(NAMES) == 9


def test_the_page_of_the_crm_tells_every_stream_and_the_own_settings() -> None:
    page = (PACKAGE.parent.parent / "docs" / "five9.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
    assert [name for name in OWN_SETTINGS.wrapped if f"TAP_FIVE9_DW_{name.upper()}" not in page] == []


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_column_is_described(stream: type[Five9Stream]) -> None:
    columns = load_schema(stream, stream.name)["properties"]
    assert {*t.cast("tuple[str, ...]", stream.primary_keys)} <= set(columns)
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []


def test_the_known_contact_fields_are_described(account: t.Any) -> None:
    columns = account.read("contacts").schema("contacts")["schema"]["properties"]
    known = load_schema(STREAMS[4], "contacts")["properties"]
    assert set(columns) == set(known)
    for name, column in columns.items():
        assert column["description"] == known[name]["description"]
        assert (column["type"], column.get("format")) == (known[name]["type"], known[name].get("format"))


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 25
