"""Records of one schema: JSON in, the rows of a COPY out, with no Python step per field.

A record is decoded into a struct made for its schema, which checks the types on the way, and leaves as one
line of a JSON array. Such a line is almost a line of COPY's CSV format (see ``copy_lines``).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import count
from operator import add
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from msgspec.structs import astuple

from target_postgres_dw.identifiers import unique_identifiers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EXTRACTED_AT = "_sdc_extracted_at"
BATCHED_AT = "_sdc_batched_at"
DELETED_AT = "_sdc_deleted_at"
# Number of a row within its batch; only in staging tables.
BATCH_ROW = "_sdc_batch_row"
RESERVED = frozenset({EXTRACTED_AT, BATCHED_AT, DELETED_AT, BATCH_ROW})

ROWS_PER_BLOCK = 1000
BYTES_PER_BLOCK = 4 * 1024 * 1024
_NULL = msgspec.Raw(b"null")
_ENCODER = msgspec.json.Encoder(decimal_format="string")
_REPLACEMENT = "\ufffd"
_CLOCK: Any = dt.time | None
_MOST_DIGITS = 40


class RecordRefusedError(Exception):
    """The record does not fit the schema. ``field`` names the property, if one is to blame."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


class NoRecordError(Exception):
    """The record is no JSON object: the tap is broken."""


class KeyMissingError(Exception):
    """The record lacks a property of its key: the tap is broken."""


class RequiredMissingError(Exception):
    """The record lacks a property that its schema requires: the tap is broken."""


class InvalidSchemaError(Exception):
    """A property's schema is no JSON Schema. The message is the name of the property."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its Postgres type as ``format_type`` writes it, and the property (``source``) it holds."""

    name: str
    type: str
    source: str
    schema: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def python_type(self) -> Any:  # noqa: ANN401 -- a type expression
        """What msgspec decodes the property to. ``Raw`` (JSON text) where the type alone does not decide."""
        allowed = _json_types(self.schema)
        for column_types, json_types, python_type in _PYTHON_TYPES:
            if self.type in column_types and allowed and allowed <= json_types:
                return python_type | None
        return str | None if allowed == {"string"} and self.type not in {"jsonb", "bytea"} else msgspec.Raw


# Column types and JSON types that a decoded type stands for. Postgres would take words such as 'now' and 'infinity'
# for times; the types of datetime take ISO 8601 alone.
_PYTHON_TYPES: tuple[tuple[set[str], set[str], type], ...] = (
    ({"smallint", "integer", "bigint"}, {"integer"}, int),
    ({"numeric"}, {"integer", "number"}, Decimal),
    ({"boolean"}, {"boolean"}, bool),
    ({"timestamp with time zone", "timestamp without time zone"}, {"string"}, dt.datetime),
    ({"date"}, {"string"}, dt.date),
    ({"time without time zone"}, {"string"}, dt.time),
)


def _column(
    name: str,
    source: str,
    schema: Any,  # noqa: ANN401 -- what a tap sends
    column_type: Callable[[dict[str, Any]], str],
) -> Column:
    """Return the column of a property.

    Raises:
        InvalidSchemaError: if its schema is none.
    """
    try:
        # The schema ``true`` allows anything, as ``{}`` does.
        column = Column(
            name, column_type({} if schema is True else dict(schema)), source, {} if schema is True else schema
        )
        _ = column.python_type
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidSchemaError(source) from error
    return column


def _json_types(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types, but null, that a property may have; empty if it may have any."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {kinds} - {"null"}
    if kinds is not None:
        return set(kinds) - {"null"}
    options = schema.get("anyOf") or schema.get("oneOf") or []
    found: set[str] = set()
    for option in options:
        types = _json_types(option)
        if not types and "type" not in option:
            return set()
        found |= types
    return found


class RowEncoder:
    """Turns the records of one schema into blocks of JSON lines, one array a row.

    Order of the fields: ``columns``, then ``_sdc_deleted_at``, ``_sdc_extracted_at``, and the row's number
    within the batch, which breaks ties between rows of one key.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        key_properties: Sequence[str],
        column_type: Callable[[dict[str, Any]], str],
        *,
        validate: bool = True,
        stream: str = "",
    ) -> None:
        properties = {name: sub for name, sub in schema["properties"].items() if not name.startswith("_sdc_")}
        names = unique_identifiers(properties, RESERVED)
        self.columns = tuple(_column(names[name], name, sub, column_type) for name, sub in properties.items())
        required = schema.get("required") if validate else None
        self._required = set(required if isinstance(required, list) else []) & set(properties)
        self.key_properties = tuple(key_properties)
        self.sends_deleted = DELETED_AT in schema["properties"]
        by_property = {column.source: column for column in self.columns}
        unknown = [name for name in key_properties if name not in by_property]
        if unknown:
            raise RecordRefusedError(f"the key {', '.join(unknown)} is no property of the schema")
        self.key = tuple(by_property[name].name for name in key_properties)
        self._key_positions = [self.columns.index(by_property[name]) for name in key_properties]
        types = [column.python_type if validate else msgspec.Raw for column in self.columns]
        self._raw = [
            (position, column)
            for position, (column, kind) in enumerate(zip(self.columns, types, strict=True))
            if kind is msgspec.Raw
        ]
        self._clocks = [(position, column) for position, column in enumerate(self.columns) if types[position] == _CLOCK]
        fields: list[tuple[str, Any, Any]] = [
            (
                f"f{position}",
                kind | msgspec.UnsetType if position in self._key_positions and kind is not msgspec.Raw else kind,
                default,
            )
            for position, kind in enumerate(types)
            for default in [self._default(position, kind)]
        ]
        rename = {f"f{position}": column.source for position, column in enumerate(self.columns)}
        record = msgspec.defstruct(
            "Record",
            [*fields, ("deleted_at", str | None, None)],
            rename={**rename, "deleted_at": DELETED_AT},
            kw_only=True,
            gc=False,
        )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(record)
        # What else may stand in a RECORD, a table version above all, wants a closer look.
        message = msgspec.defstruct(
            "RecordMessage",
            [
                ("type", Literal["RECORD"]),
                ("stream", Literal[stream]),
                ("record", record),
                ("time_extracted", str | None, None),
                ("version", None, None),
            ],
            gc=False,
            forbid_unknown_fields=True,
        )
        self._messages_decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[message])  # type: ignore[valid-type]

    def _default(self, position: int, kind: Any) -> Any:  # noqa: ANN401 -- a type expression, any value
        """Return what an absent property is decoded to; without a default, the decoder refuses the record."""
        if position in self._key_positions:
            return _NULL if kind is msgspec.Raw else msgspec.UNSET
        if self.columns[position].source in self._required:
            return msgspec.NODEFAULT
        return _NULL if kind is msgspec.Raw else None

    @cached_property
    def copy_columns(self) -> tuple[str, ...]:
        """The columns of the staging table, in the order of a row's fields."""
        return (*(column.name for column in self.columns), DELETED_AT, EXTRACTED_AT, BATCH_ROW)

    def decode(self, record: bytes | memoryview | msgspec.Raw) -> tuple[Any, ...]:
        """Return the fields of a record, without the last two.

        Raises:
            RecordRefusedError: if a value has not the type that its schema says, or the key holds a null.
            KeyMissingError: if a property of the key is absent.
            RequiredMissingError: if another required property is absent, and the record is not marked as deleted.
            NoRecordError: if the record is no object.
        """
        try:
            row = astuple(self._decoder.decode(record))
        except msgspec.ValidationError:
            row = self._decode_by_field(record)
        if self._raw:
            row = self._with_texts(row)
        for position, column in self._clocks:
            if row[position] and row[position].utcoffset():
                # Without its date it cannot be told in UTC, and the column would drop the offset.
                raise RecordRefusedError(
                    f"{column.source} has an offset, which a time of day cannot keep", column.source
                )
        for position in self._key_positions:
            if row[position] is None:
                self._refuse_key(record, position)
            elif row[position] is msgspec.UNSET:
                raise KeyMissingError(self.columns[position].source)
        return row

    def decode_many(self, lines: bytes) -> list[tuple[Any, ...]] | None:
        """Return what ``decode`` gives for the record of each line, and when it was extracted.

        None if a line is no RECORD of the stream, or if its record is not as the others.
        """
        body = lines.removesuffix(b"\n")
        try:
            messages = self._messages_decoder.decode(b"[%b]" % body.replace(b"\n", b","))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        if len(messages) != number_of_lines(lines):
            return None
        rows = list(map(astuple, [message.record for message in messages]))
        if self._raw:
            rows = [self._with_texts(row) for row in rows]
        for position, _ in self._clocks:
            if any(row[position] and row[position].utcoffset() for row in rows):
                return None
        for position in self._key_positions:
            values = [row[position] for row in rows]
            if None in values or msgspec.UNSET in values:
                return None
        return list(map(add, rows, zip([message.time_extracted for message in messages], strict=True)))

    def _with_texts(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        fields = list(row)
        for position, column in self._raw:
            fields[position] = _text_of(column, fields[position])
        return tuple(fields)

    def _refuse_key(self, record: bytes | memoryview | msgspec.Raw, position: int) -> None:
        name = self.columns[position].source
        if name not in msgspec.json.decode(record):
            raise KeyMissingError(name)
        raise RecordRefusedError(f"the key {name} is null", name)

    def _decode_by_field(self, record: bytes | memoryview | msgspec.Raw) -> tuple[Any, ...]:
        """Decode a record that the struct refused: name the field to blame, or accept what JSON Schema accepts.

        An integer may be written 1.0 (JSON Schema); the struct is stricter than that.
        """
        try:
            raw: dict[str, msgspec.Raw] = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
        except msgspec.ValidationError as error:
            raise NoRecordError from error
        values: dict[str, Any] = {}
        for column in self.columns:
            text = raw.get(column.source, _NULL)
            kind = column.python_type
            try:
                values[column.source] = msgspec.json.decode(text, type=kind)
            except msgspec.ValidationError as error:
                number = _whole_number(text) if kind == int | None else None
                if number is None:
                    raise RecordRefusedError(_mismatch(column, text), column.source) from error
                values[column.source] = number
        absent = [name for name in self.key_properties if name not in raw]
        if absent:
            raise KeyMissingError(absent[0])
        deleted_at = msgspec.json.decode(raw.get(DELETED_AT, _NULL))
        for column in self.columns if deleted_at is None else ():
            if column.source in self._required and column.source not in raw:
                raise RequiredMissingError(column.source)
        return (*values.values(), deleted_at)

    def record_of(self, line: bytes) -> dict[str, Any]:
        """Return the record that a line of a block was made from, with nulls for what it lacked."""
        fields = _CONTENT.decode(line)
        return {
            column.source: _parsed(column, value)
            for column, value in zip(self.columns, fields[: len(self.columns)], strict=True)
        }

    def key_of(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the key of a record, by property; None for a stream without one."""
        return {name: record.get(name) for name in self.key_properties} or None


def number_of_lines(lines: bytes) -> int:
    """Return how many lines there are; the last one need not have a line end. Quicker than ``bytes.count``."""
    return len(lines) - len(lines.replace(b"\n", b"")) + (not lines.endswith(b"\n"))


def _whole_number(text: msgspec.Raw) -> int | None:
    try:
        number = msgspec.json.decode(text, type=Decimal)
    except msgspec.ValidationError:
        return None
    # No integer type of Postgres holds 10^40; to write 1e99999999 out would take for ever.
    if number.adjusted() > _MOST_DIGITS or number != number.to_integral_value():
        return None
    return int(number)


def _mismatch(column: Column, text: msgspec.Raw) -> str:
    expected = "|".join(sorted(_json_types(column.schema))) or "any"
    kind = _kind_of(text)
    if kind == "a string" and column.python_type in {dt.datetime | None, dt.date | None, _CLOCK}:
        expected, kind = f"an ISO 8601 {column.schema.get('format', 'date')}", "other text"
    return f"{column.source} should be {expected}, but is {kind}"


def _kind_of(text: msgspec.Raw) -> str:
    """Name the JSON type of a text; never its value, which may be personal."""
    first = bytes(text).lstrip()[:1]
    names = {b'"': "a string", b"{": "an object", b"[": "an array", b"t": "a boolean", b"f": "a boolean"}
    return names.get(first, "a number")


_JSON_NUL = re.compile(rb'(\\(?:["\\/bfnrt]|u(?!0000)[0-9a-fA-F]{4}))|\\u0000')


def _text_of(column: Column, raw: msgspec.Raw) -> str | None:
    """Return the text that COPY takes for a property that was left as JSON text."""
    text = bytes(raw)
    if text == b"null":
        return None
    if column.type == "jsonb":
        # jsonb refuses an escaped NUL, and COPY takes the text as it is.
        if b"\\u0000" in text:
            text = _JSON_NUL.sub(lambda match: match[1] or _REPLACEMENT.encode(), text)
        return text.decode()
    if text[:1] == b'"':
        string: str = msgspec.json.decode(text)
        if column.type != "bytea":
            return string
        digits = string.removeprefix("0x").removeprefix("\\x")
        return f"\\x{'0' * (len(digits) % 2)}{digits}"  # half a byte is the first one's lower half
    return text.decode()


def _parsed(column: Column, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if column.type == "jsonb" and isinstance(value, str):
        return _CONTENT.decode(value)
    return value


def content_of(record: msgspec.Raw) -> dict[str, Any]:
    """Return a record as plain values, for a reject; a number that no float holds is left as text."""
    content: dict[str, Any] = _CONTENT.decode(record)
    return content


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


_CONTENT = msgspec.json.Decoder(float_hook=_finite)


@dataclass(slots=True)
class Block:
    """Up to ``ROWS_PER_BLOCK`` rows as JSON lines. ``first`` is the batch-wide number of the first one.

    ``numbered`` tells whether each line ends with the number of its row; a table has no column for it.
    """

    lines: bytes
    rows: int
    first: int
    numbered: bool = True

    def with_numbers(self) -> Block:
        """Return the block with the number of each row at the end of its line."""
        if self.numbered:
            return self
        lines = self.lines[:-1].split(b"\n")
        numbered = [b"%b,%d]\n" % (line[:-1], number) for number, line in enumerate(lines, start=self.first)]
        return Block(b"".join(numbered), self.rows, self.first)


class RowBuffer:
    """Rows waiting for the next flush. ``mark`` remembers where the last STATE stood.

    ``numbers`` tells whether the lines of its blocks get the numbers of their rows.
    """

    def __init__(self, *, numbers: bool = True) -> None:
        self.blocks: list[Block] = []
        self._numbers = numbers
        self._pending: list[tuple[Any, ...]] = []
        self._pending_bytes = 0
        self._next = 0
        self._mark = 0

    @property
    def next_number(self) -> int:
        """The number, within the batch, that the next row gets."""
        return self._next

    def __len__(self) -> int:
        """Return the number of rows that wait."""
        return self._next - self.blocks[0].first if self.blocks else len(self._pending)

    def add(self, row: tuple[Any, ...], extracted_at: str | None, size: int) -> None:
        """Append one row that came as ``size`` bytes of JSON."""
        self._pending.append((*row, extracted_at, self._next) if self._numbers else (*row, extracted_at))
        self._next += 1
        self._pending_bytes += size
        if len(self._pending) == ROWS_PER_BLOCK or self._pending_bytes >= BYTES_PER_BLOCK:
            self._seal()

    def add_many(self, rows: Sequence[tuple[Any, ...]], size: int) -> None:
        """Append rows, each with its time of extraction, that came as ``size`` bytes of JSON."""
        self._pending += map(add, rows, zip(count(self._next))) if self._numbers else rows
        self._next += len(rows)
        self._pending_bytes += size
        if len(self._pending) >= ROWS_PER_BLOCK or self._pending_bytes >= BYTES_PER_BLOCK:
            self._seal()

    def mark(self) -> None:
        """Remember that a STATE covers all rows up to here."""
        if self._mark != self._next:
            self._seal()
            self._mark = self._next

    def take(self, *, only_marked: bool) -> list[Block]:
        """Remove and return all rows, or those that a STATE covers."""
        self._seal()
        taken = [block for block in self.blocks if not only_marked or block.first < self._mark]
        self.blocks = self.blocks[len(taken) :]
        if not self.blocks:
            self._next = self._mark = 0
        return taken

    def _seal(self) -> None:
        if self._pending:
            lines = _ENCODER.encode_lines(self._pending)
            self.blocks.append(Block(lines, len(self._pending), self._next - len(self._pending), self._numbers))
            self._pending = []
            self._pending_bytes = 0


_BETWEEN_ROWS = re.compile(rb"\]\n\[")
# What an escape of JSON stands for in COPY's format; ``\\"`` and ``\\\\`` are its own.
_RESOLVED = {b'"': b'\\"', b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def copy_lines(lines: bytes) -> bytes:
    r"""Turn lines of JSON arrays into COPY's CSV format (quote ``"``, escape ``\``, null ``null``).

    Only strings are quoted, so the word null is unmistakable. COPY resolves ``\"`` and ``\\``; all other JSON
    escapes are resolved here. A raw line end can stand only between rows: inside a string it is an escape.
    NUL, which Postgres cannot store, becomes U+FFFD.
    """
    # Three times as fast as bytes.replace.
    body = _BETWEEN_ROWS.sub(b"\n", lines[1:-2]) + b"\n"
    if b"\\" not in body:
        return body
    pieces = iter(body.split(b"\\"))
    resolved = [next(pieces)]
    append = resolved.append
    for piece in pieces:
        if not piece:  # an escaped backslash: what follows it is text
            append(b"\\\\")
            append(next(pieces))
            continue
        character = _RESOLVED.get(piece[:1])
        if character is not None:
            append(character)
            append(piece[1:])
        else:  # msgspec writes only control characters as \\u00XX
            code = bytes.fromhex(piece[3:5].decode())
            append(code if code != b"\0" else _REPLACEMENT.encode())
            append(piece[5:])
    return b"".join(resolved)


@dataclass(frozen=True, slots=True)
class Staged:
    """A column that stands in the staging table with a type of its own.

    ``value`` is the SQL of what is stored of it, with ``{}`` for the staged column.
    """

    type: str
    value: str


class RowForm(Protocol):
    """How the rows of a block are written, and what COPY has to be told of it."""

    @property
    def copy_columns(self) -> Sequence[str]:
        """The columns of a row, in order; the last three are those that end ``RowEncoder.copy_columns``."""

    @property
    def copy_options(self) -> str:
        """The options of COPY."""

    @property
    def staged(self) -> Mapping[str, Staged]:
        """The columns that are not staged as they are stored."""

    def copy_lines(self, lines: bytes) -> bytes:
        """Return the lines of a block as COPY takes them."""

    def record_of(self, line: bytes) -> dict[str, Any]:
        """Return the record that stands in a line of a block."""


class JsonForm:
    """The lines that a ``RowEncoder`` writes."""

    copy_options = "FORMAT csv, QUOTE '\"', ESCAPE '\\', NULL 'null'"

    def __init__(self, encoder: RowEncoder) -> None:
        self.copy_columns: Sequence[str] = encoder.copy_columns
        self.staged: Mapping[str, Staged] = {}
        self.copy_lines = copy_lines
        self.record_of = encoder.record_of
