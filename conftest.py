"""Fixtures for the tests of every package: real servers, shared by a test session, one fresh database per test.

The servers are started when the first test asks for them, are shared by all pytest-xdist workers, and
are stopped and deleted by the controlling process when the session ends.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import typing as t
import uuid
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from crm_cli.servers.mariadb import Database, PrivateMariaDB
from crm_cli.servers.postgres import EmbeddedPostgres
from crm_simulator import genius
from crm_simulator.server import Simulator
from psycopg import sql
from tap_kit import http

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from crm_simulator.application import Crm

# An existing Postgres to test against instead of the embedded one; the user must be allowed to create databases.
POSTGRES_VARIABLE = "TEST_DATABASE_URL"
SERVERS = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of the session's servers; workers get the controller's."""
    worker_input: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker_input is not None:
        config.stash[SERVERS] = Path(worker_input["servers"])
    else:
        config.stash[SERVERS] = Path(tempfile.mkdtemp(prefix="crm-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: t.Any) -> None:  # noqa: ANN401 - a class of pytest-xdist, which has no types
    """Tell a worker where the session's servers are."""
    node.workerinput["servers"] = str(node.config.stash[SERVERS])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's servers once every worker has ended."""
    if hasattr(config, "workerinput"):
        return
    folder = config.stash[SERVERS]
    if (folder / "postgres").exists():
        EmbeddedPostgres(folder / "postgres").destroy()
    if (folder / "mariadb").exists():
        PrivateMariaDB(folder / "mariadb").destroy()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgres_admin_url(pytestconfig: pytest.Config) -> str:
    given = os.environ.get(POSTGRES_VARIABLE)
    if given:
        return given
    url = EmbeddedPostgres(pytestconfig.stash[SERVERS] / "postgres").up()
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing here is to outlive the session; the tests that let a server crash have one of their own. A new
        # database, which most tests have, takes a quarter of the time so.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET wal_compression = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def _mariadb_server(pytestconfig: pytest.Config) -> PrivateMariaDB:
    server = PrivateMariaDB(pytestconfig.stash[SERVERS] / "mariadb")
    server.up()
    return server


@pytest.fixture
def postgres_url(_postgres_admin_url: str) -> t.Iterator[str]:
    """Address of a fresh, empty Postgres database that is dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(_postgres_admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(_postgres_admin_url)._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def postgres_server(tmp_path: Path) -> t.Iterator[EmbeddedPostgres]:
    """Start a Postgres of this test's own, to be stopped and crashed at will."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    try:
        server.up()
        yield server
    finally:
        server.destroy()


@pytest.fixture
def mariadb(_mariadb_server: PrivateMariaDB) -> t.Iterator[Database]:
    """Return a fresh, empty MariaDB database that is dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with _mariadb_server.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}`")
        yield _mariadb_server.database(name)
        cursor.execute(f"DROP DATABASE `{name}`")


@pytest.fixture
def genius_db(mariadb: Database) -> Database:
    """Return a Genius database with some four hundred made-up rows over all of its tables."""
    connection = mariadb.connect()
    try:
        genius.create_schema(connection)
        genius.seed(connection, scale=0.02)
    finally:
        connection.close()
    return mariadb


@pytest.fixture
def simulate() -> t.Iterator[Callable[..., str]]:
    """Return a function that plays a CRM on a free port until the test ends: ``simulate(crm)`` gives its address."""
    with ExitStack() as running:

        def start(crm: Crm) -> str:
            return f"{running.enter_context(Simulator(crm)).url}/{crm.name}"

        yield start


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause between two attempts take longer than a blink, unless the vendor names its length."""
    monkeypatch.setattr(http, "growing_pauses", lambda: itertools.repeat(0.001))
