"""Runs commands as a pipe, and measures their time and their memory."""

from __future__ import annotations

import os
import subprocess
import time
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from pathlib import Path

Command: t.TypeAlias = "t.Sequence[str | Path]"
# What cron leaves of an environment, near enough: Meltano's time grows with the number of variables.
_KEPT = ("HOME", "PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class Measurement:
    """What a pipe took.

    Attributes:
        seconds: On the wall, start-up included.
        cpu_seconds: Of its processes, without the servers.
        megabytes: The peak resident memory of each process.
    """

    seconds: float
    cpu_seconds: float
    megabytes: tuple[float, ...]


class PipeFailedError(Exception):
    """A command ended with another code than 0; the end of what it said."""


def measure(
    *commands: Command, folder: Path, environment: t.Mapping[str, str] | None = None, log: str = "pipe.log"
) -> Measurement:
    """Run commands as a pipe in a folder, where their standard error is kept, with little more than ``environment``.

    Raises:
        PipeFailedError: If one of them fails.
    """
    processes: list[subprocess.Popen[bytes]] = []
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    start = time.perf_counter()
    with (folder / log).open("wb") as errors:
        for position, command in enumerate(commands):
            processes.append(
                subprocess.Popen(
                    command,
                    stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if position < len(commands) - 1 else subprocess.DEVNULL,
                    stderr=errors,
                    cwd=folder,
                    env={**kept, **(environment or {})},
                )
            )
    for process in processes[:-1]:
        assert process.stdout is not None
        process.stdout.close()
    peaks, cpu = [], 0.0
    for process, command in zip(processes, commands, strict=True):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peaks.append(usage.ru_maxrss / 1024)
        cpu += usage.ru_utime + usage.ru_stime
        if process.returncode:
            said = (folder / log).read_text(errors="replace")[-1000:]
            raise PipeFailedError(f"{command[0]} ended with {process.returncode}: {said}")
    return Measurement(time.perf_counter() - start, cpu, tuple(peaks))


def best(run: t.Callable[[], Measurement], times: int) -> Measurement:
    """Return the quickest of some runs: what else the machine does only ever adds."""
    return min((run() for _ in range(times)), key=lambda measured: measured.seconds)
