from __future__ import annotations

import random
import threading
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
import requests
from crm_simulator import server
from crm_simulator.faults import Fault
from crm_simulator.limiting import RateLimiter, Rule
from crm_simulator.server import Simulator, make_crms, serve
from crm_simulator.world import Collection, World
from example_crm.simulated import ExampleCrm

START = datetime(2025, 6, 1, tzinfo=UTC)
AUTHORISED = {"Authorization": "Bearer good"}


def make(rng: random.Random, index: int) -> dict[str, t.Any]:
    return {"id": index, "name": rng.choice("abcdef") * 3}


def collection(size: int, **options: t.Any) -> Collection:
    return Collection(World(start=START), "contacts", size, make, **options)


@pytest.fixture
def crm() -> ExampleCrm:
    return ExampleCrm(size=50, start=START)


@pytest.fixture
def url(crm: ExampleCrm) -> t.Iterator[str]:
    with Simulator(crm) as simulator:
        yield simulator.url


def get(address: str, **options: t.Any) -> requests.Response:
    return requests.get(address, headers=AUTHORISED, timeout=10, **options)


# Records


def test_a_million_records_need_no_memory() -> None:
    many = collection(1_000_000)
    assert many.record(999_999) == many.record(999_999)
    assert many.record(7) != many.record(8) or many.record(8) != many.record(9)
    start = many.modified_at(500_000)
    assert list(many.between(start, start + timedelta(seconds=30))) == [500_000, 500_001, 500_002]
    assert many.count_between(START - timedelta(days=9999), START) == 1_000_000


def test_another_seed_gives_other_records() -> None:
    one, two = (Collection(World(seed, START), "contacts", 9, make) for seed in (1, 2))
    assert [one.record(index) for index in range(9)] != [two.record(index) for index in range(9)]


@pytest.mark.parametrize("seed", range(5))
def test_a_window_holds_what_a_look_at_every_record_finds(seed: int) -> None:
    records = collection(300, crowd=range(40, 90))
    for day in range(1, 4):
        records.world.days = day
        records.pass_a_day(lambda rng, _: {"name": str(rng.random())})
    records.change(3, records.world.now)
    rng = random.Random(seed)
    for _ in range(30):
        moments = sorted(START + timedelta(seconds=rng.randrange(-8000, 300_000)) for _ in range(2))
        inside = [i for i in records.live() if moments[0] <= records.modified_at(i) < moments[1]]
        expected = sorted(inside, key=lambda index: (records.modified_at(index), index))
        assert list(records.between(*moments)) == expected
        assert records.count_between(*moments) == len(expected)


def test_a_day_brings_new_changed_and_archived_records() -> None:
    records = collection(1000)
    before = [records.record(index) for index in range(1000)]
    records.world.days = 1
    counts = records.pass_a_day(lambda _, index: {"name": f"changed {index}"})
    assert counts == {"new": 10, "changed": 20, "archived": 2}
    assert records.count_live() == 1008 == len(list(records.live()))
    changed = [index for index in range(1000) if records.record(index) != before[index]]
    assert len(changed) == 20
    assert all(START <= records.modified_at(index) < records.world.now for index in (*changed, *range(1000, 1010)))


def test_a_crowd_shares_one_moment() -> None:
    records = collection(100, crowd=range(20, 60))
    moment = records.modified_at(20)
    assert list(records.between(moment, moment + timedelta(milliseconds=1))) == list(range(20, 60))


def test_a_merged_record_is_gone_and_says_where_it_went() -> None:
    records = collection(5)
    records.archive(2, START, into=4)
    assert list(records.live()) == [0, 1, 3, 4]
    assert records.merged == {2: 4}


# Faults and rates


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault("error", times=2), [True, True, False, False]),
        (Fault("error", after=1), [False, True, False, False]),
        (Fault("error", times=0), [True, True, True, True]),
        (Fault("error", page=3), [False, False, False, True]),
        (Fault("error", path="other"), [False] * 4),
    ],
)
def test_when_a_fault_strikes(fault: Fault, struck: list[bool]) -> None:
    assert [fault.strikes("/calls", page) for page in range(4)] == struck


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no fault 'fire'"):
        Fault.from_json({"kind": "fire"})
    with pytest.raises(ValueError, match="unknown: colour"):
        Fault.from_json({"kind": "storm", "colour": "red"})
    assert Fault.from_json({"kind": "latency", "seconds": 1}).times == 0


def test_rates_are_sliding_windows() -> None:
    now = [0.0]
    limiter = RateLimiter({"search": [Rule(2, 1), Rule(3, 10)]}, monotonic=lambda: now[0])
    assert limiter.admit("search") is None
    assert limiter.admit("search") is None
    assert limiter.admit("search") == (Rule(2, 1), 1.0)
    now[0] = 1.0
    assert limiter.admit("search") is None
    now[0] = 2.0
    assert limiter.admit("search") == (Rule(3, 10), 8.0)
    now[0] = 10.0
    assert limiter.admit("search") is None
    assert limiter.violations == 2
    assert limiter.used("search", Rule(3, 10)) == 2
    assert all(limiter.admit("free") is None for _ in range(100))


# Over HTTP


def test_it_answers_as_the_crm(url: str) -> None:
    assert get(f"{url}/example/items?page=1&per_page=3").json()["items"][2]["id"] == 2
    assert requests.get(f"{url}/example/accounts", timeout=10).status_code == 401
    assert requests.post(f"{url}/example/token", timeout=10).json()["access_token"] == "token-1"
    assert get(f"{url}/other/items").status_code == 404


def test_a_day_passes_on_request(url: str, crm: ExampleCrm) -> None:
    first = get(f"{url}/example/accounts").headers["Date"]
    assert first == "Sun, 01 Jun 2025 00:00:00 GMT"
    happened = requests.post(f"{url}/control/example/day", timeout=10).json()
    assert happened == {"events": {"new": 1, "changed": 1, "archived": 1}}
    assert get(f"{url}/example/accounts").headers["Date"] == "Mon, 02 Jun 2025 00:00:00 GMT"
    requests.post(f"{url}/control/example/reset", json={"seed": 2, "size": 7}, timeout=10)
    assert (crm.world.days, crm.world.seed, crm.events.size) == (0, 2, 7)
    requests.post(f"{url}/control/example/reset", timeout=10)
    assert crm.events.size == 500


def test_faults_are_switched_on_and_off(url: str, crm: ExampleCrm) -> None:
    control = f"{url}/control/example/faults"
    assert requests.post(control, json={"kind": "error", "status": 503, "times": 0}, timeout=10).json() == {"faults": 1}
    assert get(f"{url}/example/accounts").status_code == 503
    assert requests.delete(control, timeout=10).json() == {"faults": 0}
    assert get(f"{url}/example/accounts").status_code == 200
    refused = requests.post(control, json={"kind": "fire"}, timeout=10)
    assert (refused.status_code, "there is no fault" in refused.json()["error"]) == (400, True)
    assert not crm.faults


@pytest.mark.parametrize(
    ("fault", "status", "body", "kind"),
    [
        ({"kind": "storm", "retry_after": "3"}, 429, "more than", "application/json"),
        ({"kind": "storm"}, 429, "more than", "application/json"),
        ({"kind": "forbidden"}, 403, "simulated 403", "application/json"),
        ({"kind": "expired_token"}, 401, "simulated 401", "application/json"),
        ({"kind": "not_json"}, 200, "[", "application/json"),
        ({"kind": "wrong_type"}, 200, "<html>", "text/html; charset=utf-8"),
    ],
)
def test_what_faults_look_like(url: str, fault: dict[str, t.Any], status: int, body: str, kind: str) -> None:
    requests.post(f"{url}/control/example/faults", json=fault, timeout=10)
    answer = get(f"{url}/example/accounts")
    assert (answer.status_code, body in answer.text, answer.headers["Content-Type"]) == (status, True, kind)
    assert answer.headers.get("Retry-After") == fault.get("retry_after")


def test_an_expired_token_stays_expired(url: str, crm: ExampleCrm) -> None:
    crm.faults.append(Fault("expired_token"))
    assert [get(f"{url}/example/accounts").status_code for _ in range(2)] == [401, 401]
    token = requests.post(f"{url}/example/token", timeout=10).json()["access_token"]
    renewed = requests.get(f"{url}/example/accounts", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert renewed.status_code == 200


def test_a_cut_body_ends_in_the_middle(url: str, crm: ExampleCrm) -> None:
    crm.faults.append(Fault("cut"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(f"{url}/example/accounts")
    assert get(f"{url}/example/accounts").status_code == 200


def test_latency_delays_every_answer(url: str, crm: ExampleCrm) -> None:
    crm.faults.append(Fault("latency", times=0, seconds=0.05))
    assert all(get(f"{url}/example/accounts").elapsed >= timedelta(seconds=0.05) for _ in range(2))


def test_requests_and_violations_are_counted(url: str) -> None:
    limits = requests.post(f"{url}/control/example/limits", json={"default": [[2, 60]]}, timeout=10)
    assert limits.json()["default"] == 1
    assert [get(f"{url}/example/accounts").status_code for _ in range(3)] == [200, 200, 429]
    stats = requests.get(f"{url}/control/example/stats", timeout=10).json()
    assert stats["requests"] == {"GET /accounts": 3}
    assert stats["statuses"] == {"200": 2, "429": 1}
    assert stats["rate_violations"] == 1


def test_it_leaves_no_thread_behind() -> None:
    with Simulator(ExampleCrm(size=1)):
        assert "simulator" in {thread.name for thread in threading.enumerate()}
    assert "simulator" not in {thread.name for thread in threading.enumerate()}


def test_crms_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CRMS", {"example": "example_crm.simulated:ExampleCrm"})
    (crm,) = make_crms(seed=3, size=4)
    assert (crm.world.seed, t.cast("ExampleCrm", crm).items.size) == (3, 4)
    with pytest.raises(ValueError, match="There is no simulated CRM 'hubsport'; there are: example"):
        make_crms(["hubsport"])


def test_it_serves_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[str, int]] = []
    told: list[str] = []
    monkeypatch.setattr(server._Server, "run", lambda _, sockets: served.append(sockets[0].getsockname()))
    crm = ExampleCrm(size=1)
    serve([crm], port=0, limits=False, announce=told.append)
    assert served[0][0] == "127.0.0.1"
    assert told == [f"http://127.0.0.1:{served[0][1]}"]
    assert crm.limiter.rules == {}
