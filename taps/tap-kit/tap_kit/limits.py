"""Request rates: what a vendor allows per class of requests, shared by all streams and threads of a tap.

The hard limits are pyrate-limiter's sliding windows. Under them lies a pace that adapts: requests are spread
evenly over a window, a 429 halves the pace, and every success raises it again by a small step, up to what is
allowed. A daily quota is counted apart, because no run waits for the next day.
"""

from __future__ import annotations

import math
import threading
import time
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from tap_kit.errors import Stop

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A 429 halves the pace, down to a hundredth of what is allowed; a success gives back a fiftieth of it.
SLOWER = 0.5
SLOWEST = 0.01
RECOVERY = 0.02
# Clocks and latencies differ between us and the vendor: a window is taken a little longer than it is.
MARGIN = 1.02
# Share of a window that may be made up for after a delay of our own; the sliding window holds all the same.
CATCH_UP = 0.25
# Where bursts are allowed, a slower pace spreads requests over seconds, not over the hour that the limit is of.
BURST_GAP_SECONDS = 0.5


@dataclass(frozen=True)
class Limit:
    """What a vendor allows for one class of requests.

    Attributes:
        requests: How many requests.
        seconds: In how many seconds, as a sliding window.
        burst: Whether the requests of a window may be sent at once; else they are spread over it.
        daily: Requests of a day at most; None for no such quota.
        resets: Says, from the present moment, when the daily quota starts again; midnight UTC without it.
    """

    requests: int
    seconds: float
    burst: bool = False
    daily: int | None = None
    resets: Callable[[datetime], datetime] | None = None


class QuotaUsedUp(Stop):
    """The quota of the day is used up: the run ends with its bookmarks written."""

    def __init__(self, sentence: str, *, resets_at: datetime | None = None) -> None:
        when = f" It resets at {resets_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC." if resets_at else ""
        super().__init__(sentence + when, category="quota")
        self.resets_at = resets_at


def next_midnight(now: datetime) -> datetime:
    """Return the next midnight in the zone of ``now``."""
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


class Budget:
    """Hands out the requests of one limit class; safe to be asked from several threads.

    Args:
        name: Name of the class, for messages.
        limit: What the vendor allows.
        pause: Sleeps; an interruptible sleep in a tap.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        name: str,
        limit: Limit,
        *,
        pause: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.limit = limit
        self._pause = pause
        self._monotonic = monotonic
        self._bucket = InMemoryBucket([Rate(limit.requests, round(limit.seconds * 1000 * MARGIN))])
        self._lock = threading.Lock()
        self._pace = 1.0
        self._free_at = 0.0
        self._blocked_until = 0.0
        self._today = 0

    @property
    def pace(self) -> float:
        """Share of the allowed rate that is used now."""
        return self._pace

    def acquire(self, longest_wait: float = math.inf) -> float:
        """Wait until a request may be sent; returns for how many seconds.

        Raises:
            QuotaUsedUp: If the requests of the day are used up.
            Stop: If the wait would be longer than ``longest_wait``: an hourly limit is not slept through.
        """
        with self._lock:
            if self.limit.daily is not None and self._today >= self.limit.daily:
                now = datetime.now(UTC)
                raise QuotaUsedUp(
                    f"The {self.limit.daily} requests that a day allows ({self.name}) are used up.",
                    resets_at=(self.limit.resets or next_midnight)(now),
                )
            self._today += 1
        waited = 0.0
        while seconds := self._seconds_to_wait():
            if seconds > longest_wait:
                raise Stop(
                    f"The {self.limit.requests} requests in {self.limit.seconds:g} s that are allowed ({self.name}) "
                    f"are used up; the next one is free in {seconds:.0f} s. Start again then, the bookmark is kept.",
                    category="rate_limit",
                )
            self._pause(seconds)
            waited += seconds
        return waited

    def succeeded(self) -> None:
        """Note an answer that was no refusal."""
        with self._lock:
            self._pace = min(1.0, self._pace + RECOVERY)

    def refused(self, seconds: float) -> None:
        """Note a 429: slow down, and let nobody send anything for ``seconds``."""
        with self._lock:
            now = self._monotonic()
            # Several threads meet the same refusal; it slows down once.
            if now >= self._blocked_until:
                self._pace = max(SLOWEST, self._pace * SLOWER)
            self._blocked_until = max(self._blocked_until, now + seconds)

    def _seconds_to_wait(self) -> float:
        """Take a place, or return how long to wait before asking again."""
        with self._lock:
            now = self._monotonic()
            soonest = max(self._blocked_until, self._free_at)
            if soonest > now:
                return soonest - now
            item = RateItem(self.name, int(now * 1000))
            self._bucket.leak(item.timestamp)
            if not self._bucket.put(item):
                return max(t.cast("int", self._bucket.waiting(item)), 1) / 1000
            if not self.limit.burst or self._pace < 1.0:
                even = self.limit.seconds * MARGIN / self.limit.requests
                gap = (min(even, BURST_GAP_SECONDS) if self.limit.burst else even) / self._pace
                # The next place follows the one before, not the moment we woke up: waking late costs no rate.
                late = gap if self.limit.burst else max(gap, self.limit.seconds * CATCH_UP)
                start = self._free_at if now - self._free_at < late else now
                self._free_at = start + gap
            return 0.0


class Budgets:
    """The budgets of a tap, by limit class."""

    def __init__(
        self,
        limits: Mapping[str, Limit],
        *,
        pause: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budgets = {name: Budget(name, limit, pause=pause, monotonic=monotonic) for name, limit in limits.items()}

    def of(self, name: str) -> Budget:
        """Return the budget of a class.

        Raises:
            KeyError: If the tap declares no such class.
        """
        return self._budgets[name]
