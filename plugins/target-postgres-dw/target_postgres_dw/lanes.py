"""Loads beside the reading: rows over one connection, key-disjoint batches over two, committed in their order.

A lane is a connection with one transaction under way. COPY and merge run in its thread; the history, the bookmark and
the COMMIT are the caller's, who takes the oldest first. So nothing is committed before what came earlier.

Two transactions could still wait for each other: over a unique index of the user's on another column, the older one
may wait for the younger one, which waits for its turn. The lock time-out ends that, with one of ``TROUBLE_OF_TWO``.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from target_postgres_dw.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.batches import Batch
    from target_postgres_dw.stream import Loaded, Stream

logger = logging.getLogger("target-postgres-dw")

LANES = 2
_LOCK_TIMEOUT = "5s"
_CANCEL_SECONDS = 5.0

# What one lane may suffer because of the other; each batch alone, one after the other, has no such trouble.
TROUBLE_OF_TWO = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


@dataclass(slots=True)
class Load:
    """Rows or batches of one stream on their way, and the STATE that covers them."""

    stream: Stream
    batches: list[Batch]
    state: dict[str, Any] | None
    bookmarks: dict[str, dict[str, Any]]
    connection: Connection[TupleRow]
    future: Future[Loaded]


class Lanes:
    """Up to two loads at once.

    Args:
        first: The connection of the run; it must not be used for anything else while a load is under way.
        open_second: Opens another one.
        wake: Called from another thread when a load is done.
    """

    def __init__(
        self,
        first: Connection[TupleRow],
        open_second: Callable[[], Connection[TupleRow]],
        wake: Callable[[], None],
    ) -> None:
        self._connections = [first]
        self._open_second = open_second
        self._wake = wake
        self._width = LANES
        self._threads = ThreadPoolExecutor(LANES, thread_name_prefix="load")
        self.under_way: deque[Load] = deque()

    @property
    def are_full(self) -> bool:
        """Tell whether the oldest load must be taken before another one can start."""
        return len(self.under_way) >= min(self._width, len(self._connections))

    @property
    def oldest_is_done(self) -> bool:
        """Tell whether the oldest load waits for its COMMIT."""
        return bool(self.under_way) and self.under_way[0].future.done()

    def start_batches(
        self,
        stream: Stream,
        batches: list[Batch],
        state: dict[str, Any] | None,
        bookmarks: dict[str, dict[str, Any]],
    ) -> None:
        """Start to load batches in a transaction of their own; there must be room."""
        refusals_allowed = stream.refusals_allowed(sum(batch.rows for batch in batches))

        def load(connection: Connection[TupleRow]) -> Loaded:
            stream.prepare_batches(connection, batches)
            connection.execute("BEGIN")
            connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'".encode())
            return stream.load_batches(connection, batches, refusals_allowed)

        self._start(load, stream, batches, state, bookmarks)

    def start_rows(self, stream: Stream, state: dict[str, Any] | None, bookmarks: dict[str, dict[str, Any]]) -> None:
        """Start to load the rows that wait, in a transaction of their own; nothing else may be under way."""
        blocks = stream.take_rows()
        refusals_allowed = stream.refusals_allowed(sum(block.rows for block in blocks))

        def load(connection: Connection[TupleRow]) -> Loaded:
            connection.execute("BEGIN")
            return stream.load_rows(connection, blocks, refusals_allowed)

        self._start(load, stream, [], state, bookmarks)

    def _start(
        self,
        load: Callable[[Connection[TupleRow]], Loaded],
        stream: Stream,
        batches: list[Batch],
        state: dict[str, Any] | None,
        bookmarks: dict[str, dict[str, Any]],
    ) -> None:
        connection = self._free_connection()
        future = self._threads.submit(load, connection)
        self.under_way.append(Load(stream, batches, state, bookmarks, connection, future))
        future.add_done_callback(lambda _: self._wake())

    def _free_connection(self) -> Connection[TupleRow]:
        taken = [load.connection for load in self.under_way]
        return next(connection for connection in self._connections if connection not in taken)

    def widen(self) -> None:
        """Open the second connection if it is not open yet; without one, loads come one by one."""
        if self._width > len(self._connections):
            try:
                self._connections.append(self._open_second())
            except WarehouseError as error:
                logger.warning("There is no second connection to load with, so one does it all. %s", error)
                self._width = 1

    def narrow(self) -> None:
        """Load one by one from now on."""
        self._width = 1

    def abandon(self) -> list[Load]:
        """Roll back all loads that are under way, and return them, the oldest first."""
        abandoned = list(self.under_way)
        for load in abandoned:
            if not load.future.done():
                with suppress(psycopg.Error):
                    load.connection.cancel_safe(timeout=_CANCEL_SECONDS)
        wait([load.future for load in abandoned])
        for load in abandoned:
            if load.connection.info.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}:
                with suppress(psycopg.Error):
                    load.connection.execute("ROLLBACK")
        self.under_way.clear()
        return abandoned

    def close(self) -> None:
        """Give back the second connection; loads under way are rolled back."""
        self.abandon()
        self._threads.shutdown()
        for connection in self._connections[1:]:
            connection.close()
        del self._connections[1:]
