"""The simulated LeadConduit answers as the documents and the clients that are known say."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
import requests
from crm_simulator.leadconduit import LeadConduit
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Get: t.TypeAlias = Callable[..., requests.Response]

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
JSON = {"Accept": "application/json"}


def make(**options: t.Any) -> LeadConduit:
    crm = LeadConduit(**{"size": 100, "start": START, **options})
    crm.limiter.rules = {}
    return crm


@pytest.fixture
def crm() -> LeadConduit:
    return make()


@pytest.fixture
def reach(simulate: Callable[..., str]) -> Callable[[LeadConduit], Get]:
    """Return a function that plays a CRM and returns how to ask it."""

    def start(crm: LeadConduit) -> Get:
        url = simulate(crm)

        def get(
            path: str, headers: t.Any = JSON, key: str | None = "example-key", **params: t.Any
        ) -> requests.Response:
            auth = None if key is None else ("x", key)
            return requests.get(url + path, headers=headers, auth=auth, params=params, timeout=10)

        return get

    return start


@pytest.fixture
def get(crm: LeadConduit, reach: Callable[[LeadConduit], Get]) -> Get:
    return reach(crm)


def ids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200
    return [row["id"] for row in answer.json()]


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["leadconduit"], size=10)
    assert isinstance(made, LeadConduit)


def test_without_the_accept_header_even_a_good_key_is_forbidden(get: Get) -> None:
    answer = get("/events", headers={"Accept": "*/*"})
    assert answer.status_code == 403
    assert answer.json() == {"error": "misconfigured csrf: check Accept header is set properly"}
    assert get("/events", key="wrong").json() == {"error": "authentication failed"}
    assert get("/events", headers=JSON | {"Authorization": "Basic !"}, key=None).status_code == 401
    assert get("/leads").status_code == 404


def test_the_cursor_walks_forward_only_when_it_is_told_to(get: Get, crm: LeadConduit) -> None:
    everything = [crm.id_of(index) for index in range(100)]
    assert everything == sorted(everything)
    assert ids(get("/events", sort="asc")) == everything
    assert ids(get("/events", limit=3)) == everything[:-4:-1]
    assert ids(get("/events", limit=3, sort="asc", after_id=everything[10])) == everything[11:14]
    assert ids(get("/events", limit=3, after_id=everything[10])) == everything[9:6:-1]
    # An id that does not exist is a place all the same.
    assert ids(get("/events", limit=2, sort="asc", after_id=everything[9][:-1] + "f"))[-1] in everything
    assert ids(get("/events", sort="asc", after_id=everything[-1])) == []


@pytest.mark.parametrize("asked", [{"limit": "all"}, {"sort": "up"}, {"after_id": "12"}, {"start": "2026-03-01"}])
def test_what_cannot_be_read_is_an_error(get: Get, asked: dict[str, str]) -> None:
    assert get("/events", **asked).status_code == 400


def test_a_page_has_a_hundred_events_and_a_thousand_at_most(reach: Callable[[LeadConduit], Get]) -> None:
    get = reach(make(size=1500))
    assert [len(ids(get("/events", **asked))) for asked in ({}, {"limit": 5000})] == [100, 1000]
    assert len(ids(reach(make(size=1500, page_cap=50))("/events", limit=1000))) == 50


def test_dates_bound_the_beginning_of_an_event_and_not_its_id(get: Get, crm: LeadConduit) -> None:
    rows = get("/events", sort="asc").json()
    start, end = rows[40]["start_timestamp"], rows[60]["start_timestamp"]
    bounds = {
        n: datetime.fromtimestamp(v / 1000, UTC).isoformat()[:23] + "Z" for n, v in (("start", start), ("end", end))
    }
    found = get("/events", sort="asc", **bounds).json()
    assert [r["id"] for r in found] == [r["id"] for r in rows if start <= r["start_timestamp"] <= end]
    assert len(found) < 22
    # With a cursor, they are ignored.
    assert len(get("/events", sort="asc", after_id=crm.id_of(9), **bounds).json()) == 90


def test_a_type_is_ignored_unless_the_option_says_otherwise(get: Get, reach: Callable[[LeadConduit], Get]) -> None:
    assert {row["type"] for row in get("/events", type="source").json()} > {"source", "filter"}
    filtering = reach(make(filters_type=True))
    assert {row["type"] for row in filtering("/events", type="source").json()} == {"source"}
    assert len(filtering("/events", type="source", limit=20).json()) == 20


def test_events_of_a_lead_are_not_in_the_order_of_their_beginnings(get: Get) -> None:
    rows = get("/events", sort="asc", limit=4).json()
    assert len({row["vars"]["lead"]["id"] for row in rows}) == 1
    starts = [row["start_timestamp"] for row in rows]
    assert starts != sorted(starts)
    assert len(set(starts)) < 4
    assert rows[0]["vars"]["lead"]["id"] == rows[0]["id"]


def test_values_are_rich_or_plain_text(get: Get) -> None:
    leads = [row["vars"]["lead"] for row in get("/events", sort="asc").json() if row["type"] == "source"]
    assert {type(lead["email"]) for lead in leads} == {dict, str}
    assert any("phone_1" not in lead and "phone_2" in lead for lead in leads)
    assert {lead["state"]["name"] for lead in leads} == {"Illinois", "Massachusetts"}


def test_what_is_older_than_three_months_is_gone(reach: Callable[[LeadConduit], Get]) -> None:
    crm = make(size=400, step=timedelta(days=2))
    get = reach(crm)
    first = get("/events", sort="asc", limit=1, start="2020-01-01T00:00:00Z").json()[0]
    assert crm.moment_of(0) < START - timedelta(days=90)
    assert START - timedelta(days=90) <= datetime.fromtimestamp(int(first["id"][:8], 16), UTC)
    # A cursor that is older than that is no error.
    assert get("/events", sort="asc", limit=1, after_id=crm.id_of(0)).json() == [first]


def test_a_day_brings_events_and_takes_the_oldest(get: Get, crm: LeadConduit) -> None:
    crm.retention = timedelta(hours=24, minutes=30)
    before = get("/events", sort="asc").json()
    lists = {path: get(path, include="flow_usages").json() for path in ("/flows", "/destinations")}
    crm.world.days += 1
    happened = crm.pass_a_day()
    after = get("/events", sort="asc").json()
    assert not {row["id"] for row in before} & {row["id"] for row in after}
    assert happened["events"]["expired"] == len(before)
    crm.retention = timedelta(days=90)
    after = get("/events", sort="asc", limit=1000).json()
    assert after[: crm.original][-len(before) :] == before
    assert len(after) == 100 + happened["events"]["new"]
    assert [row["id"] for row in after] == sorted(row["id"] for row in after)
    assert {row["type"] for row in after[100:]} >= {"source", "feedback-received"}
    assert sum(row["type"] == "source" for row in after[100:]) == happened["leads"]["new"]
    assert after[100]["vars"]["lead"]["id"] == after[100]["id"]
    assert get("/flows").json()[0] != lists["/flows"][0]
    assert len(get("/destinations").json()) == len(lists["/destinations"]) - 1


def test_late_events_are_shown_the_next_day(reach: Callable[[LeadConduit], Get]) -> None:
    crm = make(late=5)
    get = reach(crm)
    assert len(get("/events").json()) == 95
    crm.world.days += 1
    crm.pass_a_day()
    assert {crm.id_of(index) for index in range(95, 100)} <= set(ids(get("/events", limit=1000)))


def test_where_a_destination_is_used_is_told_on_request(get: Get) -> None:
    assert "flow_usages" not in get("/destinations").json()[0]
    assert get("/destinations", include="flow_usages").json()[0]["flow_usages"] == {"count": 0}


def test_an_empty_account_has_nothing(reach: Callable[[LeadConduit], Get]) -> None:
    crm = make(size=0)
    get = reach(crm)
    assert [get(path).json() for path in ("/events", "/flows", "/destinations")] == [[], [], []]
    crm.world.days += 1
    assert crm.pass_a_day() == {"events": {"new": 0, "expired": 0}}


def test_a_million_events_need_no_time(reach: Callable[[LeadConduit], Get]) -> None:
    crm = make(size=1_000_000, step=timedelta(seconds=20))
    after = crm.id_of(700_000)
    (row,) = reach(crm)("/events", sort="asc", limit=1, after_id=after).json()
    assert row["id"] == crm.id_of(700_001)


def test_rates_are_told_in_headers(get: Get, crm: LeadConduit) -> None:
    crm.limiter.rules = dict(LeadConduit.rules)
    answers = [get("/flows") for _ in range(101)]
    assert answers[0].headers["X-RateLimit-Limit"] == "100"
    assert answers[0].headers["X-RateLimit-Remaining"] == "99"
    assert answers[100].status_code == 429
    assert 0 < int(answers[100].headers["Retry-After"]) <= 61
