"""The Dockerfile, without an engine: its text is linted, and what it copies is enough for what it runs."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile: name and arguments, a continued line as one."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def of(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for found, rest in stage if found == name]


def ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a path from the engine; the last line that matches it, or a parent, counts."""
    result = False
    parts = path.split("/")
    places = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        takes, pattern = not pattern.startswith("!"), pattern.removeprefix("!")
        names = [place.rpartition("/")[2] for place in places] if pattern.startswith("**/") else []
        shapes = [place for place in places if place.count("/") == pattern.count("/")]
        if any(fnmatch.fnmatchcase(name, pattern.removeprefix("**/")) for name in names) or (
            not names and any(fnmatch.fnmatchcase(shape, pattern) for shape in shapes)
        ):
            result = takes
    return result


def copy_of(folder: Path, stage: list[tuple[str, str]]) -> None:
    """Copy what the COPY instructions of a stage copy from this checkout, but for what .dockerignore leaves out."""

    def left_out(place: str, names: list[str]) -> set[str]:
        return {name for name in names if ignored(str((Path(place) / name).relative_to(ROOT)))}

    for words in map(shlex.split, of(stage, "COPY")):
        if words[0].startswith("--from"):
            continue
        *sources, target = words
        for source in sources:
            assert not ignored(source), source
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / target, ignore=left_out, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / source, folder / source)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return a folder with what the image has in /app; the virtual environment is this one."""
    for stage in stages():
        copy_of(tmp_path, stage)
    (tmp_path / ".venv").symlink_to(BIN.parent)
    return tmp_path


def test_the_images_are_slim_and_of_a_version() -> None:
    images = [of(stage, "FROM")[0].split()[0] for stage in stages()]
    assert len(images) == 2
    assert [image for image in images if not re.fullmatch(r"python:3\.\d+-slim-[a-z]+", image)] == []
    wanted = re.search(r'requires-python = ">=(3\.\d+)"', (ROOT / "plugins/crm-cli/pyproject.toml").read_text())
    assert wanted is not None
    assert {image.removeprefix("python:").partition("-")[0] for image in images} == {wanted[1]}


def test_nothing_runs_as_root() -> None:
    last = stages()[-1]
    names = [name for name, _ in last]
    [user] = of(last, "USER")
    assert user.isdigit(), "a number, so that Kubernetes can tell that it is not root"
    assert int(user) > 0
    assert f"--uid {user} " in " ".join(of(last, "RUN"))
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert set(names[names.index("USER") :]) & {"RUN", "COPY", "ADD"} == set()


def test_layers_are_small_and_hold_no_secret() -> None:
    for name, rest in instructions():
        assert name in {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD", "STOPSIGNAL"}, name
        assert not re.search(r"(?i)password|secret|token|api_?key|https?://", rest), rest
        if "apt-get install" in rest:
            assert "apt-get update" in rest
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists/*" in rest
        if name == "COPY":
            assert shlex.split(rest)[0] not in {".", "./"}, "the whole folder would be copied"
        if name in {"ENTRYPOINT", "CMD"}:
            assert isinstance(json.loads(rest), list), "the form of a shell would take the signals for itself"


def test_every_step_is_sound_shell() -> None:
    steps = [step for stage in stages() for step in of(stage, "RUN")]
    assert steps
    for step in steps:
        subprocess.run(["sh", "-n", "-e", "-c", step], check=True)


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".crm/logs/cron.log", ".venv/bin/crm", ".git/config", "taps/tap-genius/.env", "README.md"),
        *("plugins/crm-cli/tests/conftest.py", "taps/tap-genius/tap_genius/__pycache__/x.pyc", "transform/target/x"),
    ],
)
def test_what_is_not_needed_is_not_sent(path: str) -> None:
    assert ignored(path)


@pytest.mark.parametrize("path", ["meltano.yml", "transform/tests/rules.sql", "scripts/setup", "requirements.lock"])
def test_what_is_needed_is_sent(path: str) -> None:
    assert not ignored(path)


def test_the_build_has_all_that_the_setup_reads(tmp_path: Path) -> None:
    build = stages()[0]
    copy_of(tmp_path, build)
    assert of(build, "RUN") == ["CRM_WITHOUT_MARIADB=1 scripts/setup"]
    setup = (ROOT / "scripts/setup").read_text(encoding="utf-8")
    for name in re.findall(r"(?:^|[\s(])((?:scripts|requirements)[\w./-]+)", setup.partition("\ncd ")[2]):
        assert (tmp_path / name).exists(), name
    packages = {str(path.relative_to(ROOT)) for path in ROOT.glob("*/*/pyproject.toml")}
    assert packages == {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*/pyproject.toml")}
    assert "CRM_WITHOUT_MARIADB:-" in setup


def test_the_commands_work_on_what_is_copied(app: Path) -> None:
    environment = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(app), "TZ": "UTC"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=app, env=environment, capture_output=True, text=True, check=False)

    done = run("crm", "schedule", "list", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["schedules"]) > 10
    sources = run("crm", "sources", "--json")
    assert len(json.loads(sources.stdout)["sources"]) == 10
    found = json.loads(run("crm", "doctor", "--offline", "--json").stdout)
    states = {one["what"]: one["state"] for one in found["examined"]}
    assert (states["environment"] != "bad", states["health.yml"], states["time zone"]) == (True, "ok", "ok")
    command = json.loads(of(stages()[-1], "CMD")[0])
    assert run(*command, "--help").returncode == 0
