"""The demo, from a project that has nothing yet; and once more."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from crm_cli.project import Project
from crm_cli.servers.mariadb import PrivateMariaDB
from crm_cli.servers.postgres import EmbeddedPostgres
from crm_cli.sources import installed_sources
from crm_simulator import genius

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
COUNTS = ("streams", "processed", "created", "updated", "unchanged", "deleted", "failed")
HEAD = ["source", "status", *COUNTS, "seconds"]
# What a day in the made-up Genius changes.
GENIUS_DAY = {"streams": 30, "created": 71, "updated": 46, "deleted": 31, "failed": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A copy of the Meltano files, with settings that must not be used."""
    for file in Project(ROOT).files:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    shutil.copytree(ROOT / "transform", tmp_path / "transform")
    (tmp_path / ".env").write_text(
        "WAREHOUSE_URL=postgresql://nobody@127.0.0.1:1/real\nTAP_GENIUS_HOST=real.invalid\n"
        "TAP_GENIUS_FALLBACK_HOSTS='[\"other.invalid\"]'\nTARGET_POSTGRES_DW_HARD_DELETE=true\n"
    )
    yield tmp_path
    EmbeddedPostgres(tmp_path / ".crm" / "postgres").destroy()
    PrivateMariaDB(tmp_path / ".crm" / "mariadb").destroy()


def crm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "crm", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160", "MELTANO_ENVIRONMENT": "dev"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def table_after(text: str, step: str) -> dict[str, dict[str, int]]:
    """The table printed after a step: the counts of each line by its first word."""
    lines = [line.split() for line in text.split(step, 1)[1].splitlines()]
    head = lines.index(HEAD)
    table = {}
    for line in lines[head + 1 :]:
        if line and line[0][0].isalpha():
            # From the right: a status may be of two words, and the totals have none.
            counts = [int(word.replace(",", "")) for word in line[-1 - len(COUNTS) : -1]]
            table[line[0]] = dict(zip(COUNTS, counts, strict=True))
            if line[0] == "total":
                break
    return table


@pytest.mark.timeout(900)
def test_the_demo_works_and_works_again(folder: Path) -> None:
    done = crm(folder, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    first = table_after(done.stdout, "First run")
    second = table_after(done.stdout, "Second run")
    assert set(first) - {"total"} == set(installed_sources())
    assert set(second) == set(first)
    assert first["total"]["processed"] > 10_000
    assert [first["total"][name] for name in ("updated", "unchanged", "deleted")] == [0, 0, 0]
    assert second["total"]["processed"] < first["total"]["processed"]
    assert all(second["total"][name] > 0 for name in ("created", "updated", "unchanged", "deleted"))
    assert second["genius"] | {"processed": 0, "unchanged": 0} == GENIUS_DAY | {"processed": 0, "unchanged": 0}
    built = re.search(r"^(\d+) models and (\d+) tests in \d+ s", done.stdout, re.MULTILINE)
    assert built is not None
    assert int(built[1]) > 200
    assert "tests failed" not in done.stdout
    assert "test failed" not in done.stdout
    assert "cost per sold job" in done.stdout
    assert "crm psql" in done.stdout
    assert "crm status" in done.stdout
    assert "Done in" in done.stdout
    rows = json.loads(crm(folder, "status", "--demo", "--json").stdout)["streams"]
    assert {row["source"] for row in rows} == set(installed_sources())

    again = crm(folder, "demo", "genius", "--no-transform")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "models" not in again.stdout
    assert set(table_after(again.stdout, "Second run")) == {"genius", "total"}
    url = EmbeddedPostgres(folder / ".crm" / "postgres").url()
    assert url is not None
    assert url.rsplit(":", 1)[0] not in done.stdout + again.stdout
    rows = json.loads(crm(folder, "status", "--demo", "--json").stdout)["streams"]
    assert {row["stream"] for row in rows} == set(genius.STREAMS)
    # The last demo's two runs and nothing of the one before.
    shown = crm(folder, "psql", "--demo", "-XAtc", "SELECT count(DISTINCT run_id) FROM orchestration.sync_history")
    assert shown.stdout.strip() == "2", shown.stderr
    # Without settings of its own the project shows the demo by itself.
    (folder / ".env").unlink()
    status = crm(folder, "status", "genius")
    assert status.returncode == 0
    assert "prospects" in status.stdout
    assert "this is the demo's warehouse" in status.stderr

    assert crm(folder, "db", "down").returncode == 0
    gone = crm(folder, "status")
    assert gone.returncode == 1
    assert "crm db up" in gone.stderr
