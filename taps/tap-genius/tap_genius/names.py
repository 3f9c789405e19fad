"""Names of the streams: the tables, then the CSV exports; light, because every command imports it."""

from __future__ import annotations

import typing as t

from tap_genius.tables import TABLES

EXPORTS: t.Final = ("csv_users", "csv_appointments", "csv_marketing_sources", "csv_marketing_source_types")
STREAMS: t.Final = (*(table.name for table in TABLES), *EXPORTS)
