"""BATCH messages: files of COPY text in a private folder, which the loader removes when it has committed their rows.

docs/batch.md describes the message and the format.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import stat
import sys
import tempfile
import time
import typing as t
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tap_kit.errors import Stop

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

FORMAT = "copy-text"
BATCH_ROWS = 50_000
# A file ends after so many bytes even if it has fewer rows.
BATCH_BYTES = 64 * 1024 * 1024
# So many files may wait for the loader. It must not wait for more of them before it loads (see its run.py).
FILES_AHEAD = 4
LOOK_SECONDS = 0.005
WAIT_SECONDS = 1_800.0
# A folder that nobody holds is swept after so long without a change in it: a loader may be about to open it.
SWEEP_SECONDS = 900.0
MEMORY = Path("/dev/shm")  # noqa: S108 - only a private folder below it is used
ROOM_BYTES = 512 * 1024 * 1024
LOCK = "lock"


class FolderFullError(Exception):
    """There is no room for another file, and none is about to be removed."""


def root_of(batch_config: Mapping[str, t.Any]) -> Path:
    """Return the folder that holds the folders of all runs: as set, else in memory if there is room, else on disk.

    Raises:
        Stop: If the setting names something that is not on this machine.
    """
    root = (batch_config.get("storage") or {}).get("root")
    if root:
        parts = urlsplit(root)
        if parts.scheme not in {"", "file"} or parts.netloc not in {"", "localhost"}:
            raise Stop(f"batch_config.storage.root is {root!r}; it must be a folder of this machine.")
        return Path(unquote(parts.path) if parts.scheme else root).absolute()
    with contextlib.suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
            return MEMORY
    return Path(tempfile.gettempdir())


class BatchFolder:
    """The files of one run, in a folder that only this user can enter.

    The tap holds a shared lock on a file in it, and so does the loader from its first BATCH on: a folder whose lock can
    be had belongs to runs that are gone, and is swept by the next run.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._lock = -1
        self._number = 0

    @contextlib.contextmanager
    def writing(self, stream: str) -> Iterator[BatchFile]:
        """Make a file, once the loader has left room for it; it is removed again unless it is kept.

        Raises:
            FolderFullError: If there is no room on the disk.
            BrokenPipeError: If the loader has gone.
            Stop: If the folder cannot be made, or the loader does not take the files.
        """
        folder = self._open()
        self._wait_for_room(folder)
        self._number += 1
        path = folder / f"{self._number:06d}-{stream}.copy"
        try:
            file = path.open("xb", buffering=0)
        except OSError as error:
            raise FolderFullError(f"{folder}: {error.strerror}") from error
        made = BatchFile(path, file)
        try:
            yield made
        finally:
            file.close()
            if not made.kept:
                path.unlink(missing_ok=True)

    def _open(self) -> Path:
        if self._folder is None:
            try:
                home = self._root / f"crm-batch-{os.getuid()}"
                self._root.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileExistsError):
                    home.mkdir(mode=0o700)
                found = home.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                    raise Stop(
                        f"The folder {home} is not ours alone, so no rows are written there. Remove it, or let "
                        "batch_config.storage.root name another one."
                    )
                _sweep(home)
                self._folder = Path(tempfile.mkdtemp(prefix="run-", dir=home))
                self._lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_SH)
            except OSError as error:
                raise Stop(
                    f"No folder for batches can be made in {self._root}: {error.strerror}. Let "
                    "batch_config.storage.root name another one, or unset batch_config."
                ) from error
        return self._folder

    def _wait_for_room(self, folder: Path) -> None:
        """Wait until fewer than ``FILES_AHEAD`` files wait, if somebody reads what we write."""
        deadline = time.monotonic() + WAIT_SECONDS
        reader = _piped_output()
        while reader is not None and len(os.listdir(folder)) > FILES_AHEAD:  # noqa: PTH208 - names only; one is the lock
            if _is_broken(reader):
                raise BrokenPipeError
            if time.monotonic() > deadline:
                raise Stop(
                    f"Nobody has taken a batch from {folder} for {WAIT_SECONDS:.0f} s. Batches need target-postgres-dw "
                    "as the loader, on the same machine; else unset batch_config.",
                    category="warehouse",
                )

    def close(self) -> None:
        """Let go of the folder; what the loader has not taken yet stays for it."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            if os.listdir(self._folder) == [LOCK]:  # noqa: PTH208 - names only
                (self._folder / LOCK).unlink()
                self._folder.rmdir()
        os.close(self._lock)
        self._folder = None


class BatchFile:
    """A file that is being written."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.kept = False
        self.size = 0
        self._file = file

    @property
    def url(self) -> str:
        """Where it lies, for the manifest."""
        return f"file://{quote(str(self.path))}"

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            FolderFullError: If they do not fit.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise FolderFullError(f"{self.path.parent}: {error.strerror}") from error
        self.size += len(data)

    def keep(self) -> None:
        """Leave the file to the loader."""
        self.kept = True


def _is_broken(descriptor: int) -> bool:
    """Wait a moment; tell whether the reader of a pipe has gone."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(LOOK_SECONDS * 1000))


def _piped_output() -> int | None:
    """Return the descriptor of standard output if it is a pipe: nobody takes files while a test or a file reads."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return None
    kind = os.fstat(descriptor).st_mode
    return descriptor if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) else None


def _sweep(home: Path) -> None:
    """Remove the folders of runs that are gone, their tap and their loader."""
    for folder in home.glob("run-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < SWEEP_SECONDS:
                continue
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(handle)
