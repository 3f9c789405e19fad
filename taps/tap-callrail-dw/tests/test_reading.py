"""Reading a simulated CallRail: what is asked for, what is written, and what happens when something fails."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from tap_callrail_dw.names import STREAM_NAMES
from tap_callrail_dw.streams import STREAMS
from tap_callrail_dw.tap import TapCallRail
from tap_kit.bookmarks import parse_time
from tap_kit.errors import Stop
from tap_kit.http import HttpClient
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise

if t.TYPE_CHECKING:
    import requests
    from singer_sdk.streams.rest import HTTPRequest
    from tap_kit.testing import Message, Run

WINDOWED = ("calls", "form_submissions", "text_message_conversations", "text_messages")
KEYED = {
    "calls": "start_time",
    "form_submissions": "submitted_at",
    "text_message_conversations": "last_message_at",
}


def ids(run: Run, stream: str) -> list[t.Any]:
    return [key for (key,) in keys(run.records(stream), "id")]


def truth(reader: t.Any, stream: str) -> set[t.Any]:
    return {row["id"] for row in reader.crm.truth(stream)}


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


def parameters(request: requests.PreparedRequest) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit  # noqa: PLC0415 - one helper

    return dict(parse_qsl(urlsplit(request.url or "").query))


def of(asked: list[requests.PreparedRequest], path: str) -> list[dict[str, str]]:
    return [parameters(request) for request in asked if path in (request.url or "")]


# What is written


def test_a_full_read_is_every_record_once(callrail: t.Any) -> None:
    reader = callrail(400)
    run = reader.read(page_size=20)
    assert run.exit_code == 0
    for stream in STREAM_NAMES:
        assert len(ids(run, stream)) == len(set(ids(run, stream)))
        if stream != "text_messages":
            assert set(ids(run, stream)) == truth(reader, stream)
    assert len(run.records("text_messages")) == sum(len(reader.crm.thread(n)[:3]) for n in range(100))
    assert not run.records("sync_rejects")
    moments = [record["start_time"] for record in run.records("calls")]
    assert moments == sorted(moments)


def test_the_output_is_the_golden_one(callrail: t.Any) -> None:
    reader = callrail(4)
    run = reader.read(start_date="2026-03-01")
    text = normalise(run.text, {reader.url: "https://api.example.com/v3"})
    assert_golden(Path(__file__).parent / "golden.jsonl", text)


@pytest.mark.parametrize("paging", [True, False], ids=["relative", "numbered"])
@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize("size", [40, 41])
def test_paging_and_concurrency_change_nothing(callrail: t.Any, *, size: int, concurrency: int, paging: bool) -> None:
    reader = callrail(size)
    settings = {"relative_pagination": paging, "concurrency": concurrency, "page_size": 10}
    run = reader.read("calls", "tags", "trackers", start_date="2026-01-01", **settings)
    assert ids(run, "calls") == [f"CALexample{number:06}" for number in range(size)]
    assert ids(run, "trackers") == [f"TRKexample{number:04}" for number in range(8)]


def test_lists_end_where_they_say_or_at_a_short_page(callrail: t.Any) -> None:
    silent, counting = callrail(300), callrail(300, counts_pages=True)
    for page_size in (5, 15, 60, 250):
        runs = [reader.read("users", "trackers", "tags", page_size=page_size) for reader in (silent, counting)]
        for stream in ("users", "trackers", "tags"):
            assert ids(runs[0], stream) == ids(runs[1], stream)
            assert set(ids(runs[0], stream)) == truth(silent, stream)


def test_an_empty_account_is_no_error(callrail: t.Any) -> None:
    run = callrail(0).read()
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]


def test_accounts_are_read_one_after_the_other_or_only_one(callrail: t.Any) -> None:
    reader = callrail(120, accounts=3)
    run = reader.read()
    assert set(ids(run, "calls")) == truth(reader, "calls")
    assert {record["account_id"] for record in run.records("calls")} == set(reader.crm.account_ids)
    one = reader.read("companies", "calls", account_id=reader.crm.account_ids[1])
    assert {record["account_id"] for record in one.records("calls")} == {reader.crm.account_ids[1]}
    assert len(one.records("calls")) == 40


def test_an_account_that_the_key_does_not_see_is_an_error(callrail: t.Any) -> None:
    run = callrail(10).read("calls", account_id="ACCother")
    assert run.exit_code == 1
    assert "answered 404" in run.report("calls")["error"]


def test_values_are_of_their_columns(callrail: t.Any) -> None:
    reader = callrail(8)
    moment = reader.crm.calls.modified_at(0)
    reader.crm.calls.change(0, moment, value="$1,234.50", recording_duration="62", good_lead_call_id=12)
    record = next(record for record in reader.read("calls").records("calls") if record["id"] == "CALexample000000")
    assert str(record["value"]) == "1234.50"
    assert record["recording_duration"] == 62
    assert record["good_lead_call_id"] == "12"
    assert record["start_time"] == moment.isoformat()
    assert record["milestones"] == {"first_touch": {"source": "Google Organic", "medium": "organic"}}
    (account,) = reader.read("accounts").records("accounts")
    assert account["created_at"] == "2025-01-05T08:43:50+00:00"


def test_a_bad_record_is_a_reject_and_the_rest_is_read(callrail: t.Any) -> None:
    reader = callrail(30)
    crm = reader.crm
    crm.calls.change(3, crm.calls.modified_at(3), id=None)
    crm.calls.change(4, crm.calls.modified_at(4), duration="long")
    crm.calls.change(5, crm.calls.modified_at(5), start_time="yesterday")
    run = reader.read("calls", start_date="2026-03-01")
    assert run.exit_code == 0
    assert len(set(ids(run, "calls"))) == 29
    assert run.report("calls")["rejects"] == {"record": 1, "value": 2}
    found = {(reject["field"], reject["reason"]) for reject in run.records("sync_rejects")}
    assert found == {
        ("id", "the key is empty"),
        ("duration", "not a number"),
        ("start_time", "not a date of the calendar"),
    }


# What is asked for


def test_both_dates_are_always_sent_and_nothing_unknown(callrail: t.Any, asked: list[requests.PreparedRequest]) -> None:
    callrail(300).read(page_size=50)
    for path in ("/calls.json", "/form_submissions.json", "/text-messages.json"):
        for sent in of(asked, path):
            assert sent["start_date"] < sent["end_date"]
            assert len(sent["start_date"]) == len("2026-01-01")
            assert sent["per_page"] == "50"
    known = {"start_date", "end_date", "per_page", "page", "sort", "order", "fields", "relative_pagination", "offset"}
    assert {name for request in asked for name in parameters(request)} <= known
    assert {sent["sort"] for sent in of(asked, "/calls.json")} == {"start_time"}
    assert {sent["order"] for sent in of(asked, "/form_submissions.json")} == {"asc"}
    assert not any("sort" in sent for sent in of(asked, "/text-messages.json"))
    relative = of(asked, "/calls.json")
    assert all(sent["relative_pagination"] == "true" and "page" not in sent for sent in relative)
    assert any("offset" in sent for sent in relative)


def test_windows_touch_and_reach_back_no_further_than_callrail_keeps(
    callrail: t.Any, asked: list[requests.PreparedRequest]
) -> None:
    reader = callrail(300)
    run = reader.read("calls", start_date="2001-01-01", concurrency=1)
    assert run.exit_code == 0
    starts, ends = ([sent[name] for sent in of(asked, "/calls.json")] for name in ("start_date", "end_date"))
    assert starts == sorted(starts)
    assert starts[0] == "2024-02-23"  # 756 days before the 20th of March 2026, CallRail's 25 months are 758
    assert ends[-1] == "2026-03-21"
    assert all(start < end for start, end in zip(starts[1:], ends, strict=False))
    too_far = reader.read("calls", retention_days=800)
    assert too_far.exit_code == 1
    assert "retention" in too_far.report("calls")["error"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "UTC"])
def test_no_record_is_lost_to_the_zone_of_the_dates(callrail: t.Any, zone: str) -> None:
    reader = callrail(200, zone=zone, step=timedelta(hours=2))
    run = reader.read("calls", "form_submissions", "text_message_conversations", window_days=1, start_date="2026-02-01")
    assert ids(run, "calls") == [f"CALexample{number:06}" for number in range(200)]
    assert len(ids(run, "form_submissions")) == 100
    assert len(ids(run, "text_message_conversations")) == 50


def test_extra_fields_are_asked_for_unless_left_out(callrail: t.Any, asked: list[requests.PreparedRequest]) -> None:
    reader = callrail(20)
    run = reader.read("calls", "form_submissions", "companies", exclude_fields=["source", "tags"])
    (fields,) = {sent["fields"] for sent in of(asked, "/calls.json")}
    assert {"company_id", "milestones", "transcription", "gclid"} <= set(fields.split(","))
    assert not {"source", "tags", "answered", "id"} & set(fields.split(","))
    assert {record["source"] for record in run.records("calls")} == {None}
    assert None not in {record["company_id"] for record in run.records("calls")}
    assert {sent.get("fields") for sent in of(asked, "/companies.json")} == {"verified_caller_ids"}


def test_fields_that_are_not_selected_are_not_asked_for(callrail: t.Any, asked: list[requests.PreparedRequest]) -> None:
    reader = callrail(5)
    catalog = TapCallRail(config=reader.config, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            name = (item["breadcrumb"] or ["", ""])[-1]
            item["metadata"]["selected"] = entry["stream"] == "calls" and name in ("", "id", "start_time", "note")
    from tap_kit.testing import run_tap  # noqa: PLC0415 - only here

    run = run_tap(TapCallRail, reader.config, catalog=catalog)
    assert {sent["fields"] for sent in of(asked, "/calls.json")} == {"note"}
    assert set(run.records("calls")[0]) == {"id", "start_time", "note"}


def test_the_credentials_are_a_token_in_quotes(callrail: t.Any, asked: list[requests.PreparedRequest]) -> None:
    callrail(5).read("accounts")
    assert {request.headers["Authorization"] for request in asked} == {'Token token="example-key"'}


def test_a_link_to_another_host_is_not_followed(callrail: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = callrail(30)
    monkeypatch.setattr(
        "starlette.datastructures.URL.include_query_params", lambda *_, **__: "https://elsewhere.example.com/calls"
    )
    run = reader.read("calls", page_size=5)
    assert run.exit_code == 1
    assert "leads to https://elsewhere.example.com" in run.report("calls")["error"]


# Text messages


def test_messages_are_those_of_the_list_or_of_the_whole_thread(callrail: t.Any) -> None:
    reader = callrail(40)
    recent, full = (reader.read("text_messages", text_threads=mode) for mode in ("recent", "full"))
    assert set(ids(recent, "text_messages")) < set(ids(full, "text_messages"))
    assert len(ids(full, "text_messages")) == sum(len(reader.crm.thread(index)) for index in range(10))
    assert full.report("text_messages")["requests"] == recent.report("text_messages")["requests"] + 10
    record = full.records("text_messages")[0]
    assert record["status"] is None
    assert record["conversation_id"].startswith("k")
    assert record["tracking_phone_number"] == "+15550100003"
    assert record["sms_thread_id"].startswith("SMTexample")


def test_the_id_of_a_message_outlives_the_zone_of_its_company(callrail: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = callrail(20)
    before = ids(reader.read("text_messages"), "text_messages")
    monkeypatch.setattr("crm_simulator.callrail.ZONES", ("UTC",))
    assert ids(reader.read("text_messages"), "text_messages") == before


def test_a_thread_may_call_its_messages_otherwise(callrail: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = callrail(20)
    monkeypatch.setattr(
        "tap_callrail_dw.streams.TextMessages.ask_more",
        lambda *_: {"recent_messages": [{"created_at": "2026-01-01T00:00:00Z", "content": "old", "direction": "in"}]},
    )
    run = reader.read("text_messages", text_threads="full")
    assert len([record for record in run.records("text_messages") if record["message"] == "old"]) == 5


def test_a_message_without_a_moment_is_a_reject(callrail: t.Any) -> None:
    reader = callrail(4)
    message = {"created_at": None, "content": "when?", "direction": "incoming"}
    reader.crm.conversations.change(0, reader.crm.conversations.modified_at(0), recent_messages=[message])
    run = reader.read("text_messages")
    assert run.report("text_messages")["rejects"] == {"record": 1, "value": 0}


# Bookmarks


def test_a_delta_reads_the_days_before_its_bookmark_again(callrail: t.Any) -> None:
    reader = callrail(400)
    first = reader.read()
    reader.a_day_passes()
    second = reader.read(state=first.states[-1])
    assert second.exit_code == 0
    for stream in WINDOWED:
        before, after = (run.bookmarks[stream]["replication_key_value"] for run in (first, second))
        assert after >= before
        assert 0 < len(second.records(stream)) < len(first.records(stream)) + 50
        if stream == "text_messages":  # a conversation brings its older messages with it
            continue
        days = 7 if stream == "text_message_conversations" else 30
        oldest = min(parse_time(record[KEYED[stream]]) for record in second.records(stream))
        assert oldest >= parse_time(before) - timedelta(days=days)
    edited = {record["id"] for record in second.records("calls") if record["note"] == "late note"}
    assert len(edited) == 5
    merged = {record["id"] for run in (first, second) for record in run.records("calls")}
    assert truth(reader, "calls") <= merged


def test_without_lookback_only_what_is_new_is_read(callrail: t.Any) -> None:
    reader = callrail(200)
    first = reader.read("calls")
    happened = reader.a_day_passes()
    second = reader.read("calls", state=first.states[-1], lookback_days=0)
    assert len(second.records("calls")) == happened["calls"]["new"] + 1  # and the last one again


@pytest.mark.parametrize("stream", WINDOWED)
def test_a_run_may_be_cut_off_at_every_state(callrail: t.Any, stream: str) -> None:
    reader = callrail(160, step=timedelta(hours=36))
    settings = {"window_days": 40, "lookback_days": 0, "text_lookback_days": 0}
    run = reader.read(stream, page_size=10, **settings)
    assert len(run.states) > 4
    values = [state["bookmarks"][stream].get("replication_key_value", "") for state in run.states[1:]]
    assert values == sorted(values)
    assert len(set(values)) > 2
    assert_resumable(run, lambda state: reader.read(stream, state=state, **settings), stream, "id")


def test_a_failed_window_is_read_again_and_the_settled_ones_are_not(callrail: t.Any) -> None:
    reader = callrail(400, step=timedelta(hours=12))
    reader.crm.faults.append(Fault("error", path="/calls", after=24, times=0, status=400))
    run = reader.read("calls", concurrency=1, window_days=30, lookback_days=0)
    assert run.exit_code == 1
    assert run.report("calls")["status"] == "failed"
    reader.crm.faults.clear()
    rest = reader.read("calls", state=run.states[-1], lookback_days=0)
    assert set(ids(run, "calls")) | set(ids(rest, "calls")) == truth(reader, "calls")
    assert 0 < len(rest.records("calls")) < 400


def test_a_filtered_run_reads_one_company_and_leaves_bookmarks_alone(callrail: t.Any) -> None:
    reader = callrail(300)
    first = reader.read()
    reader.a_day_passes()
    incoming = first.states[-1]
    run = reader.read(state=incoming, company_id="COMexample0001", deletions="sweep")
    assert run.exit_code == 0
    for stream in WINDOWED:
        assert run.bookmarks[stream] == incoming["bookmarks"][stream]
        assert {record["company_id"] for record in run.records(stream)} == {"COMexample0001"}
    assert {tracker["company"]["id"] for tracker in run.records("trackers")} == {"COMexample0001"}
    swept = {
        message["stream"] for message in run.messages if message["type"] == "SCHEMA" and "_keys" in message["stream"]
    }
    assert swept == {"accounts_keys", "companies_keys", "users_keys"}
    assert not reader.read("calls", company_id="COMexample0001").bookmarks.get("calls")


def test_lists_are_swept_when_it_is_asked_for(callrail: t.Any) -> None:
    reader = callrail(100)
    assert not [m for m in reader.read().messages if m.get("stream", "").endswith("_keys")]
    run = reader.read(deletions="sweep")
    for stream in ("accounts", "companies", "users", "trackers", "tags"):
        assert set(ids(run, f"{stream}_keys")) == truth(reader, stream)
        assert run.schema(f"{stream}_keys")["schema"]["x-sweep-of"] == stream
        assert "x-sweep-within" not in run.schema(f"{stream}_keys")["schema"]
    assert not run.records("text_messages_keys")


@pytest.mark.parametrize(("stream", "column"), KEYED.items())
def test_dated_streams_are_swept_within_the_dates_of_the_run(callrail: t.Any, stream: str, column: str) -> None:
    reader = callrail(100)
    first = reader.read(deletions="sweep")
    assert set(ids(first, f"{stream}_keys")) == truth(reader, stream)
    second = reader.read(stream, state=first.states[-1], deletions="sweep", lookback_days=2, text_lookback_days=2)
    within = second.schema(f"{stream}_keys")["schema"]["x-sweep-within"]
    assert within["column"] == column
    assert timedelta(0) <= parse_time(within["end"]) - reader.crm.world.now < timedelta(minutes=5)
    bookmark = parse_time(first.bookmarks[stream]["replication_key_value"])
    assert parse_time(within["start"]) == bookmark - timedelta(days=2)
    assert set(ids(second, f"{stream}_keys")) == set(ids(second, stream))
    assert not reader.read(stream, since="2026-01-01", deletions="sweep").records(f"{stream}_keys")


# Trouble


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("storm", path="/calls", times=4),
        Fault("storm", path="/calls", times=2, retry_after="0.01"),
        Fault("storm", path="/calls", after=3, times=2, retry_after="Fri, 20 Mar 2020 12:00:00 GMT"),
        Fault("error", path="/calls", times=4, status=503),
        Fault("error", path="/calls", after=5, times=2, status=502),
        Fault("cut", path="/calls", after=2),
        Fault("wrong_type", path="/calls", times=2),
    ],
    ids=["429", "429-seconds", "429-date", "503", "502", "cut", "html"],
)
def test_passing_trouble_loses_nothing(callrail: t.Any, fault: Fault) -> None:
    reader = callrail(120)
    reader.crm.faults.append(Fault(**{**vars(fault), "seen": 0}))
    # The pace halves with every 429: from this rate on it is still no obstacle.
    run = reader.read("calls", page_size=20, hourly_requests=10_000_000)
    assert run.exit_code == 0
    assert ids(run, "calls") == [f"CALexample{number:06}" for number in range(120)]
    assert run.report("calls")["retries"] >= fault.times


def test_a_wrong_key_ends_the_run(callrail: t.Any) -> None:
    run = callrail(10).read(api_key="wrong-key")
    assert run.exit_code == 1
    assert {run.report(stream)["error_category"] for stream in STREAM_NAMES} == {"authentication"}
    assert "wrong-key" not in run.text
    assert not [message for message in run.messages if message["type"] == "RECORD"]


def test_a_forbidden_stream_does_not_stop_the_others(callrail: t.Any) -> None:
    reader = callrail(40)
    reader.crm.faults.append(Fault("forbidden", path="/users", times=0))
    run = reader.read()
    assert run.exit_code == 1
    assert run.report("users")["error_category"] == "permission"
    assert "needs a CallRail user who may see it" in run.report("users")["error"]
    assert {run.report(stream)["status"] for stream in STREAM_NAMES if stream != "users"} == {"success"}


def test_a_long_wait_ends_the_run_with_its_bookmark(callrail: t.Any) -> None:
    reader = callrail(300, step=timedelta(hours=24))
    reader.crm.faults.append(Fault("storm", path="/calls", after=20, times=0, retry_after="3000"))
    run = reader.read("calls", concurrency=1)
    assert run.exit_code == 1
    assert run.report("calls")["error_category"] == "rate_limit"
    assert "3000 s is longer than this run may wait" in run.report("calls")["error"]
    reader.crm.faults.clear()
    rest = reader.read("calls", state=run.states[-1])
    assert set(ids(run, "calls")) | set(ids(rest, "calls")) == truth(reader, "calls")


def test_the_hourly_budget_is_kept_and_not_slept_through(callrail: t.Any) -> None:
    reader = callrail(200)
    reader.crm.limiter.rules["default"] = [Rule(30, 3600)]
    run = reader.read(hourly_requests=30)
    assert run.exit_code == 1
    assert reader.crm.limiter.violations == 0
    assert sum(reader.crm.requests.values()) == 30
    assert run.report("form_submissions")["error_category"] == "rate_limit"


def test_the_daily_budget_ends_the_run(callrail: t.Any) -> None:
    reader = callrail(200)
    run = reader.read(daily_requests=12)
    assert run.exit_code == 1
    assert run.report("calls")["error_category"] == "quota"
    assert sum(reader.crm.requests.values()) == 12


def test_a_day_that_callrail_calls_used_up_is_not_waited_for(callrail: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = callrail(50)
    headers = {"x-rate-limit-daily-used": "10000", "x-rate-limit-daily-allowed": "10000"}
    monkeypatch.setattr(reader.crm, "rate_headers", lambda _: headers)
    assert reader.read("tags").exit_code == 0
    reader.crm.faults.append(Fault("storm", path="/tags", times=0))
    run = reader.read("tags")
    assert run.report("tags")["error_category"] == "quota"
    assert run.report("tags")["retries"] == 0


# Settings


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [("timezone", "Mars/Base", "IANA name"), ("start_date", "soon", "date")],
)
def test_wrong_settings_are_told(setting: str, value: str, sentence: str) -> None:
    with pytest.raises((Stop, ValueError), match=sentence):
        TapCallRail(config={"api_key": "key", setting: value})


def test_times_without_an_offset_are_of_the_zone(callrail: t.Any) -> None:
    reader = callrail(8)
    moment = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
    reader.crm.calls.change(0, moment, start_time="2026-03-10T05:00:00")
    run = reader.read("calls", timezone="America/New_York")
    assert "2026-03-10T09:00:00+00:00" in {record["start_time"] for record in run.records("calls")}


def test_the_names_are_those_of_the_streams() -> None:
    assert tuple(stream.name for stream in STREAMS) == STREAM_NAMES


def test_every_column_is_described(callrail: t.Any) -> None:
    tap = TapCallRail(config=callrail(0).config)
    schemas: dict[str, Message] = {name: stream.schema for name, stream in tap.streams.items()}
    for schema in schemas.values():
        assert all(len(column["description"]) > 3 for column in schema["properties"].values())
        assert not [mark for column in schema["properties"].values() for mark in column if mark.startswith("x-")]
