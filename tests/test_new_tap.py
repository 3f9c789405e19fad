"""A generated tap is complete: its own tests, and the rules of this repository, hold for it from the first minute."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from crm_cli import definitions
from crm_cli.main import crm

ROOT = Path(__file__).parents[1]
REGISTERED = (
    "requirements.in",
    "pyproject.toml",
    "meltano.yml",
    ".env.example",
    "README.md",
    "plugins/crm-simulator/crm_simulator/server.py",
)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what a new tap needs of this repository."""
    shutil.copytree(
        ROOT / "plugins" / "crm-simulator" / "crm_simulator",
        tmp_path / "plugins" / "crm-simulator" / "crm_simulator",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "taps").mkdir()
    for file in (*REGISTERED, "conftest.py"):
        shutil.copyfile(ROOT / file, tmp_path / file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(tmp_path))
    return tmp_path


def make(*arguments: str) -> Result:
    return CliRunner().invoke(crm, ["new-tap", *arguments])


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    packages = os.pathsep.join(str(copy / folder) for folder in ("taps/tap-acme-dw", "plugins/crm-simulator"))
    # The copy is not what the coverage of this repository is about.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=copy,
        env={**kept, "PYTHONPATH": packages, "PYTEST_XDIST_WORKER": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def test_a_generated_tap_passes_its_tests_and_the_linters(copy: Path) -> None:
    result = make("acme", "--label", "Acme CRM", "--domain", "https://acme.example.com")
    assert result.exit_code == 0, result.output
    assert "make lock setup definitions" in result.stdout
    for command in (("ruff", "check", "taps", "plugins"), ("ruff", "format", "--check", "taps", "plugins")):
        done = run(copy, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run(copy, "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "taps/tap-acme-dw")
    assert done.returncode == 0, done.stdout[-6000:]
    assert "passed" in done.stdout


def test_it_is_registered_wherever_taps_are_named_and_has_the_documents(copy: Path) -> None:
    assert make("acme").exit_code == 0
    for file in REGISTERED:
        assert "acme" in (copy / file).read_text(encoding="utf-8").lower(), file
    main = yaml.safe_load((copy / "meltano.yml").read_text(encoding="utf-8"))
    assert main["plugins"]["extractors"][-1] == {"name": "tap-acme-dw", "variant": definitions.VARIANT}
    assert {"name": "acme", "tasks": ["tap-acme-dw target-postgres-dw"]} in main["jobs"]
    readme = (copy / "taps/tap-acme-dw/README.md").read_text(encoding="utf-8")
    assert "| `api_key` (secret) |" in readme
    assert "| `max_records` | `0` |" in readme
    files = (file for file in copy.rglob("*acme*/**/*") if file.is_file() and file.parent.name != "__pycache__")
    written = [file.read_text(encoding="utf-8") for file in files]
    assert [text for text in written if "<<" in text] == []
    assert (copy / "docs" / "acme.md").exists()


def test_nothing_is_overwritten(copy: Path) -> None:
    assert make("acme").exit_code == 0
    again = make("acme")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert (copy / "requirements.in").read_text(encoding="utf-8").count("acme") == 1


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("name", ["Acme", "acme_crm", "1crm", "acme-crm", ""])
def test_a_name_that_cannot_be_a_source_is_refused(name: str) -> None:
    result = make(name)
    assert result.exit_code == 2
    assert "cannot name a source" in result.stderr
