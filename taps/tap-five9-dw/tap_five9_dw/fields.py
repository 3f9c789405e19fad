"""Contact fields: each account has its own, and each is a column of ``contacts``."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from tap_five9_dw.values import converter, python_format

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import tzinfo

    from tap_five9_dw.values import Convert

MODIFIED: t.Final = ("LastModifiedDateTime", "LastDispositionDateTime", "CreatedDateTime")
LIST: t.Final = "LastList"
_TYPES: t.Final[Mapping[str, dict[str, t.Any]]] = {
    "NUMBER": {"type": ["number", "null"]},
    "CURRENCY": {"type": ["number", "null"]},
    "PERCENT": {"type": ["number", "null"]},
    "BOOLEAN": {"type": ["boolean", "null"]},
    "DATE": {"type": ["string", "null"], "format": "date"},
    "DATE_TIME": {"type": ["string", "null"], "format": "date-time"},
}
PERSONAL: t.Final = frozenset(("PHONE", "EMAIL"))


@dataclass(frozen=True)
class ContactField:
    """A contact field.

    Attributes:
        name: Its name in Five9.
        column: Its column.
        kind: Type of its values, for example DATE_TIME.
        map_to: What Five9 fills it with by itself; ``None`` (the word) for nothing.
        formats: Formats of its dates, as Python writes them.
    """

    name: str
    column: str
    kind: str
    map_to: str
    formats: tuple[str, ...]

    def convert(self, zone: tzinfo) -> Convert:
        """Return the conversion of its values."""
        return converter(self.kind, zone, self.formats)

    def schema(self, known: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the schema of its column: the type is the account's, the description ours where we have one."""
        described = {name: value for name, value in known.items() if name not in ("type", "format", "x-source")}
        mapped = f", filled by Five9 with {self.map_to}" if self.map_to != "None" else ""
        made = {**_TYPES.get(self.kind, {"type": ["string", "null"]})}
        made["description"] = f"Contact field {self.name}: {self.kind}{mapped}."
        if self.kind in PERSONAL:
            made["x-sensitivity"] = "pii"
        return made | described


def contact_fields(rows: Iterable[t.Any], reserved: Collection[str]) -> list[ContactField]:
    """Return the contact fields of an account, by their columns.

    Args:
        rows: What getContactFields returns.
        reserved: Columns that are not theirs.
    """
    known = {row.name: row for row in rows if row.name}
    columns = column_names(list(known), reserved)
    return [
        ContactField(name, columns[name], str(row.type or "STRING"), str(row.mapTo or "None"), _formats(row))
        for name, row in known.items()
    ]


def column_names(names: Sequence[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """Return the column of each field: spaces and dashes become underscores, a leading digit gets ``field_``.

    A field whose name needs no change keeps it. Of several others with the same column all get a suffix, so that a
    column does not change hands when a field is added before it.
    """
    plain = {name: _plain(name) for name in names}
    claims: dict[str, list[str]] = {}
    for name, column in plain.items():
        claims.setdefault(column, []).append(name)
    made = {}
    for name, column in plain.items():
        alone = len(claims[column]) == 1 or column == name
        made[name] = column if alone and column not in reserved else f"{column}_{_suffix(name)}"
    return made


def _plain(name: str) -> str:
    column = name.replace(" ", "_").replace("-", "_")
    return f"field_{column}" if column[:1].isdigit() else column


def _suffix(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


def _formats(row: t.Any) -> tuple[str, ...]:  # noqa: ANN401 - an object of zeep
    told = {restriction.type: restriction.value for restriction in row.restrictions or () if restriction.value}
    day, clock = told.get("DateFormat"), told.get("TimeFormat")
    if not day:
        return ()
    patterns = [f"{day} {clock}", day] if clock else [day]
    return tuple(form for form in map(python_format, patterns) if form)
