"""Programs from Debian's packages, unpacked into a folder without installing anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import typing as t
from pathlib import Path

from crm_cli.servers import process
from crm_cli.servers.errors import ServerError


def unpack(package: str, target: Path, *, program: str) -> Path:
    """Unpack a Debian package and what it needs beyond the installed packages, and return the folder.

    Nothing on the system changes and no privilege is needed. apt's own package lists are used where there are any and
    they are current; else lists are fetched into a folder of ours. Done once; ``target`` is complete or absent.

    Args:
        package: Name of the package.
        target: Folder to make.
        program: Path of a program below ``target``; every library it links must be found afterwards.

    Raises:
        ServerError: There is no apt, no network, or a library stays missing.
    """
    if target.exists():
        return target
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise ServerError(f"There is no {tool} on this machine to fetch {package} with.")
    with _lock(target):
        if target.exists():
            return target
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            tree = building / "tree"
            tree.mkdir(mode=0o755)
            for archive in _download(package, building):
                _require(["dpkg", "-x", archive, tree], building)
            missing = missing_libraries(tree, tree / program)
            if missing:
                raise ServerError(f"{package} was unpacked, but these libraries are missing: {', '.join(missing)}.")
            tree.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return target


def library_path(tree: Path) -> str:
    """Return the LD_LIBRARY_PATH for programs of an unpacked tree."""
    return os.pathsep.join(
        str(folder) for top in ("usr/lib", "lib") for folder in sorted((tree / top).glob("*-linux-*"))
    )


def missing_libraries(tree: Path, program: Path) -> list[str]:
    """Return the libraries that the program links and neither the tree nor the system has."""
    listing = process.run(
        ["ldd", program],
        account=None,
        folder=tree,
        environment={"LD_LIBRARY_PATH": library_path(tree)},
    )
    return re.findall(r"^\s*(\S+) => not found", listing.stdout, re.MULTILINE)


@contextlib.contextmanager
def _lock(target: Path) -> t.Iterator[None]:
    """Let one process unpack at a time."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ServerError(f"Cannot write to {target.parent} ({error.strerror}).") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _download(package: str, building: Path) -> list[Path]:
    """Download the package and its missing dependencies; with fresh lists of our own if apt's do not serve."""
    debs = building / "debs"
    debs.mkdir()
    # apt drops to an account that cannot write below a private folder; what it fetches is checked by signature anyway.
    apt = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", f"Dir::Cache={_made(building / 'cache')}"]
    own_lists = ["-o", f"Dir::State::Lists={_made(building / 'lists')}"]
    try:
        _require([*apt, "download", *_needed(apt, package, debs)], debs)
    except ServerError:
        apt += own_lists
        _require([*apt, "update"], debs)
        _require([*apt, "download", *_needed(apt, package, debs)], debs)
    return sorted(debs.glob("*.deb"))


def _needed(apt: list[str], package: str, folder: Path) -> list[str]:
    """Return the packages that an installation would add (not those it would upgrade), as apt resolves it."""
    plan = _require([*apt, "--simulate", "--no-install-recommends", "install", package], folder)
    return re.findall(r"^Inst (\S+) \(", plan, re.MULTILINE)


def _require(command: t.Sequence[str | Path], folder: Path) -> str:
    done = process.run(command, account=None, folder=folder, environment=_proxies())
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()[-1:]
        raise ServerError(f"'{command[0]}' failed: {' '.join(lines) or 'no message'}")
    return done.stdout


def _proxies() -> dict[str, str]:
    """Return the caller's settings that decide how apt reaches its archive."""
    wanted = ("APT_CONFIG", "http_proxy", "https_proxy", "no_proxy", "PATH")
    return {name: os.environ[name] for name in wanted if name in os.environ}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
