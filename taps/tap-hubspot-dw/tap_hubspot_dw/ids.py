"""Identifiers of a run, eight bytes each: what was read, to be gone through again without asking for it."""

from __future__ import annotations

import typing as t
from array import array

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 2**63 - 1


class Identifiers:
    """A growing list of record ids, as text; a million of them take eight megabytes."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._others: list[str] = []

    def add(self, record_id: str) -> None:
        """Note an id."""
        # HubSpot's are numbers of up to 64 bits, but nothing promises that.
        if record_id.isascii() and record_id.isdigit() and record_id[0] != "0" and int(record_id) <= _LARGEST:
            self._numbers.append(int(record_id))
        else:
            self._others.append(record_id)

    def clear(self) -> None:
        """Forget all."""
        self._numbers = array("q")
        self._others = []

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._numbers) + len(self._others)

    def __iter__(self) -> Iterator[str]:
        """Yield all ids, those that are numbers first."""
        yield from map(str, self._numbers)
        yield from self._others
