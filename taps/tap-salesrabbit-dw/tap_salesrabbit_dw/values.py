"""What a value of SalesRabbit means: fields that lie in two places, values that are odd but kept."""

from __future__ import annotations

import typing as t

from tap_kit.rows import dig
from tap_kit.values import Odd

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_kit.rest import Row

LONGEST_EMAIL: t.Final = 254
LONGEST_PHONE: t.Final = 20
# The old system looked for these within other objects; all clients that are known today read them flat.
NESTED: t.Final[Mapping[str, tuple[str, str]]] = {
    **{name: ("address", name) for name in ("street1", "street2", "city", "state", "zip", "country")},
    **{name: ("coordinates", name) for name in ("latitude", "longitude")},
}
EMAILS: t.Final = frozenset({"email", "current_lead_owner_email"})
PHONES: t.Final = frozenset({"phone", "phone_primary", "phone_alternate"})
JUDGED: t.Final = EMAILS | PHONES


def flat(row: Row) -> Row:
    """Return a lead with its address and its place in flat fields; a flat field that holds something wins."""
    found = {name: dig(row, path) for name, path in NESTED.items() if row.get(name) in (None, "")}
    filled = {name: value for name, value in found.items() if value is not None}
    return {**row, **filled} if filled else row


def events_by_lead(data: t.Any) -> list[Row] | None:  # noqa: ANN401 - any JSON
    """Return the events of an object of lists by lead, each with its ``lead_id``; None if it is no such object.

    An object without entries may come as an empty array.
    """
    if not isinstance(data, dict):
        return [] if data == [] else None
    if not all(events is None or isinstance(events, list) for events in data.values()):
        return None
    found = ((lead, event) for lead, events in data.items() for event in events or ())
    return [{**(event if isinstance(event, dict) else {}), "lead_id": lead} for lead, event in found]


def judge(name: str, value: t.Any) -> t.Any:  # noqa: ANN401 - any value of a record
    """Return a converted value, or a finding if it is odd; the text itself stays as it was sent."""
    if not isinstance(value, str) or not value:
        return value
    if name in EMAILS:
        if len(value) > LONGEST_EMAIL:
            return Odd(value, f"an e-mail address of more than {LONGEST_EMAIL} characters")
        return value if "@" in value else Odd(value, "an e-mail address without @")
    if name in PHONES and len(value) > LONGEST_PHONE:
        return Odd(value, f"a telephone number of more than {LONGEST_PHONE} characters")
    return value


def remarks_on_user(user: Mapping[str, t.Any], today: str) -> Iterator[tuple[str, str]]:
    """Yield column and reason of what is strange about a user; no reason to refuse one, however strict."""
    hired = user.get("hire_date")
    if isinstance(hired, str) and hired > today:
        yield "hire_date", "a day of hire in the future"
    if user.get("supervisor_id") is not None and user["supervisor_id"] == user.get("id"):
        yield "supervisor_id", "a user who is the own supervisor"
