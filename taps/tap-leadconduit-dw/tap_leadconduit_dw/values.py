"""What a value of LeadConduit means: rich values, folded steps, the lead within an event, the moment in an id."""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime

from tap_kit.rows import dig
from tap_kit.values import Unstorable, text_from_json

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_kit.rest import Row

# A BSON ObjectId: four bytes of seconds, five of the machine, three of a counter. In small letters its text order is
# that of the ids; the reference allows capitals as well.
EVENT_ID: t.Final = re.compile(r"[0-9a-fA-F]{24}")
# What may hold keys and passwords of the systems that a lead is delivered to.
SECRETS: t.Final = frozenset({"request", "credential", "transactions"})
# A lead names its phone in one of these; the first that holds something counts.
PHONES: t.Final = ("phone_1", "phone", "phone_2")
LEAD: t.Final = ("vars", "lead")
# Of the parts of a rich value, what LeadConduit made of it, and what came.
PARTS: t.Final = ("normal", "raw")


def is_event_id(value: t.Any) -> t.TypeGuard[str]:  # noqa: ANN401 - any JSON
    """Tell whether a value is an id as events have it."""
    return isinstance(value, str) and EVENT_ID.fullmatch(value) is not None


def second_of(event_id: str) -> datetime:
    """Return the second in which an event got its id."""
    return datetime.fromtimestamp(int(event_id[:8], 16), UTC)


def plain(value: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
    """Return ``normal`` of a rich value, else ``raw``, else None; what is not rich is returned as it is.

    A rich value is what LeadConduit makes of a field whose type it knows: an object with ``normal``, ``raw``,
    ``valid`` and parts by type. A field that it could not parse is plain text.
    """
    if not isinstance(value, dict):
        return value
    return next((value[part] for part in PARTS if value.get(part) not in (None, "")), None)


def plain_text(value: t.Any) -> str | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return a value, rich or not, as text."""
    found = plain(value)
    return None if found is None else text_from_json(found)


def parsed(value: t.Any) -> Row | None:  # noqa: ANN401 - any JSON
    """Return a rich value whole; None for plain text, of which LeadConduit knows nothing more."""
    return value if isinstance(value, dict) else None


def is_lead(event: Mapping[str, t.Any]) -> bool:
    """Tell whether a lead came in with an event; all other events only tell what became of one."""
    fields = dig(event, LEAD)
    return event.get("type") == "source" and isinstance(fields, dict) and bool(fields)


def lead(event: Row) -> Row:
    """Return the event of a lead with what its columns need beside the fields themselves."""
    fields: Row = dig(event, LEAD)
    phone = next((fields[name] for name in PHONES if plain(fields.get(name)) not in (None, "")), None)
    return {
        **event,
        "phone": phone,
        "phone_metadata": parsed(phone),
        "email_metadata": parsed(fields.get("email")),
        "address_metadata": parsed(fields.get("address_1")),
        "raw_data": {name: value for name, value in event.items() if name not in SECRETS},
    }


def folded(event: Row, columns: Collection[str]) -> Row:
    """Return an event whose unknown members lie in ``appended``: steps leave what they found under their own keys."""
    unknown = {name: value for name, value in event.items() if name not in columns}
    if not unknown:
        return event
    given = event.get("appended")
    kept = given if isinstance(given, dict) else {} if given is None else {"appended": given}
    return {**event, "appended": {**kept, **unknown}}
