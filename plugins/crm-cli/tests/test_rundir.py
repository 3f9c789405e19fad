from __future__ import annotations

import os
from typing import TYPE_CHECKING

from crm_cli.rundir import remove_abandoned, run_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_has_a_private_folder_that_goes_with_it(tmp_path: Path) -> None:
    with run_folder(tmp_path / ".crm" / "runs", "one") as (folder, _):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        (folder / "config.json").write_text("{}")
    assert not folder.exists()


def test_only_folders_without_a_process_are_removed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("killed", "being made"):
        (runs / name).mkdir(parents=True)
    (runs / "killed" / ".lock").touch()
    (runs / "killed" / "config.json").write_text("secret")
    with run_folder(runs, "other") as (other, descriptor):
        assert not (runs / "killed").exists()
        inherited = os.dup(descriptor)
        assert remove_abandoned(runs) == []
        assert other.exists()
    os.close(inherited)
    assert (runs / "being made").exists()
