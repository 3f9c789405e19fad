"""The tap and the loader with a wall clock that jumps by years, back and forth, at every look.

The monotonic clock goes on as it does on a real machine, whatever is done to the time of day.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Self

MODULES = ("tap_kit.stream", "tap_kit.tap", "target_postgres_dw.run", "sync_history.bookmarks")
_true_time = time.time


def jump() -> float:
    """Return a number of seconds, up to ten years to either side."""
    return random.uniform(-1, 1) * 10 * 365 * 86_400  # noqa: S311 -- no secret


class JumpingDatetime(datetime):
    """``datetime`` whose ``now`` is some other time each time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return a time within ten years of the true one."""
        return super().now(tz) + timedelta(seconds=jump())


def run(module: str, name: str) -> None:
    """Run a program."""
    entry = getattr(importlib.import_module(module), name)
    for patched in MODULES:
        if patched in sys.modules and hasattr(sys.modules[patched], "datetime"):
            vars(sys.modules[patched])["datetime"] = JumpingDatetime
    time.time = lambda: _true_time() + jump()
    entry.cli()


class JumpingTap:
    """``tap-genius``."""

    @staticmethod
    def cli() -> None:
        """Run it."""
        run("tap_genius.tap", "TapGenius")


class JumpingLoader:
    """``target-postgres-dw``."""

    @staticmethod
    def cli() -> None:
        """Run it."""
        run("target_postgres_dw.target", "TargetPostgresDw")
