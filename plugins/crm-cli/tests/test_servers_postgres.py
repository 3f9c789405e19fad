from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from crm_cli.servers import postgres, process
from crm_cli.servers.__main__ import main as chore
from crm_cli.servers.errors import ServerError

if t.TYPE_CHECKING:
    from crm_cli.servers.postgres import EmbeddedPostgres


def query(url: str, statement: t.LiteralString) -> t.Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def test_the_server_speaks_unicode_and_keeps_its_promises(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    assert postgres_server.url() == url
    assert urlsplit(url).hostname == "127.0.0.1"
    assert query(url, "SHOW server_encoding") == "UTF8"
    assert query(url, "SELECT lower('ÄÉ')") == "äé"
    assert query(url, "SHOW timezone") == "UTC"
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert query(url, f"SHOW {setting}") == "on"


def test_nobody_gets_in_without_the_password(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(str(urlsplit(url).password), "guess"))
    folder = query(url, "SHOW unix_socket_directories")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=folder, port=urlsplit(url).port, user="crm", dbname="warehouse", password="guess")


def test_stopping_and_starting_keeps_data_and_address(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    query(url, "CREATE TABLE kept (n int)")
    postgres_server.down()
    postgres_server.down()
    assert postgres_server.url() is None
    assert postgres_server.up() == url
    assert query(url, "SELECT count(*) FROM kept") == 0


def test_a_crash_loses_nothing_that_was_committed(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    query(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) n")
    postgres_server.stop_immediately()
    assert postgres_server.url() is None
    assert query(postgres_server.up(), "SELECT count(*) FROM kept") == 1000


def test_a_killed_server_starts_again(postgres_server: EmbeddedPostgres) -> None:
    postgres_server.up()
    pid_file = postgres_server._pid_file()
    assert pid_file is not None
    pid = int(pid_file[0])
    os.kill(pid, signal.SIGKILL)
    assert process.wait_until(lambda: not process.is_running(pid, "postgres"), seconds=10)
    assert postgres_server.url() is None
    assert query(postgres_server.up(), "SELECT 1") == 1


def test_a_taken_port_is_left_for_another(postgres_server: EmbeddedPostgres) -> None:
    port = urlsplit(postgres_server.up()).port
    postgres_server.down()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert urlsplit(postgres_server.up()).port != port


def test_many_starters_get_one_server(postgres_server: EmbeddedPostgres, tmp_path: Path) -> None:
    postgres_server.down()
    code = (
        "import sys; from pathlib import Path; from crm_cli.servers.postgres import EmbeddedPostgres;"
        "print(EmbeddedPostgres(Path(sys.argv[1])).up())"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "postgres")], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert {starter.communicate()[0].strip() for starter in starters} == {postgres_server.url()}


def test_the_callers_psql_reaches_the_server(postgres_server: EmbeddedPostgres) -> None:
    command = [str(postgres_server.binary("psql")), "-XAt", postgres_server.up(), "-c", "SELECT 6 * 7"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "42\n"
    with pytest.raises(ServerError, match="has no program 'pqsl'"):
        postgres_server.binary("pqsl")


def test_a_failed_start_says_why_and_where_the_log_is(postgres_server: EmbeddedPostgres) -> None:
    postgres_server.down()
    with (postgres_server._data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(ServerError, match=r"did not start: .* The whole log is in .*server\.log"):
        postgres_server.up()


def test_data_of_another_version_are_left_alone(postgres_server: EmbeddedPostgres) -> None:
    postgres_server.down()
    (postgres_server._data / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerError, match="written by Postgres 16"):
        postgres_server.up()


def test_a_failed_initdb_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres._SETTINGS, "no_such_setting", "1")
    server = postgres.EmbeddedPostgres(tmp_path / "postgres")
    with pytest.raises(ServerError, match="initdb could not make"):
        server.up()
    monkeypatch.undo()
    assert server.up() == server.url()
    server.destroy()


def test_a_missing_wheel_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_MODULE", "no_such_module")
    with pytest.raises(ServerError, match="make setup"):
        postgres.EmbeddedPostgres(tmp_path).binary("psql")


def test_a_foreign_server_is_told(
    postgres_server: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> t.NoReturn:
        raise PermissionError

    data = postgres_server._data
    with monkeypatch.context() as patch:
        patch.setattr(type(postgres_server), "_data", data)
        patch.setattr(Path, "read_text", refuse)
        with pytest.raises(ServerError, match="belongs to another account"):
            postgres_server._pid_file()


def test_destroying_removes_everything(postgres_server: EmbeddedPostgres, tmp_path: Path) -> None:
    data = postgres_server._data
    assert chore(["destroy", str(tmp_path)]) == 0
    assert not data.exists()
    assert list(tmp_path.iterdir()) == []
    assert postgres_server.url() is None


def test_a_server_that_recovers_from_a_crash_of_its_own_is_waited_for(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.up()
    # The postmaster ends every session when one has crashed; it gives one that does not end five seconds.
    with psycopg.connect(url, autocommit=True) as slow, psycopg.connect(url, autocommit=True) as crashing:
        os.kill(slow.info.backend_pid, signal.SIGSTOP)
        os.kill(crashing.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            crashing.execute("SELECT 1")
        assert postgres_server.up() == url
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
