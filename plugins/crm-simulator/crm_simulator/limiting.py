"""Request rates as a vendor enforces them: sliding windows, per limit class."""

from __future__ import annotations

import time
import typing as t
from collections import deque
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Rule:
    """So many requests in so many seconds."""

    requests: int
    seconds: float
    name: str = ""


class RateLimiter:
    """Counts requests by limit class, and refuses those above a rule.

    Args:
        rules: Rules of each class.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(self, rules: Mapping[str, Sequence[Rule]], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.rules = dict(rules)
        self._monotonic = monotonic
        self._times: dict[str, deque[float]] = {}
        self.violations = 0

    def admit(self, name: str) -> tuple[Rule, float] | None:
        """Admit a request of a class, or return the rule it breaks and the seconds until it would not.

        A refused request does not count.
        """
        now = self._monotonic()
        rules = self.rules.get(name, ())
        times = self._times.setdefault(name, deque())
        longest = max((rule.seconds for rule in rules), default=0.0)
        while times and times[0] <= now - longest:
            times.popleft()
        for rule in rules:
            if self.used(name, rule) >= rule.requests:
                self.violations += 1
                return rule, times[-rule.requests] + rule.seconds - now
        times.append(now)
        return None

    def used(self, name: str, rule: Rule) -> int:
        """Return how many requests of a class lie in the window of a rule that ends now."""
        oldest = self._monotonic() - rule.seconds
        count = 0
        for moment in reversed(self._times.get(name, ())):
            if moment <= oldest:
                break
            count += 1
        return count
