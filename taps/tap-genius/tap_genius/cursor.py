"""An unbuffered cursor that splits rows in one loop, and can take joined rows as raw packets.

PyMySQL reads each field through three method calls; with thirty columns that is half of the time of a
read. This cursor takes the same packets from the same connection and applies the same decoders. It relies on
private names of PyMySQL (``_result`` with ``converters``, ``unbuffered_active`` and ``_check_packet_is_eof``;
``_read_packet``, ``_force_close``); a test compares its rows with those of PyMySQL's own cursor.

``joined`` goes one step further: it takes the packets out of PyMySQL's buffered socket (``_rfile``), many at a time,
and so needs ``_next_seq_id`` as well. That is done only with the versions of PyMySQL that it was tested with; with any
other, the rows come through PyMySQL's public cursor, which costs half of the speed.
"""

from __future__ import annotations

import struct
import typing as t

import pymysql
from pymysql.constants import CR
from pymysql.cursors import SSCursor
from pymysql.protocol import MysqlPacket
from tap_kit.values import convert_text
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# First byte of a length-encoded string (dev.mysql.com, "Protocol::LengthEncodedInteger").
NULL = 251
TWO_BYTES = 252
THREE_BYTES = 253
EIGHT_BYTES = 254
ERROR = 255
# A packet of this length goes on in the next one.
LARGEST_PACKET = 0xFFFFFF
HEADER = 4

PIECE = 1 << 18
ROWS_OF_A_GROUP = 1_000
RAW_VERSIONS = frozenset({(1, 1), (1, 2)})
reads_raw_packets = pymysql.VERSION[:2] in RAW_VERSIONS
_read_header = struct.Struct("<I").unpack_from


class RowCursor(SSCursor):
    """Unbuffered cursor of a connection with ``use_unicode=False``: decoders get bytes."""

    def rows(self) -> Iterator[tuple[t.Any, ...]]:
        """Yield the rows of the statement that was executed last."""
        result: t.Any = vars(self)["_result"]
        read_packet = result.connection._read_packet  # noqa: SLF001
        decoders = [decode or convert_text for _, decode in result.converters]
        row: list[t.Any]
        while True:
            packet = read_packet()
            if result._check_packet_is_eof(packet):  # noqa: SLF001
                result.unbuffered_active = False
                result.connection = None
                return
            data, place, row = packet.get_all_data(), 0, []
            for decode in decoders:
                length = data[place]
                if length < NULL:
                    start = place + 1
                elif length == NULL:
                    row.append(None)
                    place += 1
                    continue
                else:
                    size = 2 if length == TWO_BYTES else 3 if length == THREE_BYTES else 8
                    start = place + 1 + size
                    length = int.from_bytes(data[place + 1 : start], "little")
                place = start + length
                row.append(decode(data[start:place]))
            yield tuple(row)

    def joined(self, statement: str, parameters: t.Sequence[t.Any]) -> Iterator[list[bytes | None]]:
        """Execute a statement with one column, and yield its values in groups, as they came; NULL is None."""
        if reads_raw_packets:
            self.execute(statement, tuple(parameters))
            return self._raw_groups()
        return self._public_groups(statement, parameters)

    def _public_groups(self, statement: str, parameters: t.Sequence[t.Any]) -> Iterator[list[bytes | None]]:
        connection: t.Any = vars(self)["connection"]
        decoders, connection.decoders = connection.decoders, {}
        try:
            with SSCursor(connection) as cursor:
                cursor.execute(statement, tuple(parameters))
                while rows := cursor.fetchmany(ROWS_OF_A_GROUP):
                    yield [value for (value,) in rows]
        finally:
            connection.decoders = decoders

    def _raw_groups(self) -> Iterator[list[bytes | None]]:  # noqa: C901, PLR0912 - one loop, no call per row
        """Yield the values, each a packet of its own, in groups of what one read of the socket brings."""
        result: t.Any = vars(self)["_result"]
        connection = result.connection
        buffer, place, number = b"", 0, connection._next_seq_id  # noqa: SLF001
        while True:
            group: list[bytes | None] = []
            append, end, missing = group.append, len(buffer), HEADER
            while end - place >= HEADER:
                (header,) = _read_header(buffer, place)
                size = header & LARGEST_PACKET
                stop = place + HEADER + size
                if stop > end or size == LARGEST_PACKET:
                    missing = stop - end
                    break
                kind = buffer[place + HEADER]
                if kind < NULL:
                    append(buffer[place + 5 : stop])
                elif kind == TWO_BYTES:
                    append(buffer[place + 7 : stop])
                elif kind == THREE_BYTES:
                    append(buffer[place + 8 : stop])
                elif kind == NULL:
                    append(None)
                else:
                    _check_number(connection, header, number + len(group))
                    result.unbuffered_active = False
                    if kind == ERROR:
                        MysqlPacket(buffer[place + HEADER : stop], connection.encoding).raise_for_error()
                    # An EOF: nothing else begins with 254, because a longer value comes in packets of the largest size.
                    result.connection = None
                    if group:
                        yield group
                    return
                place = stop
            else:
                header = LARGEST_PACKET
            if group:
                number = (number + len(group)) & 255
                yield group
            if header & LARGEST_PACKET == LARGEST_PACKET and end - place >= HEADER:
                value, number, buffer = _read_long(connection, buffer[place:], number)
                place = 0
                yield [value]
            else:
                if end - place >= HEADER:
                    _check_number(connection, header, number)
                buffer, place = buffer[place:] + _receive(connection, missing), 0

    @override
    def close(self) -> None:
        """Let go of the result; if it was not read to its end, close the connection with it.

        MySQL cannot be told to stop sending. PyMySQL reads what is left, which hides a signal for as long as the
        server is busy, and fails with an AttributeError when the connection is the very thing that was lost.
        """
        result: t.Any = vars(self).get("_result")
        if result is not None and result.unbuffered_active:
            connection, result.connection, result.unbuffered_active = result.connection, None, False
            connection._force_close()  # noqa: SLF001
        vars(self)["connection"] = None

    # PyMySQL binds its own close to the name.
    __del__ = close


def _receive(connection: t.Any, missing: int) -> bytes:  # noqa: ANN401 - PyMySQL's
    """Return what the socket has, or all that is missing if that is more than a piece.

    Raises:
        pymysql.OperationalError: If the connection is lost.
    """
    source = connection._rfile  # noqa: SLF001
    try:
        data: bytes = source.read1(PIECE) if missing <= PIECE else source.read(missing)
    except OSError as error:
        connection._force_close()  # noqa: SLF001
        raise pymysql.OperationalError(CR.CR_SERVER_LOST, f"Lost connection to MySQL server ({error})") from error
    if not data or len(data) < missing > PIECE:
        connection._force_close()  # noqa: SLF001
        raise pymysql.OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
    return data


def _check_number(connection: t.Any, header: int, expected: int) -> None:  # noqa: ANN401 - PyMySQL's
    """Check the number that a packet carries: packets are counted, round to 255.

    Raises:
        pymysql.InternalError: If some were lost or doubled.
    """
    if header >> 24 != expected & 255:
        connection._force_close()  # noqa: SLF001
        raise pymysql.InternalError("Packet sequence number wrong")


def _read_long(connection: t.Any, data: bytes, number: int) -> tuple[bytes, int, bytes]:  # noqa: ANN401 - PyMySQL's
    """Read a value of 16 MB or more, which comes in several packets; ``data`` starts with the first one.

    Returns the value, the number of the next packet, and what was read beyond.
    """
    parts = []
    size = LARGEST_PACKET
    while size == LARGEST_PACKET:
        while len(data) < HEADER:
            data += _receive(connection, HEADER)
        (header,) = _read_header(data)
        _check_number(connection, header, number)
        number = (number + 1) & 255
        size = header & LARGEST_PACKET
        while len(data) < HEADER + size:
            data += _receive(connection, HEADER + size - len(data))
        parts.append(data[HEADER : HEADER + size])
        data = data[HEADER + size :]
    value = b"".join(parts)
    prefix = 9 if value[0] == EIGHT_BYTES else 4
    return value[prefix:], number, data
