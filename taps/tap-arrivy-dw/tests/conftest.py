"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from crm_simulator.arrivy import AUTH_KEY, AUTH_TOKEN, Arrivy
from tap_arrivy_dw.tap import TapArrivy
from tap_kit.testing import Run, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message

START = datetime(2025, 6, 2, 12, tzinfo=UTC)


class Account:
    """A simulated account, and the tap on it."""

    def __init__(self, crm: Arrivy, url: str) -> None:
        self.crm = crm
        self.settings: dict[str, t.Any] = {
            "base_url": url,
            "auth_key": AUTH_KEY,
            "auth_token": AUTH_TOKEN,
            "requests_per_minute": 100_000,
        }

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; all streams without names."""
        return run_tap(TapArrivy, {**self.settings, **settings}, streams=streams, state=state)

    def ids(self, name: str) -> set[str]:
        """Return the identifiers of the live records of a collection."""
        return {str(row["id"]) for row in self.crm.live(name)}


@pytest.fixture
def open_account(simulate: Callable[..., str]) -> Callable[..., Account]:
    """Return a function that plays an account; its limits are off."""

    def start(**options: t.Any) -> Account:
        crm = Arrivy(**{"size": 200, "start": START, **options})
        crm.limiter.rules = {}
        return Account(crm, simulate(crm))

    return start


@pytest.fixture
def account(open_account: Callable[..., Account]) -> Account:
    """An account with two hundred tasks."""
    return open_account()
