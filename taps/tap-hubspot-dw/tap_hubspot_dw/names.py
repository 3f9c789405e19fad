"""The names of the streams, for programs that must not load the SDK."""

from __future__ import annotations

from typing import Final

# Objects first, then what is read over them, then what describes the account.
STREAMS: Final[tuple[str, ...]] = (
    "contacts",
    "appointments",
    "deals",
    "divisions",
    "genius_users",
    "companies",
    "tickets",
    "associations",
    "owners",
    "pipelines",
    "pipeline_stages",
    "properties",
    "association_labels",
    "custom_object_schemas",
    "zipcodes",
)

# The setting ``objects`` makes further streams, those below and any custom object.
OPEN: Final = True

# HubSpot's other standard objects: streams if the setting ``objects`` names them.
FURTHER_OBJECTS: Final[tuple[str, ...]] = (
    "products",
    "line_items",
    "quotes",
    "leads",
    "calls",
    "emails",
    "meetings",
    "notes",
    "tasks",
    "communications",
    "postal_mail",
    "goal_targets",
    "feedback_submissions",
    "orders",
    "carts",
    "invoices",
    "services",
    "courses",
    "listings",
    "users",
)
