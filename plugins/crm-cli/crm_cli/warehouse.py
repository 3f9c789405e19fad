"""Which Postgres is the warehouse, and connections to it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import click
import psycopg
from sync_history import schema

from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.servers.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from crm_cli.project import Project

DEMO_DATABASE = "crm_demo"


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The address of a warehouse. ``chosen`` says that WAREHOUSE_URL names it, else it is the embedded Postgres."""

    url: str
    chosen: bool = False

    @property
    def shown(self) -> str:
        """The address without its password."""
        return masked(self.url)

    def database(self, name: str) -> Warehouse:
        """The same server, another database."""
        return Warehouse(_join(urlsplit(self.url)._replace(path=f"/{quote(name)}")), self.chosen)


def find_warehouse(project: Project, *, demo: bool = False, start: bool = False) -> Warehouse:
    """Return the warehouse: WAREHOUSE_URL (environment or ``.env``), else the embedded Postgres.

    Args:
        project: the project whose ``.env`` and embedded Postgres count.
        demo: the demo's database, which is always in the embedded Postgres.
        start: start the embedded Postgres if it is the warehouse and does not run.

    Raises:
        CrmError: if the embedded Postgres is the warehouse, does not run and shall not be started.
        CrmUsageError: if WAREHOUSE_URL is no Postgres URL.
    """
    chosen = project.environment.get("WAREHOUSE_URL", "").strip()
    if chosen and not demo:
        return Warehouse(plain_url(chosen), chosen=True)
    server = embedded_postgres(project)
    url = server.up() if start else server.url()
    if url is None:
        raise CrmError(
            "The embedded Postgres is not running: start it with `crm db up`"
            + (" or `crm demo`." if demo else ", or set WAREHOUSE_URL to your own Postgres.")
        )
    embedded = Warehouse(url)
    return embedded.database(DEMO_DATABASE) if demo else embedded


@contextmanager
def connect(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """Open an autocommit connection; say in one sentence why it cannot be had, or was lost.

    Raises:
        CrmError: if the server refuses, cannot be reached, goes away, or forbids a statement.
    """
    try:
        with psycopg.connect(warehouse.url, autocommit=True, connect_timeout=10) as conn:
            yield conn
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise CrmError(f"The warehouse {warehouse.shown} cannot be used: {reason}") from error
    except schema.SchemaTooNewError as error:
        raise CrmError(str(error)) from error


@contextmanager
def connect_to_history(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """As ``connect``, but only to a warehouse that has a history.

    Raises:
        CrmError: also if nothing has ever been synced there.
    """
    with connect(warehouse) as conn:
        if not schema.is_migrated(conn):
            raise CrmError(
                f"The warehouse {warehouse.shown} has no history yet: run `crm sync SOURCE` first"
                " (`crm demo` shows how it looks)."
            )
        yield conn


def embedded_postgres(project: Project) -> EmbeddedPostgres:
    """Return the project's own Postgres, running or not."""
    return EmbeddedPostgres(project.state_folder / "postgres")


def readable_warehouse(project: Project, *, demo: bool = False) -> Warehouse:
    """Return the warehouse for a command that only looks.

    In a project that has never synced that is the demo's, if there is one; standard error says so.

    Raises:
        CrmError: if it cannot be reached.
    """
    warehouse = find_warehouse(project, demo=demo)
    if demo or warehouse.chosen or has_history(warehouse) or not database_exists(warehouse, DEMO_DATABASE):
        return warehouse
    click.echo(f"This project has not synced yet: this is the demo's warehouse ({DEMO_DATABASE}).", err=True)
    return warehouse.database(DEMO_DATABASE)


def database_exists(warehouse: Warehouse, name: str) -> bool:
    """Tell whether the server of this warehouse has a database of that name."""
    with connect(warehouse) as conn:
        return conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None


def has_history(warehouse: Warehouse) -> bool:
    """Tell whether anything was ever synced into this warehouse."""
    with connect(warehouse) as conn:
        return schema.is_migrated(conn)


def plain_url(url: str) -> str:
    """Return a Postgres URL as libpq takes it: without SQLAlchemy's driver, and with every ``$`` percent-encoded.

    Meltano would take a ``$`` in a value for a variable.

    Raises:
        CrmUsageError: if it is no Postgres URL. The value is not shown: it may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+", 1)[0] not in {"postgresql", "postgres"}:
        raise CrmUsageError("WAREHOUSE_URL is no Postgres URL: it must look like postgresql://user:password@host/db.")
    return "postgresql://" + rest.replace("$", "%24")


def masked(url: str) -> str:
    """Return a URL without its password, wherever it stands in it."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if "@" in netloc:
        account, host = netloc.rsplit("@", 1)
        netloc = f"{account.split(':', 1)[0]}:***@{host}" if ":" in account else netloc
    query = [(name, "***" if "password" in name else value) for name, value in parse_qsl(parts.query)]
    return _join(parts._replace(netloc=netloc, query=urlencode(query, safe="/*")))


def password_of(url: str) -> str | None:
    """Return the password in a URL, decoded, or None."""
    parts = urlsplit(url)
    named = dict(parse_qsl(parts.query)).get("password")
    return unquote(parts.password) if parts.password else named


def without_password(url: str) -> str:
    """Return a URL that may stand in a process list: without its password, which goes into PGPASSWORD."""
    parts = urlsplit(url)
    account, separator, host = parts.netloc.rpartition("@")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "password"]
    return _join(parts._replace(netloc=account.split(":", 1)[0] + separator + host, query=urlencode(query, safe="/")))


def meltano_database_uri(warehouse: Warehouse) -> str:
    """Return the SQLAlchemy URL of Meltano's own tables: the schema ``meltano`` of the warehouse."""
    parts = urlsplit(warehouse.url)
    query = urlencode([*parse_qsl(parts.query), ("options", "-csearch_path=meltano")], safe="/", quote_via=quote)
    return _join(parts._replace(scheme="postgresql+psycopg", query=query))


def _join(parts: SplitResult) -> str:
    """Put a URL together again; of ``postgresql:///db`` ``urlunsplit`` makes ``postgresql:/db``, which is none."""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"
