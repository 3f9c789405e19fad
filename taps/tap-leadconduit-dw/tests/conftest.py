"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from crm_simulator.leadconduit import LeadConduit
from tap_kit.http import HttpClient
from tap_kit.testing import Run, run_tap
from tap_leadconduit_dw.tap import TapLeadConduit

if t.TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.testing import Message

START = datetime(2026, 3, 20, 12, tzinfo=UTC)


class Account:
    """A simulated account, and the tap on it.

    Attributes:
        crm: The simulated LeadConduit; a test may look into it and change it.
        settings: The settings that reach it.
    """

    def __init__(self, crm: LeadConduit, url: str) -> None:
        self.crm = crm
        self.settings: dict[str, t.Any] = {
            "base_url": url,
            "api_key": crm.key,
            "requests_per_minute": 100_000,
            "retry_seconds": 30,
        }

    def read(
        self, *streams: str, state: Message | None = None, catalog: Message | None = None, **settings: t.Any
    ) -> Run:
        """Run the tap; all streams without names."""
        config = {**self.settings, **settings}
        return run_tap(TapLeadConduit, config, streams=streams, state=state, catalog=catalog)

    def ids(self, stream: str) -> list[str]:
        """Return the ids that LeadConduit has for a stream, in order."""
        return [row["instance_id" if stream == "destinations" else "id"] for row in self.crm.truth(stream)]

    def a_day_passes(self) -> dict[str, dict[str, int]]:
        """Let a day happen in LeadConduit."""
        self.crm.world.days += 1
        return self.crm.pass_a_day()


@pytest.fixture
def open_account(simulate: Callable[..., str]) -> Callable[..., Account]:
    """Return a function that plays an account on the 20th of March 2026; its limits are off."""

    def start(size: int = 400, **options: t.Any) -> Account:
        crm = LeadConduit(size=size, start=START, **options)
        crm.limiter.rules = {}
        return Account(crm, simulate(crm))

    return start


@pytest.fixture
def account(open_account: Callable[..., Account]) -> Account:
    """An account with a hundred leads."""
    return open_account()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[requests.PreparedRequest]:
    """Return the requests of the test, as they are sent."""
    sent: list[requests.PreparedRequest] = []
    prepare = HttpClient.prepare

    def noting(self: HttpClient, request: HTTPRequest, **options: t.Any) -> requests.PreparedRequest:
        prepared = prepare(self, request, **options)
        sent.append(prepared)
        return prepared

    monkeypatch.setattr(HttpClient, "prepare", noting)
    return sent
