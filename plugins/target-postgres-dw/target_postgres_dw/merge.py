"""Gets a batch of rows into its table: COPY into staging, merge with exact counts, find the rows to refuse.

Everything happens inside the caller's transaction; only savepoints are used here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import psycopg
from sync_history.runs import Counts

from target_postgres_dw.copying import copy_in
from target_postgres_dw.identifiers import quoted
from target_postgres_dw.rows import BATCH_ROW, BATCHED_AT, DELETED_AT, EXTRACTED_AT, Block, JsonForm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.rows import RowEncoder, RowForm
    from target_postgres_dw.tables import Table

# The row is to blame: data exceptions, constraints, and limits of a row or an index entry (54000).
# Everything else is the database's trouble and stops the run.
ROW_ERRORS = (
    psycopg.errors.DataError,
    psycopg.errors.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.CardinalityViolation,  # a key twice in the batch
)
# Why rows do not go straight into a table: one is refused, or is there already, or the table has security by row.
NOT_DIRECT = (*ROW_ERRORS, psycopg.errors.FeatureNotSupported)
_stage_numbers = count(1)
_ROW = quoted(BATCH_ROW)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that Postgres refused: its line of the block, and why (no value of the row is in the reason)."""

    line: bytes
    reason: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class MergeRules:
    """What decides between a stored and an incoming row."""

    replication_column: str | None = None
    force: bool = False
    hard_delete: bool = False
    metadata: bool = True


class Merge:
    """Loads the rows of one schema into one table. Owns a staging table for as long as the connection lives.

    ``form`` is how the blocks are written: the lines of ``encoder``, if it is None.
    """

    def __init__(
        self,
        conn: Connection[TupleRow],
        table: Table,
        encoder: RowEncoder,
        rules: MergeRules,
        form: RowForm | None = None,
    ) -> None:
        self._conn = conn
        self.table = table
        self._rules = rules
        self._encoder = encoder
        self._form = form or JsonForm(encoder)
        self._key = [quoted(name) for name in encoder.key]
        self._values = [quoted(column.name) for column in encoder.columns if column.name not in encoder.key]
        self._sends_deleted = encoder.sends_deleted
        self._stage_name = f"stage_{next(_stage_numbers)}"
        self.stage = quoted("pg_temp", self._stage_name)
        stored = {column.name: table.columns[column.name] for column in encoder.columns}
        types = stored | {DELETED_AT: "timestamptz", EXTRACTED_AT: "timestamptz", BATCH_ROW: "integer"}
        types |= {name: staged.type for name, staged in self._form.staged.items()}
        columns = ", ".join(f"{quoted(name)} {types[name]}" for name in encoder.copy_columns)
        conn.execute(f"CREATE TEMP TABLE {quoted(self._stage_name)} ({columns}) ON COMMIT DELETE ROWS".encode())
        names = ", ".join(quoted(name) for name in self._form.copy_columns)
        self._copy = f"COPY {self.stage} ({names}) FROM STDIN ({self._form.copy_options})"
        names = ", ".join(quoted(name) for name in self._form.copy_columns[:-1])
        self._copy_to_table = f"COPY {table.sql} ({names}) FROM STDIN ({self._form.copy_options})"
        self._merge = self.merge_sql(where=f"s.{_ROW} >= %(low)s AND s.{_ROW} < %(high)s").encode()
        self._searching = False

    @property
    def can_be_direct(self) -> bool:
        """Whether rows may be copied straight into the table: it has all they bring, and none says that one is gone."""
        gone = self._sends_deleted or self._rules.hard_delete
        return self._rules.metadata and BATCHED_AT in self.table.stamped and not gone

    def copy_to_table(self, blocks: Sequence[Block]) -> bool:
        """Copy blocks without numbers into the table, if no row of them is there yet; else nothing has happened."""
        rows = sum(block.rows for block in blocks)
        with suppress(*NOT_DIRECT), self._conn.transaction():
            if copy_in(self._conn, self._copy_to_table, self._pieces(blocks)) == rows:
                return True
            raise psycopg.Rollback  # a trigger of the user's has left some out
        return False

    def _pieces(self, blocks: Sequence[Block]) -> Iterator[bytes]:
        return (self._form.copy_lines(block.lines) for block in blocks)

    def load(
        self, blocks: Sequence[Block], *, refusals_allowed: int, before_merge: Callable[[], None]
    ) -> tuple[Counts, list[RefusedRow]]:
        """Load blocks of rows; return what became of them and which were refused.

        ``before_merge`` is called when the rows stand in the staging table.

        Stops looking for more rows to refuse once there are more than ``refusals_allowed``; the caller must
        then roll back, since the counts cover only what was loaded until then.
        """
        self._searching = False
        refused = _Refusals(refusals_allowed)
        staged = self._stage(blocks, refused)
        counts = Counts()
        if staged and not refused.too_many:
            before_merge()
            self._drop_unknown_tombstones()
            if self._rules.hard_delete and self._key:
                self._drop_superseded(only_if=f"{quoted(DELETED_AT)} IS NOT NULL")
            counts = self._merge_range(blocks, blocks[0].first, blocks[-1].first + blocks[-1].rows, refused)
            merged_away = len(refused.rows) - (sum(block.rows for block in blocks) - staged)
            counts.unchanged = staged - merged_away - counts.created - counts.updated
        counts.failed = len(refused.rows)
        return counts, refused.rows

    def drop(self) -> None:
        """Drop the staging table."""
        self._conn.execute(f"DROP TABLE IF EXISTS {self.stage}".encode())

    def _stage(self, blocks: Sequence[Block], refused: _Refusals) -> int:
        """COPY the blocks into the staging table, as many at once as go; return the rows staged."""
        if refused.too_many:
            return 0
        try:
            with self._conn.transaction():
                copy_in(self._conn, self._copy, self._pieces(blocks))
        except ROW_ERRORS as error:
            if len(blocks) > 1:
                # One block at a time: a bad row costs its own block a second COPY, and the good ones just one.
                return sum(self._stage([block], refused) for block in blocks)
            if blocks[0].rows == 1:
                refused.add(blocks[0].lines.rstrip(b"\n"), error)
                return 0
            return sum(self._stage([half], refused) for half in _halves(blocks[0]))
        return sum(block.rows for block in blocks)

    def _merge_range(self, blocks: Sequence[Block], low: int, high: int, refused: _Refusals) -> Counts:
        """Merge the staged rows numbered low (inclusive) to high (exclusive), by halves where a row is refused."""
        if refused.too_many:
            return Counts()
        try:
            with self._conn.transaction():
                return self._execute_merge(low, high)
        except ROW_ERRORS as error:
            if not self._searching:
                self._begin_search()
                return self._merge_range(blocks, low, high, refused)
            if high - low == 1:
                refused.add(_line(blocks, low), error)
                return Counts()
        middle = (low + high) // 2
        counts = self._merge_range(blocks, low, middle, refused)
        counts += self._merge_range(blocks, middle, high, refused)
        return counts

    def _begin_search(self) -> None:
        """Prepare the staging table for halving: one row a key, since halves are merged apart, and an index.

        Both cost every batch time, so they wait for the first trouble, which often is a key twice in the batch.
        """
        self._searching = True
        if self._key:
            self._drop_superseded()
        index = quoted(f"{self._stage_name}_row")
        self._conn.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {self.stage} ({_ROW})".encode())
        self._conn.execute(f"ANALYZE {self.stage}".encode())

    def _execute_merge(self, low: int, high: int) -> Counts:
        bounds = {"low": low, "high": high}
        row = self._conn.execute(self._merge, bounds).fetchone()
        created, updated = row or (0, 0)
        deleted = 0
        if self._rules.hard_delete and self._key:
            on = " AND ".join(f"t.{name} = s.{name}" for name in self._key)
            deleted = self._conn.execute(
                f"DELETE FROM {self.table.sql} AS t USING {self.stage} AS s WHERE {on}{self._unless_newer('s')}"
                f" AND s.{quoted(DELETED_AT)} IS NOT NULL AND s.{_ROW} >= %(low)s AND s.{_ROW} < %(high)s".encode(),
                bounds,
            ).rowcount
        return Counts(created=created, updated=updated, deleted=deleted)

    def _unless_newer(self, incoming: str) -> str:
        """Return the condition that a stored row (t) is not newer than the incoming one.

        A null on either side says nothing about age: the incoming row wins.
        """
        if self._rules.force or not self._rules.replication_column:
            return ""
        column = quoted(self._rules.replication_column)
        return f" AND (t.{column} > {incoming}.{column}) IS NOT TRUE"

    def _drop_superseded(self, *, only_if: str = "true") -> None:
        """Leave one row a key in the staging table: the greatest replication key wins, ties the last.

        Does nothing if no staged row meets the condition ``only_if``.
        """
        order = f"{quoted(self._rules.replication_column)} DESC NULLS LAST, " if self._rules.replication_column else ""
        self._conn.execute(
            f"DELETE FROM {self.stage} WHERE EXISTS (SELECT FROM {self.stage} WHERE {only_if}) AND {_ROW} IN ("
            f"SELECT {_ROW} FROM (SELECT {_ROW}, row_number() OVER"
            f" (PARTITION BY {', '.join(self._key)} ORDER BY {order}{_ROW} DESC) AS place FROM {self.stage}) AS ranked"
            " WHERE place > 1)".encode()
        )

    def _drop_unknown_tombstones(self) -> None:
        """Leave out deleted records that are no more than their key, of rows that are not here: nothing is made up."""
        if not self._sends_deleted or not self._key:
            return
        bare = f"ROW({', '.join(f's.{name}' for name in self._values)}) IS NULL" if self._values else "true"
        stored = " AND ".join(f"t.{name} = s.{name}" for name in self._key)
        other = " AND ".join(f"o.{name} = s.{name}" for name in self._key)
        self._conn.execute(
            f"DELETE FROM {self.stage} AS s WHERE s.{quoted(DELETED_AT)} IS NOT NULL AND {bare}"
            f" AND NOT EXISTS (SELECT FROM {self.table.sql} AS t WHERE {stored})"
            f" AND NOT EXISTS (SELECT FROM {self.stage} AS o WHERE {other} AND o.{_ROW} <> s.{_ROW})".encode()
        )

    def merge_sql(self, *, where: str, extracted_at: str | None = None) -> str:
        """Return the statement that merges the staged rows of a condition and counts them.

        ``extracted_at`` is an expression that stands for the staged column of that name.
        """
        encoder = self._encoder
        data = [quoted(column.name) for column in encoder.columns]
        pairs = {name: f"s.{name}" for name in data}
        pairs |= {quoted(name): staged.value.format(f"s.{quoted(name)}") for name, staged in self._form.staged.items()}
        if self._rules.metadata:
            pairs[quoted(EXTRACTED_AT)] = extracted_at or f"s.{quoted(EXTRACTED_AT)}"
            pairs[quoted(BATCHED_AT)] = "now()"
        if DELETED_AT in self.table.columns:
            pairs[quoted(DELETED_AT)] = f"s.{quoted(DELETED_AT)}"
            data.append(quoted(DELETED_AT))
        if self._rules.hard_delete and self._key:
            where += f" AND s.{quoted(DELETED_AT)} IS NULL"
        insert = (
            f"INSERT INTO {self.table.sql} AS t ({', '.join(pairs)})"
            f" SELECT {', '.join(pairs.values())} FROM {self.stage} AS s WHERE {where}"
        )
        if not self._key:
            return f"WITH merged AS ({insert} RETURNING 1) SELECT count(*), 0 FROM merged"
        changes = [name for name in pairs if name not in self._key]
        values = [name for name in data if name not in self._key]
        if values:
            new = {name: f"excluded.{name}" for name in changes}
            if encoder.sends_deleted and DELETED_AT in self.table.columns:
                # A deleted record may be no more than its key: what it does not say stays as it was.
                gone = f"excluded.{quoted(DELETED_AT)} IS NOT NULL"
                for name in set(values) - {quoted(DELETED_AT)}:
                    new[name] = f"CASE WHEN {gone} THEN coalesce(excluded.{name}, t.{name}) ELSE excluded.{name} END"
            stored = ", ".join(f"t.{name}" for name in values)
            incoming = ", ".join(new[name] for name in values)
            condition = f"ROW({stored}) IS DISTINCT FROM ROW({incoming}){self._unless_newer('excluded')}"
            sets = ", ".join(f"{name} = {value}" for name, value in new.items())
            action = f"DO UPDATE SET {sets} WHERE {condition}"
        else:
            action = "DO NOTHING"
        # xmax is 0 in a row just inserted, and the locking transaction in one that was there before.
        return (
            f"WITH merged AS ({insert} ON CONFLICT ({', '.join(self._key)}) {action} RETURNING (t.xmax = 0) AS created)"
            " SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM merged"
        )


class _Refusals:
    """The rows refused so far, and whether there are more than allowed."""

    def __init__(self, allowed: int) -> None:
        self.rows: list[RefusedRow] = []
        self._allowed = allowed

    @property
    def too_many(self) -> bool:
        return len(self.rows) > self._allowed

    def add(self, line: bytes, error: psycopg.Error) -> None:
        in_copy = _COPY_COLUMN.search(error.diag.context or "")
        column = in_copy[1] if in_copy else error.diag.column_name
        self.rows.append(RefusedRow(line, reason_of(error), column))


_COPY_COLUMN = re.compile(r"^COPY \S+, line \d+, column ([^:\s]+)", re.MULTILINE)


def reason_of(error: psycopg.Error) -> str:
    """Say why Postgres refused a row, without the values of the row: its primary message may quote them."""
    code = error.sqlstate or "?????"
    condition = type(error).__name__
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in condition).strip()
    constraint = f", constraint {error.diag.constraint_name}" if error.diag.constraint_name else ""
    return f"{words} (SQLSTATE {code}{constraint})"


def _halves(block: Block) -> Iterator[Block]:
    lines = block.lines.splitlines(keepends=True)
    middle = len(lines) // 2
    yield Block(b"".join(lines[:middle]), middle, block.first)
    yield Block(b"".join(lines[middle:]), len(lines) - middle, block.first + middle)


def _line(blocks: Sequence[Block], number: int) -> bytes:
    block = next(block for block in blocks if block.first <= number < block.first + block.rows)
    return block.lines.split(b"\n")[number - block.first]
