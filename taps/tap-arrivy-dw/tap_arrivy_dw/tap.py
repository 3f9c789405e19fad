"""The tap: its settings and its streams."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import Headers
from tap_kit.csv import check_file_settings, csv_streams, explain_unset
from tap_kit.limits import Limit
from tap_kit.rest import RestTap
from tap_kit.settings import check_names, with_file_settings, with_rest_settings
from typing_extensions import override

from tap_arrivy_dw.client import PROBE
from tap_arrivy_dw.names import STREAMS as NAMES
from tap_arrivy_dw.reports import CsvTasks
from tap_arrivy_dw.streams import STREAMS, TaskDetails

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_kit.auth import Credentials
    from tap_kit.rest import RestStream
    from tap_kit.stream import KitStream

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "auth_key", th.StringType, required=True, secret=True, title="Auth key", description="Sent as X-Auth-Key."
    ),
    th.Property(
        "auth_token", th.StringType, required=True, secret=True, title="Auth token", description="Sent as X-Auth-Token."
    ),
    th.Property(
        "base_url",
        th.StringType,
        default="https://app.arrivy.com/api",
        title="Address of the API",
        description="Documents of Arrivy also name https://www.arrivy.com/api.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=30,
        title="Requests per minute",
        description="Arrivy documents no limit. A public client uses 30; the old system noted about 120.",
    ),
    th.Property(
        "rate_limit_wait_seconds",
        th.IntegerType(minimum=0),
        default=60,
        title="Pause after a refusal",
        description="How long nothing is sent after a 429 that does not say how long, in seconds. 0: a short "
        "pause that grows.",
    ),
    th.Property(
        "task_status",
        th.ArrayType(th.StringType),
        default=[],
        title="Task status",
        description="Read only tasks with one of these statuses, and leave the bookmark as it is: codes like "
        "COMPLETE, or the words pending, in_progress, completed, cancelled.",
    ),
    th.Property(
        "booking_status",
        th.ArrayType(th.StringType),
        default=[],
        title="Booking status",
        description="Read only bookings with one of these statuses, in any case, and leave the bookmark as it is.",
    ),
    th.Property(
        "unscheduled_tasks",
        th.BooleanType,
        default=True,
        title="Unscheduled tasks",
        description="Whether tasks that are not scheduled are read, in a pass of their own.",
    ),
    th.Property(
        "undated_tasks",
        th.BooleanType,
        default=True,
        title="Tasks without a date",
        description="Whether tasks without any date are read, in a pass of their own.",
    ),
    th.Property(
        "task_delta",
        th.StringType,
        allowed_values=["window", "full"],
        default="window",
        title="Delta of tasks",
        description="window: a delta reads the schedule around the present, and misses changes of tasks outside of "
        "it until tasks are read in full. full: every run reads all tasks.",
    ),
    th.Property(
        "task_lookback_days",
        th.IntegerType(minimum=0),
        default=30,
        title="Days back",
        description="How far back in the schedule a delta of tasks begins.",
    ),
    th.Property(
        "task_lookahead_days",
        th.IntegerType(minimum=1),
        default=365,
        title="Days ahead",
        description="How far ahead in the schedule a delta of tasks ends.",
    ),
    th.Property(
        "task_details",
        th.BooleanType,
        default=False,
        title="Statuses and ratings of tasks",
        description="Whether the streams task_statuses and task_ratings exist. They cost a request each for every "
        "task that a run reads.",
    ),
    th.Property(
        "bookings_updated_after",
        th.BooleanType,
        default=False,
        title="Let Arrivy filter bookings",
        description="Whether a delta of bookings sends updated_after, which no document of Arrivy confirms. Off, "
        "all bookings are read and compared here.",
    ),
    th.Property(
        "paths",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Paths",
        description='Other paths of streams, by their names, for example {"resources": "/resources"}.',
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after each stream send the keys of all its records, so that rows that are gone are "
        "marked. It reads every list twice; meant for a weekly run.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=1,
        title="Concurrency",
        description="Pages read at once. As Arrivy does not say how many there are, up to concurrency - 1 requests "
        "go out for pages behind the end of each list.",
    ),
)


class TapArrivy(RestTap):
    """Reads the field-service scheduling of Arrivy: 11 streams, in full or by what changed; and its task report."""

    name = "tap-arrivy-dw"
    package_name = "tap-arrivy-dw"
    crm_source = "arrivy"
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(with_file_settings(OWN_SETTINGS))

    @override
    def check_settings(self) -> None:
        super().check_settings()
        check_file_settings(self.config, [CsvTasks])
        check_names("paths", self.config["paths"], "streams", [stream.name for stream in STREAMS])

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["base_url"])

    @override
    def make_credentials(self) -> Credentials:
        return Headers({"X-Auth-Key": self.config["auth_key"], "X-Auth-Token": self.config["auth_token"]})

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        return {"default": Limit(self.config["requests_per_minute"], 60, burst=True)}

    @override
    def make_probe(self) -> HTTPRequest:
        return HTTPRequest(url=self.url_base.rstrip("/") + PROBE)

    @override
    def discover_streams(self) -> Sequence[KitStream]:
        wanted = self.config["task_details"]
        streams = [stream(self) for stream in STREAMS if wanted or not issubclass(stream, TaskDetails)]
        return [*streams, *csv_streams(self, [CsvTasks])]

    @override
    def explain_missing(self, name: str) -> str:
        if name == CsvTasks.name:
            return explain_unset(name)
        if name in NAMES:
            return f"The stream {name} is left out: it needs the setting task_details."
        return super().explain_missing(name)
