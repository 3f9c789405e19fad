"""``crm sync``: bring the rows of one CRM, or of all, into the warehouse."""

from __future__ import annotations

import json
import sys
import time
import typing as t
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click

from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.flags import MODES, MOST_BATCH_SIZE, Flags, Moment, check, deprecated, extra_options, extras_of, left_out
from crm_cli.legacy_names import resolve
from crm_cli.pipeline import (
    FAILED,
    LOG_FORMAT_VARIABLE,
    LOG_FORMATS,
    OK,
    PARTIAL,
    TIMEOUT_VARIABLE,
    Outcome,
    Request,
    check_settings,
    run_pipeline,
    run_pipelines,
)
from crm_cli.progress import LiveProgress, LogProgress, NoProgress, log_line
from crm_cli.project import Project, variable
from crm_cli.sources import check_streams, find_source, installed_sources
from crm_cli.tables import console, run_record, run_table, sources_table
from crm_cli.warehouse import find_warehouse

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from sync_history.runs import Run

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
# More at once gain nothing on a small machine: each is three processes.
AT_ONCE = 4


@click.command()
@click.argument("source", required=False)
@click.argument("streams", nargs=-1, metavar="[STREAM]...")
@click.option("--legacy-name", help="A name of the old system, such as Genius_JobStatus or sync_hubspot_contacts.")
@click.option("--all", "all_sources", is_flag=True, help="Every CRM whose settings are there, several at once.")
@click.option("--at-once", type=click.IntRange(min=1), default=AT_ONCE, show_default=True, help="How many, with --all.")
@click.option("--mode", type=click.Choice(MODES), default="delta", help="delta, full, or the last 7 days with --force.")
@click.option("--full", is_flag=True, help="Read everything, whatever the bookmarks say. Newer stored rows stay.")
@click.option("--force", is_flag=True, help="Replace stored rows even if they are newer; reads everything, too.")
@click.option("--start-date", type=Moment(), help="Read from this moment (UTC) on; the bookmark stays.")
@click.option("--end-date", type=Moment(), help="Read only what changed before this moment; the bookmark stays.")
@click.option(
    "--max-records", type=click.IntRange(min=0), default=0, help="End each stream after so many; 0: no limit."
)
@click.option("--batch-size", type=click.IntRange(1, MOST_BATCH_SIZE), help="Records asked of the source at a time.")
@click.option("--dry-run", is_flag=True, help="Read, check and count, but change neither tables nor bookmarks.")
@click.option("--skip-validation", is_flag=True, help="Do not judge values; types and keys still count.")
@click.option("--debug", is_flag=True, help="The same as --log-level debug.")
@click.option("--timeout", type=click.IntRange(min=1), metavar="MINUTES", help="End a run that takes longer.")
@click.option("--quiet", is_flag=True, help="Print the result and failures only.")
@click.option("--no-progress", is_flag=True, help="Print no progress while it runs.")
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="How much the log holds."
)
@click.option("--log-format", type=click.Choice(LOG_FORMATS), help="What the lines of the log are; text by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (fields: docs/crm.md).")
@extra_options
@click.option(
    "--since",
    type=Moment(),
    hidden=True,
    help="Old name of --start-date.",
    callback=deprecated("--since", "--start-date"),
)
@click.option(
    "--test", is_flag=True, hidden=True, help="Old name of --debug.", callback=deprecated("--test", "--debug")
)
@click.option(
    "--verbose", is_flag=True, hidden=True, help="Old name of --debug.", callback=deprecated("--verbose", "--debug")
)
@click.option(
    "--force-overwrite",
    is_flag=True,
    hidden=True,
    help="Old name of --force.",
    callback=deprecated("--force-overwrite", "--force"),
)
def sync(source: str | None, streams: tuple[str, ...], **options: t.Any) -> None:  # noqa: ANN401 -- click's values
    """Bring a CRM's new and changed rows into the warehouse.

    All streams of SOURCE, or only those named. The first run of a stream reads everything, later ones what has
    changed. Ctrl-C stops the run in good order; the next one goes on from what was committed.

    A run that is narrowed (a date, a number, a filter) and a dry run leave every bookmark as it is.

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
      crm sync hubspot contacts --start-date 2026-01-01
      crm sync --all
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    flags = _flags(options)
    chosen = {TIMEOUT_VARIABLE: options["timeout"], LOG_FORMAT_VARIABLE: options["log_format"]}
    variables = {name: str(value) for name, value in chosen.items() if value}

    def request(name: str, wanted: Sequence[str] = ()) -> Request:
        found = find_source(name)
        names = check_streams(found, wanted)
        settings = flags.settings() | extras_of(name, options)
        if skipped := left_out(name, options):
            names = tuple(stream for stream in names if stream not in skipped)
            if wanted and not names:
                raise CrmUsageError(f"All streams that were named are left out: {', '.join(skipped)}.")
            if not wanted:
                # Meltano's form for all streams but some; a tap may have more than it declares.
                settings["_select_filter"] = json.dumps([f"!{stream}" for stream in skipped])
        return Request(
            source=found,
            streams=names,
            full=flags.reads_all,
            force=flags.force,
            dry_run=flags.dry_run,
            log_level=flags.log_level,
            variables={variable(found.tap, setting): value for setting, value in settings.items()} | variables,
        )

    shown = Shown(as_json=options["as_json"], quiet=options["quiet"], progress=not options["no_progress"])
    if options["legacy_name"]:
        if source is not None or options["all_sources"]:
            raise CrmUsageError("--legacy-name says what to sync: leave out the other names.")
        found, meant = resolve(options["legacy_name"])
        click.echo(f"{options['legacy_name']} is: crm sync {' '.join([found.name, *meant])}", err=True)
        source, streams = found.name, meant
    if options["all_sources"]:
        if source is not None:
            raise CrmUsageError("--all means every CRM: leave out the names.")
        _sync_all(project, [request(name) for name in installed_sources()], options["at_once"], shown)
    elif source is None:
        raise CrmUsageError(f"Name a CRM, or say --all. There are: {', '.join(installed_sources())}.")
    else:
        sync_one(project, request(source, streams), shown)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is printed of a run."""

    as_json: bool = False
    quiet: bool = False
    progress: bool = True
    logs_json: bool = False

    def of(self, project: Project, request: Request) -> Shown:
        """Return what is printed of a request: its lines are as its log is."""
        return replace(self, logs_json=request.logs_json(project))

    def watch(self, out: Console, title: str) -> LiveProgress | LogProgress | NoProgress:
        """Return what shows the run while it works."""
        if self.quiet or not self.progress:
            return NoProgress()
        if out.is_terminal and not self.as_json and not self.logs_json:
            return LiveProgress(out, title)
        return LogProgress(as_json=self.logs_json)


def _flags(options: Mapping[str, t.Any]) -> Flags:
    """Return the flags, their old names worked in."""
    debug = options["debug"] or options["test"] or options["verbose"]
    return check(
        Flags(
            full=options["full"],
            force=options["force"] or options["force_overwrite"],
            dry_run=options["dry_run"],
            start=options["start_date"] or options["since"],
            end=options["end_date"],
            max_records=options["max_records"],
            batch_size=options["batch_size"],
            skip_validation=options["skip_validation"],
            log_level="debug" if debug else options["log_level"],
        ),
        options["mode"],
        now=datetime.now(UTC),
    )


def sync_one(project: Project, request: Request, shown: Shown) -> None:
    """Run one pipeline, print what came of it, and exit with its code."""
    check_settings(project, request)
    shown = shown.of(project, request)
    warehouse = find_warehouse(project, start=True)
    out, name = console(), request.source.name
    with shown.watch(out, f"{name} to {warehouse.shown}") as watcher:
        outcome = run_pipeline(project, warehouse, request, watcher)
    if shown.as_json:
        click.echo(json.dumps(_record(name, outcome), indent=2))
    elif not shown.logs_json:
        out.print(run_table(outcome.rows, outcome.seconds, out.width))
    tell(outcome, name if shown.logs_json else "", as_json=shown.logs_json)
    sys.exit(outcome.exit_code)


def _sync_all(project: Project, requests: Sequence[Request], at_once: int, shown: Shown) -> None:
    """Run all CRMs whose settings are there; one that fails does not stop the others."""
    ready = [request for request in requests if not project.missing_settings(request.source.tap)]
    left_out = [request.source.name for request in requests if request not in ready]
    if not ready:
        raise CrmUsageError(
            f"No CRM is set up: fill in {project.root / '.env'} (see .env.example). There are: {', '.join(left_out)}."
        )
    if left_out:
        click.echo(f"Not set up, and left out: {', '.join(left_out)}.", err=True)
    shown = shown.of(project, ready[0])
    warehouse = find_warehouse(project, start=True)
    out, started = console(), time.monotonic()
    with shown.watch(out, f"{len(ready)} CRMs to {warehouse.shown}") as watcher:
        found = run_pipelines(project, warehouse, ready, watcher, at_once=at_once)
    results = {request.source.name: outcome for request, outcome in zip(ready, found, strict=True)}
    seconds, code = time.monotonic() - started, exit_code_of_all(found)
    if shown.as_json:
        records = [_record(name, outcome) for name, outcome in results.items()]
        whole = {"exit_code": code, "seconds": round(seconds, 3), "sources": records, "left_out": left_out}
        click.echo(json.dumps(whole, indent=2))
    elif not shown.logs_json:
        out.print(sources_table(rows_and_seconds(results), seconds, out.width))
    for name, outcome in results.items():
        tell(outcome, name, as_json=shown.logs_json)
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


def tell(outcome: Outcome | CrmError, name: str = "", *, as_json: bool = False) -> None:
    """Say on standard error what went wrong and where to read more; nothing if all went well.

    As JSON it is the summary of the run, however it ended.
    """
    if as_json:
        click.echo(summary(name, outcome), err=True)
        return
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


def summary(source: str, outcome: Outcome | CrmError) -> str:
    """Return the last line of a run's log as JSON; the fields are those of ``--json``, with totals for the streams."""
    record = _record(source, outcome)
    streams = record.pop("streams")
    rows = [] if isinstance(outcome, CrmError) else outcome.rows
    statuses = Counter(row.status for row in rows)
    totals = {
        name: sum(getattr(row, f"records_{name}") for row in rows)
        for name in ("processed", "created", "updated", "unchanged", "deleted", "failed")
    }
    told = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "no stream"
    return log_line(
        {OK: "info", PARTIAL: "warning"}.get(t.cast("int", record["exit_code"]), "error"),
        f"Finished {source} sync: {told}",
        as_json=True,
        **record,
        statuses=statuses,
        **totals,
        stream_count=len(t.cast("list[object]", streams)),
    )


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
