"""``crm reconcile``: compare a CRM with the warehouse, and repair what differs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from crm_cli.commands.sync import Shown, tell
from crm_cli.errors import CrmUsageError
from crm_cli.flags import Moment
from crm_cli.pipeline import FAILED, OK, Request, check_settings
from crm_cli.project import Project, variable
from crm_cli.reconcile import KINDS, Reconciliation, repair
from crm_cli.sources import check_streams, find_source
from crm_cli.tables import console
from crm_cli.warehouse import connect_to_history, find_warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from crm_cli.reconcile import Comparison
    from crm_cli.sources import Source
    from crm_cli.warehouse import Warehouse

SHARE = 0.2


@click.command()
@click.argument("source")
@click.argument("streams", nargs=-1, metavar="[STREAM]...")
@click.option("--start-date", type=Moment(), help="Compare only what changed from this moment (UTC) on.")
@click.option("--repair", "repairs", is_flag=True, help="Read again what is missing or changed, then compare again.")
@click.option("--delete-extra", is_flag=True, help="With --repair: mark rows that the source has not as deleted.")
@click.option(
    "--max-deleted-share",
    type=click.FloatRange(0, 1),
    help="Share of a table that may be deleted so; the tap's setting by default, 0.2 without one.",
)
@click.option(
    "-n", "--number", type=click.IntRange(min=0), default=20, show_default=True, help="Keys shown of each difference."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with all keys (fields: docs/crm.md).")
def reconcile(
    source: str,
    streams: tuple[str, ...],
    *,
    start_date: datetime | None,
    repairs: bool,
    delete_extra: bool,
    max_deleted_share: float | None,
    number: int,
    as_json: bool,
) -> None:
    """Compare a CRM with the warehouse, key by key.

    All streams of SOURCE, or only those named. Compared are the keys and, where records have one, their time of change.
    What changed since the bookmark is the next run's and no difference.

    \b
    Exit codes:
      0  nothing differs
      1  something differs, or could not be compared
      2  a name or a setting is wrong or missing

    \b
    Examples:
      crm reconcile genius
      crm reconcile genius prospects --repair
      crm reconcile callrail calls --start-date 2026-01-01 --json
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project, found = Project.find(), find_source(source)
    chosen = check_streams(found, streams) or found.streams
    if delete_extra and not repairs:
        raise CrmUsageError("--delete-extra is part of a repair: say --repair, too.")
    check_settings(project, Request(found))
    if max_deleted_share is None:
        told = project.environment.get(variable(found.tap, "max_deleted_share"))
        max_deleted_share = float(told) if told else SHARE
    variables = {variable(found.tap, "since"): start_date.isoformat()} if start_date else {}
    warehouse = find_warehouse(project)
    with connect_to_history(warehouse) as conn:
        work = Reconciliation(conn, found)

        def compare(wanted: Sequence[str]) -> list[Comparison]:
            click.echo(f"Reading the keys of {found.name}: {', '.join(wanted)}", err=True)
            work.read(project, wanted, variables)
            return [work.compare(stream) for stream in wanted]

        results = {one.stream: one for one in compare(chosen)}
        different = [one for one in results.values() if one.error is None and not one.is_equal]
        if repairs and different:
            for one in different:
                _repair(project, warehouse, work, one, found, share=max_deleted_share if delete_extra else None)
            results |= {one.stream: one for one in compare([one.stream for one in different])}
        records = [comparison_record(work, one, None if as_json else number) for one in results.values()]
    code = OK if all(one.is_equal for one in results.values()) else FAILED
    if as_json:
        click.echo(json.dumps({"source": found.name, "exit_code": code, "streams": records}, indent=2))
    else:
        _show(list(results.values()), records)
    sys.exit(code)


def _repair(
    project: Project, warehouse: Warehouse, work: Reconciliation, one: Comparison, source: Source, share: float | None
) -> None:
    shown = Shown(progress=True, as_json=True)
    with shown.watch(console(), f"{source.name} {one.stream}") as watcher:
        outcome = repair(project, warehouse, work, one, source, watcher)
    if outcome is not None and outcome.exit_code == FAILED:
        tell(outcome, one.stream)
    if share is not None and one.counts["extra"]:
        count = work.delete_extra(one, share)
        click.echo(f"{source.name} {one.stream}: {count:,} rows were marked as deleted.", err=True)


def comparison_record(work: Reconciliation, one: Comparison, limit: int | None) -> dict[str, Any]:
    """Return the comparison of a stream as it stands in ``--json`` output, with so many keys of each difference."""
    counts = {kind: one.counts[kind] for kind in KINDS}
    keys = {
        kind: [
            {"key": found.key, "source": found.source, "warehouse": found.warehouse}
            for found in work.differences(one.stream, kind, limit)
        ]
        if counts[kind]
        else []
        for kind in KINDS
    }
    return {
        "stream": one.stream,
        "equal": one.is_equal,
        "error": one.error,
        "source": {"count": one.source.count, "checksum": one.source.checksum, "latest": one.source.latest},
        "warehouse": {"count": one.warehouse.count, "checksum": one.warehouse.checksum, "latest": one.warehouse.latest},
        "differences": {kind: {"count": counts[kind], "keys": keys[kind]} for kind in KINDS},
        "waiting": one.waiting,
        "rejected": one.rejected,
        "within": one.within,
        "finds_extra": one.finds_extra,
    }


def _show(results: list[Comparison], records: list[dict[str, Any]]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    table.add_column("stream", overflow="fold")
    table.add_column("", no_wrap=True)
    for name in ("source", "warehouse", *KINDS, "waiting"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("keys", no_wrap=True)
    for one in results:
        if one.error is not None:
            table.add_row(one.stream, "not compared")
            continue
        numbers = (one.source.count, one.warehouse.count, *(one.counts[kind] for kind in KINDS), one.waiting)
        same = "the same" if one.source.checksum == one.warehouse.checksum else "differ"
        table.add_row(one.stream, "equal" if one.is_equal else "different", *(f"{n:,}" for n in numbers), same)
    out = console()
    out.print(table)
    for one, record in zip(results, records, strict=True):
        if one.error is not None:
            out.print(f"{one.stream}: {one.error}", markup=False, soft_wrap=True)
        for kind in KINDS:
            keys = record["differences"][kind]["keys"]
            shown = ", ".join(" ".join(str(part) for part in found["key"].values()) for found in keys)
            more = one.counts[kind] - len(keys)
            if keys:
                rest = f" and {more:,} more" if more else ""
                out.print(f"{one.stream}, {kind} here: {shown}{rest}", markup=False, soft_wrap=True)
        if one.rejected:
            out.print(f"{one.stream}: {one.rejected:,} of the missing wait as rejects.", markup=False, soft_wrap=True)
