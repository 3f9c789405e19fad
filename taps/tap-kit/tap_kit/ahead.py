"""Reading ahead in threads: what is asked for in parallel comes back in its own order.

Everything that a tap reads over HTTP is a row of *chains*: a chain is an iterator whose every step costs a
request, and whose next step needs the one before (a cursor). One page of a numbered list is a chain of one
step; a window, a parent or a batch of ids is a chain of its own. ``in_order`` runs several chains at once
and hands out their steps as if they had been run one after the other.

The threads are daemons of our own, not those of ``concurrent.futures``: the interpreter joins the latter at
its end, so a server that never answers would keep an interrupted run alive until the read time-out.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
import typing as t
from collections import deque
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = t.TypeVar("T")

# Steps of a chain that may wait for their turn: bounds the memory to chains x steps.
DEPTH = 8


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _End:
    """Marks the end of a chain."""


_END: t.Final = _End()


class Workers:
    """A few threads that run what they are given.

    Args:
        size: How many at most; they are started when first needed.
        name: Prefix of the names of the threads.
    """

    def __init__(self, size: int, name: str = "reader") -> None:
        self.size = size
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Have a function run by the next free thread."""
        self._work.put(work)
        if len(self._threads) < self.size:
            name = f"{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self, timeout_seconds: float = 1.0) -> None:
        """End the threads, within a time for all of them.

        One that waits for a server is left to its time-out and does not hold up the exit.
        """
        self._closed = True
        for _ in self._threads:
            self._work.put(None)
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()

    def _run(self) -> None:
        while (work := self._work.get()) is not None and not self._closed:
            work()


class _Chain(t.Generic[T]):
    """One chain: steps are run one at a time, and as far ahead as ``depth`` allows."""

    def __init__(self, steps: Iterator[T], workers: Workers, depth: int) -> None:
        self._steps = steps
        self._workers = workers
        self._depth = depth
        self._ready: deque[T | _End | _Failure] = deque()
        self._changed = threading.Condition()
        self._running = False
        self._over = False
        with self._changed:
            self._run_on()

    def take(self) -> T | _End:
        """Return the next step, or the end; raises what the step raised."""
        with self._changed:
            while not self._ready:
                self._changed.wait()
            step = self._ready.popleft()
            self._run_on()
        if isinstance(step, _Failure):
            raise step.error
        return step

    def close(self) -> None:
        """Run no further steps."""
        with self._changed:
            self._over = True

    def _run_on(self) -> None:
        if not self._running and not self._over and len(self._ready) < self._depth:
            self._running = True
            self._workers.submit(self._step)

    def _step(self) -> None:
        step: T | _End | _Failure
        if self._over:
            return
        try:
            step = next(self._steps, _END)
        except BaseException as error:  # noqa: BLE001 - raised again where the step is taken
            step = _Failure(error)
        with self._changed:
            self._ready.append(step)
            self._running = False
            self._over = self._over or step is _END or isinstance(step, _Failure)
            self._run_on()
            self._changed.notify()


def in_order(workers: Workers, chains: Iterable[Iterator[T]], *, depth: int = DEPTH) -> Iterator[T]:
    """Run chains in parallel and yield all their steps: chain by chain, step by step.

    As many chains run at once as there are workers, each at most ``depth`` steps ahead. ``chains`` itself is
    advanced in the calling thread. A step that fails raises when its turn comes, after everything before it.
    """
    waiting = iter(chains)
    running: deque[_Chain[T]] = deque()
    try:
        while True:
            for steps in itertools.islice(waiting, workers.size - len(running)):
                running.append(_Chain(steps, workers, depth))
            if not running:
                return
            step = running[0].take()
            if isinstance(step, _End):
                running.popleft()
            else:
                yield step
    finally:
        for chain in running:
            chain.close()
