"""A source that changes while it is read."""

from __future__ import annotations

import contextlib
import random
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Self

import pymysql

if TYPE_CHECKING:
    from types import TracebackType

    from crm_cli.servers.mariadb import Database

_LONGEST_TRANSACTION_SECONDS = 0.3
_PAUSE_SECONDS = 0.05


class Writer:
    """Changes and adds prospects, a few in each transaction, until it is stopped.

    A row carries the time of its statement and appears up to a third of a second later, when its transaction
    commits: the re-read window of the tap is meant for that.
    """

    def __init__(self, source: Database, rows: int, seed: str) -> None:
        self.transactions = 0
        self._newest = rows
        self._source = source
        self._rows = rows
        self._random = random.Random(seed)  # noqa: S311 -- no secret
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Commit the last transaction, then return."""
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stop.is_set():
            # The server may be killed, and be up again: what counts is what it has kept.
            with contextlib.suppress(pymysql.err.OperationalError, pymysql.err.InterfaceError):
                self._write_until_cut()
            self._stop.wait(_PAUSE_SECONDS)

    def _write_until_cut(self) -> None:
        with closing(self._source.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = ''")
            while not self._stop.is_set():
                for number in self._random.sample(range(1, self._rows), 3):
                    cursor.execute(
                        "UPDATE prospect SET first_name = %s, updated_at = NOW() WHERE id = %s",
                        (f"Changed {self.transactions}", number),
                    )
                self._newest += 1
                cursor.execute(
                    "INSERT INTO prospect (id, division_id, first_name, last_name, add_date, updated_at)"
                    " VALUES (%s, 1, 'New', 'Row', NOW(), NOW())",
                    (self._newest,),
                )
                self._stop.wait(self._random.uniform(0, _LONGEST_TRANSACTION_SECONDS))
                connection.commit()
                self.transactions += 1
