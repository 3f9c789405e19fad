"""Credentials, limits, faults, odd answers, odd records, settings."""

from __future__ import annotations

import base64
import typing as t

import pytest
from crm_simulator.faults import Fault
from crm_simulator.leadconduit import SECRET
from crm_simulator.limiting import Rule
from singer_sdk.exceptions import ConfigValidationError
from starlette.responses import JSONResponse
from tap_kit.errors import Stop
from tap_kit.testing import keys, run_command
from tap_leadconduit_dw.names import STREAMS
from tap_leadconduit_dw.tap import LEAD_FIELDS, TapLeadConduit

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests
    from tap_kit.testing import Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any


def ids(run: Run, stream: str = "events") -> list[str]:
    return [key for (key,) in keys(run.records(stream), "id")]


# Credentials


def test_the_key_is_the_password_of_http_basic(account: Account, asked: list[requests.PreparedRequest]) -> None:
    assert account.read("flows").exit_code == 0
    assert account.read("flows", username="reader").exit_code == 0
    sent = [base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode() for request in asked]
    assert set(sent) == {"x:example-key", "reader:example-key"}


def test_a_wrong_key_ends_the_run_and_is_not_shown(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    run = account.read(api_key="a-wrong-secret")
    assert run.exit_code == 1
    assert {run.report(stream)["error_category"] for stream in STREAMS} == {"authentication"}
    assert sum(account.crm.requests.values()) == 1
    for hidden in ("a-wrong-secret", base64.b64encode(b"x:a-wrong-secret").decode()):
        assert hidden not in run.text
        assert hidden not in caplog.text
    assert not [message for message in run.messages if message["type"] == "RECORD"]


def test_a_key_that_is_taken_away_ends_the_run_with_its_place(account: Account) -> None:
    account.crm.faults.append(Fault("expired_token", path="/events", after=4))
    run = account.read("events", page_size=50)
    assert run.exit_code == 1
    assert run.report("events")["error_category"] == "authentication"
    assert run.bookmarks["events"]["replication_key_value"] == account.ids("events")[149]
    account.crm.expired.clear()
    rest = account.read("events", state=run.states[-1])
    assert set(ids(run)) | set(ids(rest)) == set(account.ids("events"))


def test_a_header_that_gets_lost_is_not_blamed_on_the_key(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # Trap: the answer to a missing Accept header looks like a bad key and is not.
    refusal = JSONResponse({"error": "misconfigured csrf: check Accept header is set properly"}, 403)
    monkeypatch.setattr(account.crm, "authenticate", lambda _: refusal)
    run = account.read()
    assert run.exit_code == 1
    assert {run.report(stream)["error_category"] for stream in STREAMS} == {"connection"}
    assert "The key is not at fault" in run.report("flows")["error"]


@pytest.mark.parametrize("stream", ["flows", "destinations", "events"])
def test_a_forbidden_stream_does_not_stop_the_others(account: Account, stream: str) -> None:
    account.crm.faults.append(Fault("forbidden", path=f"/{stream}", times=0))
    run = account.read()
    assert run.exit_code == 1
    # Leads are read from events as well.
    refused = {stream, "leads"} if stream == "events" else {stream}
    for name in STREAMS:
        assert run.report(name)["status"] == ("failed" if name in refused else "success")
    assert run.report(stream)["error_category"] == "permission"
    assert "needs a LeadConduit user who may see it" in run.report(stream)["error"]


# Limits and passing trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path="/events", after=1, times=4),
        Fault("storm", path="/events", after=2, times=2, retry_after="1"),
        Fault("storm", path="/events", after=2, times=2, retry_after="Fri, 20 Mar 2020 12:00:00 GMT"),
        Fault("error", path="/events", times=4, status=503),
        Fault("error", path="/events", after=3, times=2, status=500),
        Fault("cut", path="/events", after=2),
        Fault("not_json", path="/events", after=3),
        Fault("wrong_type", path="/events", after=2),
    ],
    ids=["429", "429-seconds", "429-date", "503", "500", "cut", "not-json", "html"],
)
def test_passing_trouble_loses_nothing(account: Account, fault: Fault) -> None:
    account.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    run = account.read("events", page_size=60, rate_limit_wait_seconds=0, requests_per_minute=10_000_000)
    assert run.exit_code == 0
    assert ids(run) == account.ids("events")
    assert run.report("events")["retries"] >= fault.times


def test_a_refusal_without_a_time_waits_as_the_setting_says(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path="/flows"))
    run = account.read("flows", rate_limit_wait_seconds=1)
    assert run.exit_code == 0
    assert 0.9 < run.report("flows")["rate_limited_seconds"] < 5


def test_a_refusal_that_lasts_longer_than_the_budget_ends_the_run(account: Account) -> None:
    account.crm.faults.append(Fault("storm", path="/events", after=3, times=0))
    run = account.read("events", page_size=50, retry_seconds=5)
    assert run.exit_code == 1
    assert run.report("events")["error_category"] == "rate_limit"
    assert "wait of 60 s is longer" in run.report("events")["error"]
    assert run.bookmarks["events"]["replication_key_value"] == account.ids("events")[99]


def test_the_rate_is_kept(account: Account) -> None:
    account.crm.limiter.rules = {"default": [Rule(30, 60)]}
    run = account.read("events", requests_per_minute=30, page_size=20)
    assert run.exit_code == 0
    assert account.crm.limiter.violations == 0


# Odd answers


def test_events_in_another_order_are_an_error(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # A server that ignores sort=asc: walking on by its last id would leave out all that is newer.
    walk = account.crm._walk
    monkeypatch.setattr(account.crm, "_walk", lambda bounds, after, **_: walk(bounds, after, ascending=False))
    run = account.read("events", "flows")
    assert run.exit_code == 1
    assert "does not come in the order of its ids" in run.report("events")["error"]
    assert run.report("flows")["status"] == "success"
    assert not run.records("events")


def test_a_cursor_that_is_ignored_is_an_error(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = account.crm._walk
    monkeypatch.setattr(account.crm, "_walk", lambda bounds, _after, **options: walk(bounds, "", **options))
    run = account.read("events", page_size=50)
    assert "does not come in the order of its ids" in run.report("events")["error"]
    assert ids(run) == account.ids("events")[:50]


def test_a_page_without_any_id_is_an_error(account: Account) -> None:
    account.crm.odd = {index: {"id": None} for index in range(50, 100)}
    run = account.read("events", page_size=50)
    assert run.exit_code == 1
    assert "none of the 50 events of a page has an id" in run.report("events")["error"]
    assert run.bookmarks["events"]["replication_key_value"] == account.ids("events")[49]


def test_a_cursor_that_is_refused_says_what_to_do(account: Account) -> None:
    account.crm.faults.append(Fault("error", path="/events", after=2, times=0, status=404))
    run = account.read("events", page_size=50)
    last = account.ids("events")[49]
    assert f"cannot go on after the event {last}" in run.report("events")["error"]
    assert "read the stream in full" in run.report("events")["error"]


@pytest.mark.parametrize("answer", [{"events": []}, {"error": "busy"}, "none", None])
def test_an_answer_that_is_no_list_is_an_error(account: Account, answer: t.Any) -> None:
    account.crm.flows = answer
    run = account.read("flows", "events")
    assert "the answer of /flows is no list" in run.report("flows")["error"]
    assert run.report("events")["status"] == "success"


# Records


def test_bad_records_are_rejects_and_the_rest_is_read(account: Account) -> None:
    account.crm.odd = {
        4: {"id": None},
        9: {"id": "not-an-id"},
        10: {"cost": "much"},
        13: {"cap_reached": "perhaps"},
        14: {"expires_at": "soon"},
        16: {"start_timestamp": 10**18},
        20: {"vars": {"lead": {"first_name": ["Sam"], "email": {"normal": {"x": 1}}}}},
    }
    run = account.read("events", "leads")
    assert run.exit_code == 0
    assert len(ids(run)) == 398
    found = {(one["stream"], one["field"], one["reason"]) for one in run.records("sync_rejects")}
    assert found == {
        ("events", "id", "the key is empty"),
        ("events", "id", "no id of 24 hexadecimal digits"),
        ("events", "cost", "not a number"),
        ("events", "cap_reached", "neither true nor false"),
        ("events", "expires_at", "not a date of the calendar"),
        ("leads", "lead_id", "the key is empty"),
        ("leads", "submitted_utc", "outside of the years 1 to 9999 in UTC"),
        ("leads", "first_name", "an object in a text column"),
        ("leads", "email", "an object in a text column"),
    }
    assert run.report("events")["rejects"] == {"record": 2, "value": 3}
    assert run.report("leads")["rejects"] == {"record": 1, "value": 3}


def test_strict_validation_rejects_the_record(account: Account) -> None:
    account.crm.odd = {10: {"cost": "much"}}
    run = account.read("events", validation="strict")
    assert run.report("events")["rejects"] == {"record": 1, "value": 0}
    assert account.crm.id_of(10) not in ids(run)


@pytest.mark.parametrize("validation", ["lenient", "strict", "off"])
def test_invalid_phones_and_addresses_are_no_rejects(account: Account, validation: str) -> None:
    run = account.read("leads", validation=validation)
    assert not run.records("sync_rejects")
    marks = {record["phone_metadata"]["valid"] for record in run.records("leads") if record["phone_metadata"]}
    assert marks == {False}


def test_unknown_members_are_folded_into_appended(account: Account) -> None:
    # Trap: step keys are further members of an event.
    records = account.read("events").records("events")
    folded = records[1]["appended"]
    assert set(folded) == {"credit_band", "suppressionlist", "trustedform"}
    assert folded["trustedform"]["outcome"] == "success"
    assert records[2]["appended"] is None
    account.crm.odd = {1: {"appended": "text"}, 2: {"appended": None, "my_step": [1]}}
    records = account.read("events").records("events")
    assert records[1]["appended"]["appended"] == "text"
    assert records[2]["appended"] == {"my_step": [1]}


def test_what_may_hold_secrets_is_left_out_unless_it_is_selected(account: Account) -> None:
    run = account.read()
    assert SECRET not in run.text
    assert not {"request", "credential", "transactions"} & set(run.schema("events")["schema"]["properties"])
    assert "response" in run.records("events")[2]
    catalog = TapLeadConduit(config=account.settings, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            name = (item["breadcrumb"] or ["", ""])[-1]
            if name in ("request", "credential", "transactions"):
                assert item["metadata"]["selected-by-default"] is False
                item["metadata"]["selected"] = name == "credential"
    chosen = account.read("events", catalog=catalog)
    assert chosen.records("events")[2]["credential"] == {"type": "token", "token": SECRET}
    assert "request" not in chosen.records("events")[2]


def test_rejects_of_leads_hold_no_secrets(account: Account) -> None:
    account.crm.odd = {4: {"id": "none"}, 8: {"start_timestamp": "soon"}}
    run = account.read("leads")
    assert len(run.records("sync_rejects")) == 2
    assert SECRET not in run.text


# Settings


def test_fields_of_an_account_get_columns_by_the_setting(account: Account) -> None:
    plain = account.read("leads")
    assert set(LEAD_FIELDS) < set(plain.records("leads")[0])
    record = plain.records("leads")[1]
    assert (record["owner_hge"], record["ownerid_hge"]) == ("Pat Example", "4201")
    assert record["owneremail_hge"] == "owner@example.com"
    run = account.read("leads", lead_fields=["trustedform_cert_url", "owner_hge"])
    columns = run.schema("leads")["schema"]["properties"]
    assert not {"note_hge", "ownerid_hge"} & set(columns)
    assert run.records("leads")[1]["trustedform_cert_url"].startswith("https://cert.example.com/")
    assert "lead field of this account" in columns["trustedform_cert_url"]["description"]
    # Whatever has no column of its own is in lead_data.
    assert run.records("leads")[1]["lead_data"]["note_hge"] == "Call after 5 pm\nplease"
    assert set(LEAD_FIELDS) & set(account.read("leads", lead_fields=[]).records("leads")[0]) == set()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"username": "a:b"}, "holds a colon"),
        ({"lead_fields": ["Phone 1"]}, "lead_fields names 'Phone 1'; a field is written in small letters"),
        ({"lead_fields": ["email"]}, "names 'email', which is a column of leads already"),
        ({"start_date": "soon"}, "date"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_settings_are_told(settings: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises((Stop, ValueError), match=sentence):
        TapLeadConduit(config={"api_key": "key", **settings})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"page_size": 0}, "0 is less than the minimum of 1"),
        ({"lookback_minutes": -1}, "-1 is less than the minimum of 0"),
        ({"deletions": "always"}, "'always' is not one of"),
        ({"api_key": None}, "None is not of type 'string'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_told(settings: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(ConfigValidationError) as refused:
        TapLeadConduit(config={"api_key": "key", **settings})
    assert sentence in " ".join(refused.value.errors)


def test_a_user_agent_and_time_outs_are_sent(account: Account, asked: list[requests.PreparedRequest]) -> None:
    account.read("flows", user_agent="warehouse", connect_timeout_seconds=3, read_timeout_seconds=4)
    assert {request.headers["User-Agent"] for request in asked} == {"warehouse"}


def test_the_command_tells_what_is_wrong_in_one_sentence(account: Account, tmp_path: Path) -> None:
    config = {**account.settings, "username": "a:b"}
    run = run_command("tap_leadconduit_dw", "--discover", folder=tmp_path, config=config)
    assert run.exit_code == 1
    assert "The setting username holds a colon" in run.log
    assert "Traceback" not in run.log
    assert account.settings["api_key"] not in run.log


def test_the_names_are_those_of_the_streams(open_account: Callable[..., Account]) -> None:
    tap = TapLeadConduit(config=open_account(0).settings)
    assert tuple(tap.streams) == STREAMS or set(tap.streams) == set(STREAMS)
    assert tuple(stream.name for stream in tap.stream_classes) == STREAMS
