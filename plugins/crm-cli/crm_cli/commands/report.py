"""``crm report``: print or export a report of the warehouse."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from crm_cli import reports
from crm_cli.commands.db import demo_option
from crm_cli.errors import CrmUsageError
from crm_cli.project import Project
from crm_cli.reports import REPORTS, Result, read_report
from crm_cli.sources import unknown
from crm_cli.tables import console
from crm_cli.warehouse import connect, readable_warehouse

_SHOWN = 50
_WRITERS = {"csv": reports.as_csv, "json": reports.as_json, "html": reports.as_html}


@click.command()
@click.argument("name", required=False)
@click.option("--csv", "form", flag_value="csv", help="All rows, for a spreadsheet.")
@click.option("--json", "form", flag_value="json", help="Totals and all rows, for a script.")
@click.option("--html", "form", flag_value="html", help="A page with charts, in one file that can be sent.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file; default: print.")
@demo_option
def report(*, name: str | None, form: str | None, output: Path | None, demo: bool) -> None:
    """Print or export a report; without NAME, list them.

    A report says what `crm transform` last built. Reports hold personal data: a file is readable for its owner only.

    \b
    Examples:
      crm report
      crm report funnel
      crm report duplicate-prospects --html --output duplicates.html
    """  # noqa: D301 -- click's mark for lines that must not be filled
    if name is None:
        if form or output:
            raise CrmUsageError(f"Name a report. There are: {', '.join(REPORTS)}.")
        _list()
        return
    if name not in REPORTS:
        raise CrmUsageError(unknown("report", name, REPORTS))
    if output and not form:
        raise CrmUsageError("Say in which form to write the file: --csv, --json or --html.")
    with connect(readable_warehouse(Project.find(), demo=demo)) as conn:
        result = read_report(conn, REPORTS[name])
    if form is None:
        _print(result)
    elif output is None:
        click.echo(_WRITERS[form](result).rstrip("\n"))
    else:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_WRITERS[form](result))
        click.echo(f"{output}: {len(result.rows):,} rows.")


def _list() -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("report", no_wrap=True)
    table.add_column("shows", overflow="fold")
    for found in REPORTS.values():
        table.add_row(found.name, found.title)
    console().print(table)


def _print(result: Result) -> None:
    out = console()
    out.print(f"[bold]{result.report.title}[/bold]")
    out.print(", ".join(f"{name.replace('_', ' ')} {reports.figure(value)}" for name, value in result.totals.items()))
    if result.rows:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in result.columns:
            table.add_column(name, overflow="fold")
        for row in result.rows[:_SHOWN]:
            table.add_row(*(reports.figure(value) for value in row))
        out.print(table)
    if len(result.rows) > _SHOWN:
        out.print(f"{len(result.rows) - _SHOWN:,} more rows: --csv has all of them.")
