"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from crm_simulator.salesrabbit import FIRST_LEAD, TOKEN, SalesRabbit
from tap_kit.testing import Run, run_tap
from tap_salesrabbit_dw.tap import TapSalesRabbit

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message

START = datetime(2025, 6, 2, 12, tzinfo=UTC)


class Account:
    """A simulated account, and the tap on it."""

    def __init__(self, crm: SalesRabbit, url: str) -> None:
        self.crm = crm
        self.settings: dict[str, t.Any] = {"base_url": url, "api_token": TOKEN, "requests_per_minute": 100_000}

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; all streams without names."""
        return run_tap(TapSalesRabbit, {**self.settings, **settings}, streams=streams, state=state)

    def day(self) -> dict[str, dict[str, int]]:
        """Let a day pass."""
        self.crm.world.days += 1
        return self.crm.pass_a_day()

    def ids(self, name: str) -> set[t.Any]:
        """Return the keys of all records of a stream, as the simulator has them."""
        rows = self.crm.truth(name)
        if name == "lead_status_histories":
            return {(row["leadId"], row["id"], row["statusUpdated"]) for row in rows}
        return {row["dispositionID" if name == "lead_status_activities" else "id"] for row in rows}

    def lead(self, index: int) -> int:
        """Return the id of a lead."""
        return FIRST_LEAD + index


@pytest.fixture
def open_account(simulate: Callable[..., str]) -> Callable[..., Account]:
    """Return a function that plays an account; its limits are off."""

    def start(**options: t.Any) -> Account:
        crm = SalesRabbit(**{"size": 200, "start": START, **options})
        crm.limiter.rules = {}
        return Account(crm, simulate(crm))

    return start


@pytest.fixture
def account(open_account: Callable[..., Account]) -> Account:
    """An account with two hundred leads."""
    return open_account()
