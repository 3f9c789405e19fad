"""What exists: two sheets that are known, any other sheet, and what is known of the spreadsheets themselves."""

from __future__ import annotations

import copy
import typing as t
from decimal import Decimal

from tap_kit.errors import SkipStream
from tap_kit.http import Meter
from tap_kit.report import StreamReport
from tap_kit.rest import load_schema
from tap_kit.values import Odd
from typing_extensions import override

from tap_gsheet_dw.api import Asker
from tap_gsheet_dw.client import GoogleStream, SheetStream
from tap_gsheet_dw.places import find_place
from tap_gsheet_dw.sheets import TYPES, Header, column_names, read_header

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_kit.rest import Row

    from tap_gsheet_dw.api import File, Google
    from tap_gsheet_dw.client import Layout
    from tap_gsheet_dw.places import Place
    from tap_gsheet_dw.sheets import Sheet
    from tap_gsheet_dw.tap import TapGoogleSheets


class SpreadsheetMetadata(GoogleStream):
    """The spreadsheets of the settings.

    Source: GET /spreadsheets/{id} (Sheets API v4) and GET /files/{id} (Drive API v3). Read when a file changed. Without
    Drive the columns from name to version are null.
    """

    name = "spreadsheet_metadata"
    primary_keys = ("spreadsheet_id",)

    @override
    def read_sheet(self, sheet: Sheet, file: File | None) -> Iterator[Row]:
        book = self.kit.google.book(sheet.spreadsheet, self.asker)
        known = {} if file is None else vars(file)
        times = {"created_time": known.get("created"), "modified_time": known.get("modified")}
        yield self._columns.apply({**book.document, **known, **times})


class SheetMetadata(GoogleStream):
    """The tabs of these spreadsheets, charts aside.

    Source: GET /spreadsheets/{id} (Sheets API v4). Read when a file changed.
    """

    name = "sheet_metadata"
    primary_keys = ("spreadsheet_id", "sheet_id")

    @override
    def read_sheet(self, sheet: Sheet, file: File | None) -> Iterator[Row]:
        book = self.kit.google.book(sheet.spreadsheet, self.asker)
        for tab in book.tabs:
            if tab.properties.get("sheetType") != "OBJECT":
                # What is zero or false may be left out of an answer.
                missing = {"sheetId": tab.gid, "index": 0, "hidden": False}
                yield self._columns.apply({**missing, **tab.properties, "spreadsheet_id": book.id})


class MarketingSheet(SheetStream):
    """A sheet whose columns are known by their headers."""

    @override
    def layout(self, sheet: Sheet, headers: Sequence[Header]) -> Layout:
        wanted = {name: self.sources.get(name, name) for name in self.schema["properties"] if name not in self.derived}
        wanted |= {column: header for header, column in sheet.column_map}
        # Of several columns with the same header it is the first: the others are numbered.
        by_text = {header.text: header for header in headers}
        return {column: by_text[text] for column, text in wanted.items() if text in by_text}


class MarketingLeads(MarketingSheet):
    """Marketing leads, a spreadsheet for each year.

    Source: GET /spreadsheets/{id}/values:batchGet. Read in full when one of the files changed. The key is year and row
    of the sheet: a row that is inserted, or another order, gives all rows below other keys.
    """

    name = "marketing_leads"
    primary_keys = ("id",)
    derived = frozenset(("id", "year", "sheet_row_number", "sheet_last_modified", "raw_data"))

    @override
    def derive(self, place: Place, number: int, file: File | None) -> Row:
        year = place.sheet.year
        modified = None if file is None else file.modified
        return {"id": f"{year}-{number}", "year": year, "sheet_row_number": number, "sheet_last_modified": modified}


class MarketingSpends(MarketingSheet):
    """Marketing spends.

    Source: GET /spreadsheets/{id}/values:batchGet. Read in full when the file changed; the key is the row of the sheet.
    """

    name = "marketing_spends"
    primary_keys = ("sheet_row_number",)
    derived = frozenset(("sheet_row_number", "sheet_last_modified", "raw_data"))

    @override
    def derive(self, place: Place, number: int, file: File | None) -> Row:
        return {"sheet_row_number": number, "sheet_last_modified": None if file is None else file.modified}

    @override
    def judge_record(self, record: Row) -> None:
        for name in ("cost", "event_fee", "event_labor_cost"):
            if isinstance(record.get(name), Decimal) and record[name] < 0:
                record[name] = Odd(record[name], "negative")
        start, end = record.get("event_start_date"), record.get("event_end_date")
        if isinstance(start, str) and isinstance(end, str) and start > end:
            record["event_end_date"] = Odd(end, "before event_start_date")


class SheetRows(SheetStream):
    """Any other sheet: a stream for each entry of the setting ``sheets``.

    Source: GET /spreadsheets/{id}/values:batchGet. Read in full when the file changed. Columns come from the header
    when the catalog is made; a run with a catalog asks for nothing to know them.
    """

    name = "sheet_rows"
    primary_keys: Sequence[str] = ("_spreadsheet_id", "_sheet_id", "_row_number")
    derived = frozenset(("_spreadsheet_id", "_sheet_id", "_row_number", "_sheet_last_modified"))

    def __init__(self, tap: TapGoogleSheets, sheet: Sheet, *, columns: Mapping[str, t.Any] | None = None) -> None:
        self.name = sheet.stream
        self.trouble: SkipStream | None = None
        if columns is None:
            try:
                columns = discover_columns(tap.google, sheet)
            except SkipStream as error:
                # The others are to be read all the same; without its columns this one fails, see ``read_sheet``.
                self.trouble, columns = error, {}
        properties = {**load_schema(SheetRows, "sheet_rows")["properties"], **copy.deepcopy(dict(columns))}
        if sheet.key_columns:
            self.primary_keys = sheet.key_columns
            for name in sheet.key_columns:
                if name in properties:
                    properties[name]["type"] = [kind for kind in properties[name]["type"] if kind != "null"]
        super().__init__(tap, [sheet], schema={"type": "object", "properties": properties})

    @override
    def layout(self, sheet: Sheet, headers: Sequence[Header]) -> Layout:
        found = column_names(headers, sheet)
        new = [name for name in found if name not in self.schema["properties"]]
        if new:
            self.logger.warning("%s: new columns, which the catalog does not have: %s.", self.name, ", ".join(new))
        return found

    @override
    def derive(self, place: Place, number: int, file: File | None) -> Row:
        return {
            "_spreadsheet_id": place.book.id,
            "_sheet_id": place.tab.gid,
            "_row_number": number,
            "_sheet_last_modified": None if file is None else file.modified,
        }

    @override
    def read_sheet(self, sheet: Sheet, file: File | None) -> Iterator[Row]:
        if self.trouble is not None:
            raise self.trouble
        return super().read_sheet(sheet, file)


def discover_columns(google: Google, sheet: Sheet) -> dict[str, t.Any]:
    """Return the schema of a sheet's columns: by the settings alone, if they name the headers, else by its header row.

    Raises:
        SkipStream: If the header row cannot be read.
    """
    asker = Asker(sheet.stream, Meter(StreamReport()))
    headers = [Header(position, text) for position, text in enumerate(sheet.columns)]
    detected: Mapping[int, str] = {}
    if not headers or sheet.detect_types:
        place = find_place(google, sheet, asker)
        (rows,) = google.values(place.book.id, [place.area(sheet.header_row, sheet.header_row)], asker, shown=True)
        headers = read_header(rows[0] if rows else [])
        if sheet.detect_types:
            cells = google.cells(place.book.id, place.tab, place.rows[0], place.columns, asker)
            detected = {position: type_of_cell(cell) for position, cell in enumerate(cells)}
    columns = {}
    for name, header in column_names(headers, sheet).items():
        kind = sheet.type_of(name) or detected.get(header.position) or "text"
        columns[name] = {**TYPES[kind], "description": f"The column {header.text!r} of the sheet."}
    return columns


def type_of_cell(cell: Mapping[str, t.Any]) -> str:
    """Return the type of column that suits a cell, by its number format and its value."""
    value = cell.get("effectiveValue") or {}
    if "boolValue" in value:
        return "boolean"
    if "numberValue" not in value:
        return "text"
    pattern = ((cell.get("effectiveFormat") or {}).get("numberFormat") or {}).get("type")
    return {"DATE": "date", "DATE_TIME": "datetime", "TIME": "text", "TEXT": "text"}.get(pattern or "", "number")


STREAMS: t.Final[Sequence[type[GoogleStream]]] = (
    SpreadsheetMetadata,
    SheetMetadata,
    MarketingLeads,
    MarketingSpends,
    SheetRows,
)
