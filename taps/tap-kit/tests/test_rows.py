# ruff: noqa: E501 - tables of cases read better in one line

from __future__ import annotations

import io
import typing as t
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.errors import SkipStream
from tap_kit.paging import LinkPaginator, Numbered, PageGuard, link_parameters
from tap_kit.redact import Redactor
from tap_kit.rows import Columns, converters, decode, dig, find_rows, kind_of, missing_in
from tap_kit.values import (
    Unstorable,
    boolean_from_json,
    convert_epoch,
    convert_money,
    date_from_json,
    datetime_from_json,
    integer_from_json,
    number_from_json,
    text_from_json,
)

EASTERN = ZoneInfo("America/New_York")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def answer(
    body: str, headers: dict[str, str] | None = None, url: str = "https://api.crm.example/v3/calls"
) -> requests.Response:
    response = requests.Response()
    response.raw = io.BytesIO(body.encode())
    response.headers.update(headers or {})
    response.url, response.status_code = url, 200
    return response


# Rows


@pytest.mark.parametrize(
    ("path", "document", "rows"),
    [
        pytest.param("$[*]", [1, 2], [1, 2], id="array"),
        pytest.param("$.calls[*]", {"calls": [1]}, [1], id="named"),
        pytest.param("$.a.b[*]", {"a": {"b": [1]}}, [1], id="nested"),
        pytest.param("$.calls[*]", {}, [], id="missing"),
        pytest.param("$.calls[*]", {"calls": None}, [], id="null"),
        pytest.param("$.account[*]", {"account": {"id": 1}}, [{"id": 1}], id="one object"),
        pytest.param("$[*].crew[*]", [{"crew": [1, 2]}, {"crew": [3]}], [1, 2, 3], id="several levels"),
        pytest.param("$.calls", {"calls": 5}, [5], id="without a star"),
    ],
)
def test_rows_are_found(path: str, document: t.Any, rows: list[t.Any]) -> None:
    assert find_rows(path, document) == rows


def test_numbers_stay_exact() -> None:
    assert decode('{"id": 90071992547409931, "value": 0.10}') == {"id": 90071992547409931, "value": Decimal("0.10")}


def test_digging_stops_at_what_is_no_object() -> None:
    assert dig({"a": {"b": 1}}, ("a", "b")) == 1
    assert dig({"a": [1]}, ("a", "b")) is None


def test_columns_take_values_from_their_paths() -> None:
    properties: dict[str, dict[str, t.Any]] = {
        "id": {"type": "string"},
        "day": {"type": ["string", "null"], "format": "date"},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "tags": {"type": ["array", "null"]},
        "any": {"type": ["object", "array", "null"]},
        "open": {"type": ["boolean", "null"]},
    }
    columns = Columns(properties, {"at": "properties.at", "id": "parent.id"}, converters(EASTERN))
    row = {
        "parent": {"id": 7},
        "properties": {"at": "2025-07-01 12:00:00"},
        "tags": ["a"],
        "day": "2025-01-31",
        "open": "TRUE",
    }
    assert columns.apply(row) == {
        "id": "7",
        "day": "2025-01-31",
        "at": "2025-07-01T16:00:00+00:00",
        "tags": ["a"],
        "any": None,
        "open": True,
    }


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({}, "string"),
        ({"type": ["integer", "null"]}, "integer"),
        ({"type": ["string", "integer"]}, "json"),
        ({"type": "array"}, "json"),
    ],
)
def test_kinds_of_columns(schema: dict[str, t.Any], kind: str) -> None:
    assert kind_of(schema) == kind


def test_a_key_must_have_a_value() -> None:
    assert missing_in({"a": 0, "b": "x"}, ["a", "b"]) is None
    assert missing_in({"a": 1, "b": ""}, ["a", "b"]) == "b"
    assert missing_in({"a": Unstorable("x", "no number")}, ["a"]) == "a"


# Values


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$1,234.50", "1234.50"), ("1234.5", "1234.5"), ("(5.00)", "-5.00"), ("-$3", "-3"), ("$-3", None), (" $ .5 ", "0.5"),
        ("-(3)", None), ("--3", None), ("1,2", None), ("12,34.5", None), ("$", None), ("nan", None), ("five", None), ("(-3)", "3"),
    ],
)  # fmt: skip
def test_amounts(text: str, amount: str | None) -> None:
    found = convert_money(text)
    assert isinstance(found, Unstorable) if amount is None else found == Decimal(amount)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_amounts_come_back_as_they_were_written(amount: Decimal) -> None:
    written = f"${amount:,}" if amount >= 0 else f"-${-amount:,}"
    assert convert_money(written) == amount
    assert convert_money(str(amount)) == amount


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2025-01-05T10:00:00.000-05:00", "2025-01-05T15:00:00+00:00"),
        ("2025-01-05 03:43:50 -0500", "2025-01-05T08:43:50+00:00"),
        ("2025-01-05t03:43:50.5z", "2025-01-05T03:43:50.500000+00:00"),
        ("2025-07-05T10:00:00", "2025-07-05T14:00:00+00:00"),
        (1735689600123, "2025-01-01T00:00:00.123000+00:00"),
        ("1735689600123", "2025-01-01T00:00:00.123000+00:00"),
        ("", None),
        ("  ", None),
    ],
)  # fmt: skip
def test_moments(value: t.Any, moment: str | None) -> None:
    assert datetime_from_json(value, EASTERN) == moment


@given(st.integers(-(6 * 10**13), 10**14))
def test_milliseconds_come_back(milliseconds: int) -> None:
    text = convert_epoch(milliseconds)
    assert isinstance(text, str)
    assert datetime_from_json(text) == text


def test_a_moment_outside_of_the_calendar_cannot_be_held() -> None:
    assert isinstance(convert_epoch(10**18), Unstorable)


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (text_from_json, "a", "a"), (text_from_json, 9007199254740993, "9007199254740993"), (text_from_json, True, "true"),
        (text_from_json, False, "false"), (text_from_json, Decimal("1.50"), "1.50"),
        (integer_from_json, 5, 5), (integer_from_json, "5", 5), (integer_from_json, Decimal("5.0"), 5), (integer_from_json, "", None),
        (number_from_json, 5, Decimal(5)), (number_from_json, "$5", Decimal(5)),
        (boolean_from_json, True, True), (boolean_from_json, "False", False), (boolean_from_json, 1, True), (boolean_from_json, "", None),
        (date_from_json, " 2025-01-31 ", "2025-01-31"), (date_from_json, "", None), (date_from_json, "0000-00-00", None),
    ],
)  # fmt: skip
def test_json_values(convert: t.Any, value: t.Any, expected: t.Any) -> None:
    found = convert(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (text_from_json, {}), (integer_from_json, True), (integer_from_json, "5.5"), (integer_from_json, []), (number_from_json, "x"),
        (boolean_from_json, "maybe"), (date_from_json, 5), (date_from_json, "31/1/2025"), (datetime_from_json, True), (datetime_from_json, "soon"),
    ],
)  # fmt: skip
def test_json_values_that_cannot_be_held(convert: t.Any, value: t.Any) -> None:
    assert isinstance(convert(value), Unstorable)


@given(JSON)
def test_no_value_breaks_a_conversion(value: t.Any) -> None:
    for kind, convert in converters(EASTERN).items():
        found = convert(value)
        if kind != "json" and isinstance(found, str):
            assert convert(found) == found


# Pages


def test_pages_are_counted_by_the_answer() -> None:
    pages = Numbered(page_size=100, pages_path="$.total_pages")
    assert pages.is_last(answer('{"total_pages": 2}'), rows=100, position=1)
    assert not pages.is_last(answer('{"total_pages": 2}'), rows=3, position=0)
    assert pages.is_last(answer("{}"), rows=99, position=0)
    assert not pages.is_last(answer("{}"), rows=100, position=0)
    assert pages.pages_of(answer('{"total_pages": "2"}')) is None


def test_pages_are_counted_by_the_number_of_records() -> None:
    offsets = Numbered(0, step=50, page_size=50, total_path="$.total")
    assert offsets.pages_of(answer('{"total": 101}')) == 3
    offsets.advance(answer("{}"))
    assert offsets.current_value == 50


def test_without_a_page_size_only_an_empty_page_is_the_last() -> None:
    assert not Numbered().is_last(answer("[]"), rows=1, position=0)
    assert Numbered().is_last(answer("[]"), rows=0, position=0)


@pytest.mark.parametrize("link", ["https://api.crm.example/v3/calls?after=2", "/v3/calls?after=2", "?after=2"])
def test_links_may_be_relative(link: str) -> None:
    links = LinkPaginator("https://api.crm.example/v3", "$.next_page")
    links.advance(answer(f'{{"next_page": "{link}"}}'))
    assert links.current_value == "https://api.crm.example/v3/calls?after=2"
    assert link_parameters(link) == {"after": "2"}
    links.advance(answer("{}"))
    assert links.finished


def test_links_may_be_in_the_header() -> None:
    links = LinkPaginator("https://api.crm.example/v3")
    links.advance(answer("[]", {"Link": '<https://api.crm.example/v3/calls?page=2>; rel="next"'}))
    assert links.current_value == "https://api.crm.example/v3/calls?page=2"


@pytest.mark.parametrize("link", ["https://evil.example/v3", "http://api.crm.example/v3", "//evil.example/"])
def test_links_to_elsewhere_are_refused(link: str) -> None:
    links = LinkPaginator("https://api.crm.example/v3", "$.next_page")
    with pytest.raises(SkipStream, match=r"instead of api\.crm\.example; it is not followed"):
        links.advance(answer(f'{{"next_page": "{link}"}}'))


def test_the_guard_knows_a_page_again() -> None:
    guard = PageGuard("calls", lambda row: row)
    assert not guard.is_repeat([1, 2, 3])
    assert not guard.is_repeat([])
    assert not guard.is_repeat([3, 4])
    assert guard.is_repeat([4])
    assert guard.is_repeat([3, 2, 1])
    with pytest.raises(SkipStream, match="The stream calls does not get past the page 9"):
        guard.check_rows(9, [1, 2, 3])
    guard.check_token("a")
    with pytest.raises(SkipStream, match="The stream calls runs in a circle: the cursor a came back"):
        guard.check_token("a")


# Secrets


def test_secrets_in_addresses_are_hidden() -> None:
    redactor = Redactor({}, {})
    text = "GET https://x.example/play?access_key=abc&page=2 and ?Token=t%20t;Signature=s"
    assert redactor.clean(text) == "GET https://x.example/play?access_key=***&page=2 and ?Token=***"
    redactor.add("fresh-token", "")
    assert redactor.clean("Bearer fresh-token") == "Bearer ***"
