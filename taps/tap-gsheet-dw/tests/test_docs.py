"""What is written about the tap is what the tap does."""

from __future__ import annotations

import json
import re
import typing as t
from importlib import resources
from pathlib import Path

import pytest
from tap_gsheet_dw.names import STREAMS as NAMES
from tap_gsheet_dw.sheets import ENTRY, TYPES
from tap_gsheet_dw.streams import STREAMS
from tap_gsheet_dw.tap import OWN_SETTINGS, SHEET

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gsheet_dw.client import GoogleStream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
PAGE = (PACKAGE.parent.parent / "docs" / "gsheet.md").read_text(encoding="utf-8")


def key_of(stream: type[GoogleStream]) -> Sequence[str]:
    return t.cast("Sequence[str]", stream.primary_keys)


def test_the_readme_tells_every_stream() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `GET (\S+)` \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    told = {name: (path, key) for name, path, key, _ in rows}
    for stream in STREAMS:
        assert told[stream.name] == (stream.path, ", ".join(f"`{column}`" for column in key_of(stream)))


def test_the_names_are_those_of_the_streams() -> None:
    assert (*NAMES, "sheet_rows") == tuple(stream.name for stream in STREAMS)


def test_the_page_tells_every_stream_and_the_own_settings() -> None:
    assert [stream.name for stream in STREAMS if f"| `{stream.name}` |" not in PAGE] == []
    assert [name for name in OWN_SETTINGS.wrapped if f"TAP_GSHEET_DW_{name.upper()}" not in PAGE] == []


def test_the_readme_tells_what_an_entry_may_have() -> None:
    assert sorted(SHEET.wrapped) == sorted(ENTRY)
    for name, setting in SHEET.wrapped.items():
        (line,) = [line for line in README.splitlines() if line.startswith(f"| `{name}` |") and "`sheets`" not in line]
        assert line.removesuffix(" |").endswith(setting.description or "?")
    assert [kind for kind in TYPES if f"`{kind}`" not in README] == []


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_column_is_described(stream: type[GoogleStream]) -> None:
    file = resources.files("tap_gsheet_dw") / "schemas" / f"{stream.name}.json"
    columns = json.loads(file.read_text())["properties"]
    assert set(key_of(stream)) <= set(columns)
    assert [name for name in key_of(stream) if "null" in columns[name]["type"]] == []
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
