"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from tap_kit.rest import load_schema
from tap_marketsharp_dw.names import DEFAULT_GROUPS, GROUPS, group_of
from tap_marketsharp_dw.names import STREAMS as NAMES
from tap_marketsharp_dw.streams import STREAMS
from tap_marketsharp_dw.tap import OWN_SETTINGS

if t.TYPE_CHECKING:
    from tap_marketsharp_dw.client import MarketSharpStream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
PAGE = (PACKAGE.parents[1] / "docs" / "marketsharp.md").read_text(encoding="utf-8")


def test_the_names_are_those_of_the_streams() -> None:
    assert tuple(stream.name for stream in STREAMS) == NAMES
    assert len(NAMES) == len(set(NAMES)) == 50
    assert set(DEFAULT_GROUPS) < set(GROUPS)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_the_readme_and_the_page_tell_every_stream(stream: type[MarketSharpStream]) -> None:
    (key,), path = stream.primary_keys, vars(stream)["path"]
    (line,) = re.findall(rf"^\| `{stream.name}` \| `(\S+)` \| `(\w+)` \| `(\w+)` \| (.*) \|$", README, re.MULTILINE)
    assert line[:3] == (path, key, group_of(stream.name))
    (told,) = [
        line for line in PAGE.splitlines() if line.startswith(f"| `{stream.name}` | `{group_of(stream.name)}` |")
    ]
    assert f"| `{key}` |" in told
    changed = stream.replication_key
    assert all((f"`{changed}`" in text) is (changed is not None) for text in (line[3], told))
    assert ("whole set" in told) is (changed is None)
    assert f"GET {path} " in str(stream.__doc__)


def test_the_page_tells_the_own_settings() -> None:
    assert [name for name in OWN_SETTINGS.wrapped if f"`TAP_MARKETSHARP_DW_{name.upper()}`" not in PAGE] == []


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_column_is_described_and_has_its_source(stream: type[MarketSharpStream]) -> None:
    columns = load_schema(stream, stream.name)["properties"]
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []
    assert len({name.replace("_", "") for name in columns}) == len(columns)
    for name, column in columns.items():
        source = column.get("x-source", name)
        # Names are looked up in lower case: source and column differ by the underscores alone.
        assert source.lower() == name.replace("_", "")
    assert all("null" not in columns[name]["type"] for name in stream.primary_keys)
    assert stream.replication_key is None or columns[str(stream.replication_key)]["format"] == "date-time"


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 25
    assert text.count("**") // 2 >= text.count("*Why this matters:*")
