"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from tap_kit.rest import load_schema
from tap_salespro_dw.names import STREAMS as NAMES
from tap_salespro_dw.streams import EXPORTS, TABLES
from tap_salespro_dw.tap import OWN_SETTINGS, TapSalesPro

if t.TYPE_CHECKING:
    from tap_kit.stream import KitStream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
CONFIG = {"database": "d", "files": {stream.name: f"{stream.name}.csv" for stream in EXPORTS}}


def test_the_readme_tells_every_stream() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.*) \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    told = {name: (source, key, changed) for name, source, key, changed, _ in rows}
    for stream in TapSalesPro(config=CONFIG, setup_mapper=False).streams.values():
        key = ", ".join(f"`{column}`" for column in stream.primary_keys)
        changed = f"`{stream.replication_key}`" if stream.replication_key else "none"
        source = f"`{table}`" if (table := getattr(stream, "table", None)) else "CSV"
        assert all("null" not in stream.schema["properties"][name]["type"] for name in stream.primary_keys)
        assert told[stream.name] == (source, key, changed)


def test_the_names_are_those_of_the_streams() -> None:
    assert tuple(stream.name for stream in (*TABLES, *EXPORTS)) == NAMES
    assert len(NAMES) == 8


def test_the_page_of_the_crm_tells_every_stream_and_the_own_settings() -> None:
    page = (PACKAGE.parent.parent / "docs" / "salespro.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
    own = [*OWN_SETTINGS.wrapped, "files", "file_headers", "file_encoding", "file_delimiter", "file_http_headers"]
    assert [name for name in own if f"TAP_SALESPRO_DW_{name.upper()}" not in page] == []


CLASSES: dict[str, type[KitStream]] = {stream.name: stream for stream in (*TABLES, *EXPORTS)}


@pytest.mark.parametrize("name", CLASSES)
def test_every_column_is_described(name: str) -> None:
    columns = load_schema(CLASSES[name], name)["properties"]
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
