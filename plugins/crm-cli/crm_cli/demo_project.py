"""The demo's own Meltano project: the definitions of this one, none of its settings.

The demo must never read a real CRM nor write to a real warehouse, so it sees neither ``.env`` nor the variables
that set up plugins or Meltano: it works in a copy of the Meltano files and in a cleaned environment.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crm_cli.errors import CrmError
from crm_cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SETTINGS = re.compile(r"^(?:TAP_|TARGET_|MELTANO_|WAREHOUSE_URL$)")


@contextmanager
def demo_project(project: Project) -> Iterator[Project]:
    """Make the demo's project under ``.crm/demo`` and clean this process's environment for it.

    Raises:
        CrmError: if another demo runs in the same project.
    """
    folder = project.state_folder / "demo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    before = {name: os.environ.pop(name) for name in list(os.environ) if _SETTINGS.match(name)}
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CrmError("Another `crm demo` is at work in this project: wait for its end.") from error
        yield Project(_copy_definitions(project, folder / "project"), state=project.state_folder)
    finally:
        os.environ.update(before)
        os.close(descriptor)


def _copy_definitions(project: Project, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for file in project.files:
        copy = folder / file.relative_to(project.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return folder
