"""Names as the history knows them."""

from __future__ import annotations

import re

_STATE_ID = re.compile(r"(?:(?P<environment>[^:]+):)?(?P<tap>.+?)-to-(?P<target>[^:]+)(?P<suffix>:.*)?")


def crm_source_of(name: str) -> str:
    """Return the crm_source that a tap, plugin or schema name stands for.

    ``tap-hubspot-dw`` and ``tap_hubspot_dw`` are ``hubspot``; lower case, letters and digits only.

    Raises:
        ValueError: if nothing is left of the name.
    """
    plain = re.sub(r"^tap[-_]|[-_]dw$", "", name.strip().lower())
    source = re.sub(r"[^a-z0-9]", "", plain)[:50]
    if not source:
        raise ValueError(f"The name {name!r} holds no letter or digit to make a crm_source of.")
    return source


def sync_type_of(stream: str) -> str:
    """Return the sync_type of a stream: its name in snake_case, at most 100 characters.

    Our own stream names pass unchanged; this settles what other taps send (``public-Users``).
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stream)
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "stream"
    plain = re.sub(r"_sync$", "", plain)
    return f"{plain}_stream"[:100] if plain == "all" else plain[:100]


def tap_of_state_id(state_id: str) -> str | None:
    """Return the tap's plugin name in a Meltano state id ``<env>:<tap>-to-<target>[:suffix]``, or None."""
    match = _STATE_ID.fullmatch(state_id)
    return match["tap"] if match else None
