"""From the answer of an API to a finished record: decoding, finding the rows, converting the columns."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import msgspec
from singer_sdk.helpers.jsonpath import extract_jsonpath

from tap_kit.values import (
    Unstorable,
    boolean_from_json,
    date_from_json,
    datetime_from_json,
    integer_from_json,
    number_from_json,
    text_from_json,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import tzinfo

Convert: t.TypeAlias = "Callable[[t.Any], t.Any]"

# Numbers with a point stay exact, and identifiers beyond 53 bits stay whole.
decode: t.Final = msgspec.json.Decoder(float_hook=Decimal).decode


def find_rows(path: str, document: t.Any) -> list[t.Any]:  # noqa: ANN401 - any JSON
    """Return the rows that a JSONPath finds; the usual plain paths take no JSONPath machine."""
    steps = path.removeprefix("$").removesuffix("[*]").removeprefix(".")
    if path.startswith("$") and path.endswith("[*]") and "[" not in steps and "*" not in steps:
        found = dig(document, tuple(steps.split("."))) if steps else document
        if isinstance(found, list):
            return found
        return [] if found is None else [found]
    return list(extract_jsonpath(path, document))


def dig(row: t.Any, path: tuple[str, ...]) -> t.Any:  # noqa: ANN401 - any JSON
    """Return what lies at a path of names; None if a step is missing or leads through something else."""
    for name in path:
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row


def kind_of(schema: Mapping[str, t.Any]) -> str:
    """Return the kind of a column: string, integer, number, boolean, date, date-time or json."""
    types = schema.get("type", "string")
    names = [types] if isinstance(types, str) else types
    kinds = [name for name in names if name != "null"]
    if kinds == ["string"] and schema.get("format") in ("date", "date-time"):
        return str(schema["format"])
    return kinds[0] if len(kinds) == 1 and kinds[0] in ("string", "integer", "number", "boolean") else "json"


def converters(zone: tzinfo) -> dict[str, Convert]:
    """Return a conversion for each kind; ``zone`` is that of date-times without an offset."""
    return {
        "string": text_from_json,
        "integer": integer_from_json,
        "number": number_from_json,
        "boolean": boolean_from_json,
        "date": date_from_json,
        "date-time": lambda value: datetime_from_json(value, zone),
        "json": lambda value: value,
    }


class Columns:
    """The selected columns of a stream, ready to be applied to row after row.

    Args:
        properties: Schema of each column; ``x-source`` is the path of its value in the row, with points, where
            it is not the column's name.
        sources: Paths that replace those of the schema.
        convert: Conversion by kind.
    """

    def __init__(
        self,
        properties: Mapping[str, Mapping[str, t.Any]],
        sources: Mapping[str, str],
        convert: Mapping[str, Convert],
    ) -> None:
        self._columns = tuple(
            (name, tuple(sources.get(name, name).split(".")), convert[kind_of(schema)])
            for name, schema in properties.items()
        )

    def apply(self, row: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the record of a row; a value that cannot be held is an ``Unstorable``."""
        record = {}
        for name, path, convert in self._columns:
            value = row.get(path[0]) if len(path) == 1 else dig(row, path)
            record[name] = None if value is None else convert(value)
        return record


def missing_in(record: Mapping[str, t.Any], key: Iterable[str]) -> str | None:
    """Return the first key column that has no value."""
    return next((name for name in key if record.get(name) in (None, "") or isinstance(record[name], Unstorable)), None)
