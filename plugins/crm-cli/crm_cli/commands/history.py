"""``crm history``: past runs."""

from __future__ import annotations

import json

import click
from sync_history import runs

from crm_cli.commands.db import demo_option
from crm_cli.project import Project
from crm_cli.sources import check_known
from crm_cli.tables import console, errors, history_table, run_record
from crm_cli.warehouse import connect_to_history, readable_warehouse


@click.command()
@click.argument("source", required=False)
@click.argument("stream", required=False)
@click.option("-n", "--number", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
@demo_option
def history(source: str | None, stream: str | None, number: int, *, as_json: bool, demo: bool) -> None:
    """Show past runs, newest first.

    Of all CRMs, of SOURCE, or of one STREAM of it: a line per stream and run, and below them the errors. A
    project that has never synced shows the demo's warehouse, if there is one.

    \b
    Examples:
      crm history
      crm history genius prospects -n 5
    """  # noqa: D301 -- click's mark for lines that must not be filled
    warehouse = readable_warehouse(Project.find(), demo=demo)
    with connect_to_history(warehouse) as conn:
        runs.close_stale_runs(conn)
        rows = runs.find_runs(conn, crm_source=source, sync_type=stream, limit=number)
    check_known(source, rows, stream)
    if as_json:
        click.echo(json.dumps({"warehouse": warehouse.shown, "runs": [run_record(row) for row in rows]}, indent=2))
    elif rows:
        out = console()
        out.print(history_table(rows, out.width))
        for line in errors(rows):
            out.print(line, markup=False, soft_wrap=True)
    else:
        click.echo("Nothing has been synced yet.")
