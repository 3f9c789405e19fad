"""The benchmark runs to its end on a small table: what it measures is another matter, and of no interest here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mysql_to_postgres.py"


@pytest.mark.timeout(280)
def test_it_measures_every_job_of_both_paths(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    options = ["--rows", "12000", "--no-raw-pipe", "--no-peers", "--no-meltano", "--write", str(results)]
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = results.read_text()
    for job in "ABCD":
        assert sum(f"| 12,000 | {job} |" in line for line in told.splitlines()) >= 2, job
    assert "`tap-genius --about`" in told
