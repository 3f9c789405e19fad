"""The names of the streams, for programs that must not load the SDK."""

from __future__ import annotations

from typing import Final

STREAMS: Final[tuple[str, ...]] = (
    "contact_fields",
    "contact_lists",
    "campaigns",
    "dispositions",
    "contacts",
    "call_log",
    "agent_login_logout",
    "agent_occupancy",
    "agent_information",
)
