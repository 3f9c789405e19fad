"""The folder of one run under ``.crm/runs``: Meltano's system directory, so that two runs share no file.

Two runs of one tap in the same system directory overwrite each other's catalog, and a killed Meltano leaves the
tap's configuration, passwords included, behind. Hence one folder per run, readable by its owner only, removed at
the end of the run; what a killed ``crm`` could not remove, the next one removes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = ".lock"


@contextmanager
def run_folder(runs: Path, run_id: str) -> Iterator[tuple[Path, int]]:
    """Make the folder of a run; yield it and the descriptor that says it is in use.

    The descriptor is meant to be inherited by the run's processes: the folder counts as in use as long as any
    process has it open, also after this one was killed.
    """
    runs.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    runs.mkdir(mode=0o700, exist_ok=True)
    remove_abandoned(runs)
    folder = runs / run_id
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder, descriptor
    finally:
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(runs: Path) -> list[str]:
    """Remove the folders of runs whose processes are all gone; return their names."""
    removed = []
    for folder in sorted(runs.glob("*")):
        with suppress(OSError):
            # No O_CREAT: a folder without its lock file is just being made, or being removed.
            descriptor = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
            finally:
                os.close(descriptor)
    return removed
