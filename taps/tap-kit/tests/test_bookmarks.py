"""Bookmarks, with plain dictionaries."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.bookmarks import Bookmark, IdBookmark, Narrowing, format_time, parse_time
from typing_extensions import override

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
MOMENTS = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2100-01-01")).map(format_time)


def stored(value: str) -> dict[str, str]:
    return {"replication_key": "updated_at", "replication_key_value": value}


def test_times_have_one_format() -> None:
    assert format_time(datetime(2025, 1, 2)) == "2025-01-02T00:00:00.000000+00:00"  # noqa: DTZ001
    east = timezone(timedelta(hours=2))
    assert format_time(datetime(2025, 1, 2, 3, tzinfo=east)) == "2025-01-02T01:00:00.000000+00:00"
    assert parse_time("2025-01-02") == datetime(2025, 1, 2, tzinfo=UTC)


def test_first_read_covers_everything() -> None:
    span = Bookmark({}, replication_key="updated_at").begin(NOW)
    assert (span.lower, span.upper, span.last_key, span.resumed) == (None, None, None, False)


def test_start_date_is_the_floor_of_a_first_read_only() -> None:
    assert Bookmark({}, replication_key="updated_at", start_date="2025-01-01").begin(NOW).lower == format_time(
        datetime(2025, 1, 1, tzinfo=UTC)
    )
    value = format_time(datetime(2024, 1, 1, tzinfo=UTC))
    assert Bookmark(stored(value), replication_key="updated_at", start_date="2025-01-01").begin(NOW).lower == value


def test_delta_starts_before_the_bookmark() -> None:
    bookmark = Bookmark(stored("2025-05-01"), replication_key="updated_at", reread=timedelta(seconds=60))
    assert bookmark.begin(NOW).lower == "2025-04-30T23:59:00.000000+00:00"


def test_reread_window_may_reach_before_the_first_year() -> None:
    bookmark = Bookmark(stored("0001-01-01"), replication_key="updated_at", reread=timedelta(seconds=60))
    assert bookmark.begin(NOW).lower == "0001-01-01T00:00:00.000000+00:00"


def test_interrupted_read_keeps_value_bounds_and_what_it_has_seen() -> None:
    first = Bookmark(stored("2025-05-01"), replication_key="updated_at")
    first.begin(NOW)
    first.advance([7], "2025-05-20T00:00:00+00:00")
    left = first.value()
    assert left["replication_key_value"] == "2025-05-01T00:00:00.000000+00:00"
    second = Bookmark(left, replication_key="updated_at", reread=timedelta(seconds=60))
    span = second.begin(NOW + timedelta(hours=1))
    assert (span.last_key, span.lower, span.until) == ((7,), "2025-05-01T00:00:00.000000+00:00", format_time(NOW))
    second.advance([9], None)
    second.complete()
    assert second.value() == stored("2025-05-20T00:00:00.000000+00:00")


def test_value_is_capped_at_the_start_of_the_first_attempt() -> None:
    first = Bookmark({}, replication_key="updated_at")
    first.begin(NOW)
    first.advance([1], None)
    second = Bookmark(first.value(), replication_key="updated_at")
    second.begin(NOW + timedelta(days=1))
    second.advance([2], format_time(NOW + timedelta(days=2)))
    second.complete()
    assert second.value() == stored(format_time(NOW))


@pytest.mark.parametrize(
    "narrowing", [Narrowing(since="2020-01-01"), Narrowing(end_date="2025-02-01"), Narrowing(max_records=3)]
)
@pytest.mark.parametrize("incoming", [{}, stored("2025-05-01"), {"odd": 1}])
def test_narrowed_run_leaves_the_bookmark_as_it_was(narrowing: Narrowing, incoming: dict[str, object]) -> None:
    bookmark = Bookmark(incoming, replication_key="updated_at", narrowing=narrowing)
    bookmark.begin(NOW)
    bookmark.advance([7], "2025-05-20T00:00:00+00:00")
    assert bookmark.value() == incoming
    bookmark.complete()
    assert bookmark.value() == incoming


def test_narrowed_run_ignores_a_stored_position_and_keeps_it() -> None:
    resume = {"from": None, "until": format_time(NOW), "last_key": [5], "seen": None}
    bookmark = Bookmark({"resume": resume}, replication_key="updated_at", narrowing=Narrowing(max_records=1))
    assert not bookmark.begin(NOW).resumed
    assert bookmark.value() == {"resume": resume}


def test_since_and_end_date_bound_the_read() -> None:
    narrowing = Narrowing(since="2025-01-01", end_date="2025-02-01")
    span = Bookmark(stored("2025-05-01"), replication_key="updated_at", narrowing=narrowing).begin(NOW)
    assert (span.lower, span.upper) == ("2025-01-01T00:00:00.000000+00:00", "2025-02-01T00:00:00.000000+00:00")


def test_stream_without_replication_key_has_a_position_and_no_value() -> None:
    bookmark = Bookmark({}, replication_key=None, narrowing=Narrowing())
    bookmark.begin(NOW)
    bookmark.advance([3], None)
    assert bookmark.value() == {"resume": {"from": None, "until": format_time(NOW), "last_key": [3], "seen": None}}
    bookmark.complete()
    assert bookmark.value() == {}


@pytest.mark.parametrize(
    "resume",
    [
        "text",
        {"until": format_time(NOW)},
        {"last_key": [1, 2], "until": format_time(NOW)},
        {"last_key": [1], "until": None},
    ],
)
def test_unusable_position_is_dropped(resume: object) -> None:
    assert not Bookmark({"resume": resume}, replication_key="updated_at").begin(NOW).resumed


def test_position_of_a_delta_is_dropped_when_the_stream_lost_its_replication_key() -> None:
    resume = {"from": format_time(NOW), "until": format_time(NOW), "last_key": [1]}
    assert not Bookmark({"resume": resume}, replication_key=None).begin(NOW).resumed


def test_value_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="soon"):
        Bookmark(stored("soon"), replication_key="updated_at")


def test_nothing_known_gives_nothing() -> None:
    bookmark = Bookmark({}, replication_key="updated_at")
    assert bookmark.value() == {}
    bookmark.begin(NOW)
    assert bookmark.value() == {}
    bookmark.complete()
    assert bookmark.value() == {}


@given(old=MOMENTS, seen=st.lists(MOMENTS), now=MOMENTS)
def test_value_never_goes_down_and_never_passes_the_start(old: str, seen: list[str], now: str) -> None:
    bookmark = Bookmark(stored(old), replication_key="updated_at")
    bookmark.begin(parse_time(now))
    for place, moment in enumerate(seen):
        bookmark.advance([place], moment)
        assert bookmark.value()["replication_key_value"] == old
    bookmark.complete()
    value = bookmark.value()["replication_key_value"]
    assert value >= old
    assert value <= max(old, now)
    assert value == max([old, *(min(moment, now) for moment in seen)])


@given(
    rows=st.lists(st.one_of(st.none(), MOMENTS), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    start=st.one_of(st.none(), MOMENTS),
)
def test_a_read_in_pieces_ends_like_a_read_in_one(rows: list[str | None], cuts: list[int], start: str | None) -> None:
    incoming = stored(start) if start else {}

    def finish(bookmark: Bookmark, first: int) -> dict[str, object]:
        for place in range(first, len(rows)):
            bookmark.advance([place], rows[place])
        bookmark.complete()
        return bookmark.value()

    whole = Bookmark(incoming, replication_key="updated_at")
    whole.begin(NOW)
    expected = finish(whole, 0)

    state, done = dict(incoming), 0
    for cut in sorted(cuts):
        piece = Bookmark(state, replication_key="updated_at")
        span = piece.begin(NOW + timedelta(hours=done))
        assert span.last_key == ((done - 1,) if done else None)
        while done < min(cut, len(rows)):
            piece.advance([done], rows[done])
            done += 1
        state = json.loads(json.dumps(piece.value()))
    last = Bookmark(state, replication_key="updated_at")
    last.begin(NOW + timedelta(days=9 if done else 0))
    assert finish(last, done) == expected


@given(value=MOMENTS)
def test_format_is_stable(value: str) -> None:
    assert format_time(parse_time(value)) == value


def test_a_bookmark_of_another_column_is_not_this_one() -> None:
    span = Bookmark(stored("2025-05-01"), replication_key="modified_on").begin(NOW)
    assert (span.lower, span.resumed) == (None, False)


@pytest.mark.parametrize("damage", [{"from": "soon"}, {"until": "never"}, {"seen": 5}])
def test_a_position_with_damaged_bounds_is_dropped(damage: dict[str, object]) -> None:
    resume = {"from": None, "until": "2025-05-02", "last_key": [7], "seen": None, **damage}
    span = Bookmark({**stored("2025-05-01"), "resume": resume}, replication_key="updated_at").begin(NOW)
    assert (span.lower, span.resumed) == ("2025-05-01T00:00:00.000000+00:00", False)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"])
def test_a_time_outside_of_the_calendar_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        parse_time(text)


# Ids


class Tickets(IdBookmark):
    """Ids like ``67a3f2c0-0001``: seconds since 1970 in hexadecimal, and a number."""

    @override
    def normal(self, value: str) -> str:
        int(value[:8], 16)
        return value.lower()

    @override
    def moment_of(self, value: str) -> datetime:
        return datetime.fromtimestamp(int(value[:8], 16), UTC)


def ticket(moment: datetime, number: int = 1) -> str:
    return f"{int(moment.timestamp()):08x}-{number:04}"


def tickets(stored_id: str | None = None, **options: t.Any) -> Tickets:
    incoming = {} if stored_id is None else {"replication_key": "id", "replication_key_value": stored_id}
    return Tickets(incoming, replication_key="id", **options)


def value_of(bookmark: Bookmark) -> str | None:
    value: str | None = bookmark.value().get("replication_key_value")
    return value


def test_a_delta_by_id_starts_before_the_moment_in_the_id() -> None:
    bookmark = tickets(ticket(NOW).upper(), reread=timedelta(hours=1))
    assert bookmark.begin(NOW).lower == format_time(NOW - timedelta(hours=1))
    assert bookmark.stored == ticket(NOW)


def test_an_id_rises_as_it_is_reached_and_needs_no_position() -> None:
    bookmark = tickets()
    bookmark.begin(NOW)
    assert bookmark.value() == {}
    bookmark.reach(ticket(NOW, 2))
    bookmark.reach(ticket(NOW, 1))
    assert bookmark.value() == {"replication_key": "id", "replication_key_value": ticket(NOW, 2)}
    span = Tickets(bookmark.value(), replication_key="id").begin(NOW)
    assert (span.lower, span.resumed) == (format_time(NOW), False)


def test_an_id_is_never_lowered() -> None:
    bookmark = tickets(ticket(NOW, 5))
    bookmark.begin(NOW)
    bookmark.reach(ticket(NOW, 4))
    assert value_of(bookmark) == ticket(NOW, 5)
    bookmark.complete()
    assert value_of(bookmark) == ticket(NOW, 5)


def test_an_id_of_a_moment_after_the_start_of_the_read_does_not_count() -> None:
    bookmark = tickets()
    bookmark.begin(NOW)
    bookmark.reach(ticket(NOW, 7))
    bookmark.reach(ticket(NOW + timedelta(seconds=1)))
    bookmark.observe(ticket(NOW + timedelta(days=9)))
    bookmark.complete()
    assert value_of(bookmark) == ticket(NOW, 7)


def test_a_narrowed_read_by_id_leaves_the_bookmark_alone() -> None:
    bookmark = tickets(ticket(NOW), narrowing=Narrowing(since="2025-01-01"))
    assert bookmark.begin(NOW).lower == "2025-01-01T00:00:00.000000+00:00"
    bookmark.reach(ticket(NOW, 9))
    bookmark.complete()
    assert value_of(bookmark) == ticket(NOW)


def test_a_full_table_has_no_id_to_keep() -> None:
    bookmark = Tickets({}, replication_key=None)
    bookmark.begin(NOW)
    bookmark.reach(ticket(NOW))
    bookmark.complete()
    assert bookmark.value() == {}


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        tickets("2025-01-01T00:00:00+00:00")


def test_times_are_reached_as_well() -> None:
    bookmark = Bookmark(stored("2025-05-01"), replication_key="updated_at")
    bookmark.begin(NOW)
    bookmark.reach("2025-05-03T10:00:00Z")
    bookmark.reach("2025-06-02")
    assert value_of(bookmark) == "2025-05-03T10:00:00.000000+00:00"
