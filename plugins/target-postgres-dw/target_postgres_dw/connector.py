"""The connection and the type mapping: target-postgres', with four differences that our rows need."""

from __future__ import annotations

import os
import socket
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import psycopg
import sqlalchemy
from sqlalchemy.dialects import postgresql
from target_postgres.connector import PostgresConnector
from target_postgres.sinks import PostgresSink

from target_postgres_dw.errors import WarehouseError
from target_postgres_dw.settings import DEFAULT_LOCK_TIMEOUT_SECONDS, DEFAULT_STATEMENT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.rows import TupleRow
    from singer_sdk.sql.connector import JSONSchemaToSQL

_BIGINT_MAX = 2**63 - 1
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def _is_type(schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema stands for more than null."""
    return schema.get("type") not in ("null", ["null"])


class WarehouseConnector(PostgresConnector):  # type: ignore[misc]  # target-postgres ships no types
    """Connects as target-postgres does (URL, SSL, SSH tunnel), always through psycopg 3.

    Types: date-times are ``timestamptz``, objects and arrays ``jsonb``, integers past 64 bits ``numeric``.
    """

    def get_sqlalchemy_url(self, config: Mapping[str, Any]) -> str:
        """Return the SQLAlchemy URL, with psycopg 3 whatever driver it names."""
        url = str(super().get_sqlalchemy_url(config)) if config.get("sqlalchemy_url") else None
        if url is None:
            return cast("str", super().get_sqlalchemy_url(config))
        scheme, separator, rest = url.partition("://")
        plain = separator and scheme.partition("+")[0] in {"postgres", "postgresql"}
        return f"postgresql+psycopg://{rest}" if plain else url

    @cached_property
    def jsonschema_to_sql(self) -> JSONSchemaToSQL:
        """Return the type mapping."""
        mapping: JSONSchemaToSQL = super().jsonschema_to_sql
        mapping.register_format_handler("date-time", lambda _: sqlalchemy.TIMESTAMP(timezone=True))
        mapping.register_type_handler("array", lambda _: postgresql.JSONB())
        mapping.register_type_handler("integer", self._integer_type)
        return mapping

    def _integer_type(self, schema: dict[str, Any]) -> sqlalchemy.types.TypeEngine[Any]:
        if schema.get("maximum", 0) > _BIGINT_MAX or schema.get("minimum", 0) < -_BIGINT_MAX - 1:
            return sqlalchemy.NUMERIC()
        return cast("sqlalchemy.types.TypeEngine[Any]", self._handle_integer_type(schema))

    def column_type(self, schema: dict[str, Any]) -> str:
        """Return the Postgres type of a property, in lower case as ``format_type`` writes it.

        Alternatives (``anyOf``) that want different types make a column that holds them all: jsonb if an object or an
        array is among them, else text. The type of the first one would refuse the others.
        """
        options = [] if "type" in schema else [option for option in schema.get("anyOf") or () if _is_type(option)]
        types = {self.column_type(option) for option in options}
        if len(types) > 1:
            return "jsonb" if "jsonb" in types else "text"
        compiled = str(self.to_sql_type(schema).compile(dialect=_DIALECT)).lower()
        return {
            "timestamp with time zone": "timestamp with time zone",
            "time": "time without time zone",
            "float": "double precision",
            "decimal": "numeric",
        }.get(compiled, compiled.replace("varchar", "character varying"))

    def open(self, application_name: str) -> psycopg.Connection[TupleRow]:
        """Open a connection of a run, in autocommit mode, with a UTC session.

        Raises:
            WarehouseError: if Postgres cannot be reached or refuses the login.
        """
        try:
            raw = self._engine.raw_connection()
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error, ValueError) as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise WarehouseError(
                f"Postgres cannot be reached: {reason}. Check sqlalchemy_url (TARGET_POSTGRES_DW_SQLALCHEMY_URL, "
                "usually from WAREHOUSE_URL), or start the embedded one with `crm db up`."
            ) from error
        connection = cast("psycopg.Connection[TupleRow]", raw.driver_connection)
        raw.detach()  # the pool must not reset the session: the locks of the run live in it
        connection.rollback()
        connection.autocommit = True
        for name, value in {
            "application_name": application_name[:63],
            "client_encoding": "UTF8",  # whatever the database's encoding: what we COPY is UTF-8
            "timezone": "UTC",
            "datestyle": "ISO, YMD",
            # A killed loader's backend ends within seconds even in the middle of a statement: the next run
            # need not wait for its locks.
            "client_connection_check_interval": "2s",
            # So does that of a loader whose machine or network is gone, within half a minute.
            "tcp_keepalives_idle": "15",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "30s",
            # Nothing waits for ever, and a batch that cannot be merged in time is not committed at all.
            "lock_timeout": f"{self.config.get('lock_timeout_seconds', DEFAULT_LOCK_TIMEOUT_SECONDS)}s",
            "statement_timeout": f"{self.config.get('statement_timeout_seconds', DEFAULT_STATEMENT_TIMEOUT_SECONDS)}s",
        }.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        _notice_a_dead_server(connection)
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            raise WarehouseError(
                f"The warehouse's database has the encoding {encoding}, which cannot hold every text of a CRM. Create "
                "one with ENCODING 'UTF8'."
            )
        return connection


def _notice_a_dead_server(connection: psycopg.Connection[TupleRow]) -> None:
    """Let a run end half a minute after the server's machine or the network has gone without a word.

    The operating system waits two hours otherwise. Settings of the URL stand; a Unix socket needs none.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        if own.family == socket.AF_UNIX or "keepalives_idle" in connection.info.get_parameters():
            return
        options = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
        for name, value in options.items():
            if (option := getattr(socket, name, None)) is not None:  # not every system has all of them
                own.setsockopt(socket.IPPROTO_TCP, option, value)


class WarehouseSink(PostgresSink):  # type: ignore[misc]  # target-postgres ships no types
    """Names the connector to the SDK; rows never pass through a sink (see target.py)."""

    connector_class = WarehouseConnector
