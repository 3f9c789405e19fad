"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from tap_kit.rest import load_schema
from tap_salesrabbit_dw.names import STREAMS as NAMES
from tap_salesrabbit_dw.streams import STREAMS
from tap_salesrabbit_dw.tap import OWN_SETTINGS, TapSalesRabbit

if t.TYPE_CHECKING:
    from tap_kit.rest import RestStream
    from tap_salesrabbit_dw.client import SalesRabbitStream

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
COLUMNS = {
    "users": 24,
    "lead_statuses": 3,
    "leads": 31,
    "lead_status_histories": 9,
    "lead_status_activities": 25,
}


def streams() -> list[RestStream]:
    return t.cast("list[RestStream]", TapSalesRabbit(config={"api_token": "t"}, setup_mapper=False).discover_streams())


def test_the_readme_tells_every_stream() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\S+)` \| (.*) \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    told = {name: (path, key, changed) for name, path, key, changed, _ in rows}
    for stream in streams():
        key = ", ".join(f"`{column}`" for column in stream.primary_keys)
        changed = f"`{stream.replication_key}`" if stream.replication_key else "none"
        assert all("null" not in stream.schema["properties"][name]["type"] for name in stream.primary_keys)
        assert told[stream.name] == (stream.path, key, changed)


def test_the_names_are_those_of_the_streams() -> None:
    assert tuple(stream.name for stream in STREAMS) == NAMES == tuple(COLUMNS)


def test_the_page_of_the_crm_tells_every_stream_and_the_own_settings() -> None:
    page = (PACKAGE.parent.parent / "docs" / "salesrabbit.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
    assert [name for name in OWN_SETTINGS.wrapped if f"| `TAP_SALESRABBIT_DW_{name.upper()}`" not in page] == []


@pytest.mark.parametrize("name", OWN_SETTINGS.wrapped)
def test_every_setting_has_a_title_and_a_description(name: str) -> None:
    setting = OWN_SETTINGS.wrapped[name]
    assert setting.title
    assert setting.description


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_column_is_described(stream: type[SalesRabbitStream]) -> None:
    columns = load_schema(stream, stream.name)["properties"]
    assert len(columns) == COLUMNS[stream.name]
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []
    assert [name for name in columns if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


def test_each_oddity_says_why_it_matters() -> None:
    text = " ".join((PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8").split())
    paragraphs = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8").count("\n**")
    assert text.count("*Why this matters:*") == paragraphs >= 25
