"""The tap: its settings and its streams."""

from __future__ import annotations

import re
import typing as t
from functools import cached_property

from singer_sdk import typing as th
from tap_kit.aws import Access
from tap_kit.csv import check_file_settings, csv_streams, explain_unset
from tap_kit.errors import Stop
from tap_kit.files import FileStore
from tap_kit.settings import check_names, with_file_settings, with_rest_settings
from tap_kit.tap import Tap
from typing_extensions import override

from tap_salespro_dw.client import Athena, Place
from tap_salespro_dw.names import STREAMS as NAMES
from tap_salespro_dw.streams import EXPORTS, TABLES

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_kit.report import StreamReport
    from tap_kit.stream import KitStream

PARTITION: t.Final = re.compile(r"\w+:(?:%[YmdH]|[-_/])+")
SERVICES: t.Final = ("athena", "s3", "sts")

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "database",
        th.StringType,
        title="Database",
        description="Database of the tables in Athena. Without it the streams that read tables do not exist.",
    ),
    th.Property(
        "output_location",
        th.StringType,
        title="Result location",
        description="Where Athena puts its results, for example s3://bucket/athena-results/. It may be missing if the "
        "workgroup has one.",
    ),
    th.Property(
        "workgroup", th.StringType, default="primary", title="Workgroup", description="Workgroup of the queries."
    ),
    th.Property(
        "catalog",
        th.StringType,
        default="AwsDataCatalog",
        title="Data catalog",
        description="Data catalog of the database; the usual one is Glue.",
    ),
    th.Property("region", th.StringType, default="us-east-1", title="Region", description="AWS region of the tables."),
    th.Property(
        "access_key_id",
        th.StringType,
        secret=True,
        title="Access key",
        description="Access key of an AWS user. Without one the credentials of the machine are taken.",
    ),
    th.Property(
        "secret_access_key",
        th.StringType,
        secret=True,
        title="Secret access key",
        description="The secret of the access key.",
    ),
    th.Property(
        "session_token",
        th.StringType,
        secret=True,
        title="Session token",
        description="The third part of a temporary access key.",
    ),
    th.Property(
        "profile", th.StringType, title="Profile", description="Profile of the machine's AWS configuration to take."
    ),
    th.Property(
        "role_arn",
        th.StringType,
        title="Role",
        description="Role to take on with these credentials. Its keys are renewed by themselves.",
    ),
    th.Property(
        "external_id", th.StringType, title="External id", description="What the owner of the role asks for, if so."
    ),
    th.Property(
        "endpoints",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Addresses of AWS",
        description="Other addresses of the services athena, s3 and sts, for example of an endpoint within a VPC.",
    ),
    th.Property(
        "read_results_from",
        th.StringType,
        allowed_values=["s3", "api"],
        default="s3",
        title="Read results from",
        description="s3: the file that a query leaves, streamed. api: Athena's own pages of 1,000 rows, slower, for "
        "credentials that may not read the result location.",
    ),
    th.Property(
        "query_timeout_seconds",
        th.IntegerType(minimum=1),
        default=1800,
        title="Query time-out",
        description="How long a query may take, in seconds; then it is stopped.",
    ),
    th.Property(
        "poll_seconds",
        th.IntegerType(minimum=1),
        default=2,
        title="Longest pause between two looks",
        description="How long the tap waits at most before it looks at a query again, in seconds. It begins with less.",
    ),
    th.Property(
        "reread_hours",
        th.IntegerType(minimum=0),
        default=48,
        title="Re-read window",
        description="How far before its bookmark a delta starts, in hours: rows are delivered to S3 later than they "
        "change.",
    ),
    th.Property(
        "partitions",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Partitions",
        description="Partition columns that hold the day of the change, by stream, with their format, for example "
        '{"estimates": "dt:%Y-%m-%d"}. A delta then scans only the partitions it needs.',
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after each stream send the keys of all its rows, so that rows that are gone are marked. "
        "It scans the key columns of every table, and reads every file; meant for a weekly run.",
    ),
)


class TapSalesPro(Tap):
    """Reads SalesPro: four tables through AWS Athena, what is in their forms, and three CSV exports."""

    name = "tap-salespro-dw"
    package_name = "tap-salespro-dw"
    crm_source = "salespro"
    # Without the exports: a file that is no longer named is no stream that was lost.
    stream_order = tuple(stream.name for stream in TABLES)
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(with_file_settings(OWN_SETTINGS))

    @override
    def check_settings(self) -> None:
        super().check_settings()
        check_file_settings(self.config, EXPORTS)
        config = self.config
        if not config.get("database") and not config["files"]:
            raise Stop("Nothing can be read: set database, for the tables in Athena, or files, for the CSV exports.")
        location = config.get("output_location")
        if location and not location.startswith("s3://"):
            raise Stop(f"The setting output_location is {location!r}; it must begin with s3://.")
        if bool(config.get("access_key_id")) is not bool(config.get("secret_access_key")):
            raise Stop("Of the settings access_key_id and secret_access_key only one is set: they belong together.")
        check_names("endpoints", config["endpoints"], "services", SERVICES)
        dated = [stream.name for stream in TABLES if stream.replication_key]
        check_names("partitions", config["partitions"], "streams with a time of change", dated)
        for stream, partition in config["partitions"].items():
            if not PARTITION.fullmatch(partition):
                raise Stop(
                    f"The setting partitions has {partition!r} for {stream}; it must be a column and a format of "
                    "%Y, %m, %d and %H, like dt:%Y-%m-%d."
                )

    @cached_property
    def access(self) -> Access:
        """How AWS is reached."""
        config = self.config
        return Access(
            region=config["region"],
            access_key_id=config.get("access_key_id"),
            secret_access_key=config.get("secret_access_key"),
            session_token=config.get("session_token"),
            profile=config.get("profile"),
            role_arn=config.get("role_arn"),
            external_id=config.get("external_id"),
            endpoints=config["endpoints"],
            connect_timeout_seconds=config["connect_timeout_seconds"],
            read_timeout_seconds=config["read_timeout_seconds"],
            user_agent=config.get("user_agent"),
        )

    @cached_property
    def athena(self) -> Athena:
        """What runs the queries."""
        config = self.config
        location = config.get("output_location")
        place = Place(
            catalog=config["catalog"],
            database=config["database"],
            workgroup=config["workgroup"],
            output_location=location.rstrip("/") + "/" if location else None,
            timeout_seconds=config["query_timeout_seconds"],
            poll_seconds=config["poll_seconds"],
        )
        return Athena(self.access, place, retry_seconds=config["retry_seconds"])

    def make_store(self, report: StreamReport) -> FileStore:
        """Return where files come from, with the credentials of the tables."""
        return FileStore(
            report,
            access=self.access,
            http_headers=self.config.get("file_http_headers") or {},
            connect_timeout_seconds=self.config["connect_timeout_seconds"],
            read_timeout_seconds=self.config["read_timeout_seconds"],
            retry_seconds=self.config["retry_seconds"],
            user_agent=self.config.get("user_agent") or self.name,
        )

    @override
    def discover_streams(self) -> Sequence[KitStream]:
        tables: list[KitStream] = [stream(self) for stream in TABLES] if self.config.get("database") else []
        return [*tables, *csv_streams(self, EXPORTS)]

    @override
    def explain_missing(self, name: str) -> str:
        if name in {stream.name for stream in EXPORTS}:
            return explain_unset(name)
        if name in NAMES:
            return f"The stream {name} is left out: the setting database does not say where its table is."
        return super().explain_missing(name)
