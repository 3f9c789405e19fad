"""The tap: its settings and its streams."""

from __future__ import annotations

import typing as t
from functools import cached_property

from singer_sdk import typing as th
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import Headers
from tap_kit.limits import Limit
from tap_kit.rest import RestStream, RestTap
from tap_kit.settings import with_rest_settings
from tap_kit.zones import zone_of_setting
from typing_extensions import override

from tap_callrail_dw.client import LARGEST_PAGE
from tap_callrail_dw.names import STREAM_NAMES
from tap_callrail_dw.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from tap_kit.auth import Credentials

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Key of a CallRail user. It sees what that user sees: take one of an administrator.",
    ),
    th.Property(
        "account_id",
        th.StringType,
        title="Account",
        description="Id of the one account to read (ACC...); without it every account that the key can see. It "
        "belongs to the connection: after a change read everything anew.",
    ),
    th.Property(
        "company_id",
        th.StringType,
        title="Company",
        description="Read only the calls, forms, texts, trackers and tags of this company (COM...), and leave the "
        "bookmarks as they are.",
    ),
    th.Property(
        "lookback_days",
        th.IntegerType(minimum=0),
        default=30,
        title="Days read again",
        description="How many days of calls and forms before the bookmark each run reads again: edits come late, and "
        "nothing tells of them.",
    ),
    th.Property(
        "text_lookback_days",
        th.IntegerType(minimum=0),
        default=7,
        title="Days of texts read again",
        description="The same for conversations and text messages.",
    ),
    th.Property(
        "text_threads",
        th.StringType,
        allowed_values=["recent", "full"],
        default="recent",
        title="Text messages",
        description="recent: the latest messages of a conversation, as its list gives them. full: all messages, "
        "for one request per conversation.",
    ),
    th.Property(
        "window_days",
        th.IntegerType(minimum=1),
        default=35,
        title="Length of a window",
        description="Calls, forms and texts are read in windows of so many days; a run that breaks off goes on at "
        "the last window.",
    ),
    th.Property(
        "retention_days",
        th.IntegerType(minimum=2),
        default=756,
        title="Retention",
        description="How far back dates may reach: CallRail keeps 25 months and refuses a range that begins earlier.",
    ),
    th.Property(
        "relative_pagination",
        th.BooleanType,
        default=True,
        title="Relative paging",
        description="Page through calls by the address that each answer gives, instead of by number.",
    ),
    th.Property(
        "exclude_fields",
        th.ArrayType(th.StringType),
        default=[],
        title="Fields not asked for",
        description="Extra fields of calls, forms, companies and texts that are not asked for, for example "
        "transcription; their columns stay null.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "sweep"],
        default="off",
        title="Deletions",
        description="sweep: mark rows that are gone. Accounts, companies, users, trackers and tags are listed once "
        "more for it; of calls, forms and conversations those are marked that vanished from the dates of this run.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        default="UTC",
        title="Time zone",
        description="IANA name of the zone of date-times that come without an offset.",
    ),
    th.Property(
        "hourly_requests",
        th.IntegerType(minimum=1),
        default=1000,
        title="Requests per hour",
        description="How many requests the account may make in an hour; lower it if others use the same account.",
    ),
    th.Property(
        "daily_requests",
        th.IntegerType(minimum=1),
        default=10_000,
        title="Requests per day",
        description="How many requests one run makes at most: the account may make so many in a day.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.callrail.com/v3",
        title="Address",
        description="Address of the API, with its version.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1),
        default=LARGEST_PAGE,
        title="Page size",
        description="Records asked for at a time; CallRail gives 250 at most.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=4,
        title="Concurrency",
        description="Windows or pages read at once.",
    ),
)


class TapCallRail(RestTap):
    """Reads CallRail: accounts, companies, users, trackers, tags, calls, forms and text messages."""

    name = "tap-callrail-dw"
    package_name = "tap-callrail-dw"
    crm_source = "callrail"
    largest_page = LARGEST_PAGE
    stream_order = STREAM_NAMES
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = STREAMS
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(OWN_SETTINGS)

    @override
    def check_settings(self) -> None:
        super().check_settings()
        _ = self.zone

    @cached_property
    def zone(self) -> tzinfo:
        """The zone of date-times without an offset.

        Raises:
            Stop: If there is no such zone.
        """
        return zone_of_setting(self.config["timezone"])

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @override
    def make_credentials(self) -> Credentials:
        # Not Bearer, and the quotes belong to it.
        return Headers({"Authorization": f'Token token="{self.config["api_key"]}"'})

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        # No limit on bursts is published, so the requests of an hour may be sent as fast as they are answered.
        allowed = self.config["hourly_requests"]
        return {"default": Limit(allowed, 3600, burst=True, daily=self.config["daily_requests"])}

    @override
    def make_probe(self) -> HTTPRequest:
        return HTTPRequest(url=f"{self.url_base.rstrip('/')}/a.json", params={"per_page": 1})
