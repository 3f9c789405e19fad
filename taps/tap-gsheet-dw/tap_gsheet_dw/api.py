"""What is asked of Google: files of Drive, spreadsheets, values; and what its answers mean.

Sources: the discovery document of Sheets API v4, its page "Usage limits", the reference of Drive API v3.
"""

from __future__ import annotations

import logging
import typing as t
from dataclasses import dataclass

from singer_sdk.streams.rest import HTTPRequest
from tap_kit.bookmarks import format_time, parse_time
from tap_kit.errors import Retry, SkipStream, Stop, Wait
from tap_kit.http import retry_after
from tap_kit.redact import impersonal
from tap_kit.rest import check_json, document_of, error_of, message_of, place_of
from tap_kit.rows import dig

from tap_gsheet_dw.sheets import area_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests
    from tap_kit.http import HttpClient, Meter

logger = logging.getLogger("tap-gsheet-dw.api")

FILE_FIELDS: t.Final = "id,name,createdTime,modifiedTime,version"
BOOK_FIELDS: t.Final = "spreadsheetId,spreadsheetUrl,properties(title,locale,timeZone),sheets.properties"
CELL_FIELDS: t.Final = "sheets.data.rowData.values(effectiveValue,effectiveFormat.numberFormat.type)"
# 403 means a missing right, or one of these.
QUOTA_REASONS: t.Final = frozenset(("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"))
# Error codes of the token endpoint that pass.
PASSING: t.Final = frozenset(("internal_failure", "server_error", "temporarily_unavailable"))
OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, TOO_MANY, SERVER_ERROR = 200, 400, 403, 404, 429, 500


@dataclass(frozen=True)
class File:
    """What Drive knows of a spreadsheet; times as bookmarks have them."""

    name: str | None
    created: str | None
    modified: str | None
    version: str | None


@dataclass(frozen=True)
class Tab:
    """A tab of a spreadsheet, and the size of its grid."""

    properties: Mapping[str, t.Any]

    @property
    def gid(self) -> int:
        """Its number, which never changes; 0 is one."""
        return int(self.properties.get("sheetId", 0))

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.properties.get("title", ""))

    @property
    def is_grid(self) -> bool:
        """Whether it has rows: a tab may also be a chart."""
        return str(self.properties.get("sheetType", "GRID")) == "GRID"

    @property
    def rows(self) -> int:
        """Rows of the grid, blank ones included."""
        return int(dig(self.properties, ("gridProperties", "rowCount")) or 0)

    @property
    def columns(self) -> int:
        """Columns of the grid, blank ones included."""
        return int(dig(self.properties, ("gridProperties", "columnCount")) or 0)


@dataclass(frozen=True)
class Book:
    """A spreadsheet: its properties and tabs, and the whole answer."""

    id: str
    locale: str
    zone: str
    tabs: tuple[Tab, ...]
    document: Mapping[str, t.Any]


class Asker(t.NamedTuple):
    """Who asks: the name of a stream, and what counts its requests."""

    stream: str
    meter: Meter


class Google:
    """The answers of one run; a file and a spreadsheet are asked for once, however many streams need them.

    Args:
        client: The HTTP client of the tap.
        sheets_url: Address of the Sheets API.
        drive_url: Address of the Drive API.
        login: Who reads, for messages.
        asks_drive: Whether Drive is asked at all.
    """

    def __init__(self, client: HttpClient, *, sheets_url: str, drive_url: str, login: str, asks_drive: bool) -> None:
        self._client = client
        self._sheets_url = sheets_url.rstrip("/")
        self._drive_url = drive_url.rstrip("/")
        self._login = login
        self._asks_drive = asks_drive
        self._files: dict[str, File | None] = {}
        self._books: dict[str, Book] = {}
        self._warned = False

    def file(self, spreadsheet: str, asker: Asker, *, anew: bool = False) -> File | None:
        """Return what Drive knows of a spreadsheet; None if Drive may not be asked, which is said once a run.

        Args:
            spreadsheet: Its id.
            asker: Who asks.
            anew: Whether an answer of this run does not do.
        """
        if not self._asks_drive:
            return None
        if anew or spreadsheet not in self._files:
            before = self._files.get(spreadsheet)
            self._files[spreadsheet] = self._ask_drive(spreadsheet, asker)
            if before != self._files[spreadsheet]:
                # What is known of the tabs has to be younger than the time of the change.
                self._books.pop(spreadsheet, None)
        return self._files[spreadsheet]

    def _ask_drive(self, spreadsheet: str, asker: Asker) -> File | None:
        def judge(response: requests.Response) -> None:
            if response.status_code not in (FORBIDDEN, NOT_FOUND) or is_quota(response):
                self._judge(response, asker)

        url = f"{self._drive_url}/files/{spreadsheet}"
        response = self._get(url, {"fields": FILE_FIELDS, "supportsAllDrives": "true"}, "drive", judge, asker)
        if response.status_code != OK:
            if not self._warned:
                logger.warning(
                    "Drive does not tell when spreadsheets were changed, so they are read in every run: enable the "
                    "Google Drive API, and allow the scope drive.metadata.readonly; or set check_changes to false. "
                    "%s answered %d%s.",
                    place_of(response),
                    response.status_code,
                    message_of(response),
                )
            self._warned = True
            return None
        found = document_of(response)
        return File(
            found.get("name"), _time(found.get("createdTime")), _time(found.get("modifiedTime")), found.get("version")
        )

    def book(self, spreadsheet: str, asker: Asker) -> Book:
        """Return a spreadsheet without its cells."""
        if spreadsheet not in self._books:
            found = document_of(self._ask_sheets(spreadsheet, "", {"fields": BOOK_FIELDS}, asker))
            properties = found.get("properties") or {}
            tabs = tuple(Tab(sheet["properties"]) for sheet in found.get("sheets") or [] if "properties" in sheet)
            self._books[spreadsheet] = Book(
                spreadsheet, properties.get("locale") or "", properties.get("timeZone") or "", tabs, found
            )
        return self._books[spreadsheet]

    def values(self, spreadsheet: str, ranges: Sequence[str], asker: Asker, *, shown: bool) -> list[list[list[t.Any]]]:
        """Return the rows of some ranges: rows end with their last cell, ranges with their last row.

        Args:
            spreadsheet: Id of the spreadsheet.
            ranges: In A1 notation.
            asker: Who asks.
            shown: Whether as a person sees them, else what they hold.
        """
        rendering = {"valueRenderOption": "FORMATTED_VALUE" if shown else "UNFORMATTED_VALUE"}
        asked = {"majorDimension": "ROWS", "dateTimeRenderOption": "SERIAL_NUMBER", "ranges": list(ranges)}
        found = document_of(self._ask_sheets(spreadsheet, "/values:batchGet", rendering | asked, asker))
        answers = found.get("valueRanges") or []
        if len(answers) != len(ranges):
            raise SkipStream(
                f"The stream {asker.stream} cannot be read: of {len(ranges)} ranges of the spreadsheet {spreadsheet} "
                f"{len(answers)} were answered."
            )
        # An empty range has no values.
        return [answer.get("values") or [] for answer in answers]

    def cells(
        self, spreadsheet: str, tab: Tab, row: int, columns: tuple[int, int], asker: Asker
    ) -> list[Mapping[str, t.Any]]:
        """Return value and format of the cells of one row."""
        params = {"ranges": area_name(tab.title, row, row, *columns), "fields": CELL_FIELDS}
        found = document_of(self._ask_sheets(spreadsheet, "", params, asker))
        for sheet in found.get("sheets") or []:
            for data in sheet.get("data") or []:
                for line in data.get("rowData") or []:
                    return list(line.get("values") or [])
        return []

    def _ask_sheets(self, spreadsheet: str, path: str, params: Mapping[str, t.Any], asker: Asker) -> requests.Response:
        url = f"{self._sheets_url}/spreadsheets/{spreadsheet}{path}"
        return self._get(url, params, "sheets", lambda response: self._judge(response, asker), asker)

    def _get(
        self,
        url: str,
        params: Mapping[str, t.Any],
        limit: str,
        judge: Callable[[requests.Response], None],
        asker: Asker,
    ) -> requests.Response:
        return self._client.send(HTTPRequest(url=url, params=dict(params)), limit=limit, judge=judge, meter=asker.meter)

    def _judge(self, response: requests.Response, asker: Asker) -> None:
        judge_answer(response, stream=asker.stream, login=self._login)


def judge_answer(response: requests.Response, *, stream: str, login: str) -> None:
    """Raise what an answer means, if it is no good one.

    Raises:
        Retry: For 5xx and a body that is no JSON.
        Wait: For a used-up quota: 429, or 403 with such a reason.
        RefreshCredentials: For 401.
        SkipStream: For everything else that trying again cannot change.
    """
    status = response.status_code
    if status == OK:
        check_json(response)
        if not response.content:
            raise Retry(f"{place_of(response)} answered {status} without a body.", category="source")
        return
    told = f"{place_of(response)} answered {status}{message_of(response)}."
    if status == FORBIDDEN and is_quota(response):
        raise Wait(told, seconds=retry_after(response) or 0)
    if status == FORBIDDEN:
        raise SkipStream(
            f"The stream {stream} may not be read: share the spreadsheet with {login}, and enable the Google Sheets "
            f"API of its project. {told}",
            category="permission",
        )
    if status == NOT_FOUND:
        raise SkipStream(
            f"The stream {stream} cannot be read: there is no such spreadsheet; check its id in the settings. {told}",
            category="configuration",
        )
    raise error_of(response, stream=stream)


def judge_token(response: requests.Response) -> None:
    """Raise what an answer of the token endpoint means, if it is no token.

    Raises:
        Retry: If it may pass.
        Wait: For 429.
        Stop: If Google refuses the login.
    """
    status = response.status_code
    found: t.Any = None
    try:
        found = document_of(response) if response.content else None
    except ValueError:
        if status == OK:
            raise Retry(f"{place_of(response)} answered 200 with a body that is no JSON.") from None
    found = found if isinstance(found, dict) else {}
    if status == OK and found.get("access_token"):
        return
    reason = str(found.get("error") or "")
    said = f"{reason} {impersonal(str(found.get('error_description') or ''))}".strip(" .")
    told = f"{place_of(response)} answered {status}" + (f": {said}." if said else ".")
    if status == TOO_MANY:
        raise Wait(told, seconds=retry_after(response) or 0)
    if status >= SERVER_ERROR or status == OK or reason in PASSING:
        raise Retry(told, category="source")
    raise Stop(f"Google gives no access token for this login. {told}", category="authentication")


def is_quota(response: requests.Response) -> bool:
    """Tell whether a 403 means a used-up quota: Sheets gives a status then, Drive a reason."""
    try:
        error = dig(document_of(response), ("error",))
    except ValueError:
        return False
    if not isinstance(error, dict):
        return False
    reasons = {inner.get("reason") for name in ("errors", "details") for inner in error.get(name) or []}
    return error.get("status") == "RESOURCE_EXHAUSTED" or bool(reasons & QUOTA_REASONS)


def _time(text: str | None) -> str | None:
    return None if text is None else format_time(parse_time(text))
