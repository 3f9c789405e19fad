"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from crm_simulator.callrail import CallRail
from tap_callrail_dw.tap import TapCallRail
from tap_kit.testing import Run, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


@dataclass
class Reader:
    """A simulated CallRail, and the tap that reads it.

    Attributes:
        crm: The simulated CallRail; a test may look into it and change it.
        url: Its address.
    """

    crm: CallRail
    url: str

    @property
    def config(self) -> dict[str, t.Any]:
        """The settings that reach it."""
        return {"api_url": self.url, "api_key": self.crm.key}

    def read(self, *streams: str, state: dict[str, t.Any] | None = None, **config: t.Any) -> Run:
        """Run the tap."""
        return run_tap(TapCallRail, self.config | config, streams=streams, state=state)

    def a_day_passes(self) -> dict[str, dict[str, int]]:
        """Let a day happen in CallRail."""
        self.crm.world.days += 1
        return self.crm.pass_a_day()


@pytest.fixture
def callrail(simulate: Callable[..., str]) -> Callable[..., Reader]:
    """Return a function that starts a simulated CallRail on the 20th of March 2026."""

    def start(size: int = 300, **options: t.Any) -> Reader:
        crm = CallRail(size=size, start=START, **options)
        return Reader(crm, simulate(crm))

    return start
