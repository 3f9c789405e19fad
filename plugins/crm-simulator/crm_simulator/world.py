"""Made-up records that are computed when they are asked for, and what has happened to them since.

A ``Collection`` of a million records holds none of them: every record follows from the seed and its index.
Only what differs from that is kept: records that were changed, archived or merged as the days passed.
"""

from __future__ import annotations

import bisect
import heapq
import random
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make: t.TypeAlias = Callable[[random.Random, int], dict[str, t.Any]]

Change: t.TypeAlias = "dict[str, t.Any]"
# A million records, one every ten seconds, reach back about four months.
STEP = timedelta(seconds=10)
# What a day brings, as shares of a collection; at least one of each.
DAILY_NEW, DAILY_CHANGED, DAILY_ARCHIVED = 0.01, 0.02, 0.002


@dataclass
class World:
    """What all collections of a simulator share: the seed and the time.

    Attributes:
        seed: Another seed, other records.
        start: The moment at which the simulation starts; the clock stands still, except that days pass.
    """

    seed: int = 1
    start: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    days: int = 0

    @property
    def now(self) -> datetime:
        """The simulated present."""
        return self.start + timedelta(days=self.days)

    def rng(self, *what: str | int) -> random.Random:
        """Return a generator of random values that is the same for the same things."""
        return random.Random(":".join(map(str, (self.seed, *what))))


class Collection:
    """The records of one kind, in the order of their index.

    Modification times grow with the index, until a record is changed: so the records of a window are found
    without looking at the others.

    Args:
        world: Seed and time.
        name: Name of the kind; part of the seed.
        size: How many records there are at the start.
        make: Makes the record of an index, without its times.
        step: Time between the modifications of one record and the next.
        crowd: Indexes whose records were all modified in the same moment, as batch jobs do it.
    """

    def __init__(
        self,
        world: World,
        name: str,
        size: int,
        make: Make,
        *,
        step: timedelta = STEP,
        crowd: range = range(0),
    ) -> None:
        self.world = world
        self.name = name
        self.size = size
        self._make = make
        self._step = step
        self._crowd = crowd
        self._first = world.start - step * size - timedelta(hours=1)
        self._changes: dict[int, Change] = {}
        self._moments: dict[int, datetime] = {}
        self._timeline: list[tuple[datetime, int]] = []
        self.archived: dict[int, datetime] = {}
        self.merged: dict[int, int] = {}

    def record(self, index: int) -> dict[str, t.Any]:
        """Return a record, with what happened to it."""
        return self._make(self.world.rng(self.name, index), index) | self._changes.get(index, {})

    def modified_at(self, index: int) -> datetime:
        """Return when a record was modified last."""
        return self._moments.get(index) or self._original(index)

    def live(self, start: int = 0) -> Iterator[int]:
        """Yield the indexes of all records that are neither archived nor merged away, from one on."""
        return (index for index in range(start, self.size) if index not in self.archived)

    def count_live(self) -> int:
        """Return how many those are."""
        return self.size - len(self.archived)

    def between(self, start: datetime, end: datetime) -> Iterator[int]:
        """Yield the indexes of live records modified in [start, end), by time and index."""
        unchanged = (
            (self._original(index), index) for index in self._original_range(start, end) if index not in self._moments
        )
        low, high = (bisect.bisect_left(self._timeline, (moment, -1)) for moment in (start, end))
        merged = heapq.merge(unchanged, self._timeline[low:high])
        return (index for _, index in merged if index not in self.archived)

    def count_between(self, start: datetime, end: datetime) -> int:
        """Return how many records ``between`` yields, without making a walk over all of them."""
        indexes = self._original_range(start, end)
        gone = {index for index in (*self._moments, *self.archived) if index in indexes}
        low, high = (bisect.bisect_left(self._timeline, (moment, -1)) for moment in (start, end))
        back = sum(index not in self.archived for _, index in self._timeline[low:high])
        return len(indexes) - len(gone) + back

    def change(self, index: int, moment: datetime, **values: t.Any) -> None:  # noqa: ANN401 - any JSON
        """Change some values of a record."""
        self._changes[index] = self._changes.get(index, {}) | values
        if index in self._moments:
            self._timeline.remove((self._moments[index], index))
        self._moments[index] = moment
        bisect.insort(self._timeline, (moment, index))

    def archive(self, index: int, moment: datetime, *, into: int | None = None) -> None:
        """Archive a record; with ``into`` it is merged into another one. Its modification time stays."""
        self.archived[index] = moment
        if into is not None:
            self.merged[index] = into

    def add(self, count: int, moment: datetime) -> range:
        """Add records, all made from then on; returns their indexes."""
        added = range(self.size, self.size + count)
        self.size += count
        for place, index in enumerate(added):
            self.change(index, moment + timedelta(milliseconds=place))
        return added

    def pass_a_day(self, edit: Callable[[random.Random, int], Change]) -> dict[str, int]:
        """Let some records be new, changed and archived within the last simulated day; returns how many.

        Args:
            edit: Says what changes in a record.
        """
        rng = self.world.rng(self.name, "day", self.world.days)
        morning = self.world.now - timedelta(days=1)

        def moment() -> datetime:
            return morning + timedelta(milliseconds=rng.randrange(82_800_000))

        before = self.size
        counts = {
            "new": max(1, round(before * DAILY_NEW)),
            "changed": max(1, round(before * DAILY_CHANGED)),
            "archived": max(1, round(before * DAILY_ARCHIVED)),
        }
        picked = rng.sample(range(before), min(before, counts["changed"] + counts["archived"]))
        picked = [index for index in picked if index not in self.archived]
        archived, changed = picked[: counts["archived"]], picked[counts["archived"] :]
        for index in archived:
            self.archive(index, moment())
        for index in changed:
            self.change(index, moment(), **edit(rng, index))
        self.add(counts["new"], moment())
        return {"new": counts["new"], "changed": len(changed), "archived": len(archived)}

    def _original(self, index: int) -> datetime:
        place = self._crowd.start if index in self._crowd else index
        return self._first + self._step * place

    def _original_range(self, start: datetime, end: datetime) -> range:
        """Return the indexes whose original time lies in [start, end)."""
        indexes = range(self.size)
        low = bisect.bisect_left(indexes, start, key=self._original)
        return range(low, bisect.bisect_left(indexes, end, lo=low, key=self._original))
