"""The report of tasks that Arrivy exports as CSV; off until the setting ``files`` names it."""

from __future__ import annotations

import typing as t
from datetime import UTC

from tap_kit.csv import CsvStream, Times
from tap_kit.zones import find_zone

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_kit.csv import Cells

FORMATS: t.Final = ("%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p")
TIME_OF_DAY: t.Final = Times(("%I:%M:%S %p",))
# Which column says the zone of a date-time; the first that is filled counts.
ZONES: t.Final[Mapping[str, tuple[str, ...]]] = {
    "created_on": ("timezone",),
    "actual_start_time": ("start_timezone", "timezone"),
    "actual_end_time": ("end_timezone", "timezone"),
}


def in_utc(cells: Cells) -> Cells:
    """Return a row whose date-times are UTC, and whose times of day are HH:MM:SS.

    The report writes local time; the zone is in other columns. Without a zone that is known it is taken as UTC.
    """
    made = dict(cells)
    for name, columns in ZONES.items():
        zone = next((cells[column].strip() for column in columns if cells.get(column, "").strip()), "UTC")
        moment = _times_of(zone).datetime_of(cells.get(name, ""))
        if isinstance(moment, str):
            made[name] = moment
    for name in ("start_time", "end_time"):
        time = TIME_OF_DAY.time_of(cells.get(name, ""))
        if isinstance(time, str):
            made[name] = time
    return made


def _times_of(zone: str) -> Times:
    if zone not in _KNOWN:
        _KNOWN[zone] = Times(FORMATS, find_zone(zone) or UTC)
    return _KNOWN[zone]


_KNOWN: dict[str, Times] = {}


class CsvTasks(CsvStream):
    """Tasks, as the task report has them: one row a task, with the statuses that the account has set up.

    Source: CSV export of the task report. Bookmark: the files that were read. Statuses and extra fields that are no
    column of ours are kept in other_fields.
    """

    name = "csv_tasks"
    primary_keys = ("task_id",)
    formats = FORMATS
    empty: t.ClassVar[Mapping[str, t.Any]] = {"boolean": False}
    extra = "other_fields"
    prepare = in_utc
