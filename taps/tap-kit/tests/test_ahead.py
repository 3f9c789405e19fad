from __future__ import annotations

import threading
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tap_kit.ahead import Workers, in_order

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def workers() -> t.Iterator[Workers]:
    made = Workers(3, "test")
    yield made
    made.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=12), st.integers(1, 4), st.integers(1, 3))
def test_steps_come_in_the_order_of_a_plain_loop(lengths: list[int], size: int, depth: int) -> None:
    workers = Workers(size)
    chains = (iter([(chain, step) for step in range(length)]) for chain, length in enumerate(lengths))
    found = list(in_order(workers, chains, depth=depth))
    workers.close()
    assert found == [(chain, step) for chain, length in enumerate(lengths) for step in range(length)]


def test_chains_run_at_the_same_time(workers: Workers) -> None:
    # Passes only if three steps wait for each other.
    meeting = threading.Barrier(3, timeout=10)
    chains = ((meeting.wait() for _ in range(1)) for _ in range(3))
    assert sorted(in_order(workers, chains)) == [0, 1, 2]


def test_an_error_surfaces_at_its_place(workers: Workers) -> None:
    def broken() -> Iterator[str]:
        yield "b1"
        raise KeyError("b2")

    found = in_order(workers, [iter(["a1", "a2"]), broken(), iter(["c1"])])
    assert [next(found) for _ in range(3)] == ["a1", "a2", "b1"]
    with pytest.raises(KeyError, match="b2"):
        next(found)


def test_no_more_is_read_than_the_depth_allows(workers: Workers) -> None:
    taken: list[int] = []
    filled = threading.Event()

    def counting() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 4:
                filled.set()
            yield number

    found = in_order(workers, [counting()], depth=4)
    assert next(found) == 0
    assert filled.wait(10)
    found.close()  # type: ignore[attr-defined]
    workers.close()
    assert taken == [0, 1, 2, 3, 4]


def test_nothing_is_started_before_it_is_needed() -> None:
    workers = Workers(3, "idle")
    in_order(workers, [iter([1])])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("idle")]


def test_closing_leaves_no_thread() -> None:
    workers = Workers(3, "gone")
    assert next(in_order(workers, (iter([number]) for number in range(9)))) == 0
    workers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gone")]


def test_a_thread_that_waits_for_a_server_does_not_hold_up_the_end() -> None:
    workers = Workers(1, "stuck")
    answer = threading.Event()
    workers.submit(lambda: t.cast("None", answer.wait(30)))
    workers.close(timeout_seconds=0.01)
    (thread,) = [thread for thread in threading.enumerate() if thread.name.startswith("stuck")]
    assert thread.daemon
    answer.set()
    thread.join(10)
    assert not thread.is_alive()
