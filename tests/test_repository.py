"""What holds for the repository as a whole: its packages, its lock, and what its files must not name."""

from __future__ import annotations

import re
import subprocess
import tomllib
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(file.parent for folder in ("taps", "plugins") for file in (ROOT / folder).glob("*/pyproject.toml"))
LOCK = ROOT / "requirements.lock"
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)

# Folders of one machine, and hosts from which packages come: neither helps a reader, both break elsewhere.
MACHINE_PATH = re.compile(r"(?<![\w.$}~/-])/(?:home|root|Users|work|mnt|workspace)/\w")
REGISTRY = re.compile(
    r"\b(?:files\.pythonhosted\.org|pypi\.org/simple|deb\.debian\.org|test\.pypi\.org)\b|\bindex[-_]url\b(?! in it)"
)


def project(folder: Path) -> dict[str, t.Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listing.split("\0") if name]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for file in tracked_files():
        if file == Path(__file__).resolve() or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if MACHINE_PATH.search(line) or (REGISTRY.search(line) and "--no-emit-index-url" not in line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_a_package_is_complete(folder: Path) -> None:
    metadata = project(folder)["project"]
    module = folder / metadata["name"].replace("-", "_")
    assert metadata["name"] == folder.name
    assert metadata["license"] == "Apache-2.0"
    assert metadata["requires-python"] == ">=3.11"
    assert metadata["description"]
    assert (module / "__init__.py").read_text(encoding="utf-8").startswith('"""')
    assert (module / "py.typed").exists()
    readme = (folder / metadata["readme"]).read_text(encoding="utf-8")
    assert readme.startswith(f"# {folder.name}")
    assert len(readme.splitlines()) > 5, "the README says nothing"
    assert list((folder / "tests").glob("test_*.py"))


def test_the_licence_is_the_one_that_packages_name() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_lock_has_hashes_and_no_address() -> None:
    text = LOCK.read_text(encoding="utf-8")
    pins = PIN.findall(text)
    assert len(pins) > 50
    assert "://" not in text
    assert "file:" not in text
    assert str(ROOT) not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert all(PIN.match(entry) for entry in entries)


def test_the_lock_holds_every_requirement_and_none_of_our_packages() -> None:
    locked = {name for name, _ in PIN.findall(LOCK.read_text(encoding="utf-8"))}
    ours = {folder.name for folder in PACKAGES}
    assert not locked & ours
    wanted = {name_of(line) for line in project(ROOT)["dependency-groups"]["dev"]}
    for folder in PACKAGES:
        described = project(folder)
        wanted |= {name_of(line) for line in described["project"]["dependencies"]}
        wanted |= {name_of(line) for line in described["build-system"]["requires"]}
    assert wanted - ours - locked == set(), "run `make lock`"


def test_what_the_lock_is_compiled_from_names_every_package() -> None:
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    editable = {line.removeprefix("-e ./") for line in lines if line.startswith("-e ")}
    assert editable == {str(folder.relative_to(ROOT)) for folder in PACKAGES}


def test_every_make_target_is_listed() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert re.findall(r"^  make ([\w-]+)", listed, re.MULTILINE) == phony[1].split()
