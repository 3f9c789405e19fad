"""The SDK's own tests of a tap, and a target that is not ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import psycopg
from tap_genius.tables import TABLES
from tap_genius.tap import TapGenius
from tap_kit.testing import assert_standard, run_tap

Config: t.TypeAlias = "dict[str, t.Any]"


def test_the_standard_tests_of_the_sdk_pass(genius_config: Config, tmp_path: Path) -> None:
    assert_standard(TapGenius, genius_config, tmp_path, more_than=10 * len(TABLES))


def test_the_stock_target_loads_our_output(
    genius: t.Any, genius_config: Config, postgres_url: str, tmp_path: Path
) -> None:
    run = run_tap(TapGenius, {**genius_config, "deletions": "sweep"})
    assert run.exit_code == 0
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", postgres_url)
    (tmp_path / "config.json").write_text(json.dumps({"sqlalchemy_url": url, "default_target_schema": "genius"}))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("target-postgres")), "--config", str(tmp_path / "config.json")],
        input=run.text,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with psycopg.connect(postgres_url) as connection:
        for table in TABLES:
            (row,) = connection.execute(f'SELECT COUNT(*) FROM genius."{table.name}"').fetchall()
            assert row[0] == len(run.records(table.name)), table.name
        rows = connection.execute("SELECT id, contract_amount FROM genius.jobs ORDER BY 1").fetchall()
    assert rows == genius.run("SELECT id, contract_amount FROM job ORDER BY 1")
