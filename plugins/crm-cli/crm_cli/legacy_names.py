"""The names of the system that this suite replaces, and the sources and streams they mean now.

Three forms were in use: commands (``sync_hubspot_contacts``, ``db_genius_prospects``, ``csv_salespro_users``), model
names of schedules (``Genius_JobStatus``), and sync types of its history (``user_data``). Most follow from today's
names by rule; ``ALIASES`` holds the rest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from crm_cli.errors import CrmUsageError
from crm_cli.sources import installed_sources, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_cli.sources import Source

# Without separators, by source: the stream, or None for the whole source.
ALIASES: Final[Mapping[str, Mapping[str, str | None]]] = {
    "genius": {"userdata": "users", "userdatas": "users", "user": "users"},
    "hubspot": {
        "geniususer": "genius_users",
        "associationscontactappointment": "associations",
        "associationscontactdivision": "associations",
        "appointmentcontactassoc": "associations",
        "contactdivisionassoc": "associations",
        "contactsremoval": "contacts",
        "appointmentsremoval": "appointments",
    },
    "arrivy": {"status": "statuses"},
    "salespro": {
        "customer": "customers",
        "estimate": "estimates",
        "creditapplications": "credit_applications",
        "leadresults": "lead_results",
    },
    "gsheet": {"marketingleadsfullrefresh": "marketing_leads", "marketingleads": "marketing_leads"},
    "salesrabbit": {"leadsnew": "leads", "allentities": None},
}
# Sync types that begin so stand for a stream, whatever follows: contacts_<operation>.
BEGINNINGS: Final[Mapping[str, Mapping[str, str]]] = {"five9": {"contacts": "contacts"}}
# Other names of the sources themselves.
SOURCES: Final[Mapping[str, str]] = {
    "activeprospect": "leadconduit",
    "googlesheets": "gsheet",
    "googlesheet": "gsheet",
}
# In front of the source's name in a command.
_PREFIXES: Final = re.compile(r"^(?:smart_)?(?:sync|db|csv|import)_")


def resolve(name: str) -> tuple[Source, tuple[str, ...]]:
    """Return the source and the streams that a name of the old system means; no stream means all.

    Raises:
        CrmUsageError: If it means nothing; names what is near.
    """
    sources = installed_sources()
    bare = _PREFIXES.sub("", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip())
    first, _, rest = bare.partition("_")
    for known in sorted({*sources, *SOURCES}, key=len, reverse=True):
        # HubSpot_Contact has become hub_spot_contact.
        if _joined(bare).startswith(known):
            first, rest = known, _joined(bare).removeprefix(known)
            break
    source = sources.get(SOURCES.get(first, first))
    if source is None:
        raise CrmUsageError(unknown("name of the old system", name, sources))
    stream = _stream(source, _joined(rest))
    return source, () if stream is None else (stream,)


def _stream(source: Source, rest: str) -> str | None:
    """Return the stream that the rest of a name means; None for all.

    Raises:
        CrmUsageError: If there is none.
    """
    if rest in ("", "all"):
        return None
    aliases = ALIASES.get(source.name, {})
    if rest in aliases:
        return aliases[rest]
    # A sync type of one sheet a year: marketing_leads_2024.
    candidates = {_joined(stream): stream for stream in source.streams}
    for stream in (rest, *_plurals(rest)):
        if stream in candidates:
            return candidates[stream]
    begun = [found for joined, found in candidates.items() if re.fullmatch(rf"{joined}\d{{4}}", rest)]
    begun += [stream for start, stream in BEGINNINGS.get(source.name, {}).items() if rest.startswith(start)]
    if begun:
        return begun[0]
    raise CrmUsageError(unknown(f"stream of {source.name}", rest, source.streams))


def _plurals(word: str) -> list[str]:
    return [f"{word}s", f"{word}es", f"{word[:-1]}ies"]


def _joined(text: str) -> str:
    return text.replace("_", "").replace("-", "")
