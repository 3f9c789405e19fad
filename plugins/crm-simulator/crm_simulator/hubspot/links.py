"""Associations between records: which follow from the numbers of the records, and which were edited since."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_simulator.hubspot.kinds import Kind, Row

# One record of an earlier kind has many of a later one.
RANK: t.Final = ("divisions", "companies", "contacts", "deals", "appointments", "tickets", "genius_users")
TYPES: t.Final = (
    ("HUBSPOT_DEFINED", None),
    ("USER_DEFINED", "Decision maker"),
    ("INTEGRATOR_DEFINED", "Billing contact"),
)
FIRST_TYPE = 1000

Pair: t.TypeAlias = "tuple[str, str]"
Ends: t.TypeAlias = "tuple[int, int]"


@dataclass
class Edits:
    """What was edited in the associations of two kinds; no types means that it was removed."""

    types: dict[Ends, frozenset[int]] = field(default_factory=dict)
    of_parent: dict[int, set[int]] = field(default_factory=dict)
    of_child: dict[int, set[int]] = field(default_factory=dict)


class Links:
    """All associations of a portal; both directions tell the same.

    Args:
        kinds: The kinds by name.
    """

    def __init__(self, kinds: dict[str, Kind]) -> None:
        self._kinds = kinds
        self._edits: dict[Pair, Edits] = {}

    def knows(self, start: Kind, end: Kind) -> bool:
        """Tell whether records of two kinds can be associated."""
        return start is not end and start.name in RANK and end.name in RANK

    def types(self, start: Kind, end: Kind) -> list[Row]:
        """Return the types and labels of a direction; the other direction has ids of its own."""
        parent, child = self._pair(start, end)
        first = FIRST_TYPE + 100 * RANK.index(parent) + 10 * RANK.index(child) + (start.name != parent)
        return [
            {"category": category, "typeId": first + 2 * place, "label": label}
            for place, (category, label) in enumerate(TYPES)
        ]

    def of(self, start: Kind, index: int, end: Kind) -> dict[int, frozenset[int]]:
        """Return the live records that one is associated with, and the places of the types in ``types``."""
        parent, child = self._pair(start, end)
        edits = self._edits.get((parent, child)) or Edits()
        if start.name == parent:
            ends = {other: (index, other) for other in self._children(start, index, end)}
            ends |= {other: (index, other) for other in edits.of_parent.get(index, ())}
        else:
            ends = {other: (other, index) for other in self._parents(end, index)}
            ends |= {other: (other, index) for other in edits.of_child.get(index, ())}
        if index in start.records.archived:
            return {}
        found = {other: edits.types.get(ends[other], _types(ends[other][1])) for other in sorted(ends)}
        return {other: types for other, types in found.items() if types and other not in end.records.archived}

    def set(self, start: Kind, index: int, end: Kind, other: int, types: frozenset[int]) -> None:
        """Associate two records by these types and no others; an empty set removes the association."""
        parent, child = self._pair(start, end)
        ends = (index, other) if start.name == parent else (other, index)
        edits = self._edits.setdefault((parent, child), Edits())
        edits.types[ends] = types
        edits.of_parent.setdefault(ends[0], set()).add(ends[1])
        edits.of_child.setdefault(ends[1], set()).add(ends[0])

    def move(self, start: Kind, index: int, into: int) -> None:
        """Give the associations of a record to another one, as a merge does."""
        for end in self._kinds.values():
            if self.knows(start, end):
                for other, types in self.of(start, index, end).items():
                    self.set(start, into, end, other, types | self.of(start, into, end).get(other, frozenset()))

    def to(self, start: Kind, index: int, end: Kind) -> list[Row]:
        """Return the associations of a record as the API does."""
        types = self.types(start, end)
        return [
            {"toObjectId": end.id_of(other), "associationTypes": [types[place] for place in sorted(places)]}
            for other, places in self.of(start, index, end).items()
        ]

    def rows(self, start: Kind, end: Kind) -> Iterator[Row]:
        """Yield the associations of all live records as a warehouse should hold them."""
        for index in start.records.live():
            for one in self.to(start, index, end):
                for kind in one["associationTypes"]:
                    yield {
                        "from_id": start.id_of(index),
                        "to_id": one["toObjectId"],
                        "association_type_id": kind["typeId"],
                        "association_category": kind["category"],
                        "association_label": kind["label"],
                    }

    @staticmethod
    def _pair(start: Kind, end: Kind) -> Pair:
        parent, child = sorted((start.name, end.name), key=RANK.index)
        return parent, child

    @staticmethod
    def _parents(end: Kind, child: int) -> list[int]:
        count = end.records.first_size
        return [child // 2 % count] if count else []

    @staticmethod
    def _children(start: Kind, parent: int, end: Kind) -> Iterator[int]:
        count, size = start.records.first_size, end.records.size
        if parent < count:
            for half in range(parent, (size + 1) // 2, count):
                yield from range(2 * half, min(2 * half + 2, size))


def _types(child: int) -> frozenset[int]:
    return frozenset({0, *([1] if child % 5 == 0 else []), *([2] if child % 7 == 0 else [])})
