"""The tap: its settings and its streams."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qs, urlsplit

from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import Headers
from tap_kit.errors import Stop
from tap_kit.limits import Limit
from tap_kit.rest import RestTap
from tap_kit.settings import check_names, with_rest_settings
from typing_extensions import override

from tap_salesrabbit_dw.client import LARGEST_PAGE, MODIFIED, STATUS_MODIFIED
from tap_salesrabbit_dw.names import STREAMS as NAMES
from tap_salesrabbit_dw.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests
    from tap_kit.auth import Credentials
    from tap_kit.rest import RestStream

# Of all endpoints, the one that every client of the API knows.
PROBE: t.Final = "leads"

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "api_token",
        th.StringType,
        required=True,
        secret=True,
        title="API token",
        description="Token of the SalesRabbit API, sent as a bearer token.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        default="https://api.salesrabbit.com",
        title="Address of the API",
        description="Address that all paths begin with.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=50,
        title="Requests per minute",
        description="Sent evenly, not at once. SalesRabbit documents no limit; the old system noted about 50, and one "
        "in a second.",
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
        "lookback_hours",
        th.IntegerType(minimum=1),
        default=24,
        title="Hours read again",
        description="How many hours of changes of leads and users before the bookmark each run reads again.",
    ),
    th.Property(
        "status_lookback_days",
        th.IntegerType(minimum=1),
        default=7,
        title="Days of statuses read again",
        description="How many days of status histories and activities before the bookmark each run reads again: "
        "devices that were offline report late.",
    ),
    th.Property(
        "status_since_header",
        th.StringType,
        allowed_values=[STATUS_MODIFIED, MODIFIED],
        default=STATUS_MODIFIED,
        title="Header of the status lists",
        description="Header that asks for the status histories and activities since a moment; public clients differ.",
    ),
    th.Property(
        "users_modified_since",
        th.BooleanType,
        default=False,
        title="Let SalesRabbit filter users",
        description="Whether a delta of users sends If-Modified-Since, which nothing confirms. Off, all users are "
        "read and compared here.",
    ),
    th.Property(
        "user_role",
        th.StringType,
        default="",
        title="Role of users",
        description="Read only users of this role, for example Rep, and leave their bookmark as it is.",
    ),
    th.Property(
        "sorted_leads",
        th.BooleanType,
        default=True,
        title="Sort leads",
        description="Whether leads are asked for in the order of their creation, so that none is missed when others "
        "change while the pages are read.",
    ),
    th.Property(
        "raw_records",
        th.BooleanType,
        default=True,
        title="Whole records",
        description="Whether leads and users have a column data, with the whole record as SalesRabbit sends it.",
    ),
    th.Property(
        "paths",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Paths",
        description='Other paths of streams, by their names, for example {"lead_statuses": "/statuses"}.',
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: after users, lead_statuses and leads send the keys of all records, so that rows that are "
        "gone are marked. It reads these lists twice; meant for a weekly run.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        title="Page size",
        description="Records asked for at a time, 2000 at most, of activities 500; without it 1000 leads or users, "
        "2000 histories, 100 activities.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=1,
        title="Concurrency",
        description="Pages read at once. As SalesRabbit does not say how many there are, up to concurrency - 1 "
        "requests go out for pages behind the end of each list.",
    ),
)


class TapSalesRabbit(RestTap):
    """Reads SalesRabbit: users, leads, their statuses and the histories of these, in full or by what changed."""

    name = "tap-salesrabbit-dw"
    package_name = "tap-salesrabbit-dw"
    crm_source = "salesrabbit"
    largest_page = LARGEST_PAGE
    stream_order = NAMES
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(OWN_SETTINGS)

    @override
    def check_settings(self) -> None:
        super().check_settings()
        paths = self.config["paths"]
        check_names("paths", paths, "streams", NAMES)
        wrong = sorted(name for name, path in paths.items() if not path.startswith("/"))
        if wrong:
            raise Stop(f"In the setting paths, the path of {', '.join(wrong)} must begin with a slash.")

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["base_url"])

    @override
    def make_credentials(self) -> Credentials:
        return Headers({"Authorization": f"Bearer {self.config['api_token']}"})

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        return {"default": Limit(self.config["requests_per_minute"], 60)}

    @override
    def make_probe(self) -> HTTPRequest:
        path = self.rest_stream(PROBE).path or ""
        return HTTPRequest(url=self.url_base.rstrip("/") + path, params={"perPage": 1})

    def is_probe(self, response: requests.Response) -> bool:
        """Tell whether a response is that to the probe: no stream asks for a size of pages, but for no page."""
        return set(parse_qs(urlsplit(response.url).query)) == {"perPage"}
