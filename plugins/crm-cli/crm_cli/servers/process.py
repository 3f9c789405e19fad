"""Starting programs as the server's account, and knowing whether a process is still the one we started."""

from __future__ import annotations

import os
import subprocess
import time
import typing as t
from pathlib import Path

from crm_cli.servers.errors import ServerError

if t.TYPE_CHECKING:
    from crm_cli.servers.account import Account

_GONE = {"Z", "X"}
_EXEC_ATTEMPTS = 200
_EXEC_PAUSE_SECONDS = 0.005


def run(
    command: t.Sequence[str | Path],
    *,
    account: Account | None,
    folder: Path,
    feed: str | None = None,
    environment: t.Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program as the account to its end and return its exit code and output.

    The environment is a bare one: variables such as PGDATA or MYSQL_HOME must not reach a private server.

    Raises:
        ServerError: The program cannot be started.
    """
    names: dict[str, t.Any] = {}
    if account is not None:
        names = {"user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        return subprocess.run(  # noqa: S603 - the program is one of ours, found by full path
            [str(word) for word in command],
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            input=feed,
            stdin=subprocess.DEVNULL if feed is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            umask=0o077,
            **names,
        )
    except OSError as error:
        who = f" as '{account.name}'" if account is not None else ""
        raise ServerError(f"Cannot run {command[0]}{who}: {error.strerror}.") from error


def is_running(pid: int, marker: str) -> bool:
    """Tell whether the process lives and has the marker in its command line.

    The marker guards against a reused process number. A zombie (its parent does not collect it, common for PID 1 of a
    container) counts as gone.
    """
    proc = Path("/proc/self/stat")
    try:
        if proc.exists():
            state, command = _linux_process(pid)
            # In the middle of an exec the command line is empty for a moment; that of a zombie stays empty.
            for _ in range(_EXEC_ATTEMPTS):
                if command or state in _GONE:
                    break
                time.sleep(_EXEC_PAUSE_SECONDS)
                state, command = _linux_process(pid)
            return marker in command and state not in _GONE
        listing = run(["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], account=None, folder=Path("/")).stdout
        return marker in listing and not listing.lstrip().startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _linux_process(pid: int) -> tuple[str, str]:
    """Return the state letter and the command line of a process."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    return stat.rpartition(")")[2].split()[0], command


def works_in(folder: Path) -> bool:
    """Tell whether any live process has the folder as its working folder (Linux; elsewhere none is seen)."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder:
                return True
        except OSError:  # gone, a zombie, or another account's
            continue
    return False


def wait_until(condition: t.Callable[[], bool], *, seconds: float) -> bool:
    """Ask again and again until the condition holds; False if it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def tail(log: Path, start: int = 0) -> str:
    """Return what a log says from a byte position on."""
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode("utf-8", errors="replace")


def start(
    command: t.Sequence[str | Path],
    *,
    account: Account | None,
    folder: Path,
    log: Path,
    environment: t.Mapping[str, str] | None = None,
) -> int:
    """Start a program that outlives the caller and return its process number.

    It is nobody's child (a shell starts it and ends), so it never becomes a zombie of ours, and it has its own session,
    so Ctrl-C in the terminal does not reach it.

    Raises:
        ServerError: The program cannot be started.
    """
    shell = 'log=$1; shift; setsid=$(command -v setsid || true); $setsid "$@" >>"$log" 2>&1 </dev/null & echo $!'
    started = run(
        ["/bin/sh", "-c", shell, "sh", log, *command], account=account, folder=folder, environment=environment
    )
    if started.returncode != 0:
        raise ServerError(f"Cannot run {command[0]}: {started.stderr.strip()}.")
    return int(started.stdout)
