"""A stream that reads one table of Genius."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time as time_module
import typing as t
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property

import msgspec
from tap_kit.bookmarks import parse_time
from tap_kit.errors import SkipStream
from tap_kit.messages import encode
from tap_kit.stream import STATE_RECORDS, STATE_SECONDS, KitStream
from tap_kit.values import Odd
from typing_extensions import override

from tap_genius.batches import BATCH_BYTES, BATCH_ROWS, FORMAT, FolderFullError
from tap_genius.client import Query, Tally, late_or_none, moment_of, naive_bound
from tap_genius.columns import quote
from tap_genius.joined import JoinedQuery, Layout, RecordLayout, RecordQuery, unfit_reason, with_marks_once

if t.TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from singer_sdk.helpers.types import Context
    from singer_sdk.metrics import Counter as RecordCounter
    from tap_kit.bookmarks import Bookmark

    from tap_genius.batches import BatchFile, BatchFolder
    from tap_genius.client import Key
    from tap_genius.columns import Column, LiveColumn
    from tap_genius.tables import Table
    from tap_genius.tap import TapGenius

# Measured with 31 columns: 1,000 costs a tenth of the speed, more than 5,000 brings nothing.
PAGE_SIZE = 5_000
# Rows that are read value by value before the server is asked to write the rest: most streams have no more.
FIRST_ROWS = 500
# After this many rows without an odd one, the next odd one costs few rows again.
FORGIVEN_AFTER = 50_000
# Keys that one statement asks for.
KEYS_AT_ONCE = 500

parse_json = msgspec.json.Decoder(float_hook=Decimal).decode


class TableStream(KitStream):
    """Rows of one table, in key order.

    Bookmark: the table's ``changed`` column, if it has one. A delta reads what changed since the bookmark and
    every row without a modification time; it has no upper bound, because a row that changes while we read must
    not slip through. Each run re-reads the last ``reread_seconds``: MySQL stamps a row when the statement runs
    and shows it when the transaction commits, so a row may appear after a later-stamped one was read.
    """

    def __init__(self, tap: TapGenius, table: Table, columns: Sequence[Column], live: Sequence[LiveColumn]) -> None:
        self.table = table
        self.columns = columns
        self._types = {column.name: column.data_type for column in live}
        schema = {"type": "object", "properties": {column.name: column.schema for column in columns}}
        super().__init__(tap, name=table.name, schema=schema)
        self.genius = tap.client
        self.zone = tap.zone
        self.endpoint = table.table
        self.primary_keys = list(table.key)
        self.replication_key = table.changed if table.changed in self._types else None
        self.fallback = table.fallback if table.fallback in self._types else None
        self.reread = timedelta(seconds=tap.config["reread_seconds"])
        self.sweeps = tap.config["deletions"] == "sweep"
        self.folder = tap.batch_folder
        self.batch_rows = (tap.config.get("batch_config") or {}).get("batch_size") or BATCH_ROWS

    @override
    def source_clock(self) -> datetime:
        return self.genius.clock()

    @override
    def count_records(self) -> int | None:
        """Count the table for a full read; counting a delta would cost as much as reading it."""
        if self.span.lower is not None or self.span.upper is not None or self.span.resumed:
            return None
        ((count,),) = self.genius.rows(f"SELECT COUNT(*) FROM {quote(self.table.table)}")
        return int(count)

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, t.Any]]:
        yield from self._records_after(self.span.last_key)
        if self.keys_only:
            self._check_host()

    @override
    def records_of(self, keys: Sequence[tuple[int | str, ...]]) -> Iterator[dict[str, t.Any]]:
        for start in range(0, len(keys), KEYS_AT_ONCE):
            query = self._query(self._selected()).of_keys(keys[start : start + KEYS_AT_ONCE])
            yield from self._records_by(query, None)

    def _records_after(self, after: Key | None, most: int | None = None) -> Iterator[dict[str, t.Any]]:
        return self._records_by(self._query(self._selected()), after, most)

    def _records_by(self, query: Query, after: Key | None, most: int | None = None) -> Iterator[dict[str, t.Any]]:
        names = [column.name for column in self._selected()]
        json_names = [column.name for column in self._selected() if column.is_json]
        for row in self._read(query, after, most):
            record = dict(zip(names, row, strict=True))
            for name in json_names:
                record[name] = _json_value(record[name])
            yield record

    @override
    def _send_records(self, bookmark: Bookmark, limit: int | None, counter: RecordCounter) -> None:
        some = limit is not None or self.keys_only or self.kit.only_keys is not None
        if not some and self.folder is not None and self._is_fit_for_batches():
            self._send_batches(self.folder, bookmark, counter)
        elif some or self._unfit() or any(column.is_json for column in self._selected()):
            super()._send_records(bookmark, limit, counter)
        else:
            self._send_lines(bookmark, counter)

    def _send_lines(self, bookmark: Bookmark, counter: RecordCounter) -> None:
        """Send the span record by record: the first ones as usual, the rest of a large table as the server writes it.

        What is odd is read value by value, as for ``_send_batches``.
        """
        after, count = self.span.last_key, FIRST_ROWS
        moments = [
            moment_of(f"t.{quote(self.table.source_column(n))}") for n in (self.bookmark_key, self.fallback) if n
        ]
        layout = RecordLayout(self._selected(), self.table.key, f"COALESCE({', '.join(moments)})" if moments else None)
        plain = self._query(self._selected())
        query = with_marks_once(RecordQuery(**{**vars(plain), "select": layout.select}, layout=layout))
        while True:
            passed = _Passed(self._records_after(after, count), self.table.key)
            self.send(passed, bookmark, counter)
            if passed.count < count or passed.last is None:
                return
            with contextlib.closing(self._read_joined(query, passed.last)) as groups:
                lines = _Lines(groups, layout, query, self._prefix)
                self._write_lines(lines, bookmark, counter)
            if not lines.odd:
                return
            after, count = lines.last or passed.last, min(count * 2, BATCH_ROWS)

    def _write_lines(self, lines: _Lines, bookmark: Bookmark, counter: RecordCounter) -> None:
        write = self.kit.message_writer.write_line
        pending, deadline = 0, time_module.monotonic() + STATE_SECONDS
        try:
            for text in lines:
                write(text)
                lines.note()
                pending += lines.count
                if pending >= STATE_RECORDS or time_module.monotonic() > deadline:
                    bookmark.advance(lines.last, lines.latest)
                    counter.increment(pending)
                    pending, deadline = 0, time_module.monotonic() + STATE_SECONDS
                    self.kit.write_state(self.name)
        finally:
            if pending:
                bookmark.advance(lines.last, lines.latest)
                counter.increment(pending)

    def _is_fit_for_batches(self) -> bool:
        reason = self._unfit()
        if reason:
            self.logger.info("%s is sent record by record, because %s.", self.name, reason)
        return reason is None

    def _unfit(self) -> str | None:
        """Say why the server cannot write the rows; None if it can."""
        catalogued = self.selected_schema["properties"]
        reason = unfit_reason(self._selected(), self.table.key, zone_is_utc=self.zone is UTC)
        if any(catalogued[column.name]["type"] != column.schema["type"] for column in self._selected()):
            reason = "the catalog overrides the type of a column"
        if self._is_mapped or self.kit.has_stream_maps:
            reason = "a stream map needs records"
        return reason

    def _send_batches(self, folder: BatchFolder, bookmark: Bookmark, counter: RecordCounter) -> None:
        """Send the span as files of joined rows; where a row is odd, that one and its neighbours as records.

        Odd rows often come in crowds: each one soon after another doubles the number of its neighbours.
        """
        layout = Layout(self._selected(), self.table.key, self.bookmark_key, self.fallback)
        query = self._joined_query(layout)
        after, neighbours, without = self.span.last_key, 1, 0
        while True:
            odd = 0
            with contextlib.closing(self._read_joined(query, after)) as groups:
                try:
                    for chunk in self._chunks(folder, layout, groups):
                        if chunk.rows:
                            after, without = query.key_of(chunk.last), without + chunk.rows
                            self._send_batch(chunk, layout, after, bookmark, counter)
                        odd = chunk.odd
                except FolderFullError as error:
                    self.logger.warning(
                        "There is no room for batches in %s; %s goes on record by record. Make room, or let "
                        "batch_config.storage.root name another folder.",
                        error,
                        self.name,
                    )
                    odd = sys.maxsize
            if not odd:
                return
            neighbours, without = 1 if without >= FORGIVEN_AFTER else min(neighbours * 2, BATCH_ROWS), 0
            limit = None if odd == sys.maxsize else odd * neighbours
            passed = _Passed(self._records_after(after, limit), self.table.key)
            self.send(passed, bookmark, counter)
            if limit is None or passed.count < limit:
                return
            after = passed.last

    def _chunks(self, folder: BatchFolder, layout: Layout, groups: Iterator[list[bytes | None]]) -> Iterator[_Chunk]:
        """Write file after file; the one before an odd group is the last one, and tells the length of that group."""
        for first in groups:
            with folder.writing(self.name) as file:
                chunk = _Chunk(file)
                for group in itertools.chain([first], groups):
                    text = layout.copy_text(group)
                    if text is None:
                        chunk.odd = len(group)
                        break
                    file.write(text)
                    chunk.add(group, layout.latest(group))
                    if chunk.rows >= self.batch_rows or file.size >= BATCH_BYTES:
                        break
                if chunk.rows:
                    file.keep()
            yield chunk
            if chunk.odd:
                return

    def _send_batch(
        self, chunk: _Chunk, layout: Layout, last_key: Key, bookmark: Bookmark, counter: RecordCounter
    ) -> None:
        message = {
            "type": "BATCH",
            "stream": self.name,
            "encoding": {"format": FORMAT, "columns": layout.names},
            "manifest": [chunk.file.url],
            "rows": chunk.rows,
            "time_extracted": chunk.extracted_at,
            # Of a full read in the order of the key, no key comes twice.
            "disjoint": self.span.lower is None and self.span.upper is None,
        }
        self.kit.message_writer.write_line(encode(message) + b"\n")
        bookmark.advance(last_key, chunk.latest or None)
        counter.increment(chunk.rows)
        self.kit.write_state(self.name)

    def _read_joined(self, query: Query, after: Key | None) -> Generator[list[bytes | None], None, None]:
        return self.genius.read_joined(
            query, after=after, page_size=self.batch_rows, tally=t.cast("Tally", self.report)
        )

    def _joined_query(self, layout: Layout) -> Query:
        plain = self._query(layout.columns)
        query = JoinedQuery(**{**vars(plain), "select": layout.select}, integer_key=layout.integer_key)
        return with_marks_once(query)

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        columns = [column for name in self.table.key for column in self.columns if column.name == name]
        yield from self._read(self._query(columns, condition=False), None)
        self._check_host()

    def _check_host(self) -> None:
        if self.genius.fallback_used is not None:
            raise SkipStream(
                f"The keys of {self.name} cannot be trusted: the fallback host {self.genius.fallback_used} was used, "
                "which may lag behind. Try again when the first host is back.",
                category="sweep",
            )

    def _selected(self) -> list[Column]:
        properties = self.selected_schema["properties"]
        return [column for column in self.columns if column.name in properties]

    def _read(
        self, query: Query, after: tuple[int | str, ...] | None, most: int | None = None
    ) -> Iterator[tuple[t.Any, ...]]:
        size = self.config.get("page_size") or PAGE_SIZE
        limits = (self.ABORT_AT_RECORD_COUNT, self.config.get("max_records"))
        page_size = min([size, *(limit for limit in limits if limit)])
        # The report counts for itself: it has the attributes of a tally.
        return self.genius.read(query, after=after, page_size=page_size, tally=t.cast("Tally", self.report), most=most)

    def _query(self, columns: Sequence[Column], *, condition: bool = True) -> Query:
        names = [column.name for column in columns]
        source = f"{quote(self.table.table)} t"
        if self.table.join is not None and self.table.join.column in names:
            source += f" {self.table.join.clause}"
        where, parameters = self._condition() if condition else ("", ())
        return Query(
            stream=self.name,
            select=", ".join(column.expression for column in columns),
            source=source,
            key=tuple(f"t.{quote(self.table.source_column(name))}" for name in self.table.key),
            key_places=tuple(names.index(name) for name in self.table.key),
            condition=where,
            parameters=parameters,
        )

    def _condition(self) -> tuple[str, tuple[datetime, ...]]:
        """Return the condition of the span, and its parameters, as wall-clock times of the source."""
        if self.replication_key is None:
            return "", ()
        columns = [name for name in (self.replication_key, self.fallback) if name is not None]
        changed = f"COALESCE({', '.join(moment_of(f't.{quote(name)}') for name in columns)})"
        parts, moments = [], []
        # The columns may differ in type: the widest of their bounds loses nothing.
        for sign, bound, widest in ((">=", self.span.lower, min), ("<", self.span.upper, max)):
            if bound is not None:
                parts.append(f"{changed} {sign} %s")
                moments.append(widest(self._wall_clock(name, parse_time(bound)) for name in columns))
        if not parts:
            return "", ()
        condition = f"{' AND '.join(parts)} OR {changed} IS NULL"
        if self.span.lower is None or not self._index_finds_changes:
            return condition, tuple(moments)
        in_index = late_or_none(f"t.{quote(self.replication_key)}")
        return f"({in_index}) AND ({condition})", (moments[0], *moments)

    @cached_property
    def _index_finds_changes(self) -> bool:
        name = self.replication_key
        if name is None or self._types[name] != "datetime":
            return False
        return self.genius.index_finds_changes(self.table.table, name)

    def _wall_clock(self, column: str, moment: datetime) -> datetime:
        """Return a bound as a column writes it: TIMESTAMP is UTC, and a DATE knows no time of day."""
        if self._types[column] == "timestamp":
            return naive_bound(moment, UTC)
        bound = naive_bound(moment, self.zone)
        return datetime.combine(bound, time.min) if self._types[column] == "date" else bound


class _Chunk:
    """What is known of a file that is being written."""

    def __init__(self, file: BatchFile) -> None:
        self.file = file
        self.rows = 0
        self.odd = 0
        self.last: bytes | None = None
        self.latest = ""
        self.extracted_at = datetime.now(UTC).isoformat(timespec="seconds")

    def add(self, rows: list[bytes | None], latest: str | None) -> None:
        """Note rows that were written."""
        self.rows += len(rows)
        self.last = rows[-1]
        self.latest = max(self.latest, latest or "")


class _Lines:
    """The messages of groups of rows, until one is odd; what was written of them is noted by ``note``.

    Attributes:
        count: Rows of the group that was yielded last.
        odd: Whether the reading ended before a group that has to be read value by value.
        last: Key of the last row that was written.
        latest: Greatest modification time that was written.
    """

    def __init__(
        self,
        groups: Iterator[list[bytes | None]],
        layout: RecordLayout,
        query: RecordQuery,
        head: Callable[[], bytes],
    ) -> None:
        self.count = 0
        self.odd = False
        self.last: Key = ()
        self.latest: str | None = None
        self._groups = groups
        self._layout = layout
        self._query = query
        self._head = head
        self._next: tuple[Key, str | None] = ((), None)

    def __iter__(self) -> Iterator[bytes]:
        for group in self._groups:
            found = self._layout.lines(group, self._head())
            if found is None:
                self.odd = True
                return
            text, moment = found
            self.count = len(group)
            self._next = self._query.key_of(group[-1]), moment
            yield text

    def note(self) -> None:
        """Note that the group that was yielded last is written."""
        self.last, moment = self._next
        self.latest = max(self.latest or "", moment or "") or None


class _Passed:
    """Passes records on and remembers the key of the last one."""

    def __init__(self, records: Iterator[dict[str, t.Any]], key: Sequence[str]) -> None:
        self.last: Key | None = None
        self.count = 0
        self._records = records
        self._key = key

    def __iter__(self) -> Iterator[dict[str, t.Any]]:
        for record in self._records:
            parts = (record[name] for name in self._key)
            self.last = tuple(part.value if isinstance(part, Odd) else part for part in parts)
            self.count += 1
            yield record


def _json_value(value: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
    """Return the value of a JSON column; text that is no JSON stays text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except msgspec.DecodeError:
        return value
