"""Conversions and their judgement."""

from __future__ import annotations

import typing as t
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.values import (
    Odd,
    Unstorable,
    convert_boolean,
    convert_date,
    convert_datetime,
    convert_decimal,
    convert_text,
    convert_time,
    describe,
    is_zero_date,
)

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize("text", ["0000-00-00", "2024-00-00", "2024-05-00", "0000-05-01", "0000-00-00 00:00:00"])
def test_zero_and_part_zero_dates_are_nothing(text: str) -> None:
    assert is_zero_date(text)
    assert convert_date(text) is None
    assert convert_datetime(text) is None


@pytest.mark.parametrize("text", ["2024-02-30", "2023-02-29", "2024-13-01", "soon", ""])
def test_impossible_dates_are_unstorable(text: str) -> None:
    assert isinstance(convert_date(text), Unstorable)
    assert isinstance(convert_datetime(text), Unstorable)


@pytest.mark.parametrize("text", ["1970-01-01", "2999-12-31", "0001-01-01", "9999-12-31", "2024-02-29"])
def test_real_dates_stay_as_they_are(text: str) -> None:
    assert convert_date(text) == text


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        pytest.param("2024-05-06 07:08:09", UTC, "2024-05-06T07:08:09+00:00", id="utc"),
        pytest.param("2024-05-06 07:08:09.120000", UTC, "2024-05-06T07:08:09.120000+00:00", id="microseconds"),
        pytest.param("2024-05-06 07:08:09", NEW_YORK, "2024-05-06T11:08:09+00:00", id="summer"),
        pytest.param("2024-01-06 07:08:09", NEW_YORK, "2024-01-06T12:08:09+00:00", id="winter"),
        pytest.param("2024-11-03 01:30:00", NEW_YORK, "2024-11-03T05:30:00+00:00", id="repeated hour: the first"),
        pytest.param("2024-05-06T07:08:09+02:00", NEW_YORK, "2024-05-06T05:08:09+00:00", id="own offset"),
    ],
)
def test_date_times_are_utc(text: str, zone: t.Any, expected: str) -> None:
    assert convert_datetime(text, zone) == expected


def test_date_time_that_leaves_the_calendar_is_unstorable() -> None:
    assert isinstance(convert_datetime("9999-12-31 23:00:00", NEW_YORK), Unstorable)


@pytest.mark.parametrize("text", ["00:00:00", "838:59:59", "-838:59:59.000001", "25:00:00.5"])
def test_times_and_durations_are_kept(text: str) -> None:
    assert convert_time(text) == text


@pytest.mark.parametrize("text", ["", "1:00:00", "10:60:00", "noon"])
def test_other_texts_are_no_times(text: str) -> None:
    assert isinstance(convert_time(text), Unstorable)


def test_decimals_are_exact() -> None:
    assert str(convert_decimal("12345678901234567890.10")) == "12345678901234567890.10"
    assert isinstance(convert_decimal("NaN"), Unstorable)
    assert isinstance(convert_decimal("ten"), Unstorable)


def test_booleans_are_not_guessed() -> None:
    assert convert_boolean("1") is True
    assert convert_boolean("0") is False
    assert isinstance(convert_boolean("2"), Unstorable)
    assert isinstance(convert_boolean("-1"), Unstorable)


def test_text_that_is_no_utf8_is_odd() -> None:
    assert convert_text("Größe 🙂\0".encode()) == "Größe 🙂\0"
    odd = convert_text(b"caf\xe9")
    assert isinstance(odd, Odd)
    assert odd.value == "caf\ufffd"


def test_findings_can_be_described() -> None:
    assert [describe(v) for v in (Unstorable("x", "y"), Odd("z", "y"), 1)] == ["x", "z", 1]


@given(st.text())
def test_conversions_never_raise(text: str) -> None:
    for convert in (convert_date, convert_datetime, convert_time, convert_decimal, convert_boolean):
        convert(text)


@given(st.binary())
def test_text_never_raises(raw: bytes) -> None:
    assert isinstance(convert_text(raw), str | Odd)


@given(st.datetimes())
def test_date_times_convert_once_and_for_all(moment: t.Any) -> None:
    once = convert_datetime(str(moment))
    assert convert_datetime(str(once)) == once


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_keep_every_digit(number: t.Any) -> None:
    assert str(convert_decimal(str(number))) == str(number)
