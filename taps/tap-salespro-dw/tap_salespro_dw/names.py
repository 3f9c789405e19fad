"""Names of the streams, parents first; light, because every command that checks a name imports it."""

from __future__ import annotations

import typing as t

STREAMS: t.Final = (
    "customers",
    "credit_applications",
    "estimates",
    "lead_results",
    "lead_result_line_items",
    "offices",
    "users",
    "appointments",
)
