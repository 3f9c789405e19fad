"""Writing messages."""

from __future__ import annotations

import io
import typing as t
from contextlib import redirect_stdout
from decimal import Decimal

import pytest
from singer_sdk.singerlib import RecordMessage, StateMessage
from tap_kit.messages import Interrupted, MessageWriter, abandon_stdout, encode


class Reader(io.BytesIO):
    """A reader of the messages that does something while it is written to."""

    def __init__(self, act: t.Callable[[], None]) -> None:
        super().__init__()
        self.act = act

    def write(self, data: t.Any) -> int:
        half = len(data) // 2
        written = super().write(data[:half])
        self.act()
        return written + super().write(data[half:])


def test_numbers_are_exact() -> None:
    assert encode({"n": Decimal("1.10"), "big": 2**64 - 1}) == b'{"n":1.10,"big":18446744073709551615}'


def test_records_wait_for_a_state() -> None:
    out = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        writer = MessageWriter()
        writer.write_message(RecordMessage(stream="s", record={"a": 1}))
        assert out.buffer.tell() == 0
        writer.write_message(StateMessage({"x": 1}))
    out.seek(0)
    assert [line.split(",")[0] for line in out] == ['{"type":"RECORD"', '{"type":"STATE"']


def test_a_full_buffer_is_written() -> None:
    out = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        MessageWriter().write_line(b"x" * 200_000 + b"\n")
    assert out.buffer.tell() == 200_001


def test_a_signal_does_not_tear_a_line() -> None:
    writer = MessageWriter()
    out = io.TextIOWrapper(Reader(lambda: writer.interrupt(Interrupted(143))))
    with redirect_stdout(out):
        writer.write_line(b"a whole line\n")
        with pytest.raises(Interrupted):
            writer.flush()
    out.seek(0)
    assert out.read() == "a whole line\n"


@pytest.mark.parametrize(("apart", "arrives"), [(-1.0, "a whol"), (60.0, "a whole line\n")])
def test_a_second_signal_does_not_wait_for_the_reader(
    monkeypatch: pytest.MonkeyPatch, apart: float, arrives: str
) -> None:
    monkeypatch.setattr("tap_kit.messages.ONE_SIGNAL_SECONDS", apart)
    writer = MessageWriter()

    def twice() -> None:
        writer.interrupt(Interrupted(143))
        writer.interrupt(Interrupted(143))

    out = io.TextIOWrapper(Reader(twice))
    with redirect_stdout(out):
        writer.write_line(b"a whole line\n")
        with pytest.raises(Interrupted):
            writer.flush()
    out.seek(0)
    assert out.read() == arrives


def test_a_signal_between_writes_acts_at_once() -> None:
    with pytest.raises(Interrupted):
        MessageWriter().interrupt(Interrupted(143))


def test_abandoning_a_stdout_that_is_no_file_does_nothing() -> None:
    with redirect_stdout(io.StringIO()):
        abandon_stdout()
