"""Settings: which sheets there are, and how they are named. No requests."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.exceptions import ConfigValidationError
from tap_gsheet_dw.sheets import (
    Sheet,
    all_sheets,
    area_name,
    column_names,
    fingerprint,
    letters_of,
    number_of,
    numbered,
    read_address,
    read_area,
    read_header,
    slug,
)
from tap_gsheet_dw.tap import TapGoogleSheets
from tap_kit.errors import Stop

ADDRESS = "https://docs.google.com/spreadsheets/d/Abc-_9"


def sheet(**entry: t.Any) -> Sheet:
    (found,) = all_sheets({"sheets": [{"name": "x", "spreadsheet_id": "S", **entry}]})["x"]
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Abc-_9", ("Abc-_9", None)),
        (f"{ADDRESS}/edit#gid=12", ("Abc-_9", 12)),
        (f"{ADDRESS}/edit?gid=0#gid=0", ("Abc-_9", 0)),
        ("https://docs.google.com/spreadsheets/u/1/d/Abc-_9/htmlview", ("Abc-_9", None)),
        (f" {ADDRESS} ", ("Abc-_9", None)),
    ],
)
def test_an_address_or_an_id(text: str, found: tuple[str, int | None]) -> None:
    assert read_address("sheets", text) == found


@pytest.mark.parametrize(
    "text", ["", "no id", "https://docs.google.com/spreadsheets/d/e/2PACX-1/pubhtml", "https://example.com/d/abc"]
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="where the id of a spreadsheet belongs"):
        read_address("sheets", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, (1, None, None, None)),
        ("B:F", (2, None, 6, None)),
        ("b3:f", (2, 3, 6, None)),
        ("A2:AB200", (1, 2, 28, 200)),
    ],
)
def test_ranges(text: str | None, found: t.Any) -> None:
    assert read_area("sheets", text) == found


@pytest.mark.parametrize("text", ["B", "3:4", "F:B", "Sheet1!A:B", "named_range", "A:B:C"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="it must be one like B:F"):
        read_area("sheets", text)


def test_rows_follow_the_range_unless_they_are_given() -> None:
    rows = [
        (sheet(**entry).header_row, sheet(**entry).data_start_row, sheet(**entry).last_row)
        for entry in (
            {},
            {"range": "B3:F9"},
            {"header_row": 2},
            {"range": "B3:F", "header_row": 1, "data_start_row": 5},
        )
    ]
    assert rows == [(1, 2, None), (3, 4, 9), (2, 3, None), (1, 5, None)]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"data_start_row": 1}, "begin in row 1: that must be a row after the "),
        ({"range": "A5:B5"}, "begin in row 6: that must be a row after the "),
        ({"column_types": {"a": "decimal"}}, "the type 'decimal'; the types are: text, integer, number"),
        ({"spreadsheet_id": "a b"}, "where the id of a spreadsheet belongs"),
        ({"name": "marketing_leads"}, "The name marketing_leads in the setting sheets is taken"),
        ({"name": "sheet metadata"}, "The name sheet_metadata in the setting sheets is taken"),
        ({"name": "crew keys"}, "The name crew_keys in the setting sheets is taken"),
        ({"name": None}, "neither a name nor a tab"),
        ({"gid": "7"}, "the gid '7'; it must be a whole number from 0 on"),
        ({"header_row": 0}, "the header_row 0; it must be a whole number from 1 on"),
        ({"sheet": "x"}, "has 'sheet', which a sheet does not have; it has: name, spreadsheet_id"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(entry: dict[str, t.Any], told: str) -> None:
    with pytest.raises(Stop, match=told):
        sheet(**entry)


def test_leads_have_a_sheet_for_each_year() -> None:
    years = {"2025": f"{ADDRESS}/edit#gid=7", "2024": {"spreadsheet_id": "B", "tab": "Leads", "header_row": 2}}
    older, newer = all_sheets({"marketing_leads_sheets": years})["marketing_leads"]
    assert (older.year, older.spreadsheet, older.tab, older.header_row) == (2024, "B", "Leads", 2)
    assert (newer.year, newer.spreadsheet, newer.tab, newer.address_gid) == (
        2025,
        "Abc-_9",
        "Marketing Source Leads",
        7,
    )
    with pytest.raises(Stop, match="'this year' where a year like 2025 belongs"):
        all_sheets({"marketing_leads_sheets": {"this year": "A"}})


def test_spends_may_be_an_id_an_object_or_its_text() -> None:
    entry = {"spreadsheet_id": "S", "gid": 0}
    for given_as, gid in (("S", None), (entry, 0), (json.dumps(entry), 0)):
        (found,) = all_sheets({"marketing_spends_sheet": given_as})["marketing_spends"]
        assert (found.spreadsheet, found.tab, found.gid) == ("S", "All Marketing Spend", gid)
    with pytest.raises(Stop, match="begins like a JSON object and is none"):
        all_sheets({"marketing_spends_sheet": "{spreadsheet_id: S}"})


def test_names_come_from_the_tab_and_are_not_taken_twice() -> None:
    assert list(all_sheets({"sheets": [{"spreadsheet_id": "S", "tab": "Bob's 2nd tab"}]})) == ["bob_s_2nd_tab"]
    twice = [{"spreadsheet_id": "S", "tab": "A"}, {"spreadsheet_id": "T", "name": "a"}]
    with pytest.raises(Stop, match="The name a in the setting sheets is taken"):
        all_sheets({"sheets": twice})


def test_without_any_sheet_there_is_nothing_to_do() -> None:
    with pytest.raises(Stop, match="There is no sheet to read: set marketing_leads_sheets"):
        TapGoogleSheets(config={"access_token": "x"})


def test_a_misspelt_word_in_an_entry_is_refused() -> None:
    with pytest.raises(ConfigValidationError) as caught:
        TapGoogleSheets(config={"access_token": "x", "sheets": [{"spreadsheet_id": "S", "tab": "A", "headerrow": 2}]})
    assert "headerrow" in str(caught.value.errors)


def test_the_fingerprint_is_of_everything_that_is_read() -> None:
    prints = {
        fingerprint([sheet(**entry)])
        for entry in (
            {},
            {"tab": "A"},
            {"gid": 0},
            {"header_row": 2},
            {"key_columns": ["a"]},
            {"column_types": {"a": "date"}},
        )
    }
    assert len(prints) == 6
    assert fingerprint([sheet()]) == fingerprint([sheet()])


def test_types_are_given_by_name_or_by_pattern() -> None:
    types = {"*_date": "date", "start_date": "datetime", "*": "number"}
    found = [sheet(column_types=types).type_of(name) for name in ("start_date", "end_date", "cost")]
    assert found == ["datetime", "date", "number"]
    assert sheet().type_of("cost") is None


# Headers


def test_trap_5_a_blank_header_leaves_out_its_column_only() -> None:
    headers = read_header(["a", "", " b ", "a", "", "c"])
    assert [(header.position, header.text) for header in headers] == [(0, "a"), (2, "b"), (3, "a_2"), (5, "c")]


def test_columns_are_named_by_their_headers() -> None:
    texts = ["Crew ID", "2024 total", "crew-id", "#", "Größe (cm)", "日付", "Crew ID"]
    names = column_names(read_header(texts), sheet(range="B:Z", column_map={"日付": "day"}))
    assert list(names) == ["crew_id", "field_2024_total", "crew_id_2", "column_e", "größe_cm", "day", "crew_id_2_2"]
    some = column_names(read_header(texts), sheet(columns=["2024 total", "日付"]))
    assert [(name, header.position) for name, header in some.items()] == [("field_2024_total", 1), ("日付", 5)]


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"])))
def test_no_name_comes_twice(texts: list[str]) -> None:
    names = list(numbered(texts))
    assert len(set(names)) == len(names) == len(texts)


@given(st.text())
def test_a_slug_is_a_good_name(text: str) -> None:
    name = slug(text)
    assert name == slug(name)
    assert not name.startswith("_")
    assert not name.endswith("_")
    assert not name[:1].isdigit()


# A1 notation


@given(st.integers(1, 18_278))
def test_letters_of_columns_come_back(number: int) -> None:
    assert number_of(letters_of(number)) == number


def test_trap_11_a_quote_in_a_title_is_doubled() -> None:
    assert area_name("Bob's tab", 1, 500, 1, 28) == "'Bob''s tab'!A1:AB500"
