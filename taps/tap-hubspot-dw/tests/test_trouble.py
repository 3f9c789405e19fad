"""What goes wrong at HubSpot, and what the tap makes of it."""

from __future__ import annotations

import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.hubspot import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from starlette.responses import JSONResponse
from tap_hubspot_dw import client
from tap_hubspot_dw.tap import TapHubSpot
from tap_kit.errors import Stop
from tap_kit.http import Meter
from tap_kit.limits import QuotaUsedUp
from tap_kit.report import StreamReport
from tap_kit.testing import run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

OAUTH = {
    "access_token": None,
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
}
BATCH = "contacts/batch/read"


def ids(run: t.Any, stream: str = "contacts") -> set[str]:
    """Return the ids of the live records that a run wrote."""
    return {row["id"] for row in run.records(stream) if row["_sdc_deleted_at"] is None}


# Rates


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("policy", ["SECONDLY", "TEN_SECONDLY_ROLLING"])
@pytest.mark.parametrize("retry_after", [None, "0.01"])
def test_a_refusal_is_waited_for(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch, policy: str, retry_after: str | None
) -> None:
    monkeypatch.setattr(client, "SECOND", 0.02)
    monkeypatch.setattr(client, "WINDOW", 0.04)
    account = open_account(40, storm_policy=policy)
    account.crm.faults.append(Fault("storm", path=BATCH, times=2, retry_after=retry_after))
    run = account.read("contacts")
    assert run.exit_code == 0
    assert ids(run) == account.live("contacts")
    assert run.report("contacts")["retries"] == 2


def test_the_quota_of_a_day_ends_the_run_with_its_bookmarks(open_account: Callable[..., Account]) -> None:
    account = open_account(100, daily=22)
    run = account.read("contacts", "companies", "owners", page_size=5, concurrency=1)
    assert run.exit_code == 1
    report = run.report("contacts")
    assert (report["status"], report["error_category"]) == ("failed", "quota")
    # Midnight of an account in New York.
    assert "It resets at 2026-03-21 04:00 UTC." in report["error"]
    assert run.report("owners")["error_category"] == "quota"
    # It was not asked again and again.
    assert account.crm.statuses[429] <= 3
    assert run.bookmarks["contacts"]["resume"]["last_key"][0] == "list"
    account.crm.daily = 1000
    rest = account.read("contacts", page_size=5, state=run.states[-1])
    assert ids(run) | ids(rest) == account.live("contacts")


def test_each_class_of_requests_has_its_own_limit(open_account: Callable[..., Account]) -> None:
    account = open_account(1)
    unset = dict.fromkeys(
        ("requests_per_10_seconds", "search_requests_per_second", "association_requests_per_10_seconds")
    )
    config = {name: value for name, value in account.config.items() if name not in unset}
    for settings, expected in (
        ({}, 190),
        ({"plan": "starter"}, 100),
        ({"plan": "limit_pack"}, 250),
        ({"requests_per_10_seconds": 50}, 50),
        ({**OAUTH, "plan": "enterprise"}, 110),
    ):
        chosen = {name: value for name, value in (config | settings).items() if value is not None}
        limits = TapHubSpot(config=chosen, setup_mapper=False).make_limits()
        assert (limits["general"].requests, limits["general"].seconds) == (expected, 10)
        assert limits["search"].requests == 5
        assert (limits["associations"].requests, limits["associations"].seconds) == (100, 10)


def test_the_limits_of_hubspot_are_kept(open_account: Callable[..., Account]) -> None:
    from crm_simulator.hubspot import HubSpot  # noqa: PLC0415 - the rates of this test only

    account = open_account(30, rules=dict(HubSpot.rules))
    unset: dict[str, None] = dict.fromkeys(
        ("requests_per_10_seconds", "search_requests_per_second", "association_requests_per_10_seconds")
    )
    run = account.read("contacts", "associations", since="2026-03-20T10:00:00Z", **unset)
    assert run.exit_code == 0
    assert account.crm.limiter.violations == 0


# Rights


def test_a_missing_scope_fails_its_stream_and_names_itself(open_account: Callable[..., Account]) -> None:
    account = open_account(30, missing_scopes=["tickets", "crm.objects.owners.read"])
    run = account.read()
    assert run.exit_code == 1
    for stream, scope in (("tickets", "tickets"), ("owners", "crm.objects.owners.read")):
        report = run.report(stream)
        assert (report["status"], report["error_category"]) == ("failed", "permission")
        assert f"the scope {scope}" in report["error"]
    for stream in ("contacts", "appointments", "deals", "divisions", "associations", "custom_object_schemas"):
        assert run.report(stream)["status"] == "success"


def test_an_object_that_may_not_be_read_does_not_hide_the_others(open_account: Callable[..., Account]) -> None:
    account = open_account(30, missing_scopes=["tickets", "crm.objects.deals.read"])
    run = account.read("pipelines", "associations", "properties")
    assert run.exit_code == 1
    assert {row["object_type"] for row in run.records("pipelines")} >= {"appointments", "divisions"}
    assert {row["object_type"] for row in run.records("properties")} >= {"contacts", "deals"}
    assert {row["to_object_type"] for row in run.records("associations")} == {"appointments", "divisions"}
    assert "crm.objects.deals.read" in run.report("associations")["error"]
    # What could not be read must not be taken for gone.
    assert run.records("associations_keys") == []


def test_a_scope_is_named_even_if_hubspot_does_not(open_account: Callable[..., Account]) -> None:
    account = open_account(10)
    account.crm.faults.append(Fault("forbidden", path="objects/2026-03/contacts"))
    run = account.read("contacts")
    assert "the scope crm.objects.contacts.read" in run.report("contacts")["error"]


def test_an_object_that_the_account_does_not_have_is_explained(open_account: Callable[..., Account]) -> None:
    account = open_account(10, disabled=["appointments"])
    run = account.read("contacts", "appointments")
    assert run.exit_code == 1
    assert "knows no object 0-421. Enable it" in run.report("appointments")["error"]
    assert run.report("contacts")["status"] == "success"


# Credentials


def test_a_wrong_token_stops_before_the_first_record(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    with pytest.raises(Stop, match="401") as stopped:
        account.read("contacts", access_token="not-the-token")
    assert stopped.value.category == "authentication"
    assert "not-the-token" not in str(stopped.value)


def test_a_token_that_is_revoked_in_the_middle_keeps_the_place(open_account: Callable[..., Account]) -> None:
    account = open_account(60)
    account.crm.faults.append(Fault("expired_token", path=BATCH, after=3))
    run = account.read("contacts", page_size=10, concurrency=1)
    assert run.exit_code == 1
    assert run.report("contacts")["error_category"] == "authentication"
    account.crm.expired.clear()
    account.crm.faults.clear()
    rest = account.read("contacts", page_size=10, state=run.states[-1])
    assert ids(run) | ids(rest) == account.live("contacts")


def test_an_oauth_token_is_renewed_in_the_middle(open_account: Callable[..., Account], tmp_path: Path) -> None:
    account = open_account(80, rotates=True)
    account.crm.faults.append(Fault("expired_token", path=BATCH, after=2))
    run = account.read("contacts", page_size=10, **OAUTH, refresh_token_file=str(tmp_path / "token"))
    assert run.exit_code == 0
    assert ids(run) == account.live("contacts")
    # For discovery, for reading, and when the token had expired: once, however many requests it refused.
    assert account.asked("oauth/2026-03/token") == 3
    for secret in (CLIENT_SECRET, REFRESH_TOKEN):
        assert secret not in run.text


def test_a_replaced_refresh_token_is_kept_in_the_file(open_account: Callable[..., Account], tmp_path: Path) -> None:
    account = open_account(10, rotates=True)
    file = tmp_path / "refresh-token"
    first = account.read("contacts", **OAUTH, refresh_token_file=str(file))
    assert first.exit_code == 0
    kept = file.read_text().strip()
    assert kept not in ("", REFRESH_TOKEN)
    assert file.stat().st_mode & 0o077 == 0
    # The configured one is no longer good; the one in the file is.
    second = account.read("contacts", **(OAUTH | {"refresh_token": None}), refresh_token_file=str(file))
    assert second.exit_code == 0
    assert kept not in first.text + second.text
    with pytest.raises(Stop, match="refresh_token") as stopped:
        account.read("contacts", **OAUTH)
    assert stopped.value.category == "authentication"


def test_a_replaced_refresh_token_without_a_file_is_warned_of(
    open_account: Callable[..., Account], caplog: pytest.LogCaptureFixture
) -> None:
    account = open_account(10, rotates=True)
    config = {name: value for name, value in (account.config | OAUTH).items() if value is not None}
    run = run_tap(TapHubSpot, config)
    assert run.exit_code == 0
    assert "known to this run only: set refresh_token_file" in caplog.text


def test_an_answer_without_a_token_is_told(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(5)
    monkeypatch.setattr(account.crm.access, "exchange", lambda *_: JSONResponse({"token_type": "bearer"}))
    with pytest.raises(Stop, match="holds no access token"):
        account.read("contacts", **OAUTH)


@pytest.mark.usefixtures("quick_retries")
def test_a_token_address_in_trouble_is_tried_again(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    account.crm.faults.append(Fault("error", path="oauth", status=503, times=2))
    assert account.read("contacts", **OAUTH).exit_code == 0


def test_a_file_that_cannot_be_written_stops_the_run(open_account: Callable[..., Account], tmp_path: Path) -> None:
    account = open_account(10, rotates=True)
    with pytest.raises(Stop, match="refresh_token_file"):
        account.read("contacts", **OAUTH, refresh_token_file=str(tmp_path / "nowhere" / "token"))


def test_wrong_oauth_credentials_are_told(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    with pytest.raises(Stop, match="client_secret") as stopped:
        account.read("contacts", **(OAUTH | {"client_secret": "wrong-secret"}))
    assert "wrong-secret" not in str(stopped.value)


# Servers in trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", path=BATCH, status=500),
        Fault("error", path=BATCH, status=503, times=3),
        Fault("error", path=BATCH, status=423),
        Fault("error", path=BATCH, status=477),
        Fault("error", path=BATCH, status=522),
        Fault("cut", path=BATCH),
        Fault("not_json", path=BATCH),
        Fault("wrong_type", path=BATCH),
        Fault("cut", path="objects/2026-03/contacts"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.path[-4:]}",
)
def test_what_passes_is_tried_again(open_account: Callable[..., Account], fault: Fault) -> None:
    account = open_account(30)
    account.crm.faults.append(Fault(**vars(fault)))
    run = account.read("contacts")
    assert run.exit_code == 0
    assert ids(run) == account.live("contacts")
    assert run.report("contacts")["retries"] >= 1


@pytest.mark.usefixtures("quick_retries")
def test_a_page_that_failed_fails_the_stream(open_account: Callable[..., Account]) -> None:
    # The old client turned it into an empty page.
    account = open_account(60)
    account.crm.faults.append(Fault("error", path=BATCH, status=500, times=0, after=2))
    run = account.read("contacts", "deals", page_size=10, retry_seconds=0, concurrency=1)
    assert run.exit_code == 1
    assert run.report("contacts")["error_category"] == "source"
    assert run.report("deals")["status"] == "success"
    account.crm.faults.clear()
    rest = account.read("contacts", page_size=10, state=run.states[-1])
    assert ids(run) | ids(rest) == account.live("contacts")


# 207, and what is gone


def test_records_that_go_between_list_and_batch_read_are_marked(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(30)
    kind = account.crm.kinds["contacts"]
    real = type(account.crm)._find
    erased, merged = kind.id_of(4), kind.id_of(5)

    def find(kind_of: t.Any, record_id: str, *, archived: bool) -> int | None:
        if record_id == erased and not archived:
            return None
        return 9 if record_id == merged else real(kind_of, record_id, archived=archived)

    monkeypatch.setattr(type(account.crm), "_find", staticmethod(find))
    run = account.read("contacts", deletions="sweep")
    assert run.exit_code == 0
    assert account.crm.statuses[207] >= 1
    rows = {row["id"]: row for row in run.records("contacts")}
    assert rows[erased]["removal_reason"] == "missing"
    assert rows[erased]["_sdc_deleted_at"] is not None
    # A record that answers under another id was merged into that one.
    assert (rows[merged]["removal_reason"], rows[merged]["merged_into"]) == ("merged", kind.id_of(9))
    # One missing id must never take the other ninety-nine with it.
    assert ids(run) == account.live("contacts") - {erased, merged}
    assert {row["id"] for row in run.records("contacts_keys")} == ids(run)


def test_an_id_that_is_neither_given_nor_named_proves_nothing(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(30)
    missing = account.crm.kinds["contacts"].id_of(4)
    real = type(account.crm)._batch

    def batch(self: t.Any, results: list[t.Any], errors: list[t.Any]) -> t.Any:
        return real(self, [row for row in results if row.get("id") != missing], errors)

    monkeypatch.setattr(type(account.crm), "_batch", batch)
    run = account.read("contacts")
    assert run.exit_code == 1
    assert f"lists the record {missing}, but neither gives it" in run.report("contacts")["error"]


def test_an_unknown_trouble_in_a_207_fails_the_stream(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(30)
    real = type(account.crm)._batch
    trouble = {"status": "error", "category": "INTERNAL_ERROR", "context": {"ids": ["1"]}}
    monkeypatch.setattr(type(account.crm), "_batch", lambda self, results, _: real(self, results, [trouble]))
    run = account.read("contacts", "associations")
    assert "INTERNAL_ERROR" in run.report("contacts")["error"]
    assert "INTERNAL_ERROR" in run.report("associations")["error"]


def test_a_merge_is_recorded_on_the_record_that_is_gone(open_account: Callable[..., Account]) -> None:
    account = open_account(40)
    first = account.read("contacts")
    account.crm.world.days += 1
    kind = account.crm.kinds["contacts"]
    account.crm.merge("contacts", 3, 8)
    account.crm.merge("contacts", 4, 8)
    second = account.read("contacts", state=first.states[-1])
    rows = {row["id"]: row for row in second.records("contacts")}
    for index in (3, 4):
        assert rows[kind.id_of(index)]["merged_into"] == kind.id_of(8)
        assert rows[kind.id_of(index)]["removal_reason"] == "merged"
    assert rows[kind.id_of(8)]["merged_into"] is None


# Bad data


def test_a_record_without_an_id_is_a_reject(
    open_account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = open_account(20)
    kind = type(account.crm.kinds["contacts"])
    real = kind.wire

    def wire(self: t.Any, index: int, asked: set[str] | None = None) -> dict[str, t.Any]:
        row: dict[str, t.Any] = real(self, index, asked)
        return row | {"id": None} if index == 6 and self.name == "contacts" else row

    monkeypatch.setattr(kind, "wire", wire)
    run = account.read("contacts")
    assert run.exit_code == 0
    assert len(run.records("contacts")) == 19
    assert run.report("contacts")["rejects"]["record"] == 1


@pytest.mark.parametrize(("validation", "kept"), [("lenient", 20), ("strict", 19), ("off", 20)])
def test_a_value_that_its_column_cannot_hold(open_account: Callable[..., Account], validation: str, kept: int) -> None:
    account = open_account(20)
    for index in range(20):
        account.change("contacts", index, lead_cost="5", price="$1,250.50", email="sam@example.com")
    one = account.change("contacts", 3, lead_cost="n/a")
    run = account.read("contacts", validation=validation, include_properties=["-"], exclude_properties=["*_email"])
    assert run.exit_code == 0
    rows = {row["id"]: row for row in run.records("contacts")}
    assert len(rows) == kept
    assert all(str(row["price"]) == "1250.50" for row in rows.values())
    if one in rows:
        assert rows[one]["lead_cost"] is None
    assert run.report("contacts")["rejects"]["record" if validation == "strict" else "value"] == 1


def test_no_secret_is_written(open_account: Callable[..., Account], caplog: pytest.LogCaptureFixture) -> None:
    account = open_account(10)
    secret = account.config["access_token"]
    headers = {"Authorization": "token secret-of-the-file"}
    run = account.read(files={"zipcodes": f"{account.url}/nothing.csv"}, file_http_headers=headers)
    assert "401" in run.report("zipcodes")["error"]
    for text in (run.text, caplog.text):
        assert secret not in text
        assert "secret-of-the-file" not in text


# Small parts


def test_a_refusal_without_json_is_one_of_ten_seconds(open_account: Callable[..., Account]) -> None:
    account = open_account(1)
    account.crm.faults.append(Fault("error", path="details", status=429, retry_after="0.01"))
    assert account.read("companies").exit_code == 0


def test_the_account_need_not_tell_its_time_zone(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    account.crm.faults.append(Fault("forbidden", path="details"))
    assert account.read("contacts").exit_code == 0
    assert str(client.zone_named("Nowhere/Nothing")) == "UTC"


def test_the_quota_names_the_midnight_of_the_account(open_account: Callable[..., Account]) -> None:
    account = open_account(5)
    tap = TapHubSpot(config=account.config, setup_mapper=False)
    stream = next(s for s in tap.discover_streams() if s.name == "contacts")
    account.crm.daily = 0
    with pytest.raises(QuotaUsedUp) as ended:
        t.cast("t.Any", stream).ask_more(t.cast("t.Any", stream).build_request(_first(stream)), Meter(StreamReport()))
    assert ended.value.category == "quota"


def _first(stream: t.Any) -> t.Any:
    return next(stream.make_asks(stream.listing))


def test_discovery_survives_an_object_that_fails(open_account: Callable[..., Account]) -> None:
    account = open_account(5, missing_scopes=["crm.schemas.custom.read", "crm.objects.custom.read"])
    tap = TapHubSpot(config=account.config)
    assert "divisions" not in tap.streams
    assert "crm.schemas.custom.read" in tap.explain_missing("divisions")
    run = run_tap(TapHubSpot, account.config | {"divisions_object_type": "2-1000101"}, streams=["divisions", "deals"])
    assert run.report("divisions")["error_category"] == "permission"
    assert run.report("deals")["status"] == "success"
