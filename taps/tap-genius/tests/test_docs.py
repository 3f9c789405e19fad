"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tap_genius.exports import EXPORTS, Export
from tap_genius.names import STREAMS
from tap_genius.tables import TABLES
from tap_kit.rest import load_schema

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


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


def test_the_readme_and_the_page_tell_every_export() -> None:
    page = (PACKAGE.parent.parent / "docs" / "genius.md").read_text(encoding="utf-8")
    for stream in EXPORTS:
        assert f"| `{stream.name}` | CSV | `id` | none |" in README
        assert f"`{stream.name}`" in page
    assert (*(table.name for table in TABLES), *(stream.name for stream in EXPORTS)) == STREAMS


@pytest.mark.parametrize("stream", EXPORTS, ids=lambda stream: stream.name)
def test_every_column_of_an_export_is_described(stream: type[Export]) -> None:
    columns = load_schema(stream, stream.name)["properties"]
    assert [name for name, column in columns.items() if len(column["description"]) < 5] == []


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert text.count("*Why this matters:*") >= 15
