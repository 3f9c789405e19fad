"""The names of the streams, in reading order; light, because `crm` imports it to check a name."""

from __future__ import annotations

STREAM_NAMES = (
    "accounts",
    "companies",
    "users",
    "trackers",
    "tags",
    "calls",
    "form_submissions",
    "text_message_conversations",
    "text_messages",
)
