"""Time zones by name."""

from __future__ import annotations

import typing as t
from datetime import UTC
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tap_kit.errors import Stop

if t.TYPE_CHECKING:
    from datetime import tzinfo


def find_zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name, or of UTC in any case; None if there is no such zone."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, like America
        return None


def zone_of_setting(name: str) -> tzinfo:
    """Return the zone that the setting ``timezone`` names.

    Raises:
        Stop: If there is no such zone.
    """
    zone = find_zone(name)
    if zone is None:
        raise Stop(f"The setting timezone is {name!r}; it must be an IANA name like America/New_York.")
    return zone
