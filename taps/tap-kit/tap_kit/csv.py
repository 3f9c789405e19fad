"""Streams that read CSV files, as declarations.

A stream names its columns in ``schemas/<name>.json``, like every other. ``x-source`` is the header of a column where
it is not the column's name, or a list of headers, of which the first that the file has counts. Where the files are
and how they are written is said by the settings of ``tap_kit.settings.FILES``::

    class Offices(CsvStream):
        \"\"\"Offices, as the vendor exports them. Bookmark: the files that were read.\"\"\"

        name = "offices"
        primary_keys = ("office_id",)

What is a reject, with the number of its line: a row without a key, with more cells than the header, or with quotes
that do not match, and every value that its column cannot hold.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import tempfile
import typing as t
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType

import msgspec
from typing_extensions import override

from tap_kit.errors import SkipStream, Stop
from tap_kit.files import BLOCK, FileBookmark, FileStore, bare_address, files_to_read
from tap_kit.messages import encode
from tap_kit.rest import load_schema
from tap_kit.rows import decode, kind_of, missing_in
from tap_kit.settings import check_names, narrowing
from tap_kit.stream import KitStream
from tap_kit.values import (
    Odd,
    Unstorable,
    as_given,
    convert_date,
    convert_datetime,
    integer_from_json,
    number_from_json,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from singer_sdk.helpers.types import Context

    from tap_kit.files import FoundFile, Identity
    from tap_kit.rows import Convert
    from tap_kit.tap import Tap

Cells: t.TypeAlias = "dict[str, str]"
NOTHING: t.Final[t.Mapping[str, t.Any]] = MappingProxyType({})
# A cell may hold a document; more than this is a quote that was never closed.
LARGEST_CELL: t.Final = 1 << 20
REPLACEMENT: t.Final = "\ufffd"
BYTE_ORDER_MARKS: t.Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WORDS: t.Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


# From bytes to cells


@dataclass(frozen=True)
class Format:
    """How the files are written.

    Attributes:
        encoding: Encoding where there is no byte order mark.
        delimiter: Character between two cells.
    """

    encoding: str = "utf-8"
    delimiter: str = ","


@dataclass(frozen=True)
class Broken:
    """A row that is none.

    Attributes:
        text: Its lines.
        reason: What is wrong.
    """

    text: str
    reason: str


class _Lines:
    """The lines of a file, the last ones remembered, so that a row that cannot be read can be shown."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.read: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.read.append(line)
            yield line


def read_cells(raw: t.BinaryIO, written: Format) -> Iterator[tuple[int, list[str] | Broken]]:
    """Yield each row with the number of the line it begins in, in constant memory; blank lines are left out.

    A byte order mark says what the encoding is, whatever the settings say. Content that is gzip is unpacked.
    """
    buffered = _unpacked(io.BufferedReader(t.cast("io.RawIOBase", raw)))
    head = _peek(buffered)
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), written.encoding)
    csv.field_size_limit(LARGEST_CELL)
    with io.TextIOWrapper(buffered, encoding=encoding, errors="replace", newline="") as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=written.delimiter, strict=True)
        while True:
            begin = reader.line_num + 1
            lines.read.clear()
            try:
                row = next(reader)
            except StopIteration:
                return
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise SkipStream(f"The file is damaged: its gzip content breaks off behind line {begin}.") from None
            except UnicodeError:
                raise SkipStream(f"The file is not written in {encoding}: correct the setting file_encoding.") from None
            except csv.Error as error:
                yield begin, Broken("".join(lines.read), f"the quotes do not match ({error})")
                continue
            if row:
                yield begin, row


def _peek(buffered: io.BufferedReader) -> bytes:
    return buffered.peek(4)[:4]


def _unpacked(buffered: io.BufferedReader) -> io.BufferedReader:
    if _peek(buffered).startswith(b"\x1f\x8b"):
        return io.BufferedReader(t.cast("io.RawIOBase", gzip.GzipFile(fileobj=buffered)))
    return buffered


# From cells to values


def text_of(cell: str) -> str | Odd:
    """Return a text as it is; what was no text in the file's encoding is told."""
    return Odd(cell, "bytes that the encoding does not know, replaced") if REPLACEMENT in cell else cell


def boolean_of(cell: str) -> bool | Unstorable | None:
    """Return true or false from the usual words, in any case."""
    word = cell.strip().lower()
    if not word:
        return None
    found = WORDS.get(word)
    return Unstorable(cell, "neither true nor false") if found is None else found


def json_of(cell: str) -> t.Any:  # noqa: ANN401 - any JSON
    """Return the value of JSON text; other text as it is."""
    try:
        return decode(cell)
    except msgspec.DecodeError:
        return text_of(cell)


_FIELDS: t.Final = {
    "%Y": r"(?P<year>\d{4})",
    "%m": r"(?P<month>\d{1,2})",
    "%d": r"(?P<day>\d{1,2})",
    "%H": r"(?P<hour>\d{1,2})",
    "%I": r"(?P<hour>\d{1,2})",
    "%M": r"(?P<minute>\d{1,2})",
    "%S": r"(?P<second>\d{1,2}(?:\.\d{1,6})?)",
    "%p": r"(?P<half>[AaPp][Mm])",
}


def _pattern_of_field(field: re.Match[str]) -> str:
    return _FIELDS[field.group()]


class Times:
    """Dates and date-times in given formats, with or without leading zeros.

    A year, month or day of zero means "unknown". ISO 8601 is understood without being named.

    Args:
        formats: As ``strptime`` has them: %Y %m %d %H %I %M %S %p; seconds may have a fraction.
        zone: Zone of date-times without an offset.
    """

    def __init__(self, formats: Sequence[str] = (), zone: tzinfo = UTC) -> None:
        self._patterns = [
            re.compile(re.sub(r"%\w", _pattern_of_field, re.escape(one).replace(r"\%", "%"))) for one in formats
        ]
        self._zone = zone

    def date_of(self, cell: str) -> str | Unstorable | None:
        """Return ``YYYY-MM-DD``; the time of a date-time is left out."""
        found = self._parts(cell)
        if found is None:
            return convert_date(cell.strip()) if cell.strip() else None
        return found if isinstance(found, Unstorable) else self._or_unknown(found, lambda moment: moment.date())

    def datetime_of(self, cell: str) -> str | Unstorable | None:
        """Return the moment as RFC 3339 text in UTC."""
        found = self._parts(cell)
        if found is None:
            return as_given(cell, convert_datetime(cell.strip().upper(), self._zone)) if cell.strip() else None
        if isinstance(found, Unstorable):
            return found
        naive = self._or_unknown(found, lambda moment: moment)
        return naive if naive is None else convert_datetime(naive, self._zone)

    def time_of(self, cell: str) -> str | Unstorable | None:
        """Return the time of day as ``HH:MM:SS``."""
        found = self._parts(cell)
        if found is None:
            return Unstorable(cell, "not a time") if cell.strip() else None
        return found if isinstance(found, Unstorable) else self._or_unknown(found, lambda moment: moment.time())

    @staticmethod
    def _or_unknown(moment: datetime | str, part: Callable[[datetime], t.Any]) -> str | None:
        return None if isinstance(moment, str) else str(part(moment).isoformat())

    def _parts(self, cell: str) -> datetime | str | Unstorable | None:
        """Return the moment, an empty text for an unknown one, None if no format fits."""
        for pattern in self._patterns:
            match = pattern.fullmatch(cell.strip())
            if match is not None:
                return _moment_of(cell, match.groupdict())
        return None


def _moment_of(cell: str, parts: Mapping[str, str | None]) -> datetime | str | Unstorable:
    year, month, day = (int(parts.get(name) or 1) for name in ("year", "month", "day"))
    if 0 in (year, month, day):
        return ""
    hour, minute = (int(parts.get(name) or 0) for name in ("hour", "minute"))
    if parts.get("half"):
        if not 1 <= hour <= 12:  # noqa: PLR2004 - the hours of half a day
            return Unstorable(cell, "not a time")
        hour = hour % 12 + (12 if str(parts["half"]).lower() == "pm" else 0)
    seconds, _, fraction = (parts.get("second") or "0").partition(".")
    try:
        return datetime(year, month, day, hour, minute, int(seconds), int(fraction.ljust(6, "0") or 0))  # noqa: DTZ001 - its zone comes later
    except ValueError:
        return Unstorable(cell, "not a date of the calendar")


# Streams


class CsvStream(KitStream):
    """A stream that reads CSV files.

    Bookmark: the files that were read, by name, size and hash. A run reads the first file that is new or has
    changed, and all files behind it; without one it reads nothing.

    Attributes:
        formats: Formats of its dates and date-times, see ``Times``; ISO 8601 is always understood.
        zone: Zone of date-times without an offset.
        empty: What an empty cell means, by kind of column; null without it.
        extra: Column that takes, as an object, what stands under headers that no column has.
        prepare: Changes the cells of a row, by column, before they are converted.
    """

    name: str
    formats: Sequence[str] = ()
    zone: tzinfo = UTC
    empty: t.ClassVar[Mapping[str, t.Any]] = NOTHING
    extra: str | None = None
    prepare: t.ClassVar[Callable[[Cells], Cells] | None] = None

    def __init__(self, tap: Tap) -> None:
        schema = load_schema(type(self), self.name)
        properties = {
            name: {mark: value for mark, value in column.items() if mark != "x-source"}
            for name, column in schema["properties"].items()
        }
        self.headers = headers_of(schema["properties"], self.extra)
        super().__init__(tap, name=self.name, schema={"type": "object", "properties": properties})
        self.primary_keys = list(self.primary_keys)
        self.location: str = self.config["files"][self.name]
        self.headers |= {name: (header,) for name, header in self.config["file_headers"].get(self.name, {}).items()}
        self.endpoint = bare_address(self.location)
        self.sweeps = self.config.get("deletions") == "sweep"
        self._file: Identity | None = None
        self._line = self._count = self._unreadable = 0
        self._keys: t.IO[bytes]

    # Hooks of a tap

    def make_store(self) -> FileStore:
        """Return where the files come from; taps that know more about AWS than the machine does say so here."""
        config = self.config
        return FileStore(
            self.report,
            http_headers=config.get("file_http_headers") or {},
            connect_timeout_seconds=config.get("connect_timeout_seconds") or 10,
            read_timeout_seconds=config.get("read_timeout_seconds") or 60,
            retry_seconds=config.get("retry_seconds", 600),
            user_agent=config.get("user_agent") or self.kit.name,
        )

    @cached_property
    def convert(self) -> dict[str, Convert]:
        """Conversion of cells that are not empty, by kind of column; taps replace single ones."""
        times = Times(self.formats, self.zone)
        return {
            "string": text_of,
            "integer": integer_from_json,
            "number": number_from_json,
            "boolean": boolean_of,
            "date": times.date_of,
            "date-time": times.datetime_of,
            "json": json_of,
        }

    # Reading

    @property
    def written(self) -> Format:
        """How the files are written."""
        delimiter = self.config["file_delimiter"]
        return Format(self.config["file_encoding"], "\t" if delimiter == "tab" else delimiter)

    @override
    def source_clock(self) -> datetime:
        """Return our own time: nothing in a file is compared with it."""
        return datetime.now(UTC)

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> FileBookmark:
        limits = narrowing(self.config)
        if self.ABORT_AT_RECORD_COUNT is not None:
            limits = limits.__class__(max_records=self.ABORT_AT_RECORD_COUNT)
        return FileBookmark(incoming, limits)

    @property
    @override
    def position_length(self) -> int:
        return 3

    @override
    def position_after(self, last: Mapping[str, t.Any]) -> Sequence[int | str] | None:
        file = t.cast("Identity", self._file)
        return [file.name, file.hash, self._count]

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, t.Any]]:
        bookmark = t.cast("FileBookmark", self.kit.bookmarks[self.name])
        with self.make_store() as store:
            files = store.find(self.location)
            identities = [file.identify(bookmark.known.get(file.name)) for file in files]
            first = files_to_read(identities, bookmark.known)
            bookmark.keep(identities[:first])
            if first == len(files):
                self.logger.info("%s: no file is new or has changed.", self.name)
            # Where a file before the interrupted one has changed, its rows replace what was read of those behind it.
            skip = self._rows_done(identities[first]) if first < len(files) else 0
            for file, identity in zip(files[first:], identities[first:], strict=True):
                self._file, self._count = identity, 0
                yield from self._records_of(file, skip)
                file.check()
                bookmark.finish(identity)
                skip = 0

    @override
    def _sweep(self) -> None:
        """Send the keys, unless there are rows that hide theirs: such rows are not gone."""
        with tempfile.SpooledTemporaryFile(BLOCK) as self._keys:
            self._unreadable = 0
            for key in self._keys_of_files():
                self._keys.write(encode(key) + b"\n")
            if self._unreadable:
                self.logger.warning(
                    "%s: no sweep, because %d rows cannot be read, and with them their keys.",
                    self.name,
                    self._unreadable,
                )
                return
            super()._sweep()

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the keys in all files, also those that have not changed."""
        self._keys.seek(0)
        return map(decode, self._keys)

    def _keys_of_files(self) -> Iterator[Sequence[int | str]]:
        with self.make_store() as store:
            for file in store.find(self.location):
                file.identify()
                for record in self._rows_of(file, 0, self.primary_keys, reports=False):
                    if missing_in(record, self.primary_keys) is None:
                        yield [value.value if isinstance(value, Odd) else value for value in record.values()]
                file.check()

    @override
    def locate(self, reason: str) -> str:
        name = t.cast("Identity", self._file).name.rpartition("/")[2]
        return f"{reason} (line {self._line} of {name})"

    def _rows_done(self, file: Identity) -> int:
        """Return how many rows of a file an interrupted run has written."""
        if self.span.last_key is None:
            return 0
        name, found, count = self.span.last_key
        return int(count) if (name, found) == (file.name, file.hash) else 0

    def _records_of(self, file: FoundFile, skip: int) -> Iterator[dict[str, t.Any]]:
        key = self.primary_keys
        for record in self._rows_of(file, skip, list(self.selected_schema["properties"]), reports=True):
            empty = missing_in(record, key)
            if empty is not None:
                self.reject(record, "the key is empty", field=empty)
                continue
            yield record

    def _rows_of(
        self, file: FoundFile, skip: int, names: Sequence[str], *, reports: bool
    ) -> Iterator[dict[str, t.Any]]:
        """Yield the converted rows of a file.

        Args:
            file: The file.
            skip: How many rows are left out at its beginning.
            names: The columns.
            reports: Whether rows that are none become rejects, and odd headers a warning.
        """
        with file.open() as raw:
            rows = read_cells(raw, self.written)
            _, header = next(rows, (1, []))
            if isinstance(header, Broken):
                raise SkipStream(f"The file {file.name} has no header: {header.reason}.", category="data")
            layout = Layout(self, file.name, header, names, warns=reports)
            for self._count, (line, cells) in enumerate(rows, start=1):
                if self._count <= skip:
                    continue
                self._line = line
                if isinstance(cells, Broken):
                    self._unreadable += 1
                    if reports:
                        self.reject({"line": cells.text}, cells.reason)
                elif reports and len(cells) > len(header):
                    self.reject(layout.raw(cells), "more cells than the header has")
                elif any(cells):
                    # What is too much stands behind the key, as a rule.
                    yield layout.apply(cells)


class Layout:
    """Which cell of a file is which column.

    Args:
        stream: The stream.
        file: Name of the file, for messages.
        header: The cells of its first row.
        names: The columns wanted.
        warns: Whether columns without a header, and headers without a column, are told.

    Raises:
        SkipStream: If a key column is missing, or a header stands twice.
    """

    def __init__(
        self, stream: CsvStream, file: str, header: Sequence[str], names: Sequence[str], *, warns: bool
    ) -> None:
        self._header = [name.strip() for name in header]
        self._width = len(header)
        places = {name: place for place, name in enumerate(self._header)}
        found = {
            column: next(name for name in headers if name in places)
            for column, headers in stream.headers.items()
            if any(name in places for name in headers)
        }
        missing = [column for column in stream.headers if column not in found]
        for column in stream.primary_keys:
            if column in missing:
                raise SkipStream(
                    f"The file {file} has no column {' or '.join(stream.headers[column])}, the key of {stream.name}. "
                    "Its first row must hold the headers; other names go into the setting file_headers, and another "
                    "delimiter or encoding into file_delimiter and file_encoding.",
                    category="data",
                )
        twice = sorted({name for name in found.values() if self._header.count(name) > 1})
        if twice:
            raise SkipStream(f"The file {file} has the column {', '.join(twice)} twice.", category="data")
        self._extra = [(name, place) for name, place in places.items() if name and name not in found.values()]
        if warns and missing:
            stream.logger.warning("%s: the file %s has no column for %s.", stream.name, file, ", ".join(missing))
        if warns and self._extra and stream.extra is None:
            unknown = ", ".join(name for name, _ in self._extra)
            stream.logger.warning("%s: the file %s has columns that are not read: %s.", stream.name, file, unknown)
        self._prepare = type(stream).prepare
        self._extra_column = stream.extra if stream.extra in names else None
        key = set(stream.primary_keys)
        self._places = {column: places[name] for column, name in found.items()}
        self._columns = []
        for name in names:
            if name == stream.extra:
                continue
            kind = kind_of(stream.schema["properties"][name])
            convert = _trimmed(stream.convert[kind]) if name in key else stream.convert[kind]
            place = self._places.get(name)
            # A column that the file does not have is not known, which is not the same as empty.
            known = place is not None
            self._columns.append((name, place, convert, stream.empty.get(kind) if known else None))

    def apply(self, cells: list[str]) -> dict[str, t.Any]:
        """Return the record of a row; spreadsheets leave out empty cells at its end."""
        if len(cells) < self._width:
            cells = [*cells, *[""] * (self._width - len(cells))]
        record: dict[str, t.Any] = {}
        if self._prepare is None:
            for name, place, convert, empty in self._columns:
                cell = cells[place] if place is not None else ""
                record[name] = convert(cell) if cell else empty
        else:
            prepared = self._prepare({name: cells[place] for name, place in self._places.items()})
            for name, _, convert, empty in self._columns:
                cell = prepared.get(name, "")
                record[name] = convert(cell) if cell else empty
        if self._extra_column is not None:
            record[self._extra_column] = {name: cells[place] for name, place in self._extra if cells[place]} or None
        return record

    def raw(self, cells: Sequence[str]) -> dict[str, t.Any]:
        """Return a row that does not fit, by header; what is too much stands under a name of its own."""
        width = self._width
        return {**dict(zip(self._header, cells, strict=False)), "cells behind the last header": list(cells[width:])}


def headers_of(properties: Mapping[str, Mapping[str, t.Any]], extra: str | None) -> dict[str, tuple[str, ...]]:
    """Return the headers that a column may stand under, by column."""
    headers = {}
    for name, column in properties.items():
        source = column.get("x-source", name)
        if name != extra:
            headers[name] = (source,) if isinstance(source, str) else tuple(source)
    return headers


def _trimmed(convert: Convert) -> Convert:
    return lambda cell: convert(cell.strip())


# What a tap does with them


def csv_streams(tap: Tap, classes: Sequence[type[CsvStream]]) -> list[CsvStream]:
    """Return the streams that the setting ``files`` names."""
    return [stream(tap) for stream in classes if stream.name in tap.config["files"]]


def explain_unset(name: str) -> str:
    """Say why a CSV stream does not exist."""
    return f"The stream {name} is left out: the setting files does not say where its file is."


def check_file_settings(config: Mapping[str, t.Any], classes: Sequence[type[CsvStream]]) -> None:
    """Raise Stop if the settings of the files name what does not exist."""
    names = [stream.name for stream in classes]
    for setting in ("files", "file_headers"):
        check_names(setting, config[setting], "CSV streams", names)
    for stream in classes:
        columns = load_schema(stream, stream.name)["properties"] if stream.name in config["file_headers"] else {}
        unknown = sorted(set(config["file_headers"].get(stream.name, {})) - set(columns))
        if unknown:
            raise Stop(f"The setting file_headers names {', '.join(unknown)}, which {stream.name} does not have.")
    if len(config["file_delimiter"]) != 1 and config["file_delimiter"] != "tab":
        raise Stop("The setting file_delimiter must be one character, or the word tab.")
    try:
        codecs.lookup(config["file_encoding"])
    except LookupError:
        raise Stop(
            f"The setting file_encoding is {config['file_encoding']!r}; it must be an encoding like utf-8 or cp1252."
        ) from None
