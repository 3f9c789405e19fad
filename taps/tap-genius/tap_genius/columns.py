"""From the columns of the live database to a stream's schema and its SELECT list."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from tap_kit.errors import Stop

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_genius.tables import Table

BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
SPATIAL = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    }
)
INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"})
NUMBERS = frozenset({"decimal", "float", "double"})
JSON_TYPES = ["object", "array", "string", "number", "boolean"]


@dataclass(frozen=True)
class LiveColumn:
    """A column as the database describes it.

    Attributes:
        name: Its name.
        data_type: Its type without length, in small letters: ``decimal``.
        column_type: Its type with length and flags: ``decimal(10,2) unsigned``.
        is_json: Whether it holds JSON; MariaDB calls such a column longtext.
        character_set: That of a text; empty if it is no text, or not known.
    """

    name: str
    data_type: str
    column_type: str
    is_json: bool = False
    character_set: str = ""

    @classmethod
    def of_type(cls, name: str, column_type: str) -> LiveColumn:
        """Return a column of a type that is known without asking the database."""
        return cls(name, re.split(r"\W", column_type, maxsplit=1)[0], column_type)


@dataclass(frozen=True)
class Column:
    """A column of a stream: how it is asked for and what it is.

    Attributes:
        name: Its name in the stream.
        source: The bare column as SQL.
        expression: The SQL that brings its value over the wire (see ``select_expression``).
        schema: Its JSON schema.
        live: What the database says of it.
    """

    name: str
    source: str
    expression: str
    schema: dict[str, t.Any]
    live: LiveColumn

    @property
    def is_json(self) -> bool:
        """Whether it holds JSON."""
        return self.live.is_json


def quote(name: str) -> str:
    """Quote an identifier for a statement with parameters: ``lead``, ``number`` and ``date`` are reserved words."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def json_schema(column: LiveColumn, *, is_key: bool) -> dict[str, t.Any]:
    """Return the JSON schema of a column.

    Everything but a key may be null, also what the source declares NOT NULL: its zero dates are nulls here.
    """
    kind, extra = _json_type(column)
    types = [*kind] if is_key else [*kind, "null"]
    return {"type": types, **extra}


def _json_type(column: LiveColumn) -> tuple[list[str], dict[str, t.Any]]:  # noqa: PLR0911 - a table of cases
    if column.is_json:
        return JSON_TYPES, {}
    if column.column_type == "tinyint(1)":
        return ["boolean"], {}
    if column.data_type == "bigint" and "unsigned" in column.column_type:
        # An integer column of the warehouse ends at 2**63 - 1; a number does not.
        return ["number"], {"minimum": 0}
    if column.data_type in INTEGERS:
        return ["integer"], {}
    if column.data_type in NUMBERS:
        return ["number"], {}
    if column.data_type == "date":
        return ["string"], {"format": "date"}
    if column.data_type in {"datetime", "timestamp"}:
        return ["string"], {"format": "date-time"}
    if column.data_type in BINARY:
        return ["string"], {"contentEncoding": "base16", "description": "Binary, as hexadecimal digits."}
    return ["string"], {}


def select_expression(column: LiveColumn, name: str) -> str:
    """Return the SQL that brings a column over the wire in a form that its type code explains.

    PyMySQL decodes by type code alone, so what shares a code and means something else is told apart here:
    a TINY is always a boolean, other tinyints come as wider integers, binary data as hexadecimal text.
    """
    if column.data_type == "tinyint" and column.column_type != "tinyint(1)":
        return f"CAST({name} AS SIGNED)"
    if column.data_type == "bit":
        return f"CAST({name} AS UNSIGNED)"
    if column.data_type in BINARY:
        return f"LOWER(HEX({name}))"
    if column.data_type in SPATIAL:
        return f"ST_AsText({name})"
    return name


def columns_of(
    table: Table,
    live: Mapping[str, Iterable[LiveColumn]],
    *,
    include_secrets: frozenset[str] = frozenset(),
    include_columns: frozenset[str] = frozenset(),
) -> list[Column]:
    """Return the columns of a stream, in the order of the table, the looked-up one last.

    Args:
        table: The declaration.
        live: Columns of every table that exists, by table name.
        include_secrets: Secret columns to read all the same, as ``stream.column``.
        include_columns: Optional columns to read all the same, as ``stream.column``.
    """
    columns = []
    for column in live[table.table]:
        path = f"{table.name}.{column.name}"
        if column.name in table.secret and path not in include_secrets:
            continue
        if column.name in table.optional and path not in include_columns:
            continue
        name = table.renames.get(column.name, column.name)
        columns.append(_column(table, column, name, f"t.{quote(column.name)}"))
    if table.join is not None and all(name in live for name in table.join.tables):
        column = LiveColumn.of_type(table.join.column, table.join.type)
        columns.append(_column(table, column, table.join.column, table.join.expression))
    return columns


def _column(table: Table, column: LiveColumn, name: str, expression: str) -> Column:
    if name in table.key and column.column_type == "tinyint(1)":
        # A key is no flag: as booleans, its values from 2 on could be neither sent nor paged by.
        column = replace(column, column_type="tinyint")
    schema = json_schema(column, is_key=name in table.key)
    sensitivity = "secret" if name in table.secret else "pii" if name in table.personal else None
    if sensitivity:
        schema |= {
            "x-sensitivity": sensitivity,
            "description": "Secret." if sensitivity == "secret" else "Personal data.",
        }
    return Column(name, expression, select_expression(column, expression), schema, column)


def check_names(tables: Iterable[Table], setting: str, paths: Iterable[str], known: str) -> None:
    """Raise Stop if a setting names a column that is not declared in the given attribute of its table."""
    allowed = {f"{table.name}.{column}" for table in tables for column in getattr(table, known)}
    unknown = sorted(set(paths) - allowed)
    if unknown:
        raise Stop(
            f"The setting {setting} names {', '.join(unknown)}; it takes stream.column, one of: "
            f"{', '.join(sorted(allowed))}."
        )
