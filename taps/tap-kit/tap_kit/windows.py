"""Half-open windows of time, in UTC: [start, end). Pure values; nothing here reads a clock.

Bounds lie on whole milliseconds, the finest that the vendors' filters compare, so that a vendor whose upper
bound is inclusive can be asked for ``last_millisecond``.
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

if t.TYPE_CHECKING:
    from collections.abc import Iterator

MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time.

    Attributes:
        start: First moment that belongs to it.
        end: First moment that no longer does.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse an empty window."""
        if self.end <= self.start:
            raise ValueError(f"nothing lies between {self.start} and {self.end}")

    @property
    def is_atomic(self) -> bool:
        """Whether it cannot be split any more."""
        return self.end - self.start <= MILLISECOND

    @property
    def last_millisecond(self) -> datetime:
        """The last millisecond that begins in it, for vendors whose upper bound is inclusive."""
        return self.end - MILLISECOND


def to_milliseconds(moment: datetime) -> int:
    """Return a moment as milliseconds since 1970, cut off."""
    return (moment - EPOCH) // MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the moment of milliseconds since 1970."""
    return EPOCH + milliseconds * MILLISECOND


def whole_milliseconds(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Widen two bounds to whole milliseconds: the start down, the end up."""
    last = -((EPOCH - end) // MILLISECOND)
    return from_milliseconds(to_milliseconds(start)), from_milliseconds(last)


def windows_between(start: datetime, end: datetime, size: timedelta | None = None) -> Iterator[Window]:
    """Yield touching windows of at most ``size`` that cover [start, end), oldest first.

    Yields nothing if ``end`` is not after ``start``. Without a size it is one window.
    """
    start, end = whole_milliseconds(start, end)
    while start < end:
        stop = end if size is None or end - start <= size else start + size
        yield Window(start, stop)
        start = stop


def split_window(window: Window, parts: int) -> list[Window]:
    """Cut a window into touching windows of about the same length, each at least a millisecond long.

    The last one ends exactly at ``window.end``. There are fewer than ``parts`` if there are not as many
    milliseconds.

    Raises:
        ValueError: If parts < 1.
    """
    if parts < 1:
        raise ValueError("a window cannot be cut into less than one part")
    first = to_milliseconds(window.start)
    length = max(1, to_milliseconds(window.end) - first)
    parts = min(parts, length)
    cuts = [from_milliseconds(first + length * part // parts) for part in range(1, parts)]
    bounds = [window.start, *cuts, window.end]
    return [Window(start, end) for start, end in itertools.pairwise(bounds)]
