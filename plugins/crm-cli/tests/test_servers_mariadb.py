from __future__ import annotations

import os
import socket
import typing as t
from pathlib import Path

import pymysql
import pytest
from crm_cli.servers import debian, mariadb, process
from crm_cli.servers.__main__ import main as chore
from crm_cli.servers.errors import ServerError
from crm_cli.servers.mariadb import Database, PrivateMariaDB

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateMariaDB]:
    started = PrivateMariaDB(tmp_path / "mariadb")
    try:
        started.up()
        yield started
    finally:
        started.destroy()


def ask(database: Database, statement: str) -> t.Any:
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_a_server_survives_stops_and_kills(server: PrivateMariaDB) -> None:
    everything = server.database()
    ask(everything, "CREATE DATABASE kept")
    ask(server.database("kept"), "CREATE TABLE t AS SELECT seq FROM seq_1_to_1000")
    port = server.port
    server.up()
    server.kill()
    server.kill()
    assert not server.is_up()
    server.up()
    assert server.port == port
    assert ask(server.database("kept"), "SELECT COUNT(*) FROM t") == ((1000,),)
    server.down()
    assert not server.is_up()


def test_only_our_account_exists_and_it_needs_its_password(server: PrivateMariaDB) -> None:
    accounts = ask(server.database(), "SELECT user, host FROM mysql.user")
    assert set(accounts) == {("crm", "127.0.0.1"), ("crm", "localhost"), ("mariadb.sys", "localhost")}
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        server.connect(password="guess")


def test_a_taken_port_is_left_for_another(server: PrivateMariaDB) -> None:
    port = server.port
    server.down()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        server.up()
        assert server.port != port


def test_a_failed_start_says_why_and_where_the_log_is(server: PrivateMariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    server.down()
    command = server._command

    def with_a_typo(*arguments: t.Any) -> list[str | Path]:
        return [*command(*arguments), "--no-such-option"]

    monkeypatch.setattr(server, "_command", with_a_typo)
    with pytest.raises(ServerError, match=r"did not start: .*no-such-option.* The whole log is in .*server\.log"):
        server.up()


def test_failed_system_tables_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = PrivateMariaDB(tmp_path / "mariadb")
    with monkeypatch.context() as patch:
        patch.setattr(mariadb, "_system_tables", lambda _: "NOT SQL;\n")
        with pytest.raises(ServerError, match="could not make its system tables"):
            server.up()
    assert not server._data.exists()
    with pytest.raises(ServerError, match="start it first"):
        _ = server.port
    assert chore(["destroy", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []


def test_zero_dates_can_be_stored(mariadb: Database) -> None:
    with mariadb.connect(init_command="SET sql_mode = ''") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (d date)")
        cursor.execute("INSERT INTO t VALUES ('0000-00-00'), ('2024-00-15')")
        cursor.execute("SELECT CAST(d AS char) FROM t ORDER BY d")
        assert cursor.fetchall() == (("0000-00-00",), ("2024-00-15",))


def test_each_test_has_a_database_of_its_own(mariadb: Database) -> None:
    assert ask(mariadb, "SHOW TABLES") == ()


def test_a_foreign_server_is_told(server: PrivateMariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> t.NoReturn:
        raise PermissionError

    data = server._data
    with monkeypatch.context() as patch:
        patch.setattr(PrivateMariaDB, "_data", data)
        patch.setattr(Path, "read_text", refuse)
        with pytest.raises(ServerError, match="belongs to another account"):
            server._pid()


def test_a_server_that_does_not_stop_is_told(server: PrivateMariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", lambda _pid, _number: None)
        patch.setattr(mariadb, "_START_SECONDS", 0.01)
        with pytest.raises(ServerError, match="does not stop"):
            server.down()


class TestMysql:
    """MySQL makes its system tables itself and has no file for them."""

    def test_system_tables(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "prefix" / "bin" / "mysqld"
        program.parent.mkdir(parents=True)
        program.touch()
        programs = mariadb._describe(program)
        assert (programs.share, programs.plugins) == (None, None)
        seen: list[str] = []

        def record(command: t.Any, **_: object) -> t.Any:
            seen.extend(str(word) for word in command)

            class Done:
                returncode = 0
                stderr = ""

            return Done

        server = PrivateMariaDB(tmp_path / "mysql")
        with server._home.lock():
            server._home.create()
        monkeypatch.setattr(process, "run", record)
        server._initialize(programs)
        assert "--initialize-insecure" in seen
        assert not any(word.startswith("--lc-messages-dir") for word in seen)
        assert server._data.is_dir()
        server._home.destroy()


class TestFindingTheProgram:
    @pytest.fixture(autouse=True)
    def _nothing_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mariadb, "_SERVERS", ("no-such-server",))

    def test_it_is_unpacked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(debian, "unpack", lambda _package, target, program: target)  # noqa: ARG005 - its keyword
        assert mariadb.fetch(tmp_path) == tmp_path / "mariadb" / "usr" / "sbin" / "mariadbd"

    def test_root_may_install_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def installed(*_: object, **__: object) -> None:
            monkeypatch.setattr(mariadb, "_SERVERS", ("sh",))

        monkeypatch.setattr(debian, "unpack", self.refuse)
        monkeypatch.setattr(process, "run", installed)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert mariadb.fetch(tmp_path).exists()

    def test_others_are_told_what_to_install(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(debian, "unpack", self.refuse)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert chore(["fetch"]) == 1
        assert "apt-get install mariadb-server-core" in capsys.readouterr().err

    @staticmethod
    def refuse(*_: object, **__: object) -> t.NoReturn:
        raise ServerError("No network.")


def test_the_program_of_this_machine_is_preferred(capsys: pytest.CaptureFixture[str]) -> None:
    assert chore(["fetch"]) == 0
    assert capsys.readouterr().out.startswith("MariaDB server: /")


def test_tools_lie_in_the_checkout_or_where_they_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_TOOLS_DIR", raising=False)
    assert mariadb.default_tools().name == ".tools"
    monkeypatch.setenv("CRM_TOOLS_DIR", str(tmp_path))
    assert mariadb.default_tools() == tmp_path
    monkeypatch.delenv("CRM_TOOLS_DIR")
    monkeypatch.setattr(mariadb, "__file__", str(tmp_path / "a/b/c/d/e.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert mariadb.default_tools() == tmp_path / "cache" / "crm-cli"
