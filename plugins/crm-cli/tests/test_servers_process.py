"""Whether a process is still the one we started."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from crm_cli.servers import process

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_process_is_known_by_what_its_command_says() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "the-marker"], stdin=subprocess.PIPE) as child:
        assert process.is_running(child.pid, "the-marker")
        assert not process.is_running(child.pid, "another")
        child.kill()
    assert not process.is_running(child.pid, "the-marker")


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the command line is read from /proc")  # noqa: PTH110
def test_the_moment_of_an_exec_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a program replaces another, its command line is empty: it was taken for a server that had died."""
    answers: Iterator[tuple[str, str]] = iter([("R", ""), ("R", ""), ("S", "server --datadir=here")])
    monkeypatch.setattr(process, "_linux_process", lambda _: next(answers))
    assert process.is_running(1, "--datadir=here")


def test_a_zombie_has_no_command_line_and_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_linux_process", lambda _: ("Z", ""))
    assert not process.is_running(1, "here")
