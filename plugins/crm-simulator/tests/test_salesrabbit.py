"""The simulated SalesRabbit answers as public clients of its API know it."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
import requests
from crm_simulator.salesrabbit import FIRST_LEAD, OFFLINE, TOKEN, SalesRabbit
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Get: t.TypeAlias = Callable[..., requests.Response]

START = datetime(2025, 6, 2, 12, tzinfo=UTC)
RECENT = "2025-06-01T12:00:00+00:00"


@pytest.fixture
def play(simulate: Callable[..., str]) -> Callable[..., tuple[SalesRabbit, Get]]:
    def start(**options: t.Any) -> tuple[SalesRabbit, Get]:
        crm = SalesRabbit(**{"size": 60, "start": START, **options})
        crm.limiter.rules = {}
        url = simulate(crm)

        def get(path: str, headers: dict[str, str] | None = None, **params: t.Any) -> requests.Response:
            signed = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
            return requests.get(url + path, headers=signed, params=params, timeout=10)

        return crm, get

    return start


@pytest.fixture
def get(play: Callable[..., tuple[SalesRabbit, Get]]) -> Get:
    return play()[1]


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["salesrabbit"], size=10)
    assert isinstance(made, SalesRabbit)


@pytest.mark.parametrize("sent", ["", TOKEN, f"Token {TOKEN}", "Bearer other"])
def test_a_bearer_token_is_needed(get: Get, sent: str) -> None:
    assert get("/leads", headers={"Authorization": sent}).status_code == 401
    assert get("/leads").status_code == 200


def test_pages_have_the_size_of_per_page_and_say_whether_there_are_more(get: Get) -> None:
    first, last = get("/leads", perPage=25).json(), get("/leads", perPage=25, page=3).json()
    assert [row["id"] - FIRST_LEAD for row in first["data"]] == list(range(25))
    assert first["meta"] == {"morePages": True}
    assert len(last["data"]) == 10
    assert last["meta"] == {"morePages": False}
    assert get("/leads", perPage=20, page=4).json() == {"data": [], "meta": {"morePages": False}}
    assert get("/leads", perPage=25, page=0).json() == first
    # An old client sends limit, which nothing knows.
    assert len(get("/leads", limit=5).json()["data"]) == 60


def test_pages_have_a_largest_size(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    _, get = play(size=2100)
    assert len(get("/leads", perPage=5000).json()["data"]) == 2000
    assert len(get("/leads").json()["data"]) == 1000
    assert len(get("/leadStatusActivities", perPage=5000).json()["data"]) == 500
    assert len(get("/leadStatusActivities").json()["data"]) == 100


def test_what_was_modified_since_a_moment(get: Get) -> None:
    rows = get("/leads", headers={"If-Modified-Since": RECENT}).json()["data"]
    assert 0 < len(rows) < 60
    assert min(row["dateModified"] for row in rows) >= RECENT
    same = get("/leads", headers={"If-Modified-Since": rows[-1]["dateModified"]}).json()["data"]
    assert rows[-1] in same
    nothing = get("/leads", headers={"If-Modified-Since": "2025-06-03T00:00:00+00:00"})
    assert (nothing.status_code, nothing.content) == (304, b"")
    # The form of other APIs, and a moment without an offset, are not understood.
    for text in ("Sun, 01 Jun 2025 12:00:00 GMT", "2025-06-03T00:00:00"):
        assert len(get("/leads", headers={"If-Modified-Since": text}).json()["data"]) == 60


def test_the_order_of_leads(get: Get) -> None:
    ids = [row["id"] for row in get("/leads", sortBy="dateCreated", order="desc").json()["data"]]
    assert ids == sorted(ids, reverse=True)
    times = [row["dateModified"] for row in get("/leads", sortBy="dateModified").json()["data"]]
    assert times == sorted(times)


def test_addresses_are_flat_unless_asked_otherwise(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    flat, nested = (play(nested=nested)[1]("/leads", perPage=1).json()["data"][0] for nested in (False, True))
    assert flat["city"] == nested["address"]["city"] == "Springfield"
    assert flat["latitude"] == nested["coordinates"]["latitude"]
    assert "city" not in nested
    assert "address" not in flat


def test_one_lead(get: Get) -> None:
    assert get(f"/leads/{FIRST_LEAD + 3}").json()["data"]["id"] == FIRST_LEAD + 3
    assert get("/leads/1").status_code == get("/jobs").status_code == 404


def test_users_by_role_and_the_whole_list_on_every_page(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    _, get = play(size=200, users_paging="repeats")
    first = get("/users", perPage=3).json()
    assert len(first["data"]) == 10
    assert first["meta"]["morePages"]
    assert get("/users", perPage=3, page=2).json()["data"] == first["data"]
    assert {row["role"] for row in get("/users", role="Rep").json()["data"]} == {"Rep"}
    assert "photo_url" in first["data"][0]
    _, paged = play(size=200)
    assert len(paged("/users", perPage=3).json()["data"]) == 3


def test_histories_are_an_object_by_lead_or_an_empty_array(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    crm, get = play()
    data = get("/leadStatusHistories", perPage=2).json()["data"]
    assert list(data) == [str(FIRST_LEAD), str(FIRST_LEAD + 1)]
    assert [row["active"] for row in data[str(FIRST_LEAD)]] == [True, False]
    assert get("/leadStatusHistories", page=9).json()["data"] == []
    crm.visit(4, START, 0)
    headers = {"If-Status-Modified-Since": START.isoformat()}
    changed = get("/leadStatusHistories", headers=headers).json()["data"]
    # The whole history, not only what is new; newest first, and the id is that of the status.
    history = changed[str(FIRST_LEAD + 4)]
    assert [row["active"] for row in history] == [True, False, False]
    assert (history[0]["id"], history[0]["name"]) == (11, "Not Home")
    assert [row["statusUpdated"] for row in history] == sorted((row["statusUpdated"] for row in history), reverse=True)
    assert len(changed) == 1
    other = get("/leadStatusHistories", headers={"If-Modified-Since": START.isoformat()})
    assert other.json()["data"] == changed
    late = {"If-Status-Modified-Since": "2025-06-03T00:00:00+00:00"}
    assert get("/leadStatusHistories", headers=late).status_code == 304


def test_activities_have_times_of_the_device_without_an_offset(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    crm, get = play()
    crm.visit(4, START, 1, START - OFFLINE)
    headers = {"If-Status-Modified-Since": START.isoformat()}
    (row,) = get("/leadStatusActivities", headers=headers).json()["data"]
    assert row["dispositionTimestamp"] == "2025-06-02T12:00:00+00:00"
    assert row["currentOnDeviceStatusModified"] == "2025-05-21T12:00:00"
    everything = get("/leadStatusActivities", perPage=500).json()["data"]
    assert len(everything) == crm.count_activities() == 121
    assert everything[-1] == row
    assert len({one["dispositionID"] for one in everything}) == 121


def test_the_vocabulary_has_no_pages(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    _, get = play()
    assert [row["name"] for row in get("/leadStatuses").json()["data"]] == [
        "Not Home",
        "Appointment Set",
        "Go Back",
        "¿Sold?",
    ]
    _, other = play(statuses_path="/lead-statuses")
    assert other("/leadStatuses").status_code == 404
    assert other("/lead-statuses").status_code == 200


def test_answers_may_lack_their_envelope(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    assert len(play(bare=True)[1]("/leads").json()) == 60
    assert list(play(tells_more=False)[1]("/leads").json()) == ["data"]


@pytest.mark.parametrize("deletes", ["marked", "gone"])
def test_a_day_makes_changes_visits_and_deletes(play: Callable[..., tuple[SalesRabbit, Get]], deletes: str) -> None:
    crm, get = play(deletes=deletes)
    before = {row["id"]: row for row in get("/leads").json()["data"]}
    events = crm.count_activities()
    crm.world.days += 1
    happened = crm.pass_a_day()["leads"]
    after = {row["id"]: row for row in get("/leads").json()["data"]}
    assert len(after.keys() - before.keys()) == happened["new"] == 2
    gone = before.keys() - after.keys()
    marked = {key for key, row in after.items() if row["deletedAt"]}
    assert (len(gone), len(marked)) == ((0, 1) if deletes == "marked" else (1, 0))
    different = {key for key in before.keys() & after.keys() if before[key] != after[key]} - marked
    assert len(different) == happened["changed"] + happened["visited"]
    assert min(after[key]["dateModified"] for key in different) > START.isoformat()
    assert crm.count_activities() - events == happened["visited"] + 2 * happened["new"]


def test_days_of_an_empty_account_pass() -> None:
    crm = SalesRabbit(size=0, start=START)
    crm.world.days += 1
    assert crm.pass_a_day()["leads"]["new"] == 0


def test_a_million_leads_are_computed_when_they_are_asked_for(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    crm, get = play(size=1_000_000)
    since = (START - timedelta(days=2)).isoformat()
    assert len(get("/leads", headers={"If-Modified-Since": since}).json()["data"]) == 15
    assert len(get("/leadStatusActivities", page=15_000).json()["data"]) == 100
    assert crm.count_activities() == 2_000_000


def test_too_many_requests_are_told_when_to_come_again(play: Callable[..., tuple[SalesRabbit, Get]]) -> None:
    crm, get = play()
    crm.limiter.rules = dict(SalesRabbit.rules)
    answers = [get("/leads", perPage=1) for _ in range(51)]
    assert answers[49].status_code == 200
    assert answers[49].headers["X-RateLimit-Remaining"] == "0"
    assert answers[50].status_code == 429
    assert 0 < int(answers[50].headers["Retry-After"]) <= 61
