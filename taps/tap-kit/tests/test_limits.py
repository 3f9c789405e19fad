from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.limits import Budget, Budgets, Limit, QuotaUsedUp, next_midnight
from tap_kit.testing import FakeClock


def budget(limit: Limit, clock: FakeClock) -> Budget:
    return Budget("default", limit, pause=clock.sleep, monotonic=clock)


@given(st.integers(1, 40), st.floats(0.5, 20), st.booleans(), st.lists(st.floats(0, 3), max_size=60))
def test_no_window_ever_holds_more_than_is_allowed(
    requests: int,
    seconds: float,
    burst: bool,  # noqa: FBT001 - drawn by hypothesis
    pauses: list[float],
) -> None:
    clock = FakeClock()
    allowed = budget(Limit(requests, seconds, burst=burst), clock)
    times = []
    for pause in pauses:
        clock.seconds += pause
        allowed.acquire()
        times.append(clock())
    assert all(late - early > seconds for early, late in zip(times, times[requests:], strict=False))


def test_the_whole_rate_is_used() -> None:
    clock = FakeClock()
    allowed = budget(Limit(50, 1), clock)
    for _ in range(500):
        allowed.acquire()
    assert 500 / clock.seconds > 0.95 * 50


def test_waking_late_costs_no_rate() -> None:
    clock = FakeClock()
    allowed = Budget("default", Limit(50, 1), pause=lambda seconds: clock.sleep(seconds + 0.004), monotonic=clock)
    for _ in range(500):
        allowed.acquire()
    assert 500 / clock.seconds > 0.9 * 50


def test_a_burst_is_sent_at_once() -> None:
    clock = FakeClock()
    allowed = budget(Limit(100, 10, burst=True), clock)
    assert sum(allowed.acquire() for _ in range(100)) == 0
    assert allowed.acquire() == pytest.approx(10.2, abs=0.01)


def test_a_refusal_slows_down_and_success_speeds_up_again() -> None:
    clock = FakeClock()
    allowed = budget(Limit(10, 1), clock)
    allowed.acquire()
    allowed.refused(5)
    assert allowed.pace == 0.5
    assert allowed.acquire() == pytest.approx(5)
    assert allowed.acquire() == pytest.approx(0.204, abs=0.001)
    for _ in range(25):
        allowed.succeeded()
    assert allowed.pace == 1.0


def test_a_refusal_within_an_hourly_limit_costs_seconds_not_the_hour() -> None:
    clock = FakeClock()
    allowed = budget(Limit(1000, 3600, burst=True), clock)
    allowed.acquire()
    allowed.refused(1)
    assert allowed.acquire() == pytest.approx(1)
    assert allowed.acquire() == pytest.approx(1)  # half a second at full pace


def test_one_storm_that_meets_many_threads_slows_down_once() -> None:
    clock = FakeClock()
    allowed = budget(Limit(10, 1), clock)
    for _ in range(8):
        allowed.refused(2)
    assert allowed.pace == 0.5
    for _ in range(20):
        clock.seconds += 3
        allowed.refused(2)
    assert allowed.pace == 0.01


def test_a_used_up_day_says_when_it_ends() -> None:
    zone = ZoneInfo("America/New_York")
    limit = Limit(10, 1, daily=2, resets=lambda now: next_midnight(now.astimezone(zone)))
    allowed = budget(limit, FakeClock())
    allowed.acquire()
    allowed.acquire()
    with pytest.raises(
        QuotaUsedUp, match=r"The 2 requests that a day allows \(default\) are used up\. It resets at"
    ) as caught:
        allowed.acquire()
    assert caught.value.category == "quota"
    assert caught.value.resets_at is not None
    assert caught.value.resets_at.astimezone(zone).hour == 0


def test_midnight_is_that_of_the_zone() -> None:
    assert next_midnight(datetime(2025, 3, 31, 23, 59, tzinfo=UTC)) == datetime(2025, 4, 1, tzinfo=UTC)


def test_a_class_that_nobody_declared_is_an_error_of_the_tap() -> None:
    with pytest.raises(KeyError, match="search"):
        Budgets({"default": Limit(1, 1)}).of("search")
