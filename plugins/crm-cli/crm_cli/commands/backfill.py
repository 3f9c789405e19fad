"""``crm backfill``: read a stretch of time again, window by window."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from crm_cli.backfill import make_plan, run_plan, without_bookmark
from crm_cli.commands.sync import LOG_LEVELS, Shown, tell
from crm_cli.discovery import discover
from crm_cli.errors import CrmUsageError
from crm_cli.flags import Age, Moment
from crm_cli.pipeline import PARTIAL, Request, check_settings
from crm_cli.project import Project
from crm_cli.sources import check_streams, find_source
from crm_cli.tables import COUNTS, console, run_record, utc
from crm_cli.warehouse import find_warehouse

if TYPE_CHECKING:
    from crm_cli.backfill import Plan, Window


@click.command()
@click.argument("source")
@click.argument("stream")
@click.option("--from", "start", type=Moment(), required=True, help="First moment to read (UTC), inclusive.")
@click.option("--to", "end", type=Moment(), required=True, help="Moment to end before (UTC).")
@click.option("--step", type=Age(), default="7d", show_default=True, help="Length of a window: 12h, 7d.")
@click.option("--restart", is_flag=True, help="Begin anew, whatever was read before.")
@click.option("--quiet", is_flag=True, help="Print the result and failures only.")
@click.option("--no-progress", is_flag=True, help="Print no progress while it runs.")
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="How much the logs hold."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (fields: docs/crm.md).")
def backfill(  # noqa: PLR0913 -- the options of a command
    source: str,
    stream: str,
    *,
    start: datetime,
    end: datetime,
    step: timedelta,
    restart: bool,
    quiet: bool,
    no_progress: bool,
    log_level: str,
    as_json: bool,
) -> None:
    """Read a stretch of time again, in windows.

    The oldest window first, each a run of its own that leaves the bookmark as it is. A window that fails ends it; the
    same call again goes on there, and does nothing once all windows were read. The exit codes are those of crm sync.

    \b
    Examples:
      crm backfill genius prospects --from 2025-01-01 --to 2026-01-01 --step 30d
      crm backfill callrail calls --from 2026-01-01 --to 2026-02-01
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project, found = Project.find(), find_source(source)
    [name] = check_streams(found, [stream])
    if start >= end:
        raise CrmUsageError(f"Nothing lies between --from {start:%Y-%m-%d %H:%M} and --to {end:%Y-%m-%d %H:%M}.")
    if end > datetime.now(UTC):
        raise CrmUsageError(f"--to {end:%Y-%m-%d %H:%M} lies in the future: what is not there yet cannot be read.")
    if step <= timedelta(0):
        raise CrmUsageError("--step must be longer than nothing.")
    check_settings(project, Request(found))
    warehouse = find_warehouse(project, start=True)
    plan = make_plan(warehouse, found, name, start, end, step, restart=restart)
    shown, out = Shown(as_json=as_json, quiet=quiet, progress=not no_progress), console()
    if not plan.left:
        click.echo("All windows of this backfill were read: --restart reads them again.", err=True)
    elif refusal := without_bookmark(discover(project, found), name):
        raise CrmUsageError(refusal)

    def watch(window: Window) -> Any:  # noqa: ANN401 -- one of three watchers
        number = plan.windows.index(window) + 1
        return shown.watch(out, f"{found.name} {name} from {utc(window.start)}, {number} of {len(plan.windows)}")

    failed = run_plan(project, warehouse, plan, watch, log_level=log_level)
    if as_json:
        error, log = (failed.sentence, str(failed.log)) if failed else (None, None)
        click.echo(json.dumps({**backfill_record(plan), "error": error, "log": log}, indent=2))
    else:
        out.print(_table(plan))
    if failed is not None:
        tell(failed)
        click.echo(f"{len(plan.left)} of {len(plan.windows)} windows are left: the same call goes on there.", err=True)
    elif plan.exit_code == PARTIAL:
        click.secho("Partial: some records were rejected; `crm rejects list` shows them.", fg="yellow", err=True)
    sys.exit(plan.exit_code)


def backfill_record(plan: Plan) -> dict[str, Any]:
    """Return a backfill as it stands in ``--json`` output."""
    windows = []
    for window in plan.windows:
        row = plan.rows.get(window.start)
        run = None if row is None else run_record(row)
        windows.append({"from": window.start.isoformat(), "to": window.end.isoformat(), "run": run})
    return {
        "id": plan.id,
        "source": plan.source.name,
        "stream": plan.stream,
        "exit_code": plan.exit_code,
        "windows": windows,
    }


def _table(plan: Plan) -> Table:
    done = sum(plan.is_done(window) for window in plan.windows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1), show_footer=True)
    table.caption, table.caption_justify = f"{done} of {len(plan.windows)} windows were read", "left"
    for name in ("from (UTC)", "to (UTC)", "status"):
        table.add_column(name, footer="total" if name == "from (UTC)" else "", no_wrap=True)
    for name in COUNTS:
        total = sum(getattr(row, f"records_{name}") for row in plan.rows.values())
        table.add_column(name, footer=f"{total:,}", justify="right", no_wrap=True)
    for window in plan.windows:
        row = plan.rows.get(window.start)
        counts = ["" if row is None else f"{getattr(row, f'records_{name}'):,}" for name in COUNTS]
        table.add_row(utc(window.start), utc(window.end), "" if row is None else row.status, *counts)
    return table
