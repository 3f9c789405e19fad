"""What a run reads, and what the next one reads."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from crm_simulator.faults import Fault
from tap_kit.bookmarks import parse_time
from tap_kit.errors import Stop
from tap_kit.testing import assert_golden, assert_resumable, keys, normalise
from tap_leadconduit_dw.names import STREAMS
from tap_leadconduit_dw.values import second_of

if t.TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from tap_kit.testing import Message, Run

    # The class in conftest.py, which other modules cannot import.
    Account: t.TypeAlias = t.Any

KEY = {"flows": "id", "destinations": "instance_id", "events": "id", "leads": "lead_id"}
BY_EVENT = ("events", "leads")


def ids(run: Run, stream: str) -> list[str]:
    return [key for (key,) in keys(run.records(stream), KEY[stream])]


def parameters(asked: list[requests.PreparedRequest], path: str = "/events") -> list[dict[str, str]]:
    """Return the parameters of the requests for a path, without those of the probe."""
    found = [dict(parse_qsl(urlsplit(sent.url or "").query)) for sent in asked if path in (sent.url or "")]
    return [sent for sent in found if sent.get("sort") != "desc"]


def value_of(run: Run | Message, stream: str) -> str:
    bookmarks = run["bookmarks"] if isinstance(run, dict) else run.bookmarks
    value: str = bookmarks[stream]["replication_key_value"]
    return value


def at(event_id: str, **values: str) -> Message:
    """Return a state whose streams stand at an event."""
    marks = {
        stream: {"replication_key": values.get("key", key), "replication_key_value": event_id}
        for stream, key in (("events", "id"), ("leads", "event_id"))
    }
    return {"bookmarks": marks}


# A first read


@pytest.mark.parametrize(("page_size", "concurrency"), [(1000, 1), (7, 1), (7, 3), (100, 1), (400, 1), (401, 1)])
def test_a_full_read_is_every_record_once_in_order(account: Account, page_size: int, concurrency: int) -> None:
    run = account.read(page_size=page_size, concurrency=concurrency)
    assert run.exit_code == 0
    for stream in STREAMS:
        assert ids(run, stream) == account.ids(stream)
        assert run.report(stream)["status"] == "success"
    assert not run.records("sync_rejects")


def test_the_output_is_the_golden_one(open_account: Callable[..., Account]) -> None:
    account = open_account(12)
    run = account.read()
    text = normalise(run.text, {account.settings["base_url"]: "<url>"})
    assert_golden(Path(__file__).with_name("golden.jsonl"), text)


def test_an_empty_account_is_no_error(open_account: Callable[..., Account]) -> None:
    run = open_account(0).read()
    assert run.exit_code == 0
    assert not [message for message in run.messages if message["type"] == "RECORD"]
    again = open_account(0).read(state=run.states[-1])
    assert again.exit_code == 0


@pytest.mark.usefixtures("account")
def test_events_are_asked_for_in_their_order_with_a_cursor_or_a_date(
    account: Account, asked: list[requests.PreparedRequest]
) -> None:
    # Trap: after_id walks forward with sort=asc only, and the simulator's default order is the other one.
    account.read("events", page_size=150)
    sent = parameters(asked)
    assert {(one["sort"], one["limit"]) for one in sent} == {("asc", "150")}
    everything = account.ids("events")
    assert [one.get("after_id") for one in sent] == [None, everything[149], everything[299], everything[399]]
    assert [one.get("start") for one in sent] == ["2000-01-01T00:00:00.000Z", None, None, None]


def test_every_request_wants_json(account: Account, asked: list[requests.PreparedRequest]) -> None:
    # Trap: without the header every answer is a 403 that looks like a wrong key.
    account.read()
    assert {request.headers["Accept"] for request in asked} == {"application/json"}
    assert len(asked) == sum(account.crm.requests.values())


def test_a_page_shorter_than_asked_is_no_end(open_account: Callable[..., Account]) -> None:
    account = open_account(page_cap=90)
    run = account.read("events", "leads", page_size=1000)
    assert [ids(run, stream) for stream in BY_EVENT] == [account.ids(stream) for stream in BY_EVENT]


def test_a_busy_account_does_not_keep_a_run_for_ever(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock of the answers stays behind: the last events seem to come while the run is going on.
    crm = account.crm
    shown = crm.moment_of(390) + timedelta(seconds=1)
    monkeypatch.setattr(type(crm.world), "now", property(lambda _: shown))
    run = account.read("events", page_size=1000)
    assert ids(run, "events") == account.ids("events")
    assert run.report("events")["requests"] == 2
    # What was stamped after the beginning of the run is written, but the bookmark does not pass it.
    assert value_of(run, "events") == crm.id_of(391)


# Leads


def test_only_events_of_the_type_source_with_lead_fields_are_leads(account: Account) -> None:
    # Trap: the old system took filters and deliveries for leads when it found no source event.
    account.crm.odd = {index: {"type": "filter"} for index in range(0, 400, 4)}
    assert account.read("leads").records("leads") == []
    account.crm.odd = {4: {"vars": {"lead": {}}}, 8: {"vars": {}}, 12: {"vars": None}, 16: {"type": "Source"}}
    run = account.read("leads")
    assert len(run.records("leads")) == 100 - 2 - 4
    assert not run.records("sync_rejects")


def test_a_delta_without_leads_still_moves_on(account: Account) -> None:
    account.crm.odd = {index: {"type": "filter"} for index in range(40, 400, 4)}
    run = account.read("leads", page_size=50)
    assert value_of(run, "leads") == account.ids("events")[-1]


def test_leads_may_be_filtered_by_leadconduit(
    open_account: Callable[..., Account], asked: list[requests.PreparedRequest]
) -> None:
    account = open_account(filters_type=True)
    whole, filtered = account.read("leads", page_size=20), account.read("leads", page_size=20, filter_type=True)
    assert ids(whole, "leads") == ids(filtered, "leads") == account.ids("leads")
    assert filtered.report("leads")["requests"] < whole.report("leads")["requests"] / 3
    assert {sent.get("type") for sent in parameters(asked)} == {None, "source"}
    # Where the filter is ignored, nothing changes.
    assert ids(open_account().read("leads", filter_type=True), "leads") == account.ids("leads")
    account.a_day_passes()
    second = account.read("leads", state=whole.states[-1], filter_type=True)
    assert second.exit_code == 0


@pytest.mark.usefixtures("account")
def test_events_are_never_asked_for_by_type(account: Account, asked: list[requests.PreparedRequest]) -> None:
    account.read("events", filter_type=True)
    assert {sent.get("type") for sent in parameters(asked)} == {None}


# Bookmarks


def test_the_bookmark_is_the_last_event(account: Account) -> None:
    run = account.read("events", "leads")
    last = account.ids("events")[-1]
    assert run.bookmarks["events"] == {"replication_key": "id", "replication_key_value": last}
    assert run.bookmarks["leads"] == {"replication_key": "event_id", "replication_key_value": last}


def test_a_delta_goes_on_before_its_bookmark(account: Account, asked: list[requests.PreparedRequest]) -> None:
    first = account.read("events", "leads")
    happened = account.a_day_passes()
    asked.clear()
    second = account.read("events", "leads", state=first.states[-1])
    assert second.exit_code == 0
    wanted = second_of(value_of(first, "events")) - timedelta(minutes=60)
    starts = [sent["start"] for sent in parameters(asked) if "start" in sent]
    assert starts == [wanted.isoformat(timespec="milliseconds").replace("+00:00", "Z")] * 2
    # Leads come every ten minutes, four events each; the last hour is read again.
    again = len(second.records("events")) - happened["events"]["new"]
    assert 24 <= again <= 28
    assert set(ids(first, "events")) | set(ids(second, "events")) == set(account.ids("events"))
    assert set(ids(first, "leads")) | set(ids(second, "leads")) == set(account.ids("leads"))
    assert value_of(second, "events") == account.ids("events")[-1]


def test_without_lookback_a_delta_goes_on_exactly_after_its_bookmark(
    account: Account, asked: list[requests.PreparedRequest]
) -> None:
    first = account.read("events")
    happened = account.a_day_passes()
    asked.clear()
    second = account.read("events", state=first.states[-1], lookback_minutes=0)
    assert len(second.records("events")) == happened["events"]["new"]
    assert not set(ids(first, "events")) & set(ids(second, "events"))
    assert parameters(asked)[0]["after_id"] == value_of(first, "events")
    assert all("start" not in sent for sent in parameters(asked))


def test_an_event_that_is_shown_late_is_not_lost(open_account: Callable[..., Account]) -> None:
    account = open_account(400)
    late = {397, 394}
    account.crm.hidden = set(late)
    first = account.read("events")
    account.a_day_passes()
    second = account.read("events", state=first.states[-1])
    assert set(ids(first, "events")) | set(ids(second, "events")) == set(account.ids("events"))
    # By the cursor alone they would be: that is what the lookback is for.
    by_cursor = account.read("events", state=first.states[-1], lookback_minutes=0)
    missed = set(account.ids("events")) - set(ids(first, "events")) - set(ids(by_cursor, "events"))
    assert missed == {account.crm.id_of(index) for index in late}


def test_the_bookmark_does_not_follow_start_timestamp(account: Account) -> None:
    # Trap: start_timestamp is not in the order of the ids.
    records = account.read("events").records("events")
    starts = [record["start_timestamp"] for record in records]
    assert starts != sorted(starts)
    assert [record["id"] for record in records] == sorted(record["id"] for record in records)


@pytest.mark.parametrize("stream", BY_EVENT)
@pytest.mark.parametrize("lookback", [0, 60])
def test_a_run_may_be_cut_off_at_every_state(account: Account, stream: str, lookback: int) -> None:
    run = account.read(stream, page_size=12)
    assert len(run.states) > 6
    marks = [state["bookmarks"].get(stream, {}).get("replication_key_value", "") for state in run.states]
    assert marks == sorted(marks)
    assert len(set(marks)) > 6
    again = lambda state: account.read(stream, state=state, lookback_minutes=lookback)  # noqa: E731 - one line
    assert_resumable(run, again, stream, KEY[stream])


def test_a_delta_may_be_cut_off_at_every_state(account: Account) -> None:
    first = account.read("events")
    account.a_day_passes()
    run = account.read("events", page_size=10, state=first.states[-1])
    assert all(value_of(state, "events") >= value_of(first, "events") for state in run.states)
    assert_resumable(run, lambda state: account.read("events", state=state), "events", "id")


def test_a_failed_page_keeps_what_was_read_and_the_rest_comes_later(account: Account) -> None:
    # Trap: the old system took a failed page for an empty day.
    account.crm.faults.append(Fault("error", path="/events", after=4, times=0, status=422))
    run = account.read("events", page_size=50)
    assert run.exit_code == 1
    assert run.report("events")["status"] == "failed"
    assert len(run.records("events")) == 150
    assert value_of(run, "events") == account.ids("events")[149]
    account.crm.faults.clear()
    rest = account.read("events", state=run.states[-1])
    assert set(ids(run, "events")) | set(ids(rest, "events")) == set(account.ids("events"))
    assert len(rest.records("events")) < 290


def test_a_bookmark_is_never_lowered(account: Account) -> None:
    newest = account.ids("events")[-1]
    account.crm.hidden = set(range(390, 400))
    run = account.read("events", state=at(newest))
    assert len(run.records("events")) > 0
    assert value_of(run, "events") == newest


@pytest.mark.parametrize("upper", [str.upper, str.lower])
def test_an_id_may_be_written_in_capitals(account: Account, upper: Callable[[str], str]) -> None:
    run = account.read("events", state=at(upper(account.crm.id_of(200))))
    assert run.exit_code == 0
    assert 200 < len(run.records("events")) < 240


def test_a_bookmark_that_is_no_id_is_told(account: Account) -> None:
    with pytest.raises(Stop, match="The stored bookmark of events is not the id of an event, which has 24 hexadecimal"):
        account.read("events", state=at("2026-01-01T00:00:00+00:00"))


def test_a_bookmark_of_another_column_is_not_this_one(account: Account) -> None:
    run = account.read("leads", state=at("2026-03-20T00:00:00+00:00", key="submitted_utc"))
    assert ids(run, "leads") == account.ids("leads")
    assert run.bookmarks["leads"]["replication_key"] == "event_id"


def test_a_catalog_may_ask_for_everything_every_time(account: Account) -> None:
    from tap_leadconduit_dw.tap import TapLeadConduit  # noqa: PLC0415 - only here

    catalog = TapLeadConduit(config=account.settings, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
        root = next(item for item in entry["metadata"] if not item["breadcrumb"])
        root["metadata"]["forced-replication-method"] = "FULL_TABLE"
        root["metadata"]["selected"] = entry["stream"] == "events"
    run = account.read(catalog=catalog, state=at(account.crm.id_of(399)))
    assert ids(run, "events") == account.ids("events")
    assert run.exit_code == 0


# Narrowed runs


def test_a_first_read_begins_at_start_date(account: Account, asked: list[requests.PreparedRequest]) -> None:
    moment = account.crm.moment_of(200)
    run = account.read("events", start_date=moment.isoformat())
    assert ids(run, "events") == account.ids("events")[200:]
    assert parameters(asked)[0]["start"] == f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
    second = account.read("events", start_date="2020-01-01", state=run.states[-1])
    assert len(second.records("events")) < 40


def test_since_and_end_date_bound_a_run_and_leave_the_bookmark(account: Account) -> None:
    first = account.read("events", "leads")
    since, end = (account.crm.moment_of(index).isoformat() for index in (100, 200))
    run = account.read("events", "leads", state=first.states[-1], since=since, end_date=end, page_size=30)
    assert ids(run, "events") == account.ids("events")[100:200]
    assert ids(run, "leads") == [key for key in account.ids("leads") if key in set(account.ids("events")[100:200])]
    assert run.bookmarks == first.bookmarks
    assert run.report("events")["requests"] <= 5


@pytest.mark.usefixtures("account")
def test_a_run_with_a_limit_leaves_the_bookmark(account: Account) -> None:
    run = account.read("events", max_records=17)
    assert len(run.records("events")) == 17
    assert not run.bookmarks.get("events")


# What LeadConduit has no more


@pytest.fixture
def old_account(open_account: Callable[..., Account]) -> Account:
    """An account with a lead a day for 200 days, of which LeadConduit shows the last 90."""
    return open_account(800, step=timedelta(days=1))


@pytest.mark.parametrize("lookback", [0, 60])
def test_a_bookmark_older_than_what_is_kept_is_told_and_the_rest_is_read(
    old_account: Account, caplog: pytest.LogCaptureFixture, lookback: int
) -> None:
    state = at(old_account.crm.id_of(100))
    run = old_account.read("events", state=state, lookback_minutes=lookback, page_size=50)
    assert run.exit_code == 1
    report = run.report("events")
    assert (report["status"], report["error_category"]) == ("failed", "data")
    assert f"is the event {old_account.crm.id_of(100)} of 2025-09-27" in report["error"]
    assert "the oldest event that came is of 2025-12-21" in report["error"]
    assert "Firehose" in report["error"]
    assert report["error"] in caplog.text
    # Nothing that is left is held back, and the place is kept.
    assert ids(run, "events") == old_account.ids("events")
    assert value_of(run, "events") == old_account.ids("events")[-1]
    again = old_account.read("events", state=run.states[-1])
    assert again.exit_code == 0
    assert again.report("events")["error"] is None


def test_a_gap_is_told_by_the_next_run_if_this_one_breaks_off(old_account: Account) -> None:
    state = at(old_account.crm.id_of(100))
    old_account.crm.faults.append(Fault("error", path="/events", after=4, times=0, status=422))
    run = old_account.read("events", state=state, page_size=50)
    assert "answered 422" in run.report("events")["error"]
    assert {value_of(one, "events") for one in run.states} == {value_of(state, "events")}
    old_account.crm.faults.clear()
    again = old_account.read("events", state=run.states[-1], page_size=50)
    assert "Firehose" in again.report("events")["error"]
    moved = [one for one in again.states if value_of(one, "events") != value_of(state, "events")]
    assert all(one["sync_report"]["streams"]["events"]["status"] == "failed" for one in moved)
    assert value_of(again, "events") == old_account.ids("events")[-1]


def test_a_narrowed_run_only_warns_of_a_gap(old_account: Account, caplog: pytest.LogCaptureFixture) -> None:
    state = at(old_account.crm.id_of(100))
    run = old_account.read("events", state=state, end_date="2026-02-01")
    assert run.exit_code == 0
    assert "Firehose" in caplog.text
    assert run.bookmarks == state["bookmarks"]


def test_a_gap_fails_no_other_stream(old_account: Account) -> None:
    state = at(old_account.crm.id_of(100))
    del state["bookmarks"]["leads"]
    run = old_account.read(state=state)
    assert {name: run.report(name)["status"] for name in STREAMS} == {
        "flows": "success",
        "destinations": "success",
        "events": "failed",
        "leads": "success",
    }


def test_a_bookmark_whose_event_is_still_there_is_no_gap(open_account: Callable[..., Account]) -> None:
    account = open_account(800, step=timedelta(days=1), retention_days=400)
    run = account.read("events", "leads", state=at(account.crm.id_of(100)))
    assert run.exit_code == 0
    assert ids(run, "events") == account.ids("events")[100:]


def test_a_young_bookmark_whose_event_is_gone_is_a_warning(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.crm.hidden = set(range(201))
    run = account.read("events", state=at(account.crm.id_of(200)))
    assert run.exit_code == 0
    assert "Was it deleted, or was the bookmark edited?" in caplog.text


def test_an_account_that_fell_silent_is_a_warning(old_account: Account, caplog: pytest.LogCaptureFixture) -> None:
    old_account.crm.hidden = set(range(800))
    state = at(old_account.crm.id_of(100))
    run = old_account.read("events", state=state)
    assert run.exit_code == 0
    assert "no event came" in caplog.text
    assert value_of(run, "events") == value_of(state, "events")


def test_a_start_date_before_what_is_kept_is_said_in_the_log(
    old_account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    run = old_account.read("events", start_date="2025-01-01")
    assert run.exit_code == 0
    assert ids(run, "events") == old_account.ids("events")
    assert "The oldest one is of 2025-12-21, asked for was 2025-01-01" in caplog.text
    caplog.clear()
    old_account.read("events", start_date="2026-03-01")
    assert "Firehose" not in caplog.text


def test_how_long_events_are_kept_is_a_setting(old_account: Account) -> None:
    state = at(old_account.crm.id_of(100))
    assert old_account.read("events", state=state, lookback_minutes=0, retention_days=300).exit_code == 0


def test_a_run_with_since_asks_for_no_gap(old_account: Account) -> None:
    run = old_account.read("events", state=at(old_account.crm.id_of(100)), since="2025-06-01")
    assert run.exit_code == 0


# Lists


def test_what_is_gone_from_the_lists_is_found_by_a_sweep(account: Account) -> None:
    assert not [message for message in account.read().messages if message.get("stream", "").endswith("_keys")]
    run = account.read(deletions="sweep", max_deleted_share="0.5")
    for stream in ("flows", "destinations"):
        assert [key for (key,) in keys(run.records(f"{stream}_keys"), KEY[stream])] == account.ids(stream)
        assert run.schema(f"{stream}_keys")["schema"]["x-sweep-of"] == stream
        assert run.schema(f"{stream}_keys")["schema"]["x-max-deleted-share"] == Decimal("0.5")
    # What LeadConduit forgets after three months must stay in the warehouse.
    swept = {message["stream"] for message in run.messages if message.get("stream", "").endswith("_keys")}
    assert swept == {"flows_keys", "destinations_keys"}


def test_where_destinations_are_used_is_asked_for_if_it_is_selected(
    account: Account, asked: list[requests.PreparedRequest]
) -> None:
    from tap_leadconduit_dw.tap import TapLeadConduit  # noqa: PLC0415 - only here

    run = account.read("destinations")
    assert parameters(asked, "/destinations") == [{"include": "flow_usages"}]
    assert run.records("destinations")[1]["flow_usages"] == {"count": 1}
    catalog = TapLeadConduit(config=account.settings, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"] == ["properties", "flow_usages"]:
                item["metadata"]["selected"] = False
    asked.clear()
    run = account.read("destinations", catalog=catalog)
    assert parameters(asked, "/destinations") == [{}]
    assert "flow_usages" not in run.records("destinations")[0]


def test_the_second_of_an_id_is_in_its_first_eight_digits() -> None:
    assert second_of("69bd28b00f1e2d3c4b00018f") == datetime(2026, 3, 20, 11, 0, tzinfo=UTC)
    assert parse_time("2026-03-20T11:00:00Z") == datetime(2026, 3, 20, 11, 0, tzinfo=UTC)
