"""What the tests of this tap share."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
from botocore.loaders import Loader
from crm_simulator.salespro import SalesPro
from tap_kit.testing import Run, run_tap
from tap_salespro_dw.tap import TapSalesPro

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_kit.testing import Message

# The descriptions of the services are big; they are read once for all tests.
LOADER = Loader()
START = datetime(2025, 6, 2, 12, tzinfo=UTC)


class Account:
    """A simulated account, and the tap on it."""

    def __init__(self, crm: SalesPro, url: str) -> None:
        self.crm = crm
        self.url = url
        self.settings: dict[str, t.Any] = crm.tap_settings(url)

    def read(self, *streams: str, state: Message | None = None, **settings: t.Any) -> Run:
        """Run the tap; all streams without names."""
        return run_tap(TapSalesPro, {**self.settings, **settings}, streams=streams, state=state)

    def truth(self, table: str, *key: str) -> dict[tuple[str, ...], dict[str, t.Any]]:
        """Return the rows of a table that count: one for each key, the one that changed last."""
        rows: dict[tuple[str, ...], dict[str, t.Any]] = {}
        for row in self.crm.rows(table):
            found = tuple(row[name] or "" for name in key)
            if not all(found):
                continue
            before = rows.get(found)
            if before is None or (row["updated_at"] or "") > (before["updated_at"] or ""):
                rows[found] = row
        return rows


@pytest.fixture(autouse=True)
def _no_machine_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: t.Any) -> None:
    """Let no AWS configuration of this machine take part."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a query again after a blink."""
    monkeypatch.setattr("tap_salespro_dw.client.FIRST_PAUSE", 0.001)


@pytest.fixture(autouse=True)
def _one_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all sessions share what boto3 reads from its files."""
    monkeypatch.setattr("botocore.loaders.create_loader", lambda *_: LOADER)


@pytest.fixture
def open_account(simulate: Callable[..., str]) -> Callable[..., Account]:
    """Return a function that plays an account; its limits are off."""

    def start(**options: t.Any) -> Account:
        crm = SalesPro(**{"size": 120, "start": START, **options})
        crm.limiter.rules = {}
        return Account(crm, simulate(crm))

    return start


@pytest.fixture
def account(open_account: Callable[..., Account]) -> Account:
    """An account with 120 rows in its big tables."""
    return open_account()
