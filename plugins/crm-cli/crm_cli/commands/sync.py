"""``crm sync``: bring a CRM's rows into the warehouse."""

from __future__ import annotations

import json
import sys

import click

from crm_cli.pipeline import FAILED, PARTIAL, Outcome, Request, check_settings, run_pipeline
from crm_cli.progress import LiveProgress, LogProgress
from crm_cli.project import Project
from crm_cli.sources import check_streams, find_source
from crm_cli.tables import console, run_record, run_table
from crm_cli.warehouse import find_warehouse

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


@click.command()
@click.argument("source")
@click.argument("streams", nargs=-1, metavar="[STREAM]...")
@click.option("--full", is_flag=True, help="Read everything, whatever the bookmarks say. Newer stored rows stay.")
@click.option("--force", is_flag=True, help="As --full, and replace stored rows even if they are newer.")
@click.option("--dry-run", is_flag=True, help="Read, check and count, but change neither tables nor bookmarks.")
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="How much the log holds."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (fields: docs/crm.md).")
def sync(
    source: str, streams: tuple[str, ...], *, full: bool, force: bool, dry_run: bool, log_level: str, as_json: bool
) -> None:
    """Bring a CRM's new and changed rows into the warehouse.

    All streams of SOURCE, or only those named. The first run of a stream reads everything, later ones what has
    changed. Ctrl-C stops the run in good order; the next one goes on from what was committed.

    \b
    Exit codes:
      0  every stream ended well
      1  a stream failed, or the run could not start
      2  a name or a setting is wrong or missing; nothing was started
      3  no stream failed, but some records were rejected

    \b
    Examples:
      crm sync genius
      crm sync genius prospects appointments --full
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    found = find_source(source)
    request = Request(
        source=found,
        streams=check_streams(found, streams),
        full=full,
        force=force,
        dry_run=dry_run,
        log_level=log_level,
    )
    check_settings(project, request)
    warehouse = find_warehouse(project, start=True)
    out = console()
    with (
        LiveProgress(out, f"{source} to {warehouse.shown}")
        if out.is_terminal and not as_json
        else LogProgress() as watcher
    ):
        outcome = run_pipeline(project, warehouse, request, watcher)
    if as_json:
        click.echo(json.dumps(_record(source, outcome), indent=2))
    else:
        out.print(run_table(outcome.rows, outcome.seconds, out.width))
    tell(outcome)
    sys.exit(outcome.exit_code)


def tell(outcome: Outcome) -> None:
    """Say on standard error what went wrong and where to read more; nothing if all went well."""
    if outcome.exit_code == FAILED:
        click.secho(f"Failed: {outcome.sentence or 'the run ended without a word.'}", fg="red", err=True)
    elif outcome.exit_code == PARTIAL:
        click.secho("Partial: some records were rejected; `crm status` counts them.", fg="yellow", err=True)
    if outcome.exit_code:
        click.echo(f"Log: {outcome.log}", err=True)


def _record(source: str, outcome: Outcome) -> dict[str, object]:
    return {
        "run_id": outcome.run_id,
        "source": source,
        "exit_code": outcome.exit_code,
        "seconds": round(outcome.seconds, 3),
        "error": outcome.sentence,
        "log": str(outcome.log),
        "streams": [run_record(row) for row in outcome.rows],
    }
