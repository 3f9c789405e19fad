from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
import requests
from crm_simulator.callrail import CallRail
from crm_simulator.server import Simulator

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
ACCOUNT = "/a/ACCexample0001"
DATES = "start_date=2026-01-01&end_date=2026-03-21"


@pytest.fixture
def crm() -> CallRail:
    return CallRail(size=200, start=START)


@pytest.fixture
def get(crm: CallRail) -> t.Iterator[t.Callable[..., requests.Response]]:
    with Simulator(crm) as simulator:

        def ask(path: str, authorization: str = 'Token token="example-key"') -> requests.Response:
            address = path if path.startswith("http") else f"{simulator.url}/callrail{path}"
            return requests.get(address, headers={"Authorization": authorization}, timeout=10)

        yield ask


def test_only_the_token_of_callrail_opens(get: t.Any) -> None:
    assert get("/a.json", "Bearer example-key").status_code == 401
    assert get("/a.json", "Token token=example-key").json()["total_records"] == 1
    assert "error" in get("/a.json", "").json()


def test_paths_that_do_not_exist(get: t.Any) -> None:
    for path in (f"{ACCOUNT}/text_messages.json", "/a/ACCother/calls.json", f"{ACCOUNT}/text-messages/none.json"):
        assert get(path).status_code == 404


def test_pages_are_a_hundred_long_and_250_at_most(get: t.Any) -> None:
    path = f"{ACCOUNT}/calls.json?{DATES}"
    assert len(get(path).json()["calls"]) == 100
    answer = get(f"{path}&per_page=1000").json()
    assert (answer["per_page"], answer["total_pages"], len(answer["calls"])) == (250, 1, 200)
    assert "total_pages" not in get(f"{ACCOUNT}/tags.json").json()


def test_without_dates_only_recent_records_come_and_unknown_parameters_do_nothing(get: t.Any) -> None:
    recent = get(f"{ACCOUNT}/calls.json?start_time=2025-01-01&filters[created_at]=2025-01-01").json()["calls"]
    assert 0 < len(recent) < 100
    assert recent[0]["start_time"] > recent[-1]["start_time"]


def test_dates_are_inclusive_and_of_the_zone_of_the_account(get: t.Any) -> None:
    calls = get(f"{ACCOUNT}/calls.json?start_date=2026-03-10&end_date=2026-03-10&sort=start_time&order=asc").json()[
        "calls"
    ]
    moments = [datetime.fromisoformat(call["start_time"]).astimezone(UTC) for call in calls]
    assert moments[0] == datetime(2026, 3, 10, 5, tzinfo=UTC)
    assert moments[-1] == datetime(2026, 3, 11, 2, tzinfo=UTC)
    part = get(f"{ACCOUNT}/calls.json?start_date=2026-03-10T10:00&end_date=2026-03-10T14:00").json()["calls"]
    assert len(part) == 2


@pytest.mark.parametrize("dates", ["start_date=soon", "start_date=2024-02-19&end_date=2026-01-01"])
def test_dates_that_are_refused(get: t.Any, dates: str) -> None:
    assert get(f"{ACCOUNT}/calls.json?{dates}").status_code == 400


def test_extra_fields_are_only_answered_when_they_are_named(get: t.Any) -> None:
    assert "value" not in get(f"{ACCOUNT}/calls.json").json()["calls"][0]
    assert "value" in get(f"{ACCOUNT}/calls.json?fields=value,unknown").json()["calls"][0]


def test_relative_pages_hold_every_call_once(get: t.Any, crm: CallRail) -> None:
    path, found = f"{ACCOUNT}/calls.json?{DATES}&relative_pagination=true&per_page=60", []
    while path:
        answer = get(path).json()
        assert "total_pages" not in answer
        assert answer["has_next_page"] is bool(answer["next_page"])
        found += [call["id"] for call in answer["calls"]]
        path = answer["next_page"]
    assert sorted(found) == [row["id"] for row in crm.truth("calls")]


def test_texts_come_newest_first_with_their_latest_messages(get: t.Any, crm: CallRail) -> None:
    found = get(f"{ACCOUNT}/text-messages.json?{DATES}&sort=last_message_at&order=asc").json()["conversations"]
    moments = [datetime.fromisoformat(one["last_message_at"]) for one in found]
    assert moments == sorted(moments, reverse=True)
    assert {len(one["recent_messages"]) for one in found} == {2, 3}
    thread = get(f"{ACCOUNT}/text-messages/k0003.json").json()["messages"]
    assert thread == crm.thread(3)
    assert len(thread) == 5


def test_filters(get: t.Any) -> None:
    calls = get(f"{ACCOUNT}/calls.json?company_id=COMexample0001&fields=company_id").json()["calls"]
    assert {call["company_id"] for call in calls} == {"COMexample0001"}
    assert get(f"{ACCOUNT}/companies.json?status=disabled").json()["companies"] == []
    trackers = get(f"{ACCOUNT}/trackers.json?company_id=COMexample0002").json()["trackers"]
    assert {tracker["company"]["id"] for tracker in trackers} == {"COMexample0002"}


def test_a_day_brings_calls_edits_and_spam(crm: CallRail) -> None:
    before = {row["id"]: row for row in crm.truth("calls")}
    threads = [crm.thread(index) for index in range(50)]
    crm.world.days += 1
    happened = crm.pass_a_day()["calls"]
    after = {row["id"]: row for row in crm.truth("calls")}
    assert len(after.keys() - before.keys()) == happened["new"]
    assert len(before.keys() - after.keys()) == happened["vanished"] == 1
    edited = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    assert len(edited) == happened["changed"]
    assert all(before[key]["start_time"] == after[key]["start_time"] for key in edited)
    grown = [index for index in range(50) if len(crm.thread(index)) > len(threads[index])]
    assert len(grown) == 3
    assert all(crm.thread(index)[1:] == threads[index] for index in grown)


def test_sorting_by_another_field(get: t.Any) -> None:
    calls = get(f"{ACCOUNT}/calls.json?{DATES}&sort=id&order=desc").json()["calls"]
    assert calls[0]["id"] == "CALexample000199"
    newest = get(f"{ACCOUNT}/calls.json?{DATES}&sort=start_time&order=desc").json()["calls"]
    assert newest[0]["id"] == "CALexample000199"


def test_an_empty_account_has_nothing() -> None:
    crm = CallRail(size=0, start=START)
    crm.world.start += timedelta(days=1)
    assert crm.truth("accounts") == crm.truth("companies") == crm.truth("calls") == []
    assert crm.pass_a_day()["calls"] == {"new": 0, "changed": 0, "vanished": 0}
