"""``crm schedule``: the timetable, and one of its runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from crm_cli.commands.sync import Shown, sync_one
from crm_cli.project import Project
from crm_cli.schedules import declared, find
from crm_cli.tables import console, utc


@click.group()
def schedule() -> None:
    """Show the timetable of meltano.yml, and run one of its lines.

    \b
    Example:
      crm schedule list
    """  # noqa: D301 -- click's mark for lines that must not be filled


@schedule.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
def list_schedules(*, as_json: bool) -> None:
    """Show every schedule, and when it is due next.

    \b
    Example:
      crm schedule list
    """  # noqa: D301
    now = datetime.now(UTC)
    records = [
        {
            "schedule": one.name,
            "source": one.source.name,
            "interval": one.interval,
            "next_run": None if (due := one.next_run(now)) is None else f"{due:%Y-%m-%dT%H:%M:%SZ}",
            "settings": dict(one.variables),
        }
        for one in declared(Project.find())
    ]
    if as_json:
        click.echo(json.dumps({"schedules": records}, indent=2))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    for name in ("schedule", "source", "interval", "next run (UTC)", "settings"):
        table.add_column(name, overflow="fold")
    for one in declared(Project.find()):
        due = one.next_run(now)
        settings = ", ".join(f"{name}={value}" for name, value in one.variables.items())
        table.add_row(one.name, one.source.name, one.interval, utc(due) if due else "", settings)
    console().print(table)


@schedule.command()
@click.argument("name")
@click.option("--quiet", is_flag=True, help="Print the result and failures only.")
def run(name: str, *, quiet: bool) -> None:
    """Run a schedule now, as cron does.

    The same as crm sync with the schedule's settings; exit codes are those of crm sync.

    \b
    Example:
      crm schedule run genius-hourly
    """  # noqa: D301
    project = Project.find()
    sync_one(project, find(declared(project), name).request(), Shown(quiet=quiet))
