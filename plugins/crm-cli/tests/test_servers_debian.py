from __future__ import annotations

import shutil
import threading
import typing as t

import pytest
from crm_cli.servers import debian
from crm_cli.servers.errors import ServerError

if t.TYPE_CHECKING:
    from pathlib import Path

# Stands for apt-get: FAILS_WITHOUT_LISTS makes it behave as on a machine whose package lists are absent.
APT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  *Dir::State::Lists*) ;;
  *) if [ -e {log}.no-lists ]; then echo "E: Unable to locate package" >&2; exit 100; fi ;;
esac
case "$*" in
  *--simulate*) echo "Inst libexample (1.0 Example)"; echo "Inst libc6 [1.0] (1.1 Example)"; echo "Inst server (2.0)" ;;
  *download*) for word; do case $word in libexample|server) touch "$word.deb" ;; esac; done ;;
esac
"""
# Stands for dpkg: every archive holds the same program.
DPKG = """#!/bin/sh
mkdir -p "$3/usr/sbin" "$3/usr/lib/x86_64-linux-gnu"
cp /bin/sh "$3/usr/sbin/server"
echo "$2" >> {log}.unpacked
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "log"
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("apt-get", APT), ("dpkg", DPKG)):
        (programs / name).write_text(text.replace("{log}", str(log)))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return log


def test_packages_are_unpacked_once(log: Path, tmp_path: Path) -> None:
    target = tmp_path / "tools" / "server"
    workers = [
        threading.Thread(target=debian.unpack, args=("server", target), kwargs={"program": "usr/sbin/server"})
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert debian.unpack("server", target, program="usr/sbin/server") == target
    assert (target / "usr/sbin/server").exists()
    downloads = [line for line in log.read_text().splitlines() if " download " in line]
    assert len(downloads) == 1
    assert downloads[0].endswith("download libexample server")  # not libc6: it is installed
    assert "update" not in log.read_text()
    assert sorted(path.name for path in target.parent.iterdir()) == [".server.lock", "server"]
    assert debian.library_path(target) == str(target / "usr/lib/x86_64-linux-gnu")


def test_lists_of_our_own_are_fetched_where_the_machine_has_none(log: Path, tmp_path: Path) -> None:
    log.with_name("log.no-lists").touch()
    target = debian.unpack("server", tmp_path / "server", program="usr/sbin/server")
    assert (target / "usr/sbin/server").exists()
    assert any(line.endswith("update") for line in log.read_text().splitlines())


def test_a_missing_library_is_named(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert log.parent == tmp_path
    monkeypatch.setattr(debian, "missing_libraries", lambda _tree, _program: ["libexample.so.1"])
    with pytest.raises(ServerError, match=r"libexample\.so\.1"):
        debian.unpack("server", tmp_path / "server", program="usr/sbin/server")
    assert not (tmp_path / "server").exists()


@pytest.mark.skipif(shutil.which("ldd") is None, reason="this system has no ldd")
def test_linked_libraries_are_looked_up(tmp_path: Path) -> None:
    shutil.copy("/bin/sh", tmp_path / "sh")
    assert debian.missing_libraries(tmp_path, tmp_path / "sh") == []


def test_a_machine_without_apt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="no apt-get"):
        debian.unpack("server", tmp_path / "server", program="server")


def test_a_failing_apt_is_quoted(log: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\necho 'E: No network' >&2; exit 100\n")
    assert not log.exists()
    with pytest.raises(ServerError, match="E: No network"):
        debian.unpack("server", tmp_path / "server", program="server")


def test_an_unwritable_folder_is_told(log: Path, tmp_path: Path) -> None:
    log.touch()
    with pytest.raises(ServerError, match="Cannot write"):
        debian.unpack("server", log / "server", program="server")
    assert tmp_path.exists()
