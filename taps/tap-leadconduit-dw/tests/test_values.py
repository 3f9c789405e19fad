"""What a value of LeadConduit means."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.values import Unstorable
from tap_leadconduit_dw.values import folded, is_event_id, is_lead, lead, parsed, plain, plain_text, second_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
RICH_PHONE = {"normal": "5550100007", "raw": "(555) 010-0007", "area": "555", "valid": False}
RICH_STREET = {"normal": "1 Main St", "raw": "1 Main St", "number": "1", "name": "Main St", "valid": True}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        # Trap: the old system did not know normal, and took name: the street without its number.
        (RICH_STREET, "1 Main St"),
        # Trap: it printed the whole object for phones.
        (RICH_PHONE, "5550100007"),
        # Trap: it took the full name of the state.
        ({"normal": "IL", "raw": "il", "name": "Illinois"}, "IL"),
        ({"normal": None, "raw": "12 x"}, "12 x"),
        ({"normal": "", "raw": "12 x"}, "12 x"),
        ({"raw": "", "valid": False}, None),
        ({}, None),
        ("plain", "plain"),
        ("", ""),
        (None, None),
        (7, "7"),
        ({"normal": 42, "raw": "forty-two"}, "42"),
        ({"normal": "***-***-0007"}, "***-***-0007"),
    ],
    ids=str,
)
def test_normal_is_taken_else_raw_else_the_text(value: t.Any, found: str | None) -> None:
    assert plain_text(value) == found


def test_a_list_is_no_text() -> None:
    assert isinstance(plain_text(["a"]), Unstorable)
    assert isinstance(plain_text({"normal": {"a": 1}}), Unstorable)


@given(JSON)
def test_any_json_is_text_nothing_or_a_finding(value: t.Any) -> None:
    assert plain_text(value) is None or isinstance(plain_text(value), str | Unstorable)
    assert plain(plain(value)) == plain(value) or isinstance(plain(value), dict)


@given(JSON)
def test_any_json_is_a_lead_or_not(value: t.Any) -> None:
    event = {"type": "source", "vars": value}
    if is_lead(event):
        assert lead(event)["raw_data"] == event


def event(**fields: t.Any) -> dict[str, t.Any]:
    return {"id": "5f00000000000000000000a1", "type": "source", "vars": {"lead": fields}}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"phone_1": RICH_PHONE, "phone_2": "2"}, RICH_PHONE),
        ({"phone_1": "", "phone": "1", "phone_2": "2"}, "1"),
        ({"phone_1": {"normal": "", "raw": ""}, "phone_2": RICH_PHONE}, RICH_PHONE),
        ({"phone_1": None}, None),
        ({"email": "x"}, None),
    ],
)
def test_the_first_phone_that_holds_something_is_taken(fields: dict[str, t.Any], found: t.Any) -> None:
    # Trap: the old system looked for other names than the fields have, and never found a phone.
    made = lead(event(**fields))
    assert made["phone"] == found
    assert made["phone_metadata"] == (found if isinstance(found, dict) else None)


def test_what_was_parsed_is_kept_whole() -> None:
    made = lead(event(email={"normal": "a@example.com", "user": "a"}, address_1="1 Main St"))
    assert made["email_metadata"] == {"normal": "a@example.com", "user": "a"}
    assert made["address_metadata"] is None
    assert parsed([1]) is None


def test_the_raw_event_is_kept_without_secrets() -> None:
    whole = {
        **event(email="x"),
        "credential": {"token": "s"},
        "request": {},
        "transactions": [],
        "trustedform": {"a": 1},
    }
    assert set(lead(whole)["raw_data"]) == {"id", "type", "vars", "trustedform"}


@pytest.mark.parametrize(
    ("one", "is_one"),
    [
        (event(email="x"), True),
        ({**event(email="x"), "type": "filter"}, False),
        (event(), False),
        ({"type": "source"}, False),
        ({"type": "source", "vars": {"lead": "text"}}, False),
        ({}, False),
    ],
)
def test_a_lead_is_a_source_event_with_fields(one: dict[str, t.Any], *, is_one: bool) -> None:
    assert is_lead(one) is is_one


def test_what_is_known_is_not_folded() -> None:
    assert folded({"id": 1, "key": 2}, {"id", "key", "appended"}) == {"id": 1, "key": 2}
    made = folded({"id": 1, "step": 2, "appended": {"a": 1}}, {"id", "appended"})
    assert made["appended"] == {"a": 1, "step": 2}


@pytest.mark.parametrize("text", ["5f00000000000000000000a1", "5F00000000000000000000A1", "0" * 24])
def test_ids(text: str) -> None:
    assert is_event_id(text)
    assert second_of(text).utcoffset() is not None


@pytest.mark.parametrize("value", ["5f", "", None, 5, "5f00000000000000000000a1\n", ["x"]])
def test_what_is_no_id(value: t.Any) -> None:
    assert not is_event_id(value)
