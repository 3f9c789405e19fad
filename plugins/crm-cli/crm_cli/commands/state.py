"""``crm state``: where the next run of a stream begins, and how an operator changes it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sync_history import bookmarks, runs

from crm_cli.author import author
from crm_cli.commands.db import demo_option
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.flags import Age, Moment
from crm_cli.project import Project
from crm_cli.sources import check_streams, find_source, installed_sources, unknown
from crm_cli.tables import bookmark_text, console, utc
from crm_cli.warehouse import connect_to_history, find_warehouse, readable_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg
    from sync_history.bookmarks import Bookmark, SetBookmark

# Edits of a stream that are shown.
EDITS = 10
reason_option = click.option("--reason", required=True, help="Why; kept with the change.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON (fields: docs/crm.md).")


@click.group()
def state() -> None:
    """Show where the next run of a stream begins, or move it.

    A change is a row of the history with its author, its reason and the bookmark before it. Runs only ever raise a
    bookmark; here, and with meltano state, it may be lowered.

    \b
    Examples:
      crm state show genius
      crm state rewind genius prospects --by 7d --reason "late edits"
    """  # noqa: D301 -- click's mark for lines that must not be filled


@state.command()
@click.argument("source", required=False)
@click.argument("stream", required=False)
@json_option
@demo_option
def show(source: str | None, stream: str | None, *, as_json: bool, demo: bool) -> None:
    """Show bookmarks, who set them, and what the next run reads.

    Of all CRMs, of SOURCE, or of one STREAM of it, with the last changes by operators.

    \b
    Examples:
      crm state show genius
      crm state show genius prospects --json
    """  # noqa: D301
    warehouse = readable_warehouse(Project.find(), demo=demo)
    with connect_to_history(warehouse) as conn:
        current = bookmarks.find_current(conn, source)
        edits = bookmarks.find_edits(conn, source, stream, EDITS) if source and stream else []
    records = _records(current, source, stream)
    if as_json:
        told = {"streams": records} | ({"edits": [edit_record(one) for one in edits]} if stream else {})
        click.echo(json.dumps(told, indent=2))
        return
    if not records:
        click.echo("No stream has been read yet.")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    for name in ("source", "stream", "bookmark (UTC)", "set (UTC)", "by", "next run reads"):
        table.add_column(name, overflow="fold")
    for one in records:
        when = "" if one["set_at"] is None else utc(datetime.fromisoformat(one["set_at"]))
        by = one["edited_by"] or (one["run_id"] and f"run {one['run_id'][:8]}") or ""
        table.add_row(one["source"], one["stream"], bookmark_text(one["bookmark"]), when, by, one["next_run_reads"])
    out = console()
    out.print(table)
    for edit in edits:
        before, after = (bookmark_text(mark) or "the beginning" for mark in (edit.bookmark_before, edit.bookmark))
        line = f"{utc(edit.set_at)} {edit.edited_by}: {before} -> {after} ({edit.reason or 'no reason given'})"
        out.print(line, markup=False, soft_wrap=True)


@state.command(name="set")
@click.argument("source")
@click.argument("stream")
@click.argument("value", type=Moment(), required=False)
@click.option("--json", "text", metavar="BOOKMARK", help="The whole bookmark as a JSON object, in place of VALUE.")
@reason_option
def set_(source: str, stream: str, value: datetime | None, text: str | None, reason: str) -> None:
    """Let the next run begin at a moment.

    VALUE is a date or a moment, UTC. A later one than the stored leaves out what lies between; the command says so.

    \b
    Examples:
      crm state set genius prospects 2026-01-01 --reason "moved from the old system"
      crm state set genius prospects --json '{}' --reason "read all again"
    """  # noqa: D301
    if (value is None) == (text is None):
        raise CrmUsageError("Give either a VALUE or --json.")
    with editing(source, stream) as edit:
        if text is not None:
            edit.change(_parse(text), reason)
        elif value is not None:
            edit.change(_at(_replication_key(edit), value), reason)


@state.command()
@click.argument("source")
@click.argument("stream")
@click.option("--to", type=Moment(), help="Go back to this moment (UTC).")
@click.option("--by", type=Age(), help="Go back so far: 12h, 7d.")
@click.option("--clear", is_flag=True, help="Forget the bookmark: the next run reads everything.")
@reason_option
def rewind(source: str, stream: str, *, to: datetime | None, by: timedelta | None, clear: bool, reason: str) -> None:
    """Let the next run begin earlier.

    What is read again replaces nothing that is newer, and nothing is doubled.

    \b
    Examples:
      crm state rewind genius prospects --by 7d --reason "edits were lost on Monday"
      crm state rewind genius prospects --clear --reason "a new column"
    """  # noqa: D301
    if [to is not None, by is not None, clear].count(True) != 1:
        raise CrmUsageError("Say how far: one of --to, --by and --clear.")
    with editing(source, stream) as edit:
        stored = edit.before.get("replication_key_value")
        if clear:
            edit.change({}, reason)
            return
        try:
            moment = datetime.fromisoformat(str(stored))
        except ValueError:
            raise CrmUsageError(
                f"{source} {stream} has no moment to go back from: its next run reads {next_reads(edit.before)}."
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        target = to or moment - (by or timedelta(0))
        if target >= moment:
            raise CrmUsageError(
                f"{utc(target)} is not before the bookmark, {utc(moment)}: `crm state set` moves it on."
            )
        edit.change(_at(str(edit.before["replication_key"]), target), reason)


class Edit:
    """A change of one bookmark, while its stream is locked."""

    def __init__(self, conn: psycopg.Connection, source: str, stream: str) -> None:
        self._conn = conn
        self.source, self.stream = source, stream
        self.before: Bookmark = bookmarks.current_bookmarks(conn, source).get(stream, {})

    def change(self, bookmark: Bookmark, reason: str) -> None:
        """Write the bookmark, and say what it means."""
        changed = bookmarks.edit_bookmarks(self._conn, self.source, {self.stream: bookmark}, author(), reason)
        before = bookmark_text(self.before) or "the beginning"
        if not changed:
            click.echo("That is the bookmark already: nothing was changed.")
        else:
            click.echo(f"The bookmark of {self.source} {self.stream} was {before}.")
            if _skips(self.before, bookmark):
                click.secho(f"What changed between {before} and then will not be read.", fg="yellow", err=True)
        click.echo(f"The next run reads {next_reads(bookmark)}.")


@contextmanager
def editing(source: str, stream: str) -> Iterator[Edit]:
    """Lock a stream for a change of its bookmark.

    Raises:
        CrmUsageError: if there is no such stream.
        CrmError: if a run is at work on it.
    """
    found = find_source(source)
    warehouse = find_warehouse(Project.find())
    with connect_to_history(warehouse) as conn:
        known = {one.sync_type for one in bookmarks.find_current(conn, found.name)}
        if stream not in known:
            check_streams(found, [stream])
        runs.close_stale_runs(conn)
        if runs.take_locks(conn, found.name, [stream]) is not None:
            holder = runs.running_run(conn, found.name, stream)
            which = f"run {holder['run_id']}, since {utc(holder['start_time'])} UTC" if holder else "another session"
            raise CrmError(
                f"{found.name} {stream} is at work ({which}), and its end would meet your change: wait for it, or stop "
                "it first."
            )
        yield Edit(conn, found.name, stream)


def next_reads(bookmark: Mapping[str, Any]) -> str:
    """Say what a run that starts from a bookmark reads."""
    resume, value = bookmark.get("resume"), bookmark_text({**bookmark, "resume": None})
    if isinstance(resume, dict):
        since = resume.get("from")
        begun = f"what changed since {utc(datetime.fromisoformat(since))}" if since else "everything"
        return f"{begun}, from where it was interrupted (key {json.dumps(resume.get('last_key'))})"
    return (
        f"what changed since {value}, and the stretch before it that the stream always reads again"
        if value
        else ("everything")
    )


def state_record(source: str, stream: str, one: SetBookmark | None) -> dict[str, Any]:
    """Return where a stream stands, as in ``--json`` output."""
    bookmark = one.bookmark if one else {}
    return {
        "source": source,
        "stream": stream,
        "bookmark": bookmark or None,
        "set_at": None if one is None else f"{one.set_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
        "run_id": None if one is None else one.run_id,
        "edited_by": one and one.edited_by,
        "reason": one and one.reason,
        "next_run_reads": next_reads(bookmark),
    }


def edit_record(edit: SetBookmark) -> dict[str, Any]:
    """Return a change by an operator, as in ``--json`` output."""
    return {
        "set_at": f"{edit.set_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
        "edited_by": edit.edited_by,
        "reason": edit.reason,
        "before": edit.bookmark_before,
        "after": edit.bookmark,
    }


def _records(current: list[SetBookmark], source: str | None, stream: str | None) -> list[dict[str, Any]]:
    """Return the streams to show: those with a bookmark, and of a named source also those without.

    Raises:
        CrmUsageError: if there is no such source or stream.
    """
    stored = {(one.crm_source, one.sync_type): one for one in current}
    names = list(stored)
    if source is not None:
        declared = installed_sources().get(source)
        if declared is None and not names:
            find_source(source)
        streams = dict.fromkeys([*(declared.streams if declared else ()), *(name for _, name in stored)])
        if stream is not None and stream not in streams:
            raise CrmUsageError(unknown(f"stream of {source}", stream, streams))
        names = [(source, name) for name in streams if stream in (None, name)]
    return [state_record(*name, stored.get(name)) for name in names]


def _replication_key(edit: Edit) -> str:
    """Return the column of a stream's bookmark: as the stored one has it, else as the tap says.

    Raises:
        CrmUsageError: if the stream has none.
    """
    if edit.before.get("replication_key"):
        return str(edit.before["replication_key"])
    from crm_cli.backfill import without_bookmark  # noqa: PLC0415 -- only for a stream that was never read
    from crm_cli.discovery import discover  # noqa: PLC0415

    entries = discover(Project.find(), find_source(edit.source))
    if refusal := without_bookmark(entries, edit.stream):
        raise CrmUsageError(refusal)
    return next(str(one["replication_key"]) for one in entries if one["tap_stream_id"] == edit.stream)


def _at(key: str, moment: datetime) -> Bookmark:
    return {
        "replication_key": key,
        "replication_key_value": moment.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def _parse(text: str) -> Bookmark:
    try:
        bookmark = json.loads(text)
    except ValueError:
        bookmark = None
    if not isinstance(bookmark, dict):
        raise CrmUsageError("--json must be a JSON object, such as '{\"replication_key\": ..., ...}', or '{}'.")
    unknown_names = sorted(bookmark.keys() - {"replication_key", "replication_key_value", "resume"})
    if unknown_names:
        raise CrmUsageError(
            f"--json has {', '.join(unknown_names)}; a bookmark has replication_key, replication_key_value and resume."
        )
    if ("replication_key" in bookmark) != ("replication_key_value" in bookmark):
        raise CrmUsageError("--json needs replication_key and replication_key_value together.")
    return bookmark


def _skips(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a change leaves something out."""
    old, new = before.get("replication_key_value"), after.get("replication_key_value")
    try:
        return bool(new) and (old is None or datetime.fromisoformat(str(new)) > datetime.fromisoformat(str(old)))
    except (ValueError, TypeError):
        return False
