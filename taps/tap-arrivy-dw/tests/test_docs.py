"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from tap_arrivy_dw.names import STREAMS as NAMES
from tap_arrivy_dw.reports import CsvTasks
from tap_arrivy_dw.streams import STREAMS
from tap_arrivy_dw.tap import OWN_SETTINGS, TapArrivy
from tap_kit.rest import load_schema

if t.TYPE_CHECKING:
    from tap_arrivy_dw.client import ArrivyStream
    from tap_kit.stream import KitStream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


def streams() -> list[KitStream]:
    config = {"auth_key": "k", "auth_token": "t", "task_details": True, "files": {"csv_tasks": "tasks.csv"}}
    return list(TapArrivy(config=config, setup_mapper=False).discover_streams())


def test_the_readme_tells_every_stream() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `?([^\s`]+)`? \| (.*) \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    told = {name: (path, key, changed) for name, path, key, changed, _ in rows}
    for stream in streams():
        key = ", ".join(f"`{column}`" for column in stream.primary_keys)
        changed = f"`{stream.replication_key}`" if stream.replication_key else "none"
        assert all("null" not in stream.schema["properties"][name]["type"] for name in stream.primary_keys)
        assert told[stream.name] == (getattr(stream, "path", "CSV"), key, changed)


def test_the_names_are_those_of_the_streams() -> None:
    assert (*(stream.name for stream in STREAMS), CsvTasks.name) == NAMES
    assert len(NAMES) == 12


def test_the_page_of_the_crm_tells_every_stream_and_the_own_settings() -> None:
    page = (PACKAGE.parent.parent / "docs" / "arrivy.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
    own = [*OWN_SETTINGS.wrapped, "files"]
    assert [name for name in own if f"TAP_ARRIVY_DW_{name.upper()}" not in page] == []


def test_every_column_of_the_report_is_described() -> None:
    columns = load_schema(CsvTasks, CsvTasks.name)["properties"]
    assert len(columns) == 74
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_column_is_described(stream: type[ArrivyStream]) -> None:
    columns = load_schema(stream, stream.name)["properties"]
    assert "id" in columns
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
