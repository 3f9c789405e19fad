"""What a value of Arrivy means: status words, fallbacks of empty fields, values that cannot be."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from tap_kit.values import Odd, Unstorable, datetime_from_json, number_from_json, text_from_json

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_kit.rest import Row

# Words of the old system, which are no codes of Arrivy. That a word means these codes is our reading.
TASK_WORDS: t.Final[Mapping[str, tuple[str, ...]]] = {
    "pending": ("NOTSTARTED", "CONFIRMED", "PREPARING"),
    "in_progress": ("ENROUTE", "STARTED"),
    "completed": ("COMPLETE",),
    "cancelled": ("CANCELLED",),
}
LATITUDE: t.Final = Decimal(90)
LONGITUDE: t.Final = Decimal(180)


def status_codes(words: Iterable[str], meanings: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return the codes that some words ask for, in capitals; a word without a meaning is a code itself."""
    return frozenset(
        code for word in words for code in meanings.get(word.strip().lower(), (word.strip().upper(),)) if code
    )


def first_filled(row: Mapping[str, t.Any], *names: str) -> t.Any:  # noqa: ANN401 - any JSON
    """Return the first of some fields that holds something."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def numbered(kind: str, row: Mapping[str, t.Any]) -> str | None:
    """Return a stand-in for a name, like ``Task 12``."""
    return f"{kind} {row['id']}" if row.get("id") not in (None, "") else None


def with_dates(row: Row) -> Row:
    """Return a row with the day and the time of day of its start and its end, in UTC."""
    derived: dict[str, str | None] = {}
    for name in ("start", "end"):
        moment = datetime_from_json(row.get(f"{name}_datetime") or "")
        if isinstance(moment, str):
            derived[f"{name}_date"], derived[f"{name}_time"] = moment[:10], moment[11:19]
        else:
            derived[f"{name}_date"] = derived[f"{name}_time"] = None
    return {**row, **derived}


def task(row: Row) -> Row:
    """Return a task as the warehouse wants it: never without a title."""
    return with_dates({**row, "title": first_filled(row, "title") or numbered("Task", row)})


def booking(row: Row) -> Row:
    """Return a booking with the fields that stand in for empty ones."""
    return with_dates(
        {
            **row,
            "title": first_filled(row, "title", "name"),
            "timezone": first_filled(row, "timezone", "time_zone"),
            "template_id": first_filled(row, "template_id", "template"),
        }
    )


def entity(row: Row) -> Row:
    """Return an entity that has a name and is active unless Arrivy says otherwise."""
    parts = [str(row[name]) for name in ("first_name", "last_name") if row.get(name)]
    name = first_filled(row, "name") or " ".join(parts) or numbered("Entity", row)
    return {**row, "name": name, "is_active": row.get("is_active", True)}


def group(row: Row) -> Row:
    """Return a group that has a name."""
    return {**row, "name": first_filled(row, "name") or numbered("Group", row)}


def status(row: Row) -> Row:
    """Return a status that has both a name and a title, and is active unless Arrivy says otherwise."""
    return {
        **row,
        "name": first_filled(row, "name", "title"),
        "title": first_filled(row, "title", "name"),
        "is_active": row.get("is_active", True),
    }


def judge(name: str, value: t.Any) -> t.Any:  # noqa: ANN401 - any value of a record
    """Return a converted value, or a finding if it cannot be what its column means."""
    if value is None or isinstance(value, Unstorable | Odd):
        return value
    if name in ("latitude", "longitude"):
        limit = LATITUDE if name == "latitude" else LONGITUDE
        number = number_from_json(value)
        inside = isinstance(number, Decimal) and abs(number) <= limit
        return value if inside else Unstorable(str(value), f"no {name} between -{limit} and {limit}")
    if name.startswith("duration") or name.endswith("_count"):
        return Unstorable(str(value), "negative") if value < 0 else value
    if name in ("email", "customer_email") and value and "@" not in value:
        return Odd(t.cast("str", text_from_json(value)), "an e-mail address without @")
    return value


JUDGED: t.Final = (
    "latitude",
    "longitude",
    "duration",
    "duration_estimate",
    "outbound_sms_count",
    "inbound_sms_count",
    "outbound_email_count",
    "inbound_email_count",
    "email",
    "customer_email",
)
