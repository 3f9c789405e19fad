"""Singer messages to stdout: encoded with msgspec, buffered, flushed whenever a STATE is written."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import typing as t

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message, StateMessage
from typing_extensions import override

# Decimals leave as exact JSON numbers. An unknown type is an error on purpose: that is how the slow
# path for values that need a judgement is entered (see stream.py).
encode: t.Final = msgspec.json.Encoder(decimal_format="number").encode

BUFFER_BYTES = 1 << 17
# A service manager signals the whole group, and a parent passes the signal on: two that come together are one.
ONE_SIGNAL_SECONDS = 1.0


class Interrupted(SystemExit):
    """The run was asked to end (SIGTERM or SIGINT)."""


class MessageWriter(GenericSingerWriter[bytes, Message]):
    """Writes messages to stdout in large pieces; a STATE is never kept waiting.

    A signal never tears a line: while a piece is being written, the wish to end is only noted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._writing = False
        self._interruption: Interrupted | None = None
        self._interrupted_at = 0.0

    @override
    def serialize_message(self, message: Message) -> bytes:
        return encode(message.to_dict())

    @override
    def write_message(self, message: Message) -> None:
        self.write_line(self.serialize_message(message) + b"\n")
        if isinstance(message, StateMessage):
            self.flush()

    def write_line(self, line: bytes) -> None:
        """Write one encoded message, its line end included."""
        self._buffer += line
        if len(self._buffer) > BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the reader.

        Raises:
            BrokenPipeError: If the reader has gone.
            Interrupted: If a signal came while the reader was slow.
        """
        # Set before the buffer is emptied: a signal in between would lose the piece.
        self._writing = True
        try:
            piece, self._buffer = memoryview(self._buffer), bytearray()
            # A signal that arrives while the pipe is full makes CPython's buffered write return short, without
            # an exception (seen with 3.11): whoever does not write the rest sends half a line.
            while piece:
                piece = piece[sys.stdout.buffer.write(piece) :]
            sys.stdout.buffer.flush()
        finally:
            self._writing = False
        if self._interruption is not None:
            interruption, self._interruption = self._interruption, None
            raise interruption

    def interrupt(self, interruption: Interrupted) -> None:
        """End the run: at once, or after the piece that is being written.

        A second signal does not wait: the reader may have stopped reading for good. It leaves a torn line, so
        nothing is written after it: a later STATE would claim the records that were lost with it.
        """
        if self._writing and self._interruption is None:
            self._interruption, self._interrupted_at = interruption, time.monotonic()
        elif not self._writing:
            raise interruption
        elif time.monotonic() - self._interrupted_at > ONE_SIGNAL_SECONDS:
            abandon_stdout()
            raise interruption


def abandon_stdout() -> None:
    """Point stdout to nowhere when the reader has gone or is given up, so that the exit is quiet and quick."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
