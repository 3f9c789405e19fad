"""The simulated Arrivy answers as the documents say."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

import pytest
import requests
from crm_simulator.arrivy import AUTH_KEY, AUTH_TOKEN, FIRST_ID, Arrivy
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2025, 6, 2, 12, tzinfo=UTC)
KEYS = {"X-Auth-Key": AUTH_KEY, "X-Auth-Token": AUTH_TOKEN}


@pytest.fixture
def crm() -> Arrivy:
    made = Arrivy(size=100, start=START)
    made.limiter.rules = {}
    return made


@pytest.fixture
def get(crm: Arrivy, simulate: Callable[..., str]) -> Callable[..., requests.Response]:
    url = simulate(crm)
    return lambda path, headers=KEYS, **params: requests.get(url + path, headers=headers, params=params, timeout=10)


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["arrivy"], size=10)
    assert isinstance(made, Arrivy)


@pytest.mark.parametrize(
    "headers", [{}, {"X-Auth-Key": AUTH_KEY}, {"X-Auth-Key": AUTH_TOKEN, "X-Auth-Token": AUTH_KEY}]
)
def test_both_keys_are_needed(get: Callable[..., requests.Response], headers: dict[str, str]) -> None:
    answer = get("/tasks", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["message"] == "UNAUTHORIZED"
    assert get("/users/profile").status_code == 200


def test_pages_have_the_size_of_items_per_page(get: Callable[..., requests.Response]) -> None:
    assert [row["id"] - FIRST_ID for row in get("/customers", items_per_page=3, page=2).json()] == [3, 4, 5]
    assert len(get("/customers", page_size=3).json()) == 50
    assert get("/customers", page=9).json() == []
    assert len(get("/statuses", items_per_page=2, page=4).json()) == 7


def test_the_three_lists_of_tasks_are_disjoint(get: Callable[..., requests.Response]) -> None:
    lists = [
        {row["id"] for row in get("/tasks", **asked).json()}
        for asked in ({}, {"unscheduled": "true"}, {"tasks_with_no_datetime": "true"})
    ]
    assert [len(one) for one in lists] == [80, 10, 10]
    assert len(set().union(*lists)) == 100


def test_from_and_to_bound_the_schedule(get: Callable[..., requests.Response], crm: Arrivy) -> None:
    bounds = {"from": "2025-05-01T00:00:00+00:00", "to": "2025-06-01T00:00:00+00:00"}
    rows = get("/tasks", **bounds).json()
    assert {row["start_datetime"][:7] for row in rows} == {"2025-05"}
    crm.collections["tasks"].change(2, crm.world.now)
    assert len(get("/tasks", **bounds).json()) == len(rows)


@pytest.mark.parametrize("wrong", ["2025-05-01T00:00:00%2B00:00", "2025-05-01", "2025-05-01T00:00:00 00:00"])
def test_an_offset_has_to_be_encoded_once(get: Callable[..., requests.Response], wrong: str) -> None:
    assert get("/tasks", **{"from": wrong}).status_code == 400


def test_identifiers_pass_53_bits_and_times_have_no_offset(get: Callable[..., requests.Response]) -> None:
    row = get("/tasks", items_per_page=1).json()[0]
    assert row["id"] > 2**53
    assert "+" not in row["updated"]
    assert "Z" not in row["start_datetime"]


def test_details_of_a_task(get: Callable[..., requests.Response]) -> None:
    assert [row["type"] for row in get(f"/tasks/{FIRST_ID + 2}/status").json()] == [
        "NOTSTARTED",
        "CONFIRMED",
        "ENROUTE",
    ]
    assert get(f"/tasks/{FIRST_ID + 3}/rating").json()[0]["rating"] == 4.5
    assert get(f"/tasks/{FIRST_ID + 1}/rating").json() == []
    assert get("/tasks/12/status").status_code == get("/tasks/12/rating").status_code == 404


def test_a_day_brings_new_changed_and_removed_records(get: Callable[..., requests.Response], crm: Arrivy) -> None:
    before = {row["id"]: row for row in get("/bookings").json()}
    crm.world.days += 1
    happened = crm.pass_a_day()["bookings"]
    after = {row["id"]: row for row in get("/bookings").json()}
    assert len(after.keys() - before.keys()) == happened["new"]
    assert len(before.keys() - after.keys()) == happened["archived"]
    assert sum(before[key] != after[key] for key in before.keys() & after.keys()) == happened["changed"]


def test_too_many_requests_are_told_when_to_come_again(get: Callable[..., requests.Response], crm: Arrivy) -> None:
    crm.limiter.rules = dict(Arrivy.rules)
    answers = [get("/groups", items_per_page=1) for _ in range(121)]
    assert answers[119].status_code == 200
    assert answers[120].status_code == 429
    assert 0 < int(answers[120].headers["Retry-After"]) <= 61
