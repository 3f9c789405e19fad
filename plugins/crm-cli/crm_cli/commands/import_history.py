"""``crm import-history``: the run history of the system before this one."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sync_history import schema

from crm_cli import history_import
from crm_cli.flags import Age
from crm_cli.project import Project
from crm_cli.tables import console
from crm_cli.warehouse import connect, find_warehouse

if TYPE_CHECKING:
    from datetime import timedelta


@click.command(name="import-history")
@click.argument("place", metavar="FILE|URL")
@click.option("--seed-bookmarks", is_flag=True, help="Let streams without a bookmark go on where the old system was.")
@click.option(
    "--overlap", type=Age(), default="1d", show_default=True, help="How far before its last good run they begin."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
def import_history(place: str, *, seed_bookmarks: bool, overlap: timedelta, dry_run: bool) -> None:
    """Take over the run history of the system before this one.

    From its table orchestration.sync_history: a CSV FILE with a header, or the URL of its Postgres. Names and statuses
    become today's; umbrella rows are left out; a row that was taken over before is not taken again. The rows count for
    no health and hold no bookmark. The text of errors is left where it was.

    \b
    Examples:
      crm import-history history.csv --dry-run
      crm import-history postgresql://reader@old.example.com/crm --seed-bookmarks
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    with history_import.opened(place) as rows, connect(find_warehouse(project, start=True)) as conn:
        schema.migrate(conn)
        with conn.transaction(force_rollback=dry_run):
            report = history_import.import_rows(conn, rows)
            _show(report)
            if seed_bookmarks:
                found = history_import.seeds(project, conn, overlap)
                _show_seeds(found)
                count = history_import.plant(conn, found, f"crm import-history ({getpass.getuser()})")
                click.echo(f"{count} bookmarks are set.")
                if empty := history_import.without_rows(conn, found):
                    click.echo(
                        f"No row is stored of: {', '.join(empty)}. Their next run reads only what has changed since; "
                        "`crm sync SOURCE STREAM --full` reads the rest.",
                        err=True,
                    )
    if dry_run:
        click.echo("A dry run: nothing of this was written.")


def _show(report: history_import.Report) -> None:
    click.echo(
        f"{report.read:,} rows read: {report.new:,} taken over, {report.known:,} known already, "
        f"{report.umbrella:,} umbrella rows left out, {report.skipped.total():,} others left out."
    )
    for reason, count in sorted(report.skipped.items()):
        click.echo(f"  left out: {count:,} with {reason}", err=True)


def _show_seeds(found: list[history_import.Seed]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    for name in ("source", "stream", "bookmark (UTC)", "by"):
        table.add_column(name, overflow="fold")
    for seed in found:
        table.add_row(seed.crm_source, seed.sync_type, seed.value or "none", seed.reason)
    console().print(table)
