"""``crm status``: where each stream stands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import click
from sync_history import bookmarks, rejects
from sync_history import runs as history

from crm_cli import schedules
from crm_cli.commands.db import demo_option
from crm_cli.project import Project
from crm_cli.sources import check_known
from crm_cli.tables import console, run_record, schedule_record, schedules_table, status_table
from crm_cli.warehouse import connect_to_history, readable_warehouse


@click.command()
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
@demo_option
def status(source: str | None, *, as_json: bool, demo: bool) -> None:
    """Show where each stream stands.

    The last run of each stream, of all CRMs or of SOURCE: its status, when it ended, the bookmark from which the
    next run reads, its rows, and the rejects that wait for an answer. A run whose process is gone is closed first.
    A project that has never synced shows the demo's warehouse, if there is one.

    \b
    Examples:
      crm status
      crm status genius --json
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    warehouse = readable_warehouse(project, demo=demo)
    now = datetime.now(UTC)
    timetable = schedules.declared(project)
    with connect_to_history(warehouse) as conn:
        history.close_stale_runs(conn)
        rows = history.latest_runs(conn, source)
        open_rejects = rejects.count_open(conn, source)
        # The newest run may have set no bookmark; where the next one starts is said by the newest that did.
        scheduled = history.last_scheduled_runs(conn)
        stored = {name: bookmarks.current_bookmarks(conn, name) for name in {row.crm_source for row in rows}}
    check_known(source, rows)
    rows = [replace(row, bookmark=stored[row.crm_source].get(row.sync_type)) for row in rows]
    if as_json:
        streams = [
            {**run_record(row), "open_rejects": open_rejects.get((row.crm_source, row.sync_type), 0)} for row in rows
        ]
        due = [
            schedule_record(one, scheduled.get(one.name), now) for one in timetable if source in (None, one.source.name)
        ]
        click.echo(json.dumps({"warehouse": warehouse.shown, "streams": streams, "schedules": due}, indent=2))
    elif rows:
        out = console()
        out.print(status_table(rows, open_rejects, now, out.width))
        ran = [one for one in timetable if one.name in scheduled and source in (None, one.source.name)]
        if ran:
            out.print(schedules_table([schedule_record(one, scheduled[one.name], now) for one in ran], out.width))
    else:
        click.echo("Nothing has been synced yet.")
