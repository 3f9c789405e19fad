"""Loads the files of BATCH messages: COPY text that the tap has made, with no step per row here.

docs/batch.md describes the message and the format.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec
import psycopg
from sync_history.runs import Counts

from target_postgres_dw.copying import copy_in
from target_postgres_dw.errors import InputError
from target_postgres_dw.identifiers import quoted
from target_postgres_dw.merge import NOT_DIRECT, ROW_ERRORS, Merge
from target_postgres_dw.rows import (
    BATCH_ROW,
    BATCHED_AT,
    BYTES_PER_BLOCK,
    DELETED_AT,
    EXTRACTED_AT,
    ROWS_PER_BLOCK,
    Block,
    Staged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.merge import MergeRules, RefusedRow
    from target_postgres_dw.rows import Column, RowEncoder
    from target_postgres_dw.tables import Table

FORMAT = "copy-text"
_PIECE = 1 << 19
_TEXT_TYPES = re.compile(r"text|character.*")
# Texts are stored as a RECORD would have them: its date-times are written by msgspec.
_AS_TEXT = {
    "timestamp with time zone": (
        "to_char({0}, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        " || CASE WHEN date_trunc('second', {0}) = {0} THEN '' ELSE to_char({0}, '.US') END || 'Z'"
    ),
}
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class Batch:
    """One file of rows in COPY's text format.

    Attributes:
        path: Where it lies.
        rows: How many rows it holds.
        columns: Properties in the order of its fields.
        extracted_at: When the tap read it, ISO with offset.
        disjoint: Whether no other batch of this run holds a key of this one.
    """

    path: Path
    rows: int
    columns: tuple[str, ...]
    extracted_at: str
    disjoint: bool


class Encoding(msgspec.Struct, gc=False):
    """``encoding`` of a BATCH message."""

    format: str
    columns: list[str] = []
    compression: str | None = None


def batches_of(
    stream: str,
    encoding: msgspec.Raw,
    manifest: Sequence[str],
    *,
    rows: int | None,
    extracted_at: str | None,
    disjoint: bool,
) -> list[Batch]:
    """Read a BATCH message.

    Raises:
        InputError: if it is of another format, or lacks what this one needs.
    """
    try:
        told = msgspec.json.decode(encoding, type=Encoding)
    except msgspec.DecodeError as error:
        raise InputError(
            f"Stream {stream}: a BATCH without a readable encoding. This is an error of the tap."
        ) from error
    if told.format != FORMAT or told.compression not in {None, "none"}:
        raise InputError(
            f"Stream {stream}: BATCH files of the format {told.format!r} cannot be loaded, only those of {FORMAT!r}, "
            "uncompressed. Unset batch_config in the tap."
        )
    if not told.columns or not extracted_at or (rows is None or len(manifest) != 1):
        raise InputError(
            f"Stream {stream}: a BATCH of {FORMAT} must tell its columns, its rows, when it was read, and one file. "
            "This is an error of the tap."
        )
    return [Batch(_path(stream, manifest[0]), rows, tuple(told.columns), extracted_at, disjoint)]


def _path(stream: str, url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise InputError(
            f"Stream {stream}: the BATCH file {url} is not on this machine. Let batch_config.storage.root of the tap "
            "name a folder that tap and loader share."
        )
    return Path(unquote(parts.path))


class BatchFiles:
    """The files that a tap has handed over: removed once they are loaded, and guarded from being swept until then.

    A tap removes the folders of runs that are gone. Tap and loader hold a shared lock on ``lock`` in the folder as long
    as they need it.
    """

    def __init__(self) -> None:
        self._locks: dict[Path, int] = {}

    def guard(self, batch: Batch) -> None:
        """Take care that nobody sweeps the folder of a batch."""
        folder = batch.path.parent
        if folder not in self._locks:
            with suppress(OSError):
                handle = os.open(folder / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                self._locks[folder] = handle
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def remove(self, batch: Batch) -> None:
        """Remove the file of a batch whose rows are committed, or will never be wanted."""
        with suppress(OSError):
            batch.path.unlink()

    def close(self) -> None:
        """Let go of the folders, and remove those that are empty: their taps have ended, too."""
        for folder, handle in self._locks.items():
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.listdir(folder) == ["lock"]:  # noqa: PTH208 -- names only
                    (folder / "lock").unlink()
                    folder.rmdir()
            os.close(handle)
        self._locks.clear()


def open_file(batch: Batch) -> IO[bytes]:
    """Open the file of a batch.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return os.fdopen(os.open(batch.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0)
    except OSError as error:
        raise InputError(
            f"The BATCH file {batch.path} cannot be read ({error.strerror}). Tap and loader must run on one machine "
            "and as one user; run the tap again."
        ) from error


class TextForm:
    """The lines of COPY's text format, fields in the order of a batch, then what ``RowEncoder`` ends its rows with."""

    copy_options = "FORMAT text"

    def __init__(self, encoder: RowEncoder, table: Table, properties: Sequence[str]) -> None:
        by_property = {column.source: column for column in encoder.columns}
        self._encoder = encoder
        self.columns: list[Column] = [by_property[name] for name in properties]
        names = [column.name for column in self.columns]
        self.copy_columns: Sequence[str] = (*names, DELETED_AT, EXTRACTED_AT, BATCH_ROW)
        staged = {column.name: _staged(column, table.columns[column.name]) for column in self.columns}
        self.staged: Mapping[str, Staged] = {name: found for name, found in staged.items() if found is not None}

    def copy_lines(self, lines: bytes) -> bytes:
        """Return the lines: COPY takes them as they are."""
        return lines

    def record_of(self, line: bytes) -> dict[str, Any]:
        """Return the record of a line, for a reject: the values as a RECORD would have brought them."""
        fields = line.split(b"\t")
        values = {column.source: _value(column, text) for column, text in zip(self.columns, fields, strict=False)}
        return {column.source: values.get(column.source) for column in self._encoder.columns}


def _staged(column: Column, stored: str) -> Staged | None:
    """Return how a column is staged if its text is not at once the text of what is stored."""
    if column.type == "bytea":
        return Staged("text", "decode({}, 'hex')")
    if _TEXT_TYPES.fullmatch(stored) and not _TEXT_TYPES.fullmatch(column.type):
        return Staged(column.type, _AS_TEXT.get(column.type, "{}::text"))
    return None


def _value(column: Column, text: bytes) -> Any:  # noqa: ANN401 -- any JSON value
    if text == b"\\N":
        return None
    value = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text).decode(errors="replace")
    if column.type in {"smallint", "integer", "bigint"}:
        with suppress(ValueError):
            return int(value)
    elif column.type == "boolean":
        return {"0": False, "1": True}.get(value, value)
    elif column.type == "jsonb":
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(value)
    elif column.type.startswith("timestamp"):
        return value.replace(" ", "T") + "Z"
    return value


class BatchMerge:
    """Loads batches with the same columns into one table, over one connection."""

    def __init__(
        self,
        conn: Connection[TupleRow],
        table: Table,
        encoder: RowEncoder,
        rules: MergeRules,
        properties: Sequence[str],
    ) -> None:
        self._conn = conn
        self._metadata = rules.metadata
        self.form = TextForm(encoder, table, properties)
        self.merge = Merge(conn, table, encoder, rules, self.form)
        self._merge_all = self.merge.merge_sql(where="true", extracted_at="%(extracted_at)s::timestamptz").encode()
        names = [quoted(column.name) for column in self.form.columns]
        self._copy_to_stage = f"COPY {self.merge.stage} ({', '.join(names)}) FROM STDIN"
        self._fills_itself = BATCHED_AT in table.stamped
        if rules.metadata:
            names.append(quoted(EXTRACTED_AT))
            if not self._fills_itself:
                names.append(quoted(BATCHED_AT))
        self._copy_to_table = f"COPY {table.sql} ({', '.join(names)}) FROM STDIN"

    @property
    def can_be_direct(self) -> bool:
        """Whether the text of each column is the text of what is stored."""
        return not self.form.staged

    def copy_to_table(self, batch: Batch) -> bool:
        """Copy a batch straight into the table, if no row of it is there yet; else nothing has happened.

        Raises:
            InputError: if the file cannot be read.
        """
        tail = b"\n"
        if self._metadata:
            stamp = b"\t" + batch.extracted_at.encode()
            row = self._conn.execute("SELECT now()::text").fetchone()
            now = b"" if self._fills_itself or row is None else b"\t" + str(row[0]).encode()
            tail = stamp + now + b"\n"
        with suppress(*NOT_DIRECT), self._conn.transaction():
            if self._copy(self._copy_to_table, batch, tail) == batch.rows:
                return True
            raise psycopg.Rollback  # the file is not whole, or a trigger of the user's has left some out
        return False

    def load(
        self, batch: Batch, *, refusals_allowed: int, before_merge: Callable[[], None]
    ) -> tuple[Counts, list[RefusedRow]]:
        """Merge a batch; return what became of its rows and which were refused.

        As a whole if it goes; if a row is refused, or a key comes twice, as ``Merge.load`` does.

        Raises:
            InputError: if the file cannot be read or does not hold the rows that it should.
        """
        try:
            with self._conn.transaction():
                self._conn.execute(f"TRUNCATE {self.merge.stage}".encode())
                rows = self._copy(self._copy_to_stage, batch)
                if rows != batch.rows:
                    raise InputError(
                        f"The BATCH file {batch.path} holds {rows} rows, but its message says {batch.rows}. "
                        "Nothing of it was committed; run the tap again."
                    )
                before_merge()
                row = self._conn.execute(self._merge_all, {"extracted_at": batch.extracted_at}).fetchone()
                created, updated = row or (0, 0)
                return Counts(created=created, updated=updated, unchanged=batch.rows - created - updated), []
        except ROW_ERRORS:
            blocks = list(self._blocks(batch))
            return self.merge.load(blocks, refusals_allowed=refusals_allowed, before_merge=before_merge)

    def _copy(self, statement: str, batch: Batch, line_end: bytes = b"\n") -> int:
        """Copy the lines of a batch; return how many rows Postgres took."""
        with open_file(batch) as file:
            pieces: Iterator[bytes] = iter(partial(file.read, _PIECE), b"")
            if line_end != b"\n":
                pieces = (piece.replace(b"\n", line_end) for piece in pieces)
            return copy_in(self._conn, statement, pieces)

    def _blocks(self, batch: Batch) -> Iterator[Block]:
        """Cut the file into blocks of numbered lines."""
        middle = b"\t\\N\t" + batch.extracted_at.encode() + b"\t"
        lines: list[bytes] = []
        first = size = number = 0
        with open_file(batch) as raw, os.fdopen(os.dup(raw.fileno()), "rb") as file:
            for number, line in enumerate(file, start=1):
                lines.append(b"%b%b%d\n" % (line[:-1], middle, number - 1))
                size += len(line)
                if len(lines) == ROWS_PER_BLOCK or size >= BYTES_PER_BLOCK:
                    yield Block(b"".join(lines), len(lines), first)
                    lines, first, size = [], number, 0
        if lines:
            yield Block(b"".join(lines), len(lines), first)

    def drop(self) -> None:
        """Drop the staging table."""
        self.merge.drop()
