"""The tap: its settings and its streams."""

from __future__ import annotations

import typing as t
from functools import cached_property

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from tap_kit.errors import Stop
from tap_kit.settings import FILES, with_file_settings, with_universal_settings
from tap_kit.tap import Tap
from tap_kit.zones import zone_of_setting
from typing_extensions import override

from tap_genius.batches import FORMAT, BatchFolder, root_of
from tap_genius.client import Access, Client
from tap_genius.columns import check_names, columns_of
from tap_genius.names import STREAMS
from tap_genius.streams import TableStream
from tap_genius.tables import TABLES

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from tap_kit.stream import KitStream

OWN_SETTINGS = th.PropertiesList(
    th.Property("host", th.StringType, required=True, title="Host", description="Host name of the MySQL server."),
    th.Property("port", th.IntegerType(minimum=1, maximum=65535), default=3306, title="Port", description="Its port."),
    th.Property("database", th.StringType, required=True, title="Database", description="Name of the database."),
    th.Property("user", th.StringType, required=True, title="User", description="A user with SELECT on the database."),
    th.Property(
        "password", th.StringType, required=True, secret=True, title="Password", description="Password of the user."
    ),
    th.Property(
        "fallback_hosts",
        th.ArrayType(th.StringType),
        default=[],
        title="Fallback hosts",
        description="Hosts, or host:port, that are tried in this order when the first one does not answer.",
    ),
    th.Property(
        "ssl_ca",
        th.StringType,
        title="TLS authority",
        description="File with the certificate of the authority that signed the server's. Any ssl_ setting makes "
        "TLS compulsory; without one it is used where the server offers it, unverified.",
    ),
    th.Property("ssl_cert", th.StringType, title="TLS certificate", description="File with our own certificate."),
    th.Property("ssl_key", th.StringType, title="TLS key", description="File with the key of our own certificate."),
    th.Property(
        "ssl_verify",
        th.BooleanType,
        title="Verify the server",
        description="Whether the server's certificate and name are verified.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        default="UTC",
        title="Time zone",
        description="IANA name of the zone in which Genius writes its DATETIME values, which carry none.",
    ),
    th.Property(
        "reread_seconds",
        th.IntegerType(minimum=0),
        default=60,
        title="Re-read window",
        description="How far before its bookmark a delta starts: a transaction may commit after a row with a later "
        "time was read.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after each stream send the keys of all its rows, so that rows that are gone are marked. "
        "It reads every key of every table; meant for a weekly run.",
    ),
    th.Property(
        "include_secrets",
        th.ArrayType(th.StringType),
        default=[],
        title="Secret columns to read",
        description="Columns that are never read otherwise, as stream.column, for example users.ssn.",
    ),
    th.Property(
        "include_columns",
        th.ArrayType(th.StringType),
        default=[],
        title="Left-out columns to read",
        description="Columns that are left out otherwise, as stream.column, for example users.lead_types.",
    ),
    th.Property(
        "connect_timeout_seconds",
        th.IntegerType(minimum=1),
        default=10,
        title="Connect time-out",
        description="How long a connection may take, in seconds.",
    ),
    th.Property(
        "read_timeout_seconds",
        th.IntegerType(minimum=1),
        default=600,
        title="Read time-out",
        description="How long the server may be silent, in seconds. A delta of a big table may search for a while.",
    ),
    th.Property(
        "retry_wait_seconds",
        th.IntegerType(minimum=0),
        default=3,
        title="Pause between attempts",
        description="Pause between the two attempts to connect to one host, in seconds.",
    ),
    th.Property(
        "batch_config",
        th.ObjectType(
            th.Property(
                "encoding",
                th.ObjectType(
                    th.Property(
                        "format", th.StringType, required=True, allowed_values=[FORMAT], description="The format."
                    )
                ),
                description="How the rows are written.",
            ),
            th.Property(
                "storage",
                th.ObjectType(
                    th.Property(
                        "root",
                        th.StringType,
                        description="Folder of this machine for the files, as a path or a file:// address.",
                    )
                ),
                description="Where the files lie until they are loaded.",
            ),
            th.Property("batch_size", th.IntegerType(minimum=1), description="Most rows of a file."),
        ),
        title="Batches",
        description='Send rows as files of COPY text, several times as fast as records: {"encoding": {"format": '
        '"copy-text"}}. Only target-postgres-dw loads them, on the same machine. Without an '
        "encoding, as in {}, rows are sent as records.",
    ),
)


class TapGenius(Tap):
    """Reads the MySQL database of Genius CRM: 30 tables, in full or by what changed; and exports of four of them."""

    name = "tap-genius"
    package_name = "tap-genius"
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [*Tap.capabilities, PluginCapabilities.BATCH]
    crm_source = "genius"
    # Without the exports: a file that is no longer named is no stream that was lost.
    stream_order = tuple(table.name for table in TABLES)
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_universal_settings(with_file_settings(OWN_SETTINGS))

    @override
    def check_settings(self) -> None:
        super().check_settings()
        # Files are read over HTTP too, whose libraries take as long to import as a small sync.
        if any(self.config.get(name) != FILES.wrapped[name].default for name in FILES.wrapped):
            from tap_kit.csv import check_file_settings  # noqa: PLC0415

            from tap_genius.exports import EXPORTS  # noqa: PLC0415

            check_file_settings(self.config, EXPORTS)
        check_names(TABLES, "include_secrets", self.config["include_secrets"], "secret")
        check_names(TABLES, "include_columns", self.config["include_columns"], "optional")
        _ = self.zone

    @cached_property
    def zone(self) -> tzinfo:
        """The zone of naive date-times.

        Raises:
            Stop: If there is no such zone.
        """
        return zone_of_setting(self.config["timezone"])

    @cached_property
    def client(self) -> Client:
        """The connection to Genius."""
        config = self.config
        return Client(
            Access(
                host=config["host"],
                port=config["port"],
                database=config["database"],
                user=config["user"],
                password=config["password"],
                fallback_hosts=tuple(config["fallback_hosts"]),
                ssl_ca=config.get("ssl_ca"),
                ssl_cert=config.get("ssl_cert"),
                ssl_key=config.get("ssl_key"),
                ssl_verify=config.get("ssl_verify"),
                connect_timeout_seconds=config["connect_timeout_seconds"],
                read_timeout_seconds=config["read_timeout_seconds"],
                retry_wait_seconds=config["retry_wait_seconds"],
                timezone=self.zone,
                user_agent=config.get("user_agent") or self.name,
            )
        )

    @cached_property
    def batch_folder(self) -> BatchFolder | None:
        """Where batches are written; None if rows are sent as records."""
        batch_config = self.config.get("batch_config") or {}
        return BatchFolder(root_of(batch_config)) if batch_config.get("encoding") else None

    @override
    def close(self) -> None:
        self.client.close()
        if self.batch_folder is not None:
            self.batch_folder.close()

    @override
    def discover_streams(self) -> Sequence[KitStream]:
        lookups = {name for table in TABLES if table.join for name in table.join.tables}
        live = self.client.live_columns(sorted({table.table for table in TABLES} | lookups))
        streams: list[KitStream] = []
        for table in TABLES:
            if table.table not in live:
                self.logger.warning("%s", self.explain_missing(table.name))
                continue
            columns = columns_of(
                table,
                live,
                include_secrets=frozenset(self.config["include_secrets"]),
                include_columns=frozenset(self.config["include_columns"]),
            )
            streams.append(TableStream(self, table, columns, live[table.table]))
        if not streams:
            raise Stop(
                f"The database {self.config['database']} has none of the tables of Genius, or the user "
                f"{self.config['user']} may read none of them: correct the setting database or have SELECT granted."
            )
        if self.config["files"]:
            from tap_kit.csv import csv_streams  # noqa: PLC0415

            from tap_genius.exports import EXPORTS  # noqa: PLC0415

            streams += csv_streams(self, EXPORTS)
        return streams

    @override
    def explain_missing(self, name: str) -> str:
        for table in TABLES:
            if table.name == name:
                return (
                    f"The stream {name} is left out: the database {self.config['database']} has no table "
                    f"{table.table}, or the user {self.config['user']} may not read it."
                )
        if name not in STREAMS:
            return super().explain_missing(name)
        from tap_kit.csv import explain_unset  # noqa: PLC0415

        return explain_unset(name)
