"""Pure conversions of source values, and their judgement: what a column can hold and what not.

A conversion gives the value to send, or None for the source's way to say "nothing" (zero dates), or one
of two findings that the stream acts on: ``Unstorable`` (the column cannot hold it) and ``Odd`` (it can be
sent in a repaired form). Findings are no JSON on purpose: encoding stumbles over them, so that
clean records cost nothing.
"""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation


class Unstorable:
    """A value that its column cannot hold, as text, and why; no dataclass, because msgspec encodes those."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason


class Odd:
    """A value that can be sent, and what is odd about it."""

    def __init__(self, value: str, reason: str) -> None:
        self.value = value
        self.reason = reason


_BOOLEANS = {"0": False, "1": True}
_CLOCK = re.compile(r"-?\d{2,3}:[0-5]\d:[0-5]\d(\.\d{1,6})?")
_ZERO_DATE = re.compile(r"0000-\d\d-\d\d.*|\d{4}-00-\d\d.*|\d{4}-\d\d-00.*", re.DOTALL)


def is_zero_date(text: str) -> bool:
    """Tell whether a date or date-time has a year, month or day of zero: "unknown", never a date."""
    return _ZERO_DATE.fullmatch(text) is not None


def convert_date(text: str) -> str | Unstorable | None:
    """Return ``YYYY-MM-DD``; None for a zero or part-zero date."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None if is_zero_date(text) else Unstorable(text, "not a date of the calendar")


def convert_datetime(text: str, zone: tzinfo = UTC) -> str | Unstorable | None:
    """Return the moment as RFC 3339 text in UTC; None for a zero or part-zero date.

    A naive date-time is taken as wall-clock time of ``zone``. In the hour that a zone repeats in autumn it
    is the first of the two.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None if is_zero_date(text) else Unstorable(text, "not a date of the calendar")
    if moment.tzinfo is None:
        if zone is UTC:
            return moment.isoformat() + "+00:00"
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:
        return Unstorable(text, "outside of the years 1 to 9999 in UTC")


def convert_time(text: str) -> str | Unstorable:
    """Return a time of day or a duration as text; hours may pass 24 and the sign may be minus."""
    return text if _CLOCK.fullmatch(text) else Unstorable(text, "not a time")


def convert_decimal(text: str) -> Decimal | Unstorable:
    """Return the exact number."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return Unstorable(text, "not a number")
    return number if number.is_finite() else Unstorable(text, "not a finite number")


def convert_boolean(text: str) -> bool | Unstorable:
    """Return true for 1 and false for 0; nothing else is guessed at."""
    value = _BOOLEANS.get(text)
    return Unstorable(text, "neither 0 nor 1 in a boolean column") if value is None else value


def convert_text(raw: bytes) -> str | Odd:
    """Return UTF-8 text; bytes that are none become the replacement character."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Odd(raw.decode(errors="replace"), "invalid UTF-8 replaced")


def describe(value: t.Any) -> t.Any:  # noqa: ANN401 - any value of a record
    """Return a value of a record in a form that JSON can hold, for the reject table."""
    if isinstance(value, Unstorable):
        return value.text
    return value.value if isinstance(value, Odd) else value
