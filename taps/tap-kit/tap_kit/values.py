"""Pure conversions of source values, and their judgement: what a column can hold and what not.

A conversion gives the value to send, or None for the source's way to say "nothing" (zero dates), or one
of two findings that the stream acts on: ``Unstorable`` (the column cannot hold it) and ``Odd`` (it can be
sent in a repaired form). Findings are no JSON on purpose: encoding stumbles over them, so that
clean records cost nothing.
"""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation


class Unstorable:
    """A value that its column cannot hold, as text, and why; no dataclass, because msgspec encodes those."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason


class Odd:
    """A value that can be sent, null included, and what is odd about it."""

    def __init__(self, value: t.Any, reason: str) -> None:  # noqa: ANN401 - any JSON
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


# What JSON holds, by kind of column. The empty text means "nothing" in every column that is no text.

_SPACED_OFFSET = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ([+-]\d\d:?\d\d)")
_EPOCH = re.compile(r"-?\d{11,16}")
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_JSON_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def text_from_json(value: t.Any) -> str | Unstorable:  # noqa: ANN401 - any JSON
    """Return a text, or a number as text (identifiers are kept as text)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    return Unstorable(str(value), "an object in a text column")


def integer_from_json(value: t.Any) -> int | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return a whole number, also from text or from a number like 3.0."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = number_from_json(value)
    if number is None or isinstance(number, Unstorable):
        return number
    if number != number.to_integral_value():
        return Unstorable(str(value), "not a whole number")
    return int(number)


def number_from_json(value: t.Any) -> Decimal | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return the exact number, also from text; an amount like ``$1,234.50`` is one."""
    if isinstance(value, bool):
        return Unstorable(str(value), "not a number")
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if not isinstance(value, str):
        return Unstorable(str(value), "not a number")
    return convert_money(value)


def convert_money(text: str) -> Decimal | Unstorable | None:
    """Return an amount without its dollar sign and thousands commas; ``(5.00)`` is minus five.

    None for empty text. Anything else that is no plain number is not guessed at.
    """
    stripped = text.strip()
    if not stripped:
        return None
    bare = stripped.removeprefix("(").removesuffix(")") if stripped.startswith("(") and stripped.endswith(")") else ""
    sign = "-" if bare else ""
    bare = (bare or stripped).strip()
    if bare.startswith("-"):
        sign, bare = ("" if sign else "-"), bare[1:].strip()
    bare = bare.removeprefix("$").strip()
    if "," in bare and not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", bare):
        return Unstorable(text, "not a number")
    return (
        convert_decimal(sign + bare.replace(",", ""))
        if bare[:1] not in ("-", "+")
        else Unstorable(text, "not a number")
    )


def boolean_from_json(value: t.Any) -> bool | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return true or false, also from 1, 0 and the words in any case; nothing else is guessed at."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if not text:
        return None
    found = _JSON_BOOLEANS.get(text)
    return Unstorable(str(value), "neither true nor false") if found is None else found


def date_from_json(value: t.Any) -> str | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return ``YYYY-MM-DD``."""
    if not isinstance(value, str):
        return Unstorable(str(value), "not a date of the calendar")
    return convert_date(value.strip()) if value.strip() else None


def datetime_from_json(value: t.Any, zone: tzinfo = UTC) -> str | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return the moment as RFC 3339 text in UTC: from ISO 8601 text, or from milliseconds since 1970.

    Vendors also write a lower-case ``z``, a space before the offset (CallRail's list of accounts), and
    milliseconds as text (older addresses of HubSpot). A date-time without an offset is of ``zone``.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return convert_epoch(value)
    if not isinstance(value, str):
        return Unstorable(str(value), "not a date of the calendar")
    text = value.strip()
    if not text:
        return None
    if _EPOCH.fullmatch(text):
        return convert_epoch(int(text))
    return as_given(value, convert_datetime(_SPACED_OFFSET.sub(r"\1\2", text).upper(), zone))


def as_given(text: str, found: str | Unstorable | None) -> str | Unstorable | None:
    """Return what was made of a text, or of a spelling of it; a finding holds the text itself."""
    return Unstorable(text, found.reason) if isinstance(found, Unstorable) else found


def convert_epoch(milliseconds: int) -> str | Unstorable:
    """Return the moment of milliseconds since 1970 as RFC 3339 text in UTC."""
    try:
        return (_EPOCH_START + timedelta(milliseconds=milliseconds)).isoformat()
    except OverflowError:
        return Unstorable(str(milliseconds), "outside of the years 1 to 9999 in UTC")


def describe(value: t.Any) -> t.Any:  # noqa: ANN401 - any value of a record
    """Return a value of a record in a form that JSON can hold, for the reject table."""
    if isinstance(value, Unstorable):
        return value.text
    return value.value if isinstance(value, Odd) else value
