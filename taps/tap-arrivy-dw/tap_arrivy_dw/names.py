"""Names of the streams, parents first; light, because every command that checks a name imports it."""

from __future__ import annotations

import typing as t

STREAMS: t.Final = (
    "groups",
    "entities",
    "crews",
    "crew_members",
    "statuses",
    "resources",
    "customers",
    "tasks",
    "task_statuses",
    "task_ratings",
    "bookings",
    "csv_tasks",
)
