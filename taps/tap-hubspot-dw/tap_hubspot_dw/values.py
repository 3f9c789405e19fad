"""What a value of HubSpot means: on the wire every property is text, or null."""

from __future__ import annotations

import typing as t
from datetime import date

from tap_kit.values import (
    Odd,
    Unstorable,
    boolean_from_json,
    datetime_from_json,
    integer_from_json,
    number_from_json,
    text_from_json,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Convert: t.TypeAlias = Callable[[t.Any], t.Any]

# HubSpot joins several values with semicolons.
SEPARATOR: t.Final = ";"
_FEWEST_DIGITS = 7


def date_of(value: t.Any) -> str | Odd | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return ``YYYY-MM-DD``, also from milliseconds and, as an odd value, from a date-time."""
    text = str(value).strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        moment = datetime_from_json(text)
    if not isinstance(moment, str):
        return Unstorable(text, "not a date of the calendar")
    day, time = moment[:10], moment[11:19]
    # Midnight is how older addresses write a date.
    return day if time == "00:00:00" else Odd(day, "a time of day in a date")


def email_of(value: t.Any) -> str | Odd | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return an e-mail address; the word null, which senders write for none, is none."""
    text = text_from_json(value)
    if not isinstance(text, str):
        return text
    if text.strip().lower() == "null":
        return None
    return text if "@" in text else Odd(text, "an e-mail address without @")


def phone_of(value: t.Any) -> str | Odd | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return a phone number as it came."""
    text = text_from_json(value)
    if isinstance(text, str) and sum(letter.isdigit() for letter in text) < _FEWEST_DIGITS:
        return Odd(text, "a phone number with fewer than seven digits")
    return text


def converter_of(name: str, kind: str, described: Mapping[str, t.Any]) -> Convert:
    """Return the conversion of a property; empty text is null in every kind of column.

    Args:
        name: Name of the property.
        kind: Kind of its column, see ``tap_kit.rows.kind_of``.
        described: Its column; ``x-kind`` says more about a text.
    """
    if kind == "string":
        meant = described.get("x-kind")
        if meant == "phone" or name in ("phone", "mobilephone", "phone1", "phone2"):
            return phone_of
        if name == "email" or name.endswith("_email"):
            return email_of
        return text_from_json
    by_kind: dict[str, Convert] = {
        "integer": integer_from_json,
        "number": number_from_json,
        "boolean": boolean_from_json,
        "date": date_of,
        "date-time": datetime_from_json,
    }
    return by_kind.get(kind, lambda value: value)


def merged_ids(value: t.Any) -> list[str]:  # noqa: ANN401 - any JSON
    """Return the ids of the records that were merged into one, from its ``hs_merged_object_ids``."""
    return list(dict.fromkeys(part.strip() for part in str(value or "").split(SEPARATOR) if part.strip().isdigit()))
