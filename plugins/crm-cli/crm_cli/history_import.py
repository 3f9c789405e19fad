"""Takes over the run history of the system before this one, from a CSV file or from its database."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from sync_history import bookmarks, imported

from crm_cli.discovery import discover
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.legacy_names import resolve
from crm_cli.sources import find_source
from crm_cli.warehouse import masked, plain_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime, timedelta

    from sync_history.imported import ImportedRow

    from crm_cli.project import Project

NEEDED: Final = ("id", "crm_source", "sync_type", "status", "start_time")
_BATCH: Final = 1000
_JSON_COLUMNS: Final = ("performance_metrics", "configuration")


@dataclass
class Report:
    """What an import has done."""

    read: int = 0
    new: int = 0
    umbrella: int = 0
    # What could not be taken over, by reason.
    skipped: Counter[str] = field(default_factory=Counter)
    streams: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def known(self) -> int:
        """Rows that were there already."""
        return self.streams.total() - self.new


@dataclass(frozen=True, slots=True)
class Seed:
    """What is done about the bookmark of one stream: a value, or a reason for none."""

    crm_source: str
    sync_type: str
    value: str | None
    reason: str = ""


@contextmanager
def opened(place: str) -> Iterator[Iterable[Mapping[str, Any]]]:
    """Open the old history: rows with the names of its columns.

    Raises:
        CrmUsageError: If it is no such table, or no such file.
        CrmError: If its database cannot be read.
    """
    if "://" in place:
        with _database(place) as rows:
            yield rows
        return
    try:
        file = Path(place).open(encoding="utf-8-sig", newline="")  # noqa: SIM115 -- closed below
    except OSError as error:
        raise CrmUsageError(f"{place} cannot be read: {error.strerror}.") from error
    with file:
        csv.field_size_limit(sys.maxsize)
        reader = csv.DictReader(file)
        _check_columns(place, reader.fieldnames or ())
        yield map(_from_csv, reader)


@contextmanager
def _database(place: str) -> Iterator[Iterable[Mapping[str, Any]]]:
    url = plain_url(place)
    try:
        with (
            psycopg.connect(url, connect_timeout=10) as conn,
            conn.cursor(name="history", row_factory=dict_row) as cursor,
        ):
            conn.read_only = True
            cursor.execute("SELECT * FROM orchestration.sync_history ORDER BY id")
            names = [column.name for column in cursor.description or ()]
            _check_columns(masked(url), names)
            if "bookmark_before" in names:
                raise CrmUsageError(f"{masked(url)} holds a history of this suite, not one of the system before it.")
            yield cursor
    except psycopg.Error as error:
        raise CrmError(f"{masked(url)} cannot be read: {' '.join(str(error).split())}") from error


def _check_columns(place: str, names: Iterable[str]) -> None:
    missing = [name for name in NEEDED if name not in set(names)]
    if missing:
        raise CrmUsageError(f"{place} is no copy of orchestration.sync_history: it lacks {', '.join(missing)}.")


def _from_csv(row: dict[str, Any]) -> dict[str, Any]:
    for name in _JSON_COLUMNS:
        try:
            row[name] = json.loads(row.get(name) or "{}")
        except ValueError:
            row[name] = {}
    return row


def import_rows(conn: psycopg.Connection, rows: Iterable[Mapping[str, Any]]) -> Report:
    """Store the rows under today's names, inside the caller's transaction."""
    report, batch = Report(), list[imported.ImportedRow]()
    for row in rows:
        report.read += 1
        taken = _taken(row, report)
        if taken is not None:
            report.streams[taken.crm_source, taken.sync_type] += 1
            batch.append(taken)
        if len(batch) == _BATCH:
            report.new += imported.store(conn, batch)
            batch.clear()
    if batch:
        report.new += imported.store(conn, batch)
    return report


def _taken(row: Mapping[str, Any], report: Report) -> ImportedRow | None:
    source, sync_type = str(row.get("crm_source") or ""), str(row.get("sync_type") or "")
    name = _today(source, sync_type)
    if name is None:
        report.skipped[f"unknown name {source} {sync_type}"] += 1
    elif name[1] is None:
        report.umbrella += 1
    else:
        try:
            return imported.normalised(row, name[0], name[1])
        except imported.NotImportableError as error:
            report.skipped[str(error)] += 1
    return None


@cache
def _today(source: str, sync_type: str) -> tuple[str, str | None] | None:
    """Return today's source and stream, the latter None for an umbrella row; None if nothing is meant."""
    plain = sync_type.strip().lower().removesuffix("_sync")
    for name in (f"{source}_{plain}", source):
        try:
            found, streams = resolve(name)
        except CrmUsageError:
            continue
        # A source's name alone stands for a stream only if it says so: gsheet_marketing_leads.
        if streams or name != source:
            return found.name, streams[0] if streams else None
    return None


def seeds(project: Project, conn: psycopg.Connection, overlap: timedelta) -> list[Seed]:
    """Return what is to be done about the bookmarks of streams that have none here; writes nothing.

    Only a stream whose bookmark is a time can go on where the old system was: its last good run's start, less an
    overlap.
    """
    found = []
    by_source: dict[str, dict[str, datetime]] = {}
    for (source, stream), moment in sorted(imported.last_successes(conn).items()):
        by_source.setdefault(source, {})[stream] = moment
    for source, moments in by_source.items():
        stored = bookmarks.current_bookmarks(conn, source)
        waiting = {stream: moment for stream, moment in moments.items() if stream not in stored}
        found += [Seed(source, stream, None, "it has a bookmark") for stream in moments if stream in stored]
        if waiting:
            found += _seeds_of(project, source, waiting, overlap)
    return found


def _seeds_of(project: Project, source: str, waiting: Mapping[str, datetime], overlap: timedelta) -> list[Seed]:
    try:
        entries = {entry["tap_stream_id"]: entry for entry in discover(project, find_source(source))}
    except (CrmError, CrmUsageError) as error:
        reason = f"its tap could not be asked: {error.message.splitlines()[0]}"
        return [Seed(source, stream, None, reason) for stream in waiting]
    found = []
    for stream, moment in waiting.items():
        entry = entries.get(stream)
        key = entry.get("replication_key") if entry else None
        if entry is None:
            found.append(Seed(source, stream, None, "the source does not show it"))
        elif key is None:
            found.append(Seed(source, stream, None, "it is read whole"))
        elif entry["schema"]["properties"].get(key, {}).get("format") not in {"date-time", "date"}:
            found.append(Seed(source, stream, None, f"its bookmark {key} is no time"))
        else:
            found.append(Seed(source, stream, f"{moment - overlap:%Y-%m-%dT%H:%M:%S.%f}+00:00", key))
    return found


def plant(conn: psycopg.Connection, found: Iterable[Seed], author: str) -> int:
    """Set the bookmarks; return how many. A stream that has got one in the meantime keeps it."""
    count = 0
    by_source: dict[str, dict[str, dict[str, Any]]] = {}
    for seed in found:
        if seed.value is not None:
            mark = {"replication_key": seed.reason, "replication_key_value": seed.value}
            by_source.setdefault(seed.crm_source, {})[seed.sync_type] = mark
    for source, marks in by_source.items():
        stored = bookmarks.current_bookmarks(conn, source)
        new = {stream: mark for stream, mark in marks.items() if stream not in stored}
        count += len(bookmarks.edit_bookmarks(conn, source, new, author))
    return count


def without_rows(conn: psycopg.Connection, found: Iterable[Seed]) -> list[str]:
    """Return the seeded streams whose table has no row: a bookmark leaves out all that is older."""
    empty = []
    for seed in found:
        if seed.value is None:
            continue
        name = sql.Identifier(seed.crm_source, seed.sync_type)
        there = conn.execute("SELECT to_regclass(%s)", (name.as_string(conn),)).fetchone()
        query = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(name)
        if there is None or there[0] is None or conn.execute(query).fetchone() is None:
            empty.append(f"{seed.crm_source} {seed.sync_type}")
    return empty
