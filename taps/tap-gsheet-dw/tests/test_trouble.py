"""Limits, rights, passing trouble, odd answers."""

from __future__ import annotations

import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.gsheet import Fixed
from crm_simulator.limiting import Rule
from starlette.responses import JSONResponse, Response
from tap_kit.errors import Stop

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from crm_simulator.gsheet import Cell, Tab

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

VALUES = "values:batchGet"


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path=VALUES, times=4),
        Fault("storm", path=VALUES, after=1, retry_after="1"),
        Fault("error", path=VALUES, times=4, status=503),
        Fault("error", path=VALUES, after=2, times=2),
        Fault("error", path="/drive/", times=2, status=500),
        Fault("error", path="/v4/spreadsheets/Leads2025example", times=2, status=502),
        Fault("cut", path=VALUES, after=1),
        Fault("not_json", path=VALUES, after=2),
        Fault("wrong_type", path=VALUES),
        Fault("wrong_type", path="/drive/"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.path}",
)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_passing_trouble_loses_nothing(account: Account, fault: Fault, concurrency: int) -> None:
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("marketing_leads", sheets=[], page_size=40, concurrency=concurrency)
    assert run.exit_code == 0
    assert len(run.records("marketing_leads")) == 200
    assert run.report("marketing_leads")["retries"] >= fault.times


@pytest.mark.usefixtures("quick_retries")
def test_trap_12_a_403_may_be_a_quota(account: Account) -> None:
    def quota(_: t.Any) -> Response:
        inner = {"domain": "usageLimits", "reason": "userRateLimitExceeded", "message": "User Rate Limit Exceeded"}
        return JSONResponse({"error": {"errors": [inner], "code": 403, "message": "User Rate Limit Exceeded"}}, 403)

    refuse, account.crm.refuse = account.crm.refuse, quota
    account.crm.faults.append(Fault("forbidden", path="/drive/", times=2))
    account.crm.faults.append(Fault("forbidden", path=VALUES, times=2))
    run = account.read("marketing_spends", sheets=[])
    assert run.exit_code == 0
    assert len(run.records("marketing_spends")) == 75
    # Drive was waited for, not given up.
    assert run.bookmarks["marketing_spends"]
    account.crm.refuse = refuse


def test_trap_12_a_403_may_be_a_missing_right(account: Account) -> None:
    account.book("Leads2024").shared = False
    run = account.read()
    assert run.exit_code == 1
    report = run.report("marketing_leads")
    assert report["error_category"] == "permission"
    assert "share the spreadsheet with the user of the refresh token" in report["error"]
    assert "answered 403: The caller does not have permission." in report["error"]
    assert report["retries"] == 0
    assert run.report("marketing_spends")["status"] == run.report("crews")["status"] == "success"
    assert run.bookmarks["marketing_spends"]
    assert not run.bookmarks.get("marketing_leads")


def test_the_metadata_of_a_sheet_that_is_not_shared(account: Account) -> None:
    account.book("Crews").shared = False
    run = account.read("sheet_metadata", "marketing_spends")
    assert run.report("sheet_metadata")["error_category"] == "permission"
    assert run.report("marketing_spends")["status"] == "success"


def test_a_spreadsheet_that_is_not_there(account: Account) -> None:
    run = account.read("marketing_spends", "marketing_leads", marketing_spends_sheet="Gone")
    report = run.report("marketing_spends")
    assert report["error_category"] == "configuration"
    assert "there is no such spreadsheet; check its id in the settings" in report["error"]
    assert run.report("marketing_leads")["status"] == "success"


def test_a_sheet_that_cannot_be_discovered_fails_alone(account: Account) -> None:
    account.book("Crews").shared = False
    run = account.read()
    assert "share the spreadsheet" in run.report("crews")["error"]
    assert run.report("marketing_leads")["status"] == "success"


def test_wrong_credentials_end_even_discovery(account: Account) -> None:
    with pytest.raises(Stop, match="invalid_grant Token has been expired or revoked"):
        account.catalog(refresh_token="an-old-refresh-token")


def test_a_token_without_the_scope_is_told(account: Account) -> None:
    account.crm.tokens = {"narrow": "openid"}
    account.login = {"access_token": "narrow"}
    run = account.read("marketing_spends", sheets=[])
    assert "insufficient authentication scopes" in run.report("marketing_spends")["error"]
    assert run.report("marketing_spends")["error_category"] == "permission"


def test_a_rate_that_stays_refused_ends_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path=VALUES, times=0, retry_after="60"))
    run = account.read("marketing_spends", sheets=[], retry_seconds=5)
    assert run.report("marketing_spends")["error_category"] == "rate_limit"
    assert "wait of 60 s is longer" in run.report("marketing_spends")["error"]
    assert "Quota exceeded for quota metric" in run.report("marketing_spends")["error"]


@pytest.mark.usefixtures("quick_retries")
def test_trouble_that_stays_fails_the_stream_alone(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="Spendsexample/values", times=0, status=503))
    run = account.read("marketing_spends", "marketing_leads", sheets=[], retry_seconds=0)
    assert (
        "answered 503: The service is currently unavailable. It was tried once."
        in run.report("marketing_spends")["error"]
    )
    assert run.report("marketing_leads")["status"] == "success"


def test_the_rate_is_kept(account: Account) -> None:
    account.crm.limiter.rules = {"sheets": [Rule(60, 60)]}
    settings = {"page_size": 60, "concurrency": 4, "requests_per_minute": 60}
    run = account.read("marketing_leads", "marketing_spends", sheets=[], **settings)
    assert run.exit_code == 0
    assert account.crm.limiter.violations == 0


def test_a_rate_of_ones_own_is_kept(account: Account) -> None:
    account.crm.limiter.rules = {"sheets": [Rule(5, 60)]}
    run = account.read("marketing_spends", sheets=[], requests_per_minute=5, page_size=20, retry_seconds=0)
    assert run.exit_code == 1
    assert account.crm.limiter.violations == 0
    assert run.report("marketing_spends")["error_category"] == "rate_limit"


class Shrinking(Fixed):
    """Rows of a tab that becomes shorter while it is read."""

    tab: Tab

    def row(self, number: int) -> list[Cell]:
        self.tab.rows = 8
        return super().row(number)


def test_rows_that_vanish_while_a_sheet_is_read_fail_it(account: Account) -> None:
    catalog = account.catalog()
    tab = account.tab("Crews")
    grid = Shrinking(account.rows())
    grid.tab, tab.grid = tab, grid
    run = account.read_as_catalogued(catalog, page_size=10)
    assert run.exit_code == 1
    assert "exceeds grid limits" in run.report("crews")["error"]
    assert not run.records("crews_keys")
    assert run.report("marketing_leads")["status"] == "success"


@pytest.mark.parametrize("answers", [0, 2])
def test_an_answer_with_other_ranges_than_asked_for_fails(open_account: Callable[..., Account], answers: int) -> None:
    account = open_account()

    def render(*_: t.Any, **__: t.Any) -> Response:
        return JSONResponse({"valueRanges": [{"values": [["x"]]}] * answers})

    account.crm._render = render
    run = account.read("marketing_spends", sheets=[], page_size=5)
    told = run.report("marketing_spends")
    assert run.exit_code == 1
    assert "ranges of the spreadsheet Spendsexample" in told["error"] or "none of the headers" in told["error"]
    assert not run.records("marketing_spends_keys")
