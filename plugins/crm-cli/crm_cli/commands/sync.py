"""``crm sync``: bring the rows of one CRM, or of all, into the warehouse."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.pipeline import FAILED, OK, PARTIAL, Outcome, Request, check_settings, run_pipeline, run_pipelines
from crm_cli.progress import LiveProgress, LogProgress
from crm_cli.project import Project
from crm_cli.sources import check_streams, find_source, installed_sources
from crm_cli.tables import console, run_record, run_table, sources_table
from crm_cli.warehouse import find_warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sync_history.runs import Run

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
# More at once gain nothing on a small machine: each is three processes.
AT_ONCE = 4


@click.command()
@click.argument("source", required=False)
@click.argument("streams", nargs=-1, metavar="[STREAM]...")
@click.option("--all", "all_sources", is_flag=True, help="Every CRM whose settings are there, several at once.")
@click.option("--at-once", type=click.IntRange(min=1), default=AT_ONCE, show_default=True, help="How many, with --all.")
@click.option("--full", is_flag=True, help="Read everything, whatever the bookmarks say. Newer stored rows stay.")
@click.option("--force", is_flag=True, help="As --full, and replace stored rows even if they are newer.")
@click.option("--dry-run", is_flag=True, help="Read, check and count, but change neither tables nor bookmarks.")
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="How much the log holds."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (fields: docs/crm.md).")
def sync(
    source: str | None,
    streams: tuple[str, ...],
    *,
    all_sources: bool,
    at_once: int,
    full: bool,
    force: bool,
    dry_run: bool,
    log_level: str,
    as_json: bool,
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
      crm sync --all
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()

    def request(name: str, wanted: Sequence[str] = ()) -> Request:
        found = find_source(name)
        chosen = check_streams(found, wanted)
        return Request(source=found, streams=chosen, full=full, force=force, dry_run=dry_run, log_level=log_level)

    if all_sources:
        if source is not None:
            raise CrmUsageError("--all means every CRM: leave out the names.")
        _sync_all(project, [request(name) for name in installed_sources()], at_once=at_once, as_json=as_json)
    elif source is None:
        raise CrmUsageError(f"Name a CRM, or say --all. There are: {', '.join(installed_sources())}.")
    else:
        _sync_one(project, request(source, streams), as_json=as_json)


def _sync_one(project: Project, request: Request, *, as_json: bool) -> None:
    check_settings(project, request)
    warehouse = find_warehouse(project, start=True)
    out, name = console(), request.source.name
    with (
        LiveProgress(out, f"{name} to {warehouse.shown}")
        if out.is_terminal and not as_json
        else LogProgress() as watcher
    ):
        outcome = run_pipeline(project, warehouse, request, watcher)
    if as_json:
        click.echo(json.dumps(_record(name, outcome), indent=2))
    else:
        out.print(run_table(outcome.rows, outcome.seconds, out.width))
    tell(outcome)
    sys.exit(outcome.exit_code)


def _sync_all(project: Project, requests: Sequence[Request], *, at_once: int, as_json: bool) -> None:
    """Run all CRMs whose settings are there; one that fails does not stop the others."""
    ready = [request for request in requests if not project.missing_settings(request.source.tap)]
    left_out = [request.source.name for request in requests if request not in ready]
    if not ready:
        raise CrmUsageError(
            f"No CRM is set up: fill in {project.root / '.env'} (see .env.example). There are: {', '.join(left_out)}."
        )
    if left_out:
        click.echo(f"Not set up, and left out: {', '.join(left_out)}.", err=True)
    warehouse = find_warehouse(project, start=True)
    out, started = console(), time.monotonic()
    with (
        LiveProgress(out, f"{len(ready)} CRMs to {warehouse.shown}")
        if out.is_terminal and not as_json
        else LogProgress() as watcher
    ):
        found = run_pipelines(project, warehouse, ready, watcher, at_once=at_once)
    results = {request.source.name: outcome for request, outcome in zip(ready, found, strict=True)}
    seconds, code = time.monotonic() - started, exit_code_of_all(found)
    if as_json:
        records = [_record(name, outcome) for name, outcome in results.items()]
        whole = {"exit_code": code, "seconds": round(seconds, 3), "sources": records, "left_out": left_out}
        click.echo(json.dumps(whole, indent=2))
    else:
        out.print(sources_table(rows_and_seconds(results), seconds, out.width))
    for name, outcome in results.items():
        tell(outcome, name)
    sys.exit(code)


def exit_code_of_all(results: Sequence[Outcome | CrmError]) -> int:
    """Return 1 if any run failed, 3 if none did but some have rejects, 0 if all is well."""
    codes = {FAILED if isinstance(result, CrmError) else result.exit_code for result in results}
    return next((code for code in (FAILED, PARTIAL) if code in codes), OK)


def rows_and_seconds(results: Mapping[str, Outcome | CrmError]) -> dict[str, tuple[Sequence[Run], float]]:
    """Return what ``sources_table`` shows of each CRM."""
    return {
        name: ([], 0.0) if isinstance(result, CrmError) else (result.rows, result.seconds)
        for name, result in results.items()
    }


def tell(outcome: Outcome | CrmError, name: str = "") -> None:
    """Say on standard error what went wrong and where to read more; nothing if all went well."""
    which = f"{name}: " if name else ""
    if isinstance(outcome, CrmError):
        click.secho(f"Failed: {which}{outcome.message}", fg="red", err=True)
        return
    if outcome.exit_code == FAILED:
        click.secho(f"Failed: {which}{outcome.sentence or 'the run ended without a word.'}", fg="red", err=True)
    elif outcome.exit_code == PARTIAL:
        click.secho(f"Partial: {which}some records were rejected; `crm status` counts them.", fg="yellow", err=True)
    if outcome.exit_code:
        click.echo(f"Log: {outcome.log}", err=True)


def _record(source: str, outcome: Outcome | CrmError) -> dict[str, object]:
    if isinstance(outcome, CrmError):
        return {"source": source, "exit_code": FAILED, "error": outcome.message, "streams": []}
    return {
        "run_id": outcome.run_id,
        "source": source,
        "exit_code": outcome.exit_code,
        "seconds": round(outcome.seconds, 3),
        "error": outcome.sentence,
        "log": str(outcome.log),
        "streams": [run_record(row) for row in outcome.rows],
    }
