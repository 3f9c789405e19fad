"""What is written about the tap is what the tap does."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from tap_hubspot_dw.names import FURTHER_OBJECTS, STREAMS
from tap_hubspot_dw.paths import VERSIONS, path_of
from tap_hubspot_dw.settings import OWN_SETTINGS
from tap_hubspot_dw.streams import FILES, OBJECTS, OTHERS
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.rest import load_schema

if t.TYPE_CHECKING:
    from collections.abc import Callable

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
PAGE = (PACKAGE.parents[1] / "docs" / "hubspot.md").read_text(encoding="utf-8")
SCHEMAS = sorted(path.stem for path in (PACKAGE / "tap_hubspot_dw" / "schemas").glob("*.json"))


def test_the_names_are_those_of_the_streams() -> None:
    assert (
        *(kind.name for kind in OBJECTS),
        *(kind.name for kind in OTHERS),
        *(kind.name for kind in FILES),
    ) == STREAMS
    assert len(set(STREAMS) | set(FURTHER_OBJECTS)) == len(STREAMS) + 20


def test_the_readme_and_the_page_tell_every_stream(open_account: Callable[..., Account]) -> None:
    tap = TapHubSpot(config=open_account(2).config | {"files": {"zipcodes": "zips.csv"}})
    told = re.findall(r"^\| `(\w+)` \| (\S.*?) \| (`.*?`) \| (\S.*?) \| (.*) \|$", README, flags=re.MULTILINE)
    rows = {name: (path, key, changed) for name, path, key, changed, _ in told}
    for name in STREAMS:
        stream = tap.streams[name]
        key = ", ".join(f"`{column}`" for column in stream.primary_keys)
        assert rows[name][1] == key
        assert all("null" not in stream.schema["properties"][column]["type"] for column in stream.primary_keys)
        if stream.replication_key:
            assert rows[name][2] == f"`{stream.replication_key}`"
        if name != "zipcodes":
            path = str(tap.rest_stream(name).path)
            assert rows[name][0].strip("`").replace("2-...", "2-") == re.sub(r"2-\d+", "2-", path)
        assert f"| `{name}` |" in PAGE
    assert [name for name in FURTHER_OBJECTS if not re.search(rf"\b{name}\b", README)] == []


def test_the_page_tells_the_own_settings() -> None:
    assert [name for name in OWN_SETTINGS.wrapped if f"`TAP_HUBSPOT_DW_{name.upper()}`" not in PAGE] == []


def test_the_page_tells_every_scope() -> None:
    scopes = {scope for kind in (*OBJECTS, *OTHERS) for scope in re.findall(r"crm\.[\w.]+", kind.permission or "")}
    assert [scope for scope in scopes if f"`{scope}`" not in PAGE] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_column_is_described(name: str) -> None:
    kinds = {kind.name: kind for kind in (*OBJECTS, *OTHERS)}
    columns = load_schema(kinds.get(name, OBJECTS[0]), name)["properties"]
    assert [column for column, schema in columns.items() if len(schema["description"]) < 4] == []
    assert set(SCHEMAS) == {*STREAMS, "objects"}


def test_each_oddity_says_why_it_matters() -> None:
    text = (PACKAGE / "BEHAVIOR.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\*Why this\s+matters:\*", text)) >= 30


@pytest.mark.parametrize("what", ["objects", "search", "batch_read", "properties", "pipelines"])
def test_the_date_of_a_version_stands_behind_the_family(what: str) -> None:
    assert "/2026-03/contacts" in path_of(what, "2026-03", object="contacts")
    assert path_of(what, "v3", object="a/b").startswith("/crm/v3/")
    assert VERSIONS[0] in path_of("schemas", VERSIONS[0])
    assert "a%2Fb" in path_of(what, "v3", object="a/b")
