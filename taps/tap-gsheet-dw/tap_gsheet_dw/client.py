"""How spreadsheets are read: whether they changed, which tab it is, in chunks of rows, and which rows are gone.

No row of a sheet says when it was changed, and a row has no identity but its number. So a spreadsheet that did not
change, as Drive tells, is not read at all; one that changed is read in full, and the keys of what was read say which
rows of the warehouse are gone. Those keys are sent after the last row only, and only by a read without a gap: a read
that fails leaves the table as it is.
"""

from __future__ import annotations

import abc
import typing as t
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from tap_kit.ahead import in_order
from tap_kit.bookmarks import Bookmark, Narrowing, format_time, parse_time
from tap_kit.errors import SkipStream
from tap_kit.http import Meter
from tap_kit.rest import RestStream
from tap_kit.rows import kind_of
from tap_kit.settings import narrowing
from tap_kit.values import Odd, Unstorable
from typing_extensions import override

from tap_gsheet_dw.api import Asker
from tap_gsheet_dw.places import find_place, listed
from tap_gsheet_dw.sheets import fingerprint, read_header
from tap_gsheet_dw.values import MONTH_FIRST, Cell, converters, is_blank

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from singer_sdk.helpers.types import Context
    from tap_kit.rest import Row

    from tap_gsheet_dw.api import Book, File
    from tap_gsheet_dw.places import Place
    from tap_gsheet_dw.sheets import Header, Sheet
    from tap_gsheet_dw.tap import TapGoogleSheets

    Layout: t.TypeAlias = Mapping[str, Header]

# Drive may tell of a change some seconds late. A bookmark stays so far behind the present, so that a file which
# changed just now is read once more.
LAG: t.Final = timedelta(minutes=1)
# Column with all cells of a row as they are seen, by header.
RAW: t.Final = "raw_data"
CHUNK_ROWS: t.Final = 5_000
# After so many blank chunks the rest is asked for at once: it is blank as well, as a rule.
BLANK_CHUNKS: t.Final = 2


class GoogleStream(RestStream):
    """What all streams share: they are read if one of their spreadsheets changed, and then in full.

    The bookmark is the greatest modification time of their files. Its name holds a fingerprint of the settings, so
    that a sheet which is added, or is read in another way, is read at once.

    Attributes:
        in_parts: Whether one answer does not hold all of a spreadsheet's records.
    """

    kit: TapGoogleSheets
    path = "/spreadsheets/{spreadsheet_id}"
    limit = "sheets"
    in_parts: t.ClassVar[bool] = False

    def __init__(
        self, tap: TapGoogleSheets, sheets: Sequence[Sheet], *, schema: dict[str, t.Any] | None = None
    ) -> None:
        super().__init__(tap, schema=schema)
        self.sheets = tuple(sheets)
        self.sweeps = tap.config["deletions"] == "sweep"
        self._keys: list[Sequence[int | str]] | None = None

    @abc.abstractmethod
    def read_sheet(self, sheet: Sheet, file: File | None) -> Iterator[Row]:
        """Yield the records of one sheet."""

    @cached_property
    def asker(self) -> Asker:
        """What the stream asks as."""
        return Asker(self.name, Meter(self.report))

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        limits = narrowing(self.config)
        if self.ABORT_AT_RECORD_COUNT is not None:
            limits = Narrowing(max_records=self.ABORT_AT_RECORD_COUNT)
        # No start_date: an old sheet is read as well. No part of a read can be taken up again.
        return Bookmark(incoming, replication_key=f"modified_time@{fingerprint(self.sheets)}", narrowing=limits)

    @override
    def source_clock(self) -> datetime:
        self._files()
        return self.kit.client.clock() - LAG

    @override
    def position_after(self, last: Mapping[str, t.Any]) -> None:
        """Return no position: rows move while nobody looks."""

    @override
    def get_records(self, context: Context | None) -> Iterator[Row]:
        self._keys = None
        files = self._files()
        sheets = self._sheets_to_read(files)
        if not sheets:
            self.logger.info("%s: nothing was changed since %s, so nothing is read.", self.name, self.span.lower)
            return
        keys: dict[tuple[t.Any, ...], None] = {}
        for sheet in sheets:
            for record in self.read_sheet(sheet, files[sheet.spreadsheet]):
                key = tuple(record[name] for name in self.primary_keys)
                if self._is_good_key(record, key, keys):
                    keys[key] = None
                    yield record
        modified = [file.modified for file in files.values() if file is not None and file.modified is not None]
        if modified:
            self.kit.bookmarks[self.name].observe(max(modified))
        if self.sweeps and self._stood_still(files):
            self._keys = list(keys)

    def _is_good_key(self, record: Row, key: tuple[t.Any, ...], keys: Mapping[tuple[t.Any, ...], None]) -> bool:
        for name, value in zip(self.primary_keys, key, strict=True):
            if value in (None, "") or isinstance(value, Unstorable | Odd):
                self.reject(record, getattr(value, "reason", "the key is empty"), field=name)
                return False
        if key in keys:
            self.reject(record, "an earlier row has the same key", field=self.primary_keys[0])
            return False
        return True

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        return iter(self._keys or ())

    @override
    def _sweep(self) -> None:
        if self._keys is not None:
            super()._sweep()

    # Whether it changed

    def _files(self) -> dict[str, File | None]:
        spreadsheets = dict.fromkeys(sheet.spreadsheet for sheet in self.sheets)
        return {spreadsheet: self.kit.google.file(spreadsheet, self.asker) for spreadsheet in spreadsheets}

    def _sheets_to_read(self, files: Mapping[str, File | None]) -> Sequence[Sheet]:
        """Return all sheets if one may have changed, else none.

        All, because the keys that are sent have to be those of all. A run of a limited time takes only what changed
        in it: it sends no keys.
        """
        modified = {name: None if file is None else file.modified for name, file in files.items()}
        lower, upper = self.span.lower, self.config.get("end_date")
        if self.config.get("since") or upper:
            until = None if upper is None else format_time(parse_time(upper))
            return [sheet for sheet in self.sheets if _lies_within(modified[sheet.spreadsheet], lower, until)]
        unchanged = lower is not None and all(moment is not None and moment <= lower for moment in modified.values())
        return () if unchanged else self.sheets

    def _stood_still(self, files: Mapping[str, File | None]) -> bool:
        """Tell whether no file was changed while it was read: rows that move from chunk to chunk are missed.

        The bookmark is the time before, so that the next run reads a file that moved once more.
        """
        if not self.in_parts:
            return True
        moved = [
            name
            for name, file in files.items()
            if file is not None and file != self.kit.google.file(name, self.asker, anew=True)
        ]
        if moved:
            self.logger.warning(
                "%s: the spreadsheet %s was changed while it was read; the next run looks for rows that are gone.",
                self.name,
                ", ".join(moved),
            )
        return not moved


@dataclass(frozen=True)
class Chunk:
    """Some rows.

    Attributes:
        header: The header row; None if it was not asked for.
        first: Number of the first row.
        last: Number of the last row that was asked for.
        shown: The rows as a person sees them.
        held: What they hold; None if that was not asked for.
    """

    header: list[t.Any] | None
    first: int
    last: int
    shown: list[list[t.Any]]
    held: list[list[t.Any]] | None

    @property
    def is_blank(self) -> bool:
        """Whether nothing is in it."""
        return not self.shown and not self.held

    def rows(self, positions: Sequence[int]) -> Iterator[tuple[int, dict[int, Cell]]]:
        """Yield the number of each row and, by position, those of its cells that are not blank."""
        for place in range(max(len(self.shown), len(self.held or ()))):
            shown = self.shown[place] if place < len(self.shown) else []
            held = self.held[place] if self.held is not None and place < len(self.held) else []
            cells = {}
            for position in positions:
                text = shown[position] if position < len(shown) else ""
                raw = held[position] if position < len(held) else None
                if not (is_blank(text) and is_blank(raw)):
                    cells[position] = Cell(raw, str(text))
            yield self.first + place, cells


class SheetStream(GoogleStream):
    """The rows of tabs.

    Attributes:
        derived: Columns that do not come from a cell.
    """

    path = "/spreadsheets/{spreadsheet_id}/values:batchGet"
    in_parts = True
    derived: t.ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def layout(self, sheet: Sheet, headers: Sequence[Header]) -> Layout:
        """Return which column of the stream stands where."""

    @abc.abstractmethod
    def derive(self, place: Place, number: int, file: File | None) -> Row:
        """Return the columns that do not come from a cell."""

    def judge_record(self, record: Row) -> None:
        """Mark values that are odd."""

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of each selected column that comes from a cell."""
        properties = self.selected_schema["properties"]
        return {name: kind_of(schema) for name, schema in properties.items() if name not in self.derived}

    @override
    def read_sheet(self, sheet: Sheet, file: File | None) -> Iterator[Row]:
        place = find_place(self.kit.google, sheet, self.asker)
        convert = converters(place.zone, month_first=self._month_first(place.book))
        selected = self.selected_schema["properties"]
        headers: Sequence[Header] = ()
        layout: Layout = {}
        counted: Counter[str] = Counter()
        for chunk in self.read_chunks(place):
            if chunk.header is not None:
                headers = read_header(chunk.header)
                layout = self._checked_layout(sheet, headers)
            mapped = {header.position for header in layout.values()}
            for number, cells in chunk.rows([header.position for header in headers]):
                if mapped.isdisjoint(cells):
                    counted["blank"] += 1
                    continue
                counted["read"] += 1
                derived = self.derive(place, number, file)
                record = {name: value for name, value in derived.items() if name in selected}
                for name, kind in self.kinds.items():
                    cell = cells.get(layout[name].position) if name in layout else None
                    record[name] = None if cell is None else convert[kind](cell)
                if RAW in selected:
                    record[RAW] = {h.text: cells[h.position].text for h in headers if h.position in cells}
                self.judge_record(record)
                yield record
        self.logger.info(
            "%s: %d rows of %s, and %d blank ones.", self.name, counted["read"], sheet.place, counted["blank"]
        )

    def _checked_layout(self, sheet: Sheet, headers: Sequence[Header]) -> Layout:
        layout = self.layout(sheet, headers)
        where = f"row {sheet.header_row} of {sheet.place}"
        if not headers:
            raise SkipStream(
                f"The stream {self.name} cannot be read: {where} is blank; set header_row to the row with the headers.",
                category="configuration",
            )
        if not self.keys_only and not layout.keys() & self.kinds.keys():
            raise SkipStream(
                f"The stream {self.name} cannot be read: {where} has none of the headers that belong to its columns; "
                f"it has {listed(header.text for header in headers)}. Set header_row, tab or column_map, or make a "
                "new catalog.",
                category="configuration",
            )
        keys = [name for name in self.primary_keys if name not in layout and name not in self.derived]
        if keys:
            raise SkipStream(
                f"The stream {self.name} cannot be read: {where} has no column {', '.join(keys)}, which is its key.",
                category="configuration",
            )
        missing = [name for name in self.kinds if name not in layout]
        if missing:
            self.logger.warning("%s: %s has no header for %s: null.", self.name, where, ", ".join(missing))
        return layout

    def _month_first(self, book: Book) -> bool:
        order = self.config["date_order"]
        return bool(order == "mdy" if order != "locale" else book.locale in MONTH_FIRST)

    # Rows

    def read_chunks(self, place: Place) -> Iterator[Chunk]:
        """Yield the rows of a sheet in chunks; the first one brings the header."""
        size = int(self.config.get("page_size") or CHUNK_ROWS)
        first, last = place.rows
        bounds = [(start, min(start + size - 1, last)) for start in range(first, last + 1, size)] or [(first, last)]

        def chain(bound: tuple[int, int]) -> Iterator[Chunk]:
            yield self._chunk(place, *bound, header=bound == bounds[0])

        blank = 0
        for chunk in in_order(self.kit.workers, map(chain, bounds)):
            yield chunk
            blank = blank + 1 if chunk.is_blank else 0
            if blank >= BLANK_CHUNKS and chunk.last + size < last:
                yield self._chunk(place, chunk.last + 1, last, header=False)
                return

    def _chunk(self, place: Place, first: int, last: int, *, header: bool) -> Chunk:
        google, spreadsheet = self.kit.google, place.sheet.spreadsheet
        rows = [place.area(first, last)] if first <= last else []
        headers = [place.area(place.sheet.header_row, place.sheet.header_row)] if header else []
        answers = google.values(spreadsheet, headers + rows, self.asker, shown=True)
        held: list[list[t.Any]] | None = None
        if rows and any(kind != "string" for kind in self.kinds.values()):
            (held,) = google.values(spreadsheet, rows, self.asker, shown=False)
        line = (answers[0] or [[]])[0] if header else None
        return Chunk(line, first, last, answers[-1] if rows else [], held)


def _lies_within(moment: str | None, lower: str | None, upper: str | None) -> bool:
    return moment is None or ((lower is None or moment >= lower) and (upper is None or moment < upper))
