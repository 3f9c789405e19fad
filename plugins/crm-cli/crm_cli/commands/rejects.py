"""``crm rejects``: records that could not be loaded, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sync_history import rejects as stored
from sync_history import runs as history

from crm_cli.commands.db import demo_option
from crm_cli.errors import CrmUsageError
from crm_cli.flags import Age
from crm_cli.pipeline import FAILED, exit_code_of
from crm_cli.project import Project
from crm_cli.replay import Correction, replay_rejects
from crm_cli.sources import check_streams, find_source
from crm_cli.tables import console, run_table, utc
from crm_cli.warehouse import connect_to_history, find_warehouse, readable_warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from sync_history.rejects import StoredReject


@click.group()
def rejects() -> None:
    """See the records that could not be loaded; correct, replay or discard them.

    A record is kept here with its reason, and counted in every table of runs. Its bookmark may have passed it: it is
    loaded again when its source changes it, when it is replayed, or by crm sync --full.

    \b
    Example:
      crm rejects list
    """  # noqa: D301 -- click's mark for lines that must not be filled


@rejects.command(name="list")
@click.argument("source", required=False)
@click.argument("stream", required=False)
@click.option("--reason", help="Only those whose reason contains this text.")
@click.option("--older-than", type=Age(), help="Only those not seen for so long, such as 7d or 12h.")
@click.option("--all", "resolved", is_flag=True, help="Also those that were replayed or discarded.")
@click.option("-n", "--number", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")
@demo_option
def list_rejects(
    source: str | None,
    stream: str | None,
    *,
    reason: str | None,
    older_than: timedelta | None,
    resolved: bool,
    number: int,
    as_json: bool,
    demo: bool,
) -> None:
    """Show rejects, those seen last first; no value of a record but its key.

    \b
    Examples:
      crm rejects list
      crm rejects list genius prospects --reason "not a date"
    """  # noqa: D301
    warehouse = readable_warehouse(Project.find(), demo=demo)
    with connect_to_history(warehouse) as conn:
        found = stored.find(
            conn,
            crm_source=source,
            stream=stream,
            reason=reason,
            not_seen_for=older_than,
            resolved=resolved,
            limit=number,
        )
    if as_json:
        click.echo(json.dumps({"rejects": [reject_record(one) for one in found]}, indent=2))
        return
    if not found:
        click.echo("No reject waits for an answer.")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    for name in ("id", "source", "stream", "key", "kind", "field", "reason", "seen", "last (UTC)", "answer"):
        table.add_column(name, overflow="fold")
    for one in found:
        key = "" if one.record_key is None else " ".join(str(value) for value in one.record_key.values())
        table.add_row(
            *(str(one.id), one.crm_source, one.sync_type, key, one.category, one.field or "", one.reason),
            *(f"{one.times_seen:,}", utc(one.last_seen_at), one.resolution or ""),
        )
    console().print(table)


@rejects.command()
@click.argument("id_", metavar="ID", type=int)
@click.option("--reveal", is_flag=True, help="Show the values, personal data too.")
@demo_option
def show(id_: int, *, reveal: bool, demo: bool) -> None:
    """Show one reject as JSON, its record with masked values.

    \b
    Examples:
      crm rejects show 17
      crm rejects show 17 --reveal
    """  # noqa: D301
    warehouse = readable_warehouse(Project.find(), demo=demo)
    with connect_to_history(warehouse) as conn:
        [one] = _those(stored.find(conn, ids=[id_], resolved=True), [id_])
    record: Mapping[str, Any] = one.record or {}
    shown = record if reveal else {name: masked(value) for name, value in record.items()}
    click.echo(json.dumps(reject_record(one) | {"record": shown}, indent=2, ensure_ascii=False, default=str))


@rejects.command()
@click.argument("source")
@click.argument("stream")
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Correct a field; VALUE is JSON, or text.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Corrected records, a JSON object a line, told apart by their key.",
)
@click.option("--dry-run", is_flag=True, help="Count what would become of them; write nothing.")
def replay(
    source: str, stream: str, ids: tuple[int, ...], *, changes: tuple[str, ...], file: Path | None, dry_run: bool
) -> None:
    """Load rejects of a stream again, as they are or corrected.

    All open ones of the stream, or those of the given IDs. What is loaded is answered in the same transaction; what
    is refused again stays open. No bookmark moves. The exit codes are those of crm sync.

    \b
    Examples:
      crm rejects replay genius prospects
      crm rejects replay genius prospects 17 --set birth_date=1980-02-28
    """  # noqa: D301
    project, found = Project.find(), find_source(source)
    [name] = check_streams(found, [stream])
    correction = Correction.parse(changes, file)
    if changes and len(ids) != 1:
        raise CrmUsageError("--set corrects one record: give its ID.")
    warehouse = find_warehouse(project, start=True)
    with connect_to_history(warehouse) as conn:
        waiting = stored.find(conn, ids=ids or None, crm_source=found.name, stream=name)
    waiting = _those(waiting, ids)
    if not waiting:
        click.echo("No reject of this stream waits for an answer.")
        return
    run_id = replay_rejects(project, warehouse, found, name, waiting, correction, dry_run=dry_run)
    with connect_to_history(warehouse) as conn:
        rows = history.find_runs(conn, run_id=run_id)
        left = stored.find(conn, ids=[one.id for one in waiting])
    out = console()
    out.print(run_table(rows, width=out.width))
    if not dry_run:
        click.echo(f"{len(waiting) - len(left)} of {len(waiting)} rejects are answered.")
    code = exit_code_of(rows, 0)
    if code == FAILED:
        click.secho(f"Failed: {rows[0].error_message if rows else 'no record was sent.'}", fg="red", err=True)
    raise SystemExit(code)


@rejects.command()
@click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; kept with the reject.")
def discard(ids: tuple[int, ...], *, reason: str) -> None:
    """Answer rejects without loading them; they are kept with the reason.

    \b
    Example:
      crm rejects discard 17 18 --reason "test records"
    """  # noqa: D301
    with connect_to_history(find_warehouse(Project.find())) as conn, conn.transaction():
        _those(stored.find(conn, ids=ids), ids)
        count = stored.resolve(conn, ids, f"discarded: {reason}")
    click.echo(f"{count} rejects are discarded.")


def reject_record(one: StoredReject) -> dict[str, Any]:
    """Return a reject as it stands in ``--json`` output: its key, but no other value of its record."""
    return {
        "id": one.id,
        "source": one.crm_source,
        "stream": one.sync_type,
        "run_id": one.run_id,
        "category": one.category,
        "field": one.field,
        "reason": one.reason,
        "key": one.record_key,
        "times_seen": one.times_seen,
        "first_seen_at": f"{one.first_seen_at:%Y-%m-%dT%H:%M:%SZ}",
        "last_seen_at": f"{one.last_seen_at:%Y-%m-%dT%H:%M:%SZ}",
        "resolution": one.resolution,
    }


def masked(value: object) -> object:
    """Return what may be shown of a value: its type and length."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return f"({len(value)} characters)"
    return f"({'number' if isinstance(value, int | float) else type(value).__name__})"


def _those(found: list[StoredReject], ids: tuple[int, ...] | list[int]) -> list[StoredReject]:
    """Return what was found.

    Raises:
        CrmUsageError: if one that was asked for by its ID is not among it.
    """
    missing = sorted(set(ids) - {one.id for one in found})
    if missing:
        raise CrmUsageError(f"No such reject waits for an answer here: {', '.join(map(str, missing))}.")
    return found
