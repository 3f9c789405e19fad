"""The names of the streams, for programs that must not load the SDK."""

from __future__ import annotations

from typing import Final

STREAMS: Final[tuple[str, ...]] = (
    "users",
    "lead_statuses",
    "leads",
    "lead_status_histories",
    "lead_status_activities",
)
