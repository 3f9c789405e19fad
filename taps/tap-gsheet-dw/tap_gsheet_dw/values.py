"""What a cell means: serial dates, texts that look like dates, amounts, errors of formulas.

A cell comes in two renderings. UNFORMATTED_VALUE is what it holds: numbers, booleans, dates as serial numbers.
FORMATTED_VALUE is what a person sees, in the language of the spreadsheet. Columns of text take the second, because a
zip code that is the number 2139 is seen as 02139; all others take the first.
"""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from tap_kit.values import (
    Odd,
    Unstorable,
    as_given,
    convert_date,
    convert_datetime,
    integer_from_json,
    number_from_json,
    text_from_json,
)
from tap_kit.zones import find_zone

if t.TYPE_CHECKING:
    from collections.abc import Callable

# Day 0. Google's sheets never had a 29th of February 1900, so there is nothing to correct.
EPOCH: t.Final = datetime(1899, 12, 30)  # noqa: DTZ001 - the wall clock of a spreadsheet
DAY_MILLISECONDS: t.Final = 86_400_000
ERRORS: t.Final = frozenset(
    ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#ERROR!", "#SPILL!", "Loading...")
)
# Locales in which the month comes first; in all others it is the day.
MONTH_FIRST: t.Final = frozenset(("en_US", "en_PH", "es_PR", "es_US", "fil_PH", "haw_US"))
TRUE: t.Final = frozenset(("yes", "y", "true", "1", "on"))
FALSE: t.Final = frozenset(("no", "n", "false", "0", "off"))

_SHORT = re.compile(r"\d\.?\d*E\+\d+")
_CUSTOM_ZONE = re.compile(r"(?:GMT|UTC)([+-])(\d\d):?(\d\d)")
_PARTS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:\s*([AaPp])\.?[Mm]\.?)?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Cell(t.NamedTuple):
    """One cell that is not blank.

    Attributes:
        raw: What it holds; None if that was not asked for.
        text: What a person sees.
    """

    raw: t.Any
    text: str

    @property
    def held(self) -> t.Any:  # noqa: ANN401 - any JSON
        """What it holds, as far as that is known."""
        return self.text if self.raw is None else self.raw


def error_of(cell: Cell) -> str | None:
    """Return the error that a formula gave, None if it gave none.

    An error comes as text, in both renderings: somebody who types ``#N/A`` cannot be told from it.
    """
    return cell.held if isinstance(cell.held, str) and cell.held in ERRORS else None


def is_blank(value: t.Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether nothing, or nothing but blanks, is in a cell; zero and false are something."""
    return value is None or (isinstance(value, str) and not value.strip())


def zone_of(name: str) -> tzinfo | None:
    """Return the zone of a name as spreadsheets have it: an IANA name, or GMT with an offset; None if it is none."""
    if match := _CUSTOM_ZONE.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    return UTC if name in ("GMT", "Etc/GMT", "Etc/UTC") else find_zone(name)


def moment_of(serial: Decimal | int) -> datetime | None:
    """Return the wall-clock time of a serial number, to the millisecond; None outside of the years 1 to 9999."""
    try:
        # Parts of a day are binary fractions: 9:30 is 0.395833333336.
        return EPOCH + timedelta(milliseconds=round(serial * DAY_MILLISECONDS))
    except (OverflowError, ValueError):
        return None


def moment_in(text: str, *, month_first: bool) -> datetime | None:
    """Return the wall-clock time that a text names, like ``1/5/2025 9:30``, ``2025/1/5``, ``1-5-2025 9:30 PM``.

    Args:
        text: The text, without blanks around it.
        month_first: What comes first where the year comes last. It is never guessed from the numbers: else the 13th
            of a month would be read in one order and the 12th in the other.
    """
    day, _, clock = text.partition(" ")
    if match := _PARTS.fullmatch(day):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        month, number = (first, second) if month_first else (second, first)
    elif match := _YEAR_FIRST.fullmatch(day):
        year, month, number = int(match[1]), int(match[3]), int(match[4])
    else:
        return None
    time = _clock(clock.strip())
    try:
        return None if time is None else datetime(year, month, number) + time  # noqa: DTZ001 - a wall clock
    except (ValueError, OverflowError):
        return None


def _clock(text: str) -> timedelta | None:
    if not text:
        return timedelta(0)
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, half = int(match[1]), int(match[2]), int(match[3] or 0), (match[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - hours of a clock
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 - as above
        return None
    return timedelta(hours=hour, minutes=minute, seconds=second)


def text_from_cell(cell: Cell) -> str | Unstorable:
    """Return what a person sees, as it was typed; a number that is shown shortened (1.2E+11) in full."""
    whole = isinstance(cell.raw, int | Decimal) and cell.raw == int(cell.raw)
    if whole and _SHORT.fullmatch(cell.text):
        return str(int(cell.raw))
    # A format may hide a number altogether.
    return text_from_json(cell.held if is_blank(cell.text) else cell.text)


def number_from_cell(cell: Cell) -> Decimal | Unstorable | None:
    """Return the exact number; of a text like ``$1,200.00``, ``(5.00)`` or ``12%`` what it means."""
    value = cell.held
    if isinstance(value, str):
        value = value.strip().removeprefix("€").removeprefix("£")
        if value.endswith("%"):
            share = number_from_json(value.removesuffix("%").strip())
            return share / 100 if isinstance(share, Decimal) else Unstorable(cell.held, "not a number")
    found = number_from_json(value)
    return Unstorable(str(cell.held), found.reason) if isinstance(found, Unstorable) else found


def integer_from_cell(cell: Cell) -> int | Unstorable | None:
    """Return a whole number, also of ``12.0`` and ``$1,200``."""
    return integer_from_json(cell.held)


def boolean_from_cell(cell: Cell) -> bool | Unstorable:
    """Return true or false: of a tick box, of yes, no, on, off, and of numbers, of which those above 0 are true."""
    value = cell.held
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    number = number_from_json(value)
    if isinstance(number, Decimal) and number >= 0:
        return number > 0
    return Unstorable(str(value), "neither true nor false")


def converters(zone: tzinfo, *, month_first: bool) -> dict[str, Callable[[Cell], t.Any]]:
    """Return a conversion of cells for each kind of column.

    Args:
        zone: The zone of the spreadsheet, which all its dates belong to.
        month_first: The order of day and month in dates that are texts.
    """

    def wall_clock(cell: Cell) -> datetime | str | Unstorable:
        """Return a time of the wall clock, or the text of a date as ISO 8601 has it."""
        value = cell.held
        if isinstance(value, str):
            text = value.strip()
            if not _NUMBER.fullmatch(text):
                return moment_in(text, month_first=month_first) or text
            value = Decimal(text)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return Unstorable(str(value), "not a date of the calendar")
        return moment_of(value) or Unstorable(str(value), "not a date of the calendar")

    def date_from_cell(cell: Cell) -> str | Unstorable | None:
        moment = wall_clock(cell)
        if isinstance(moment, datetime):
            return moment.date().isoformat()
        return moment if isinstance(moment, Unstorable) else _cut(convert_date(moment[:10]), moment)

    def datetime_from_cell(cell: Cell) -> str | Unstorable | None:
        moment = wall_clock(cell)
        if isinstance(moment, Unstorable):
            return moment
        if isinstance(moment, datetime):
            return convert_datetime(moment.isoformat(), zone)
        return as_given(moment, convert_datetime(moment.upper(), zone))

    kinds: dict[str, Callable[[Cell], t.Any]] = {
        "string": text_from_cell,
        "integer": integer_from_cell,
        "number": number_from_cell,
        "boolean": boolean_from_cell,
        "date": date_from_cell,
        "date-time": datetime_from_cell,
    }
    return {kind: _without_errors(convert) for kind, convert in kinds.items()}


def _cut(day: str | Unstorable | None, whole: str) -> str | Unstorable | None:
    """Return the day of an ISO date-time; what follows the day has to be a time."""
    if isinstance(day, str) and isinstance(convert_datetime(whole.upper()), Unstorable):
        return Unstorable(whole, "not a date of the calendar")
    return Unstorable(whole, day.reason) if isinstance(day, Unstorable) else day


def _without_errors(convert: Callable[[Cell], t.Any]) -> Callable[[Cell], t.Any]:
    def converted(cell: Cell) -> t.Any:  # noqa: ANN401 - any JSON
        error = error_of(cell)
        return convert(cell) if error is None else Odd(None, f"the error {error} in the sheet")

    return converted
