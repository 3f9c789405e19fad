"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from crm_simulator.marketsharp import MarketSharp
from tap_kit.testing import Run, run_tap
from tap_marketsharp_dw.names import GROUPS
from tap_marketsharp_dw.tap import TapMarketSharp

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message

START = datetime(2025, 6, 2, 12, tzinfo=UTC)
ALL = list(GROUPS)


class Company:
    """A simulated MarketSharp, and the tap that reads it."""

    def __init__(self, crm: MarketSharp, url: str) -> None:
        self.crm = crm
        self.url = url
        self.settings: dict[str, t.Any] = {**crm.tap_settings(url), "groups": ALL}

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; all streams without names."""
        return run_tap(TapMarketSharp, {**self.settings, **settings}, streams=streams, state=state)

    def a_day_passes(self) -> dict[str, dict[str, int]]:
        """Let a day happen at MarketSharp."""
        return self.crm.next_day()


@pytest.fixture
def open_company(simulate: Callable[..., str]) -> Callable[..., Company]:
    """Return a function that plays a MarketSharp on the second of June 2025."""

    def start(size: int = 60, **options: t.Any) -> Company:
        crm = MarketSharp(size=size, start=START, **options)
        return Company(crm, simulate(crm))

    return start


@pytest.fixture
def company(open_company: Callable[..., Company]) -> Company:
    """A company with sixty contacts."""
    return open_company()
