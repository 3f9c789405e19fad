"""What a value of Five9 means."""

from __future__ import annotations

import typing as t
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tap_five9_dw import values
from tap_five9_dw.fields import column_names
from tap_five9_dw.soap import fault_of
from tap_kit.values import Odd, Unstorable

ZONE = ZoneInfo("America/Los_Angeles")
KINDS = ["STRING", "NUMBER", "DATE", "TIME", "DATE_TIME", "CURRENCY", "BOOLEAN", "PERCENT", "EMAIL", "URL", "PHONE"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("DATE_TIME", "2025-01-05 09:12:44.767", "2025-01-05T17:12:44.767000+00:00"),
        ("DATE_TIME", "2025-07-05 09:12:44", "2025-07-05T16:12:44+00:00"),
        ("DATE_TIME", "01/05/2025 09:12:44", "2025-01-05T17:12:44+00:00"),
        ("DATE_TIME", "2025-01-05T09:12:44Z", "2025-01-05T09:12:44+00:00"),
        ("DATE_TIME", "0000-00-00 00:00:00", None),
        ("DATE_TIME", " ", None),
        ("DATE", "2025-01-05", "2025-01-05"),
        ("DATE", "01/05/2025", "2025-01-05"),
        ("DATE", "2025-01-05 00:00:00", "2025-01-05"),
        ("NUMBER", "0", Decimal(0)),
        ("NUMBER", "12,345.50", Decimal("12345.50")),
        ("NUMBER", "-3", Decimal(-3)),
        ("CURRENCY", "$1,234.00", Decimal("1234.00")),
        ("CURRENCY", "€5", Decimal(5)),
        ("PERCENT", "12.5 %", Decimal("12.5")),
        ("BOOLEAN", "0", False),
        ("BOOLEAN", "Yes", True),
        ("BOOLEAN", "FALSE", False),
        ("PHONE", "15550100123", "15550100123"),
        ("EMAIL", "Sam@Example.com", "Sam@Example.com"),
        ("TIME", "09:30", "09:30"),
        ("TIME_PERIOD", "1:30", "1:30"),
        ("SOMETHING_NEW", "x", "x"),
    ],
)
def test_values_by_type(kind: str, text: str, value: t.Any) -> None:
    assert values.converter(kind, ZONE)(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "finding"),
    [
        ("DATE_TIME", "tomorrow", Unstorable),
        ("DATE", "31/31/2025", Unstorable),
        ("NUMBER", "1,2", Unstorable),
        ("BOOLEAN", "maybe", Unstorable),
        ("PHONE", "911", Odd),
        ("EMAIL", "nobody", Odd),
    ],
)
def test_values_that_are_judged(kind: str, text: str, finding: type) -> None:
    assert isinstance(values.converter(kind, ZONE)(text), finding)


@given(st.sampled_from(KINDS), st.text())
def test_no_text_is_too_odd(kind: str, text: str) -> None:
    values.converter(kind, ZONE, ("%d/%m/%Y %H:%M",))(text)


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("yyyy-MM-dd", "%Y-%m-%d"),
        ("dd/MM/yyyy HH:mm:ss.SSS", "%d/%m/%Y %H:%M:%S.%f"),
        ("hh:mm a", "%I:%M %p"),
        ("100% d", "100%% %d"),
        ("QQQ yyyy", None),
    ],
)
def test_patterns_of_dates(pattern: str, form: str | None) -> None:
    assert values.python_format(pattern) == form


def test_the_format_of_the_field_comes_first() -> None:
    assert values.moment_of("05/01/2025 10:00", ZONE, ("%d/%m/%Y %H:%M",)) == "2025-01-05T18:00:00+00:00"
    assert values.day_of("05/01/2025", ("%d/%m/%Y",)) == "2025-01-05"
    assert values.moment_of("Wed, 05 Feb 2025 09:12:44", ZONE, values.IN_REPORTS) == "2025-02-05T17:12:44+00:00"


@pytest.mark.parametrize(
    ("moments", "value"),
    [
        (["2025-01-05T00:00:00+00:00", None, "2025-01-06T00:00:00.5+00:00"], "2025-01-06T00:00:00.500000+00:00"),
        ([None, Unstorable("x", "y")], None),
        ([], None),
    ],
)
def test_the_latest_of_some_times(moments: list[t.Any], value: str | None) -> None:
    assert values.latest(moments) == value


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("BILL TIME (ROUNDED)", "bill_time_rounded"),
        ("bill_time__rounded_", "bill_time_rounded"),
        ("Call ID", "call_id"),
    ],
)
def test_columns_of_reports(header: str, column: str) -> None:
    assert values.column_of(header) == column


def test_columns_of_fields() -> None:
    made = column_names(["number1", "a b", "a-b", "c d", "c_d", "1st", "lists"], reserved=["lists"])
    assert (made["number1"], made["1st"], made["c_d"]) == ("number1", "field_1st", "c_d")
    assert len(set(made.values())) == len(made)
    assert made["c d"].startswith("c_d_")
    assert made["lists"].startswith("lists_")
    assert column_names(["a-b", "a b"])["a b"] == made["a b"]


def test_faults_without_a_name_or_a_message() -> None:
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
        "<faultstring>too   bad.</faultstring>{}</e:Fault></e:Body></e:Envelope>"
    )
    bare = fault_of(etree.fromstring(body.format("").encode()))
    assert bare is not None
    assert (bare.name, bare.message) == ("an unnamed fault", "too bad")
    named = fault_of(etree.fromstring(body.format("<detail><x:ServerException xmlns:x='y'/></detail>").encode()))
    assert named is not None
    assert (named.name, named.message) == ("Server", "too bad")
    assert fault_of(etree.fromstring(b"<a/>")) is None
