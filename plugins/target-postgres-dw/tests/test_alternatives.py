"""Columns of properties that may be one thing or another."""

from __future__ import annotations

from typing import Any

import pytest
from target_postgres_dw.connector import WarehouseConnector

TIME = {"type": "string", "format": "date-time"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("schema", "column_type"),
    [
        ({"anyOf": [TIME, NULL]}, "timestamp with time zone"),
        ({"anyOf": [TIME, TIME]}, "timestamp with time zone"),
        ({"anyOf": [TIME, {"type": ["string", "null"]}]}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}, NULL]}, "text"),
        ({"anyOf": [{"type": "object"}, NULL]}, "jsonb"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, NULL]}, "jsonb"),
        ({"type": ["string", "null"], "anyOf": [TIME, {"format": "date"}]}, "text"),
    ],
)
def test_a_column_holds_each_of_its_alternatives(schema: dict[str, Any], column_type: str) -> None:
    connector = WarehouseConnector({"sqlalchemy_url": "postgresql://nobody@localhost/none"})
    assert connector.column_type(schema) == column_type
