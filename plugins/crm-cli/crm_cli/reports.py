"""The reports of the warehouse: which there are, what they read, and how they look as CSV and as a page."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import psycopg
from jinja2 import Environment

from crm_cli.errors import CrmError

if TYPE_CHECKING:
    from collections.abc import Sequence

# A page with more rows is no page for people; the CSV has all of them.
MOST_ROWS_OF_A_PAGE: Final = 1000
_FORMULA: Final = re.compile(r"^(?:[=@\t\r]|[+-](?![\d ().-]*$))")
_WIDTH, _LABEL, _VALUE, _BAR = 720, 220, 90, 22


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of bars: a query that gives a label and a number per bar."""

    title: str
    query: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        name: As it is called for.
        title: Its heading.
        description: What it shows, and what to do about it.
        query: Its rows.
        totals: A query that gives one row; each column is a figure at the top.
        charts: What is drawn.
    """

    name: str
    title: str
    description: str
    query: str
    totals: str
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a report says now."""

    report: Report
    columns: list[str]
    rows: list[tuple[Any, ...]]
    totals: dict[str, Any]
    charts: list[tuple[str, list[tuple[str, float]]]]
    built_at: datetime


_ALL: Final = (
    Report(
        "funnel",
        "From lead to job, by marketing source",
        "What came of each marketing source, and what one sold job cost: spend and lead costs, divided by sold jobs.",
        "SELECT * FROM reports.funnel_by_source ORDER BY sold_jobs DESC, opportunities DESC, marketing_source",
        "SELECT sum(opportunities) AS opportunities, sum(with_appointment) AS with_appointment, "
        "sum(with_quote) AS with_quote, sum(sold_jobs) AS sold_jobs, sum(sold_amount) AS sold_amount, "
        "sum(cost) AS cost, round(sum(cost) / nullif(sum(sold_jobs), 0), 2) AS cost_per_sold_job "
        "FROM reports.funnel_by_source",
        (
            Chart(
                "How far opportunities come",
                "SELECT label, number FROM (SELECT sum(opportunities) AS a, sum(with_appointment) AS b, "
                "sum(with_quote) AS c, sum(with_sale) AS d FROM reports.funnel_by_source) AS f CROSS JOIN LATERAL "
                "(VALUES ('opportunities', a), ('with an appointment', b), ('with a quote', c), "
                "('with a sold job', d)) AS v (label, number)",
            ),
            Chart(
                "Sold jobs of the ten best sources",
                "SELECT marketing_source, sold_jobs FROM reports.funnel_by_source "
                "WHERE sold_jobs > 0 ORDER BY 2 DESC, 1 LIMIT 10",
            ),
            Chart(
                "Cost of a sold job, the ten dearest sources",
                "SELECT marketing_source, cost_per_sold_job FROM reports.funnel_by_source "
                "WHERE cost_per_sold_job > 0 ORDER BY 2 DESC, 1 LIMIT 10",
            ),
        ),
    ),
    Report(
        "duplicate-prospects",
        "Duplicate prospects in Genius",
        "Prospects whose names are alike and whose phone, e-mail and postal code do not differ. Merge each group into "
        "its primary one.",
        "SELECT * FROM reports.duplicate_prospects "
        "ORDER BY newest_add_date DESC NULLS LAST, group_id, add_date DESC NULLS LAST, prospect_id",
        "SELECT count(DISTINCT group_id) AS groups, count(*) AS prospects, "
        "count(*) - count(DISTINCT group_id) AS superfluous, "
        "(SELECT count(*) FROM staging.stg_genius__prospects "
        "WHERE btrim(first_name) <> '' AND btrim(last_name) <> '') AS analysed, "
        "coalesce(round(100.0 * count(*) / nullif((SELECT count(*) FROM staging.stg_genius__prospects "
        "WHERE btrim(first_name) <> '' AND btrim(last_name) <> ''), 0), 2), 0) AS percent "
        "FROM reports.duplicate_prospects",
        (
            Chart(
                "Prospects in groups of duplicates, by division",
                "SELECT coalesce(division, '(none)'), count(*) FROM reports.duplicate_prospects "
                "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 15",
            ),
        ),
    ),
    Report(
        "duplicate-appointments",
        "Duplicate appointments in HubSpot",
        "Appointments that one contact has more than once at the same day and time. Archived and cancelled ones do not "
        "count.",
        "SELECT * FROM reports.duplicate_appointments "
        "ORDER BY day DESC, group_id, hs_createdate DESC NULLS LAST, appointment_id",
        "SELECT count(DISTINCT group_id) AS groups, count(*) AS appointments, "
        "count(*) - count(DISTINCT group_id) AS superfluous, "
        "(SELECT count(*) FROM staging.stg_hubspot__appointments) AS analysed, "
        "coalesce(round(100.0 * count(DISTINCT appointment_id) / "
        "nullif((SELECT count(*) FROM staging.stg_hubspot__appointments), 0), 2), 0) AS percent "
        "FROM reports.duplicate_appointments",
        (
            Chart(
                "Groups by month",
                "SELECT to_char(day, 'YYYY-MM'), count(DISTINCT group_id) FROM reports.duplicate_appointments "
                "GROUP BY 1 ORDER BY 1 DESC LIMIT 12",
            ),
        ),
    ),
    Report(
        "contacts-in-several-divisions",
        "HubSpot contacts in several divisions",
        "Contacts that are linked to more than one division, the division of their postal code, and the links to "
        "remove. Nothing is changed in HubSpot.",
        "SELECT * FROM reports.contacts_in_several_divisions ORDER BY divisions DESC, contact_id",
        "SELECT count(*) AS contacts, coalesce(sum(jsonb_array_length(to_unlink)), 0) AS links_to_remove, "
        "count(*) FILTER (WHERE expected_division IS NULL) AS without_expected_division "
        "FROM reports.contacts_in_several_divisions",
        (
            Chart(
                "Contacts by expected division",
                "SELECT coalesce(expected_division, '(none)'), count(*) FROM reports.contacts_in_several_divisions "
                "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 15",
            ),
        ),
    ),
    Report(
        "sales-rep-divisions",
        "Sales reps outside of their division",
        "Appointments in Genius whose sales rep belongs to another division than the prospect.",
        "SELECT * FROM reports.sales_rep_division_mismatch ORDER BY add_date DESC, appointment_id",
        "SELECT count(*) AS appointments, count(DISTINCT user_id) AS sales_reps "
        "FROM reports.sales_rep_division_mismatch",
        (
            Chart(
                "Appointments by division of the sales rep",
                "SELECT coalesce(sales_rep_division, '(none)'), count(*) FROM reports.sales_rep_division_mismatch "
                "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 15",
            ),
        ),
    ),
    Report(
        "schema",
        "What the tables hold",
        "Every column of every loaded table: how many of its values are filled in, and when the table last changed at "
        "the source.",
        "SELECT * FROM reports.schema_analysis ORDER BY crm_source, table_name, column_name",
        "SELECT count(DISTINCT crm_source) AS crms, count(DISTINCT (crm_source, table_name)) AS tables, "
        "count(*) AS columns, round(avg(completeness), 1) AS average_completeness, "
        "count(*) FILTER (WHERE completeness = 0) AS empty_columns FROM reports.schema_analysis",
        (
            Chart(
                "Average completeness of the columns, percent",
                "SELECT crm_source, round(avg(completeness), 1) FROM reports.schema_analysis GROUP BY 1 ORDER BY 1",
            ),
            Chart(
                "Rows of the fifteen greatest tables",
                "SELECT crm_source || '.' || table_name, max(row_count) FROM reports.schema_analysis "
                "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 15",
            ),
        ),
    ),
    Report(
        "operations",
        "How loading went",
        "The runs of the last seven days, stream by stream, and what to look at.",
        "SELECT * FROM reports.operations ORDER BY advice IS NULL, success_percent, crm_source, sync_type",
        "SELECT sum(runs) AS runs, round(100.0 * (sum(runs) - sum(failed_runs)) / nullif(sum(runs), 0), 1) "
        "AS success_percent, sum(records) AS records, sum(rejected) AS rejected, "
        "count(advice) AS streams_to_look_at FROM reports.operations",
        (
            Chart(
                "Successful runs, percent",
                "SELECT crm_source, round(100.0 * (sum(runs) - sum(failed_runs)) / nullif(sum(runs), 0), 1) "
                "FROM reports.operations GROUP BY 1 HAVING sum(runs) > 0 ORDER BY 1",
            ),
            Chart("Records", "SELECT crm_source, sum(records) FROM reports.operations GROUP BY 1 ORDER BY 2 DESC, 1"),
        ),
    ),
    Report(
        "shared-identifiers",
        "Numbers and addresses that many records share",
        "They are taken for a switchboard or made up, and link nobody. Correct them in the CRM.",
        "SELECT * FROM reports.shared_identifiers ORDER BY records DESC, kind, value",
        "SELECT count(*) AS identifiers, coalesce(sum(records), 0) AS records FROM reports.shared_identifiers",
    ),
)
REPORTS: Final = {report.name: report for report in _ALL}


def read_report(conn: psycopg.Connection, report: Report) -> Result:
    """Return what a report says.

    Raises:
        CrmError: if the models have not been built.
    """
    try:
        with conn.transaction():
            conn.execute("SET TRANSACTION READ ONLY")
            cursor = conn.execute(report.query.encode())
            columns = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall()
            totals = conn.execute(report.totals.encode())
            names = [column.name for column in totals.description or ()]
            figures = dict(zip(names, totals.fetchone() or (), strict=True))
            charts = [
                (
                    chart.title,
                    [(str(label), float(number or 0)) for label, number in conn.execute(chart.query.encode())],
                )
                for chart in report.charts
            ]
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise CrmError("The reports have not been built in this warehouse: run `crm transform` first.") from error
    return Result(report, columns, rows, figures, charts, datetime.now(UTC))


def as_csv(result: Result) -> str:
    """Return the rows as CSV; no cell can be taken for a formula by a spreadsheet program."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        writer.writerow([_guarded(_text(value)) for value in row])
    return out.getvalue()


def as_json(result: Result) -> str:
    """Return everything as JSON."""
    record = {
        "report": result.report.name,
        "title": result.report.title,
        "built_at": result.built_at.isoformat(timespec="seconds"),
        "totals": result.totals,
        "rows": [dict(zip(result.columns, row, strict=True)) for row in result.rows],
    }
    return json.dumps(record, indent=2, ensure_ascii=False, default=_json_value)


def as_html(result: Result) -> str:
    """Return a page that needs nothing else: styles and charts are in it."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = resources.files("crm_cli").joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        report=result.report,
        built_at=f"{result.built_at:%Y-%m-%d %H:%M} UTC",
        totals=[(name.replace("_", " "), figure(value)) for name, value in result.totals.items()],
        charts=[(title, _bars(bars)) for title, bars in result.charts if bars],
        columns=[name.replace("_", " ") for name in result.columns],
        rows=[[figure(value) for value in row] for row in result.rows[:MOST_ROWS_OF_A_PAGE]],
        numeric=[
            any(isinstance(row[place], int | float | Decimal) for row in result.rows[:MOST_ROWS_OF_A_PAGE])
            for place in range(len(result.columns))
        ],
        left_out=max(0, len(result.rows) - MOST_ROWS_OF_A_PAGE),
        width=_WIDTH,
        label=_LABEL,
        bar=_BAR,
    )


def _bars(bars: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """Return label, number and length of each bar."""
    room, greatest = _WIDTH - _LABEL - _VALUE, max((number for _, number in bars), default=0)
    return [
        {
            "label": label if len(label) <= 32 else f"{label[:31]}…",  # noqa: PLR2004 -- what fits beside a bar
            "number": figure(int(number) if number == int(number) else round(number, 2)),
            "length": round(max(0.0, number) / greatest * room, 1) if greatest > 0 else 0,
            "y": place * (_BAR + 6),
        }
        for place, (label, number) in enumerate(bars)
    ]


def figure(value: object) -> str:
    """Return a value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else value
    if isinstance(value, int | Decimal | float):
        return f"{value:,}"
    return _text(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value.tzinfo else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_json_value)
    return str(value)


def _guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _json_value(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
