"""Records of one schema: JSON in, the rows of a COPY out, with no Python step per field.

A record is decoded into a struct made for its schema, which checks the types on the way, and leaves as one
line of a JSON array. Such a line is almost a line of COPY's CSV format (see ``copy_lines``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import astuple

from target_postgres_dw.identifiers import identifier, unique_identifiers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EXTRACTED_AT = "_sdc_extracted_at"
BATCHED_AT = "_sdc_batched_at"
DELETED_AT = "_sdc_deleted_at"

ROWS_PER_BLOCK = 1000
BYTES_PER_BLOCK = 4 * 1024 * 1024
_NULL = msgspec.Raw(b"null")
_ENCODER = msgspec.json.Encoder(decimal_format="string")
_REPLACEMENT = "\ufffd"


class RecordRefusedError(Exception):
    """The record does not fit the schema. ``field`` names the property, if one is to blame."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


class KeyMissingError(Exception):
    """The record lacks a property of its key: the tap is broken."""


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
        if self.type in {"smallint", "integer", "bigint"} and allowed == {"integer"}:
            return int | None
        if self.type == "numeric" and allowed <= {"integer", "number"} and allowed:
            return Decimal | None
        if self.type == "boolean" and allowed == {"boolean"}:
            return bool | None
        if self.type not in {"jsonb", "bytea"} and allowed == {"string"}:
            return str | None
        return msgspec.Raw


def _json_types(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types, but null, that a property may have; empty if it may have any."""
    kinds = schema.get("type")
    if kinds is None:
        options = schema.get("anyOf") or schema.get("oneOf")
        if not options:
            return set()
        found: set[str] = set()
        for option in options:
            types = _json_types(option)
            if not types and option.get("type") not in {"null", ("null",)}:
                return set()
            found |= types
        return found
    return {kinds} - {"null"} if isinstance(kinds, str) else set(kinds) - {"null"}


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
    ) -> None:
        properties = {name: sub for name, sub in schema["properties"].items() if not name.startswith("_sdc_")}
        names = unique_identifiers(properties)
        self.columns = tuple(Column(names[name], column_type(dict(sub)), name, sub) for name, sub in properties.items())
        self.key_properties = tuple(key_properties)
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
        key = set(self._key_positions)
        fields: list[tuple[str, Any, Any]] = [
            (f"f{position}", kind | msgspec.UnsetType if position in key and kind is not msgspec.Raw else kind, default)
            for position, kind in enumerate(types)
            for default in [(_NULL if kind is msgspec.Raw else msgspec.UNSET if position in key else None)]
        ]
        rename = {f"f{position}": column.source for position, column in enumerate(self.columns)}
        self._decoder = msgspec.json.Decoder(
            msgspec.defstruct(
                "Record",
                [*fields, ("deleted_at", str | None, None)],
                rename={**rename, "deleted_at": DELETED_AT},
                gc=False,
            )
        )

    @cached_property
    def copy_columns(self) -> tuple[str, ...]:
        """The columns of the staging table, in the order of a row's fields."""
        return (*(column.name for column in self.columns), DELETED_AT, EXTRACTED_AT, "_seq")

    def decode(self, record: bytes | memoryview | msgspec.Raw) -> tuple[Any, ...]:
        """Return the fields of a record, without the last two.

        Raises:
            RecordRefusedError: if a value has not the type that its schema says, or the key holds a null.
            KeyMissingError: if a property of the key is absent.
        """
        try:
            row = astuple(self._decoder.decode(record))
        except msgspec.ValidationError:
            row = self._decode_by_field(record)
        if self._raw:
            fields = list(row)
            for position, column in self._raw:
                fields[position] = _text_of(column, fields[position])
            row = tuple(fields)
        for position in self._key_positions:
            if row[position] is None:
                self._refuse_key(record, position)
            elif row[position] is msgspec.UNSET:
                raise KeyMissingError(self.columns[position].source)
        return row

    def _refuse_key(self, record: bytes | memoryview | msgspec.Raw, position: int) -> None:
        name = self.columns[position].source
        if name not in msgspec.json.decode(record):
            raise KeyMissingError(name)
        raise RecordRefusedError(f"the key {name} is null", name)

    def _decode_by_field(self, record: bytes | memoryview | msgspec.Raw) -> tuple[Any, ...]:
        """Decode a record that the struct refused: name the field to blame, or accept what JSON Schema accepts.

        An integer may be written 1.0 (JSON Schema); the struct is stricter than that.
        """
        raw: dict[str, msgspec.Raw] = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
        values: dict[str, Any] = {}
        for column in self.columns:
            text = raw.get(column.source, _NULL)
            kind = column.python_type
            try:
                values[column.source] = msgspec.json.decode(text, type=kind)
            except msgspec.ValidationError as error:
                number = _whole_number(text) if kind == int | None else None
                if number is None:
                    expected = "|".join(sorted(_json_types(column.schema)))
                    raise RecordRefusedError(
                        f"{column.source} should be {expected}, but is {_kind_of(text)}", column.source
                    ) from error
                values[column.source] = number
        absent = [name for name in self.key_properties if name not in raw]
        if absent:
            raise KeyMissingError(absent[0])
        deleted_at = msgspec.json.decode(raw.get(DELETED_AT, _NULL))
        return (*values.values(), deleted_at)

    def record_of(self, line: bytes) -> dict[str, Any]:
        """Return the record that a line of a block was made from, with nulls for what it lacked."""
        fields = msgspec.json.decode(line)
        return {
            column.source: _parsed(column, value)
            for column, value in zip(self.columns, fields[: len(self.columns)], strict=True)
        }

    def key_of(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the key of a record, by property; None for a stream without one."""
        return {name: record.get(name) for name in self.key_properties} or None


def _whole_number(text: msgspec.Raw) -> int | None:
    try:
        number = msgspec.json.decode(text, type=Decimal)
    except msgspec.ValidationError:
        return None
    return int(number) if number == number.to_integral_value() else None


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
        return f"\\x{string.removeprefix('0x').removeprefix(chr(92) + 'x')}" if column.type == "bytea" else string
    return text.decode()


def _parsed(column: Column, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if column.type == "jsonb" and isinstance(value, str):
        return msgspec.json.decode(value)
    return value


@dataclass(slots=True)
class Block:
    """Up to ``ROWS_PER_BLOCK`` rows as JSON lines. ``first`` is the batch-wide number of the first one."""

    lines: bytes
    rows: int
    first: int


class RowBuffer:
    """Rows waiting for the next flush. ``mark`` remembers where the last STATE stood."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._pending: list[tuple[Any, ...]] = []
        self._pending_bytes = 0
        self._next = 0
        self._mark = 0

    def __len__(self) -> int:
        """Return the number of rows that wait."""
        return self._next - self.blocks[0].first if self.blocks else len(self._pending)

    def add(self, row: tuple[Any, ...], extracted_at: str | None, size: int) -> None:
        """Append one row that came as ``size`` bytes of JSON."""
        self._pending.append((*row, extracted_at, self._next))
        self._next += 1
        self._pending_bytes += size
        if len(self._pending) == ROWS_PER_BLOCK or self._pending_bytes >= BYTES_PER_BLOCK:
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
            self.blocks.append(Block(lines, len(self._pending), self._next - len(self._pending)))
            self._pending = []
            self._pending_bytes = 0


_ESCAPE = re.compile(rb"\\(u[0-9a-f]{4}|.)", re.DOTALL)
_RESOLVED = {
    b"\\n": b"\n",
    b"\\r": b"\r",
    b"\\t": b"\t",
    b"\\b": b"\b",
    b"\\f": b"\f",
    b"\\u0000": _REPLACEMENT.encode(),
}


def _resolve(match: re.Match[bytes]) -> bytes:
    escape = match[0]
    resolved = _RESOLVED.get(escape)
    if resolved is None and escape[1:2] == b"u":
        return bytes.fromhex(escape[4:].decode())  # msgspec writes only control characters this way
    return escape if resolved is None else resolved


def copy_lines(lines: bytes) -> bytes:
    r"""Turn lines of JSON arrays into COPY's CSV format (quote ``"``, escape ``\``, null ``null``).

    Only strings are quoted, so the word null is unmistakable. COPY resolves ``\"`` and ``\\``; all other JSON
    escapes are resolved here. A raw line end can stand only between rows: inside a string it is an escape.
    NUL, which Postgres cannot store, becomes U+FFFD.
    """
    body = lines[1:-2].replace(b"]\n[", b"\n") + b"\n"
    return _ESCAPE.sub(_resolve, body) if b"\\" in body else body


def table_name(stream: str) -> str:
    """Return the table of a stream."""
    return identifier(stream)
