"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from crm_simulator.gsheet import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Book, GoogleSheets, Records, Tab
from tap_gsheet_dw.tap import TapGoogleSheets
from tap_kit.testing import Run, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from crm_simulator.gsheet import Fixed
    from tap_kit.testing import Message

START = datetime(2025, 6, 2, 12, tzinfo=UTC)
CREW_TYPES = {
    "started": "date",
    "share": "number",
    "active": "boolean",
    "rate": "number",
    "*_total": "number",
    "last_seen": "datetime",
}


class Account:
    """A simulated Google, and the tap on it."""

    def __init__(self, crm: GoogleSheets, url: str) -> None:
        self.crm = crm
        self.url = url
        self.addresses = {
            "sheets_url": f"{url}/v4",
            "drive_url": f"{url}/drive/v3",
            "token_url": f"{url}/token",
        }
        self.login: dict[str, t.Any] = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
        }
        self.crews: dict[str, t.Any] = {
            "name": "crews",
            "spreadsheet_id": "Crewsexample",
            "tab": "Bob's tab",
            "header_row": 3,
            "column_types": CREW_TYPES,
        }
        self.sheets: dict[str, t.Any] = {
            "marketing_leads_sheets": {"2024": "Leads2024example", "2025": "Leads2025example"},
            "marketing_spends_sheet": "Spendsexample",
            "sheets": [self.crews],
        }

    @property
    def settings(self) -> dict[str, t.Any]:
        """The settings that reach it."""
        return {**self.addresses, **self.login, **self.sheets, "requests_per_minute": 100_000}

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; all streams without names. What it asked for to make a catalog is not counted."""
        return run_tap(TapGoogleSheets, {**self.settings, **settings}, streams=streams, state=state)

    def read_as_catalogued(self, catalog: Message, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap with a catalog, as Meltano does."""
        return run_tap(TapGoogleSheets, {**self.settings, **settings}, catalog=catalog, state=state)

    def catalog(self, **settings: t.Any) -> Message:
        """Return the catalog."""
        made: Message = TapGoogleSheets(config={**self.settings, **settings}, setup_mapper=False).catalog_dict
        return made

    def read_crews(self, **entry: t.Any) -> Run:
        """Read the crews only, with other settings of their sheet."""
        changed = {name: value for name, value in {**self.crews, **entry}.items() if value is not None}
        return self.read("crews", sheets=[changed])

    def book(self, name: str) -> Book:
        """Return a spreadsheet by the beginning of its id."""
        return self.crm.books[f"{name}example"]

    def tab(self, name: str, place: int = 0) -> Tab:
        """Return a tab of a spreadsheet."""
        return self.book(name).tabs[place]

    def rows(self, name: str = "Crews") -> list[list[t.Any]]:
        """Return the rows of a sheet that is written down, to be changed."""
        return t.cast("Fixed", self.tab(name).grid).rows

    def records(self, name: str, place: int = 0) -> Records:
        """Return the records of a tab."""
        return t.cast("Records", self.tab(name, place).grid)

    def a_day_passes(self) -> dict[str, dict[str, int]]:
        """Let a day happen."""
        self.crm.world.days += 1
        return self.crm.pass_a_day()


@pytest.fixture
def open_account(simulate: Callable[..., str]) -> Callable[..., Account]:
    """Return a function that plays an account; its limits are off."""

    def start(**options: t.Any) -> Account:
        crm = GoogleSheets(**{"size": 150, "start": START, **options})
        crm.limiter.rules = {}
        return Account(crm, simulate(crm))

    return start


@pytest.fixture
def account(open_account: Callable[..., Account]) -> Account:
    """An account with 200 leads in two years, and 75 spends."""
    return open_account()
