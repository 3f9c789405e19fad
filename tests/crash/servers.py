"""The two databases of a chaos session: ours to crash, and what an undisturbed run makes of the source."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from crm_cli.servers.mariadb import Database, PrivateMariaDB
from crm_cli.servers.postgres import EmbeddedPostgres
from crm_simulator import genius
from psycopg import sql

from crash.pipeline import Pipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from crash.processes import Starter

STREAMS = ("prospects", "leads", "appointment_services")
SMALL_DISK_MEGABYTES = 64


def with_database(url: str, name: str) -> str:
    """Return the address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def with_port(url: str, port: int) -> str:
    """Return the address with another port of 127.0.0.1."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))


class Servers:
    """A Postgres and a MariaDB of our own. The source has ``rows`` prospects and some rows in two other tables.

    ``reference`` is the address of a warehouse that one undisturbed run has loaded; ``starter`` starts its programs.
    """

    def __init__(self, folder: Path, rows: int, starter: Starter) -> None:
        self.folder = folder
        self.rows = rows
        self._starter = starter
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.mariadb = PrivateMariaDB(folder / "mariadb")
        self._ended = ExitStack()

    def __enter__(self) -> Self:
        """Start both, fill the source, load the reference."""
        self._ended.callback(self.postgres.destroy)
        self._ended.callback(self.mariadb.destroy)
        try:
            self.postgres.up()
            self.mariadb.up()
            self.source = self.new_source("still", self.rows, seeded=True)
            self._create_database("reference")
            place = self.folder / "reference"
            place.mkdir()
            Pipe(place, self.source, self.reference, STREAMS, starter=self._starter).finish()
        except BaseException:
            self._ended.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and delete both."""
        self._ended.close()

    @property
    def reference(self) -> str:
        """Address of the warehouse that an undisturbed run has loaded."""
        return with_database(self.postgres.up(), "reference")

    def new_source(self, name: str, rows: int, *, seeded: bool = False) -> Database:
        """Make a Genius with so many prospects; ``seeded`` adds the rows of the simulator to all of its tables."""
        with contextlib.closing(self.mariadb.connect(autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}`")
        source = self.mariadb.database(name)
        with contextlib.closing(source.connect()) as connection:
            genius.create_schema(connection)
            if seeded:
                genius.seed(connection, scale=0.05)
                with connection.cursor() as cursor:
                    cursor.execute("DELETE FROM prospect")
            genius.generate_prospects(connection, rows)
        return source

    @contextlib.contextmanager
    def new_warehouse(self, tablespace: str | None = None) -> Iterator[str]:
        """Make an empty database, drop it in the end; yield its name."""
        name = f"crash_{uuid.uuid4().hex[:12]}"
        self._create_database(name, tablespace)
        try:
            yield name
        finally:
            with psycopg.connect(self.postgres.up(), autocommit=True) as conn:
                conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create_database(self, name: str, tablespace: str | None = None) -> None:
        place = sql.SQL("TABLESPACE {}").format(sql.Identifier(tablespace)) if tablespace else sql.SQL("")
        with psycopg.connect(self.postgres.up(), autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), place))

    @contextlib.contextmanager
    def small_disk(self) -> Iterator[Path]:
        """Mount a small file system and make a tablespace ``small`` on it; only root may (see ``may_mount``)."""
        home = self.postgres._home
        place = home.private_dir("small")
        size = f"size={SMALL_DISK_MEGABYTES}m,mode=0777"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True, capture_output=True)
        try:
            data = place / "data"
            data.mkdir(mode=0o700)
            home.give(data)
            with psycopg.connect(self.postgres.up(), autocommit=True) as conn:
                conn.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(data))))
            yield place
            with psycopg.connect(self.postgres.up(), autocommit=True) as conn:
                conn.execute("DROP TABLESPACE small")
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


def may_mount(folder: Path) -> bool:
    """Tell whether this process may mount a file system."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    place = folder / "mount-probe"
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode == 0:
        subprocess.run(["umount", place], check=True)
    return mounted.returncode == 0
