"""A private MariaDB: the source of the demo and of the tests.

It is a real server on purpose. Whatever only resembles MySQL knows neither zero dates nor its isolation and errors.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pymysql

from crm_cli.servers import debian, process
from crm_cli.servers.errors import ServerError
from crm_cli.servers.home import ServerHome, free_port

if t.TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

HOST = "127.0.0.1"
USER = "crm"
TOOLS_VARIABLE = "CRM_TOOLS_DIR"
_PACKAGE = "mariadb-server-core"
_SERVERS = ("mariadbd", "mysqld")
_UNPACKED_SERVER = "usr/sbin/mariadbd"
_START_ATTEMPTS = 10
_START_SECONDS = 60.0
_BIND_FAILURES = ("Bind on TCP/IP port", "Can't start server: can't create TCP/IP socket")
_INSTALL_HINT = (
    "install a MariaDB server (Debian, Ubuntu: `apt-get install mariadb-server-core`; macOS: `brew install mariadb`)"
)


@dataclass(frozen=True)
class Database:
    """One database of a server, and how to reach it."""

    host: str
    port: int
    user: str
    password: str
    database: str

    def connect(self, **options: t.Any) -> Connection[Cursor]:  # noqa: ANN401 - passed on to PyMySQL
        """Open a connection; ``options`` are PyMySQL's."""
        connection: Connection[Cursor] = pymysql.connect(
            **{
                "host": self.host,
                "port": self.port,
                "user": self.user,
                "password": self.password,
                "database": self.database,
                "charset": "utf8mb4",
                **options,
            },
        )
        return connection


@dataclass(frozen=True)
class _Programs:
    """The server program and what it needs around it."""

    server: Path
    share: Path | None  # messages, character sets, system tables; None: MySQL, which has them compiled in
    plugins: Path | None
    environment: dict[str, str]


class PrivateMariaDB:
    """A MariaDB server on a free port of 127.0.0.1 whose files lie in one folder.

    Its only account is ``user`` with ``password``; that one may do everything. The server keeps running when
    the process that started it ends.
    """

    host = HOST
    user = USER

    def __init__(self, root: Path, *, tools: Path | None = None) -> None:
        """Describe a server; nothing is started.

        Args:
            root: The server's folder.
            tools: Where to unpack MariaDB if the machine has none; default: ``CRM_TOOLS_DIR``, else ``.tools`` of the
                checkout, else the user's cache folder.
        """
        self._home = ServerHome(root)
        self._tools = tools or default_tools()

    @property
    def port(self) -> int:
        """TCP port; known once the server has been started."""
        return int(self._settings()["port"])

    @property
    def password(self) -> str:
        """Password of ``user``; known once the server has been started."""
        return str(self._settings()["password"])

    @property
    def error_log(self) -> Path:
        """The server's log."""
        return self._home.path / "server.log"

    def database(self, name: str = "") -> Database:
        """Return how to reach a database, which need not exist; no name connects without one."""
        return Database(host=HOST, port=self.port, user=USER, password=self.password, database=name)

    def connect(self, **options: t.Any) -> Connection[Cursor]:  # noqa: ANN401 - passed on to PyMySQL
        """Open a connection without a database; ``options`` are PyMySQL's."""
        return self.database().connect(**options)

    def is_up(self) -> bool:
        """Tell whether the server runs and answers."""
        return self._pid() is not None and self._answers()

    def up(self) -> None:
        """Start the server if it does not run; finds or unpacks the program first.

        Raises:
            ServerError: There is no server program and none can be fetched, or it does not start.
        """
        with self._home.lock():
            pid = self._pid()
            if pid is not None and self._wait_for(pid):
                return
            self._home.create()
            programs = self._find_programs()
            if not self._data.exists():
                self._initialize(programs)
            self._start(programs)

    def down(self) -> None:
        """Stop the server in order; nothing happens if it does not run."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash would; the next `up` recovers."""
        self._signal(signal.SIGKILL)

    def destroy(self) -> None:
        """Stop the server and delete all of its data."""
        self.kill()
        self._home.destroy()

    @property
    def _data(self) -> Path:
        return self._home.path / "data"

    def _settings(self) -> dict[str, t.Any]:
        settings = self._home.read_settings()
        if not settings:
            raise ServerError(f"There is no MariaDB in {self._home.root} yet: start it first.")
        return settings

    def _pid(self) -> int | None:
        """Return the process number of the running server."""
        try:
            pid = int((self._data / "server.pid").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        except PermissionError as error:
            raise ServerError(f"{self._data} belongs to another account: use a folder of your own.") from error
        return pid if process.is_running(pid, str(self._data)) else None

    def _socket(self) -> Path:
        return self._home.socket_dir("server.sock") / "server.sock"

    def _answers(self) -> bool:
        # Through the socket in our own folder: whatever else may listen on the port never sees this.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(self._socket()))
                connection = self.connect(defer_connect=True, read_timeout=5)
                connection.connect(probe)
                connection.close()
            except (OSError, pymysql.err.OperationalError):
                return False
        return True

    def _wait_for(self, pid: int) -> bool:
        """Wait until the server answers or is gone; True if it answers."""
        process.wait_until(
            lambda: not process.is_running(pid, str(self._data)) or self._answers(),
            seconds=_START_SECONDS,
        )
        return process.is_running(pid, str(self._data)) and self._answers()

    def _find_programs(self) -> _Programs:
        """Find or fetch the server program, where the server's account can run it."""
        server = fetch(self._tools)
        tree = self._tools / "mariadb"
        if not server.is_relative_to(tree):
            return _describe(server)
        below = server.relative_to(tree)
        tree = self._home.programs(tree.parent, [tree.name], str(server.stat().st_mtime_ns)) / tree.name
        return _describe(tree / below, {"LD_LIBRARY_PATH": debian.library_path(tree)})

    def _initialize(self, programs: _Programs) -> None:
        """Make the system tables and our account beside their place and move them there."""
        password = secrets.token_hex(16)
        building = self._home.private_dir("building")
        grant = "".join(
            f"CREATE USER '{USER}'@'{host}' IDENTIFIED BY '{password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'{host}' WITH GRANT OPTION;\n"
            for host in (HOST, "localhost")  # TCP and the socket
        )
        if programs.share is None:
            begin = building / "begin.sql"
            begin.touch(mode=0o600)
            begin.write_text(f"{grant}DROP USER 'root'@'localhost';\n", encoding="ascii")
            self._home.give(begin)
            options: list[str | Path] = ["--initialize-insecure", f"--init-file={begin}"]
            feed = None
        else:
            options = ["--bootstrap", "--log-warnings=0"]
            feed = _system_tables(programs.share) + (
                f"FLUSH PRIVILEGES;\n{grant}"
                f"DELETE FROM mysql.global_priv WHERE User NOT IN ('{USER}', 'mariadb.sys');\n"
            )
        target = building / "data"
        target.mkdir(mode=0o700)
        self._home.give(target)
        made = process.run(
            [*self._command(programs, target), *options],
            account=self._home.account,
            folder=building,
            feed=feed,
            environment=programs.environment,
        )
        if made.returncode != 0 or "ERROR" in made.stderr:
            raise ServerError(f"MariaDB could not make its system tables in {target}: {_last_error(made.stderr)}")
        self._home.write_settings({"port": free_port(), "password": password})
        target.rename(self._data)
        shutil.rmtree(building)

    def _start(self, programs: _Programs) -> None:
        """Start on the port of last time; on another one if that is taken."""
        log = self._home.log_file()
        settings = self._settings()
        said = ""
        for _ in range(_START_ATTEMPTS):
            begin = log.stat().st_size
            pid = process.start(
                [
                    *self._command(programs, self._data),
                    f"--port={settings['port']}",
                    f"--socket={self._socket()}",
                    f"--pid-file={self._data / 'server.pid'}",
                ],
                account=self._home.account,
                folder=self._home.path,
                log=log,
                environment=programs.environment,
            )
            if self._wait_for(pid):
                return
            said = process.tail(log, begin)
            if not any(failure in said for failure in _BIND_FAILURES):
                break
            settings["port"] = free_port()
            self._home.write_settings(settings)
        raise ServerError(f"MariaDB did not start: {_last_error(said)} The whole log is in {log}.")

    def _command(self, programs: _Programs, data: Path) -> list[str | Path]:
        """Return the server's command line, the part that is the same for making and for starting it."""
        command: list[str | Path] = [
            programs.server,
            "--no-defaults",
            f"--datadir={data}",
            # MariaDB deletes every temporary table in its tmpdir as it starts, other servers' too: never share /tmp.
            f"--tmpdir={self._home.private_dir('tmp')}",
            "--skip-networking=0",
            f"--bind-address={HOST}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            "--default-time-zone=+00:00",
            "--max-allowed-packet=64M",
            "--innodb-buffer-pool-size=128M",
            "--innodb-flush-log-at-trx-commit=2",  # a source of made-up data: seeding is fast, a kill loses nothing
            "--secure-file-priv=",
            "--local-infile=0",
            "--performance-schema=0",
        ]
        if programs.share is not None:
            command.append(f"--lc-messages-dir={programs.share}")
            command.append(f"--character-sets-dir={programs.share / 'charsets'}")
        if programs.plugins is not None:
            command.append(f"--plugin-dir={programs.plugins}")
        return command

    def _signal(self, number: signal.Signals) -> None:
        with self._home.lock():
            pid = self._pid()
            if pid is None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if not process.wait_until(lambda: not process.is_running(pid, str(self._data)), seconds=_START_SECONDS):
                raise ServerError(f"MariaDB (process {pid}) does not stop; its log is {self.error_log}.")


def fetch(tools: Path | None = None) -> Path:
    """Return the server program: of this machine, else unpacked from Debian's packages, else (root only) installed.

    Args:
        tools: Where to unpack; default: `default_tools`.

    Raises:
        ServerError: None of that is possible; says what to install.
    """
    found = _on_path()
    if found is not None:
        return found
    tools = tools or default_tools()
    try:
        return debian.unpack(_PACKAGE, tools / "mariadb", program=_UNPACKED_SERVER) / _UNPACKED_SERVER
    except ServerError as error:
        installed = _install() if os.geteuid() == 0 else None
        if installed is None:
            raise ServerError(f"There is no MariaDB and it cannot be fetched: {_INSTALL_HINT}. {error}") from error
        return installed


def default_tools() -> Path:
    """Return the folder for unpacked programs."""
    named = os.environ.get(TOOLS_VARIABLE)
    if named:
        return Path(named).absolute()
    checkout = Path(__file__).resolve().parents[4]
    if (checkout / "requirements.lock").exists():
        return checkout / ".tools"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crm-cli"


def _on_path() -> Path | None:
    """Find the server program on PATH or where Debian puts it, which is not on every user's PATH."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    for name in _SERVERS:
        found = shutil.which(name, path=search)
        if found is not None:
            return Path(found).resolve()
    return None


def _describe(server: Path, environment: dict[str, str] | None = None) -> _Programs:
    """Find what lies around a server program: its prefix is two folders up."""
    prefix = server.parents[1]
    shares = [prefix / "share" / name for name in ("mysql", "mariadb")]
    share = next((folder for folder in shares if _system_table_files(folder)), None)
    plugins = prefix / "lib" / "mysql" / "plugin"
    return _Programs(
        server=server,
        share=share,
        plugins=plugins if plugins.exists() else None,
        environment=environment or {},
    )


def _system_table_files(share: Path) -> list[Path]:
    """Return the files that make the system tables, in order; none for MySQL. MariaDB 11 renamed them."""
    parts = ("system_tables", "performance_tables", "system_tables_data")
    for vendor in ("mysql", "mariadb"):
        files = [share / f"{vendor}_{part}.sql" for part in parts]
        if all(file.exists() for file in files):
            return [*files, share / "maria_add_gis_sp_bootstrap.sql"]
    return []


def _system_tables(share: Path) -> str:
    """Return what mariadb-install-db feeds to a server in bootstrap mode, without its help texts."""
    lines = [
        "create database if not exists mysql;",
        "use mysql;",
        "SET @auth_root_socket=NULL;",
    ]
    for file in _system_table_files(share):
        text = file.read_text(encoding="utf-8")
        lines.extend(line for line in text.splitlines() if "@current_hostname" not in line)
    return "\n".join(lines) + "\n"


def _install() -> Path | None:
    """Install the server program with apt, as the last resort that only root has."""
    with contextlib.suppress(ServerError):
        process.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", _PACKAGE],
            account=None,
            folder=Path("/"),
            environment={"DEBIAN_FRONTEND": "noninteractive", "PATH": os.environ.get("PATH", os.defpath)},
        )
    return _on_path()


def _last_error(text: str) -> str:
    """Return the last error of a log, as a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line and "Aborting" not in line] or lines or ["no message"]
    return errors[-1].rstrip(".") + "."
