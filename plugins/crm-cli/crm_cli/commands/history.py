"""``crm history``: past runs, and how long they are kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from sync_history import runs
from typing_extensions import override

from crm_cli.commands.db import demo_option
from crm_cli.errors import CrmUsageError
from crm_cli.flags import Age
from crm_cli.project import Project
from crm_cli.sources import check_known
from crm_cli.tables import console, errors, history_table, run_record
from crm_cli.warehouse import connect_to_history, find_warehouse, readable_warehouse

if TYPE_CHECKING:
    from datetime import timedelta


class HistoryGroup(click.Group):
    """A group whose command ``list`` is meant when none is named: ``crm history genius``."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=HistoryGroup)
def history() -> None:
    """Show past runs, newest first.

    Without a command it is the command list: crm history genius prospects -n 5.

    \b
    Examples:
      crm history
      crm history genius prospects -n 5
      crm history prune --keep 90d --dry-run
    """  # noqa: D301 -- click's mark for lines that must not be filled


@history.command(name="list")
@click.argument("source", required=False)
@click.argument("stream", required=False)
@click.option("-n", "--number", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
@demo_option
def list_runs(source: str | None, stream: str | None, number: int, *, as_json: bool, demo: bool) -> None:
    """Show past runs, newest first.

    Of all CRMs, of SOURCE, or of one STREAM of it: a line per stream and run, and below them the errors. A
    project that has never synced shows the demo's warehouse, if there is one.

    \b
    Examples:
      crm history
      crm history genius prospects -n 5
    """  # noqa: D301
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


@history.command()
@click.option("--keep", type=Age(), default="90d", show_default=True, help="How long rows are kept, such as 90d.")
@click.option("--dry-run", is_flag=True, help="Count what would go; remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
def prune(keep: timedelta, *, dry_run: bool, as_json: bool) -> None:
    """Remove old rows of the history, and rejects answered long ago.

    Never the row of a current bookmark, of a stream's last success or last attempt, or one that a reject refers to.

    \b
    Examples:
      crm history prune --dry-run
      crm history prune --keep 180d
    """  # noqa: D301
    from sync_history.retention import prune as remove  # noqa: PLC0415 -- crm history is to be quick

    if keep.days < 1:
        raise CrmUsageError("--keep must be one day at least.")
    with connect_to_history(find_warehouse(Project.find())) as conn:
        runs.close_stale_runs(conn)
        done = remove(conn, keep, dry_run=dry_run)
    if as_json:
        told = {"rows": done.rows, "rejects": done.rejects, "kept": done.kept, "dry_run": dry_run}
        click.echo(json.dumps(told, indent=2))
        return
    would = "would be" if dry_run else "were"
    click.echo(f"{done.rows:,} rows of the history and {done.rejects:,} answered rejects {would} removed.")
    if done.kept:
        reasons = ", ".join(f"{count:,} ({reason})" for reason, count in done.kept.items())
        click.echo(f"Older rows that stay, because they are needed: {reasons}.")
