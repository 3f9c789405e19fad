"""A stream that reads one table of Genius."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import msgspec
from tap_kit.bookmarks import parse_time
from tap_kit.errors import SkipStream
from tap_kit.stream import KitStream
from typing_extensions import override

from tap_genius.client import Query, Tally, moment_of, naive_bound
from tap_genius.columns import quote

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.types import Context

    from tap_genius.columns import Column, LiveColumn
    from tap_genius.tables import Table
    from tap_genius.tap import TapGenius

# Measured with 31 columns: 1,000 costs a tenth of the speed, more than 5,000 brings nothing.
PAGE_SIZE = 5_000
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
        yield from self._records_by(self._query(self._selected()), self.span.last_key)
        if self.keys_only:
            self._check_host()

    @override
    def records_of(self, keys: Sequence[tuple[int | str, ...]]) -> Iterator[dict[str, t.Any]]:
        for start in range(0, len(keys), KEYS_AT_ONCE):
            query = self._query(self._selected()).of_keys(keys[start : start + KEYS_AT_ONCE])
            yield from self._records_by(query, None)

    def _records_by(self, query: Query, after: tuple[int | str, ...] | None) -> Iterator[dict[str, t.Any]]:
        names = [column.name for column in self._selected()]
        json_names = [column.name for column in self._selected() if column.is_json]
        for row in self._read(query, after):
            record = dict(zip(names, row, strict=True))
            for name in json_names:
                record[name] = _json_value(record[name])
            yield record

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

    def _read(self, query: Query, after: tuple[int | str, ...] | None) -> Iterator[tuple[t.Any, ...]]:
        size = self.config.get("page_size") or PAGE_SIZE
        limits = (self.ABORT_AT_RECORD_COUNT, self.config.get("max_records"))
        page_size = min([size, *(limit for limit in limits if limit)])
        # The report counts for itself: it has the attributes of a tally.
        return self.genius.read(query, after=after, page_size=page_size, tally=t.cast("Tally", self.report))

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
        return f"{' AND '.join(parts)} OR {changed} IS NULL", tuple(moments)

    def _wall_clock(self, column: str, moment: datetime) -> datetime:
        """Return a bound as a column writes it: TIMESTAMP is UTC, and a DATE knows no time of day."""
        if self._types[column] == "timestamp":
            return naive_bound(moment, UTC)
        bound = naive_bound(moment, self.zone)
        return datetime.combine(bound, time.min) if self._types[column] == "date" else bound


def _json_value(value: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
    """Return the value of a JSON column; text that is no JSON stays text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except msgspec.DecodeError:
        return value
