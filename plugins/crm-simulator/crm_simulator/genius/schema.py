"""The tables of Genius."""

from __future__ import annotations

import contextlib
import re
import typing as t
from importlib import resources

if t.TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

# Each stream's table. The tap names its streams in the plural; the source does not name its tables so.
STREAMS: t.Final = {
    "division_groups": "division_group",
    "division_regions": "division_region",
    "divisions": "division",
    "user_titles": "user_title",
    "services": "service",
    "appointment_types": "appointment_type",
    "appointment_outcome_types": "appointment_outcome_type",
    "appointment_outcomes": "appointment_outcome",
    "marketing_source_types": "marketing_source_type",
    "marketsharp_sources": "marketsharp_source",
    "job_statuses": "job_status",
    "job_change_order_types": "job_change_order_type",
    "job_change_order_statuses": "job_change_order_status",
    "job_change_order_reasons": "job_change_order_reason",
    "integration_field_definitions": "integration_field_definition",
    "user_associations": "users_userassociations",
    "users": "user_data",
    "marketing_sources": "marketing_source",
    "marketsharp_marketing_source_maps": "marketsharp_marketing_source_map",
    "integration_fields": "integration_field",
    "prospects": "prospect",
    "leads": "lead",
    "prospect_sources": "prospect_source",
    "appointments": "appointment",
    "appointment_services": "appointment_to_service",
    "jobs": "job",
    "quotes": "quote",
    "job_financings": "job_financing",
    "job_change_orders": "job_change_order",
    "job_change_order_items": "job_change_order_item",
}
LOOKUP_TABLES: t.Final = ("third_party_source_type", "third_party_source")
TABLES: t.Final = (*LOOKUP_TABLES, *STREAMS.values())

# Zero dates and key 0 are data here; everything else stays strict, so that no value is cut in silence.
_SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"


def create_schema(conn: Connection[Cursor]) -> None:
    """Create all tables in the connection's database; tables of the same names are dropped first."""
    script = resources.files("crm_simulator").joinpath("genius.sql").read_text(encoding="utf-8")
    statements = re.sub(r"^--.*$", "", script, flags=re.MULTILINE).split(";\n")
    with conn.cursor() as cursor:
        for statement in statements:
            if statement.strip():
                cursor.execute(statement)
    conn.commit()


@contextlib.contextmanager
def zero_dates_allowed(conn: Connection[Cursor]) -> t.Iterator[None]:
    """Let the session store what Genius stores; afterwards the session is as before."""
    with conn.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.sql_mode, @@SESSION.time_zone")
        before = cursor.fetchone()
        cursor.execute("SET SESSION sql_mode = %s, time_zone = '+00:00'", (_SQL_MODE,))
        try:
            yield
        finally:
            cursor.execute("SET SESSION sql_mode = %s, time_zone = %s", before)
