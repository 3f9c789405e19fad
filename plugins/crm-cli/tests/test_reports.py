"""Reports as CSV, JSON and as a page."""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from crm_cli.main import crm
from crm_cli.reports import REPORTS, Chart, Report, Result, as_csv, as_html, as_json, figure

if TYPE_CHECKING:
    from pathlib import Path


REPORT = Report("rates", "Rates & sources", "What came of it.", "SELECT 1", "SELECT 1", (Chart("Bars", "SELECT 1"),))


def result(rows: list[tuple[Any, ...]], columns: list[str]) -> Result:
    bars = [("Bars", [("Radio <b>", 4.0), ("Web", 2.0), ("None", 0.0)])]
    return Result(
        REPORT, columns, rows, {"jobs": 1234, "cost": Decimal("5.50")}, bars, datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "yes"),
        (1234, "1,234"),
        (Decimal("1234.50"), "1,234.50"),
        (Decimal("5.00"), "5"),
        (datetime(2026, 1, 5, 8, 0, tzinfo=UTC), "2026-01-05 08:00:00"),
        (date(2026, 1, 5), "2026-01-05"),
        ([{"id": "1"}], '[{"id": "1"}]'),
    ],
    ids=str,
)
def test_figures(value: object, expected: str) -> None:
    assert figure(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("@cmd", "'@cmd"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("-5", "-5"),
        ("+1 206-555-0100", "+1 206-555-0100"),
        ("Ada, Elm", "Ada, Elm"),
    ],
)
def test_a_spreadsheet_runs_no_cell_of_a_csv(value: str, expected: str) -> None:
    assert list(csv.reader(io.StringIO(as_csv(result([(value,)], ["name"]))))) == [["name"], [expected]]


def test_json_has_all_rows() -> None:
    found = json.loads(as_json(result([("Radio", Decimal("2.5"), date(2026, 1, 5))], ["source", "cost", "day"])))
    assert found["rows"] == [{"source": "Radio", "cost": 2.5, "day": "2026-01-05"}]
    assert found["totals"] == {"jobs": 1234, "cost": 5.5}


def test_a_page_needs_nothing_else_and_takes_no_value_for_markup() -> None:
    page = as_html(result([("<script>alert(1)</script>", 3)], ["marketing_source", "jobs"]))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Radio &lt;b&gt;" in page
    assert "src=" not in page
    assert "href=" not in page
    assert page.count("<rect") == 3
    assert "1,234" in page
    assert "marketing source" in page


def test_a_page_shows_so_many_rows_and_tells_of_the_others() -> None:
    page = as_html(result([(n,) for n in range(1005)], ["n"]))
    assert "5 more rows" in page


def test_the_list_names_every_report() -> None:
    done = CliRunner().invoke(crm, ["report"])
    assert done.exit_code == 0
    assert [name for name in REPORTS if name not in done.stdout] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "funnel"),
        (["--csv"], "Name a report"),
        (["funnel", "--output", "x"], "in which form"),
    ],
)
def test_wrong_words_are_told(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(crm, ["report", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr


@pytest.fixture
def built(seed: Any) -> Any:
    """The report on shared identifiers, as a build leaves it."""
    seed.conn.execute(
        "CREATE SCHEMA reports; CREATE TABLE reports.shared_identifiers AS "
        "SELECT 'phone' AS kind, '+12065550100' AS value, 40 AS records, 9 AS different_names"
    )
    return seed


@pytest.mark.usefixtures("project", "warehouse_url", "built")
def test_a_report_is_printed_or_written_for_its_owner_only(tmp_path: Path) -> None:
    shown = CliRunner().invoke(crm, ["report", "shared-identifiers"])
    assert shown.exit_code == 0, shown.output
    assert "+12065550100" in shown.stdout
    assert "identifiers 1, records 40" in shown.stdout
    file = tmp_path / "shared.csv"
    done = CliRunner().invoke(crm, ["report", "shared-identifiers", "--csv", "--output", str(file)])
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().splitlines()[1] == "phone,+12065550100,40,9"
