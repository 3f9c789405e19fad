"""Where the rows of a sheet are: which tab it is, and which part of it."""

from __future__ import annotations

import logging
import typing as t
from dataclasses import dataclass

from tap_kit.errors import SkipStream

from tap_gsheet_dw.sheets import area_name
from tap_gsheet_dw.values import zone_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from tap_gsheet_dw.api import Asker, Book, Google, Tab
    from tap_gsheet_dw.sheets import Sheet

logger = logging.getLogger("tap-gsheet-dw.places")

MOST_LISTED = 10


@dataclass(frozen=True)
class Place:
    """The tab of a sheet, and the part of it that is read; columns and rows from 1, both ends inclusive."""

    sheet: Sheet
    book: Book
    tab: Tab
    columns: tuple[int, int]
    rows: tuple[int, int]
    zone: tzinfo

    def area(self, first: int, last: int) -> str:
        """Return some rows in A1 notation."""
        return area_name(self.tab.title, first, last, *self.columns)


def find_place(google: Google, sheet: Sheet, asker: Asker) -> Place:
    """Return where the rows of a sheet are.

    Raises:
        SkipStream: If there is no such tab, or no such part of it.
    """
    book = google.book(sheet.spreadsheet, asker)
    tab = find_tab(book, sheet, stream=asker.stream)
    zone = zone_of(book.zone)
    if zone is None:
        raise SkipStream(
            f"The stream {asker.stream} cannot be read: the spreadsheet {book.id} has the time zone {book.zone!r}, "
            "which is not known here; choose another one in its settings (File, Settings).",
            category="configuration",
        )
    if sheet.first_column > tab.columns or sheet.header_row > tab.rows:
        raise SkipStream(
            f"The stream {asker.stream} cannot be read: {sheet.place} has only {tab.rows} rows and {tab.columns} "
            "columns.",
            category="configuration",
        )
    right = min(tab.columns, sheet.last_column or tab.columns)
    rows = (sheet.data_start_row, min(tab.rows, sheet.last_row or tab.rows))
    return Place(sheet, book, tab, (sheet.first_column, right), rows, zone)


def find_tab(book: Book, sheet: Sheet, *, stream: str) -> Tab:
    """Return the tab of a sheet: by its number, else its title, else the number in the address, else the first one.

    Titles change, and the number in an address is that of the tab that was open when it was copied.

    Raises:
        SkipStream: If there is none.
    """
    grids = [tab for tab in book.tabs if tab.is_grid]
    by_gid = {tab.gid: tab for tab in grids}
    found = by_gid.get(sheet.gid) if sheet.gid is not None else None
    if found is None and sheet.tab is not None:
        found = _by_title(grids, sheet.tab)
    if found is None and sheet.gid is None and sheet.address_gid is not None:
        found = by_gid.get(sheet.address_gid)
    if found is None and sheet.gid is None and sheet.tab is None:
        found = next((tab for tab in grids if not tab.properties.get("hidden")), None)
    if found is None:
        there = listed(f"{tab.title!r} (gid {tab.gid})" for tab in grids)
        raise SkipStream(
            f"The stream {stream} cannot be read: {sheet.place} is not there. The spreadsheet has {there}. Set tab, or "
            "gid, which stays when a tab is renamed.",
            category="configuration",
        )
    if sheet.tab is not None and found.title != sheet.tab:
        logger.warning("%s: the tab %r is now called %r.", stream, sheet.tab, found.title)
    return found


def _by_title(tabs: Iterable[Tab], title: str) -> Tab | None:
    by_title = {tab.title.strip().casefold(): tab for tab in tabs} | {tab.title: tab for tab in tabs}
    return by_title.get(title) or by_title.get(title.strip().casefold())


def listed(names: Iterable[str]) -> str:
    """Return some names for a sentence."""
    found = list(names)
    more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
    return (", ".join(found[:MOST_LISTED]) + more) or "none"
