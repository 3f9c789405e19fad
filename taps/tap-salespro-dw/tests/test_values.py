"""Forms and results, value by value."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import typing as t
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.errors import Retry, SkipStream
from tap_kit.rest import load_schema
from tap_kit.values import Unstorable
from tap_salespro_dw import forms
from tap_salespro_dw.client import failure_of, literal, moment_of
from tap_salespro_dw.results import read_file, row_of
from tap_salespro_dw.streams import LeadResults


def form(*answers: tuple[str, t.Any]) -> forms.Answers:
    found = forms.parse(json.dumps([{"title": title, "value": value} for title, value in answers]))
    assert found is not None
    return found


# Forms


def test_there_are_46_columns_and_the_schema_has_them() -> None:
    columns = load_schema(LeadResults, "lead_results")["properties"]
    assert len(forms.COLUMNS) == 46
    assert set(forms.COLUMNS) < set(columns)
    kinds = {"text": "string", "money": "number", "boolean": "boolean"}
    for name, field in forms.FIELDS.items():
        assert columns[name]["type"] == [kinds[field.kind], "null"]
        assert field.titles[0] in columns[name]["description"]


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("Appointment Result", "appointment_result"),
        (" appointment RESULT - ", "appointment_result"),
        ("Result", "appointment_result"),
        ("Result Reason - No Demo (REQUIRES SALES MANGER APPROVAL)", "result_reason_no_demo"),
        ("Describe Rapport \\u0026 Hot Button", "describe_rapport_hot_button"),
        ("Describe Rapport & Hot Button ", "describe_rapport_hot_button"),
        ("Deadline (If Any)-", "deadline"),
        ("Deadline (If Any)", "deadline"),
        ("Balance Type-", "balance_type"),
        ("Balance Form Of Payment", "balance_type"),
        ("Project Notes", "notes_for_install_team"),
        ("Company Story - what is customer\u2019s pain point", "company_story_pain_point"),
        ("Color Selection (Default Color in Parentheses) Shingles (Slate)", "color_selection"),
        ("Has / would this customer ever consider Solar", "has_consider_solar"),
    ],
)
def test_titles_in_their_spellings(title: str, column: str) -> None:
    assert forms.columns_of(form((title, "something")))[column] == "something"


def test_unknown_titles_feed_no_column() -> None:
    assert set(forms.columns_of(form(("What is your cat called?", "Tom"))).values()) == {None}


def test_the_last_answer_wins_also_between_titles_of_one_column() -> None:
    answers = form(("Result", "a"), ("Appointment Result", "b"), ("Result ", "c"))
    assert forms.columns_of(answers)["appointment_result"] == "c"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("-Undecided", "Undecided"),
        (" x ", "x"),
        ("N/A", None),
        ("none", None),
        ("-", None),
        ("", None),
        (None, None),
        (7, "7"),
        (True, "true"),
        (["a", "", "b"], "a, b"),
        ({"a": 1}, '{"a":1}'),
        ([], None),
    ],
)
def test_texts(value: t.Any, text: str | None) -> None:
    assert forms.text_of(value) == text


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("$12,345.60", Decimal("12345.60")),
        ("-5", Decimal(-5)),
        ("900 USD", Decimal(900)),
        (0, Decimal(0)),
        ("", None),
        ("-", None),
        ("TBD", None),
        (None, None),
    ],
)
def test_amounts(value: t.Any, amount: Decimal | None) -> None:
    assert forms.money_of(value) == amount


@pytest.mark.parametrize("value", ["1.2.3", "10-12", True, [1]])
def test_amounts_that_are_none_are_told(value: t.Any) -> None:
    assert isinstance(forms.money_of(value), Unstorable)


@pytest.mark.parametrize(
    ("value", "found"),
    [("Yes", True), ("ON", True), (1, True), ("n", False), ("off", False), ("maybe", None), (None, None)],
)
def test_yes_and_no(value: t.Any, found: bool | None) -> None:  # noqa: FBT001 - a case
    assert forms.boolean_of(value) is found


@pytest.mark.parametrize(
    ("result", "bucket"),
    [("[CC] Declined", "CC"), ("[DNS]", "DNS"), ("Sold [CC]", None), ("[low]", None), (None, None)],
)
def test_the_bucket_of_a_result(result: str | None, bucket: str | None) -> None:
    assert forms.columns_of(form(("Result", result)))["status_bucket"] == bucket


@pytest.mark.parametrize(
    ("answers", "items"),
    [
        ([("Job Type 1", "Roof"), ("Job Type 1 Amount", "$5")], {1: ("Roof", Decimal(5))}),
        (
            [("Job Type 2", "Roof"), ("Job Type 2 Amount", ""), ("Job Type 3", ""), ("Job Type 3 Amount", "")],
            {2: ("Roof", None)},
        ),
        # Both have to be there.
        ([("Job Type 1", "Roof"), ("Job Type 7", "x"), ("Job Type 7 Amount", "1")], {}),
        ([("Job Type", "Roof"), ("Job Size", "7")], {1: ("Roof", Decimal(7))}),
        ([("Job Type", "Roof"), ("Customer's Final Price Commitment", "9")], {1: ("Roof", Decimal(9))}),
        (
            [("Job Type", "Roof"), ("Job Size", "0"), ("Customer's Final Price Commitment", "9")],
            {1: ("Roof", Decimal(0))},
        ),
        ([("Job Size", "7")], {}),
        ([("Job Type", "Roof"), ("Job Type 1", "Gutter"), ("Job Type 1 Amount", "1")], {1: ("Gutter", Decimal(1))}),
    ],
)
def test_items(answers: list[tuple[str, t.Any]], items: dict[int, tuple[str, Decimal | None]]) -> None:
    found = forms.items_of(form(*answers))
    assert {number: (item["job_type"], item["job_type_amount"]) for number, item in found.items()} == items


@pytest.mark.parametrize("raw", ["no form", '{"title": "x"}', "7", '"text"'])
def test_what_is_no_form(raw: str) -> None:
    assert forms.parse(raw) is None


@pytest.mark.parametrize("raw", [None, "", "[]", '[7, {"value": 1}, {"title": 3}]'])
def test_a_form_without_answers(raw: str | None) -> None:
    assert forms.parse(raw) == {}


@given(st.text(), st.text() | st.integers() | st.booleans() | st.none() | st.lists(st.text()))
def test_no_answer_breaks_a_form(title: str, value: t.Any) -> None:
    answers = form((title, value), ("Job Size", value), ("Job Type", value))
    forms.columns_of(answers)
    forms.items_of(answers)


# Results


def rows_of(text: str, size: int = 1 << 18) -> list[list[str | None]]:
    class Slow(io.RawIOBase):
        """Gives a few bytes at a time."""

        def __init__(self) -> None:
            self.left = text.encode()

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: t.Any) -> int:
            part, self.left = self.left[: min(size, len(buffer))], self.left[min(size, len(buffer)) :]
            buffer[: len(part)] = part
            return len(part)

    return list(read_file(t.cast("t.BinaryIO", Slow())))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 18])
def test_null_and_the_empty_text_in_a_result(size: int) -> None:
    text = '"a","b"\n"1",\n,""\n"two\nlines","a ""quoted"", one"\n,\n"é","\U0001f600"'
    assert rows_of(text, size) == [
        ["a", "b"],
        ["1", None],
        [None, ""],
        ["two\nlines", 'a "quoted", one'],
        [None, None],
        ["é", "\U0001f600"],
    ]


def test_a_row_of_one_null_is_a_row() -> None:
    assert rows_of('"a"\n\n"1"\n\n') == [["a"], [None], ["1"], [None]]


def test_an_empty_result() -> None:
    assert rows_of("") == []
    assert rows_of('"a"\n') == [["a"]]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", '"a"\n"open\n', '"a"x\n'])
def test_what_is_no_result_is_an_error(text: str) -> None:
    with pytest.raises(SkipStream, match="is none of Athena"):
        rows_of(text)


def test_a_big_result_takes_little_memory() -> None:
    line = '"a ""quoted"" one",,"' + "x" * 100 + '"\n'
    content = io.BytesIO((line * 50_000).encode())
    tracemalloc.start()
    assert sum(1 for _ in read_file(t.cast("t.BinaryIO", content))) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4), max_size=5), st.integers(1, 9))
def test_whatever_is_printed_is_read(table: list[list[str]], size: int) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    assert rows_of(text.getvalue(), size) == table


def test_a_row_of_the_api() -> None:
    assert row_of({"Data": [{"VarCharValue": "x"}, {}, {"VarCharValue": ""}]}) == ["x", None, ""]


# Times and failures


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2020-02-07 14:15:20.384", "2020-02-07T14:15:20.384000+00:00"),
        ("2020-02-07 14:15:20", "2020-02-07T14:15:20+00:00"),
        ("2020-02-07 14:15:20.384 UTC", "2020-02-07T14:15:20.384000+00:00"),
        ("2020-02-07T14:15:20Z", "2020-02-07T14:15:20+00:00"),
        ("2020-02-07", "2020-02-07T00:00:00+00:00"),
        ("", None),
    ],
)
def test_moments(cell: str, moment: str | None) -> None:
    assert moment_of(cell) == moment


def test_bounds_lose_no_part_of_a_millisecond() -> None:
    assert literal("2025-06-02T10:00:00.123456+00:00") == "2025-06-02 10:00:00.123"
    assert literal("2025-06-02T10:00:00.123456+00:00", up=True) == "2025-06-02 10:00:00.124"
    assert literal("2025-06-02T10:00:00+02:00", up=True) == "2025-06-02 08:00:00.000"


@pytest.mark.parametrize(
    ("state", "reason", "retryable", "kind", "category"),
    [
        ("FAILED", "User is not authorized to perform: glue:GetDatabase", False, SkipStream, "permission"),
        ("FAILED", "TABLE_NOT_FOUND: line 1:15: Table 'x' does not exist", False, SkipStream, "configuration"),
        ("FAILED", "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved", False, SkipStream, "configuration"),
        ("FAILED", "Query exhausted resources at this scale factor", True, Retry, "source"),
        ("FAILED", "SYNTAX_ERROR: line 1:8", False, SkipStream, "source"),
        ("CANCELLED", "Query cancelled by user", True, SkipStream, "source"),
        ("FAILED", None, False, SkipStream, "source"),
    ],
)
def test_how_a_query_ends(
    state: str,
    reason: str | None,
    retryable: bool,  # noqa: FBT001 - a case
    kind: type[Exception],
    category: str,
) -> None:
    status = {"State": state, "StateChangeReason": reason, "AthenaError": {"Retryable": retryable}}
    found = failure_of(status)
    assert type(found) is kind
    assert found.category == category
