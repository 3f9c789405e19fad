"""The tap: its settings and its streams."""

from __future__ import annotations

import typing as t
from functools import cached_property

from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import BearerToken, Headers
from tap_kit.http import Meter
from tap_kit.limits import Limit
from tap_kit.report import StreamReport
from tap_kit.rest import RestTap, document_of
from tap_kit.settings import with_rest_settings
from typing_extensions import override

from tap_gsheet_dw.api import Google, judge_token
from tap_gsheet_dw.credentials import DRIVE_SCOPE, SHEETS_SCOPE, find_login
from tap_gsheet_dw.names import STREAMS as NAMES
from tap_gsheet_dw.sheets import LEADS, SPENDS, all_sheets
from tap_gsheet_dw.streams import (
    STREAMS,
    MarketingLeads,
    MarketingSpends,
    SheetMetadata,
    SheetRows,
    SpreadsheetMetadata,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_kit.auth import Credentials
    from tap_kit.rest import RestStream

    from tap_gsheet_dw.credentials import Login
    from tap_gsheet_dw.sheets import Sheet

# An id, an address, or an object like an entry of ``sheets``.
ONE_SHEET = th.CustomType({"type": ["string", "object"]})
SHEET = th.ObjectType(
    th.Property(
        "name", th.StringType, description="Name of the stream and of its table; else made of the tab's title."
    ),
    th.Property("spreadsheet_id", th.StringType, required=True, description="Id or address of the spreadsheet."),
    th.Property("tab", th.StringType, description="Title of the tab; without tab and gid the first visible one."),
    th.Property("gid", th.IntegerType(minimum=0), description="Number of the tab, which stays when it is renamed."),
    th.Property("header_row", th.IntegerType(minimum=1), description="Row with the headers; 1, or the first of range."),
    th.Property("data_start_row", th.IntegerType(minimum=1), description="First row with data; that after the header."),
    th.Property("range", th.StringType, description="The part that is read, like B:F, B3:F or B3:F200."),
    th.Property("columns", th.ArrayType(th.StringType), description="Headers of the only columns to read."),
    th.Property(
        "column_map", th.ObjectType(additional_properties=th.StringType), description="Column names by header."
    ),
    th.Property(
        "column_types", th.ObjectType(additional_properties=th.StringType), description="Types by column or pattern."
    ),
    th.Property("detect_types", th.BooleanType, description="Whether types come from the first row of data."),
    th.Property("key_columns", th.ArrayType(th.StringType), description="Columns of the key; else the row number."),
    additional_properties=False,
)

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "credentials_path",
        th.StringType,
        title="File with the credentials",
        description="Path of the JSON file with the key of a service account, or with an authorised user.",
    ),
    th.Property(
        "credentials_json",
        th.StringType,
        secret=True,
        title="Credentials",
        description="The content of such a file, instead of its path.",
    ),
    th.Property(
        "client_id",
        th.StringType,
        title="OAuth client",
        description="Id of the OAuth client of a user; with client_secret and refresh_token.",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="Secret of the OAuth client",
        description="Secret of the OAuth client.",
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        title="Refresh token",
        description="What the user's consent gave once. The tap never opens a browser.",
    ),
    th.Property(
        "access_token",
        th.StringType,
        secret=True,
        title="Access token",
        description="A token that is good for an hour, for tests.",
    ),
    th.Property(
        "marketing_leads_sheets",
        th.ObjectType(additional_properties=ONE_SHEET),
        default={},
        title="Sheets of marketing leads",
        description='Spreadsheets of the stream marketing_leads by year, as ids or addresses: {"2025": "..."}. An '
        "object like an entry of sheets says more; without it the tab is Marketing Source Leads.",
    ),
    th.Property(
        "marketing_spends_sheet",
        ONE_SHEET,
        title="Sheet of marketing spends",
        description="Spreadsheet of the stream marketing_spends, in the same way; the tab is All Marketing Spend.",
    ),
    th.Property(
        "sheets",
        th.ArrayType(SHEET),
        default=[],
        title="Other sheets",
        description="Any other sheets, each with a stream of its own; what an entry may say is in the README.",
    ),
    th.Property(
        "check_changes",
        th.BooleanType,
        default=True,
        title="Check for changes",
        description="Whether Drive is asked when a file was changed, so that a file that was not is not read. It needs "
        "the scope drive.metadata.readonly; false asks for spreadsheets.readonly only, and reads all in every run.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["sweep", "off"],
        default="sweep",
        title="Deletions",
        description="sweep: after a sheet was read to its end, rows that are no longer in it are marked as deleted. "
        "off: they stay.",
    ),
    th.Property(
        "date_order",
        th.StringType,
        allowed_values=["locale", "mdy", "dmy"],
        default="locale",
        title="Order of dates",
        description="Order of day and month in dates that are texts. locale: that of the spreadsheet. Real dates need "
        "no order.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=60,
        title="Requests per minute",
        description="Reads of the Sheets API in a minute: Google allows 60 for each user, and 300 for a project.",
    ),
    th.Property(
        "sheets_url",
        th.StringType,
        default="https://sheets.googleapis.com/v4",
        title="Address of the Sheets API",
        description="Address of the Sheets API, with its version.",
    ),
    th.Property(
        "drive_url",
        th.StringType,
        default="https://www.googleapis.com/drive/v3",
        title="Address of the Drive API",
        description="Address of the Drive API, with its version.",
    ),
    th.Property(
        "token_url",
        th.StringType,
        default="https://oauth2.googleapis.com/token",
        title="Address for tokens",
        description="Where access tokens come from.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        default=5000,
        title="Page size",
        description="Rows asked for at a time. Google advises answers of about 2 MB.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=1,
        title="Concurrency",
        description="Chunks of rows read at once.",
    ),
    th.Property(
        "read_timeout_seconds",
        th.IntegerType(minimum=1),
        default=180,
        title="Read time-out",
        description="How long the server may be silent, in seconds. Google ends a request after 180.",
    ),
)


class TapGoogleSheets(RestTap):
    """Reads Google Sheets: marketing leads and spends, and any other sheet that the settings name."""

    name = "tap-gsheet-dw"
    package_name = "tap-gsheet-dw"
    crm_source = "gsheet"
    stream_order = NAMES
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(OWN_SETTINGS)

    @override
    def check_settings(self) -> None:
        super().check_settings()
        _ = self.login, self.sheets

    @cached_property
    def login(self) -> Login | None:
        """What is exchanged for an access token; None for a bare one."""
        login = find_login(self.config)
        if login is not None:
            self.redactor.add(*login.secrets)
        return login

    @cached_property
    def sheets(self) -> dict[str, tuple[Sheet, ...]]:
        """The sheets of each stream of rows."""
        return all_sheets(self.config)

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["sheets_url"])

    @override
    def make_credentials(self) -> Credentials:
        if self.login is None:
            return Headers({"Authorization": f"Bearer {self.config['access_token']}"})
        return BearerToken(self.fetch_token)

    def fetch_token(self) -> tuple[str, float]:
        """Return a new access token and the seconds it is good for."""
        assert self.login is not None  # noqa: S101 - there is no BearerToken without
        scopes = f"{SHEETS_SCOPE} {DRIVE_SCOPE}" if self.config["check_changes"] else SHEETS_SCOPE
        request = HTTPRequest(url=self.config["token_url"], method="POST", data=self.login.grant(scopes))
        response = self.client.send(
            request, limit="token", judge=judge_token, meter=Meter(StreamReport()), json=False, sign=False
        )
        answer = document_of(response)
        self.redactor.add(answer["access_token"])
        return answer["access_token"], float(answer.get("expires_in") or 3600)

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        # What a minute allows may be sent at once. Drive allows far more than there are files here.
        return {
            "sheets": Limit(self.config["requests_per_minute"], 60, burst=True),
            "drive": Limit(600, 60, burst=True),
            "token": Limit(60, 60, burst=True),
        }

    @cached_property
    def google(self) -> Google:
        """What is asked of Google."""
        return Google(
            self.client,
            sheets_url=self.config["sheets_url"],
            drive_url=self.config["drive_url"],
            login="the account of the access token" if self.login is None else self.login.name,
            asks_drive=self.config["check_changes"],
        )

    @override
    def discover_streams(self) -> Sequence[RestStream]:
        every = {sheet.spreadsheet: sheet for sheets in self.sheets.values() for sheet in sheets}
        streams: list[RestStream] = [stream(self, [*every.values()]) for stream in (SpreadsheetMetadata, SheetMetadata)]
        for name, sheets in self.sheets.items():
            if name in (LEADS, SPENDS):
                streams.append((MarketingLeads if name == LEADS else MarketingSpends)(self, sheets))
            else:
                streams.append(SheetRows(self, sheets[0], columns=self._catalogued(name)))
        return streams

    def _catalogued(self, name: str) -> dict[str, t.Any] | None:
        """Return the columns that a catalog has for a sheet, so that nothing is asked for to know them."""
        for entry in self.input_catalog.streams if self.input_catalog else ():
            if entry.tap_stream_id == name:
                properties: dict[str, t.Any] = entry.schema.to_dict().get("properties", {})
                return {column: schema for column, schema in properties.items() if column not in SheetRows.derived}
        return None

    @override
    def explain_missing(self, name: str) -> str:
        if name in (LEADS, SPENDS):
            setting = "marketing_leads_sheets" if name == LEADS else "marketing_spends_sheet"
            return f"The stream {name} is left out: it needs the setting {setting}."
        return f"The stream {name} does not exist: no entry of the setting sheets has this name."
