"""Commands do not import what they do not use; what was postponed works all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tap_kit.startup
import target_postgres_dw.startup
from tap_kit.startup import postponing

HEAVY = ("joblib", "upath", "fsspec", "requests", "cryptography", "paramiko")


@pytest.mark.parametrize("module", ["tap_genius", "target_postgres_dw"])
def test_a_command_imports_no_library_that_it_does_not_use(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--help"], capture_output=True, text=True, check=True
    )
    assert "--config" in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert module in imported
    assert imported & set(HEAVY) == set()


def test_a_stand_in_becomes_the_real_thing() -> None:
    sys.modules.pop("colorsys", None)
    with postponing("colorsys"):
        import colorsys  # noqa: PLC0415
        from colorsys import rgb_to_hls  # noqa: PLC0415

        before = colorsys.ONE_THIRD
    assert "colorsys" not in sys.modules
    assert rgb_to_hls(0, 0, 0) == (0.0, 0, 0.0)
    assert "colorsys" in sys.modules
    assert pytest.approx(1 / 3) == colorsys.ONE_THIRD
    assert before.real == pytest.approx(1 / 3)


def test_both_programs_start_in_the_same_way() -> None:
    texts = [
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (tap_kit.startup, target_postgres_dw.startup)
    ]
    assert texts[0] == texts[1], "the loader and the taps share no package: the module is copied"
