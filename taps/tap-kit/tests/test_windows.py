from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.windows import (
    MILLISECOND,
    Window,
    from_milliseconds,
    split_window,
    to_milliseconds,
    whole_milliseconds,
    windows_between,
)

START = datetime(2025, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - strategy


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start = from_milliseconds(draw(st.integers(0, 10**12)))
    return Window(start, start + draw(st.integers(1, 10**9)) * MILLISECOND)


def test_nothing_lies_in_an_empty_window() -> None:
    with pytest.raises(ValueError, match="nothing lies between"):
        Window(START, START)


def test_a_window_cannot_be_cut_into_nothing() -> None:
    with pytest.raises(ValueError, match="less than one part"):
        split_window(Window(START, START + MILLISECOND), 0)


def test_a_millisecond_is_not_split() -> None:
    window = Window(START, START + MILLISECOND)
    assert window.is_atomic
    assert window.last_millisecond == START
    assert split_window(window, 5) == [window]


@given(windows(), st.integers(1, 50))
def test_parts_touch_and_cover_the_window(window: Window, parts: int) -> None:
    pieces = split_window(window, parts)
    assert pieces[0].start == window.start
    assert pieces[-1].end == window.end
    assert all(left.end == right.start for left, right in itertools.pairwise(pieces))
    assert len(pieces) == min(parts, (window.end - window.start) // MILLISECOND)


@given(windows())
def test_halving_ends_at_single_milliseconds(window: Window) -> None:
    steps = 0
    while not window.is_atomic:
        window = split_window(window, 2)[0]
        steps += 1
    assert steps <= 31


@given(MOMENTS, MOMENTS, st.timedeltas(timedelta(days=30), timedelta(days=4000)))
def test_windows_cover_a_span_without_gaps(start: datetime, end: datetime, size: timedelta) -> None:
    found = list(windows_between(start, end, size))
    assert bool(found) == (start < end) or end - start < MILLISECOND
    if found:
        assert found[0].start <= start < found[0].start + MILLISECOND
        assert end <= found[-1].end < end + MILLISECOND
        assert all(left.end == right.start for left, right in itertools.pairwise(found))
        assert all(window.end - window.start <= size for window in found)


@given(MOMENTS)
def test_milliseconds_are_cut_off_downwards(moment: datetime) -> None:
    assert from_milliseconds(to_milliseconds(moment)) <= moment < from_milliseconds(to_milliseconds(moment) + 1)
    start, end = whole_milliseconds(moment, moment)
    assert start <= moment <= end
    assert end - start in (timedelta(0), MILLISECOND)


def test_without_a_size_there_is_one_window() -> None:
    assert list(windows_between(START, START + timedelta(days=9))) == [Window(START, START + timedelta(days=9))]
