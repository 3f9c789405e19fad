"""Starting the tap and the loader: as commands, or forked from a process that has imported them once.

Importing takes a second or more of processor time, and a chaos session starts hundreds of programs. A forked one is
a process like any other: its own number, its own pipes and signals, killed and waited for alike.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

BIN = Path(sys.executable).parent
ENTRY_POINTS = {
    "tap-genius": ("tap_genius.tap", "TapGenius"),
    "target-postgres-dw": ("target_postgres_dw.target", "TargetPostgresDw"),
    "eager target-postgres-dw": ("crash.eager", "EagerLoader"),
    "jumping tap-genius": ("crash.jumping_clock", "JumpingTap"),
    "jumping target-postgres-dw": ("crash.jumping_clock", "JumpingLoader"),
}
SCRIPTS = {"counting-tap": Path(__file__).parent / "counting_tap.py"}
_LONGEST_REQUEST = 1 << 16


def unmeasured() -> dict[str, str]:
    """Return the environment without coverage: a signal within its lock would leave the lock taken for ever."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


class Running(Protocol):
    """A process that was started; what we use of ``subprocess.Popen``."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs, as far as we have looked."""

    def poll(self) -> int | None:
        """Look whether it has ended; return the exit code if so."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the exit code."""

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""


class Starter(Protocol):
    """Starts programs by name."""

    def start(self, program: str, arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int) -> Running:
        """Start a program with the file descriptors given."""


class Commands:
    """Starts the installed commands, as a user would."""

    def start(self, program: str, arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int) -> Running:
        """Start a program with the file descriptors given; an eager loader is the ordinary one here."""
        program = program.removeprefix("eager ")
        words = [sys.executable, str(SCRIPTS[program])] if program in SCRIPTS else [str(BIN / program)]
        return subprocess.Popen([*words, *arguments], stdin=stdin, stdout=stdout, stderr=stderr, env=unmeasured())


class Forked:
    """A process that the nursery has forked for us and waits for in our place."""

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers.makefile("r", encoding="ascii")
        answers.close()
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Look whether it has ended."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.returncode = int(self._answers.readline())
            self._answers.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.poll() is None and not select.select([self._answers], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Nursery:
    """Forks programs from a process of its own, which has imported them once. Use as a context manager."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            environment = unmeasured() | {"PYTHONPATH": os.pathsep.join(sys.path)}
            command = [sys.executable, "-m", "crash.processes", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
        self._requests = ours

    def __enter__(self) -> Self:
        """Wait until everything is imported."""
        assert self._requests.recv(8) == b"ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the nursery; what it has forked goes on."""
        self._requests.close()
        self._process.wait()

    def start(self, program: str, arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int) -> Running:
        """Fork a program with the file descriptors given; a script, which is quick to start, is run."""
        if program in SCRIPTS:
            return Commands().start(program, arguments, stdin=stdin, stdout=stdout, stderr=stderr)
        ours, theirs = socket.socketpair()
        request = json.dumps({"program": program, "arguments": list(arguments)}).encode()
        with theirs:
            socket.send_fds(self._requests, [request], [stdin, stdout, stderr, theirs.fileno()])
        return Forked(ours)


def _serve(requests: socket.socket) -> None:
    """Fork a child for each request, and tell the exit code of each on its own socket; end with the requests."""
    for module, _ in ENTRY_POINTS.values():
        importlib.import_module(module)
    # Imported by the first message or connection otherwise.
    for module in ("sqlalchemy.dialects.postgresql.psycopg", "pymysql.cursors", "jsonschema"):
        importlib.import_module(module)
    wakeup, signalled = os.pipe()
    os.set_blocking(signalled, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(signalled)
    answers: dict[int, socket.socket] = {}
    requests.send(b"ready")
    while True:
        ready, _, _ = select.select([requests.fileno(), wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 512)
            _tell_ends(answers)
        if requests.fileno() not in ready:
            continue
        text, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 4)
        if not text:
            return
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(**json.loads(text), descriptors=descriptors)
        answer = socket.socket(fileno=descriptors.pop())
        answer.sendall(f"{pid}\n".encode())
        answers[pid] = answer
        for descriptor in descriptors:
            os.close(descriptor)


def _tell_ends(answers: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with answers.pop(pid) as answer, contextlib.suppress(OSError):
                answer.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(program: str, arguments: list[str], descriptors: list[int]) -> None:
    """Run a program in this process, and end with its exit code."""
    code = 1
    try:
        for target, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, target)
        os.closerange(3, 256)
        random.seed()
        sys.argv = [program, *arguments]
        module, name = ENTRY_POINTS[program]
        getattr(sys.modules[module], name).cli()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 -- as the interpreter does it
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
