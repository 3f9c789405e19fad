"""Where one server keeps its files: folder, lock, settings and programs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import tempfile
import typing as t
from pathlib import Path

from crm_cli.servers.account import Account, can_enter, can_reach, server_account
from crm_cli.servers.errors import ServerError

# Where servers that root starts keep data and, if need be, programs: reachable for every account, owned by root.
SYSTEM_HOME = Path("/var/lib/crm")
SOCKET_PATH_LIMIT = 107  # bytes of sockaddr_un.sun_path on Linux, without the closing NUL; macOS has 103


class ServerHome:
    """The files of one server.

    For an ordinary user that is ``root`` itself. Root's servers run as an account that may not reach ``root``, so
    theirs lie in ``/var/lib/crm/<hash>``; the hash is taken of the folder's path and of an identity
    kept in the folder, so that deleting the folder forgets the server just as it does for an ordinary user.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.account: Account | None = server_account()

    @property
    def path(self) -> Path:
        """The folder that holds the server's files; it need not exist yet."""
        if self.account is None:
            return self.root
        identity = self.root / "identity"
        known = identity.read_text(encoding="ascii").strip() if identity.exists() else "none"
        digest = hashlib.sha256(f"{self.root.resolve()}\0{known}".encode()).hexdigest()
        return SYSTEM_HOME / digest[:16]

    @contextlib.contextmanager
    def lock(self) -> t.Iterator[None]:
        """Hold the server to ourselves: starting and stopping take turns, over processes and threads."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServerError(
                f"Cannot use the folder {self.root} ({error.strerror}): it must be yours and writable.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def create(self) -> None:
        """Make the folder; the caller holds the lock."""
        if self.account is None:
            return
        identity = self.root / "identity"
        if not identity.exists():
            _write_private(identity, secrets.token_hex(16))
        try:
            make_public_dir(SYSTEM_HOME)
            make_public_dir(self.path)
            _write_private(self.path / "belongs-to", f"{self.root}\n")  # tells a person whose server this is
        except OSError as error:
            raise ServerError(
                f"Cannot make the folder {self.path} for a server that root starts ({error.strerror}): "
                "start it as an ordinary user, or make the folder writable.",
            ) from error
        if not can_enter(self.account, self.path):
            raise ServerError(
                f"The account '{self.account.name}' cannot reach {self.path}: start the server as an ordinary user.",
            )

    def destroy(self) -> None:
        """Delete every file of the server; the caller has stopped it."""
        path = self.path
        note = path / "socket-folder"
        if note.exists():
            shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)
        shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def read_settings(self) -> dict[str, t.Any]:
        """Return what `write_settings` kept, or nothing.

        Raises:
            ServerError: The server belongs to another account.
        """
        file = self.path / "settings.json"
        try:
            settings: dict[str, t.Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise ServerError(f"{file} belongs to another account: use a folder of your own.") from error
        return settings

    def write_settings(self, settings: dict[str, t.Any]) -> None:
        """Keep port and password; only the caller may read them."""
        _write_private(self.path / "settings.json", json.dumps(settings))

    def private_dir(self, name: str) -> Path:
        """Make a folder that only the server's account may enter, and return it."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        self.give(folder)
        return folder

    def log_file(self) -> Path:
        """Make the server's log if there is none; a log over 10 MB starts anew."""
        log = self.path / "server.log"
        largest = 10_000_000
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600))
        if log.stat().st_size > largest:
            os.truncate(log, 0)
        self.give(log)
        return log

    def give(self, path: Path) -> None:
        """Make the server's account the owner, where that is not the caller."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def socket_dir(self, longest_name: str) -> Path:
        """Return a private folder whose socket paths fit the kernel's limit: ours, else a new one under /tmp."""
        folder = self.path / "socket"
        if len(os.fsencode(folder / longest_name)) <= SOCKET_PATH_LIMIT:
            return self.private_dir("socket")
        note = self.path / "socket-folder"
        if note.exists():
            folder = Path(note.read_text(encoding="utf-8"))
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == self._owner():
                return folder
        folder = Path(tempfile.mkdtemp(prefix="crm-", dir="/tmp"))  # not TMPDIR, which may be long as well
        self.give(folder)
        _write_private(note, str(folder))
        return folder

    def _owner(self) -> int:
        return os.geteuid() if self.account is None else self.account.uid

    def programs(self, source: Path, parts: t.Sequence[str], version: str) -> Path:
        """Return a folder with the named parts of ``source`` that the server's account can run.

        That is ``source`` itself where it can be reached, else a copy made once per version, for all checkouts.
        """
        if self.account is None or all(can_reach(self.account, source / part) for part in parts):
            return source
        digest = hashlib.sha256("\0".join([*parts, version]).encode()).hexdigest()
        copy = SYSTEM_HOME / f"programs-{digest[:16]}"
        if copy.exists():
            return copy
        building = Path(tempfile.mkdtemp(prefix="building-", dir=SYSTEM_HOME))
        try:
            for part in parts:
                shutil.copytree(source / part, building / part, symlinks=True)
            open_to_all(building)
            with contextlib.suppress(OSError):  # another process was first: its copy is the same
                building.rename(copy)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return copy


def open_to_all(tree: Path) -> None:
    """Let every account read (and enter, and run) a tree that we made."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def make_public_dir(path: Path) -> None:
    """Make a folder that every account may enter, whatever the umask; one that exists stays as it is."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(0o755)


def free_port() -> int:
    """Return a loopback port that is free now; it may be taken a moment later, so callers retry."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; no other account can read it at any moment."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)
