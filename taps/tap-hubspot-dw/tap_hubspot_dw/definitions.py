"""From the portal's property definitions to columns: types, and which properties get a column of their own."""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Column: t.TypeAlias = dict[str, t.Any]

_TYPES: t.Final[t.Mapping[str, Column]] = {
    "bool": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
    "number": {"type": ["number", "null"]},
    "phone_number": {"type": ["string", "null"], "x-kind": "phone"},
}
_TEXT: t.Final[Column] = {"type": ["string", "null"]}
_IDENTIFIER = re.compile(r"(^|_)ids?$")
_TRUTHS: t.Final = frozenset({"true", "false"})
PREFIX: t.Final = "property_"


@dataclass(frozen=True)
class Definition:
    """A property as the portal describes it.

    Attributes:
        name: Its internal name.
        kind: HubSpot's type: bool, date, datetime, enumeration, number, phone_number, string...
        label: What people see.
        description: What it is for; often empty.
        options: Values of an enumeration.
        created_at: When it was made; empty for some of HubSpot's own.
    """

    name: str
    kind: str = "string"
    label: str = ""
    description: str = ""
    options: frozenset[str] = frozenset()
    created_at: str = ""

    @classmethod
    def of(cls, row: Mapping[str, t.Any]) -> Definition:
        """Read a property definition of the API."""
        return cls(
            name=str(row["name"]),
            kind=str(row.get("type") or "string"),
            label=str(row.get("label") or ""),
            description=str(row.get("description") or ""),
            options=frozenset(str(option.get("value")) for option in row.get("options") or ()),
            created_at=str(row.get("createdAt") or ""),
        )


def column_of(definition: Definition, catalogued: Mapping[str, t.Any] | None = None) -> Column:
    """Return the column of a property.

    The portal decides its type. Only where the catalogue has text for a number or for a yes-or-no choice it
    stays text: such columns hold identifiers. Other numbers that are named as identifiers are text as well,
    because they may pass 53 bits.
    """
    is_text = catalogued is not None and "string" in catalogued["type"] and "format" not in catalogued
    shape = _TYPES.get(definition.kind, _TEXT)
    if definition.kind == "enumeration" and definition.options and definition.options <= _TRUTHS:
        shape = _TYPES["bool"]
    if definition.kind in ("number", "enumeration") and is_text:
        shape = _TEXT
    if definition.kind == "number" and catalogued is None and _IDENTIFIER.search(definition.name):
        shape = _TEXT
    if catalogued is not None:
        kept = {mark: value for mark, value in catalogued.items() if mark not in ("type", "format")}
        return {**shape, **kept}
    told = ": ".join(filter(None, (definition.label.strip(), definition.description.strip())))
    return {**shape, "description": told or definition.name}


def matches(name: str, stream: str, patterns: Iterable[str]) -> bool:
    """Tell whether a property is meant by a pattern: ``hs_*``, or ``contacts.hs_*`` for one stream only."""
    return any(
        fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(f"{stream}.{name}", pattern) for pattern in patterns
    )


def order_by_age(definitions: Iterable[Definition]) -> list[str]:
    """Return the names of properties, the oldest first: a new one never takes the place of an older one."""
    return [one.name for one in sorted(definitions, key=lambda one: (one.created_at, one.name))]


def choose_columns(
    names: Sequence[str], *, first: Collection[str], stream: str, preferred: Sequence[str], most: int
) -> list[str]:
    """Return the properties that get a column of their own, at most ``most``.

    Args:
        names: All of them, those to be preferred first.
        first: Those that always have one.
        stream: Name of the stream, for the patterns.
        preferred: Patterns of properties that come next.
        most: How many.
    """

    def place(name: str) -> int:
        return 0 if name in first else 1 if matches(name, stream, preferred) else 2

    ordered = sorted(names, key=place)
    return ordered[: max(most, sum(name in first for name in ordered))]


def column_name(name: str, taken: Collection[str]) -> str:
    """Return the column of a property; one that is named like a column of ours gets a prefix."""
    return f"{PREFIX}{name}" if name in taken else name
