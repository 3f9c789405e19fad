"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from crm_simulator.five9 import PASSWORD, USER, Five9
from tap_five9_dw.tap import TapFive9
from tap_kit.testing import Run, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_kit.testing import Message

START = datetime(2025, 6, 2, 20, tzinfo=UTC)


class Account:
    """A simulated account, and the tap on it."""

    def __init__(self, crm: Five9, url: str, folder: Path) -> None:
        self.crm = crm
        self.settings: dict[str, t.Any] = {
            "api_url": f"{url}/wsadmin",
            "username": USER,
            "password": PASSWORD,
            "requests_per_minute": 60_000,
            "rate_limit_wait_seconds": 0,
            "session_wait_seconds": 0,
            "report_poll_seconds": 0,
            "report_history_days": 3,
            "wsdl_cache": str(folder),
        }

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; all streams without names."""
        return run_tap(TapFive9, {**self.settings, **settings}, streams=streams, state=state)

    def a_day_passes(self) -> dict[str, dict[str, int]]:
        """Let a day happen in Five9."""
        self.crm.world.days += 1
        return self.crm.pass_a_day()


@pytest.fixture
def open_account(simulate: Callable[..., str], tmp_path: Path) -> Callable[..., Account]:
    """Return a function that plays an account; its limits are off."""

    def start(**options: t.Any) -> Account:
        crm = Five9(**{"size": 300, "start": START, **options})
        crm.limiter.rules = {}
        return Account(crm, simulate(crm), tmp_path / "wsdl")

    return start


@pytest.fixture
def account(open_account: Callable[..., Account]) -> Account:
    """An account with three hundred contacts."""
    return open_account()
