from __future__ import annotations

import os
import pwd
import stat
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from crm_cli.servers import account, home, process
from crm_cli.servers.account import Account
from crm_cli.servers.errors import ServerError
from crm_cli.servers.home import ServerHome

STRANGER = Account(name="stranger", uid=4_000_001, gid=4_000_001)
OURSELVES = Account(name="ourselves", uid=os.geteuid(), gid=os.getegid())


@pytest.fixture
def open_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder as if every folder above it were open to all."""
    real = account.can_enter

    def from_here_on(who: Account, folder: Path) -> bool:
        return tmp_path not in folder.parents or real_below(who, folder)

    def real_below(who: Account, folder: Path) -> bool:
        parts = [folder, *(part for part in folder.parents if tmp_path in part.parents)]
        return all(account._allows(who, part.stat(), stat.S_IXOTH) for part in parts)

    assert real(OURSELVES, tmp_path)
    monkeypatch.setattr(account, "can_enter", from_here_on)
    monkeypatch.setattr(home, "can_enter", from_here_on)
    return tmp_path


@pytest.fixture
def as_root(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make homes believe that the caller is root and the servers' account is ourselves."""
    monkeypatch.setattr(home, "server_account", lambda: OURSELVES)
    monkeypatch.setattr(home, "SYSTEM_HOME", open_folder / "system")
    return open_folder


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "server_account", lambda: None)


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "reachable"),
    [
        (0o755, 0o755, True),
        (0o755, 0o644, True),
        (0o700, 0o755, False),
        (0o711, 0o755, False),  # enterable, but its content cannot be listed
        (0o755, 0o600, False),
        (0o755, 0o744, False),  # the owner may execute it, others may not
    ],
)
def test_a_tree_is_reachable_if_all_of_it_is(
    open_folder: Path,
    folder_mode: int,
    file_mode: int,
    reachable: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    tree = open_folder / "tree" / "bin"
    tree.mkdir(parents=True)
    program = tree / "program"
    program.touch()
    program.chmod(file_mode)
    tree.parent.chmod(0o755)
    tree.chmod(folder_mode)
    assert account.can_reach(STRANGER, tree) is reachable


def test_a_closed_parent_makes_a_tree_unreachable(open_folder: Path) -> None:
    tree = open_folder / "closed" / "tree"
    tree.mkdir(parents=True)
    tree.parent.chmod(0o700)
    assert not account.can_reach(STRANGER, tree)
    assert account.can_reach(OURSELVES, tree)


def test_group_bits_count_for_the_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    member = Account(name="member", uid=4_000_001, gid=tmp_path.stat().st_gid)
    assert account._allows(member, tmp_path.stat(), stat.S_IXOTH)
    assert not account._allows(STRANGER, tmp_path.stat(), stat.S_IXOTH)


def test_an_ordinary_user_runs_servers_as_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert account.server_account() is None


def test_root_runs_servers_as_an_unprivileged_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("CRM_SERVER_ACCOUNT", raising=False)
    chosen = account.server_account()
    assert chosen is not None
    assert (chosen.name, chosen.uid) == ("nobody", pwd.getpwnam("nobody").pw_uid)
    monkeypatch.setenv("CRM_SERVER_ACCOUNT", "root")
    with pytest.raises(ServerError, match="never run as root"):
        account.server_account()
    monkeypatch.setenv("CRM_SERVER_ACCOUNT", "no-such-account")
    with pytest.raises(ServerError, match="no account 'no-such-account'"):
        account.server_account()


@pytest.mark.usefixtures("as_user")
def test_an_ordinary_users_files_lie_in_the_folder_itself(tmp_path: Path) -> None:
    server = ServerHome(tmp_path / "server")
    with server.lock():
        server.create()
    assert server.path == tmp_path / "server"
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o700


def test_roots_files_lie_where_the_account_can_reach_them(as_root: Path) -> None:
    server = ServerHome(as_root / "server")
    with server.lock():
        server.create()
        server.create()
        server.write_settings({"port": 1})
    assert server.path.parent == as_root / "system"
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o755
    assert stat.S_IMODE((server.path / "settings.json").stat().st_mode) == 0o600
    assert ServerHome(as_root / "server").read_settings() == {"port": 1}


def test_deleting_roots_folder_forgets_the_server(as_root: Path) -> None:
    server = ServerHome(as_root / "server")
    with server.lock():
        server.create()
    before = server.path
    server.destroy()
    assert not before.exists()
    with server.lock():
        server.create()
    assert server.path != before


def test_a_closed_system_folder_is_told(as_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "can_enter", lambda _account, _folder: False)
    with pytest.raises(ServerError, match="cannot reach"):
        ServerHome(as_root).create()
    monkeypatch.setattr(home, "SYSTEM_HOME", as_root / "missing" / "system")
    with pytest.raises(ServerError, match="Cannot make the folder"):
        ServerHome(as_root).create()


def test_an_unusable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="must be yours and writable"), ServerHome(tmp_path / "file").lock():
        pass


@pytest.mark.usefixtures("as_user")
def test_a_foreign_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> t.NoReturn:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ServerError, match="belongs to another account"):
        ServerHome(tmp_path).read_settings()


@pytest.mark.usefixtures("as_user")
def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    inside = []

    def work() -> None:
        with ServerHome(tmp_path).lock():
            inside.append(True)
            assert len(inside) == 1
            inside.pop()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert inside == []


@pytest.mark.usefixtures("as_user")
def test_sockets_move_to_a_short_path_when_theirs_is_too_long(tmp_path: Path) -> None:
    short = ServerHome(tmp_path)
    if len(str(tmp_path)) < 80:
        assert short.socket_dir("s") == tmp_path / "socket"
    long = ServerHome(tmp_path / ("x" * 110))
    with long.lock():
        folder = long.socket_dir("server.sock")
    assert len(str(folder / "server.sock")) <= home.SOCKET_PATH_LIMIT
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert long.socket_dir("server.sock") == folder
    folder.rmdir()
    again = long.socket_dir("server.sock")
    assert again != folder
    long.destroy()
    assert not again.exists()


@pytest.mark.usefixtures("as_user")
def test_a_large_log_starts_anew(tmp_path: Path) -> None:
    server = ServerHome(tmp_path)
    log = server.log_file()
    with log.open("wb") as file:
        file.truncate(10_000_001)
    assert server.log_file().stat().st_size == 0


def test_programs_are_copied_only_if_the_account_cannot_reach_them(
    as_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = as_root / "closed" / "source"
    (source / "part").mkdir(parents=True)
    (source / "part" / "program").touch()
    (source / "part" / "program").chmod(0o700)
    (source / "part" / "data").touch()
    (source / "part" / "link").symlink_to("program")
    server = ServerHome(as_root / "server")
    with server.lock():
        server.create()
    assert server.programs(source, ["part"], "1") == source
    server.account = STRANGER
    copy = server.programs(source, ["part"], "1")
    assert copy.parent == as_root / "system"
    assert stat.S_IMODE((copy / "part" / "program").stat().st_mode) == 0o755
    assert stat.S_IMODE((copy / "part" / "data").stat().st_mode) == 0o644
    assert (copy / "part" / "link").is_symlink()
    assert server.programs(source, ["part"], "1") == copy
    assert server.programs(source, ["part"], "2") != copy
    assert not list(copy.parent.glob("building-*"))
    monkeypatch.setattr(home, "server_account", lambda: None)
    assert ServerHome(as_root / "server").programs(source, ["part"], "1") == source


def test_a_program_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"Cannot run .*missing"):
        process.run([tmp_path / "missing"], account=None, folder=tmp_path)


def test_a_program_that_cannot_be_started_in_the_background_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="Cannot run"):
        process.start(["true"], account=None, folder=tmp_path / "missing", log=tmp_path / "log")


def test_a_started_program_outlives_its_starter_and_is_no_zombie(tmp_path: Path) -> None:
    pid = process.start(["/bin/sleep", "300.25"], account=None, folder=tmp_path, log=tmp_path / "log")
    assert process.wait_until(lambda: process.is_running(pid, "300.25"), seconds=10)
    assert not process.is_running(pid, "another program")
    os.kill(pid, 9)
    assert process.wait_until(lambda: not process.is_running(pid, "300.25"), seconds=10)


def test_a_process_is_found_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    exists = Path.exists

    def no_proc(path: Path) -> bool:
        return str(path) != "/proc/self/stat" and exists(path)

    class Listing:
        stdout = f"S {sys.executable} -m pytest\n"

    monkeypatch.setattr(Path, "exists", no_proc)
    monkeypatch.setattr(process, "run", lambda *_, **__: Listing)
    assert process.is_running(os.getpid(), "pytest")
    assert not process.is_running(os.getpid(), "another program")
