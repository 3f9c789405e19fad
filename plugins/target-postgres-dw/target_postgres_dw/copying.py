"""COPY over psycopg, in memory that does not grow with it."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from psycopg.copy import LibpqWriter
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection
    from psycopg.abc import Buffer
    from psycopg.rows import TupleRow


class PromptWriter(LibpqWriter):
    """Sees each piece off before it asks for the next one.

    psycopg leaves that to libpq (3.3: ``PREFER_FLUSH`` is for macOS alone), whose buffer then grows to the size of the
    whole COPY, and is moved to its start each time that the socket has taken a little.
    """

    @override
    def write(self, data: Buffer) -> None:
        """Hand a piece to the socket.

        Raises:
            psycopg.OperationalError: If the connection is lost.
        """
        super().write(data)
        while self.connection.pgconn.flush():
            select.select([], [self.connection], [])


def copy_in(conn: Connection[TupleRow], statement: str, pieces: Iterable[bytes]) -> int:
    """Execute a COPY FROM STDIN with the pieces of its text; return how many rows Postgres took."""
    with conn.cursor() as cursor:
        with cursor.copy(statement.encode(), writer=PromptWriter(cursor)) as copy:
            for piece in pieces:
                copy.write(piece)
        return cursor.rowcount
