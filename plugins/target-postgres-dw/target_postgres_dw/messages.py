"""Reads Singer messages from standard input, and lets the loader act while the tap is silent."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import sys
from collections import Counter
from contextlib import suppress
from datetime import datetime  # noqa: TC003 -- msgspec needs the class
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.singerlib.encoding.base import GenericSingerReader

from target_postgres_dw.errors import InputError, TornInputError, at_line, is_located, located

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
# The name of a stream near the start of a line that is otherwise unreadable; nothing of a record can match.
_STREAM = re.compile(rb'^\s*\{(?:\s*"type"\s*:\s*"[A-Z_]{1,20}"\s*,)?\s*"stream"\s*:\s*"([^"\\]{1,200})"')
_CHUNK = 1 << 20
_IDLE_SECONDS = 1.0
_WAKES = 4096


# How a RECORD begins if its stream can be told without decoding it.
_HEAD = re.compile(rb'\{"type": ?"RECORD", ?"stream": ?"([^"\\]*)"')
# As much as the pipe from the tap may hold, where that can be set: the two take turns less often.
_PIPE_BYTES = 1 << 18


class Message(msgspec.Struct, gc=False):
    """A Singer message of any type; what is decoded later is left as JSON text, empty if absent."""

    type: str
    stream: str | None = None
    record: msgspec.Raw = msgspec.Raw()
    schema: msgspec.Raw = msgspec.Raw()
    key_properties: list[str] | None = None
    bookmark_properties: list[str] | None = None
    value: msgspec.Raw = msgspec.Raw()
    version: int | None = None
    time_extracted: str | None = None
    encoding: msgspec.Raw = msgspec.Raw()
    manifest: list[str] = []
    rows: int | None = None
    disjoint: bool = False


class RunHeader(msgspec.Struct, gc=False):
    """What a tap of this suite says of its run in its first STATE."""

    crm_source: str
    streams: list[str] | None = None
    started_at: datetime | None = None
    configuration: dict[str, Any] | None = None


class SyncReport(msgspec.Struct, gc=False):
    """The shape of ``sync_report``; more may stand in it."""

    run: RunHeader | None = None
    streams: dict[str, dict[str, Any]] | None = None


class Interrupted(SystemExit):
    """A signal asked the loader to end."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(128 + signal_number)
        self.signal_name = signal.Signals(signal_number).name


class MessageReader(GenericSingerReader[bytes]):
    """Yields messages to the target's handlers; calls ``on_idle`` about once a second when none comes, or on ``wake``.

    Signals end the reading between two messages, never in the middle of a transaction.

    Most messages are RECORDs of the same stream as the one before. ``on_records`` may give a function that takes many
    lines of a stream at once, and returns how many it took: all, or none if one of them is not like the others. Then
    they are passed on one by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.on_idle: Callable[[], None] | None = None
        self.on_records: Callable[[str], Callable[[bytes], int] | None] | None = None
        self._decoder = msgspec.json.Decoder(Message)
        self._signal: int | None = None
        self._wakeup: int | None = None
        # Whether the line in hand is the last one and has no line end. It may be whole all the same.
        self._is_torn = False

    @property
    def default_input(self) -> IO[bytes]:
        """Standard input."""
        return sys.stdin.buffer

    def interrupt(self, signal_number: int) -> None:
        """Ask for the reading to end; safe in a signal handler."""
        self._signal = signal_number
        self.wake()

    def wake(self) -> None:
        """End the wait for the next message, if there is one; from any thread."""
        wakeup = self._wakeup
        if wakeup is not None:
            with suppress(OSError):
                os.write(wakeup, b"!")

    def deserialize_json(self, line: str | bytes) -> dict[str, Any]:
        """Decode one line; the SDK's own entry, not used by ``process_lines``."""
        decoded: dict[str, Any] = msgspec.json.decode(line)
        return decoded

    def process_lines(self, file_input: IO[Any] | None, callbacks: dict[Any, Callable[[Any], None]]) -> Counter[str]:
        """Pass each message to the callback of its type.

        Raises:
            InputError: if a line is no Singer message, or its callback refuses it; names the line.
            Interrupted: after ``interrupt``.
        """
        by_type = {str(getattr(kind, "value", kind)): callback for kind, callback in callbacks.items()}
        counts: Counter[str] = Counter()
        blocks = self._blocks(sys.stdin.buffer.fileno()) if file_input is None else map(_encoded, file_input)
        number, take = 1, None
        for block in blocks:
            self._end_if_asked()
            if take is not None and (taken := take(block)):
                counts["RECORD"] += taken
                number += taken
                continue
            for stream, group in groupby(_lines(block), _stream_of):
                lines = list(group)
                take = self.on_records(stream) if self.on_records is not None and stream is not None else None
                taken = take(b"\n".join(lines)) if take is not None else 0
                counts["RECORD"] += taken
                for at, line in enumerate(lines[taken:], start=number):
                    self._end_if_asked()
                    if line.strip():
                        counts[self._pass_on(at, line, by_type).type] += 1
                number += len(lines)
        self._end_if_asked()
        return counts

    def _end_if_asked(self) -> None:
        if self._signal is not None:
            raise Interrupted(self._signal)

    def _pass_on(self, number: int, line: bytes, callbacks: dict[str, Callable[[Any], None]]) -> Message:
        """Pass the message of a line to the callback of its type, and return it."""
        try:
            message = self._decode(line)
            callback = callbacks[message.type]
        except (msgspec.DecodeError, UnicodeError, KeyError, RecursionError) as error:
            raise self._refusal(number, line) from error
        try:
            callback(message)
        except (InputError, MissingKeyPropertiesError, RecordsWithoutSchemaException) as error:
            if is_located(error):
                raise
            raise located(error, number) from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self._refusal(number, line) from error
        return message

    def _refusal(self, number: int, line: bytes) -> InputError:
        """Say that a line is no message: which line, and of which stream if it can be told. Never what it says."""
        named = _STREAM.search(line)
        stream = named[1].decode(errors="replace") if named else None
        if self._is_torn:
            return TornInputError(
                f"{_place(number, stream)} breaks off in the middle: the tap was killed, or it crashed; its log says "
                "why. What was committed stands; the next run goes on from there."
            )
        return no_message(number, stream)

    def _decode(self, line: bytes) -> Message:
        try:
            return self._decoder.decode(line)
        except msgspec.DecodeError:
            # Python's own json writes half a surrogate pair as an escape. It is no text, and Postgres refuses it.
            whole = whole_text(line)
            if whole == line:
                raise
            return self._decoder.decode(whole)

    def _blocks(self, source: int) -> Iterator[bytes]:
        """Yield whole lines of a file descriptor, as they come; meanwhile, call ``on_idle`` when nothing comes."""
        wake, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        with suppress(OSError, AttributeError):  # no pipe, more than the system allows, or not Linux
            fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        rest: list[bytes] = []
        try:
            while self._signal is None:
                ready, _, _ = select.select([source, wake], [], [], _IDLE_SECONDS)
                if wake in ready:
                    os.read(wake, _WAKES)
                if source not in ready:
                    if self.on_idle is not None and self._signal is None:
                        self.on_idle()
                    continue
                chunk = os.read(source, _CHUNK)
                if not chunk:
                    break
                end = chunk.rfind(b"\n") + 1
                if end:
                    yield b"".join([*rest, chunk[:end]])
                    rest = []
                rest.append(chunk[end:])
            if last := b"".join(rest):
                self._is_torn = True
                yield last
        finally:
            writer, self._wakeup = self._wakeup, None
            os.close(wake)
            os.close(writer)


def _encoded(line: str | bytes) -> bytes:
    return line.encode(errors="surrogatepass") if isinstance(line, str) else line


def _lines(block: bytes) -> list[bytes]:
    return block.removesuffix(b"\n").split(b"\n")


def _stream_of(line: bytes) -> str | None:
    """Return the stream of a RECORD; None if it is none, or if only its decoder can tell."""
    found = _HEAD.match(line)
    return found[1].decode(errors="replace") if found else None


def whole_text(data: bytes) -> bytes:
    """Return JSON in which half a surrogate pair, written as an escape, is U+FFFD: it is no text."""
    return _ESCAPE.sub(lambda match: b"\\ufffd" if match["half"] else match[0], data)


def no_message(line: int, stream: str | None) -> InputError:
    """Return the error for a line that is none of Singer's."""
    error = InputError(
        f"{_place(line, stream)} is no Singer message. A tap must print nothing else to standard output; run it alone "
        "to see what it prints."
    )
    return at_line(error, line)


def _place(line: int, stream: str | None) -> str:
    return f"Line {line} of the input" + (f" (stream {stream})" if stream else "")
