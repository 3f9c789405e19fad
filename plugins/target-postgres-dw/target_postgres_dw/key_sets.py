"""Finds the rows that are gone from the source: those whose key is not in the set of keys that the tap sent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from target_postgres_dw.copying import copy_in
from target_postgres_dw.errors import InputError, LoaderError
from target_postgres_dw.identifiers import quoted
from target_postgres_dw.merge import reason_of
from target_postgres_dw.rows import BATCH_ROW, BATCHED_AT, DELETED_AT, JsonForm, RowBuffer, copy_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.rows import Block, RowEncoder
    from target_postgres_dw.tables import Table

_numbers = count(1)


class SweepRefusedError(LoaderError):
    """The sweep would delete more than it may: rather the source was read wrongly than that much vanished."""

    category = "sweep"


@dataclass(frozen=True, slots=True)
class Within:
    """The stretch of time that a key set covers: rows outside of it, and those without a time, are not judged."""

    column: str
    start: str
    end: str

    @classmethod
    def from_schema(cls, schema: Mapping[str, Any], columns: Mapping[str, str]) -> Within | None:
        """Read ``x-sweep-within`` of a SCHEMA; None if the key set holds all keys there are.

        Args:
            schema: Of the key set.
            columns: Column of the table for each property of the stream.

        Raises:
            InputError: if it cannot be read: taken for all keys there are, it would delete everything outside.
        """
        told = schema.get("x-sweep-within")
        if told is None:
            return None
        found = told if isinstance(told, dict) else {}
        column, start, end = columns.get(str(found.get("column"))), found.get("start"), found.get("end")
        if column is None or not isinstance(start, str) or not isinstance(end, str):
            raise InputError(
                "The x-sweep-within of a key set needs a column of its stream, a start and an end. This is an error of "
                "the tap."
            )
        return cls(column, start, end)


class KeySet:
    """The keys of one stream, in a temporary table that outlives the flushes of the run."""

    def __init__(self, conn: Connection[TupleRow], table: Table) -> None:
        self._conn = conn
        self._table = table
        self._name = quoted("pg_temp", f"keys_{next(_numbers)}")
        self._key = [quoted(name) for name in table.key]
        columns = ", ".join(f"{quoted(name)} {table.columns[name]}" for name in table.key)
        conn.execute(f"CREATE TEMP TABLE {self._name} ({columns})".encode())

    def copy(self, blocks: Sequence[Block], encoder: RowEncoder) -> None:
        """Add the keys of blocks that ``encoder`` made."""
        if not blocks:
            return
        stage = quoted("pg_temp", f"keys_stage_{next(_numbers)}")
        types = [self._table.columns[column.name] for column in encoder.columns]
        columns = [
            f"{quoted(name)} {column_type}"
            for name, column_type in zip(encoder.copy_columns, [*types, "text", "text", "integer"], strict=True)
        ]
        self._conn.execute(f"CREATE TEMP TABLE {stage} ({', '.join(columns)}) ON COMMIT DROP".encode())
        statement = f"COPY {stage} FROM STDIN ({JsonForm.copy_options})"
        copy_in(self._conn, statement, (copy_lines(block.lines) for block in blocks))
        self.add_from(stage)

    def add_from(self, stage: str, *, without: Sequence[int] = ()) -> None:
        """Add the keys that stand in a staging table, but those of the rows ``without`` (numbers in the batch)."""
        key = ", ".join(self._key)
        self._conn.execute(
            f"INSERT INTO {self._name} ({key}) SELECT {key} FROM {stage}"
            f" WHERE {quoted(BATCH_ROW)} <> ALL (%s)".encode(),
            (list(without),),
        )

    def apply(
        self,
        table: Table,
        *,
        stream: str,
        max_share: float,
        hard_delete: bool,
        dry_run: bool,
        within: Within | None = None,
    ) -> int:
        """Delete the live rows of ``table`` whose key is not in the set, softly unless ``hard_delete``.

        With ``within`` only rows of that stretch are judged, and counted for ``max_share``.

        Returns the number of rows. A row marked as deleted whose key is in the set again lives again.

        A dry run only counts.

        Raises:
            SweepRefusedError: if more than ``max_share`` of the live rows would go.
        """
        self._conn.execute(f"ANALYZE {self._name}".encode())
        on = " AND ".join(f"k.{name} = t.{name}" for name in self._key)
        has_mark = DELETED_AT in table.columns
        alive = f"t.{quoted(DELETED_AT)} IS NULL" if has_mark else "true"
        if within is not None:
            bounds = [sql.Literal(moment).as_string(self._conn) for moment in (within.start, within.end)]
            column = f"t.{quoted(within.column)}"
            alive += f" AND {column} >= {bounds[0]}::timestamptz AND {column} < {bounds[1]}::timestamptz"
        gone = f"{alive} AND NOT EXISTS (SELECT FROM {self._name} AS k WHERE {on})"
        counted = self._conn.execute(
            f"SELECT count(*) FILTER (WHERE {alive}), count(*) FILTER (WHERE {gone}) FROM {table.sql} AS t".encode()
        ).fetchone()
        live, missing = counted or (0, 0)
        if missing > live * max_share:
            raise SweepRefusedError(
                f"Stream {stream}: {missing} of {live} rows are not in the source any more, which is more than "
                f"max_deleted_share = {max_share:g} allows, so none was deleted. If that is right, raise "
                "the tap's setting max_deleted_share for one run."
            )
        if dry_run:
            return int(missing)
        if hard_delete:
            return self._delete(table, gone, stream)
        touched = f", {quoted(BATCHED_AT)} = now()" if BATCHED_AT in table.columns else ""
        self._conn.execute(
            f"UPDATE {table.sql} AS t SET {quoted(DELETED_AT)} = NULL{touched}"
            f" WHERE t.{quoted(DELETED_AT)} IS NOT NULL AND EXISTS (SELECT FROM {self._name} AS k WHERE {on})".encode()
        )
        if not missing:
            return 0
        return self._conn.execute(
            f"UPDATE {table.sql} AS t SET {quoted(DELETED_AT)} = now(){touched} WHERE {gone}".encode()
        ).rowcount

    def _delete(self, table: Table, gone: str, stream: str) -> int:
        try:
            return self._conn.execute(f"DELETE FROM {table.sql} AS t WHERE {gone}".encode()).rowcount
        except psycopg.errors.IntegrityError as error:
            raise SweepRefusedError(
                f"Stream {stream}: rows that are gone from the source cannot be deleted, because other rows of the "
                f"warehouse refer to them: {reason_of(error)}. Set hard_delete to false, or drop the reference."
            ) from error

    def drop(self) -> None:
        """Drop the temporary table."""
        self._conn.execute(f"DROP TABLE IF EXISTS {self._name}".encode())


class Sweep:
    """Gathers the keys that say which rows of one stream still exist.

    Either the tap sends all keys of the source (``expect_keys``, ``add_key``), or, for taps that know
    ACTIVATE_VERSION, the keys of the records themselves are gathered (``see_version``, ``activate``).
    """

    def __init__(self, max_share: float) -> None:
        self._max_share = max_share
        self._keys: KeySet | None = None
        self._encoder: RowEncoder | None = None
        self._within: Within | None = None
        self._buffer = RowBuffer()
        self.version: int | None = None
        self.activated: int | None = None
        self._outdated: list[int] = []

    def see_version(self, version: int, row: int) -> None:
        """Note the version that a record carries; ``row`` is its number in the batch."""
        if self.version is not None and version < self.version:
            self._outdated.append(row)
        else:
            self.version = version

    def expect_keys(self, encoder: RowEncoder, max_share: float | None, within: Within | None = None) -> None:
        """Begin a key set: the tap will now send all keys that the source holds, or those of a stretch of time."""
        self._encoder = encoder
        self._within = within
        if max_share is not None:
            self._max_share = max_share

    def add_key(self, record: msgspec.Raw) -> None:
        """Take one key of the set."""
        if self._encoder is not None:
            self._buffer.add(self._encoder.decode(record), None, len(record))

    @property
    def was_asked_for(self) -> bool:
        """Tell whether the tap wants rows that are gone to be deleted."""
        return self._encoder is not None or self.activated is not None

    @property
    def by_version(self) -> bool:
        """Tell whether only ACTIVATE_VERSION asks for it."""
        return self._encoder is None

    def load(self, conn: Connection[TupleRow], table: Table) -> None:
        """Copy the keys that wait into the session's table of keys, inside the caller's transaction."""
        if self._encoder is not None:
            blocks = self._buffer.take(only_marked=False)
            self._key_set(conn, table).copy(blocks, self._encoder)

    def see_rows(self, conn: Connection[TupleRow], table: Table, stage: str) -> None:
        """Gather the keys of staged records, if they carry a version."""
        if self.version is not None and table.key:
            self._key_set(conn, table).add_from(stage, without=self._outdated)
        self._outdated = []

    def apply(self, table: Table, *, stream: str, hard_delete: bool, dry_run: bool) -> int:
        """Delete what is gone; return the number of rows.

        Raises:
            SweepRefusedError: if that is more than may go.
        """
        if self._keys is None:
            return 0
        return self._keys.apply(
            table,
            stream=stream,
            max_share=self._max_share,
            hard_delete=hard_delete,
            dry_run=dry_run,
            within=self._within,
        )

    def drop(self) -> None:
        """Give back the session's table of keys."""
        if self._keys is not None:
            self._keys.drop()
            self._keys = None

    def _key_set(self, conn: Connection[TupleRow], table: Table) -> KeySet:
        if self._keys is None:
            self._keys = KeySet(conn, table)
        return self._keys
