"""A signal in mid-write must not tear a line: CPython's buffered write may then return short, without an exception."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import pytest
from tap_kit.messages import ONE_SIGNAL_SECONDS, MessageWriter

LINE = b"x" * 200_000 + b"\n"
# Coverage's own lock would stay taken for ever if the signal's exception met it.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
ENDS_AT_A_SIGNAL = """
import signal
from tap_kit.messages import Interrupted, MessageWriter
writer = MessageWriter()
signal.signal(signal.SIGTERM, lambda number, frame: writer.interrupt(Interrupted(128 + number)))
try:
    while True:
        writer.write_line(b"x" * 200_000 + b"\\n")
except Interrupted:
    writer.write_line(b"END\\n")
    writer.flush()
    raise
"""


class ShortBuffer(io.BytesIO):
    def write(self, data: object) -> int:
        return super().write(bytes(memoryview(data))[:1000])  # type: ignore[arg-type]


def test_what_a_short_write_leaves_is_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = ShortBuffer()
    stdout = io.TextIOWrapper(buffer)
    monkeypatch.setattr(sys, "stdout", stdout)
    writer = MessageWriter()
    writer.write_line(LINE)
    writer.flush()
    assert buffer.getvalue() == LINE


def test_a_signal_while_the_reader_is_slow_tears_no_line() -> None:
    with subprocess.Popen([sys.executable, "-c", ENDS_AT_A_SIGNAL], stdout=subprocess.PIPE, env=UNMEASURED) as process:
        assert process.stdout is not None
        read = b""
        while len(read) < 10 * len(LINE):
            read += os.read(process.stdout.fileno(), 65536)
        process.send_signal(signal.SIGTERM)
        read += process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM
    *lines, end = read.splitlines(keepends=True)
    assert end == b"END\n"
    assert set(lines) == {LINE}


def test_nothing_follows_the_line_that_a_second_signal_tears() -> None:
    with subprocess.Popen([sys.executable, "-c", ENDS_AT_A_SIGNAL], stdout=subprocess.PIPE, env=UNMEASURED) as process:
        assert process.stdout is not None
        read = os.read(process.stdout.fileno(), 1)
        # Nobody reads: the first one is noted while the pipe is full, the second gives up the rest.
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(ONE_SIGNAL_SECONDS + 0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        read += process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM
    *lines, torn = read.splitlines(keepends=True)
    assert set(lines) <= {LINE}
    assert set(torn) == {ord("x")}, "neither an END nor a whole line"
