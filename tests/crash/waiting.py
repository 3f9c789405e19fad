"""Waiting for something to become true, with an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A loaded machine takes more than a minute to start Meltano.
DEADLINE_SECONDS = 240
_PAUSE_SECONDS = 0.004


def wait_until(condition: Callable[[], bool], *, unless: Callable[[], bool] = lambda: False) -> bool:
    """Wait for a condition; False if ``unless`` comes true first.

    Raises:
        AssertionError: if neither happens for four minutes.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if unless():
            return False
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(_PAUSE_SECONDS)
    return True
