"""What a cell means."""

from __future__ import annotations

import typing as t
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_gsheet_dw.values import EPOCH, Cell, converters, error_of, is_blank, moment_in, moment_of, zone_of
from tap_kit.values import Odd, Unstorable

CHICAGO = ZoneInfo("America/Chicago")
US = converters(CHICAGO, month_first=True)
GB = converters(ZoneInfo("Europe/London"), month_first=False)
KINDS = ("string", "integer", "number", "boolean", "date", "date-time")


def cell(raw: t.Any, text: str | None = None) -> Cell:
    return Cell(raw, str(raw) if text is None else text)


def plain(value: t.Any) -> t.Any:
    return ("Unstorable", value.reason) if isinstance(value, Unstorable) else value


# Trap 6: serial dates count from the 30th of December 1899, without a leap day in 1900.
@pytest.mark.parametrize(
    ("serial", "day"),
    [
        (0, "1899-12-30"),
        (1, "1899-12-31"),
        (2, "1900-01-01"),
        (60, "1900-02-28"),
        (61, "1900-03-01"),
        (25569, "1970-01-01"),
        (45662, "2025-01-05"),
        (-1, "1899-12-29"),
        (Decimal("45662.99999"), "2025-01-05"),
    ],
)
def test_a_serial_number_is_a_day(serial: t.Any, day: str) -> None:
    assert US["date"](cell(serial)) == day


@pytest.mark.parametrize(
    ("serial", "moment"),
    [
        (Decimal("45662.395833333336"), "2025-01-05T15:30:00+00:00"),
        # In summer, at night before the day of UTC; to the millisecond; in the hour that comes twice.
        (Decimal("45839.99"), "2025-07-02T04:45:36+00:00"),
        (Decimal("45662.0000115741"), "2025-01-05T06:00:01+00:00"),
        (Decimal("45963.0625"), "2025-11-02T06:30:00+00:00"),
    ],
)
def test_trap_8_a_moment_is_of_the_zone_of_the_spreadsheet(serial: Decimal, moment: str) -> None:
    assert US["date-time"](cell(serial)) == moment


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_a_serial_number_comes_back_to_the_millisecond(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    serial = Decimal((moment - EPOCH) // timedelta(milliseconds=1)) / 86_400_000
    assert moment_of(serial) == moment


@given(st.dates())
def test_a_day_comes_back(day: date) -> None:
    assert US["date"](cell((day - EPOCH.date()).days)) == day.isoformat()


# Trap 7: the order of day and month is never guessed from the numbers.
@pytest.mark.parametrize(
    ("text", "us", "gb"),
    [
        ("1/5/2025", "2025-01-05", "2025-05-01"),
        ("13/01/2025", None, "2025-01-13"),
        ("01/13/2025", "2025-01-13", None),
        ("12-01-2025", "2025-12-01", "2025-01-12"),
        ("01.02.2025", "2025-01-02", "2025-02-01"),
        ("2025/3/4", "2025-03-04", "2025-03-04"),
        ("2025-03-04", "2025-03-04", "2025-03-04"),
        (" 2025-03-04 ", "2025-03-04", "2025-03-04"),
        ("2025-03-04T23:00:00Z", "2025-03-04", "2025-03-04"),
        ("45662", "2025-01-05", "2025-01-05"),
        ("1/5/25", None, None),
        ("1/5-2025", None, None),
        ("2025-03-04 soon", None, None),
        ("soon", None, None),
        ("2/29/2025", None, None),
    ],
)
def test_a_day_as_text(text: str, us: str | None, gb: str | None) -> None:
    for convert, day in ((US, us), (GB, gb)):
        found = convert["date"](cell(text))
        if day is None:
            assert isinstance(found, Unstorable)
            assert found.text == text.strip()
        else:
            assert found == day


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1/5/2025 9:30:00", "2025-01-05T15:30:00+00:00"),
        ("1/5/2025 9:30", "2025-01-05T15:30:00+00:00"),
        ("1/5/2025 9:30 PM", "2025-01-06T03:30:00+00:00"),
        ("1/5/2025 12:05am", "2025-01-05T06:05:00+00:00"),
        ("1/5/2025 12:05 p.m.", "2025-01-05T18:05:00+00:00"),
        ("1/5/2025", "2025-01-05T06:00:00+00:00"),
        ("2025-01-05 09:30:00", "2025-01-05T15:30:00+00:00"),
        ("2025-01-05T09:30:00Z", "2025-01-05T09:30:00+00:00"),
        ("2025-01-05t09:30:00+02:00", "2025-01-05T07:30:00+00:00"),
        ("1/5/2025 25:00", None),
        ("1/5/2025 13:00 PM", None),
        ("1/5/2025 9.30", None),
        ("0:00", None),
    ],
)
def test_a_moment_as_text(text: str, moment: str | None) -> None:
    found = US["date-time"](cell(text))
    assert isinstance(found, Unstorable) if moment is None else found == moment


def test_what_is_no_date_is_none() -> None:
    for value in (True, Decimal("9e12"), "9e12"):
        for kind in ("date", "date-time"):
            assert isinstance(US[kind](cell(value)), Unstorable)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (0, Decimal(0)),
        (Decimal("0.125"), Decimal("0.125")),
        ("$1,200.00", Decimal("1200.00")),
        ("(5.00)", Decimal("-5.00")),
        ("12.5%", Decimal("0.125")),
        ("€ 5", Decimal(5)),
        ("£1,000", Decimal(1000)),
        ("x%", ("Unstorable", "not a number")),
        ("1.200,50", ("Unstorable", "not a number")),
        (True, ("Unstorable", "not a number")),
        ("many", ("Unstorable", "not a number")),
    ],
)
def test_numbers(raw: t.Any, number: t.Any) -> None:
    assert plain(US["number"](cell(raw))) == number


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (0, 0),
        ("12.0", 12),
        ("$1,200", 1200),
        (Decimal("3.0"), 3),
        (Decimal("3.5"), ("Unstorable", "not a whole number")),
    ],
)
def test_whole_numbers(raw: t.Any, number: t.Any) -> None:
    assert plain(US["integer"](cell(raw))) == number


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (True, True),
        (False, False),
        (0, False),
        (2, True),
        ("Yes", True),
        ("y", True),
        ("ON", True),
        ("No", False),
        ("off", False),
        (" n ", False),
        ("1", True),
        ("0", False),
        ("2", True),
        (Decimal("0.5"), True),
        ("maybe", ("Unstorable", "neither true nor false")),
        (-1, ("Unstorable", "neither true nor false")),
    ],
)
def test_booleans(raw: t.Any, *, value: t.Any) -> None:
    assert plain(US["boolean"](cell(raw))) == value


@pytest.mark.parametrize(
    ("raw", "text", "seen"),
    [
        (2139, "02139", "02139"),
        (None, " as typed ", " as typed "),
        (Decimal("1.23456789012E+11"), "1.23E+11", "123456789012"),
        (Decimal("1.5"), "2E+0", "2E+0"),
        (5, "", "5"),
        (False, "FALSE", "FALSE"),
    ],
)
def test_texts_are_what_a_person_sees(raw: t.Any, text: str, seen: str) -> None:
    assert US["string"](Cell(raw, text)) == seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shown", ["#N/A", "#REF!", "#DIV/0!", "#ERROR!", "Loading..."])
def test_trap_6_an_error_is_null_and_is_counted(kind: str, shown: str) -> None:
    for found in (US[kind](Cell(shown, shown)), US[kind](Cell(None, shown))):
        assert isinstance(found, Odd)
        assert (found.value, found.reason) == (None, f"the error {shown} in the sheet")
    assert error_of(Cell(5, "#N/A")) is None
    assert error_of(Cell("#hashtag", "#hashtag")) is None


def test_trap_15_zero_and_false_are_something() -> None:
    assert [is_blank(value) for value in (None, "", " \n", 0, False, "0")] == [True, True, True, False, False, False]


@given(st.text())
def test_no_text_breaks_a_conversion(text: str) -> None:
    for convert in (US, GB):
        for kind in KINDS:
            convert[kind](Cell(text, text))
            convert[kind](Cell(None, text))


@given(st.text())
def test_no_text_breaks_a_zone(text: str) -> None:
    zone_of(text.replace("\0", ""))


@pytest.mark.parametrize(
    ("name", "offset"),
    [("America/Chicago", -6), ("UTC", 0), ("Etc/GMT", 0), ("GMT-07:00", -7), ("GMT+05:00", 5), ("Mars", None)],
)
def test_zones(name: str, offset: int | None) -> None:
    zone = zone_of(name)
    if offset is None:
        assert zone is None
    else:
        assert zone is not None
        assert datetime(2025, 1, 5, tzinfo=zone).utcoffset() == timedelta(hours=offset)


def test_a_text_of_several_years_is_none() -> None:
    assert moment_in("1/5/9999 23:59:59", month_first=True) == datetime(9999, 1, 5, 23, 59, 59)  # noqa: DTZ001
    assert isinstance(US["date-time"](cell("12/31/9999 23:59:59")), Unstorable)
    assert UTC is zone_of("GMT")
