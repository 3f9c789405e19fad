"""Google Sheets: the reading half of Sheets API v4, Drive v3 ``files.get``, and the OAuth 2 token endpoint.

All three answer under one folder: ``/v4``, ``/drive/v3`` and ``/token``.

Options: ``drive`` (``ok``, ``scope``: the token may not ask Drive, ``disabled``: the Drive API is off, ``hidden``:
Drive says it knows no such file), ``service_accounts`` (public key as modulus and exponent, by e-mail address).

A test that runs the simulator may look into a book and change it: ``crm.books["Leads2025example"].tabs[0].grid``.
"""

# ruff: noqa: ANN401 - a cell holds any JSON

from __future__ import annotations

import abc
import base64
import hashlib
import json
import re
import time
import typing as t
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, t.Any]

CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "demo-client", "demo-client-secret", "demo-refresh-token"
ACCESS_TOKEN = "demo-access-token"  # noqa: S105 - opens nothing but the simulator
SHEETS_SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
DRIVE_SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
AUDIENCE = "https://oauth2.googleapis.com/token"
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the wall clock of a spreadsheet
DAY = timedelta(days=1)
LEADS_TAB, SPENDS_TAB = "Marketing Source Leads", "All Marketing Spend"
# The 49 slots before a blank row.
RUN = 49
NAMES = ("Sam", "Pat", "Alex", "Kim")
RENDERINGS = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
# In the order of the sheet; the blank one in the middle and the unknown one at the end are on purpose.
LEAD_HEADERS: t.Final = (
    *("created_at", "first_name", "last_name", "phone_number", "email_address", "utm_campaign", "utm_term"),
    *("utm_content", "marketing_channel", "page_source_name", "page_url", "variant", "click_id", "click_type"),
    *("division", "form_submit_zipcode", "marketing_zip_check", "lead_type", "connection_status", "contact_reason"),
    *("lead_set", "no_set_reason", "recording_duration", "hold_time", "first_call_date_time", "", "call_attempts"),
    *("after_hours", "call_notes", "call_recording", "manager_followup", "callback_review", "call_center"),
    *("Multiple Inquiry", "preferred_appt_date", "Appt Set By", "Set Appt Date", "Appt Date-Time", "Appt Result"),
    *("Appt Result Reason", "Appt Attempts", "appointment_outcome", "appointment_outcome_type", "spouses_present"),
    *("keyword", "adgroup_name", "adgroup_id", "csr_disposition", "f9_list_name", "f9_last_campaign"),
    *("f9_sys_created_date", "MarketSharp Address", "Total Job Value", "Cancel Job Value", "Genius Division"),
    *("Genius Marketing Source", "MarketSharp Source", "event_show_type", "event_show_name", "event_field_marketer"),
    *("google_ads_campaign_rename", "Internal Remark"),
)
SPEND_HEADERS: t.Final = (
    *("Date", "Cost", "Division", "Channel", "Campaign", "Campaign ID", "Campaign Type", "event_start_date"),
    *("event_end_date", "event_fee", "event_labor_cost"),
)


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        value: Number, text, boolean, or None; dates are serial numbers.
        kind: Its number format: CURRENCY, PERCENT, DATE, DATE_TIME, ZIP (five digits), or ERROR.
    """

    value: t.Any
    kind: str = ""

    def shown(self, locale: str) -> str:
        """Return what a person sees."""
        value = self.value
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if self.kind == "CURRENCY":
            return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"
        if self.kind == "PERCENT":
            return f"{value * 100:.2f}%"
        if self.kind == "ZIP":
            return f"{value:05}"
        if self.kind in ("DATE", "DATE_TIME"):
            return self._date(locale)
        return str(self.raw)

    def _date(self, locale: str) -> str:
        moment = EPOCH + timedelta(seconds=round(self.value * 86_400))
        parts = (moment.month, moment.day) if locale == "en_US" else (moment.day, moment.month)
        day = "{}/{}/{}".format(*parts, moment.year)
        return day if self.kind == "DATE" else f"{day} {moment.hour}:{moment.minute:02}:{moment.second:02}"

    @property
    def raw(self) -> t.Any:
        """The value as JSON has it: a whole number without a point."""
        whole = isinstance(self.value, float) and self.value.is_integer()
        return int(self.value) if whole else self.value

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.value is None


def serial(moment: date) -> float:
    """Return a date or a naive date-time as the number of days since the 30th of December 1899."""
    full = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
    return (full - EPOCH) / timedelta(days=1)


def cell(value: t.Any) -> Cell:
    """Return a cell for a plain value; dates get their format."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, datetime):
        return Cell(serial(value), "DATE_TIME")
    return Cell(serial(value), "DATE") if isinstance(value, date) else Cell(value)


class Grid(abc.ABC):
    """What stands in a tab."""

    @property
    @abc.abstractmethod
    def last(self) -> int:
        """The last row that holds something."""

    @abc.abstractmethod
    def row(self, number: int) -> list[Cell]:
        """Return the cells of a row, counted from 1."""


class Fixed(Grid):
    """Rows that are written down; a test may change them."""

    def __init__(self, rows: Sequence[Sequence[t.Any]]) -> None:
        self.rows = [list(row) for row in rows]

    @property
    @override
    def last(self) -> int:
        return len(self.rows)

    @override
    def row(self, number: int) -> list[Cell]:
        return [cell(value) for value in self.rows[number - 1]] if 0 < number <= self.last else []


class Records(Grid):
    """A header, and a record in each row; every fiftieth row is blank. A removed record moves up all below it."""

    def __init__(self, headers: Sequence[str], records: Collection) -> None:
        self.headers = list(headers)
        self.records = records

    @property
    @override
    def last(self) -> int:
        count = self.records.count_live()
        return 1 + count + max(0, count - 1) // RUN

    def index(self, number: int) -> int | None:
        """Return the index of the record in a row; None for a blank one."""
        slot = number - 2
        if slot < 0 or number > self.last or slot % (RUN + 1) == RUN:
            return None
        found = slot - slot // (RUN + 1)
        for archived in sorted(self.records.archived):
            if archived > found:
                break
            found += 1
        return found

    @override
    def row(self, number: int) -> list[Cell]:
        if number == 1:
            return [Cell(header or None) for header in self.headers]
        index = self.index(number)
        if index is None:
            return []
        record = self.records.record(index)
        return [cell(record.get(header)) for header in self.headers]


@dataclass
class Tab:
    """A tab of a spreadsheet.

    Attributes:
        rows: Rows of the grid; None for as many thousands as are needed.
    """

    sheet_id: int
    title: str
    grid: Grid
    kind: str = "GRID"
    hidden: bool = False
    frozen: int = 1
    rows: int | None = None
    columns: int | None = None

    @property
    def row_count(self) -> int:
        """Rows of the grid, blank ones included."""
        return self.rows or (self.grid.last // 1000 + 1) * 1000

    @property
    def column_count(self) -> int:
        """Columns of the grid."""
        widest = max((len(self.grid.row(number)) for number in range(1, min(self.grid.last, 10) + 1)), default=0)
        return self.columns or max(26, widest)

    def properties(self, index: int) -> Row:
        """Return its properties; what is false or zero may be absent, as in Google's answers."""
        found: Row = {"sheetId": self.sheet_id, "title": self.title, "index": index, "sheetType": self.kind}
        if self.kind == "GRID":
            found["gridProperties"] = {"rowCount": self.row_count, "columnCount": self.column_count}
            if self.frozen:
                found["gridProperties"]["frozenRowCount"] = self.frozen
        return found | ({"hidden": True} if self.hidden else {})

    def filled(self) -> Iterator[tuple[int, list[Cell]]]:
        """Yield number and cells of each row that is not blank."""
        for number in range(1, self.grid.last + 1):
            cells = self.grid.row(number)
            if any(not one.is_blank for one in cells):
                yield number, cells


@dataclass
class Book:
    """A spreadsheet.

    Attributes:
        shared: Whether the caller may read it.
    """

    id: str
    title: str
    tabs: list[Tab]
    modified: datetime
    locale: str = "en_US"
    zone: str = "America/Chicago"
    version: int = 9_007_199_254_740_993
    shared: bool = True
    created: datetime = field(default_factory=lambda: datetime.fromisoformat("2024-01-02T08:00:00+00:00"))

    def touch(self, moment: datetime) -> None:
        """Note that something was changed."""
        self.modified = moment
        self.version += 1


class GoogleSheets(Crm):
    """The simulated Google."""

    name = "gsheet"
    rules: t.ClassVar = {"sheets": [Rule(60, 60, "user"), Rule(300, 60, "project")]}
    default_size = 300

    @override
    def populate(self, size: int) -> None:
        self.drive: str = self.options.get("drive", "ok")
        self.keys: Mapping[str, tuple[int, int]] = self.options.get("service_accounts", {})
        self.tokens: dict[str, str] = {ACCESS_TOKEN: f"{SHEETS_SCOPE} {DRIVE_SCOPE}"}
        self.signed_in = 0
        self.leads = {
            2024: Collection(self.world, "leads-2024", size // 3, self._lead(2024)),
            2025: Collection(self.world, "leads-2025", size, self._lead(2025)),
        }
        self.spends = Collection(self.world, "spends", size // 2, self._spend)
        yesterday = self.world.start - DAY
        books = [
            *(
                Book(
                    f"Leads{year}example",
                    f"Leads {year}",
                    self._lead_tabs(leads),
                    yesterday - timedelta(days=2025 - year),
                )
                for year, leads in self.leads.items()
            ),
            Book(
                "Spendsexample",
                "Spends",
                [Tab(0, SPENDS_TAB, Records(SPEND_HEADERS, self.spends))],
                yesterday,
                zone="America/New_York",
            ),
            Book("Crewsexample", "Crews", crew_tabs(), yesterday, locale="en_GB", zone="Europe/London"),
        ]
        self.books = {book.id: book for book in books}

    def _lead_tabs(self, leads: Collection) -> list[Tab]:
        return [
            Tab(0, "How to use this sheet", Fixed([["Enter leads in the second tab."]]), frozen=0),
            Tab(1_234_567, LEADS_TAB, Records(LEAD_HEADERS, leads)),
            Tab(99, "Chart", Fixed([]), kind="OBJECT"),
        ]

    @override
    def routes(self) -> list[Route]:
        book = "/v4/spreadsheets/{book}"
        return [
            Route("/token", self.token, methods=["POST"]),
            Route("/drive/v3/files/{book}", self.file),
            Route(book + "/values:batchGet", self.batch),
            Route(book + "/values/{range:path}", self.values),
            Route(book, self.spreadsheet),
        ]

    @override
    def tap_settings(self, url: str) -> dict[str, t.Any]:
        rates = {} if self.limiter.rules else {"requests_per_minute": 1_000_000}
        return {
            "sheets_url": f"{url}/v4",
            "drive_url": f"{url}/drive/v3",
            "token_url": f"{url}/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "marketing_leads_sheets": {"2024": "Leads2024example", "2025": "Leads2025example"},
            "marketing_spends_sheet": "Spendsexample",
            **rates,
        }

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        moment = self.world.now - timedelta(hours=3)
        self.books["Leads2025example"].touch(moment)
        self.books["Spendsexample"].touch(moment + timedelta(seconds=1.5))
        return {
            "marketing_leads": self.leads[2025].pass_a_day(lambda rng, _: {"call_attempts": rng.randrange(9)}),
            "marketing_spends": self.spends.pass_a_day(lambda rng, _: {"Cost": Cell(rng.randrange(900), "CURRENCY")}),
        }

    # Credentials and refusals

    @override
    def needs_credentials(self, request: Request) -> bool:
        return not request.url.path.endswith("/token")

    @override
    def limit_of(self, request: Request) -> str:
        return "sheets" if "/v4/" in request.url.path else "default"

    @override
    def authenticate(self, request: Request) -> Response | None:
        scopes = self.scopes_of(request)
        if scopes is None:
            return self.refuse(401)
        if "/v4/" in request.url.path and SHEETS_SCOPE not in scopes:
            return _error(403, "Request had insufficient authentication scopes.", "PERMISSION_DENIED")
        return None

    def scopes_of(self, request: Request) -> str | None:
        """Return the scopes of the caller's token; None if there is no such token."""
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        told = (
            "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service "
            "'sheets.googleapis.com' for consumer 'project_number:1'."
        )
        return _error(429, told, "RESOURCE_EXHAUSTED")

    @override
    def refuse(self, status: int) -> Response:
        told = {
            401: ("Request had invalid authentication credentials.", "UNAUTHENTICATED"),
            403: ("The caller does not have permission", "PERMISSION_DENIED"),
            404: ("Requested entity was not found.", "NOT_FOUND"),
            500: ("Internal error encountered.", "INTERNAL"),
            503: ("The service is currently unavailable.", "UNAVAILABLE"),
        }
        return _error(status, *told.get(status, ("Simulated.", "UNKNOWN")))

    async def token(self, request: Request) -> Response:
        """Exchange a refresh token, or the signed assertion of a service account, for an access token."""
        asked = dict(parse_qsl((await request.body()).decode()))
        if asked.get("grant_type") == "refresh_token":
            if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return _refusal(401, "invalid_client", "The OAuth client was not found.")
            if asked.get("refresh_token") != REFRESH_TOKEN:
                return _refusal(400, "invalid_grant", "Token has been expired or revoked.")
            return self._grant(f"{SHEETS_SCOPE} {DRIVE_SCOPE}")
        if asked.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            claims, fault = check_assertion(asked.get("assertion", ""), self.keys)
            return self._grant(claims["scope"]) if fault is None else _refusal(400, "invalid_grant", fault)
        return _refusal(400, "unsupported_grant_type", "Invalid grant_type")

    def _grant(self, scopes: str) -> Response:
        self.signed_in += 1
        token = f"ya29.example-{self.signed_in}"
        self.tokens[token] = scopes
        return JSONResponse({"access_token": token, "expires_in": 3599, "token_type": "Bearer", "scope": scopes})

    # Drive

    async def file(self, request: Request) -> Response:
        """Answer with what Drive knows of a file."""
        if self.drive == "disabled":
            return _drive_error(403, "accessNotConfigured", "Google Drive API has not been used in project 1 before.")
        if self.drive == "scope" or DRIVE_SCOPE not in (self.scopes_of(request) or ""):
            return _drive_error(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        book = self.books.get(request.path_params["book"])
        if book is None or not book.shared or self.drive == "hidden":
            return _drive_error(404, "notFound", "File not found.")
        whole = {
            "kind": "drive#file",
            "id": book.id,
            "name": book.title,
            "mimeType": "application/vnd.google-apps.spreadsheet",
            "createdTime": _zulu(book.created),
            "modifiedTime": _zulu(book.modified),
            "version": str(book.version),
        }
        mask = request.query_params.get("fields", "kind,id,name,mimeType")
        return JSONResponse(masked(whole, parse_mask(mask)))

    # Sheets

    def _book(self, request: Request) -> Book | Response:
        book = self.books.get(request.path_params["book"])
        if book is None:
            return self.refuse(404)
        return book if book.shared else self.refuse(403)

    async def spreadsheet(self, request: Request) -> Response:
        """Answer with properties and, where asked for, with cells."""
        book = self._book(request)
        if isinstance(book, Response):
            return book
        asked = request.query_params
        mask = parse_mask(asked.get("fields", "*"))
        ranges = asked.getlist("ranges")
        try:
            areas = [parse_range(text, book) for text in ranges]
        except ValueError as error:
            return _error(400, str(error), "INVALID_ARGUMENT")
        with_cells = "fields" in asked or asked.get("includeGridData") == "true"
        sheets = []
        for index, tab in enumerate(book.tabs):
            mine = [area for area in areas if area.tab is tab]
            if ranges and not mine:
                continue
            sheet: Row = {"properties": tab.properties(index)}
            if with_cells and mine:
                sheet["data"] = [{"rowData": self._row_data(area, book)} for area in mine]
            sheets.append(sheet)
        whole = {
            "spreadsheetId": book.id,
            "properties": {"title": book.title, "locale": book.locale, "timeZone": book.zone, "autoRecalc": "HOUR"},
            "sheets": sheets,
            "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
        }
        return JSONResponse(masked(whole, mask))

    @staticmethod
    def _row_data(area: Area, book: Book) -> list[Row]:
        return [{"values": [_cell_data(one, book.locale) for one in row]} for row in area.cells()]

    async def values(self, request: Request) -> Response:
        """Answer with the values of one range."""
        book = self._book(request)
        if isinstance(book, Response):
            return book
        return self._render(request, book, [request.path_params["range"]], single=True)

    async def batch(self, request: Request) -> Response:
        """Answer with the values of several ranges."""
        book = self._book(request)
        if isinstance(book, Response):
            return book
        return self._render(request, book, request.query_params.getlist("ranges"))

    def _render(self, request: Request, book: Book, ranges: Sequence[str], *, single: bool = False) -> Response:
        asked = request.query_params
        rendering = asked.get("valueRenderOption", "FORMATTED_VALUE")
        if rendering not in RENDERINGS:
            return _error(400, f'Invalid value at "value_render_option": "{rendering}"', "INVALID_ARGUMENT")
        as_text = rendering == "FORMATTED_VALUE"
        dates_as_text = as_text or asked.get("dateTimeRenderOption") == "FORMATTED_STRING"
        found = []
        for text in ranges:
            try:
                area = parse_range(text, book)
            except ValueError as error:
                return _error(400, str(error), "INVALID_ARGUMENT")
            rows = [
                [
                    ""
                    if one.is_blank
                    else one.shown(book.locale)
                    if as_text or (dates_as_text and one.kind.startswith("DATE"))
                    else one.raw
                    for one in row
                ]
                for row in area.cells()
            ]
            value_range: Row = {"range": area.name, "majorDimension": "ROWS"}
            # An empty range has no values at all.
            found.append(value_range | ({"values": rows} if rows else {}))
        return JSONResponse(found[0] if single else {"spreadsheetId": book.id, "valueRanges": found})

    # Records

    def _lead(self, year: int) -> t.Callable[[random.Random, int], Row]:
        def make(rng: random.Random, index: int) -> Row:
            first = rng.choice(NAMES)
            # Whole minutes, as the old form wrote them.
            called = datetime(year, 1, 5, 9, 30) + timedelta(minutes=137 * index % 500_000)  # noqa: DTZ001
            # Some are typed as text.
            created: t.Any = f"{called.month}/{called.day}/{year} {called:%H:%M:%S}" if not (index + 7) % 10 else called
            sold = index % 4 == 0
            return {
                "created_at": created,
                "first_name": first,
                "last_name": rng.choice(("Sample", "Example", "Muster")),
                "phone_number": Cell(5_550_100 + index % 99) if index % 3 else f"(555) 555-01{index % 90 + 10}",
                "email_address": f"{first.lower()}{index}@example.com",
                "utm_campaign": rng.choice(("spring", "autumn")),
                "marketing_channel": rng.choice(("Google Ads", "Referral")),
                "page_url": f"https://www.example.com/p/{index}",
                "division": rng.choice(("North", "South")),
                "form_submit_zipcode": Cell(2139 + index % 50, "ZIP"),
                "lead_set": sold,
                "recording_duration": 0 if index % 5 == 0 else rng.randrange(900),
                "first_call_date_time": called + timedelta(minutes=4),
                "call_attempts": index % 4,
                "call_notes": "Wants two windows,\nand a door" if index % 7 == 0 else None,
                "manager_followup": index % 6 == 0,
                "Multiple Inquiry": rng.choice(("Yes", "No", None)),
                "preferred_appt_date": called.date() + timedelta(days=3),
                "Set Appt Date": called.date(),
                "Appt Date-Time": called + timedelta(days=3) if sold else None,
                "Appt Attempts": "2.0" if index % 9 == 0 else 1,
                "spouses_present": index % 3,
                "adgroup_id": Cell(123_456_789_012 + index),
                "Total Job Value": Cell(1200 + index / 4, "CURRENCY") if sold else None,
                "Cancel Job Value": "$1,200.50" if not (index + 4) % 8 else None,
                "MarketSharp Source": Cell("#N/A", "ERROR") if index % 17 == 0 else f"Source {index % 5}",
                "Internal Remark": f"remark {index}",
            }

        return make

    def _spend(self, rng: random.Random, index: int) -> Row:
        day = date(2025, 1, 5) + timedelta(days=index // 4)
        event = index % 10 == 0
        return {
            "Date": f"{day:%Y-%m-%d}" if not (index + 6) % 11 else day,
            "Cost": Cell(-5.25 if not index % 99 else rng.randrange(100, 90_000) / 4, "CURRENCY"),
            "Division": rng.choice(("North", "South")),
            "Channel": rng.choice(("Google Ads", "Events", "Bing")),
            "Campaign": f"Campaign {index % 20}",
            "Campaign ID": Cell(21_474_836_470 + index % 20),
            "Campaign Type": rng.choice(("SEARCH", "DISPLAY")),
            "event_start_date": day if event else None,
            "event_end_date": day + timedelta(days=2 if index % 50 else -1) if event else None,
            "event_fee": Cell(0, "CURRENCY") if event else None,
            "event_labor_cost": "$1,050.00" if event else None,
        }


def crew_tabs() -> list[Tab]:
    """Return tabs that somebody keeps by hand: a title above the header, gaps, errors, a quote in a title."""
    people: list[list[t.Any]] = [
        ["Crews of 2025"],
        [],
        ["Crew ID", "Name", "", "Started", "Share", "Active", "Rate", "2024 total", "Name", "Last seen"],
        ["C1", "Sam", "x", date(2025, 1, 13), Cell(0.125, "PERCENT"), True, Cell(52.5, "CURRENCY"), 0, "Sample"],
        ["C2", "Pat", None, date(2025, 12, 1), Cell(0.5, "PERCENT"), False, Cell("#REF!", "ERROR"), 10, "Example"],
        [],
        ["C3", "Kim", None, "13/01/2025", "12.5%", "maybe", 48, 3.5, None, datetime(2025, 7, 1, 9, 30)],  # noqa: DTZ001
    ]
    return [
        Tab(0, "Bob's tab", Fixed(people), frozen=0, rows=40),
        Tab(7, "Archive", Fixed([["Crew ID"], ["C0"]]), hidden=True),
        Tab(8, "Empty", Fixed([])),
        Tab(9, "Chart", Fixed([]), kind="OBJECT"),
    ]


# Ranges


@dataclass(frozen=True)
class Area:
    """A rectangle of a tab; rows and columns count from 1, inclusive."""

    tab: Tab
    top: int
    left: int
    bottom: int
    right: int

    @property
    def name(self) -> str:
        """The range as Google writes it."""
        title = self.tab.title.replace("'", "''")
        return f"'{title}'!{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"

    def cells(self) -> list[list[Cell]]:
        """Return the rows, without the blank cells at their end and the blank rows at the end."""
        rows = []
        for number in range(self.top, min(self.bottom, self.tab.grid.last) + 1):
            row = self.tab.grid.row(number)[self.left - 1 : self.right]
            while row and row[-1].is_blank:
                row.pop()
            rows.append(row)
        while rows and not rows[-1]:
            rows.pop()
        return rows


_RANGE = re.compile(r"(?:(?:'((?:[^']|'')*)'|([^'!]+))!)?(?:([A-Za-z]{1,3})?(\d+)?(?::([A-Za-z]{1,3})?(\d+)?)?)")


def parse_range(text: str, book: Book) -> Area:
    """Return the area that A1 notation names.

    Raises:
        ValueError: As Google words it: no such tab, no such notation, or outside of the grid.
    """
    by_title = {tab.title.lower(): tab for tab in book.tabs if tab.kind == "GRID"}
    whole = by_title.get(text.strip("'").replace("''", "'").lower())
    if whole is not None and "!" not in text:
        return Area(whole, 1, 1, whole.row_count, whole.column_count)
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"Unable to parse range: {text}")
    quoted, plain, left, top, right, bottom = match.groups()
    title = quoted.replace("''", "'") if quoted is not None else plain
    tab = by_title.get(title.lower()) if title is not None else next(iter(by_title.values()), None)
    if tab is None:
        raise ValueError(f"Unable to parse range: {text}")
    single = ":" not in text.rpartition("!")[2]
    area = Area(
        tab,
        int(top or 1),
        number_of(left) if left else 1,
        min(int(bottom or (top if single and top else tab.row_count)), tab.row_count),
        min(number_of(right or (left if single else None), tab.column_count), tab.column_count),
    )
    if area.top > tab.row_count or area.left > tab.column_count:
        raise ValueError(
            f"Range ({text}) exceeds grid limits. Max rows: {tab.row_count}, max columns: {tab.column_count}"
        )
    return area


def number_of(name: str | None, default: int = 1) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    if name is None:
        return default
    number = 0
    for letter in name.upper():
        number = number * 26 + ord(letter) - 64
    return number


def letters(number: int) -> str:
    """Return the letters of a column."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def _cell_data(one: Cell, locale: str) -> Row:
    if one.is_blank:
        return {}
    if one.kind == "ERROR":
        value: Row = {"errorValue": {"type": one.value.strip("#!?"), "message": "Simulated."}}
    elif isinstance(one.value, bool):
        value = {"boolValue": one.value}
    elif isinstance(one.value, str):
        value = {"stringValue": one.value}
    else:
        value = {"numberValue": one.raw}
    data: Row = {"effectiveValue": value, "formattedValue": one.shown(locale)}
    kind = "NUMBER" if one.kind == "ZIP" else one.kind
    if kind and kind != "ERROR":
        data["effectiveFormat"] = {"numberFormat": {"type": kind}}
    return data


# Field masks

Mask: t.TypeAlias = "dict[str, Mask]"


def parse_mask(text: str) -> Mask:
    """Return a field mask like ``a,b(c,d.e)`` as a tree; ``*`` stands for everything."""
    root: Mask = {}
    stack, place = [root], root
    for sign in re.findall(r"[\w*]+|[().,/]", text):
        if sign == "(":
            stack.append(place)
        elif sign == ")":
            stack.pop()
        elif sign == ",":
            place = stack[-1]
        elif sign not in "./":
            place = place.setdefault(sign, {})
    return root


def masked(document: t.Any, mask: Mask) -> t.Any:
    """Return only what a mask names; lists are looked through."""
    if not mask or "*" in mask:
        return document
    if isinstance(document, list):
        return [masked(one, mask) for one in document]
    if not isinstance(document, dict):
        return document
    return {name: masked(document[name], inner) for name, inner in mask.items() if name in document}


# Tokens


def check_assertion(assertion: str, keys: Mapping[str, tuple[int, int]]) -> tuple[Row, str | None]:
    """Return the claims of a signed assertion, and what is wrong with it."""
    parts = assertion.split(".")
    try:
        header, claims = (json.loads(_unpack(part)) for part in parts[:2])
        signature = int.from_bytes(_unpack(parts[2]))
    except (ValueError, IndexError):
        return {}, "Invalid JWT: it has to have three parts."
    now, fault = time.time(), None
    if claims.get("iss") not in keys:
        fault = "Invalid grant: account not found"
    elif claims.get("aud") != AUDIENCE:
        fault = "Invalid JWT: Failed audience check."
    elif not claims["iat"] - 60 <= now <= claims["exp"] <= claims["iat"] + 3600:
        fault = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    elif not claims.get("scope"):
        fault = "Invalid OAuth scope or ID token audience provided."
    elif header.get("alg") != "RS256" or not is_signed(".".join(parts[:2]), signature, *keys[claims["iss"]]):
        fault = "Invalid JWT Signature."
    return claims, fault


def is_signed(text: str, signature: int, modulus: int, exponent: int) -> bool:
    """Tell whether a text was signed with an RSA key (PKCS #1 v1.5, SHA-256)."""
    # Ones, a zero, the name of SHA-256 in DER, the digest.
    tail = bytes.fromhex("003031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    length = (modulus.bit_length() + 7) // 8
    expected = b"\x00\x01" + b"\xff" * (length - 2 - len(tail)) + tail
    return signature < modulus and pow(signature, exponent, modulus).to_bytes(length) == expected


def _unpack(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _error(status: int, message: str, name: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message, "status": name}}, status)


def _drive_error(status: int, reason: str, message: str) -> Response:
    inner = {"domain": "global", "reason": reason, "message": message}
    return JSONResponse({"error": {"errors": [inner], "code": status, "message": message}}, status)


def _refusal(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)


def _zulu(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
