"""What the tests of this tap share."""

from __future__ import annotations

import io
import typing as t
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from crm_simulator.hubspot import ACCESS_TOKEN, HubSpot
from psycopg.rows import dict_row
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.testing import Run, run_tap
from target_postgres_dw.target import TargetPostgresDw

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
QUICK = {
    "requests_per_10_seconds": 1_000_000,
    "search_requests_per_second": 100_000,
    "association_requests_per_10_seconds": 1_000_000,
}


@dataclass
class Account:
    """A simulated account, and the tap that reads it.

    Attributes:
        crm: The simulated HubSpot; a test may look into it and change it.
        url: Its address.
    """

    crm: HubSpot
    url: str

    @property
    def config(self) -> dict[str, t.Any]:
        """The settings that reach it."""
        return {"api_url": self.url, "access_token": ACCESS_TOKEN, **QUICK}

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; a setting that is None is left out."""
        config = {name: value for name, value in (self.config | settings).items() if value is not None}
        return run_tap(TapHubSpot, config, streams=streams, state=state)

    def a_day_passes(self) -> dict[str, dict[str, int]]:
        """Let a day happen in HubSpot."""
        self.crm.world.days += 1
        return self.crm.pass_a_day()

    def live(self, name: str) -> set[str]:
        """Return the ids of the live records of a kind."""
        kind = self.crm.kinds[name]
        return {kind.id_of(index) for index in kind.records.live()}

    def change(self, name: str, index: int, ago: timedelta = timedelta(0), **texts: t.Any) -> str:
        """Change a record; returns its id."""
        kind = self.crm.kinds[name]
        kind.records.change(index, self.crm.world.now - ago, **texts)
        return kind.id_of(index)

    def asked(self, part: str) -> int:
        """Return how many requests went to paths with a text in them."""
        return sum(count for path, count in self.crm.requests.items() if part in path)


@pytest.fixture
def open_account(simulate: Callable[..., str]) -> Callable[..., Account]:
    """Return a function that plays an account on the 20th of March 2026, without limits."""

    def start(size: int = 60, **options: t.Any) -> Account:
        crm = HubSpot(**{"size": size, "start": START, "rules": {}, **options})
        return Account(crm, simulate(crm))

    return start


@dataclass
class Warehouse:
    """A Postgres that the loader writes to."""

    url: str

    def load(self, run: Run) -> None:
        """Load what a run wrote."""
        with redirect_stdout(io.StringIO()):
            TargetPostgresDw(config={"sqlalchemy_url": self.url, "lock_wait_seconds": 0}).listen(io.StringIO(run.text))

    def rows(self, query: str) -> list[dict[str, t.Any]]:
        """Return the rows of a query."""
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    def table(self, stream: str) -> dict[str, dict[str, t.Any]]:
        """Return the rows of a stream by their ids."""
        return {row["id"]: row for row in self.rows(f"SELECT * FROM hubspot.{stream}")}


@pytest.fixture
def warehouse(postgres_url: str) -> Warehouse:
    """Return an empty warehouse."""
    return Warehouse(postgres_url)
