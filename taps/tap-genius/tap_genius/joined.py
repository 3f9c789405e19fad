"""Rows that the server joins into one value, and how a group of them becomes COPY text, or RECORD messages.

The server writes the columns of a row one after the other, with bytes between them that no UTF-8 text can hold. So
nothing inside a value can be taken for a mark, and a whole group of rows is rewritten by a few passes over its bytes,
with no Python step per row.

What a column of the warehouse cannot hold as it is (a day that is not in the calendar, a boolean that is 2) gets a mark
of its own: the group is then read once more, value by value, and judged there. The server decides only what it can
decide exactly as ``tap_kit.values`` does.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec
from typing_extensions import override

from tap_genius.client import Query
from tap_genius.columns import BINARY, INTEGERS, NUMBERS, SPATIAL

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_genius.client import Key
    from tap_genius.columns import Column

SEPARATOR, ROW_END, NULL, ODD = b"\xff", b"\xfe", b"\xfd", b"\xfc"
_IS_UTF8 = frozenset({"utf8", "utf8mb3", "utf8mb4", "ascii"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})
_TEXT_KEYS = frozenset({"char", "varchar"})
_MOMENTS = frozenset({"date", "datetime", "timestamp"})
_TO_TEXT = bytes.maketrans(SEPARATOR + ROW_END, b"\t\n")
# COPY's text format: what a backslash may stand for. NUL, which Postgres cannot hold, becomes U+FFFD.
_ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"), (b"\0", "\ufffd".encode()))

# For RECORDs: the quotes around names and texts, since quotes in texts are escaped; and what no JSON text may hold.
QUOTE = b"\xfb"
_CONTROLS = bytes({*range(32)} - set(b"\n\r\t"))
_TO_JSON = bytes.maketrans(QUOTE + _CONTROLS, b'"' + SEPARATOR * len(_CONTROLS))
_JSON_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"))
_NO_MOMENT = b"0000-00-00 00:00:00.000000"
_Query = t.TypeVar("_Query", bound=Query)
_CAST = re.compile(r"CAST\(0x[0-9A-F]+ AS BINARY\)")

parse_json = msgspec.json.Decoder(float_hook=Decimal).decode


def _mark(text: bytes) -> str:
    """Return the SQL of bytes that are no text.

    A cast, not an introducer: MariaDB would convert a literal to the character set of the column beside it, and fail.
    """
    return f"CAST(0x{text.hex().upper()} AS BINARY)"


def with_marks_once(query: _Query) -> _Query:
    """Return a query whose marks are columns of a table of one row: a cast would be evaluated anew for each row."""
    names: dict[str, str] = {}
    select = _CAST.sub(lambda cast: names.setdefault(cast[0], f"m.c{len(names)}"), query.select)
    marks = ", ".join(f"{cast} AS {name[2:]}" for cast, name in names.items())
    return replace(query, select=select, source=f"{query.source} CROSS JOIN (SELECT {marks}) m")


def joined_expression(column: Column) -> str:
    """Return the SQL of a column within a joined row: its text in UTF-8, or a mark."""
    name = column.source
    if column.live.data_type in _MOMENTS:
        return moment_expression(name, known=name, zero=_mark(NULL))
    if column.schema["type"][0] == "boolean":
        return f"IF({name} IS NULL, {_mark(NULL)}, IF({name} IN (0, 1), {name}, {_mark(ODD)}))"
    return f"IFNULL({text_expression(column)}, {_mark(NULL)})"


def moment_expression(name: str, *, known: str, zero: str) -> str:
    """Return the SQL of a date or date-time: ``zero`` for NULL and part-zero dates, a mark for no day of the calendar.

    Most days end in the first case; from the 29th on it takes the calendar.
    """
    return (
        f"IF(DAYOFMONTH({name}) BETWEEN 1 AND 28 AND YEAR({name}) AND MONTH({name}), {known}, "
        f"IF(YEAR({name}) AND MONTH({name}) AND DAYOFMONTH({name}), "
        f"IF(DAYOFMONTH({name}) <= DAYOFMONTH(LAST_DAY({name})), {known}, {_mark(ODD)}), {zero}))"
    )


def text_expression(column: Column) -> str:
    """Return the SQL of a column's text in UTF-8; no dates, no booleans."""
    name, live = column.source, column.live
    kind = live.data_type
    if kind in BINARY or kind in SPATIAL or kind == "bit":
        return column.expression
    if kind in INTEGERS or kind in NUMBERS or kind == "time" or (kind in _TEXTS and live.character_set in _IS_UTF8):
        return name
    return f"CONVERT({name} USING utf8mb4)" if kind in _TEXTS else f"CAST({name} AS CHAR CHARACTER SET utf8mb4)"


@dataclass(frozen=True)
class JoinedQuery(Query):
    """A query whose rows are one value each: the joined columns, those of the key first.

    Attributes:
        integer_key: For each key column, whether it is a number.
    """

    integer_key: tuple[bool, ...] = ()

    @override
    def key_of(self, row: t.Any) -> Key:
        """Return the key of a joined row; an empty one if the server could not join it."""
        if row is None:
            return ()
        parts = row.split(SEPARATOR, len(self.key))
        return tuple(
            int(part) if is_integer else part.decode(errors="replace")
            for part, is_integer in zip(parts, self.integer_key, strict=False)
        )


class Layout:
    """The order of the columns in a joined row, and what can be read off it.

    The key comes first and the modification time last, with its fallback before it, so that both are cheap to find.
    JSON columns come after the key: they are looked at one by one.
    """

    def __init__(
        self, columns: Sequence[Column], key: Sequence[str], changed: str | None, fallback: str | None
    ) -> None:
        ends = [name for name in (fallback, changed) if name is not None and name not in key]
        by_name = {column.name: column for column in columns}
        self._json_places = range(
            len(key), len(key) + sum(column.is_json for column in columns if column.name not in {*key, *ends})
        )
        self.columns = [
            *(by_name[name] for name in key),
            *sorted(
                (column for column in columns if column.name not in {*key, *ends}),
                key=lambda column: not column.is_json,
            ),
            *(by_name[name] for name in ends),
        ]
        self.integer_key = tuple(by_name[name].live.data_type in INTEGERS for name in key)
        self._moment_widths = [_width(by_name[name]) for name in reversed(ends)]
        self._breaks = len(columns) - 1

    @property
    def names(self) -> list[str]:
        """The columns in their order."""
        return [column.name for column in self.columns]

    @property
    def select(self) -> str:
        """The SELECT list: one value."""
        return f"CONCAT_WS({_mark(SEPARATOR)}, {', '.join(joined_expression(column) for column in self.columns)})"

    def copy_text(self, rows: Sequence[bytes | None]) -> bytes | None:
        """Return COPY text of some rows; None if one of them has to be read value by value.

        That is a row with an odd value, one that the server could not join because it is longer than
        ``max_allowed_packet``, one with bytes that are no UTF-8, or with JSON that is none.
        """
        try:
            text = ROW_END.join([*rows, b""])  # type: ignore[list-item]
        except TypeError:  # a NULL among them
            return None
        if ODD in text or text.count(SEPARATOR) != len(rows) * self._breaks:
            return None
        if self._json_places and not all(self._has_good_json(row) for row in rows if row is not None):
            return None
        for character, escape in _ESCAPES:
            text = text.replace(character, escape)
        text = text.replace(NULL, b"\\N").translate(_TO_TEXT)
        try:
            text.decode()
        except UnicodeDecodeError:
            return None
        return text

    def _has_good_json(self, row: bytes) -> bool:
        fields = row.split(SEPARATOR, self._json_places.stop)
        return all(_is_good_json(fields[place]) for place in self._json_places)

    def latest(self, rows: Sequence[bytes | None]) -> str | None:
        """Return the greatest modification time of some rows, as the server writes it."""
        if not self._moment_widths:
            return None
        width = self._moment_widths[0]
        ends = [row[-width:] for row in rows if row is not None]
        if NULL not in b"".join(ends):  # as usual; then no row is looked at by itself
            return max(ends, default=b"").decode() or None
        found = max([end for end in ends if end[-1:] != NULL], default=b"")
        if len(self._moment_widths) > 1:
            width = self._moment_widths[1]
            without = [row[:-2] for row in rows if row is not None and row[-1:] == NULL]
            found = max([found, *(row[-width:] for row in without if row[-1:] != NULL)])
        return found.decode() or None


@dataclass(frozen=True)
class RecordQuery(Query):
    """A query whose rows are one value each: a record, then its modification time in a fixed width."""

    layout: RecordLayout | None = None

    @override
    def key_of(self, row: t.Any) -> Key:
        """Return the key of a row; an empty one if the server could not join it, or if it is odd."""
        return self.layout.key_of(row) if self.layout is not None else ()


class RecordLayout:
    """How the server writes whole records as JSON, but for its escapes, and how they become messages.

    Args:
        columns: The columns, in the order of the record.
        key: Names of the key columns.
        moment: SQL of the modification time, or of what stands in for it; None if there is none.
    """

    def __init__(self, columns: Sequence[Column], key: Sequence[str], moment: str | None) -> None:
        self._key = key
        self._width = len(_NO_MOMENT)
        parts = [
            _member((b"{" if not place else b",") + QUOTE + column.name.encode() + QUOTE + b":", column)
            for place, column in enumerate(columns)
        ]
        none = f"'{_NO_MOMENT.decode()}'"
        at = f"IFNULL(CAST({moment} AS DATETIME(6)), {none})" if moment else none
        self.select = f"CONCAT({', '.join(parts)}, '}}', {at})"

    def lines(self, rows: Sequence[bytes | None], head: bytes) -> tuple[bytes, str | None] | None:
        """Return the messages of some rows and their greatest modification time; None as ``Layout.copy_text``.

        ``head`` is a message up to its record.
        """
        width = -self._width
        try:
            text = ROW_END.join([row[:width] for row in rows])  # type: ignore[index]
        except TypeError:
            return None
        found = self._escaped(text)
        if found is None:
            return None
        latest = max([row[width:] for row in rows])  # type: ignore[index]
        moment = None if latest == _NO_MOMENT else latest.decode()
        return head + found.replace(ROW_END, b"}\n" + head) + b"}\n", moment

    @staticmethod
    def _escaped(text: bytes) -> bytes | None:
        if ODD in text:
            return None
        for character, escape in _JSON_ESCAPES:
            text = text.replace(character, escape)
        text = text.translate(_TO_JSON)
        if SEPARATOR in text:
            return None
        try:
            text.replace(ROW_END, b"\n").decode()
        except UnicodeDecodeError:
            return None
        return text

    def key_of(self, row: bytes | None) -> Key:
        """Return the key of a row."""
        text = None if row is None else self._escaped(row[: -self._width])
        if text is None:
            return ()
        record = msgspec.json.decode(text)
        return tuple(record[name] for name in self._key)


def _member(name: bytes, column: Column) -> str:
    """Return the SQL of a member of a JSON object: its name as given, its quotes marked, its text not escaped yet."""
    source, kind, declared = column.source, column.live.data_type, column.live.column_type
    null = _mark(name + b"null")
    if column.schema["type"][0] == "boolean":
        return (
            f"IF({source} IS NULL, {null}, IF({source} IN (0, 1), "
            f"IF({source}, {_mark(name + b'true')}, {_mark(name + b'false')}), {_mark(ODD)}))"
        )
    if kind in INTEGERS or kind in NUMBERS:
        value = (
            f"CAST({source} AS UNSIGNED)" if kind == "bit" else f"({source} + 0)" if "zerofill" in declared else source
        )
        return f"IFNULL(CONCAT({_mark(name)}, {value}), {null})"
    if kind in _MOMENTS:
        text = source if kind == "date" else f"REPLACE({source}, ' ', 'T'), '+00:00'"
        return moment_expression(source, known=f"CONCAT({_mark(name + QUOTE)}, {text}, {_mark(QUOTE)})", zero=null)
    return f"IFNULL(CONCAT({_mark(name + QUOTE)}, {text_expression(column)}, {_mark(QUOTE)}), {null})"


def unfit_reason(columns: Sequence[Column], key: Sequence[str], *, zone_is_utc: bool) -> str | None:
    """Say why a stream cannot be sent as batches; None if it can."""
    by_name = {column.name: column for column in columns}
    if not zone_is_utc and any(column.live.data_type == "datetime" for column in columns):
        return "its date-times are of another zone than UTC"
    for name in key:
        kind = by_name[name].live.data_type
        if kind not in _TEXT_KEYS and (kind not in INTEGERS or kind == "bit"):
            return f"its key {name} is neither a number nor text"
    return None


def _is_good_json(text: bytes) -> bool:
    """Tell whether a JSON value means the same to Postgres as to the tap.

    The word null is no value for the tap; an escaped NUL is nothing that Postgres can hold.
    """
    if text == NULL:
        return True
    if b"\\u0000" in text:
        return False
    try:
        return parse_json(text) is not None
    except msgspec.DecodeError:
        return False


def _width(column: Column) -> int:
    """Return how many characters the server writes a date or a date-time with."""
    if column.live.data_type == "date":
        return len("2025-01-31")
    digits = int(column.live.column_type.partition("(")[2].rstrip(")") or 0)
    return len("2025-01-31 00:00:00") + (digits + 1 if digits else 0)
